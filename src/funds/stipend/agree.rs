//! What `ledger verify` asks of stipends: that items, their parts and the tax they withheld agree with the books.

use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::funds::ledger::verify::Found;
use crate::funds::ledger::{Account, balance_of, voucher_name};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Problem, Words};
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
pub async fn payable(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let waiting = sum(tx, street, "SELECT CAST(COALESCE(SUM(net), 0) AS bigint) AS amount FROM payout_items WHERE street_id = $1 AND state IN ('posted', 'exported')").await?;
    let balance = balance_of(tx, street, Account::StipendsPayable).await?;
    let told = || Words::new(format!("科目 2302 余额 {balance}，已过账和已导出的明细待付 {waiting}"), format!("account 2302 says {balance}, posted and exported items wait for {waiting}"));
    Ok((waiting != balance).then(told))
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
pub async fn parts_differ(tx: &Tx, street: Uuid) -> Result<Option<Found>, Problem> {
    let compare = Sql::both(
        "SELECT i.id, CAST(COALESCE(p.amount, 0) AS bigint) AS settled, CASE WHEN i.state IN ('posted', 'exported', 'paid') THEN i.gross WHEN i.state = 'returned' THEN i.kept ELSE 0 END AS paid, v.month, v.number \
         FROM payout_items i JOIN payout_runs r ON r.id = i.run_id LEFT JOIN vouchers v ON v.id = r.voucher_id \
         LEFT JOIN (SELECT item_id, SUM(amount) AS amount FROM payout_parts WHERE street_id = $1 AND live GROUP BY item_id) p ON p.item_id = i.id \
         WHERE i.street_id = $1 AND COALESCE(p.amount, 0) <> CASE WHEN i.state IN ('posted', 'exported', 'paid') THEN i.gross WHEN i.state = 'returned' THEN i.kept ELSE 0 END \
         ORDER BY v.seq, i.id LIMIT 1",
    );
    let found = tx.query_one::<Differing>(compare, vec![street.into()]).await?;
    let told = |item: Differing| {
        let what = Words::new(format!("明细 {} 发放 {}，其各期合计 {}", item.id, item.paid, item.settled), format!("the item {} paid {}, its parts make {}", item.id, item.paid, item.settled));
        (item.month.zip(item.number).map(|(month, number)| voucher_name(month, number)), what)
    };
    Ok(found.map(told))
}

/// What a scheme's authorisations have used in a year, as it is kept and as the books have it.
#[derive(FromQueryResult)]
struct Used {
    name: String,
    fiscal_year: i32,
    kept: Fen,
    booked: Fen,
}

/// The first scheme and year whose authorisations are kept as having paid something else than the vouchers of their runs charged, less what returns of the same year took back.
///
/// # Errors
/// 500 where the database fails.
pub async fn authorised_differs(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let compare = Sql::both(
        "SELECT s.name, u.fiscal_year, CAST(SUM(u.kept) AS bigint) AS kept, CAST(SUM(u.booked) AS bigint) AS booked FROM ( \
         SELECT scheme_id, fiscal_year, used AS kept, 0 AS booked FROM authorisation_sums WHERE street_id = $1 \
         UNION ALL SELECT r.scheme_id, r.fiscal_year, 0, l.debit - l.credit FROM ( \
           SELECT p.id AS run_id, p.voucher_id FROM payout_runs p WHERE p.street_id = $1 AND p.authorisation_id IS NOT NULL AND p.voucher_id IS NOT NULL \
           UNION ALL SELECT f.run_id, v.id FROM bank_files f JOIN vouchers v ON v.district_id = f.district_id AND v.street_id = f.street_id AND v.source_id = f.id WHERE f.street_id = $1 AND v.kind = 'stipend_return' \
           UNION ALL SELECT i.run_id, v.id FROM payout_items i JOIN vouchers v ON v.district_id = i.district_id AND v.street_id = i.street_id AND v.source_id = i.id \
           WHERE i.street_id = $1 AND i.state = 'returned' AND v.kind = 'stipend_return') b \
         JOIN payout_runs r ON r.id = b.run_id JOIN voucher_lines l ON l.district_id = r.district_id AND l.street_id = r.street_id AND l.voucher_id = b.voucher_id \
         WHERE r.authorisation_id IS NOT NULL AND l.account = '5001') u \
         JOIN stipend_schemes s ON s.id = u.scheme_id GROUP BY s.id, s.name, u.fiscal_year HAVING SUM(u.kept) <> SUM(u.booked) ORDER BY u.fiscal_year, s.id LIMIT 1",
    );
    let told = |sum: Used| {
        Words::new(
            format!("方案“{}”{} 年度的常设授权登记为已用 {}，账上为 {}", sum.name, sum.fiscal_year, sum.kept, sum.booked),
            format!("the authorisations of the scheme {} in {} are kept as having used {}, the ledger says {}", sum.name, sum.fiscal_year, sum.kept, sum.booked),
        )
    };
    Ok(tx.query_one::<Used>(compare, vec![street.into()]).await?.map(told))
}
