//! Reading a workbook that may be hostile.

use std::io::{Cursor, Read};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::cell::{is_formula, number};
use super::grid::GridReader;
use super::refusals::{error_in_cell, file_too_large_unpacked, formula_in_cell, number_lost_digits, unreadable_file};
use super::{MOST_COLUMNS, MOST_ROWS, MOST_UNPACKED_BYTES};
use crate::kernel::problem::Problem;

/// A workbook of people has some dozens of members.
const MOST_MEMBERS: usize = 1000;
/// 9999-12-31 as a spreadsheet counts days.
const LAST_DAY: f64 = 2_958_465.0;

/// Reads the first visible sheet.
pub(super) fn read(bytes: &[u8], grid: &mut GridReader) -> Result<(), Problem> {
    measure(bytes)?;
    // The reader of workbooks is not ours: whatever it does not expect in a file is that file's fault, not the server's.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_cells(bytes, grid)));
    result.unwrap_or_else(|_panic| Err(unreadable_file("the reader of workbooks panicked")))
}

/// Unpacks everything into nothing and counts: what a member says of its size may be a lie.
///
/// # Errors
/// 422 `file_too_large_unpacked`, `unreadable_file`.
pub fn measure(bytes: &[u8]) -> Result<(), Problem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable_file(&error.to_string()))?;
    if archive.len() > MOST_MEMBERS {
        return Err(file_too_large_unpacked());
    }
    let (mut declared, mut actual) = (0_u64, 0_u64);
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|error| unreadable_file(&error.to_string()))?;
        declared = declared.saturating_add(member.size());
        if declared > MOST_UNPACKED_BYTES {
            return Err(file_too_large_unpacked());
        }
        let left = MOST_UNPACKED_BYTES.saturating_sub(actual);
        let read = std::io::copy(&mut member.take(left.saturating_add(1)), &mut std::io::sink()).map_err(|error| unreadable_file(&error.to_string()))?;
        actual = actual.saturating_add(read);
        if actual > MOST_UNPACKED_BYTES {
            return Err(file_too_large_unpacked());
        }
    }
    Ok(())
}

fn read_cells(bytes: &[u8], grid: &mut GridReader) -> Result<(), Problem> {
    let unreadable = |error: calamine::XlsxError| unreadable_file(&error.to_string());
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let sheets = workbook.sheets_metadata();
    let sheet = sheets.iter().find(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible).ok_or_else(|| unreadable_file("no visible sheet"))?;
    let name = sheet.name.clone();
    // Cells come one by one: a range would be as large as the farthest cell says.
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(unreadable)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(unreadable)? {
        if cell.formula.is_none() && cell.value == DataRef::Empty {
            continue;
        }
        let (row, column) = cell.pos;
        if row >= MOST_ROWS || column >= MOST_COLUMNS {
            return Err(super::refusals::too_many_rows());
        }
        let (row, column) = (row.saturating_add(1), usize::try_from(column).unwrap_or_default());
        if cell.formula.is_some() {
            grid.fault(row, column, formula_in_cell);
            continue;
        }
        match text(&cell.value) {
            Ok(text) if is_formula(&text) => grid.fault(row, column, formula_in_cell),
            Ok(text) => grid.put(row, column, &text),
            Err(fault) => grid.fault(row, column, fault),
        }
    }
    Ok(())
}

type Fault = fn(u32, String) -> super::RowFault;

/// A value as text; dates as `2017-03-20`.
fn text(value: &DataRef<'_>) -> Result<String, Fault> {
    match value {
        DataRef::Empty => Ok(String::new()),
        DataRef::String(text) | DataRef::DurationIso(text) => Ok(text.trim().to_owned()),
        DataRef::SharedString(text) => Ok(text.trim().to_owned()),
        DataRef::Bool(truth) => Ok(truth.to_string().to_uppercase()),
        DataRef::Int(whole) if whole.unsigned_abs() > 999_999_999_999_999 => Err(number_lost_digits),
        DataRef::Int(whole) => Ok(whole.to_string()),
        DataRef::Float(value) => number(*value).ok_or(number_lost_digits),
        DataRef::DateTimeIso(text) => Ok(text.split('T').next().unwrap_or_default().to_owned()),
        DataRef::DateTime(day) if day.is_datetime() && (0.0..=LAST_DAY).contains(&day.as_f64()) => Ok(day.as_datetime().map(|day| day.date().to_string()).unwrap_or_default()),
        DataRef::DateTime(_) | DataRef::Error(_) => Err(error_in_cell),
    }
}
