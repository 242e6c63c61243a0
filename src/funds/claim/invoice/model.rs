//! What an invoice must look like, by its kind (财会〔2020〕6号; 国家税务总局公告2024年第11号 on digital invoices), without the database.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::invoice;
use crate::kernel::money::Fen;
use crate::kernel::problem::Faults;
use crate::platform::http::Body;

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceKind {
    /// 增值税发票 with code and number: on paper, or electronic of the old kind.
    PaperVat,
    /// 数电票: a number of 20 digits, no code.
    Digital,
    /// 财政票据.
    FiscalReceipt,
    /// 车票、门票 …
    Ticket,
    /// 定额发票.
    Quota,
    /// 发放表, the street's own paper.
    PayList,
}

impl InvoiceKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::PaperVat, Self::Digital, Self::FiscalReceipt, Self::Ticket, Self::Quota, Self::PayList];

    /// The identifier in the API and the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PaperVat => "paper_vat",
            Self::Digital => "digital",
            Self::FiscalReceipt => "fiscal_receipt",
            Self::Ticket => "ticket",
            Self::Quota => "quota",
            Self::PayList => "pay_list",
        }
    }

    /// The kind with this identifier.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceLine {
    /// What was sold.
    pub name: String,
    /// For how much, tax included; negative for a discount.
    pub amount: Fen,
}

/// What an invoice says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"total": "480.00"}))]
pub struct InvoiceFields {
    /// Its kind.
    pub kind: InvoiceKind,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its number.
    pub number: String,
    /// Whether its original is a file; a digital invoice's always is, a fiscal receipt's unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electronic: Option<bool>,
    /// Who issued it.
    pub seller_name: String,
    /// When it was issued.
    pub issued_on: NaiveDate,
    /// Its total, tax included.
    pub total: Fen,
    /// Its lines, at most 500.
    #[serde(default)]
    pub lines: Vec<InvoiceLine>,
}

impl From<&invoice::Model> for InvoiceFields {
    fn from(row: &invoice::Model) -> Self {
        Self {
            kind: InvoiceKind::of_code(&row.kind).unwrap_or(InvoiceKind::Ticket),
            code: row.code.clone(),
            number: row.number.clone(),
            electronic: Some(row.electronic),
            seller_name: row.seller_name.clone(),
            issued_on: row.issued_on,
            total: row.total,
            lines: serde_json::from_value(row.lines.clone()).unwrap_or_default(),
        }
    }
}

