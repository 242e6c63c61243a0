//! A bank's layout as data, and what is written in it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::money::Fen;
use crate::kernel::problem::Faults;
use crate::platform::sheet::FileFormat;

/// What a bank takes between fields.
const DELIMITERS: [&str; 7] = [",", ";", "|", "\t", "^", "~", "#"];
/// Columns of a file.
const MOST_COLUMNS: usize = 30;
/// Characters of a title.
const TITLE_MOST: usize = 30;
/// Characters of a field.
const FIELD_MOST: u32 = 200;

/// How a CSV is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankFileEncoding)]
pub enum Encoding {
    /// UTF-8 without a mark.
    #[default]
    Utf8,
    /// UTF-8 with a byte order mark, as Excel likes it.
    Utf8Bom,
    /// GB 18030.
    Gb18030,
}

/// How a line of a CSV ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankFileLineEnding)]
pub enum LineEnding {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

/// What a column of a payment line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankFileSource)]
pub enum Source {
    /// The line's number in the batch, from 1.
    Serial,
    /// The account, as text.
    AccountNumber,
    /// The account holder's name.
    HolderName,
    /// Yuan with two decimals.
    Amount,
    /// The amount in whole fen.
    AmountFen,
    /// The bank's name.
    BankName,
    /// The bank's code.
    BankCode,
    /// What the payee reads on the statement.
    Summary,
    /// The item paid.
    ItemId,
    /// The ID number, masked.
    IdentityNumberMasked,
}

/// A column of a payment line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BankFileColumn)]
pub struct TemplateColumn {
    /// What it shows.
    pub source: Source,
    /// Its title; all columns have one, or none has.
    #[serde(default)]
    pub header: Option<String>,
    /// The most characters that the bank takes; a longer value is refused, never cut.
    #[serde(default)]
    pub max_length: Option<u32>,
}

/// Where the total stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankFileTotalPlace)]
pub enum TotalPlace {
    /// Before everything, the titles included.
    First,
    /// After the last payment line.
    Last,
}

/// What a column of the total line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BankFileTotalSource)]
pub enum TotalSource {
    /// How many payment lines.
    Count,
    /// Their sum, yuan with two decimals.
    Sum,
    /// The batch's number.
    BatchNumber,
    /// The batch's day, `2017-03-20`.
    Date,
}

/// The line with the totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BankFileTotal)]
pub struct TotalLine {
    /// Where it stands.
    pub place: TotalPlace,
    /// Its columns in order.
    pub columns: Vec<TotalSource>,
}

/// One bank's layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BankFileDefinition)]
pub struct Template {
    /// CSV or XLSX.
    pub format: FileFormat,
    /// The ending of the file's name, without the dot.
    pub extension: String,
    /// The encoding of a CSV.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands between the fields of a CSV: one of `, ; | ^ ~ #` and the tab.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// How the lines of a CSV end.
    #[serde(default)]
    pub line_ending: LineEnding,
    /// Whether the bank reads quoted fields (RFC 4180). Without it, a field that holds the delimiter or a quote is refused.
    #[serde(default)]
    pub quoting: bool,
    /// The columns in order.
    pub columns: Vec<TemplateColumn>,
    /// The total; none where the bank takes none.
    #[serde(default)]
    pub total: Option<TotalLine>,
}

fn comma() -> String {
    ",".to_owned()
}

/// What is paid to whom: one line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentLine {
    /// The item paid.
    pub item_id: Uuid,
    /// The line's number in the batch, from 1.
    pub serial: u32,
    /// The account, in clear.
    pub account_number: String,
    /// The account holder's name, in clear.
    pub holder_name: String,
    /// The bank's name.
    pub bank_name: String,
    /// The bank's code; a template that shows it refuses lines without.
    pub bank_code: Option<String>,
    /// The ID number, masked; a template that shows it refuses lines without.
    pub identity_number_masked: Option<String>,
    /// What is paid, above 0.00.
    pub amount: Fen,
    /// What the payee reads on the statement.
    pub summary: String,
}

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub number: String,
    /// Its day.
    pub date: NaiveDate,
    /// How many lines.
    pub count: u32,
    /// Their sum.
    pub sum: Fen,
}

impl Template {
    /// Adds every rule that the layout breaks, its pointers below `at`.
    pub fn faults(&self, at: &str, faults: &mut Faults) {
        self.form_faults(at, faults);
        self.column_faults(at, faults);
        self.title_faults(at, faults);
        if let Some(total) = &self.total {
            let distinct: BTreeSet<_> = total.columns.iter().collect();
            if total.columns.is_empty() || distinct.len() != total.columns.len() {
                faults.add(&format!("{at}/total/columns"), "invalid_value", "合计行须有列，且不得重复", "The total line has columns, none twice");
            }
        }
    }

