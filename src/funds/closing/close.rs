//! Months close in order; the year closes December, the year-end transfer (E13) being its last voucher.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{final_accounts, quota, refusals};
use crate::funds::commitment::open_commitments;
use crate::funds::ledger::refusals::period_closed;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, balances, fiscal_year, hold_head, ledger_period, post, turnover_of_year};
use crate::funds::spending::category;
use crate::funds::stipend::open_runs;
use crate::funds::{bank, budget, claim};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};

async fn require_earlier_closed(tx: &Tx, street: Uuid, before: Month) -> Result<(), Problem> {
    let open = tx.select::<ledger_period::Entity>().filter(ledger_period::Column::StreetId.eq(street)).filter(ledger_period::Column::State.eq("open"));
    let first = tx.one(open.filter(ledger_period::Column::Month.lt(before)).order_by_asc(ledger_period::Column::Month)).await?;
    first.map_or(Ok(()), |month| Err(refusals::earlier_month_open(&month.month.to_string())))
}

/// From the street's first bank statement on, a month closes when each account is reconciled up to its end, or when who closes it signs a reason.
async fn require_reconciled(tx: &Tx, street: Uuid, month: Month, reason: Option<&str>) -> Result<(), Problem> {
    if reason.is_some() {
        return Ok(());
    }
    let gaps = bank::unreconciled(tx, street, month.last_day()).await?;
    if gaps.is_empty() { Ok(()) } else { Err(refusals::reconciliation_missing(month, &gaps)) }
}

/// Closes a month: it is over, every earlier one is closed, it is not December, and its bank accounts are reconciled or a reason is signed.
///
/// # Errors
/// 409 `period_closed`, `period_not_over`, `earlier_month_open`, `december_closes_with_year`, `reconciliation_missing`.
pub async fn month(tx: &Tx, act: &Act, row: Authorised<ledger_period::Model>, reason: Option<String>) -> Result<ledger_period::Model, Problem> {
    let before = row.into_inner();
    if before.state == "closed" {
        return Err(period_closed(&before.month.to_string()));
    }
    if before.month.number() == 12 {
        return Err(refusals::december_closes_with_year());
    }
    if act.today <= before.month.last_day() {
        return Err(refusals::period_not_over(before.month.last_day()));
    }
    require_earlier_closed(tx, before.street_id, before.month).await?;
    require_reconciled(tx, before.street_id, before.month, reason.as_deref()).await?;
    close_month(tx, act, &before, reason).await
}

