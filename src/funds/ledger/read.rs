//! Balances, from the turnovers that are kept by month: nothing is summed over the whole ledger.

use chrono::NaiveDate;
use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::Account;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

#[derive(FromQueryResult)]
struct Sum {
    amount: Fen,
}

/// The balance of an account on its own side, over all its dimensions.
///
/// # Errors
/// 500 where the database fails.
pub async fn balance_of(tx: &Tx, street: Uuid, account: Account) -> Result<Fen, Problem> {
    let sum = Sql::both("SELECT CAST(COALESCE(SUM(debit - credit), 0) AS bigint) AS amount FROM ledger_turnovers WHERE street_id = $1 AND account = $2");
    let found = tx.query_one::<Sum>(sum, vec![street.into(), account.code().into()]).await?.map_or(Fen::ZERO, |sum| sum.amount);
    if account.is_debit() { Ok(found) } else { found.checked_neg().map_err(Problem::internal) }
}

/// A turnover by category and community.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Turnover {
    /// The category; nil where the account has none.
    pub category_key: Uuid,
    /// The community; nil for the street's own.
    pub community_key: Uuid,
    /// Debits.
    pub debit: Fen,
    /// Credits.
    pub credit: Fen,
}

/// The turnovers of an account in a year, without the year-end transfer.
///
/// # Errors
/// 500 where the database fails.
pub async fn turnover_of_year(tx: &Tx, street: Uuid, account: Account, year: i32) -> Result<Vec<Turnover>, Problem> {
    let sum = Sql::both(
        "SELECT category_key, community_key, CAST(SUM(debit) AS bigint) AS debit, CAST(SUM(credit) AS bigint) AS credit FROM ledger_turnovers \
         WHERE street_id = $1 AND account = $2 AND month BETWEEN $3 AND $4 AND NOT closing GROUP BY category_key, community_key ORDER BY category_key, community_key",
    );
    tx.query(sum, vec![street.into(), account.code().into(), format!("{year}-01").into(), format!("{year}-12").into()]).await
}

/// A balance by account, category and community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Balance {
    /// The account's code.
    pub account: String,
    /// Its name.
    pub account_name: String,
    /// The category.
    pub category_id: Option<Uuid>,
    /// The community.
    pub community_id: Option<Uuid>,
    /// Debits so far.
    pub debit: Fen,
    /// Credits so far.
    pub credit: Fen,
    /// The balance on the account's own side.
    pub balance: Fen,
}

#[derive(FromQueryResult)]
struct BalanceRow {
    account: String,
    category_key: Uuid,
    community_key: Uuid,
    debit: Fen,
    credit: Fen,
}

/// The balances of a street at the end of a day: the months before, and the month's lines up to it.
///
/// # Errors
/// 500 where the database fails.
pub async fn balances(tx: &Tx, street: Uuid, as_of: NaiveDate) -> Result<Vec<Balance>, Problem> {
    let sum = Sql::both(
        "SELECT account, category_key, community_key, CAST(SUM(debit) AS bigint) AS debit, CAST(SUM(credit) AS bigint) AS credit FROM ( \
         SELECT account, category_key, community_key, debit, credit FROM ledger_turnovers WHERE street_id = $1 AND month < $2 \
         UNION ALL SELECT l.account, COALESCE(l.category_id, $4), COALESCE(l.community_id, $4), l.debit, l.credit FROM voucher_lines l JOIN vouchers v ON v.id = l.voucher_id \
         WHERE v.street_id = $1 AND v.month = $2 AND v.date <= $3) AS both_parts GROUP BY account, category_key, community_key ORDER BY account, category_key, community_key",
    );
    let rows = tx.query::<BalanceRow>(sum, vec![street.into(), Month::of(as_of).into(), as_of.into(), Uuid::nil().into()]).await?;
    rows.into_iter()
        .map(|row| {
            let account = Account::of_code(&row.account).ok_or_else(|| Problem::internal(format!("account {}", row.account)))?;
            let (plus, minus) = if account.is_debit() { (row.debit, row.credit) } else { (row.credit, row.debit) };
            let dimension = |key: Uuid| (!key.is_nil()).then_some(key);
            Ok(Balance {
                account_name: account.facts().1.to_owned(),
                account: row.account,
                category_id: dimension(row.category_key),
                community_id: dimension(row.community_key),
                debit: row.debit,
                credit: row.credit,
                balance: plus.checked_sub(minus).map_err(Problem::internal)?,
            })
        })
        .collect()
}

#[derive(FromQueryResult)]
struct Document {
    document_id: Uuid,
}

/// The documents that a voucher records: what caused it, and where that is one of the bank's files or payments, the run too.
///
/// # Errors
/// 500 where the database fails.
pub async fn documents(tx: &Tx, voucher: Uuid) -> Result<Vec<Uuid>, Problem> {
    let found = tx.query::<Document>(Sql::both("SELECT document_id FROM v_voucher_documents WHERE voucher_id = $1"), vec![voucher.into()]).await?;
    Ok(found.into_iter().map(|found| found.document_id).collect())
}