    fn form_faults(&self, at: &str, faults: &mut Faults) {
        let plain = (1..=8).contains(&self.extension.len()) && self.extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !plain || (self.format == FileFormat::Xlsx && self.extension != "xlsx") {
            faults.add(&format!("{at}/extension"), "invalid_value", "须为 1 至 8 个小写字母或数字；XLSX 须为 xlsx", "1 to 8 lower-case letters or digits; xlsx for XLSX");
        }
        if !DELIMITERS.contains(&self.delimiter.as_str()) {
            faults.add(&format!("{at}/delimiter"), "invalid_value", "须为 , ; | ^ ~ # 或制表符之一", "One of , ; | ^ ~ # and the tab");
        }
        if self.format == FileFormat::Xlsx && self.encoding != Encoding::Utf8 {
            faults.add(&format!("{at}/encoding"), "invalid_value", "XLSX 没有编码，请勿填写", "XLSX has no encoding; leave it out");
        }
    }

    fn column_faults(&self, at: &str, faults: &mut Faults) {
        let pointer = format!("{at}/columns");
        if self.columns.is_empty() || self.columns.len() > MOST_COLUMNS {
            faults.add(&pointer, "invalid_value", format!("须有 1 至 {MOST_COLUMNS} 列"), format!("1 to {MOST_COLUMNS} columns"));
        }
        let mut seen = BTreeSet::new();
        for (index, column) in self.columns.iter().enumerate() {
            if !seen.insert(column.source) {
                faults.add(&format!("{pointer}/{index}/source"), "duplicate_column", "该列已出现", "This column stands there already");
            }
            if column.max_length.is_some_and(|most| !(1..=FIELD_MOST).contains(&most)) {
                faults.add(&format!("{pointer}/{index}/max_length"), "invalid_value", format!("须为 1 至 {FIELD_MOST}"), format!("1 to {FIELD_MOST}"));
            }
        }
        if !seen.contains(&Source::AccountNumber) {
            faults.add(&pointer, "missing_column", "缺少账号列（account_number）", "The column account_number is missing");
        }
        if !seen.contains(&Source::Amount) && !seen.contains(&Source::AmountFen) {
            faults.add(&pointer, "missing_column", "缺少金额列（amount 或 amount_fen）", "A column amount or amount_fen is missing");
        }
    }

    fn title_faults(&self, at: &str, faults: &mut Faults) {
        let titled = self.has_header();
        for (index, column) in self.columns.iter().enumerate() {
            let pointer = format!("{at}/columns/{index}/header");
            match &column.header {
                None if titled => faults.add(&pointer, "required", "各列都须有标题，或都没有", "All columns have a title, or none has"),
                None => {}
                Some(title) => {
                    faults.text(&pointer, title, TITLE_MOST);
                    if title.chars().any(char::is_control) || title.contains('"') || title.contains(&self.delimiter) {
                        faults.add(&pointer, "invalid_value", "标题不得含分隔符、引号或控制字符", "A title holds no delimiter, quote or control character");
                    }
                }
            }
        }
    }

    /// Whether the file has a line of titles.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.columns.iter().any(|column| column.header.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        let mut faults = Faults::none();
        serde_json::from_str::<Template>(json).unwrap().faults("/definition", &mut faults);
        faults.into_result().err().map(|problem| problem.errors.into_iter().map(|error| error.pointer).collect()).unwrap_or_default()
    }

    #[test]
    fn all_faults_of_a_layout_are_told_with_their_pointers() {
        let json = r#"{"format": "xlsx", "extension": "TXT", "encoding": "gb18030", "delimiter": "..", "total": {"place": "last", "columns": ["sum", "sum"]},
            "columns": [{"source": "serial", "header": "a"}, {"source": "serial", "max_length": 0}]}"#;
        let expected = ["extension", "delimiter", "encoding", "columns/1/source", "columns/1/max_length", "columns", "columns", "columns/1/header", "total/columns"];
        assert_eq!(pointers(json), expected.map(|pointer| format!("/definition/{pointer}")));
    }

    #[test]
    fn a_layout_with_an_unknown_field_is_none() {
        assert!(serde_json::from_str::<Template>(r#"{"format": "csv", "extension": "csv", "columns": [], "color": 1}"#).is_err());
    }
}
