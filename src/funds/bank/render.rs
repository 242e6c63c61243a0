//! Writing a batch in a bank's layout: the same bytes each time, and no value bent to fit.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

use super::model::{Batch, Encoding, LineEnding, PaymentLine, Source, Template, TemplateColumn, TotalPlace, TotalSource};
use super::refusals::bank_file_refused;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Problem, Words};
use crate::platform::sheet::FileFormat;

/// A field: what is a number to a spreadsheet, and all else.
enum Field {
    Text(String),
    Whole(String),
    Yuan(Fen),
}

impl Field {
    fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Whole(text) => text.clone(),
            Self::Yuan(amount) => amount.to_string(),
        }
    }
}

/// The name of a batch's file.
#[must_use]
pub fn file_name(template: &Template, batch: &Batch) -> String {
    format!("{}.{}", batch.number, template.extension)
}

/// Writes the lines in their order. The same batch in the same layout gives the same bytes, always.
///
/// # Errors
/// 422 `bank_file_refused` with every value that the layout cannot hold, by line (`/lines/0/holder_name`): `unwritable_value`, `unmappable_character`, `too_long`, `missing_value`;
/// 500 where the batch is not the sum of its lines.
pub fn render(template: &Template, batch: &Batch, lines: &[PaymentLine]) -> Result<Vec<u8>, Problem> {
    check_batch(batch, lines)?;
    let mut problem = bank_file_refused();
    let mut rows = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let mut row = Vec::with_capacity(template.columns.len());
        for column in &template.columns {
            let field = field(column.source, line);
            if let Some((code, words)) = fault(template, column, &field) {
                let name = serde_json::to_value(column.source).map_err(Problem::internal)?;
                let pointer = format!("/lines/{index}/{}", name.as_str().unwrap_or_default());
                problem = problem.field(&pointer, code, format!("第 {} 笔：{}", line.serial, words.zh), format!("Line {}: {}", line.serial, words.en));
            }
            row.push(field.unwrap_or(Field::Text(String::new())));
        }
        rows.push(row);
    }
    if !problem.errors.is_empty() {
        return Err(problem);
    }
    let rows = with_header_and_total(template, batch, rows);
    match template.format {
        FileFormat::Csv => csv(template, &rows),
        FileFormat::Xlsx => xlsx(&rows).map_err(Problem::internal),
    }
}

fn check_batch(batch: &Batch, lines: &[PaymentLine]) -> Result<(), Problem> {
    let sum = Fen::checked_sum(lines.iter().map(|line| line.amount)).map_err(Problem::internal)?;
    let counted = u32::try_from(lines.len()).is_ok_and(|count| count == batch.count && count > 0);
    let serials = (1_u32..).zip(lines).all(|(serial, line)| line.serial == serial);
    if counted && serials && sum == batch.sum && lines.iter().all(|line| line.amount.is_positive()) {
        return Ok(());
    }
    Err(Problem::internal(format!("the batch {} is not the sum of its lines", batch.number)))
}

/// What a column shows of a line; none where the line does not have it.
fn field(source: Source, line: &PaymentLine) -> Option<Field> {
    let text = match source {
        Source::Serial => return Some(Field::Whole(line.serial.to_string())),
        Source::Amount => return Some(Field::Yuan(line.amount)),
        Source::AmountFen => return Some(Field::Whole(line.amount.0.to_string())),
        Source::AccountNumber => line.account_number.clone(),
        Source::HolderName => line.holder_name.clone(),
        Source::BankName => line.bank_name.clone(),
        Source::BankCode => line.bank_code.clone().unwrap_or_default(),
        Source::Summary => return Some(Field::Text(line.summary.clone())),
        Source::ItemId => line.item_id.to_string(),
        Source::IdentityNumberMasked => line.identity_number_masked.clone().unwrap_or_default(),
    };
    Some(text).filter(|text| !text.is_empty()).map(Field::Text)
}

