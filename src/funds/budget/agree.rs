//! What `ledger verify` asks of receipts and of what went back to the treasury: that they say what their vouchers booked.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::routes_money::CategoryAmount;
use super::{receipt, treasury_return};
use crate::funds::ledger::verify::Found;
use crate::funds::ledger::voucher_name;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Sql, Tx};

/// What the voucher of a document booked of a category.
#[derive(FromQueryResult)]
struct Booked {
    id: Uuid,
    month: Month,
    number: i32,
    category_id: Option<Uuid>,
    booked: Fen,
}

const RECEIVED: Sql = Sql::both(
    "SELECT r.id, v.month, v.number, l.category_id, CAST(SUM(l.credit - l.debit) AS bigint) AS booked FROM receipts r \
     JOIN vouchers v ON v.district_id = r.district_id AND v.street_id = r.street_id AND v.id = r.voucher_id AND v.source_id = r.id AND v.fiscal_year = r.fiscal_year \
     JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id AND l.account = '4001' \
     WHERE r.street_id = $1 GROUP BY r.id, v.month, v.number, l.category_id",
);
const GIVEN_BACK: Sql = Sql::both(
    "SELECT r.id, v.month, v.number, l.category_id, CAST(SUM(l.debit - l.credit) AS bigint) AS booked FROM treasury_returns r \
     JOIN vouchers v ON v.district_id = r.district_id AND v.street_id = r.street_id AND v.id = r.voucher_id AND v.source_id = r.id AND v.fiscal_year = r.fiscal_year \
     JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id AND l.account = CASE r.kind WHEN 'surplus' THEN '3001' ELSE '4001' END \
     WHERE r.street_id = $1 GROUP BY r.id, v.month, v.number, l.category_id",
);

/// What a document says.
struct Document {
    id: Uuid,
    number: String,
    amount: Fen,
    lines: serde_json::Value,
}

/// The first receipt, or return to the treasury, whose amount or lines are not what its voucher booked, with that voucher's name.
///
/// # Errors
/// 500 where the database fails.
pub async fn receipts_differ(tx: &Tx, street: Uuid) -> Result<Option<Found>, Problem> {
    let rows = tx.all(tx.select::<receipt::Entity>().filter(receipt::Column::StreetId.eq(street)).order_by_asc(receipt::Column::Id)).await?;
    let said = rows.into_iter().map(|row| Document { id: row.id, number: row.document_number, amount: row.amount, lines: row.lines }).collect();
    if let Some(found) = differing(tx, street, RECEIVED, said, ("到位文件", "the receipt")).await? {
        return Ok(Some(found));
    }
    let rows = tx.all(tx.select::<treasury_return::Entity>().filter(treasury_return::Column::StreetId.eq(street)).order_by_asc(treasury_return::Column::Id)).await?;
    let said = rows.into_iter().map(|row| Document { id: row.id, number: row.document_number, amount: row.amount, lines: row.lines }).collect();
    differing(tx, street, GIVEN_BACK, said, ("上缴或收回文件", "the return to the treasury")).await
}

async fn differing(tx: &Tx, street: Uuid, sql: Sql, documents: Vec<Document>, (zh, en): (&str, &str)) -> Result<Option<Found>, Problem> {
    let mut booked: BTreeMap<Uuid, (String, BTreeMap<Uuid, Fen>)> = BTreeMap::new();
    for row in tx.query::<Booked>(sql, vec![street.into()]).await? {
        let (_, sums) = booked.entry(row.id).or_insert_with(|| (voucher_name(row.month, row.number), BTreeMap::new()));
        sums.insert(row.category_id.unwrap_or(Uuid::nil()), row.booked);
    }
    for document in documents {
        let (voucher, booked) = booked.remove(&document.id).map_or_else(Default::default, |(name, sums)| (Some(name), sums));
        let mut said: BTreeMap<Uuid, Fen> = BTreeMap::new();
        // What cannot be read as its lines was changed by hand too.
        for line in serde_json::from_value::<Vec<CategoryAmount>>(document.lines).unwrap_or_default() {
            let sum = said.entry(line.category_id).or_default();
            *sum = sum.checked_add(line.amount).map_err(Problem::internal)?;
        }
        let (lines, sum) = (Fen::checked_sum(said.values().copied()).map_err(Problem::internal)?, Fen::checked_sum(booked.values().copied()).map_err(Problem::internal)?);
        if document.amount != sum || said != booked {
            let what = Words::new(
                format!("{zh} {} 登记金额 {}、分类合计 {lines}，凭证入账 {sum}，按类别亦须一致", document.number, document.amount),
                format!("{en} {} says {}, its lines {lines}, its voucher books {sum}; they must agree by category too", document.number, document.amount),
            );
            return Ok(Some((voucher, what)));
        }
    }
    Ok(None)
}
