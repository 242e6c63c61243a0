//! Reading an electronic invoice: the XML of a digital invoice 数电票, the `original_invoice.xml` of the older OFD, either of them inside an OFD, and an OFD that only
//! marks its texts (`CustomTag.xml`). Which forms are read stands in `docs/evidence.md`.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use zip::ZipArchive;

use super::model::{InvoiceFields, InvoiceKind, InvoiceLine};
use super::refusals::invoice_unreadable;
use super::xml::{self, Element};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::http::{Body, Content, UploadedFile};
use crate::platform::sheet;

/// XML of an invoice is some kilobytes.
const MOST_XML: u64 = 5 * 1024 * 1024;

/// What an invoice file says, as `POST /invoices` takes it.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ParsedInvoice {
    /// The fields; send them on with the id of the uploaded original.
    pub invoice: InvoiceFields,
    /// How it was read: `xml`, `ofd_xml` or `ofd_tags`.
    pub read_from: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

const NUMBER: [&str; 5] = ["InvoiceNumber", "EIid", "EInvoiceNumber", "InvoiceNo", "Fphm"];
const CODE: [&str; 2] = ["InvoiceCode", "Fpdm"];
const DATE: [&str; 4] = ["IssueTime", "IssueDate", "RequestTime", "Kprq"];
const SELLER: [&str; 3] = ["SellerName", "Xfmc", "NameOfSeller"];
const TOTAL: [&str; 4] = ["TotalTax-includedAmount", "TotalTaxIncludedAmount", "TaxInclusiveTotalAmount", "Jshj"];
/// The element of a line, the names of what was sold, of its amount without tax, of its tax, and of both together.
const LINES: [&str; 3] = ["IssuItemInformation", "IssueItemInformation", "GoodsInfo"];
const ITEM: [&str; 3] = ["ItemName", "Item", "GoodsName"];
const ITEM_NET: [&str; 1] = ["Amount"];
const ITEM_TAX: [&str; 2] = ["ComTaxAm", "TaxAmount"];
const ITEM_TOTAL: [&str; 3] = ["TotaltaxIncludedAmount", "TotalTax-includedAmount", "TotalTaxIncludedAmount"];

fn missing(what: &str) -> Problem {
    invoice_unreadable(&format!("文件中没有{what}，可能不是电子发票"), &format!("The file has no {what}: it may be no electronic invoice"))
}

fn amount(text: &str) -> Option<Fen> {
    let plain: String = text.chars().filter(|character| !character.is_whitespace() && !matches!(character, '¥' | '￥' | ',' | '，' | '圆' | '元')).collect();
    // Some issuers write more than two decimals; what is below a fen must be zero.
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let kept: String = part.chars().take(2).collect();
    if part.chars().skip(2).any(|digit| digit != '0') {
        return None;
    }
    sheet::amount(&format!("{whole}.{kept:0<2}"))
}

fn day(text: &str) -> Option<NaiveDate> {
    let first = text.split([' ', 'T']).next().unwrap_or_default();
    sheet::date(first).or_else(|| NaiveDate::parse_from_str(first, "%Y%m%d").ok())
}

fn line(element: &Element) -> Option<InvoiceLine> {
    let name: String = element.first(&ITEM)?.chars().take(200).collect();
    let of = |names: &[&str]| element.first(names).and_then(amount);
    let total = match of(&ITEM_TOTAL) {
        Some(total) => total,
        None => of(&ITEM_NET)?.checked_add(of(&ITEM_TAX).unwrap_or_default()).ok()?,
    };
    Some(InvoiceLine { name, amount: total })
}

