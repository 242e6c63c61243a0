//! The reconciliation 银行存款余额调节表 of an account at the end of a day: what the bank has and the books have not, and the other way round, lead both balances to the same sum, or the difference is named.
//!
//! What was booked before the account's first statement counts as cleared, unless a line of a statement was matched with it.

use std::fmt::Write;

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bank_statement;
use super::words::{Reading, Sealed};
use crate::funds::ledger::model::voucher_name;
use crate::funds::ledger::print::STYLE;
use crate::funds::ledger::{Account, balances, ledger_period};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_names;
use crate::platform::db::{Sql, Tx};
use crate::platform::http::escape;

/// Something that one side has and the other has not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenItem {
    /// Its day.
    pub date: NaiveDate,
    /// Above 0.00.
    pub amount: Fen,
    /// The line of a statement.
    pub statement_line_id: Option<Uuid>,
    /// The voucher.
    pub voucher_id: Option<Uuid>,
    /// How it is named: the bank's reference, the other side and, for who reconciles, its words; or the voucher's number and summary.
    pub text: String,
}

/// Open items of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenItems {
    /// Their sum.
    pub sum: Fen,
    /// From the oldest on.
    pub items: Vec<OpenItem>,
}

/// The reconciliation of an account at the end of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reconciliation {
    /// The account of the books.
    pub account: String,
    /// The day.
    pub as_of: NaiveDate,
    /// The balance of the books.
    pub book_balance: Fen,
    /// 银行已收、单位未收.
    pub bank_received: OpenItems,
    /// 银行已付、单位未付.
    pub bank_paid: OpenItems,
    /// The balance of the books with what the bank has.
    pub adjusted_book: Fen,
    /// The balance of the statement.
    pub bank_balance: Fen,
    /// 单位已收、银行未收.
    pub book_received: OpenItems,
    /// 单位已付、银行未付.
    pub book_paid: OpenItems,
    /// The balance of the statement with what the books have.
    pub adjusted_bank: Fen,
    /// The adjusted balance of the books minus that of the bank: 0.00 where they agree. It comes from before the first statement: match a line of the bank with the earlier voucher that it is.
    pub difference: Fen,
}

/// Why an account is not reconciled at a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// No statement covers the day.
    NoStatement,
    /// A statement up to the day has not been matched.
    NotMatched,
    /// The adjusted balances differ.
    Difference(Fen),
}

#[derive(FromQueryResult)]
struct Sum {
    amount: Fen,
}

#[derive(FromQueryResult)]
struct BankOpen {
    id: Uuid,
    date: NaiveDate,
    amount: Fen,
    bank_reference: String,
    serial: String,
    counterparty_sealed: Option<String>,
    summary_sealed: Option<String>,
}

#[derive(FromQueryResult)]
struct BookOpen {
    voucher_id: Uuid,
    date: NaiveDate,
    month: Month,
    number: i32,
    summary: String,
    amount: Fen,
}

const MOVED_UNTIL: Sql = Sql::both("SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) AS amount FROM bank_statement_lines WHERE statement_id = $1 AND date <= $2");
/// A match that is complete on a later day only is still open on this one.
const BANK_OPEN: Sql = Sql::both(
    "SELECT l.id, l.date, l.amount, l.bank_reference, l.serial, l.counterparty_sealed, l.summary_sealed FROM bank_statement_lines l LEFT JOIN bank_matches m ON m.id = l.match_id \
     WHERE l.district_id = $4 AND l.street_id = $1 AND l.account = $2 AND l.live AND l.date <= $3 AND (l.match_id IS NULL OR m.complete_on > $3) ORDER BY l.date, l.line_number",
);
const BOOK_OPEN: Sql = Sql::both(
    "SELECT l.voucher_id, v.date, v.month, v.number, v.summary, l.debit - l.credit AS amount \
     FROM vouchers v JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id \
     LEFT JOIN bank_match_items i ON i.district_id = l.district_id AND i.street_id = l.street_id AND i.voucher_id = l.voucher_id AND i.line_number = l.line_number AND i.live \
     LEFT JOIN bank_matches m ON m.id = i.match_id \
     WHERE v.district_id = $5 AND v.street_id = $1 AND l.account = $2 AND v.date <= $3 AND v.kind <> 'opening' AND ((i.id IS NULL AND v.date >= $4) OR m.complete_on > $3) ORDER BY v.date, v.seq, l.line_number",
);

/// The statements of a street that stand, by account and time.
async fn statements(tx: &Tx, street: Uuid) -> Result<Vec<bank_statement::Model>, Problem> {
    let select = tx.select::<bank_statement::Entity>().filter(bank_statement::Column::StreetId.eq(street)).filter(bank_statement::Column::State.eq("imported"));
    tx.all(select.order_by_asc(bank_statement::Column::Account).order_by_asc(bank_statement::Column::FromDate)).await
}

