//! Reading a bank statement by its layout: every fault by row and column, all or nothing. A running balance in the file is followed line by line, so that a line altered, added or taken out is found.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::Encoding;
use super::layout::{LineOrder, StatementLayout, StatementSource as Source};
use crate::kernel::masking;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::sheet::{CellFaults, FileFormat, Grid, GridRow, RowFault, RowFaults, amount, not_an_amount, read_cells};

/// Characters that are kept of a reference or serial.
const REFERENCE_MOST: usize = 80;
/// Characters that are kept of the bank's words and of the other side's name.
const WORDS_MOST: usize = 200;
/// A name of at most so many characters is taken for a person's.
const PERSON_MOST: usize = 4;

/// A line as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLine {
    /// The row in the file, from 1.
    pub row: u32,
    /// The day.
    pub date: NaiveDate,
    /// Received; negative where paid.
    pub amount: Fen,
    /// The bank's reference.
    pub reference: String,
    /// The bank's serial, or the place among lines alike.
    pub serial: String,
    /// The other side, a person masked.
    pub counterparty: String,
    /// The bank's words.
    pub summary: String,
    balance: Option<Fen>,
}

/// A statement as it was read, its lines from the oldest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadStatement {
    /// The balance before the first line, where the file tells it.
    pub opening: Option<Fen>,
    /// The balance after the last line, where the file tells it.
    pub closing: Option<Fen>,
    /// The lines.
    pub lines: Vec<ReadLine>,
}

/// Reads a statement of the days `from` to `to`.
///
/// # Errors
/// 422 `unreadable_file`, `file_too_large_unpacked`, `too_many_rows`; 422 `import_refused` with every fault by row and column: `formula_in_cell`, `wrong_format`, `wrong_encoding`, `unknown_layout`, `not_a_date`,
/// `date_out_of_statement`, `not_an_amount`, `amount_missing`, `unknown_direction`, `too_long`, `duplicate_line`, `balance_differs`.
pub fn read_statement(layout: &StatementLayout, bytes: &[u8], (from, to): (NaiveDate, NaiveDate)) -> Result<ReadStatement, Problem> {
    let (grid, unread) = grid_of(layout, bytes)?;
    let Some((places, first)) = places(layout, &grid) else {
        let mut faults = unread.named(|_, _| None);
        faults.add(unknown_layout(layout));
        return Err(faults.into_problem());
    };
    let mut faults = unread.named(|_, column| places.iter().find_map(|(source, place)| (*place == column).then_some(source.key())));
    let opening = faults.keep(labelled(&grid, layout.opening_label.as_deref(), "opening_balance")).flatten();
    let closing = faults.keep(labelled(&grid, layout.closing_label.as_deref(), "closing_balance")).flatten();
    let reader = Reader { layout, places, days: (from, to) };
    let mut lines: Vec<ReadLine> = grid.rows.iter().skip(first).filter(|row| !reader.is_skipped(row)).filter_map(|row| reader.line(row, &mut faults)).collect();
    if layout.order == LineOrder::NewestFirst {
        lines.reverse();
    }
    number_alike(&mut lines, &mut faults);
    if !faults.is_empty() {
        return Err(faults.into_problem());
    }
    let told = |index: Option<&ReadLine>, before: bool| {
        let line = index?;
        let balance = line.balance?;
        if before { balance.checked_sub(line.amount).ok() } else { Some(balance) }
    };
    let opening = opening.or_else(|| told(lines.first(), true));
    let closing = closing.or_else(|| told(lines.last(), false));
    follow_balances(opening, &lines)?;
    Ok(ReadStatement { opening, closing, lines })
}

fn grid_of(layout: &StatementLayout, bytes: &[u8]) -> Result<(Grid, CellFaults), Problem> {
    let workbook = bytes.starts_with(b"PK\x03\x04");
    if workbook != (layout.format == FileFormat::Xlsx) {
        let extension = layout.format.extension();
        return Err(RowFault::new(1, "", "wrong_format", format!("该格式应为 {extension} 文件，请选对格式或文件"), format!("This layout is for {extension} files; choose the right layout or file"))
            .into_problem());
    }
    if workbook {
        return read_cells(bytes, None);
    }
    let delimiter = layout.delimiter.bytes().next().unwrap_or(b',');
    read_cells(&decoded(layout.encoding, bytes).ok_or_else(|| wrong_encoding(layout.encoding).into_problem())?, Some(delimiter))
}

