//! What `ledger verify` asks of years beside what they received and spent: what each carried in, and what of it goes back to the treasury.

use std::collections::BTreeMap;

use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::funds::ledger::{Account, turnover_of_year};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Sql, Tx};

#[derive(FromQueryResult)]
struct Year {
    year: i32,
    state: String,
    carried_in: Fen,
    received: Fen,
    spent: Fen,
    to_return: Fen,
}

#[derive(FromQueryResult)]
struct OfYear {
    year: i32,
    amount: Fen,
}

const YEARS: Sql = Sql::both("SELECT year, state, carried_in, received, spent, to_return FROM fiscal_years WHERE street_id = $1 ORDER BY year");
/// What the categories had to return when a year closed: the final accounts keep it, whatever their rules say today.
const PUT_ASIDE: Sql = Sql::both("SELECT fiscal_year AS year, CAST(SUM(to_return) AS bigint) AS amount FROM final_accounts WHERE street_id = $1 GROUP BY fiscal_year ORDER BY fiscal_year");
const RETURNED: Sql = Sql::both(
    "SELECT v.fiscal_year AS year, CAST(SUM(l.debit - l.credit) AS bigint) AS amount FROM vouchers v \
     JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id AND l.account = '3001' \
     WHERE v.street_id = $1 AND v.kind = 'surplus_return' GROUP BY v.fiscal_year ORDER BY v.fiscal_year",
);

async fn by_year(tx: &Tx, street: Uuid, sql: Sql) -> Result<BTreeMap<i32, Fen>, Problem> {
    Ok(tx.query::<OfYear>(sql, vec![street.into()]).await?.into_iter().map(|row| (row.year, row.amount)).collect())
}

/// The first year that does not say what it must: carried in is what the closed year before it left and what was booked on 3001 in it; to be returned is what that year put aside, at most what
/// it left, less the surplus that was returned since.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn differs(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let (put_aside, returned) = (by_year(tx, street, PUT_ASIDE).await?, by_year(tx, street, RETURNED).await?);
    let mut before: Option<Year> = None;
    for year in tx.query::<Year>(YEARS, vec![street.into()]).await? {
        let moved = turnover_of_year(tx, street, Account::CarriedOver, year.year).await?;
        let moved = Fen::checked_sum(moved.into_iter().map(|sum| Fen(sum.credit.0.saturating_sub(sum.debit.0)))).map_err(Problem::internal)?;
        let of = |sums: &BTreeMap<i32, Fen>, year: i32| sums.get(&year).copied().unwrap_or_default();
        let (left, aside) = match before.take().filter(|last| last.state == "closed") {
            Some(last) => {
                let left = Fen::checked_sum([last.carried_in, last.received]).and_then(|sum| sum.checked_sub(last.spent)).map_err(Problem::internal)?;
                (left, of(&put_aside, last.year).min(left))
            }
            None => (Fen::ZERO, Fen::ZERO),
        };
        let carried_in = left.checked_add(moved).map_err(Problem::internal)?;
        let to_return = aside.checked_sub(of(&returned, year.year)).map_err(Problem::internal)?;
        if (carried_in, to_return) != (year.carried_in, year.to_return) {
            return Ok(Some(Words::new(
                format!("{} 年度登记为上年结转 {}、应上缴 {}，账上应为结转 {carried_in}、应上缴 {to_return}", year.year, year.carried_in, year.to_return),
                format!("the year {} says carried in {} to return {}, the ledger carried in {carried_in} to return {to_return}", year.year, year.carried_in, year.to_return),
            )));
        }
        before = Some(year);
    }
    Ok(None)
}
