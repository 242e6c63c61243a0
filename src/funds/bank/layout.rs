//! The layout of a bank's statements, as data.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Encoding;
use crate::kernel::problem::Faults;
use crate::platform::sheet::FileFormat;

/// Columns of a statement.
const MOST_COLUMNS: u32 = 60;
/// Characters of a title or label.
const LABEL_MOST: usize = 40;

/// What a column of a statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementSource {
    /// The day of the movement.
    Date,
    /// The bank's serial, once a line.
    Serial,
    /// The bank's reference of the payment.
    Reference,
    /// What left the account (the bank's debit 借方).
    Debit,
    /// What came into the account (the bank's credit 贷方).
    Credit,
    /// The amount: with a sign (received is positive), or without one beside `direction`.
    Amount,
    /// 借 (paid) or 贷 (received).
    Direction,
    /// The balance after the line; each one is checked.
    Balance,
    /// The other side's name.
    Counterparty,
    /// The bank's words.
    Summary,
}

impl StatementSource {
    /// The name in pointers of faults.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Serial => "serial",
            Self::Reference => "reference",
            Self::Debit => "debit",
            Self::Credit => "credit",
            Self::Amount => "amount",
            Self::Direction => "direction",
            Self::Balance => "balance",
            Self::Counterparty => "counterparty",
            Self::Summary => "summary",
        }
    }
}

/// A column of a statement, by its title or its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementColumn {
    /// What it says.
    pub source: StatementSource,
    /// Its title; all columns have one, or none has.
    #[serde(default)]
    pub header: Option<String>,
    /// Its place from 1, where there are no titles.
    #[serde(default)]
    pub position: Option<u32>,
}

/// In which order the bank lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineOrder {
    /// The oldest line first.
    #[default]
    OldestFirst,
    /// The newest line first.
    NewestFirst,
}

/// The layout of one bank's statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementLayout {
    /// CSV or XLSX.
    pub format: FileFormat,
    /// The encoding of a CSV.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands between the fields of a CSV: one of `, ; | ^ ~ #` and the tab.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// How a day is written: `YYYY`, `MM` and `DD` with what stands between them, such as `YYYY-MM-DD`; a time after it is left aside. A day of a workbook is always taken.
    #[serde(default = "plain_date")]
    pub date_format: String,
    /// In which order the bank lists.
    #[serde(default)]
    pub order: LineOrder,
    /// The row of the first line, from 1, where there are no titles.
    #[serde(default = "one")]
    pub first_row: u32,
    /// The columns.
    pub columns: Vec<StatementColumn>,
    /// Rows that begin with one of these are no lines, such as 合计.
    #[serde(default)]
    pub skip_rows: Vec<String>,
    /// What the cell of the opening balance begins with, such as 期初余额; the amount follows in it or in the next cell.
    #[serde(default)]
    pub opening_label: Option<String>,
    /// What the cell of the closing balance begins with.
    #[serde(default)]
    pub closing_label: Option<String>,
}

fn comma() -> String {
    ",".to_owned()
}

fn plain_date() -> String {
    "YYYY-MM-DD".to_owned()
}

const fn one() -> u32 {
    1
}

impl StatementLayout {
    /// Whether a row of titles stands before the lines.
    #[must_use]
    pub fn has_titles(&self) -> bool {
        self.columns.iter().any(|column| column.header.is_some())
    }

    /// Whether there is a column of this kind.
    #[must_use]
    pub fn has(&self, source: StatementSource) -> bool {
        self.columns.iter().any(|column| column.source == source)
    }

    /// Adds every rule that the layout breaks, its pointers below `at`.
    pub fn faults(&self, at: &str, faults: &mut Faults) {
        if ![",", ";", "|", "\t", "^", "~", "#"].contains(&self.delimiter.as_str()) {
            faults.add(&format!("{at}/delimiter"), "invalid_value", "须为 , ; | ^ ~ # 或制表符之一", "One of , ; | ^ ~ # and the tab");
        }
        if ["YYYY", "MM", "DD"].iter().any(|part| self.date_format.matches(part).count() != 1) || self.date_format.chars().count() > LABEL_MOST {
            faults.add(&format!("{at}/date_format"), "invalid_value", "须恰好各含一个 YYYY、MM、DD", "YYYY, MM and DD once each");
        }
        if self.first_row == 0 {
            faults.add(&format!("{at}/first_row"), "invalid_value", "行号从 1 起", "Rows count from 1");
        }
        for (name, label) in [("opening_label", &self.opening_label), ("closing_label", &self.closing_label)] {
            if let Some(label) = label {
                faults.text(&format!("{at}/{name}"), label, LABEL_MOST);
            }
        }
        for (index, text) in self.skip_rows.iter().enumerate() {
            faults.text(&format!("{at}/skip_rows/{index}"), text, LABEL_MOST);
        }
        self.column_faults(at, faults);
    }

