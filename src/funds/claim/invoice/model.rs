//! What an invoice must look like, by its kind (财会〔2020〕6号; 国家税务总局公告2024年第11号 on digital invoices), without the database.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

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

/// A code or number without spaces, its letters large.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_uppercase()
}

impl InvoiceFields {
    /// Whether the original is a file.
    #[must_use]
    pub fn is_electronic(&self) -> bool {
        self.electronic.unwrap_or(matches!(self.kind, InvoiceKind::Digital | InvoiceKind::FiscalReceipt))
    }

    /// Code and number as they are compared: without spaces, letters large.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.number = plain(&self.number);
        self.code = self.code.as_deref().map(plain).filter(|code| !code.is_empty());
        self
    }

    /// Everything that is wrong with the form of it.
    fn form(&self, faults: &mut Faults) {
        let said = self.clone().normal();
        let (code, number) = (said.code.as_deref().unwrap_or_default(), said.number.as_str());
        match said.kind {
            InvoiceKind::PaperVat => {
                if !digits(code, &[10, 12]) {
                    faults.add("/code", "invalid_value", "发票代码须为 10 位或 12 位数字", "the code has 10 or 12 digits");
                }
                if !digits(number, &[8]) {
                    faults.add("/number", "invalid_value", "发票号码须为 8 位数字", "the number has 8 digits");
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
                faults.text("/number", number, 40);
                if code.chars().count() > 40 {
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

/// The key that an invoice takes in its district. A pay list is the street's own paper: its number is unique in the street.
#[must_use]
pub fn key(row: &invoice::Model) -> String {
    let whose = if row.kind == InvoiceKind::PayList.code() { row.street_id } else { Uuid::nil() };
    format!("{}:{}:{}:{}", row.kind, row.code.as_deref().unwrap_or_default(), row.number, whose.simple())
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
    fn spaces_and_small_letters_make_no_other_invoice() {
        let mut fields = InvoiceFields {
            kind: InvoiceKind::Ticket,
            code: Some(" ".to_owned()),
            number: " e12 3 ".to_owned(),
            electronic: None,
            seller_name: "x".to_owned(),
            issued_on: NaiveDate::MIN,
            total: Fen(1),
            lines: Vec::new(),
        };
        fields = fields.normal();
        assert_eq!((fields.code, fields.number.as_str()), (None, "E123"));
    }

    #[test]
    fn a_photo_is_no_original() {
        assert!(is_original("application/ofd") && !is_original("image/jpeg") && !is_original("image/png"));
    }
}