fn digits(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A code or number as it is compared: letters and digits only, whatever their width and case, so that a space, a hyphen or a sign that nobody sees makes no other invoice.
#[must_use]
pub fn plain(text: &str) -> String {
    text.nfkc().filter(|character| character.is_alphanumeric()).collect::<String>().to_uppercase()
}

/// Whether a code is of an electronic VAT invoice of the older kind: 12 digits that begin with 0 and end with 11 (普通发票), 12 (通行费) or 13 (专用发票)
/// (国家税务总局公告2015年第84号, 2020年第22号; 交通运输部公告2017年第66号).
fn is_electronic_code(code: &str) -> bool {
    digits(code, &[12]) && code.starts_with('0') && ["11", "12", "13"].iter().any(|tail| code.ends_with(tail))
}

/// Whether code and number are those of a digital invoice, of an electronic VAT invoice or of a fiscal receipt, wherever the code ends and the number begins.
fn is_of_another_form(code: &str, number: &str) -> bool {
    let on_paper = digits(code, &[12]) && digits(number, &[8]) && !is_electronic_code(code);
    (digits(&format!("{code}{number}"), &[20]) && !on_paper) || (digits(code, &[8]) && digits(number, &[10]))
}

impl InvoiceFields {
    /// Whether the original is a file.
    #[must_use]
    pub fn is_electronic(&self) -> bool {
        let by_code = self.kind == InvoiceKind::PaperVat && self.code.as_deref().is_some_and(|code| is_electronic_code(&plain(code)));
        by_code || self.electronic.unwrap_or(matches!(self.kind, InvoiceKind::Digital | InvoiceKind::FiscalReceipt))
    }

    /// Code and number as they are kept and shown: as they were typed, without the spaces around them.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        self.number = self.number.trim().to_owned();
        self.code = self.code.as_deref().map(|code| code.trim().to_owned()).filter(|code| !code.is_empty());
        self
    }

    /// Everything that is wrong with the form of it.
    fn form(&self, faults: &mut Faults) {
        let said = self.clone().trimmed();
        let (code, number) = (plain(said.code.as_deref().unwrap_or_default()), plain(&said.number));
        let (code, number) = (code.as_str(), number.as_str());
        match said.kind {
            InvoiceKind::PaperVat => {
                if !digits(code, &[10, 12]) {
                    faults.add("/code", "invalid_value", "发票代码须为 10 位或 12 位数字", "the code has 10 or 12 digits");
                }
                if !digits(number, &[8]) {
                    faults.add("/number", "invalid_value", "发票号码须为 8 位数字", "the number has 8 digits");
                }
                if said.electronic == Some(false) && is_electronic_code(code) {
                    faults.add("/electronic", "invalid_value", "该代码是增值税电子发票的代码，原件是电子文件", "the code is one of an electronic VAT invoice: its original is a file");
                }
            }
            InvoiceKind::Digital => {
                if said.code.is_some() {
                    faults.add("/code", "invalid_value", "数电票没有发票代码", "a digital invoice has no code");
                }
                if !digits(number, &[20]) {
                    faults.add("/number", "invalid_value", "数电票号码须为 20 位数字", "the number has 20 digits");
                } else if !number.starts_with(&format!("{:02}", said.issued_on.year().rem_euclid(100))) {
                    faults.add("/number", "invalid_value", "数电票号码第 1、2 位须为开票年份", "digits 1 and 2 are the year it was issued");
                }
                if said.electronic == Some(false) {
                    faults.add("/electronic", "invalid_value", "数电票的原件是电子文件", "the original of a digital invoice is a file");
                }
            }
            InvoiceKind::FiscalReceipt => {
                if !digits(code, &[8]) {
                    faults.add("/code", "invalid_value", "财政票据代码须为 8 位数字", "the code has 8 digits");
                }
                if !digits(number, &[10]) {
                    faults.add("/number", "invalid_value", "财政票据号码须为 10 位数字", "the number has 10 digits");
                }
            }
            InvoiceKind::Ticket | InvoiceKind::Quota | InvoiceKind::PayList => {
                faults.text("/number", if number.is_empty() { "" } else { said.number.as_str() }, 40);
                if is_of_another_form(code, number) || (said.kind == InvoiceKind::PayList && digits(code, &[10, 12]) && digits(number, &[8])) {
                    faults.add(
                        "/number",
                        "invoice_of_another_kind",
                        "代码和号码是数电票、增值税发票或财政票据的，请按其种类登记",
                        "code and number are those of a digital or VAT invoice or of a fiscal receipt: register it as one",
                    );
                }
                if said.code.as_deref().unwrap_or_default().chars().count() > 40 {
                    faults.add("/code", "too_long", "最多 40 个字符", "at most 40 characters");
                }
            }
        }
        faults.text("/seller_name", &said.seller_name, 100);
        if !said.total.is_positive() || said.total > Fen::DOCUMENT_MAX {
            faults.add("/total", "out_of_range", "金额须大于 0.00 且不超过单据上限", "above 0.00, and not above what a document holds");
        }
        if said.lines.len() > 500 {
            faults.add("/lines", "invalid_value", "最多 500 行", "at most 500 lines");
        }
        for (index, line) in said.lines.iter().enumerate() {
            faults.text(&format!("/lines/{index}/name"), &line.name, 200);
        }
        if !said.lines.is_empty() && Fen::checked_sum(said.lines.iter().map(|line| line.amount)).ok() != Some(said.total) {
            faults.add("/lines", "lines_do_not_sum", "各行金额之和须等于价税合计", "the lines sum to the total");
        }
    }
}

impl Body for InvoiceFields {
    fn faults(&self, faults: &mut Faults) {
        self.form(faults);
    }
}

/// The keys that an invoice takes: its code and number, whatever its kind, in its street and in its district, so that no other kind makes another invoice of it.
/// A pay list is the street's own paper: its number is unique in the street only.
#[must_use]
pub fn keys(row: &invoice::Model) -> Vec<String> {
    let said = format!("{}{}", plain(row.code.as_deref().unwrap_or_default()), row.number_key);
    let in_street = format!("number:{said}:{}", row.street_id.simple());
    if row.kind == InvoiceKind::PayList.code() { vec![in_street] } else { vec![in_street, format!("number:{said}")] }
}

/// The key that an original file takes.
#[must_use]
pub fn file_key(sha256: &str) -> String {
    format!("file:{sha256}")
}