fn split(items: Vec<OpenItem>) -> Result<(OpenItems, OpenItems), Problem> {
    let (mut received, mut paid) = (OpenItems::default(), OpenItems::default());
    for mut item in items {
        let side = if item.amount.is_negative() { &mut paid } else { &mut received };
        item.amount = Fen(item.amount.0.saturating_abs());
        side.sum = side.sum.checked_add(item.amount).map_err(Problem::internal)?;
        side.items.push(item);
    }
    Ok((received, paid))
}

/// How a line of the bank is named: its reference, the other side, and its words to who reads them.
fn named(reading: Option<&Reading>, row: &BankOpen) -> Result<String, Problem> {
    let sealed = Sealed { line: row.id, counterparty: row.counterparty_sealed.as_deref(), summary: row.summary_sealed.as_deref(), own: [&row.bank_reference, &row.serial] };
    let (counterparty, summary) = reading.map_or_else(|| Ok((String::new(), None)), |reading| reading.shown(&sealed))?;
    Ok([row.bank_reference.clone(), counterparty, summary.unwrap_or_default()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" "))
}

/// The reconciliation of a statement's account on one of its days, as somebody reads it; where nobody does, without the bank's words.
///
/// # Errors
/// 500 where the database fails.
pub async fn at(tx: &Tx, reading: Option<&Reading>, statement: &bank_statement::Model, day: NaiveDate) -> Result<Reconciliation, Problem> {
    let all = statements(tx, statement.street_id).await?;
    let first = all.iter().filter(|one| one.account == statement.account).map(|one| one.from_date).min().unwrap_or(statement.from_date);
    let (street, account) = (statement.street_id, statement.account.clone());
    let moved = tx.query_one::<Sum>(MOVED_UNTIL, vec![statement.id.into(), day.into()]).await?.map_or(Fen::ZERO, |sum| sum.amount);
    let bank_balance = statement.opening_balance.checked_add(moved).map_err(Problem::internal)?;
    let booked = balances(tx, street, day).await?.into_iter().filter(|row| row.account == account);
    let book_balance = Fen::checked_sum(booked.map(|row| row.balance)).map_err(Problem::internal)?;
    let of_bank = tx.query::<BankOpen>(BANK_OPEN, vec![street.into(), account.clone().into(), day.into(), statement.district_id.into()]).await?;
    let of_bank = of_bank.into_iter().map(|row| Ok(OpenItem { date: row.date, amount: row.amount, statement_line_id: Some(row.id), voucher_id: None, text: named(reading, &row)? }));
    let of_books = tx.query::<BookOpen>(BOOK_OPEN, vec![street.into(), account.clone().into(), day.into(), first.into(), statement.district_id.into()]).await?;
    let of_books = of_books.into_iter().map(|row| OpenItem {
        date: row.date,
        amount: row.amount,
        statement_line_id: None,
        voucher_id: Some(row.voucher_id),
        text: format!("{} {}", voucher_name(row.month, row.number), row.summary),
    });
    let (bank_received, bank_paid) = split(of_bank.collect::<Result<_, Problem>>()?)?;
    let (book_received, book_paid) = split(of_books.collect())?;
    let adjusted = |balance: Fen, plus: &OpenItems, minus: &OpenItems| balance.checked_add(plus.sum).and_then(|sum| sum.checked_sub(minus.sum)).map_err(Problem::internal);
    let adjusted_book = adjusted(book_balance, &bank_received, &bank_paid)?;
    let adjusted_bank = adjusted(bank_balance, &book_received, &book_paid)?;
    let difference = adjusted_book.checked_sub(adjusted_bank).map_err(Problem::internal)?;
    Ok(Reconciliation { account, as_of: day, book_balance, bank_received, bank_paid, adjusted_book, bank_balance, book_received, book_paid, adjusted_bank, difference })
}

/// What stands against closing a month that ends on this day: nothing before the street's first statement; from then on every account that has a balance or a statement is reconciled.
///
/// # Errors
/// 500 where the database fails.
pub async fn unreconciled(tx: &Tx, street: Uuid, day: NaiveDate) -> Result<Vec<(Account, Gap)>, Problem> {
    let all = statements(tx, street).await?;
    if all.iter().all(|one| one.from_date > day) {
        return Ok(Vec::new());
    }
    let booked = balances(tx, street, day).await?;
    let mut gaps = Vec::new();
    for account in [Account::FundOnHand, Account::DonationFund] {
        let own: Vec<&bank_statement::Model> = all.iter().filter(|one| one.account == account.code() && one.from_date <= day).collect();
        let moved = booked.iter().any(|row| row.account == account.code() && !(row.debit.is_zero() && row.credit.is_zero()));
        match own.iter().find(|one| one.to_date >= day) {
            None if own.is_empty() && !moved => {}
            None => gaps.push((account, Gap::NoStatement)),
            Some(_) if own.iter().any(|one| one.rules_run_at.is_none()) => gaps.push((account, Gap::NotMatched)),
            Some(covering) => {
                let found = at(tx, None, covering, day).await?;
                if !found.difference.is_zero() {
                    gaps.push((account, Gap::Difference(found.difference)));
                }
            }
        }
    }
    Ok(gaps)
}

