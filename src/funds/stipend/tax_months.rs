//! What was paid to and withheld from a person in a calendar month, over all schemes of the street: tax is reckoned on the month's whole.
//!
//! Whoever reads these months in order to withhold or to give back takes the street's lock first and holds it to the end of the transaction, so that two
//! schemes which post at the same moment do not each tax their own part alone. The lock comes after the document (run, scheme) and before budget lines.

use std::collections::BTreeMap;

use sea_orm::FromQueryResult;
use serde::Serialize;
use uuid::Uuid;

use super::compute::Computed;
use super::write::json;
use super::{model, recovery_model, stipend_scheme};
use crate::funds::spending::tax::labour_on;
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// Whether a scheme's payments are taxed as labour income (劳务报酬).
#[must_use]
pub fn is_taxed(row: &stipend_scheme::Model) -> bool {
    row.tax_kind == "labour"
}

/// Nobody else withholds or gives back tax in this street until the transaction ends. SQLite has one writer anyway. A lock of its own rather than one on rows:
/// a person's first payment of a month has no row yet.
///
/// # Errors
/// 500 where the database fails.
pub async fn lock(tx: &Tx, street: Uuid) -> Result<(), Problem> {
    if tx.is_postgres() {
        let sql = Sql::both("SELECT pg_advisory_xact_lock(hashtextextended('mingzhang tax months ' || CAST($1 AS text), 0))");
        tx.execute(sql, vec![street.into()]).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct PersonMonth {
    person_key: String,
    gross: Fen,
    tax: Fen,
}

/// Sets the tax of each item, in their order: the rule on the month's sum, less what was withheld in it. Several items of one person in one run add up; one that
/// is held shows what would be withheld now, and counts for nobody else. Who is about to post takes [`lock`] first.
///
/// # Errors
/// 500 where the database fails.
pub async fn withhold(tx: &Tx, act: &Act, row: &stipend_scheme::Model, items: &mut [Computed]) -> Result<(), Problem> {
    if !is_taxed(row) {
        return Ok(());
    }
    let month = Month::of(act.today);
    let rule = labour_on(tx, month.first_day()).await?;
    let find = Sql::both("SELECT person_key, gross, tax FROM stipend_tax_months WHERE street_id = $1 AND month = $2");
    let rows = tx.query::<PersonMonth>(find, vec![row.street_id.into(), month.into()]).await?;
    let mut known: BTreeMap<String, (Fen, Fen)> = rows.into_iter().map(|row| (row.person_key, (row.gross, row.tax))).collect();
    for item in items {
        let (gross, withheld) = known.get(&item.beneficiary.person_key).copied().unwrap_or_default();
        item.tax = model::tax_of_item(&rule, gross, withheld, item.planned.amount);
        if item.is_paid() {
            let sums = (gross.checked_add(item.planned.amount).map_err(Problem::internal)?, withheld.checked_add(item.tax).map_err(Problem::internal)?);
            known.insert(item.beneficiary.person_key.clone(), sums);
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct TaxRow<'a> {
    person: &'a str,
    gross: i64,
    tax: i64,
}

const ADD: Sql = Sql {
    postgres: "INSERT INTO stipend_tax_months (district_id, street_id, person_key, month, gross, tax) \
        SELECT $2, $3, r.person, $4, r.gross, r.tax FROM json_to_recordset(CAST($1 AS json)) AS r(person text, gross bigint, tax bigint) \
        ON CONFLICT (district_id, street_id, person_key, month) DO UPDATE SET gross = stipend_tax_months.gross + excluded.gross, tax = stipend_tax_months.tax + excluded.tax",
    sqlite: "INSERT INTO stipend_tax_months (district_id, street_id, person_key, month, gross, tax) \
        SELECT $2, $3, value ->> 'person', $4, value ->> 'gross', value ->> 'tax' FROM json_each($1) WHERE true \
        ON CONFLICT (district_id, street_id, person_key, month) DO UPDATE SET gross = stipend_tax_months.gross + excluded.gross, tax = stipend_tax_months.tax + excluded.tax",
};

/// Adds what is paid to each person's month.
///
/// # Errors
/// 500 where the database fails.
pub async fn add(tx: &Tx, row: &stipend_scheme::Model, month: Month, items: &[Computed]) -> Result<(), Problem> {
    if !is_taxed(row) {
        return Ok(());
    }
    let mut people: BTreeMap<&str, (Fen, Fen)> = BTreeMap::new();
    for item in items.iter().filter(|item| item.is_paid() && item.planned.amount.is_positive()) {
        let sums = people.entry(&item.beneficiary.person_key).or_default();
        *sums = (sums.0.checked_add(item.planned.amount).map_err(Problem::internal)?, sums.1.checked_add(item.tax).map_err(Problem::internal)?);
    }
    let rows: Vec<TaxRow<'_>> = people.into_iter().map(|(person, (gross, tax))| TaxRow { person, gross: gross.0, tax: tax.0 }).collect();
    if !rows.is_empty() {
        tx.execute(ADD, vec![json(&rows)?, row.district_id.into(), row.street_id.into(), month.into()]).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Withheld {
    gross: Fen,
    tax: Fen,
}

async fn of_month(tx: &Tx, street: Uuid, person: &str, month: Month) -> Result<Withheld, Problem> {
    let find = Sql::both("SELECT gross, tax FROM stipend_tax_months WHERE street_id = $1 AND person_key = $2 AND month = $3");
    tx.query_one::<Withheld>(find, vec![street.into(), person.to_owned().into(), month.into()]).await?.ok_or_else(|| Problem::internal("a taxed item without its month"))
}

const LESSEN: Sql = Sql::both("UPDATE stipend_tax_months SET gross = gross - $4, tax = tax - $5 WHERE street_id = $1 AND person_key = $2 AND month = $3");

/// Takes a returned payment off the month it was paid in (E8); gives the tax that comes back with it: what the month still has of it. What a recovery (E10) gave back
/// before is not taken twice: so much of the payment the person has kept. Under [`lock`].
///
/// # Errors
/// 500 where the month has no payment or the database fails.
pub async fn give_back(tx: &Tx, street: Uuid, person: &str, month: Month, (gross, tax): (Fen, Fen)) -> Result<Fen, Problem> {
    let back = of_month(tx, street, person, month).await?.tax.min(tax);
    let kept = tax.checked_sub(back).map_err(Problem::internal)?;
    let gross = gross.checked_sub(kept).map_err(Problem::internal)?;
    tx.execute(LESSEN, vec![street.into(), person.to_owned().into(), month.into(), gross.into(), back.into()]).await?;
    Ok(back)
}

/// Takes money paid back in cash off the month it was paid in (E10); gives the tax that comes back with it. Under [`lock`].
///
/// # Errors
/// 500 where the month has no payment or the database fails.
pub async fn recover(tx: &Tx, street: Uuid, person: &str, month: Month, gross: Fen) -> Result<Fen, Problem> {
    let known = of_month(tx, street, person, month).await?;
    let rule = labour_on(tx, month.first_day()).await?;
    let tax = recovery_model::tax_back(&rule, known.gross, known.tax, gross);
    tx.execute(LESSEN, vec![street.into(), person.to_owned().into(), month.into(), gross.into(), tax.into()]).await?;
    Ok(tax)
}
