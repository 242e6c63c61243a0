//! The empty table that people download and fill in.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatBorder, Workbook, XlsxError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Column, Kind};
use crate::kernel::problem::Problem;

/// In which form a table is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// An Excel workbook.
    Xlsx,
    /// Comma-separated, UTF-8 with BOM, so that Excel shows it right.
    Csv,
}

impl FileFormat {
    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// The ending of a file's name, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
        }
    }
}

/// A table to fill in: titles (what must be filled is marked with an asterisk) and example rows. In a workbook every column is text, so that a spreadsheet takes no digit from an account and turns no date round. The same bytes for the same columns.
///
/// # Errors
/// 500 where it cannot be written.
pub fn template(columns: &[Column], examples: &[&[&str]], format: FileFormat) -> Result<Vec<u8>, Problem> {
    let titles: Vec<String> = columns.iter().map(|column| if column.required { format!("{}*", column.title) } else { column.title.to_owned() }).collect();
    match format {
        FileFormat::Csv => csv(&titles, examples),
        FileFormat::Xlsx => xlsx(columns, &titles, examples).map_err(Problem::internal),
    }
}

fn csv(titles: &[String], examples: &[&[&str]]) -> Result<Vec<u8>, Problem> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(titles).map_err(Problem::internal)?;
    for row in examples {
        writer.write_record(*row).map_err(Problem::internal)?;
    }
    writer.into_inner().map_err(|error| Problem::internal(error.to_string()))
}

fn xlsx(columns: &[Column], titles: &[String], examples: &[&[&str]]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The day of making is fixed, so that the bytes are the same each time.
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_ymd(2017, 1, 1)?));
    let (text, head) = (Format::new().set_num_format("@"), Format::new().set_num_format("@").set_bold().set_border_bottom(FormatBorder::Thin));
    let sheet = workbook.add_worksheet();
    for (place, (column, title)) in (0_u16..).zip(columns.iter().zip(titles)) {
        sheet.set_column_format(place, &text)?;
        sheet.set_column_width(place, if column.kind == Kind::Identifier { 24 } else { 16 })?;
        sheet.write_string_with_format(0, place, title, &head)?;
    }
    for (row, example) in (1_u32..).zip(examples) {
        for (place, cell) in (0_u16..).zip(*example) {
            sheet.write_string_with_format(row, place, *cell, &text)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    workbook.save_to_buffer()
}