/// Whether a file can be the original of an electronic invoice; a photo or scan is a copy (财会〔2020〕6号 art. 2).
#[must_use]
pub fn is_original(media_type: &str) -> bool {
    ["application/xml", "application/ofd", "application/pdf"].contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: InvoiceKind, code: Option<&str>, number: &str) -> Vec<String> {
        let fields = InvoiceFields {
            kind,
            code: code.map(str::to_owned),
            number: number.to_owned(),
            electronic: None,
            seller_name: "示例文化馆".to_owned(),
            issued_on: NaiveDate::from_ymd_opt(2024, 1, 12).unwrap(),
            total: Fen(100),
            lines: Vec::new(),
        };
        let mut faults = Faults::none();
        fields.faults(&mut faults);
        faults.into_result().err().map_or_else(Vec::new, |problem| problem.errors.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn each_kind_has_its_own_code_and_number() {
        assert!(said(InvoiceKind::PaperVat, Some("4200171320"), "12345678").is_empty());
        assert!(said(InvoiceKind::PaperVat, Some("142001713200"), "12345678").is_empty(), "papers of 2017 may begin with 1");
        assert_eq!(said(InvoiceKind::PaperVat, Some("42001713201"), "1234567"), ["/code", "/number"]);
        assert!(said(InvoiceKind::Digital, None, "24422000000012345678").is_empty());
        assert_eq!(said(InvoiceKind::Digital, Some("4200171320"), "23422000000012345678"), ["/code", "/number"]);
        assert_eq!(said(InvoiceKind::Digital, None, "2442200000001234567X"), ["/number"]);
        assert!(said(InvoiceKind::FiscalReceipt, Some("42010117"), "0123456789").is_empty());
        assert_eq!(said(InvoiceKind::FiscalReceipt, None, "012345678"), ["/code", "/number"]);
        assert!(said(InvoiceKind::Ticket, None, "E123456789").is_empty());
        assert_eq!(said(InvoiceKind::Quota, None, " "), ["/number"]);
    }

    #[test]
    fn no_space_no_width_and_no_sign_that_nobody_sees_makes_another_invoice() {
        for typed in ["E9876543210", " e987 654 3210 ", "Ｅ９８７６５４３２１０", "E-9876543210", "E9876\u{200B}543210", "Ｅ－9876/543210"] {
            assert_eq!(plain(typed), "E9876543210", "{typed}");
        }
        assert_eq!(plain("发放表 2017-01"), "发放表201701");
    }

    #[test]
    fn what_has_the_form_of_another_kind_is_registered_as_that() {
        for kind in [InvoiceKind::Ticket, InvoiceKind::Quota, InvoiceKind::PayList] {
            for (code, number) in [
                (None, "18422000000012345678"),
                (Some("042001700111"), "12345678"),
                (None, "04200170011112345678"),
                (Some("42010117"), "0123456789"),
                (Some("18422000"), "000012345678"),
                (Some(" "), "1842200000001234-5678"),
            ] {
                assert_eq!(said(kind, code, number), ["/number"], "{kind:?} {code:?} {number}");
            }
            assert!(said(kind, None, "E123456789").is_empty());
        }
        // 定额发票 and taxi receipts have a code of 12 digits and a number of 8, as VAT invoices have.
        assert!(said(InvoiceKind::Quota, Some("142001713200"), "12345678").is_empty() && said(InvoiceKind::Ticket, Some("142001713200"), "12345678").is_empty());
        assert_eq!(said(InvoiceKind::PayList, Some("142001713200"), "12345678"), ["/number"]);
        assert_eq!(said(InvoiceKind::Ticket, None, "\u{200B}-"), ["/number"]);
    }

    #[test]
    fn the_code_of_an_electronic_vat_invoice_says_that_its_original_is_a_file() {
        let fields = |code: &str, electronic: Option<bool>| InvoiceFields {
            kind: InvoiceKind::PaperVat,
            code: Some(code.to_owned()),
            number: "12345678".to_owned(),
            electronic,
            seller_name: "x".to_owned(),
            issued_on: NaiveDate::MIN,
            total: Fen(1),
            lines: Vec::new(),
        };
        assert!(fields("042001700111", None).is_electronic() && fields("0420 0200 0113", None).is_electronic());
        assert!(!fields("142001713200", None).is_electronic() && !fields("042001700104", None).is_electronic() && fields("4200171320", Some(true)).is_electronic());
        let mut faults = Faults::none();
        fields("042001700111", Some(false)).faults(&mut faults);
        assert_eq!(faults.into_result().unwrap_err().errors[0].pointer, "/electronic");
    }

    #[test]
    fn a_photo_is_no_original() {
        assert!(is_original("application/ofd") && !is_original("image/jpeg") && !is_original("image/png"));
    }
}
