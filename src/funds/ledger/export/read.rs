//! What an export reads: the stretch of the books, sums by account, what was exported before; and the file, piece by piece.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::entity::{voucher_export, voucher_export_chunk, voucher_export_item};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// Months of a street's books as they stand at a place in the chain: vouchers that come meanwhile are not in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) street: Uuid,
    pub(super) from: Month,
    pub(super) to: Month,
    pub(super) last_seq: i64,
}

/// How much there is.
#[derive(Debug, FromQueryResult)]
pub(super) struct Extent {
    pub(super) vouchers: i64,
    pub(super) lines: i64,
}

/// Sums of an account with its dimensions.
#[derive(Debug, FromQueryResult)]
struct SumRow {
    account: String,
    category_key: Uuid,
    community_key: Uuid,
    debit: Fen,
    credit: Fen,
}

/// Sums of an account with its dimensions.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) account: String,
    pub(super) category: Option<Uuid>,
    pub(super) community: Option<Uuid>,
    pub(super) debit: Fen,
    pub(super) credit: Fen,
}

#[derive(FromQueryResult)]
struct Number {
    n: i64,
}

impl Stretch {
    /// Months of a street as its books stand now.
    pub(super) async fn now(tx: &Tx, street: Uuid, from: Month, to: Month) -> Result<Self, Problem> {
        let head = tx.query_one::<Number>(Sql::both("SELECT seq AS n FROM ledger_heads WHERE street_id = $1"), vec![street.into()]).await?;
        Ok(Self { street, from, to, last_seq: head.map_or(0, |head| head.n) })
    }

    fn values(&self) -> Vec<sea_orm::Value> {
        vec![self.street.into(), self.from.into(), self.to.into(), self.last_seq.into()]
    }

    pub(super) async fn extent(&self, tx: &Tx) -> Result<Extent, Problem> {
        let count = Sql::both(
            "SELECT CAST(COUNT(DISTINCT v.id) AS bigint) AS vouchers, CAST(COUNT(l.id) AS bigint) AS lines FROM vouchers v JOIN voucher_lines l ON l.voucher_id = v.id \
             WHERE v.street_id = $1 AND v.month BETWEEN $2 AND $3 AND v.seq <= $4",
        );
        tx.query_one::<Extent>(count, self.values()).await?.ok_or_else(|| Problem::internal("no count"))
    }

    /// How many of its vouchers were exported before.
    pub(super) async fn already_exported(&self, tx: &Tx) -> Result<i64, Problem> {
        let count = Sql::both(
            "SELECT CAST(COUNT(*) AS bigint) AS n FROM vouchers v WHERE v.street_id = $1 AND v.month BETWEEN $2 AND $3 AND v.seq <= $4 \
             AND EXISTS (SELECT 1 FROM voucher_export_items i WHERE i.district_id = v.district_id AND i.street_id = v.street_id AND i.voucher_id = v.id)",
        );
        Ok(tx.query_one::<Number>(count, self.values()).await?.map_or(0, |row| row.n))
    }

    /// What its lines sum to, from the lines themselves.
    pub(super) async fn sums(&self, tx: &Tx) -> Result<Vec<Sum>, Problem> {
        let sum = Sql::both(
            "SELECT account, category_key, community_key, CAST(SUM(debit) AS bigint) AS debit, CAST(SUM(credit) AS bigint) AS credit FROM ( \
             SELECT l.account, COALESCE(l.category_id, $5) AS category_key, COALESCE(l.community_id, $5) AS community_key, l.debit, l.credit FROM vouchers v JOIN voucher_lines l ON l.voucher_id = v.id \
             WHERE v.street_id = $1 AND v.month BETWEEN $2 AND $3 AND v.seq <= $4) AS lines GROUP BY account, category_key, community_key ORDER BY account, category_key, community_key",
        );
        let mut values = self.values();
        values.push(Uuid::nil().into());
        let dimension = |key: Uuid| (!key.is_nil()).then_some(key);
        let rows = tx.query::<SumRow>(sum, values).await?;
        let sums = rows.into_iter().map(|row| Sum { account: row.account, category: dimension(row.category_key), community: dimension(row.community_key), debit: row.debit, credit: row.credit });
        Ok(sums.collect())
    }
}

/// The exports of each of these vouchers, the oldest first.
///
/// # Errors
/// 500 where the database fails.
pub async fn exports_of(tx: &Tx, vouchers: impl IntoIterator<Item = Uuid>) -> Result<BTreeMap<Uuid, Vec<Uuid>>, Problem> {
    let select = tx.select::<voucher_export_item::Entity>().filter(voucher_export_item::Column::VoucherId.is_in(vouchers)).order_by_asc(voucher_export_item::Column::ExportId);
    let mut exports: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for mark in tx.all(select).await? {
        exports.entry(mark.voucher_id).or_default().push(mark.export_id);
    }
    Ok(exports)
}

/// A piece of an export's file; none after the last one.
///
/// # Errors
/// 500 where the database fails.
pub async fn read_chunk(tx: &Tx, export: &voucher_export::Model, number: i32) -> Result<Option<Vec<u8>>, Problem> {
    let select = tx.select::<voucher_export_chunk::Entity>().filter(voucher_export_chunk::Column::StreetId.eq(export.street_id)).filter(voucher_export_chunk::Column::ExportId.eq(export.id));
    Ok(tx.one(select.filter(voucher_export_chunk::Column::Number.eq(number))).await?.map(|chunk| chunk.content))
}