/// The bytes of a CSV in UTF-8; none where they are not in the layout's encoding.
fn decoded(encoding: Encoding, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if encoding == Encoding::Gb18030 {
        let (text, malformed) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
        return (!malformed).then(|| Cow::Owned(text.into_owned().into_bytes()));
    }
    std::str::from_utf8(bytes).is_ok().then_some(Cow::Borrowed(bytes))
}

/// The columns' places from 0, and the index of the first row that may be a line.
fn places(layout: &StatementLayout, grid: &Grid) -> Option<(BTreeMap<Source, usize>, usize)> {
    if !layout.has_titles() {
        let place = |position: Option<u32>| usize::try_from(position?.checked_sub(1)?).ok();
        let places = layout.columns.iter().filter_map(|column| Some((column.source, place(column.position)?))).collect();
        return Some((places, grid.rows.iter().position(|row| row.number >= layout.first_row).unwrap_or(grid.rows.len())));
    }
    grid.rows.iter().enumerate().find_map(|(index, row)| {
        let place = |title: &str| row.cells.iter().position(|cell| cell == title.trim());
        let places: Option<BTreeMap<Source, usize>> = layout.columns.iter().map(|column| Some((column.source, place(column.header.as_deref()?)?))).collect();
        Some((places?, index.saturating_add(1)))
    })
}

/// The amount after a label: in the label's cell, or in the next one that is filled.
fn labelled(grid: &Grid, label: Option<&str>, key: &str) -> Result<Option<Fen>, RowFault> {
    let Some(label) = label else {
        return Ok(None);
    };
    for row in &grid.rows {
        let Some(place) = row.cells.iter().position(|cell| cell.starts_with(label)) else {
            continue;
        };
        let own = row.cell(place).strip_prefix(label).unwrap_or_default().trim_start_matches([':', '：', ' ']);
        let next = row.cells.iter().skip(place.saturating_add(1)).map(String::as_str);
        let text = std::iter::once(own).chain(next).find(|text| !text.is_empty()).unwrap_or_default();
        return yuan(text).map(Some).ok_or_else(|| not_an_amount(row.number, key));
    }
    Ok(None)
}

/// An amount as banks write it: `1,234.50`, `-12.00`, `¥3`.
fn yuan(text: &str) -> Option<Fen> {
    let plain = text.trim_start_matches(['¥', '￥', '+']);
    let whole = plain.split('.').next().unwrap_or_default().trim_start_matches('-');
    let grouped = whole.split(',').enumerate().all(|(index, part)| (index == 0 && (1..=3).contains(&part.len())) || part.len() == 3);
    if whole.contains(',') && !grouped {
        return None;
    }
    amount(&plain.replace(',', ""))
}

struct Reader<'a> {
    layout: &'a StatementLayout,
    places: BTreeMap<Source, usize>,
    days: (NaiveDate, NaiveDate),
}