    fn column_faults(&self, at: &str, faults: &mut Faults) {
        let titled = self.has_titles();
        let mut seen = BTreeSet::new();
        for (index, column) in self.columns.iter().enumerate() {
            let pointer = format!("{at}/columns/{index}");
            if !seen.insert(column.source) {
                faults.add(&format!("{pointer}/source"), "duplicate_column", "该列已出现", "This column stands there already");
            }
            match (&column.header, column.position) {
                (Some(title), None) => faults.text(&format!("{pointer}/header"), title, LABEL_MOST),
                (None, Some(place)) if !titled && (1..=MOST_COLUMNS).contains(&place) => {}
                _ => faults.add(&pointer, "header_or_position", "各列都须有标题，或都有从 1 起的列号", "All columns have a title, or all have a place from 1"),
            }
        }
        let has = |source| seen.contains(&source);
        let both = has(StatementSource::Debit) && has(StatementSource::Credit) && !has(StatementSource::Amount) && !has(StatementSource::Direction);
        let signed = has(StatementSource::Amount) && !has(StatementSource::Debit) && !has(StatementSource::Credit);
        if !has(StatementSource::Date) || !(both || signed) {
            faults.add(
                &format!("{at}/columns"),
                "missing_column",
                "须有日期列，以及借方与贷方两列，或金额列（可另有借贷方向列）",
                "A column date, and either debit and credit, or amount (with direction where it has no sign)",
            );
        }
    }

    /// The day that a text says in this layout.
    #[must_use]
    pub fn day(&self, text: &str) -> Option<NaiveDate> {
        // A workbook's own days are given as year-month-day whatever the bank's format shows.
        dated(&self.date_format, text).or_else(|| if self.format == FileFormat::Xlsx { crate::platform::sheet::date(text) } else { None })
    }
}

/// The day of a text in a format; a time may follow.
fn dated(format: &str, text: &str) -> Option<NaiveDate> {
    let mut rest = text.chars().peekable();
    let mut parts: [u32; 3] = [0; 3];
    let mut pattern = format.chars().peekable();
    while let Some(letter) = pattern.next() {
        let (part, most) = match letter {
            'Y' => (0_usize, 4_usize),
            'M' => (1, 2),
            'D' => (2, 2),
            other => {
                if rest.next() != Some(other) {
                    return None;
                }
                continue;
            }
        };
        while pattern.peek() == Some(&letter) {
            pattern.next();
        }
        let mut digits = String::new();
        while digits.len() < most
            && let Some(digit) = rest.next_if(char::is_ascii_digit)
        {
            digits.push(digit);
        }
        *parts.get_mut(part)? = digits.parse().ok().filter(|_| most == 2 || digits.len() == 4)?;
    }
    let over = rest.peek().is_none_or(|next| next.is_whitespace() || *next == 'T');
    let [year, month, day] = parts;
    if over { NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_the_layout_writes_it() {
        let day = "2017-01-05".parse().ok();
        assert_eq!(dated("YYYY-MM-DD", "2017-01-05"), day);
        assert_eq!(dated("YYYYMMDD", "20170105"), day);
        assert_eq!(dated("YYYY/MM/DD", "2017/1/5 10:33:21"), day);
        assert_eq!(dated("DD.MM.YYYY", "05.01.2017"), day);
        assert_eq!(dated("YYYY年MM月DD日", "2017年1月5日"), day);
        assert_eq!(["2017-02-30", "17-01-05", "2017-01-05x", "", "=1"].map(|text| dated("YYYY-MM-DD", text)), [None; 5]);
    }

    #[test]
    fn all_faults_of_a_layout_are_told_with_their_pointers() {
        let layout: StatementLayout = serde_json::from_str(
            r#"{"format": "csv", "delimiter": "..", "date_format": "YY-MM-DD", "first_row": 0,
            "columns": [{"source": "date", "header": "日期"}, {"source": "date", "position": 1}, {"source": "debit", "header": "借方"}]}"#,
        )
        .unwrap();
        let mut faults = Faults::none();
        layout.faults("/definition", &mut faults);
        let pointers: Vec<_> = faults.into_result().unwrap_err().errors.into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["delimiter", "date_format", "first_row", "columns/1/source", "columns/1", "columns"].map(|pointer| format!("/definition/{pointer}")));
        assert!(serde_json::from_str::<StatementLayout>(r#"{"format": "csv", "columns": [], "color": 1}"#).is_err());
    }
}
