//! The rows of a list as CSV (UTF-8 with BOM, streamed) or XLSX (constant memory). Cells that a spreadsheet would run as a formula are neutralised.

use std::fs::File;
use std::future::ready;
use std::io::{Read, Seek, SeekFrom};

use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use futures_util::stream::{self, LocalBoxStream};
use futures_util::{StreamExt, TryStreamExt};
use rust_xlsxwriter::Workbook;
use serde_json::Value;

use super::respond::saved_as;
use crate::kernel::problem::{Problem, weighted};

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
    /// What the `Accept` header likes best of what there is, of equals the first; none for JSON, which is also given where it likes nothing that there is.
    pub(super) fn of_accept(accept: &str) -> Option<Self> {
        let mut best = (0, None);
        for (kind, weight) in weighted(accept) {
            let format = match kind.to_ascii_lowercase().as_str() {
                "text/csv" => Some(Self::Csv),
                XLSX => Some(Self::Xlsx),
                "application/json" | "application/*" | "*/*" => None,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
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

/// What a formula begins with (OWASP, CSV injection), in full width too, as Chinese input methods write it.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];

/// A cell as text; one that begins like a formula, after blanks too, gets an apostrophe before it. Amounts such as `-12.00` stay numbers.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let number = text.strip_prefix('-').unwrap_or(&text).chars().all(|c| c.is_ascii_digit() || c == '.');
    if !number && (text.starts_with(FORMULA) || text.trim_start().starts_with(FORMULA)) { format!("'{text}") } else { text }
}

/// How much of a finished workbook is read and sent at once.
const PIECE: u64 = 64 * 1024;

/// Rows as they leave the database, some at a time.
pub(super) type Pages = LocalBoxStream<'static, Result<Vec<Value>, Problem>>;

/// Answers with all rows as a file. What fails on the first rows is told as a problem; what fails later breaks the answer off, so that nobody takes a part for the whole.
pub(super) async fn answer(format: Format, columns: Vec<&'static str>, pages: Pages) -> Result<HttpResponse, Problem> {
    match format {
        Format::Csv => csv_file(columns, pages).await,
        Format::Xlsx => xlsx_file(&columns, pages).await,
    }
}

fn file(kind: &'static str, name: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, kind)).insert_header(saved_as(name));
    response
}

fn csv_writer(begun: &str) -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(begun.as_bytes().to_vec())
}

/// The text of rows, after what has been written.
fn csv_text(mut writer: csv::Writer<Vec<u8>>, columns: &[&'static str], rows: &[Value]) -> Result<Bytes, Problem> {
    for row in rows {
        writer.write_record(columns.iter().map(|name| cell(row.get(*name)))).map_err(Problem::internal)?;
    }
    writer.into_inner().map(Bytes::from).map_err(|error| Problem::internal(error.to_string()))
}

/// CSV is sent while it is read: it never lies in memory as a whole, and the reader begins to see it at once.
async fn csv_file(columns: Vec<&'static str>, mut pages: Pages) -> Result<HttpResponse, Problem> {
    let mut writer = csv_writer("\u{feff}");
    writer.write_record(&columns).map_err(Problem::internal)?;
    let first = csv_text(writer, &columns, &pages.try_next().await?.unwrap_or_default())?;
    let rest = pages.and_then(move |rows| ready(csv_text(csv_writer(""), &columns, &rows))).inspect_err(|problem| tracing::error!(%problem, "a list broke off while it was sent"));
    Ok(file("text/csv; charset=utf-8", "list.csv").streaming(stream::once(ready(Ok(first))).chain(rest)))
}

/// A workbook is written to a file without a name, row by row, then sent from there.
async fn xlsx_file(columns: &[&'static str], mut pages: Pages) -> Result<HttpResponse, Problem> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory().map_err(Problem::internal)?;
    for (column, name) in (0_u16..).zip(columns) {
        sheet.write_string(0, column, *name).map_err(Problem::internal)?;
    }
    let mut number = 0_u32;
    while let Some(rows) = pages.try_next().await? {
        for row in &rows {
            number = number.saturating_add(1);
            if number > SHEET_MOST_ROWS {
                return Err(Problem::new(422, "too_many_rows", "行数超过一张工作表的容量", "More rows than a sheet holds")
                    .detail("请用筛选缩小范围，或以 CSV 导出。", "Narrow the list by filters, or ask for CSV."));
            }
            for (column, name) in (0_u16..).zip(columns) {
                sheet.write_string(number, column, cell(row.get(*name))).map_err(Problem::internal)?;
            }
        }
    }
    let (whole, size) = web::block(move || saved(workbook)).await.map_err(Problem::internal)??;
    Ok(file(XLSX, "list.xlsx").body(SizedStream::new(size, Box::pin(stream::try_unfold(whole, next_piece)))))
}

fn saved(mut workbook: Workbook) -> Result<(File, u64), Problem> {
    let mut whole = tempfile::tempfile().map_err(Problem::internal)?;
    workbook.save_to_writer(&mut whole).map_err(Problem::internal)?;
    let size = whole.seek(SeekFrom::End(0)).map_err(Problem::internal)?;
    whole.rewind().map_err(Problem::internal)?;
    Ok((whole, size))
}

async fn next_piece(whole: File) -> Result<Option<(Bytes, File)>, Problem> {
    let read = move || {
        let mut piece = Vec::new();
        (&whole).take(PIECE).read_to_end(&mut piece).map(|_length| (Bytes::from(piece), whole))
    };
    let (piece, whole) = web::block(read).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    Ok((!piece.is_empty()).then_some((piece, whole)))
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
        for text in [" =1+1", "\n=1+1", "\tx", "＝1+1", "＠x", "\u{3000}＋1"] {
            assert_eq!(cell(Some(&Value::from(text))), format!("'{text}"));
        }
        assert_eq!(cell(Some(&Value::from(" 张三 = 李四"))), " 张三 = 李四");
    }

    #[test]
    fn the_format_that_is_liked_best_is_given() {
        for (accept, format) in [
            ("text/csv", Some(Format::Csv)),
            ("TEXT/CSV", Some(Format::Csv)),
            ("text/csv;q=0.5, application/json", None),
            ("application/json, text/csv", None),
            ("text/html, text/csv;q=0.9, */*;q=0.1", Some(Format::Csv)),
            (XLSX, Some(Format::Xlsx)),
            ("image/png", None),
            ("text/csv;q=0", None),
        ] {
            assert_eq!(Format::of_accept(accept), format, "{accept}");
        }
    }
}
