//! What the bank answers: read in one layout (`docs/bank-files.md`), and accepted whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;

use super::model::{Batch, PaymentLine};
use super::refusals::result_mismatch;
use crate::kernel::masking;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::sheet::{Grid, GridRow, RowFault, RowFaults, amount, date, not_a_date, not_an_amount, read_cells};

/// The words of the first line, each before its value.
const HEAD: [&str; 4] = ["批次号", "笔数", "金额", "日期"];
/// The titles of the lines.
const TITLES: [&str; 5] = ["序号", "账号后四位", "金额", "结果", "原因"];
/// Where, in the pointers of faults of the first line: what stands after each word.
const HEAD_KEYS: [Option<&str>; 8] = [None, Some("batch_number"), None, Some("count"), None, Some("sum"), None, Some("date")];
/// Where, in the pointers of faults of the lines.
const KEYS: [&str; 5] = ["serial", "account_tail", "amount", "result", "reason"];

/// A result file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFile {
    /// The batch that it says it answers.
    pub batch_number: String,
    /// How many lines it says it has.
    pub count: u32,
    /// What it says they sum to.
    pub sum: Fen,
    /// The bank's value date.
    pub value_date: NaiveDate,
    /// Its lines.
    pub lines: Vec<ResultLine>,
}

/// What became of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// The row in the file, from 1.
    pub row: u32,
    /// The line's number in the batch.
    pub serial: u32,
    /// The last four characters of the account.
    pub account_tail: String,
    /// The amount.
    pub amount: Fen,
    /// Whether it was paid; else it came back.
    pub paid: bool,
    /// Why it came back, in the bank's words, card and ID numbers masked.
    pub reason: Option<String>,
    /// The bank's value date.
    pub value_date: NaiveDate,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The item.
    pub item_id: Uuid,
    /// Whether it was paid; else it came back 退票.
    pub paid: bool,
    /// Why it came back.
    pub reason: Option<String>,
}

/// The last four characters of an account.
#[must_use]
pub fn account_tail(account: &str) -> String {
    let length = account.chars().count();
    account.chars().skip(length.saturating_sub(4)).collect()
}

/// Reads a result file: CSV (UTF-8 or GB18030) or XLSX.
///
/// # Errors
/// As [`read_cells`]; 422 `import_refused` with every fault by row and column: those of cells, `unknown_layout`, `not_a_number`, `not_an_amount`, `not_a_date`, `wrong_account_tail`, `unknown_result`, `reason_required`, `reason_not_expected`.
pub fn read_result(bytes: &[u8]) -> Result<ResultFile, Problem> {
    let (grid, unread) = read_cells(bytes, None)?;
    let Some((head, rows)) = layout(&grid) else {
        let mut faults = unread.named(|_, _| None);
        faults.add(unknown_layout());
        return Err(faults.into_problem());
    };
    let mut faults = unread.named(|row, column| if row == head.number { HEAD_KEYS.get(column).copied().flatten() } else { KEYS.get(column).copied() });
    let count = faults.keep(number(head, 3, "count"));
    let sum = faults.keep(yuan(head, 5, "sum"));
    let value_date = faults.keep(date(head.cell(7)).ok_or_else(|| not_a_date(head.number, "date")));
    // Where the date is wrong nothing is given back anyway.
    let day = value_date.unwrap_or_default();
    let lines: Vec<ResultLine> = rows.iter().filter_map(|row| read_line(row, day, &mut faults)).collect();
    match (count, sum, value_date) {
        (Some(count), Some(sum), Some(value_date)) if faults.is_empty() => Ok(ResultFile { batch_number: head.cell(1).to_owned(), count, sum, value_date, lines }),
        _ => Err(faults.into_problem()),
    }
}

/// The first line and the lines below the titles.
fn layout(grid: &Grid) -> Option<(&GridRow, &[GridRow])> {
    let (head, rest) = grid.rows.split_first()?;
    let (titles, lines) = rest.split_first()?;
    let headed = HEAD.iter().enumerate().all(|(index, word)| head.cell(index.saturating_mul(2)) == *word) && !head.cell(1).is_empty();
    let titled = TITLES.iter().enumerate().all(|(index, title)| titles.cell(index) == *title);
    // A column more may be one that we do not understand.
    let narrow = head.cells.len() <= 8 && rest.iter().all(|row| row.cells.len() <= TITLES.len());
    (headed && titled && narrow).then_some((head, lines))
}

fn read_line(row: &GridRow, value_date: NaiveDate, faults: &mut RowFaults) -> Option<ResultLine> {
    let serial = faults.keep(number(row, 0, KEYS[0]));
    let tail = faults.keep(tail(row));
    let amount = faults.keep(yuan(row, 2, KEYS[2]));
    let outcome = faults.keep(outcome(row));
    let (paid, reason) = outcome?;
    Some(ResultLine { row: row.number, serial: serial?, account_tail: tail?, amount: amount?, paid, reason, value_date })
}

fn number(row: &GridRow, column: usize, key: &str) -> Result<u32, RowFault> {
    let text = row.cell(column);
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or_else(|| RowFault::new(row.number, key, "not_a_number", "须为整数", "Must be a whole number"))
}

fn yuan(row: &GridRow, column: usize, key: &str) -> Result<Fen, RowFault> {
    let text = row.cell(column);
    amount(text).ok_or_else(|| not_an_amount(row.number, key))
}