impl Reader<'_> {
    fn is_skipped(&self, row: &GridRow) -> bool {
        let first = row.cells.iter().find(|cell| !cell.is_empty()).map(String::as_str).unwrap_or_default();
        let labels = [&self.layout.opening_label, &self.layout.closing_label].into_iter().flatten();
        self.layout.skip_rows.iter().chain(labels).any(|text| first.starts_with(text.as_str()))
    }

    fn text<'r>(&self, row: &'r GridRow, source: Source) -> &'r str {
        self.places.get(&source).map_or("", |place| row.cell(*place))
    }

    fn line(&self, row: &GridRow, faults: &mut RowFaults) -> Option<ReadLine> {
        let date = faults.keep(self.date(row));
        // Where an amount could not be read, none is missed.
        let unread = [Source::Amount, Source::Direction, Source::Debit, Source::Credit].iter().any(|source| faults.is_unread(row.number, source.key()));
        let moved = if unread { None } else { faults.keep(self.moved(row)) };
        let balance = faults.keep(self.optional_amount(row, Source::Balance));
        let reference = faults.keep(self.short(row, Source::Reference));
        let serial = faults.keep(self.short(row, Source::Serial));
        let name = self.text(row, Source::Counterparty);
        let counterparty: String = shown(name).chars().take(WORDS_MOST).collect();
        let words = self.text(row, Source::Summary);
        let summary = if name.is_empty() { words.to_owned() } else { words.replace(name, &counterparty) };
        Some(ReadLine { row: row.number, date: date?, amount: moved?, reference: reference?, serial: serial?, counterparty, summary: summary.chars().take(WORDS_MOST).collect(), balance: balance? })
    }

    fn date(&self, row: &GridRow) -> Result<NaiveDate, RowFault> {
        let text = self.text(row, Source::Date);
        let (from, to) = self.days;
        let day = self.layout.day(text).ok_or_else(|| {
            let format = &self.layout.date_format;
            RowFault::new(row.number, "date", "not_a_date", format!("不是日期，该格式写作 {format}"), format!("Not a date; this layout writes {format}"))
        })?;
        if (from..=to).contains(&day) {
            return Ok(day);
        }
        Err(RowFault::new(row.number, "date", "date_out_of_statement", format!("{day} 不在对账单期间 {from} 至 {to} 内"), format!("{day} is not within the statement's {from} to {to}")))
    }

    fn optional_amount(&self, row: &GridRow, source: Source) -> Result<Option<Fen>, RowFault> {
        match self.text(row, source) {
            "" | "-" | "--" => Ok(None),
            text => yuan(text).filter(|amount| amount.0.saturating_abs() <= Fen::DOCUMENT_MAX.0).map(Some).ok_or_else(|| not_an_amount(row.number, source.key())),
        }
    }

    /// What the line moved: received is positive.
    fn moved(&self, row: &GridRow) -> Result<Fen, RowFault> {
        let key = if self.layout.has(Source::Amount) { "amount" } else { "debit" };
        let missing = || RowFault::new(row.number, key, "amount_missing", "须恰有一个不为零的金额", "Exactly one amount other than zero");
        let filled = |source| Ok::<_, RowFault>(self.optional_amount(row, source)?.filter(|amount| !amount.is_zero()));
        if self.layout.has(Source::Amount) {
            let amount = filled(Source::Amount)?.ok_or_else(missing)?;
            return if self.layout.has(Source::Direction) { self.directed(row, amount) } else { Ok(amount) };
        }
        match (filled(Source::Debit)?, filled(Source::Credit)?) {
            (Some(paid), None) => paid.checked_neg().map_err(|_overflow| missing()),
            (None, Some(received)) => Ok(received),
            _ => Err(missing()),
        }
    }

    fn directed(&self, row: &GridRow, amount: Fen) -> Result<Fen, RowFault> {
        let text = self.text(row, Source::Direction);
        match text.to_ascii_uppercase().as_str() {
            "借" | "借方" | "D" | "DR" | "支" | "支出" | "往" => amount.checked_neg().map_err(|_overflow| not_an_amount(row.number, "amount")),
            "贷" | "贷方" | "C" | "CR" | "收" | "收入" | "来" => Ok(amount),
            _ => Err(RowFault::new(row.number, "direction", "unknown_direction", "须为 借 或 贷", "Must be 借 (paid) or 贷 (received)")),
        }
    }

    fn short(&self, row: &GridRow, source: Source) -> Result<String, RowFault> {
        let text = self.text(row, source);
        if text.chars().count() <= REFERENCE_MOST {
            return Ok(text.to_owned());
        }
        Err(RowFault::new(row.number, source.key(), "too_long", format!("最多 {REFERENCE_MOST} 个字符"), format!("At most {REFERENCE_MOST} characters")))
    }
}

/// The other side as it is kept: an organisation's name stays, a person's is masked (个人信息保护法 art. 6: no more than the purpose needs).
fn shown(name: &str) -> String {
    let latin = name.chars().all(|letter| letter.is_ascii_alphabetic() || matches!(letter, ' ' | '.' | '-'));
    let person = name.chars().count() <= PERSON_MOST || name.contains('·') || latin;
    if name.is_empty() || !person { name.to_owned() } else { masking::name(name) }
}

