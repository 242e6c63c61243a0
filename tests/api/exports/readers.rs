//! Readers of exported files that know the formats from docs/exports.md alone.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use calamine::{Data, Reader as _, Xlsx};
use mingzhang::kernel::money::Fen;
use quick_xml::events::Event;

/// An entry as a reader found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub month: u32,
    pub number: i64,
    pub summary: String,
    pub code: String,
    pub debit: i64,
    pub credit: i64,
    pub prepared_by: String,
    pub category: String,
    pub community: String,
}

fn month_of(date: &str) -> u32 {
    date.split('-').nth(1).unwrap().parse().unwrap()
}

fn fen(text: &str) -> i64 {
    text.parse::<Fen>().unwrap().0
}

/// A 用友 U8 text: eight fields a line, none quoted, the lines of a voucher together.
pub fn read_text(bytes: &[u8], encoding: &'static encoding_rs::Encoding) -> Vec<Read> {
    let (text, _, damaged) = encoding.decode(bytes);
    assert!(!damaged && !text.contains('"') && text.ends_with("\r\n"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).quoting(false).flexible(true).from_reader(text.as_bytes());
    let mut read: Vec<Read> = Vec::new();
    let (mut seen, mut last) = (std::collections::BTreeSet::new(), String::new());
    for record in reader.records() {
        let record = record.unwrap();
        assert_eq!(record.len(), 8, "{record:?}");
        let business = record[2].to_owned();
        assert!(business.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(business == last || seen.insert(business.clone()), "the lines of {business} stand apart");
        last.clone_from(&business);
        assert_eq!(&record[1], "记");
        record[3].parse::<u32>().unwrap();
        let number = business.chars().skip(6).collect::<String>().parse().unwrap();
        read.push(Read { month: month_of(&record[0]), number, summary: record[4].to_owned(), code: record[5].to_owned(), debit: fen(&record[6]), credit: fen(&record[7]), ..Read::default() });
    }
    read
}

/// A common XLSX.
pub fn read_workbook(bytes: &[u8]) -> Vec<Read> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let range = workbook.worksheet_range_at(0).unwrap().unwrap();
    let mut rows = range.rows();
    let titles: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(titles, ["日期", "凭证字", "凭证号", "摘要", "科目代码", "借方", "贷方", "制单人"]);
    let amount = |cell: &Data| match cell {
        Data::Empty => 0,
        Data::Float(yuan) => fen(&format!("{yuan:.2}")),
        other => panic!("{other:?} is no amount"),
    };
    let each = rows.map(|row| Read {
        month: month_of(&row[0].to_string()),
        number: row[2].to_string().parse().unwrap(),
        summary: row[3].to_string(),
        code: row[4].to_string(),
        debit: amount(&row[5]),
        credit: amount(&row[6]),
        prepared_by: row[7].to_string(),
        ..Read::default()
    });
    each.collect()
}

/// The rows of an XML file: elements by name.
pub type Row = BTreeMap<String, String>;

/// The rows below the root, each with its element's name; nothing deeper than fields.
fn rows(text: &str) -> Vec<(String, Row)> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut path, mut rows): (Vec<String>, Vec<(String, Row)>) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(start.name().0.to_owned());
                match path.len() {
                    1 => {}
                    2 => rows.push((path[1].clone(), Row::new())),
                    3 => assert!(rows.last_mut().unwrap().1.insert(path[2].clone(), String::new()).is_none(), "a field twice"),
                    _ => panic!("too deep: {path:?}"),
                }
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) if path.len() == 3 => rows.last_mut().unwrap().1.get_mut(&path[2]).unwrap().push_str(&text.xml10_content()),
            Event::GeneralRef(name) if path.len() == 3 => {
                let character = quick_xml::escape::resolve_predefined_entity(&name.xml10_content()).unwrap().to_owned();
                rows.last_mut().unwrap().1.get_mut(&path[2]).unwrap().push_str(&character);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(path.is_empty());
    rows
}

/// A package, read.
pub struct Package {
    pub books: Vec<Row>,
    pub periods: Vec<Row>,
    pub accounts: Vec<Row>,
    pub dimensions: Vec<Row>,
    pub balances: Vec<Row>,
    pub vouchers: Vec<Read>,
}

/// A package in the style of GB/T 24589.2.
pub fn read_package(bytes: &[u8]) -> Package {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files: BTreeMap<String, Vec<(String, Row)>> = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let (name, mut text) = (member.name().unwrap().into_owned(), String::new());
        member.read_to_string(&mut text).unwrap();
        files.insert(name, rows(&text));
    }
    let names: Vec<_> = files.keys().cloned().collect();
    assert_eq!(names, ["accounts.xml", "balances.xml", "books.xml", "dimensions.xml", "vouchers.xml"]);
    let of = |file: &str, element: &str| files[file].iter().filter(|(name, _)| name == element).map(|(_, row)| row.clone()).collect::<Vec<_>>();
    let vouchers = of("vouchers.xml", "记账凭证").into_iter().map(|row| Read {
        month: row["会计期间号"].parse().unwrap(),
        number: row["记账凭证编号"].parse().unwrap(),
        summary: row["记账凭证摘要"].clone(),
        code: row["科目编号"].clone(),
        debit: fen(&row["借方金额"]),
        credit: fen(&row["贷方金额"]),
        prepared_by: row["制单人"].clone(),
        category: row["辅助项1编号"].clone(),
        community: row["辅助项2编号"].clone(),
    });
    Package {
        vouchers: vouchers.collect(),
        books: of("books.xml", "电子账簿"),
        periods: of("books.xml", "会计期间"),
        accounts: of("accounts.xml", "会计科目"),
        dimensions: of("dimensions.xml", "辅助核算"),
        balances: of("balances.xml", "科目余额及发生额"),
    }
}