async fn close_month(tx: &Tx, act: &Act, before: &ledger_period::Model, reason: Option<String>) -> Result<ledger_period::Model, Problem> {
    hold_head(tx, before.street_id).await?;
    let next = ledger_period::ActiveModel {
        id: Unchanged(before.id),
        state: Set("closed".to_owned()),
        closed_at: Set(Some(act.at)),
        closed_by: Set(act.user_id()),
        close_reason: Set(reason.clone()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<ledger_period::Entity, _>(next).await?;
    let mut event = Event::new("ledger_period.close", "ledger_period", after.id, ledger_period::Entity::place(&after)).before(before)?.after(&after)?;
    event.reason = reason;
    audit::record(tx, act, event).await?;
    Ok(after)
}

#[derive(FromQueryResult)]
struct Reserved {
    amount: Fen,
}

/// Closes a year: it is over, January to November are closed, no claim or application is under way, every run is posted or cancelled, nothing is reserved, its bank accounts are reconciled (or a reason is signed), and the next year is open to take what is carried over.
/// Its budgets close with it. Unused quota lapses (E13q), then the year-end transfer (E13) is December's last voucher.
///
/// # Errors
/// 409 `invalid_transition`, `period_not_over`, `earlier_month_open`, `claims_open`, `commitments_open`, `runs_open`, `reservations_open`, `reconciliation_missing`, `next_year_not_open`.
pub async fn year(tx: &Tx, act: &Act, row: Authorised<fiscal_year::Model>, reason: Option<String>) -> Result<fiscal_year::Model, Problem> {
    let before = row.into_inner();
    if before.state != "open" {
        return Err(Problem::invalid_transition("close", &before.state));
    }
    let december = Month::new(before.year, 12).ok_or_else(|| Problem::internal("no December"))?;
    if act.today <= december.last_day() {
        return Err(refusals::period_not_over(december.last_day()));
    }
    require_earlier_closed(tx, before.street_id, december).await?;
    let open = claim::open_claims(tx, before.street_id, before.year).await?;
    if open > 0 {
        return Err(refusals::claims_open(open));
    }
    let applications = open_commitments(tx, before.street_id, before.year).await?;
    if applications > 0 {
        return Err(refusals::commitments_open(applications));
    }
    let runs = open_runs(tx, before.street_id, before.year).await?;
    if runs > 0 {
        return Err(refusals::runs_open(runs));
    }
    let reserved = Sql::both("SELECT CAST(COALESCE(SUM(reserved), 0) AS bigint) AS amount FROM budget_lines WHERE street_id = $1 AND fiscal_year = $2");
    let reserved = tx.query_one::<Reserved>(reserved, vec![before.street_id.into(), before.year.into()]).await?.map_or(Fen::ZERO, |row| row.amount);
    if !reserved.is_zero() {
        return Err(refusals::reservations_open(reserved));
    }
    require_reconciled(tx, before.street_id, december, reason.as_deref()).await?;
    let next_year = before.year.saturating_add(1);
    if years::find(tx, before.street_id, next_year).await?.is_none_or(|found| found.state != "open") {
        return Err(refusals::next_year_not_open(next_year));
    }
    let place = fiscal_year::Entity::place(&before);
    audit::record(tx, act, Event::new("fiscal_year.close", "fiscal_year", before.id, place).before(&before)?).await?;
    budget::close_all(tx, act, before.street_id, before.year).await?;
    // Years come before the ledger's head, in the order of locks: every payment takes them so.
    years::hold(tx, before.street_id, next_year).await?;
    quota::lapse(tx, act, &before, december).await?;
    let before = years::require_open(tx, before.street_id, before.year).await?;
    let entries = transfer(tx, &before).await?;
    if !entries.is_empty() {
        post(tx, act, Posting::new((before.district_id, before.street_id), december.last_day(), VoucherKind::Closing, ("fiscal_year", before.id), before.year.to_string(), entries)).await?;
    }
    let left = Fen::checked_sum([before.carried_in, before.received]).and_then(|sum| sum.checked_sub(before.spent)).map_err(Problem::internal)?;
    let to_return = to_return(tx, &before, december).await?.min(left);
    years::add(tx, before.street_id, next_year, Sums { carried_in: left, to_return, ..Sums::default() }).await?;
    final_accounts::write(tx, act.at, &before, december).await?;
    close_december(tx, act, &before, december, reason).await?;
    let next = fiscal_year::ActiveModel {
        id: Unchanged(before.id),
        state: Set("closed".to_owned()),
        closed_at: Set(Some(act.at)),
        closed_by: Set(act.user_id()),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    tx.update::<fiscal_year::Entity, _>(next).await
}

async fn close_december(tx: &Tx, act: &Act, year: &fiscal_year::Model, december: Month, reason: Option<String>) -> Result<(), Problem> {
    let select = tx.select::<ledger_period::Entity>().filter(ledger_period::Column::StreetId.eq(year.street_id)).filter(ledger_period::Column::Month.eq(december));
    let period = tx.one(select).await?.ok_or_else(|| Problem::internal("a year without its December"))?;
    close_month(tx, act, &period, reason).await?;
    Ok(())
}

/// The year-end transfer: income and expenditure to their balances, by category; the difference to what is carried over.
async fn transfer(tx: &Tx, year: &fiscal_year::Model) -> Result<Vec<Entry>, Problem> {
    let (mut entries, mut left): (Vec<Entry>, BTreeMap<Uuid, i64>) = (Vec::new(), BTreeMap::new());
    let mut donations = 0_i64;
    for (account, is_donation) in [(Account::Appropriation, false), (Account::Expenditure, false), (Account::DonationIncome, true), (Account::DonationExpenditure, true)] {
        for turnover in turnover_of_year(tx, year.street_id, account, year.year).await? {
            let balance = turnover.credit.0.saturating_sub(turnover.debit.0);
            let entry = side(account, balance);
            let key = |id: Uuid| (!id.is_nil()).then_some(id);
            entries.push(Entry { category: key(turnover.category_key), community: key(turnover.community_key), ..entry });
            if is_donation {
                donations = donations.saturating_add(balance);
            } else {
                let sum = left.entry(turnover.category_key).or_default();
                *sum = sum.saturating_add(balance);
            }
        }
    }
    entries.extend(left.into_iter().map(|(category, sum)| side(Account::CarriedOver, sum.saturating_neg()).of_category(category)));
    entries.push(side(Account::RestrictedDonations, donations.saturating_neg()));
    Ok(entries.into_iter().filter(|entry| !(entry.debit.is_zero() && entry.credit.is_zero())).collect())
}

/// The entry that takes a credit balance off an account: a debit, or a credit where the balance is a debit one.
const fn side(account: Account, credit_balance: i64) -> Entry {
    if credit_balance >= 0 { Entry::debit(account, Fen(credit_balance)) } else { Entry::credit(account, Fen(credit_balance.saturating_neg())) }
}

/// What goes back to the treasury: the carried-over balances above 0.00 of categories whose rule is `returns` (预算法 art. 42), what earlier years put aside and nobody returned among them.
/// Where another category lived on this money there is less: never more than the year leaves.
async fn to_return(tx: &Tx, year: &fiscal_year::Model, december: Month) -> Result<Fen, Problem> {
    let returning = tx.all(tx.select::<category::Entity>().filter(category::Column::DistrictId.eq(year.district_id)).filter(category::Column::CarryOver.eq("returns"))).await?;
    let carried = balances(tx, year.street_id, december.last_day()).await?;
    let above_zero = carried.iter().filter(|row| row.account == Account::CarriedOver.code() && row.balance.is_positive() && returning.iter().any(|category| Some(category.id) == row.category_id));
    Fen::checked_sum(above_zero.map(|row| row.balance)).map_err(Problem::internal)
}
