//! Common XLSX: 日期, 凭证字, 凭证号, 摘要, 科目代码, 借方, 贷方, 制单人.

use std::io::Write;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format as CellFormat, Workbook, XlsxError};

use super::file::{Buffer, Format, Printed};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

const TITLES: [&str; 8] = ["日期", "凭证字", "凭证号", "摘要", "科目代码", "借方", "贷方", "制单人"];

/// A workbook being written, in constant memory.
pub(super) struct CommonXlsx {
    buffer: Buffer,
    workbook: Workbook,
    row: u32,
    text: CellFormat,
    yuan: CellFormat,
}

impl CommonXlsx {
    pub(super) fn new(buffer: Buffer) -> Result<Self, Problem> {
        let mut made = Self { buffer, workbook: Workbook::new(), row: 0, text: CellFormat::new().set_num_format("@"), yuan: CellFormat::new().set_num_format("0.00") };
        made.head().map_err(Problem::internal)?;
        Ok(made)
    }

    fn head(&mut self) -> Result<(), XlsxError> {
        // The day of making is fixed: the same books give the same file.
        self.workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_ymd(2017, 1, 1)?));
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name("记账凭证")?;
        for (column, title) in (0_u16..).zip(TITLES) {
            sheet.write_string(0, column, title)?;
        }
        Ok(())
    }

    fn write(&mut self, printed: &Printed<'_>) -> Result<(), XlsxError> {
        let sheet = self.workbook.worksheet_from_index(0)?;
        let voucher = printed.voucher;
        for line in printed.lines {
            self.row = self.row.saturating_add(1);
            let row = self.row;
            sheet.write_string_with_format(row, 0, voucher.date.to_string(), &self.text)?;
            sheet.write_string_with_format(row, 1, &voucher.word, &self.text)?;
            sheet.write_number(row, 2, voucher.number)?;
            sheet.write_string_with_format(row, 3, &voucher.summary, &self.text)?;
            sheet.write_string_with_format(row, 4, &line.code, &self.text)?;
            for (column, amount) in [(5, line.debit), (6, line.credit)] {
                if let Some(yuan) = number(amount) {
                    sheet.write_number_with_format(row, column, yuan, &self.yuan)?;
                }
            }
            sheet.write_string_with_format(row, 7, printed.prepared_by, &self.text)?;
        }
        Ok(())
    }
}

/// An amount as a spreadsheet holds it, exact within 15 digits; an empty cell for 0.00.
fn number(amount: Fen) -> Option<f64> {
    if amount.is_zero() { None } else { amount.to_string().parse().ok() }
}

impl Format for CommonXlsx {
    fn add(&mut self, printed: &Printed<'_>) -> Result<(), Problem> {
        self.write(printed).map_err(Problem::internal)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Problem> {
        let bytes = self.workbook.save_to_buffer().map_err(Problem::internal)?;
        self.buffer.write_all(&bytes).map_err(Problem::internal)
    }
}
