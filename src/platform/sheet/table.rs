//! A table whose columns are known by their titles.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::cell::{amount, date, letters};
use super::grid::{Grid, GridFault, GridRow, read_with_faults};
use super::refusals::{empty_file, not_a_date, not_an_amount, unknown_column};
use super::{RowFault, RowFaults};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A number that is a name (ID card, bank account, telephone): text in every template.
    Identifier,
    /// Yuan with at most two decimals.
    Amount,
    /// A day.
    Date,
}

/// A column of a table to be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in pointers and in the API, such as `id_number`; a header may use it too.
    pub key: &'static str,
    /// Its title in the file, such as 身份证号.
    pub title: &'static str,
    /// Whether the table must have it and each row must fill it.
    pub required: bool,
    /// What it holds.
    pub kind: Kind,
}

/// A table as it was read. Where something in it could not be read, `faults` say so: the rules of the rows are looked at all the same, so that everything is told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Each known column's place in the file, from 0, by its key.
    pub header: BTreeMap<&'static str, usize>,
    /// The rows below the header that are not blank.
    pub rows: Vec<Row>,
    /// What could not be read; whoever takes the table adds to it and refuses all together.
    pub faults: RowFaults,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row's number as a spreadsheet shows it, from 1.
    pub number: u32,
    cells: BTreeMap<&'static str, String>,
}

impl Row {
    /// The text of a column, trimmed; empty where the cell or the column is not there.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.cells.get(key).map_or("", String::as_str)
    }

    /// The text of a column; none where it is empty.
    #[must_use]
    pub fn filled(&self, key: &str) -> Option<&str> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    /// The day of a column; none where it is empty.
    ///
    /// # Errors
    /// `not_a_date`.
    pub fn date(&self, key: &str) -> Result<Option<NaiveDate>, RowFault> {
        self.filled(key).map(|text| date(text).ok_or_else(|| not_a_date(self.number, key))).transpose()
    }

    /// The amount of a column; none where it is empty.
    ///
    /// # Errors
    /// `not_an_amount`.
    pub fn amount(&self, key: &str) -> Result<Option<Fen>, RowFault> {
        self.filled(key).map(|text| amount(text).ok_or_else(|| not_an_amount(self.number, key))).transpose()
    }

    /// A fault of a cell in this row.
    #[must_use]
    pub fn fault(&self, key: &str, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> RowFault {
        RowFault::new(self.number, key, code, zh, en)
    }
}

/// Reads a table whose first row that is not blank has the columns' titles or keys. Its faults: `missing_column`, `unknown_column`, `duplicate_column`,
/// `formula_in_cell`, `error_in_cell`, `number_lost_digits`, `required`, `not_a_date`, `not_an_amount`.
///
/// # Errors
/// 422 `unreadable_file`, `file_too_large_unpacked`, `too_many_rows`, `empty_file`.
pub fn read(bytes: &[u8], columns: &[Column]) -> Result<Table, Problem> {
    let (grid, faults) = read_with_faults(bytes)?;
    if grid.rows.is_empty() && faults.is_empty() {
        return Err(empty_file());
    }
    let mut found = RowFaults::none();
    let names = read_header(&grid, columns, &mut found);
    for fault in &faults {
        found.unread(name_fault(fault, &names));
    }
    let rows: Vec<Row> = grid.rows.iter().skip(1).map(|row| named(row, &names)).collect();
    for row in &rows {
        check(row, columns, &names, &mut found);
    }
    Ok(Table { header: names.into_iter().map(|(place, key)| (key, place)).collect(), rows, faults: found })
}

/// The key of each place; faults of the header are told at its row.
fn read_header(grid: &Grid, columns: &[Column], found: &mut RowFaults) -> BTreeMap<usize, &'static str> {
    let mut names = BTreeMap::new();
    let nothing = GridRow { number: 1, cells: Vec::new() };
    let header = grid.rows.first().unwrap_or(&nothing);
    for (place, title) in header.cells.iter().enumerate().filter(|(_, title)| !title.is_empty()) {
        // Templates mark what must be filled with an asterisk.
        let plain = title.trim_end_matches(['*', '＊']).trim();
        match columns.iter().find(|column| column.title == plain || column.key.eq_ignore_ascii_case(plain)) {
            None => found.add(unknown_column(header.number, place)),
            Some(column) if names.values().any(|key| *key == column.key) => {
                found.add(RowFault::new(header.number, column.key, "duplicate_column", format!("“{title}”出现了两次"), format!("“{title}” stands there twice")));
            }
            Some(column) => {
                names.insert(place, column.key);
            }
        }
    }
    for column in columns.iter().filter(|column| column.required && !names.values().any(|key| *key == column.key)) {
        let words = (format!("缺少“{}”列", column.title), format!("The column “{}” ({}) is missing", column.title, column.key));
        found.add(RowFault::new(header.number, column.key, "missing_column", words.0, words.1));
        found.unread_column(column.key);
    }
    names
}

fn name_fault(fault: &GridFault, names: &BTreeMap<usize, &'static str>) -> RowFault {
    fault.named(names.get(&fault.column).map_or_else(|| letters(fault.column), |key| (*key).to_owned()))
}

fn named(row: &GridRow, names: &BTreeMap<usize, &'static str>) -> Row {
    let cells = names.iter().filter_map(|(place, key)| Some((*key, row.cells.get(*place)?.clone()))).collect();
    Row { number: row.number, cells }
}

/// What a column's declaration says of each cell.
fn check(row: &Row, columns: &[Column], names: &BTreeMap<usize, &'static str>, found: &mut RowFaults) {
    for column in names.values().filter_map(|key| columns.iter().find(|column| column.key == *key)) {
        if column.required && row.text(column.key).is_empty() {
            found.unread(row.fault(column.key, "required", "不能为空", "Must not be empty"));
        }
        let unread = match column.kind {
            Kind::Text | Kind::Identifier => None,
            Kind::Amount => row.amount(column.key).err(),
            Kind::Date => row.date(column.key).err(),
        };
        if let Some(fault) = unread {
            found.unread(fault);
        }
    }
}

#[cfg(test)]
mod tests;
