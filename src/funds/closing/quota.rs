//! E13q: unused treasury quota lapses at the end of a year, before the year-end transfer: not what posted stipends or open batches still need.

use std::collections::BTreeMap;

use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::refusals;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, balance_of, fiscal_year, post, turnover_of_year};
use crate::funds::{claim, stipend};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};

/// A line of a voucher that moves quota.
#[derive(Clone, Debug, FromQueryResult)]
struct QuotaLine {
    voucher_id: Uuid,
    account: String,
    category_id: Option<Uuid>,
    amount: Fen,
}

/// What a voucher moves of the quota, its other lines by category, and the first of those.
#[derive(Default)]
struct QuotaVoucher {
    moved: i64,
    categories: BTreeMap<Uuid, i64>,
    first: Option<Uuid>,
}

const LINES: Sql = Sql::both(
    "SELECT l.voucher_id, l.account, l.category_id, l.debit - l.credit AS amount FROM voucher_lines l \
     JOIN vouchers v ON v.district_id = l.district_id AND v.street_id = l.street_id AND v.id = l.voucher_id WHERE l.street_id = $1 AND v.date <= $2 \
     AND EXISTS (SELECT 1 FROM voucher_lines q WHERE q.district_id = l.district_id AND q.voucher_id = l.voucher_id AND q.account = '1011') ORDER BY l.voucher_id, l.line_number",
);

/// What each category holds of the quota: 1011 is not kept by category, so that what a voucher moves there goes to the categories of its other lines. What lines without a category took (tax) is that of the voucher's first.
fn by_category(lines: &[QuotaLine]) -> BTreeMap<Uuid, i64> {
    let mut vouchers: BTreeMap<Uuid, QuotaVoucher> = BTreeMap::new();
    for line in lines {
        let QuotaVoucher { moved, categories, first } = vouchers.entry(line.voucher_id).or_default();
        if line.account == Account::TreasuryQuota.code() {
            *moved = moved.saturating_add(line.amount.0);
        } else if let Some(category) = line.category_id {
            first.get_or_insert(category);
            let sum = categories.entry(category).or_default();
            *sum = sum.saturating_sub(line.amount.0);
        }
    }
    let mut held: BTreeMap<Uuid, i64> = BTreeMap::new();
    for QuotaVoucher { moved, categories, first } in vouchers.into_values() {
        let rest = categories.values().fold(moved, |rest, sum| rest.saturating_sub(*sum));
        for (category, sum) in categories {
            let own = if first == Some(category) { sum.saturating_add(rest) } else { sum };
            let total = held.entry(category).or_default();
            *total = total.saturating_add(own);
        }
    }
    held
}

/// What lapses of each category: what it holds of the quota beyond what is still needed, at most what it received this year and has not spent, and of all together at most what 1011 holds beyond what is needed.
fn lapsing(held: &BTreeMap<Uuid, i64>, needed: &BTreeMap<Uuid, i64>, unspent: &BTreeMap<Uuid, i64>, balance: i64) -> Vec<(Uuid, Fen)> {
    let of = |map: &BTreeMap<Uuid, i64>, category: &Uuid| map.get(category).copied().unwrap_or(0);
    let mut left = needed.values().fold(balance, |left, sum| left.saturating_sub(*sum));
    let mut lapses = Vec::new();
    for (category, sum) in held {
        let amount = sum.saturating_sub(of(needed, category)).min(of(unspent, category)).min(left);
        if amount > 0 {
            left = left.saturating_sub(amount);
            lapses.push((*category, Fen(amount)));
        }
    }
    lapses
}

async fn unspent(tx: &Tx, year: &fiscal_year::Model) -> Result<BTreeMap<Uuid, i64>, Problem> {
    let mut unspent: BTreeMap<Uuid, i64> = BTreeMap::new();
    for account in [Account::Appropriation, Account::Expenditure] {
        for turnover in turnover_of_year(tx, year.street_id, account, year.year).await? {
            let sum = unspent.entry(turnover.category_key).or_default();
            *sum = sum.saturating_add(turnover.credit.0).saturating_sub(turnover.debit.0);
        }
    }
    Ok(unspent)
}