/// Lines alike without a serial get their place among them; a serial twice is the same line twice.
fn number_alike(lines: &mut [ReadLine], faults: &mut RowFaults) {
    let mut alike: BTreeMap<(NaiveDate, i64, String), u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in lines {
        let same = (line.date, line.amount.0, line.reference.clone());
        if line.serial.is_empty() {
            let count = alike.entry(same).or_default();
            *count = count.saturating_add(1);
            line.serial = format!("#{count}");
        } else if !seen.insert((same, line.serial.clone())) {
            faults.add(RowFault::new(line.row, "serial", "duplicate_line", "该笔在文件中已出现", "This line stands in the file already"));
        }
    }
}

/// Each balance that the file shows follows from the one before it.
fn follow_balances(opening: Option<Fen>, lines: &[ReadLine]) -> Result<(), Problem> {
    let mut faults = RowFaults::none();
    let mut running = opening;
    for line in lines {
        let expected = running.and_then(|before| before.checked_add(line.amount).ok());
        if let (Some(expected), Some(told)) = (expected, line.balance)
            && expected != told
        {
            faults.add(RowFault::new(
                line.row,
                "balance",
                "balance_differs",
                format!("余额 {told}，按上一笔推算应为 {expected}：文件可能缺行或被改动"),
                format!("The balance is {told}, the line before makes it {expected}: a line may be missing or altered"),
            ));
        }
        running = line.balance.or(expected);
    }
    faults.into_result()
}

fn wrong_encoding(encoding: Encoding) -> RowFault {
    let name = if encoding == Encoding::Gb18030 { "GB18030" } else { "UTF-8" };
    RowFault::new(1, "", "wrong_encoding", format!("文件不是 {name} 编码"), format!("The file is not in {name}"))
}