fn tail(row: &GridRow) -> Result<String, RowFault> {
    let text = row.cell(1);
    if text.chars().count() == 4 && text.chars().all(|character| character.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err(RowFault::new(
        row.number,
        KEYS[1],
        "wrong_account_tail",
        "须为账号后四位；请把该列设为文本格式，以免丢失开头的 0",
        "The last four characters of the account; set the column to text, so that no leading 0 is lost",
    ))
}

fn outcome(row: &GridRow) -> Result<(bool, Option<String>), RowFault> {
    let reason = Some(row.cell(4)).filter(|text| !text.is_empty()).map(|text| masking::numbers_in(text, &[]));
    match (row.cell(3), reason) {
        ("成功", None) => Ok((true, None)),
        ("成功", Some(_)) => Err(RowFault::new(row.number, KEYS[4], "reason_not_expected", "结果为成功，却写有原因，请向银行核实", "It says paid and gives a reason; ask the bank")),
        ("退票", Some(reason)) => Ok((false, Some(reason))),
        ("退票", None) => Err(RowFault::new(row.number, KEYS[4], "reason_required", "退票须写明原因", "A returned payment needs its reason")),
        _ => Err(RowFault::new(row.number, KEYS[3], "unknown_result", "须为 成功 或 退票", "Must be 成功 (paid) or 退票 (returned)")),
    }
}

fn unknown_layout() -> RowFault {
    let titles = TITLES.join(",");
    RowFault::new(1, "", "unknown_layout", format!("首行须为“批次号,…,笔数,…,金额,…,日期,…”，次行须为“{titles}”"), format!("The first line is “批次号,…,笔数,…,金额,…,日期,…”, the second “{titles}”"))
}

/// Compares a result with the batch it answers: number, count, sum, and of each line serial, amount and account tail. What became of each item, in the order of the batch.
///
/// # Errors
/// 422 `result_mismatch` with every difference (`/batch_number`, `/count`, `/sum`, `/lines`, `/lines/0`, where 0 is the first line of the result); then nothing of it is accepted.
pub fn match_result(result: &ResultFile, batch: &Batch, lines: &[PaymentLine]) -> Result<Vec<Matched>, Problem> {
    let mut problem = compare_heads(result, batch);
    let expected: BTreeMap<u32, &PaymentLine> = lines.iter().map(|line| (line.serial, line)).collect();
    let mut seen = BTreeSet::new();
    for (index, line) in result.lines.iter().enumerate() {
        let first = seen.insert(line.serial);
        problem = compare_line(problem, &format!("/lines/{index}"), line, expected.get(&line.serial).copied(), first);
    }
    for line in lines.iter().filter(|line| !seen.contains(&line.serial)) {
        problem = problem.field("/lines", "line_missing", format!("缺少第 {} 笔", line.serial), format!("Line {} of the batch is missing", line.serial));
    }
    if !problem.errors.is_empty() {
        return Err(problem);
    }
    let answers: BTreeMap<u32, &ResultLine> = result.lines.iter().map(|line| (line.serial, line)).collect();
    Ok(lines.iter().filter_map(|line| answers.get(&line.serial).map(|answer| Matched { item_id: line.item_id, paid: answer.paid, reason: answer.reason.clone() })).collect())
}

fn compare_heads(result: &ResultFile, batch: &Batch) -> Problem {
    let mut problem = result_mismatch();
    if result.batch_number != batch.number {
        let words = (format!("文件为批次 {}，应为 {}", result.batch_number, batch.number), format!("The file answers batch {}, not {}", result.batch_number, batch.number));
        problem = problem.field("/batch_number", "batch_number_differs", words.0, words.1);
    }
    if result.count != batch.count || u32::try_from(result.lines.len()) != Ok(result.count) {
        let found = result.lines.len();
        let words =
            (format!("文件载明 {} 笔，实有 {found} 笔，批次为 {} 笔", result.count, batch.count), format!("The file says {} lines and has {found}; the batch has {}", result.count, batch.count));
        problem = problem.field("/count", "count_differs", words.0, words.1);
    }
    let found = Fen::checked_sum(result.lines.iter().map(|line| line.amount)).ok();
    if result.sum != batch.sum || found != Some(result.sum) {
        let shown = found.map_or_else(|| "?".to_owned(), |sum| sum.to_string());
        let words =
            (format!("文件载明 {} 元，各笔合计 {shown} 元，批次为 {} 元", result.sum, batch.sum), format!("The file says {}, its lines sum to {shown}; the batch is {}", result.sum, batch.sum));
        problem = problem.field("/sum", "sum_differs", words.0, words.1);
    }
    problem
}

fn compare_line(problem: Problem, pointer: &str, line: &ResultLine, expected: Option<&PaymentLine>, first: bool) -> Problem {
    let at = |zh: String, en: String| (format!("文件第 {} 行：{zh}", line.row), format!("Row {} of the file: {en}", line.row));
    let Some(expected) = expected else {
        let (zh, en) = at(format!("批次中没有第 {} 笔", line.serial), format!("the batch has no line {}", line.serial));
        return problem.field(pointer, "unknown_serial", zh, en);
    };
    let mut problem = problem;
    if !first {
        let (zh, en) = at(format!("第 {} 笔重复出现", line.serial), format!("line {} stands there twice", line.serial));
        problem = problem.field(pointer, "duplicate_serial", zh, en);
    }
    if line.amount != expected.amount {
        let (zh, en) = at(format!("金额 {} 元，应为 {} 元", line.amount, expected.amount), format!("the amount is {}, not {}", line.amount, expected.amount));
        problem = problem.field(pointer, "amount_differs", zh, en);
    }
    // The account itself is nobody's to read here: only that it differs is told.
    if line.account_tail != account_tail(&expected.account_number) {
        let (zh, en) = at("账号后四位不符".to_owned(), "the account's last four characters differ".to_owned());
        problem = problem.field(pointer, "account_differs", zh, en);
    }
    problem
}