/// The fields of an invoice's XML.
fn fields(root: &Element) -> Result<InvoiceFields, Problem> {
    let plain = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
    let number = root.first(&NUMBER).map(plain).ok_or_else(|| missing("发票号码 invoice number"))?;
    let code = root.first(&CODE).map(plain).filter(|code| !code.is_empty());
    let kind = match (&code, number.len()) {
        (None, 20) => InvoiceKind::Digital,
        (Some(code), 10) if code.len() == 8 => InvoiceKind::FiscalReceipt,
        _ => InvoiceKind::PaperVat,
    };
    let total = root.first(&TOTAL).and_then(amount).ok_or_else(|| missing("价税合计 total"))?;
    let lines: Vec<InvoiceLine> = root.all().filter(|element| LINES.contains(&element.name.as_str())).filter_map(line).collect();
    // Lines that do not add up (bundled, or rounded by the issuer) are left out rather than told wrongly.
    let adds_up = Fen::checked_sum(lines.iter().map(|line| line.amount)).ok() == Some(total);
    let found = InvoiceFields {
        kind,
        code,
        number,
        electronic: Some(true),
        seller_name: root.first(&SELLER).ok_or_else(|| missing("销售方名称 seller"))?.to_owned(),
        issued_on: root.first(&DATE).and_then(day).ok_or_else(|| missing("开票日期 date"))?,
        total,
        lines: if adds_up { lines } else { Vec::new() },
    };
    let mut faults = Faults::none();
    found.faults(&mut faults);
    faults.into_result().map_err(|problem| {
        let words = |english: bool| problem.errors.iter().map(|error| format!("{} {}", error.pointer, if english { &error.message.en } else { &error.message.zh })).collect::<Vec<_>>().join("; ");
        invoice_unreadable(&format!("文件内容不符合规则：{}", words(false)), &format!("What the file says breaks rules: {}", words(true)))
    })?;
    Ok(found)
}

/// A member of an archive, at most so large as XML of an invoice.
fn member(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| invoice_unreadable(&format!("OFD 无法打开：{error}"), &format!("The OFD cannot be opened: {error}"));
    let file = archive.by_name(name).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST_XML).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// An OFD: its embedded XML, else its marked texts. What it unpacks to is counted first.
fn ofd(bytes: &[u8]) -> Result<(InvoiceFields, &'static str), Problem> {
    sheet::measure_archive(bytes)?;
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| invoice_unreadable(&format!("OFD 无法打开：{error}"), &format!("The OFD cannot be opened: {error}")))?;
    let mut names: Vec<String> = archive.file_names().filter_map(Result::ok).map(|name| name.to_string()).filter(|name| name.to_ascii_lowercase().ends_with(".xml")).collect();
    names.sort();
    let (embedded, others): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.contains("Attachs/") || name.ends_with("original_invoice.xml"));
    for name in embedded {
        let root = xml::read(&member(&mut archive, &name)?)?;
        if root.first(&NUMBER).is_some() {
            return Ok((fields(&root)?, "ofd_xml"));
        }
    }
    let mut texts = BTreeMap::new();
    for name in others.iter().filter(|name| name.ends_with("Content.xml")) {
        collect_texts(&xml::read(&member(&mut archive, name)?)?, &mut texts);
    }
    let tags = others.iter().find(|name| name.ends_with("CustomTag.xml")).ok_or_else(|| missing("内嵌发票数据 embedded invoice"))?;
    let root = resolve(xml::read(&member(&mut archive, tags)?)?, &texts);
    Ok((fields(&root)?, "ofd_tags"))
}

/// The texts of a page by the id of their object.
fn collect_texts(page: &Element, texts: &mut BTreeMap<String, String>) {
    for object in page.all().filter(|element| element.name == "TextObject") {
        let text: String = object.all().filter(|element| element.name == "TextCode").map(|element| element.text.trim()).collect();
        if let Some(id) = &object.id {
            texts.insert(id.clone(), text);
        }
    }
}

/// The marks with the texts that they refer to in place of the references.
fn resolve(mut element: Element, texts: &BTreeMap<String, String>) -> Element {
    let (references, children): (Vec<Element>, Vec<Element>) = element.children.into_iter().partition(|child| child.name == "ObjectRef");
    for reference in references {
        element.text.push_str(texts.get(reference.text.trim()).map_or("", String::as_str));
    }
    element.children = children.into_iter().map(|child| resolve(child, texts)).collect();
    element
}