/// Why a field cannot be written.
fn fault(template: &Template, column: &TemplateColumn, field: &Option<Field>) -> Option<(&'static str, Words)> {
    let Some(field) = field else {
        return Some(("missing_value", Words::new("该格式要求填写，但没有内容", "the layout asks for it and there is none")));
    };
    let text = field.text();
    let csv = template.format == FileFormat::Csv;
    let breaks = csv && !template.quoting && (text.contains(&template.delimiter) || text.contains('"'));
    let run = matches!(field, Field::Text(_)) && text.starts_with(['=', '+', '-', '@']);
    if text.chars().any(char::is_control) || breaks || run {
        return Some(("unwritable_value", Words::new("含分隔符、引号、换行，或以 = + - @ 开头", "it holds a delimiter, quote or line break, or begins with = + - @")));
    }
    if csv && template.encoding == Encoding::Gb18030 && !is_gb18030(&text) {
        return Some(("unmappable_character", Words::new("含 GB18030 没有的字（如自造字）", "it holds a character that GB18030 does not have, such as a private one")));
    }
    let length = text.chars().count();
    let most = column.max_length.and_then(|most| usize::try_from(most).ok())?;
    (length > most).then(|| ("too_long", Words::new(format!("最多 {most} 个字符，现有 {length} 个"), format!("at most {most} characters, not {length}"))))
}

/// Whether the bank reads the same characters: those for private use mean something else, or nothing, elsewhere.
fn is_gb18030(text: &str) -> bool {
    let private = |character: char| matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fffd}');
    let (_, _, unmappable) = encoding_rs::GB18030.encode(text);
    !unmappable && !text.chars().any(private)
}

fn with_header_and_total(template: &Template, batch: &Batch, rows: Vec<Vec<Field>>) -> Vec<Vec<Field>> {
    let mut all = Vec::with_capacity(rows.len().saturating_add(2));
    let total = |place: TotalPlace| template.total.iter().filter(move |total| total.place == place).map(|total| total.columns.iter().map(|column| total_field(*column, batch)).collect());
    all.extend(total(TotalPlace::First));
    if template.has_header() {
        all.push(template.columns.iter().map(|column| Field::Text(column.header.clone().unwrap_or_default())).collect());
    }
    all.extend(rows);
    all.extend(total(TotalPlace::Last));
    all
}

fn total_field(source: TotalSource, batch: &Batch) -> Field {
    match source {
        TotalSource::Count => Field::Whole(batch.count.to_string()),
        TotalSource::Sum => Field::Yuan(batch.sum),
        TotalSource::BatchNumber => Field::Text(batch.number.clone()),
        TotalSource::Date => Field::Text(batch.date.to_string()),
    }
}

fn csv(template: &Template, rows: &[Vec<Field>]) -> Result<Vec<u8>, Problem> {
    let delimiter = template.delimiter.bytes().next().unwrap_or(b',');
    let terminator = if template.line_ending == LineEnding::Crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    // Without quoting nothing needs it: such values were refused.
    let style = if template.quoting { csv::QuoteStyle::Necessary } else { csv::QuoteStyle::Never };
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).terminator(terminator).quote_style(style).flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(Field::text)).map_err(Problem::internal)?;
    }
    let bytes = writer.into_inner().map_err(|error| Problem::internal(error.to_string()))?;
    match template.encoding {
        Encoding::Utf8 => Ok(bytes),
        Encoding::Utf8Bom => Ok([b"\xef\xbb\xbf".as_slice(), &bytes].concat()),
        Encoding::Gb18030 => {
            let text = String::from_utf8(bytes).map_err(Problem::internal)?;
            let (encoded, _, unmappable) = encoding_rs::GB18030.encode(&text);
            if unmappable { Err(Problem::internal("a title or total that GB18030 does not have")) } else { Ok(encoded.into_owned()) }
        }
    }
}

fn xlsx(rows: &[Vec<Field>]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The day of making is fixed, so that the bytes are the same each time.
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_ymd(2017, 1, 1)?));
    let (text, yuan) = (Format::new().set_num_format("@"), Format::new().set_num_format("0.00"));
    let sheet = workbook.add_worksheet();
    for (number, row) in (0_u32..).zip(rows) {
        for (place, field) in (0_u16..).zip(row) {
            let value = field.text();
            match (field, value.parse::<f64>()) {
                (Field::Yuan(_), Ok(amount)) => sheet.write_number_with_format(number, place, amount, &yuan)?,
                (Field::Whole(_), Ok(whole)) => sheet.write_number(number, place, whole)?,
                _ => sheet.write_string_with_format(number, place, value, &text)?,
            };
        }
    }
    workbook.save_to_buffer()
}
