//! What `ledger verify` asks of stipends: that items, their parts and the tax they withheld agree with the books.

use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::funds::ledger::{Account, balance_of, voucher_name};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

#[derive(FromQueryResult)]
struct Sum {
    amount: Fen,
}

async fn sum(tx: &Tx, street: Uuid, sql: &'static str) -> Result<Fen, Problem> {
    Ok(tx.query_one::<Sum>(Sql::both(sql), vec![street.into()]).await?.map_or(Fen::ZERO, |row| row.amount))
}

/// What is wrong with stipends payable: its balance is not what posted and exported items still wait for.
///
/// # Errors
/// 500 where the database fails.
pub async fn payable(tx: &Tx, street: Uuid) -> Result<Option<String>, Problem> {
    let waiting = sum(tx, street, "SELECT CAST(COALESCE(SUM(net), 0) AS bigint) AS amount FROM payout_items WHERE street_id = $1 AND state IN ('posted', 'exported')").await?;
    let balance = balance_of(tx, street, Account::StipendsPayable).await?;
    Ok((waiting != balance).then(|| format!("account 2302 says {balance}, posted and exported items wait for {waiting}")))
}

/// The tax that items withheld and recoveries have not given back.
///
/// # Errors
/// 500 where the database fails.
pub async fn withheld(tx: &Tx, street: Uuid) -> Result<Fen, Problem> {
    let items = "SELECT CAST(COALESCE(SUM(CASE WHEN state = 'returned' THEN kept ELSE tax END), 0) AS bigint) AS amount FROM payout_items \
        WHERE street_id = $1 AND state IN ('posted', 'exported', 'paid', 'returned')";
    let recoveries = "SELECT CAST(COALESCE(SUM(tax), 0) AS bigint) AS amount FROM recoveries WHERE street_id = $1 AND kind = 'cash' AND state = 'settled'";
    sum(tx, street, items).await?.checked_sub(sum(tx, street, recoveries).await?).map_err(Problem::internal)
}

/// An item whose live parts are not what it paid.
#[derive(FromQueryResult)]
struct Differing {
    id: Uuid,
    settled: Fen,
    paid: Fen,
    month: Option<Month>,
    number: Option<i32>,
}

/// The first item whose live parts do not make what it paid, with the voucher of its run: its gross once it is posted, what is kept of it where it was returned, nothing before.
///
/// # Errors
/// 500 where the database fails.
pub async fn parts_differ(tx: &Tx, street: Uuid) -> Result<Option<(Option<String>, String)>, Problem> {
    let compare = Sql::both(
        "SELECT i.id, CAST(COALESCE(p.amount, 0) AS bigint) AS settled, CASE WHEN i.state IN ('posted', 'exported', 'paid') THEN i.gross WHEN i.state = 'returned' THEN i.kept ELSE 0 END AS paid, v.month, v.number \
         FROM payout_items i JOIN payout_runs r ON r.id = i.run_id LEFT JOIN vouchers v ON v.id = r.voucher_id \
         LEFT JOIN (SELECT item_id, SUM(amount) AS amount FROM payout_parts WHERE street_id = $1 AND live GROUP BY item_id) p ON p.item_id = i.id \
         WHERE i.street_id = $1 AND COALESCE(p.amount, 0) <> CASE WHEN i.state IN ('posted', 'exported', 'paid') THEN i.gross WHEN i.state = 'returned' THEN i.kept ELSE 0 END \
         ORDER BY v.seq, i.id LIMIT 1",
    );
    let found = tx.query_one::<Differing>(compare, vec![street.into()]).await?;
    Ok(found.map(|item| (item.month.zip(item.number).map(|(month, number)| voucher_name(month, number)), format!("the item {} paid {}, its parts make {}", item.id, item.paid, item.settled))))
}