/// The print view (A4).
///
/// # Errors
/// 500 where the database fails.
pub async fn page(tx: &Tx, reading: &Reading, statement: &bank_statement::Model, day: NaiveDate) -> Result<String, Problem> {
    let found = at(tx, Some(reading), statement, day).await?;
    let street = street_names(tx, [statement.street_id]).await?.remove(&statement.street_id).unwrap_or_default();
    let name = Account::of_code(&found.account).map_or("", |account| account.facts().1);
    let months = tx.select::<ledger_period::Entity>().filter(ledger_period::Column::StreetId.eq(statement.street_id)).filter(ledger_period::Column::CloseReason.is_not_null());
    let within = months.filter(ledger_period::Column::Month.gte(Month::of(statement.from_date))).filter(ledger_period::Column::Month.lte(Month::of(statement.to_date)));
    let mut notes = String::new();
    for month in tx.all(within.order_by_asc(ledger_period::Column::Month)).await? {
        let _ = write!(notes, "<p>{} 结账说明：{}</p>", month.month, escape(month.close_reason.as_deref().unwrap_or_default()));
    }
    let verdict =
        if found.difference.is_zero() { "调节后余额相符。".to_owned() } else { format!("调节后余额相差 {}，源于首张对账单之前，尚未查明。", found.difference) };
    let row = |left: (&str, Fen), right: (&str, Fen)| format!("<tr><td>{}</td><td class=\"amount\">{}</td><td>{}</td><td class=\"amount\">{}</td></tr>", left.0, left.1, right.0, right.1);
    let rows = [
        row(("单位银行存款账面余额", found.book_balance), ("银行对账单余额", found.bank_balance)),
        row(("加：银行已收、单位未收", found.bank_received.sum), ("加：单位已收、银行未收", found.book_received.sum)),
        row(("减：银行已付、单位未付", found.bank_paid.sum), ("减：单位已付、银行未付", found.book_paid.sum)),
        row(("调节后余额", found.adjusted_book), ("调节后余额", found.adjusted_bank)),
    ];
    let lists = [("银行已收、单位未收", &found.bank_received), ("银行已付、单位未付", &found.bank_paid), ("单位已收、银行未收", &found.book_received), ("单位已付、银行未付", &found.book_paid)];
    Ok(format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{0}银行存款余额调节表 {2}</title><style>{STYLE}</style></head><body><h1>银行存款余额调节表</h1>\
         <div class=\"head\"><span>单位：{0}</span><span>科目：{1} {3}</span><span>截至：{2}</span><span>单位：元</span></div>\
         <table><thead><tr><th>项目</th><th>金额</th><th>项目</th><th>金额</th></tr></thead><tbody>{4}</tbody></table><p>{verdict}</p>{notes}\
         <h2>未达账项</h2>{5}<div class=\"foot\"><span>编制：</span><span>复核：</span><span>日期：</span></div>\
         <p class=\"small\">对账单 {6} 至 {7} · {8} · SHA-256 {9}</p></body></html>",
        escape(&street),
        escape(&found.account),
        found.as_of,
        name,
        rows.concat(),
        lists.into_iter().map(|(title, items)| list(title, items)).collect::<String>(),
        statement.from_date,
        statement.to_date,
        statement.id,
        escape(&statement.sha256),
    ))
}

fn list(title: &str, open: &OpenItems) -> String {
    if open.items.is_empty() {
        return format!("<p>{title}：无</p>");
    }
    let mut rows = String::new();
    for item in &open.items {
        let _ = write!(rows, "<tr><td>{}</td><td>{}</td><td class=\"amount\">{}</td></tr>", item.date, escape(&item.text), item.amount);
    }
    format!(
        "<table><thead><tr><th colspan=\"3\">{title}</th></tr><tr><th>日期</th><th>摘要</th><th>金额</th></tr></thead><tbody>{rows}</tbody><tfoot><tr><th colspan=\"2\">合计</th><td class=\"amount\">{}</td></tr></tfoot></table>",
        open.sum
    )
}