/// Reads an XML or OFD original.
///
/// # Errors
/// 422 `xml_unsafe`, `file_too_large_unpacked`, `invoice_unreadable`.
pub fn parse(file: &UploadedFile) -> Result<ParsedInvoice, Problem> {
    let (invoice, read_from) = if file.content == Content::Ofd {
        ofd(&file.bytes)?
    } else {
        if u64::try_from(file.bytes.len()).is_ok_and(|length| length > MOST_XML) {
            return Err(invoice_unreadable("XML 超过 5 MiB", "The XML is larger than 5 MiB"));
        }
        (fields(&xml::read(&file.bytes)?)?, "xml")
    };
    Ok(ParsedInvoice { invoice, read_from: read_from.to_owned(), sha256: file.sha256() })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    const DIGITAL: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EInvoice><Header><EIid>24422000000012345678</EIid><EInvoiceTag>SWEI3200</EInvoiceTag></Header><EInvoiceData>\
        <SellerInformation><SellerIdNum>91420104MA00000000</SellerIdNum><SellerName>示例文化传媒有限公司</SellerName></SellerInformation><BuyerInformation><BuyerName>示例街道办事处</BuyerName></BuyerInformation>\
        <BasicInformation><TotalAmWithoutTax>471.70</TotalAmWithoutTax><TotalTaxAm>28.30</TotalTaxAm><TotalTax-includedAmount>500.00</TotalTax-includedAmount><RequestTime>2024-01-12 10:11:12</RequestTime></BasicInformation>\
        <IssuItemInformation><ItemName>*现代服务*场地服务</ItemName><Amount>471.70</Amount><TaxRate>0.06</TaxRate><ComTaxAm>28.30</ComTaxAm></IssuItemInformation></EInvoiceData>\
        <TaxSupervisionInfo><InvoiceNumber>24422000000012345678</InvoiceNumber><IssueTime>2024-01-12 10:11:12</IssueTime></TaxSupervisionInfo></EInvoice>";

    const OLD: &str = "<fp:eInvoice xmlns:fp=\"http://www.edrm.org.cn/schema/e-invoice/2019\"><fp:InvoiceCode>042001700111</fp:InvoiceCode><fp:InvoiceNo>12345678</fp:InvoiceNo><fp:IssueDate>2021年01月12日</fp:IssueDate>\
        <fp:GoodsInfos><fp:GoodsInfo><fp:Item>*印刷品*宣传册</fp:Item><fp:Amount>100</fp:Amount><fp:TaxAmount>3.00</fp:TaxAmount></fp:GoodsInfo></fp:GoodsInfos>\
        <fp:TaxInclusiveTotalAmount>103.00</fp:TaxInclusiveTotalAmount><fp:Seller><fp:SellerName>示例印刷厂</fp:SellerName></fp:Seller></fp:eInvoice>";

    fn archive(members: &[(&str, &[u8])]) -> UploadedFile {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        UploadedFile { name: None, content: Content::Ofd, bytes: writer.finish().unwrap().into_inner() }
    }

    fn file(text: &str) -> UploadedFile {
        UploadedFile { name: None, content: Content::Xml, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn the_xml_of_a_digital_invoice_fills_the_fields() {
        let read = parse(&file(DIGITAL)).unwrap();
        assert_eq!((read.invoice.kind, read.invoice.number.as_str(), read.invoice.code.clone()), (InvoiceKind::Digital, "24422000000012345678", None));
        assert_eq!((read.invoice.seller_name.as_str(), read.invoice.issued_on.to_string(), read.invoice.total), ("示例文化传媒有限公司", "2024-01-12".to_owned(), Fen(50_000)));
        assert_eq!(read.invoice.lines, [InvoiceLine { name: "*现代服务*场地服务".to_owned(), amount: Fen(50_000) }]);
        assert_eq!(read.read_from, "xml");
    }

    #[test]
    fn an_ofd_is_read_by_its_embedded_xml_whatever_its_namespace() {
        let read = parse(&archive(&[("OFD.xml", b"<x/>"), ("Doc_0/Attachs/original_invoice.xml", OLD.as_bytes())])).unwrap();
        assert_eq!((read.invoice.kind, read.invoice.code.as_deref(), read.invoice.number.as_str()), (InvoiceKind::PaperVat, Some("042001700111"), "12345678"));
        assert_eq!((read.invoice.total, read.invoice.lines.len(), read.read_from.as_str()), (Fen(10_300), 1, "ofd_xml"));
        let read = parse(&archive(&[("OFD.xml", b"<x/>"), ("Doc_0/Attachs/24422000000012345678.xml", DIGITAL.as_bytes())])).unwrap();
        assert_eq!(read.invoice.kind, InvoiceKind::Digital);
    }

    #[test]
    fn an_ofd_without_embedded_xml_is_read_by_its_marks() {
        let tags = "<tag:eInvoice xmlns:tag='t' xmlns:ofd='o'><tag:InvoiceNo><ofd:ObjectRef PageRef='1'>11</ofd:ObjectRef></tag:InvoiceNo><tag:IssueDate><ofd:ObjectRef>12</ofd:ObjectRef></tag:IssueDate>\
            <tag:TaxInclusiveTotalAmount><ofd:ObjectRef>13</ofd:ObjectRef></tag:TaxInclusiveTotalAmount><tag:Seller><tag:SellerName><ofd:ObjectRef>14</ofd:ObjectRef></tag:SellerName></tag:Seller></tag:eInvoice>";
        let object = |id: u32, text: &str| format!("<ofd:TextObject ID='{id}'><ofd:TextCode>{text}</ofd:TextCode></ofd:TextObject>");
        let page = format!("<ofd:Page xmlns:ofd='o'>{}{}{}{}</ofd:Page>", object(11, "24422000000012345678"), object(12, "2024年01月12日"), object(13, "¥1,500.00"), object(14, "示例公司"));
        let read = parse(&archive(&[("OFD.xml", b"<x/>"), ("Doc_0/Tags/CustomTag.xml", tags.as_bytes()), ("Doc_0/Pages/Page_0/Content.xml", page.as_bytes())])).unwrap();
        assert_eq!((read.invoice.total, read.invoice.seller_name.as_str(), read.read_from.as_str()), (Fen(150_000), "示例公司", "ofd_tags"));
    }

    #[test]
    fn lines_that_do_not_add_up_are_left_out_and_what_is_no_invoice_is_refused() {
        assert!(parse(&file(&DIGITAL.replace("<ComTaxAm>28.30", "<ComTaxAm>28.31"))).unwrap().invoice.lines.is_empty());
        for broken in [DIGITAL.replace("24422000000012345678", "2442200000001234567"), DIGITAL.replace("2024-01-12", "2023-01-12"), DIGITAL.replace("500.00", "500.001"), "<x/>".to_owned()] {
            assert_eq!(parse(&file(&broken)).err().map(|problem| problem.code), Some("invoice_unreadable"), "{broken}");
        }
        assert_eq!(parse(&archive(&[("OFD.xml", b"<x/>")])).err().map(|problem| problem.code), Some("invoice_unreadable"));
    }

    #[test]
    fn an_ofd_that_unpacks_to_gigabytes_is_refused_before_it_is_read() {
        let zeros = vec![0_u8; 70 * 1024 * 1024];
        assert_eq!(parse(&archive(&[("OFD.xml", b"<x/>"), ("Doc_0/Attachs/a.xml", &zeros)])).err().map(|problem| problem.code), Some("file_too_large_unpacked"));
        let hostile = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x><InvoiceNumber>&e;</InvoiceNumber></x>";
        assert_eq!(parse(&archive(&[("OFD.xml", b"<x/>"), ("Doc_0/Attachs/a.xml", hostile.as_bytes())])).err().map(|problem| problem.code), Some("xml_unsafe"));
    }

    proptest! {
        #[test]
        fn whatever_comes_in_is_an_answer_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..1200) {
            let _ = parse(&UploadedFile { name: None, content: Content::Xml, bytes: bytes.clone() });
            let _ = parse(&UploadedFile { name: None, content: Content::Ofd, bytes });
            let _ = parse(&UploadedFile { name: None, content: Content::Xml, bytes: DIGITAL.bytes().take(cut).collect() });
        }
    }
}
