//! A table as rows of trimmed text, before its columns have names.

use std::collections::BTreeMap;

use super::cell::{is_formula, is_lost_number, letters};
use super::refusals::{formula_in_cell, number_lost_digits, too_many_rows, unreadable_file};
use super::{MOST_COLUMNS, MOST_ROWS, RowFault, RowFaults, xlsx};
use crate::kernel::problem::Problem;

/// One row that is not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridRow {
    /// The row's number as a spreadsheet shows it, from 1.
    pub number: u32,
    /// Its cells from column A, trimmed.
    pub cells: Vec<String>,
}

impl GridRow {
    /// The text of a cell; empty where the row is shorter.
    #[must_use]
    pub fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// A table without blank rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The rows in their order.
    pub rows: Vec<GridRow>,
}

/// A fault at a row (from 1) and a column (from 0), whose name is not known yet.
pub(super) struct GridFault {
    pub row: u32,
    pub column: usize,
    make: fn(u32, String) -> RowFault,
}

impl GridFault {
    pub(super) fn named(&self, column: String) -> RowFault {
        (self.make)(self.row, column)
    }
}

/// Collects cells and faults while a file is read.
#[derive(Default)]
pub(super) struct GridReader {
    rows: BTreeMap<u32, Vec<String>>,
    faults: Vec<GridFault>,
}

impl GridReader {
    pub(super) fn put(&mut self, row: u32, column: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        let cells = self.rows.entry(row).or_default();
        if cells.len() <= column {
            cells.resize(column.saturating_add(1), String::new());
        }
        if let Some(cell) = cells.get_mut(column) {
            text.clone_into(cell);
        }
    }

    pub(super) fn fault(&mut self, row: u32, column: usize, make: fn(u32, String) -> RowFault) {
        self.faults.push(GridFault { row, column, make });
    }
}

/// The cells of a table that could not be read: a formula, an error, a number that lost digits.
#[must_use]
pub struct CellFaults(Vec<GridFault>);

impl CellFaults {
    /// The faults under the names that the reader of the table has for its cells, by row (from 1) and column (from 0); what it has no name for goes by the column's letter.
    /// Rules have nothing more to say of these cells.
    #[must_use]
    pub fn named(self, name: impl Fn(u32, usize) -> Option<&'static str>) -> RowFaults {
        let mut named = RowFaults::none();
        for fault in self.0 {
            named.unread(fault.named(name(fault.row, fault.column).map_or_else(|| letters(fault.column), str::to_owned)));
        }
        named
    }
}

/// Reads a table without asking for columns: XLSX by its bytes, else CSV, whose fields stand between `delimiter` where it is known. Faults of cells are told beside it, so that they are refused with those of the rules.
///
/// # Errors
/// 422 `unreadable_file`, `file_too_large_unpacked`, `too_many_rows`.
pub fn read_cells(bytes: &[u8], delimiter: Option<u8>) -> Result<(Grid, CellFaults), Problem> {
    let (grid, faults) = read_parts(bytes, delimiter)?;
    Ok((grid, CellFaults(faults)))
}

/// As [`read_cells`], for a table whose columns have names.
pub(super) fn read_with_faults(bytes: &[u8]) -> Result<(Grid, Vec<GridFault>), Problem> {
    read_parts(bytes, None)
}

fn read_parts(bytes: &[u8], delimiter: Option<u8>) -> Result<(Grid, Vec<GridFault>), Problem> {
    let mut reader = GridReader::default();
    if bytes.starts_with(b"PK\x03\x04") {
        xlsx::read(bytes, &mut reader)?;
    } else {
        read_csv(bytes, &mut reader, delimiter)?;
    }
    let rows = reader.rows.into_iter().map(|(number, cells)| GridRow { number, cells }).collect();
    Ok((Grid { rows }, reader.faults))
}

/// UTF-8 with or without BOM, else GB18030.
fn decode(bytes: &[u8]) -> Result<String, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.contains(&0) {
        return Err(unreadable_file("a NUL byte"));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let (text, malformed) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
    if malformed { Err(unreadable_file("neither UTF-8 nor GB18030")) } else { Ok(text.into_owned()) }
}

/// Without a delimiter it is the tab where the first line has tabs and no comma, else the comma.
fn read_csv(bytes: &[u8], grid: &mut GridReader, delimiter: Option<u8>) -> Result<(), Problem> {
    // One kind of line end, and one after the last row, so that lines can be counted.
    let text = format!("{}\n", decode(bytes)?.replace("\r\n", "\n").replace('\r', "\n"));
    let first = text.lines().next().unwrap_or_default();
    let delimiter = delimiter.unwrap_or(if first.contains('\t') && !first.contains(',') { b'\t' } else { b',' });
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    // A cell of several lines is one row in a spreadsheet: its further lines are taken off again.
    let mut further_lines = 0_usize;
    while reader.read_record(&mut record).map_err(|error| unreadable_file(&error.to_string()))? {
        further_lines = record.iter().fold(further_lines, |lines, text| lines.saturating_add(text.matches('\n').count()));
        let next_line = reader.position().line();
        let row = u32::try_from(next_line.saturating_sub(1).saturating_sub(u64::try_from(further_lines).unwrap_or_default())).unwrap_or(u32::MAX);
        if row > MOST_ROWS || record.iter().skip(usize::try_from(MOST_COLUMNS).unwrap_or(usize::MAX)).any(|text| !text.trim().is_empty()) {
            return Err(too_many_rows());
        }
        for (column, text) in record.iter().enumerate() {
            let text = text.trim();
            if is_formula(text) {
                grid.fault(row, column, formula_in_cell);
            } else if is_lost_number(text) {
                grid.fault(row, column, number_lost_digits);
            } else {
                grid.put(row, column, text);
            }
        }
    }
    Ok(())
}