fn unknown_layout(layout: &StatementLayout) -> RowFault {
    let titles = layout.columns.iter().filter_map(|column| column.header.as_deref()).collect::<Vec<_>>().join(", ");
    RowFault::new(1, "", "unknown_layout", format!("没有一行含有全部列名：{titles}"), format!("No row has all the titles: {titles}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(code: &str) -> StatementLayout {
        serde_json::from_str(super::super::seed::LAYOUTS.iter().find(|(known, ..)| *known == code).unwrap().2).unwrap()
    }

    fn days() -> (NaiveDate, NaiveDate) {
        ("2017-01-01".parse().unwrap(), "2017-01-31".parse().unwrap())
    }

    fn faults(layout: &StatementLayout, text: &[u8]) -> Vec<(String, &'static str)> {
        read_statement(layout, text, days()).unwrap_err().errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn the_layouts_that_come_with_the_program_keep_their_own_rules() {
        for (code, _, text) in super::super::seed::LAYOUTS {
            let mut found = crate::kernel::problem::Faults::none();
            serde_json::from_str::<StatementLayout>(text).unwrap().faults("", &mut found);
            assert_eq!(found.into_result(), Ok(()), "{code}");
        }
    }

    #[test]
    fn a_statement_is_read_with_its_balances_and_people_are_masked() {
        let text = "账户：示例\n交易日期,流水号,凭证号,摘要,对方户名,支出,收入,余额\n2017-01-04,S1,,拨款,硚口区财政局,,\"1,000.00\",1000.00\n2017-01-05,S2,B1,报销 张三,张三,300.00,,700.00\n合计,,,,,300.00,1000.00,\n";
        let read = read_statement(&layout("csv_utf8"), text.as_bytes(), days()).unwrap();
        assert_eq!((read.opening, read.closing), (Some(Fen::ZERO), Some(Fen(70_000))));
        assert_eq!((read.lines[0].amount, read.lines[0].counterparty.as_str()), (Fen(100_000), "硚口区财政局"));
        assert_eq!((read.lines[1].amount, read.lines[1].counterparty.as_str(), read.lines[1].summary.as_str(), read.lines[1].reference.as_str()), (Fen(-30_000), "张*", "报销 张*", "B1"));
    }

    #[test]
    fn gb18030_with_a_direction_and_labelled_balances_is_read() {
        let text = "期初余额：100.00\n记账日期,交易流水号,借贷标志,交易金额,业务编号,对方账户名称,附言\n20170104,1,借,30.00,,,手续\n20170105,2,贷,5.5,,,利息\n期末余额,,,75.50\n";
        let read = read_statement(&layout("csv_gb18030"), &encoding_rs::GB18030.encode(text).0, days()).unwrap();
        assert_eq!((read.opening, read.closing), (Some(Fen(10_000)), Some(Fen(7_550))));
        assert_eq!(read.lines.iter().map(|line| line.amount.0).collect::<Vec<_>>(), [-3_000, 550]);
        assert_eq!(faults(&layout("csv_utf8"), &encoding_rs::GB18030.encode(text).0), [("/rows/1".to_owned(), "wrong_encoding")]);
    }

    #[test]
    fn every_fault_is_told_by_row_and_column() {
        let head = "交易日期,流水号,凭证号,摘要,对方户名,支出,收入,余额\n";
        let text =
            format!("{head}昨天,S1,,,,1.00,,\n2017-02-01,S2,,,,1.00,,\n2017-01-02,S3,,,,x,,\n2017-01-02,S4,,,,1.00,1.00,\n2017-01-02,S5,,,,,,\n2017-01-02,S6,,,,2.00,,\n2017-01-02,S6,,,,2.00,,\n");
        let expected = [
            ("/rows/2/date", "not_a_date"),
            ("/rows/3/date", "date_out_of_statement"),
            ("/rows/4/debit", "not_an_amount"),
            ("/rows/5/debit", "amount_missing"),
            ("/rows/6/debit", "amount_missing"),
            ("/rows/8/serial", "duplicate_line"),
        ];
        assert_eq!(faults(&layout("csv_utf8"), text.as_bytes()), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        let formula = format!("{head}昨天,S1,,=HYPERLINK(1),,1.00,=1+1,\n");
        let expected = [("/rows/2/summary", "formula_in_cell"), ("/rows/2/credit", "formula_in_cell"), ("/rows/2/date", "not_a_date")];
        assert_eq!(faults(&layout("csv_utf8"), formula.as_bytes()), expected.map(|(pointer, code)| (pointer.to_owned(), code)), "a formula hides no other fault");
        assert_eq!(faults(&layout("csv_utf8"), b"a,b\n1,2\n")[0].1, "unknown_layout");
        assert_eq!(faults(&layout("xlsx"), b"a,b\n1,2\n")[0].1, "wrong_format");
        let altered = format!("{head}2017-01-02,S1,,,,,10.00,10.00\n2017-01-03,S2,,,,4.00,,5.00\n");
        assert_eq!(faults(&layout("csv_utf8"), altered.as_bytes()), [("/rows/3/balance".to_owned(), "balance_differs")]);
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for (code, ..) in super::super::seed::LAYOUTS {
                let _ = read_statement(&layout(code), &bytes, days());
            }
        }

        #[test]
        fn what_was_written_is_read_and_one_amount_altered_is_found(amounts in proptest::collection::vec((1_i64..1_000_000, any::<bool>()), 2..20), place: prop::sample::Index) {
            let write = |alter: Option<usize>| {
                let mut balance = 0_i64;
                let mut text = "交易日期,流水号,凭证号,摘要,对方户名,支出,收入,余额\n".to_owned();
                for (index, (amount, received)) in amounts.iter().enumerate() {
                    balance += if *received { *amount } else { -amount };
                    let shown = Fen(if alter == Some(index) { amount + 1 } else { *amount });
                    let (paid, got) = if *received { (String::new(), shown.to_string()) } else { (shown.to_string(), String::new()) };
                    text.push_str(&format!("2017-01-09,{index},,,,{paid},{got},{}\n", Fen(balance)));
                }
                text
            };
            let read = read_statement(&layout("csv_utf8"), write(None).as_bytes(), days()).unwrap();
            prop_assert_eq!(read.opening, Some(Fen::ZERO));
            prop_assert_eq!(read.lines.len(), amounts.len());
            // The first line's amount may be altered where only its balance tells the opening: then the opening tells.
            let altered = place.index(amounts.len());
            match read_statement(&layout("csv_utf8"), write(Some(altered)).as_bytes(), days()) {
                Ok(read) => prop_assert!(altered == 0 && read.opening != Some(Fen::ZERO)),
                Err(problem) => prop_assert_eq!(problem.errors[0].code, "balance_differs"),
            }
        }
    }
}
