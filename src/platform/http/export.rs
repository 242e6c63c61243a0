//! The rows of a list as CSV (UTF-8 with BOM) or XLSX (constant memory). Cells that a spreadsheet would run as a formula are neutralised.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use rust_xlsxwriter::Workbook;
use serde_json::Value;

use crate::kernel::problem::Problem;

/// A sheet holds 1,048,576 rows, the header among them.
const SHEET_MOST_ROWS: u32 = 1_048_575;
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A file format that a list can be had in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Xlsx,
}

impl Format {
    /// What the `Accept` header asks for; none for JSON.
    pub(super) fn of_accept(accept: &str) -> Option<Self> {
        if accept.contains("text/csv") {
            Some(Self::Csv)
        } else if accept.contains(XLSX) {
            Some(Self::Xlsx)
        } else {
            None
        }
    }
}

/// The columns that were asked for, or all.
pub(super) fn columns(known: &'static [&'static str], asked: Option<&[String]>) -> Result<Vec<&'static str>, Problem> {
    let Some(asked) = asked else {
        return Ok(known.to_vec());
    };
    asked
        .iter()
        .map(|name| {
            known.iter().copied().find(|column| *column == name.as_str()).ok_or_else(|| {
                Problem::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong")
                    .detail(format!("columns：没有“{name}”这一列，可用：{}", known.join(", ")), format!("columns: there is no “{name}”; known: {}", known.join(", ")))
            })
        })
        .collect()
}

/// A cell as text; one that begins like a formula gets an apostrophe before it (OWASP, CSV injection). Amounts such as `-12.00` stay numbers.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let number = text.strip_prefix('-').unwrap_or(&text).chars().all(|c| c.is_ascii_digit() || c == '.');
    if !number && text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

enum Writer {
    Csv(Box<csv::Writer<Vec<u8>>>),
    Xlsx { workbook: Box<Workbook>, row: u32 },
}

/// A file being written row by row.
pub(super) struct Sheet<'a> {
    writer: Writer,
    columns: &'a [&'static str],
}

impl<'a> Sheet<'a> {
    pub(super) fn new(format: Format, columns: &'a [&'static str]) -> Result<Self, Problem> {
        let writer = match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer("\u{feff}".as_bytes().to_vec());
                writer.write_record(columns).map_err(Problem::internal)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Xlsx => {
                let mut workbook = Workbook::new();
                let sheet = workbook.add_worksheet_with_constant_memory().map_err(Problem::internal)?;
                for (column, name) in (0_u16..).zip(columns) {
                    sheet.write_string(0, column, *name).map_err(Problem::internal)?;
                }
                Writer::Xlsx { workbook: Box::new(workbook), row: 0 }
            }
        };
        Ok(Self { writer, columns })
    }

    pub(super) fn add(&mut self, row: &Value) -> Result<(), Problem> {
        let cells = self.columns.iter().map(|name| cell(row.get(*name)));
        match &mut self.writer {
            Writer::Csv(writer) => writer.write_record(cells).map_err(Problem::internal),
            Writer::Xlsx { workbook, row: number } => {
                *number = number.saturating_add(1);
                if *number > SHEET_MOST_ROWS {
                    return Err(Problem::new(422, "too_many_rows", "行数超过一张工作表的容量", "More rows than a sheet holds")
                        .detail("请用筛选缩小范围，或以 CSV 导出。", "Narrow the list by filters, or ask for CSV."));
                }
                let sheet = workbook.worksheet_from_index(0).map_err(Problem::internal)?;
                for (column, text) in (0_u16..).zip(cells) {
                    sheet.write_string(*number, column, text).map_err(Problem::internal)?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn finish(self) -> Result<HttpResponse, Problem> {
        let (kind, name, bytes) = match self.writer {
            Writer::Csv(writer) => ("text/csv; charset=utf-8", "list.csv", writer.into_inner().map_err(|error| Problem::internal(error.to_string()))?),
            Writer::Xlsx { mut workbook, .. } => (XLSX, "list.xlsx", workbook.save_to_buffer().map_err(Problem::internal)?),
        };
        Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, kind)).insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))).body(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_neutralised_and_an_amount_stays_an_amount() {
        assert_eq!(cell(Some(&Value::from("=1+1"))), "'=1+1");
        assert_eq!(cell(Some(&Value::from("@SUM(A1)"))), "'@SUM(A1)");
        assert_eq!(cell(Some(&Value::from("-12.00"))), "-12.00");
        assert_eq!(cell(Some(&Value::from("-cmd"))), "'-cmd");
    }
}