/// Lets what is unused lapse (Dr 4001 / Cr 1011, dated 31 December); gives what lapsed in all.
///
/// # Errors
/// 409 `period_closed`, `fiscal_year_not_open`.
pub(super) async fn lapse(tx: &Tx, act: &Act, year: &fiscal_year::Model, december: Month) -> Result<Fen, Problem> {
    // The quota as it was when the year ended: what the next year has received since is its own.
    let held = by_category(&tx.query::<QuotaLine>(LINES, vec![year.street_id.into(), december.last_day().into()]).await?);
    let at_the_end = held.values().fold(0_i64, |sum, own| sum.saturating_add(*own));
    let balance = balance_of(tx, year.street_id, Account::TreasuryQuota).await?.min(Fen(at_the_end));
    if !balance.is_positive() {
        return Ok(Fen::ZERO);
    }
    let mut needed: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (category, amount) in claim::quota_in_batches(tx, year.street_id).await?.into_iter().chain(stipend::quota_awaiting_payment(tx, year.street_id).await?) {
        let sum = needed.entry(category).or_default();
        *sum = sum.saturating_add(amount.0);
    }
    let lapses = lapsing(&held, &needed, &unspent(tx, year).await?, balance.0);
    let total = Fen::checked_sum(lapses.iter().map(|(_, amount)| *amount)).map_err(Problem::internal)?;
    if total.is_zero() {
        return Ok(total);
    }
    let trace = serde_json::json!({"amount": total, "lines": lapses.iter().map(|(category, amount)| serde_json::json!({"category_id": category, "amount": amount})).collect::<Vec<_>>()});
    audit::record(tx, act, Event::new("fiscal_year.lapse_quota", "fiscal_year", year.id, fiscal_year::Entity::place(year)).after(&trace)?).await?;
    years::add(tx, year.street_id, year.year, Sums { received: total.checked_neg().map_err(Problem::internal)?, ..Sums::default() }).await?;
    let mut entries: Vec<Entry> = lapses.into_iter().map(|(category, amount)| Entry::debit(Account::Appropriation, amount).of_category(category)).collect();
    entries.push(Entry::credit(Account::TreasuryQuota, total));
    post(tx, act, Posting::new((year.district_id, year.street_id), december.last_day(), VoucherKind::QuotaLapse, ("fiscal_year", year.id), year.year.to_string(), entries)).await?;
    Ok(total)
}

/// Lets unused quota lapse before the year is closed, once it is over; closing does the same with what is left then.
///
/// # Errors
/// 409 `invalid_transition`, `period_not_over`, `no_quota_unused`.
pub async fn lapse_now(tx: &Tx, act: &Act, row: Authorised<fiscal_year::Model>) -> Result<fiscal_year::Model, Problem> {
    let before = row.into_inner();
    if before.state != "open" {
        return Err(Problem::invalid_transition("lapse_quota", &before.state));
    }
    let december = Month::new(before.year, 12).ok_or_else(|| Problem::internal("no December"))?;
    if act.today <= december.last_day() {
        return Err(refusals::period_not_over(december.last_day()));
    }
    if lapse(tx, act, &before, december).await?.is_zero() {
        return Err(refusals::no_quota_unused());
    }
    years::find(tx, before.street_id, before.year).await?.ok_or_else(|| Problem::internal("a year that is no more"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(voucher: u128, account: &str, category: Option<u128>, amount: i64) -> QuotaLine {
        QuotaLine { voucher_id: Uuid::from_u128(voucher), account: account.to_owned(), category_id: category.map(Uuid::from_u128), amount: Fen(amount) }
    }

    fn map(pairs: &[(u128, i64)]) -> BTreeMap<Uuid, i64> {
        pairs.iter().map(|(category, amount)| (Uuid::from_u128(*category), *amount)).collect()
    }

    #[test]
    fn quota_is_held_by_the_categories_that_received_and_spent_it() {
        let lines = [
            line(1, "1011", None, 300),
            line(1, "4001", Some(1), -200),
            line(1, "4001", Some(2), -100),
            // A lecture of 100.00 gross: 80.00 from the quota, 20.00 of tax withheld.
            line(2, "5001", Some(1), 100),
            line(2, "1011", None, -80),
            line(2, "2307", None, -20),
        ];
        assert_eq!(by_category(&lines), map(&[(1, 120), (2, 100)]));
    }

    #[test]
    fn what_is_needed_or_spent_does_not_lapse() {
        let lapses = lapsing(&map(&[(1, 120), (2, 100)]), &map(&[(2, 70)]), &map(&[(1, 100), (2, 100)]), 220);
        assert_eq!(lapses, [(Uuid::from_u128(1), Fen(100)), (Uuid::from_u128(2), Fen(30))]);
    }

    proptest! {
        #[test]
        fn never_more_lapses_than_is_there_and_not_needed(held in proptest::collection::vec(-50_i64..200, 1..6), needed in proptest::collection::vec(0_i64..100, 6), unspent in proptest::collection::vec(-50_i64..200, 6)) {
            let numbered = |all: &[i64]| (1_u128..).zip(all).map(|(category, amount)| (Uuid::from_u128(category), *amount)).collect::<BTreeMap<_, _>>();
            let (held, needed, unspent) = (numbered(&held), numbered(&needed), numbered(&unspent));
            let balance: i64 = held.values().sum();
            let lapses = lapsing(&held, &needed, &unspent, balance);
            let total: i64 = lapses.iter().map(|(_, amount)| amount.0).sum();
            prop_assert!(total == 0 || total + needed.values().sum::<i64>() <= balance);
            for (category, amount) in lapses {
                prop_assert!(amount.0 > 0 && amount.0 + needed.get(&category).unwrap_or(&0) <= held[&category] && amount.0 <= unspent[&category]);
            }
        }
    }
}
