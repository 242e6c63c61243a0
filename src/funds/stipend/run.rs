//! Payout runs: calculated, approved, posted (E6), or cancelled.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::compute::{self, Computed};
use super::{model, payout_item, payout_part, payout_run, refusals, scheme, stipend_scheme};
use crate::funds::budget::lines;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post as book};
use crate::kernel::act::{Act, Performer};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Sql, Tx, is_unique_violation};

const OPEN: [&str; 3] = ["calculated", "held", "approved"];

/// The run of a scheme that is neither posted nor cancelled.
///
/// # Errors
/// 500 where the database fails.
pub async fn open_run(tx: &Tx, scheme: Uuid) -> Result<Option<payout_run::Model>, Problem> {
    tx.one(tx.select::<payout_run::Entity>().filter(payout_run::Column::SchemeId.eq(scheme)).filter(payout_run::Column::State.is_in(OPEN))).await
}

/// The runs of a scheme for a period, by seq.
///
/// # Errors
/// 500 where the database fails.
pub async fn runs_of(tx: &Tx, scheme: Uuid, period: Period) -> Result<Vec<payout_run::Model>, Problem> {
    tx.all(tx.select::<payout_run::Entity>().filter(payout_run::Column::SchemeId.eq(scheme)).filter(payout_run::Column::Period.eq(period)).order_by_asc(payout_run::Column::Seq)).await
}

/// Calculates a run for a period; a second one for a period is supplementary.
///
/// # Errors
/// 422 `period_not_of_scheme`; 409 `run_open`.
pub async fn calculate(tx: &Tx, act: &Act, row: &stipend_scheme::Model, period: Period) -> Result<payout_run::Model, Problem> {
    if period.frequency() != row.first_period.frequency() || period < row.first_period || act.today < period.first_day() {
        return Err(refusals::period_not_of_scheme(&period.to_string()));
    }
    if let Some(open) = open_run(tx, row.id).await? {
        return Err(refusals::run_open(&open.period.to_string()));
    }
    let seq = runs_of(tx, row.id, period).await?.last().map_or(1, |run| run.seq.saturating_add(1));
    let items = compute::compute(tx, act, row, period).await?;
    let sums = sums(&items)?;
    let made = payout_run::ActiveModel {
        id: Set(new_id()),
        district_id: Set(row.district_id),
        street_id: Set(row.street_id),
        scheme_id: Set(row.id),
        period: Set(period),
        seq: Set(seq),
        fiscal_year: Set(model::year_of(act.today)),
        state: Set("calculated".to_owned()),
        held_code: Set(None),
        held_reason: Set(None),
        heads: Set(sums.0),
        gross: Set(sums.1),
        tax: Set(sums.2),
        net: Set(sums.3),
        fingerprint: Set(compute::fingerprint(&items)),
        authorisation_id: Set(None),
        calculated_by: Set(act.user_id()),
        approved_by: Set(None),
        posted_by: Set(None),
        posted_on: Set(None),
        voucher_id: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let run = tx.try_insert::<payout_run::Entity, _>(made).await.map_err(|error| if is_unique_violation(&error) { refusals::run_open(&period.to_string()) } else { error.into() })?;
    put_items(tx, row, &run, &items).await?;
    let place = payout_run::Entity::place(&run);
    duties::take(tx, act, place, "payout_run", run.id, Part::Prepare).await?;
    audit::record(tx, act, Event::new("payout_run.calculate", "payout_run", run.id, place).after(&run)?).await?;
    Ok(run)
}

/// Heads, gross, tax, net of the items that are not held.
fn sums(items: &[Computed]) -> Result<(i32, Fen, Fen, Fen), Problem> {
    let free: Vec<&Computed> = items.iter().filter(|item| item.held.is_none() && item.planned.item).collect();
    let gross = Fen::checked_sum(free.iter().map(|item| item.planned.amount)).map_err(Problem::internal)?;
    let tax = Fen::checked_sum(free.iter().map(|item| item.tax)).map_err(Problem::internal)?;
    Ok((i32::try_from(free.len()).map_err(Problem::internal)?, gross, tax, gross.checked_sub(tax).map_err(Problem::internal)?))
}

async fn put_items(tx: &Tx, row: &stipend_scheme::Model, run: &payout_run::Model, items: &[Computed]) -> Result<(), Problem> {
    let rows = items.iter().filter(|item| item.planned.item).map(|item| {
        Ok(payout_item::Model {
            id: new_id(),
            district_id: row.district_id,
            street_id: row.street_id,
            community_id: item.beneficiary.community_id,
            run_id: run.id,
            enrolment_id: item.enrolment.id,
            beneficiary_id: item.beneficiary.id,
            bank_account_id: item.account.as_ref().map(|account| account.id),
            budget_line_id: None,
            state: if item.held.is_some() { "held" } else { "calculated" }.to_owned(),
            held_code: item.held.map(str::to_owned),
            gross: item.planned.amount,
            tax: item.tax,
            net: item.planned.amount.checked_sub(item.tax).map_err(Problem::internal)?,
            outstanding_recovery: item.planned.outstanding,
            explanation: serde_json::to_value(&item.planned.lines).map_err(Problem::internal)?,
            bank_file_id: None,
            serial: None,
            returned_reason: None,
            return_confirmed: false,
            version: 1,
        })
    });
    tx.insert_all::<payout_item::Entity, payout_item::ActiveModel>(rows.collect::<Result<Vec<_>, Problem>>()?).await
}

/// The scheme of a run, locked for the rest of the transaction (document first, in the order of locks).
///
/// # Errors
/// 500 where the database fails.
pub async fn lock_scheme(tx: &Tx, scheme: Uuid) -> Result<stipend_scheme::Model, Problem> {
    tx.execute(Sql::both("UPDATE stipend_schemes SET version = version WHERE id = $1"), vec![scheme.into()]).await?;
    tx.maybe_load::<stipend_scheme::Entity>(scheme).await?.ok_or_else(Problem::not_found)
}

/// Calculates an open run anew; an approval is undone.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn recalculate(tx: &Tx, act: &Act, run: payout_run::Model) -> Result<payout_run::Model, Problem> {
    require_open("recalculate", &run)?;
    let row = lock_scheme(tx, run.scheme_id).await?;
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Prepare).await?;
    let items = compute::compute(tx, act, &row, run.period).await?;
    tx.execute(Sql::both("DELETE FROM payout_items WHERE run_id = $1"), vec![run.id.into()]).await?;
    put_items(tx, &row, &run, &items).await?;
    let sums = sums(&items)?;
    let next = payout_run::ActiveModel {
        id: Unchanged(run.id),
        state: Set(if run.held_code.as_deref() == Some("stopped") { "held" } else { "calculated" }.to_owned()),
        heads: Set(sums.0),
        gross: Set(sums.1),
        tax: Set(sums.2),
        net: Set(sums.3),
        fiscal_year: Set(model::year_of(act.today)),
        fingerprint: Set(compute::fingerprint(&items)),
        approved_by: Set(None),
        authorisation_id: Set(None),
        version: Set(run.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<payout_run::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("payout_run.recalculate", "payout_run", after.id, payout_run::Entity::place(&after)).before(&run)?.after(&after)?).await?;
    Ok(after)
}

fn require_open(action: &str, run: &payout_run::Model) -> Result<(), Problem> {
    if OPEN.contains(&run.state.as_str()) { Ok(()) } else { Err(Problem::invalid_transition(action, &run.state)) }
}

/// Moves a run to a state, with why.
async fn to_state(tx: &Tx, act: &Act, action: &'static str, run: &payout_run::Model, change: payout_run::ActiveModel, reason: Option<String>) -> Result<payout_run::Model, Problem> {
    let next = payout_run::ActiveModel { id: Unchanged(run.id), version: Set(run.version.saturating_add(1)), ..change };
    let after = tx.update::<payout_run::Entity, _>(next).await?;
    let mut event = Event::new(action, "payout_run", after.id, payout_run::Entity::place(&after)).before(run)?.after(&after)?;
    event.reason = reason;
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// Approves a calculated run.
///
/// # Errors
/// 409 `invalid_transition`, `run_empty`; 403 `separation_of_duties`.
pub async fn approve(tx: &Tx, act: &Act, run: payout_run::Model) -> Result<payout_run::Model, Problem> {
    if run.state != "calculated" {
        return Err(Problem::invalid_transition("approve", &run.state));
    }
    if run.heads == 0 {
        return Err(refusals::run_empty());
    }
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Approve).await?;
    let change = payout_run::ActiveModel { state: Set("approved".to_owned()), approved_by: Set(act.user_id()), ..Default::default() };
    to_state(tx, act, "payout_run.approve", &run, change, None).await
}

/// Holds a run: nobody and no job posts it until it is resumed or, where the reason has passed, calculated anew.
///
/// # Errors
/// 409 `invalid_transition`.
pub async fn hold(tx: &Tx, act: &Act, run: payout_run::Model, code: &str, reason: String) -> Result<payout_run::Model, Problem> {
    require_open("stop", &run)?;
    let change = payout_run::ActiveModel { state: Set("held".to_owned()), held_code: Set(Some(code.to_owned())), held_reason: Set(Some(reason.clone())), approved_by: Set(None), ..Default::default() };
    to_state(tx, act, if code == "stopped" { "payout_run.stop" } else { "payout_run.hold" }, &run, change, Some(reason)).await
}

/// Takes a run out of its hold.
///
/// # Errors
/// 409 `invalid_transition`.
pub async fn resume(tx: &Tx, act: &Act, run: payout_run::Model) -> Result<payout_run::Model, Problem> {
    if run.state != "held" {
        return Err(Problem::invalid_transition("resume", &run.state));
    }
    let change = payout_run::ActiveModel { state: Set("calculated".to_owned()), held_code: Set(None), held_reason: Set(None), ..Default::default() };
    to_state(tx, act, "payout_run.resume", &run, change, None).await
}

/// Cancels a run before it is posted, with the reason.
///
/// # Errors
/// 409 `invalid_transition`.
pub async fn cancel(tx: &Tx, act: &Act, run: payout_run::Model, reason: String) -> Result<payout_run::Model, Problem> {
    require_open("cancel", &run)?;
    let change = payout_run::ActiveModel { state: Set("cancelled".to_owned()), held_reason: Set(Some(reason.clone())), ..Default::default() };
    to_state(tx, act, "payout_run.cancel", &run, change, Some(reason)).await
}

/// Posts an approved run: parts, tax, budget lines, the year's sums and one voucher, all or nothing.
///
/// # Errors
/// 409 `invalid_transition`, `run_stale`, `run_empty`, `no_budget_line`, `line_short`, `funds_not_received`, `period_closed`, `fiscal_year_not_open`, `authorisation_exceeded`; 403 `separation_of_duties`.
pub async fn post(tx: &Tx, act: &Act, run: payout_run::Model) -> Result<payout_run::Model, Problem> {
    if run.state != "approved" {
        return Err(Problem::invalid_transition("post", &run.state));
    }
    let row = lock_scheme(tx, run.scheme_id).await?;
    let place = payout_run::Entity::place(&run);
    duties::take(tx, act, place, "payout_run", run.id, Part::Review).await?;
    let year = model::year_of(act.today);
    years::require_open(tx, run.street_id, year).await?;
    let items = compute::compute(tx, act, &row, run.period).await?;
    if compute::fingerprint(&items) != run.fingerprint {
        return Err(refusals::run_stale());
    }
    let free: Vec<Computed> = items.into_iter().filter(|item| item.held.is_none() && item.planned.item).collect();
    if free.is_empty() {
        return Err(refusals::run_empty());
    }
    let written: BTreeMap<Uuid, payout_item::Model> =
        tx.all(tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(run.id))).await?.into_iter().map(|item| (item.enrolment_id, item)).collect();
    let charged = charge(tx, &row, year, &free).await?;
    put_parts(tx, &row, &free, &written).await?;
    settle_items(tx, act, &row, &free, &written, &charged).await?;
    let sums = sums(&free)?;
    let next = payout_run::ActiveModel {
        state: Set(if sums.3.is_zero() { "settled" } else { "posted" }.to_owned()),
        heads: Set(sums.0),
        gross: Set(sums.1),
        tax: Set(sums.2),
        net: Set(sums.3),
        fiscal_year: Set(year),
        posted_by: Set(act.user_id()),
        posted_on: Set(Some(act.today)),
        ..Default::default()
    };
    let posted = to_state(tx, act, "payout_run.post", &run, next, None).await?;
    if sums.1.is_zero() {
        return Ok(posted);
    }
    let voucher = book_run(tx, act, &row, &posted, &free, &charged).await?;
    tx.update::<payout_run::Entity, _>(payout_run::ActiveModel { id: Unchanged(posted.id), voucher_id: Set(Some(voucher)), ..Default::default() }).await
}

/// The budget line of each unit: exactly one approved line of the category.
async fn charge(tx: &Tx, row: &stipend_scheme::Model, year: i32, items: &[Computed]) -> Result<BTreeMap<Option<Uuid>, Uuid>, Problem> {
    let mut charged = BTreeMap::new();
    for item in items {
        let unit = unit_of(row, item);
        if let std::collections::btree_map::Entry::Vacant(vacant) = charged.entry(unit) {
            match lines::approved(tx, row.street_id, year, row.category_id, unit).await?.as_slice() {
                [line] => vacant.insert(line.id),
                _ => return Err(refusals::no_budget_line()),
            };
        }
    }
    Ok(charged)
}

fn unit_of(row: &stipend_scheme::Model, item: &Computed) -> Option<Uuid> {
    if row.line_scope == "community" { item.beneficiary.community_id } else { None }
}

/// Writes the parts; the key takes each period for the person. A recovery that brings a period to 0 gives it free.
async fn put_parts(tx: &Tx, row: &stipend_scheme::Model, items: &[Computed], written: &BTreeMap<Uuid, payout_item::Model>) -> Result<(), Problem> {
    let mut parts = Vec::new();
    for item in items {
        let id = written.get(&item.enrolment.id).map(|item| item.id).ok_or_else(refusals::run_stale)?;
        parts.extend(compute::parts_of(row, item, id));
        for line in item.planned.lines.iter().filter(|line| line.taken.is_negative() && line.settled.0.saturating_add(line.taken.0) == 0) {
            let free = Sql::both("UPDATE payout_parts SET holds = $3 WHERE enrolment_id = $1 AND period = $2 AND holds");
            tx.execute(free, vec![item.enrolment.id.into(), line.period.into(), false.into()]).await?;
        }
    }
    tx.insert_all::<payout_part::Entity, payout_part::ActiveModel>(parts).await
}

async fn settle_items(
    tx: &Tx,
    act: &Act,
    row: &stipend_scheme::Model,
    items: &[Computed],
    written: &BTreeMap<Uuid, payout_item::Model>,
    charged: &BTreeMap<Option<Uuid>, Uuid>,
) -> Result<(), Problem> {
    let month = Month::of(act.today);
    let add_tax = Sql::both(
        "INSERT INTO stipend_tax_months (district_id, street_id, person_key, month, gross, tax) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (street_id, person_key, month) DO UPDATE SET gross = stipend_tax_months.gross + excluded.gross, tax = stipend_tax_months.tax + excluded.tax",
    );
    let set_tax = Sql::both("UPDATE payout_items SET tax = $2, net = gross - $2 WHERE id = $1 AND tax <> $2");
    for item in items {
        let known = written.get(&item.enrolment.id).ok_or_else(refusals::run_stale)?;
        tx.execute(set_tax, vec![known.id.into(), item.tax.into()]).await?;
        if row.tax_kind == "labour" && item.planned.amount.is_positive() {
            let values = vec![row.district_id.into(), row.street_id.into(), item.beneficiary.person_key.clone().into(), month.into(), item.planned.amount.into(), item.tax.into()];
            tx.execute(add_tax, values).await?;
        }
    }
    let run = items.first().and_then(|item| written.get(&item.enrolment.id)).map(|item| item.run_id).ok_or_else(refusals::run_stale)?;
    for (unit, line) in charged {
        let own = unit.map_or_else(Condition::all, |community| Condition::all().add(payout_item::Column::CommunityId.eq(community)));
        let posted = tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(run)).filter(payout_item::Column::State.eq("calculated")).filter(own);
        let ids: Vec<Uuid> = tx.all(posted).await?.into_iter().map(|item| item.id).collect();
        for id in ids {
            let update = Sql::both("UPDATE payout_items SET state = CASE WHEN gross = 0 THEN 'paid' ELSE 'posted' END, budget_line_id = $2, version = version + 1 WHERE id = $1");
            tx.execute(update, vec![id.into(), (*line).into()]).await?;
        }
    }
    Ok(())
}

/// E6: Dr 5001 gross by line, Cr 2302 net, Cr 2307 tax; the lines, the authorisation and the year are drawn on first, in the order of locks.
async fn book_run(tx: &Tx, act: &Act, row: &stipend_scheme::Model, run: &payout_run::Model, items: &[Computed], charged: &BTreeMap<Option<Uuid>, Uuid>) -> Result<Uuid, Problem> {
    let mut by_unit: BTreeMap<Option<Uuid>, Fen> = BTreeMap::new();
    for item in items {
        let sum = by_unit.entry(unit_of(row, item)).or_default();
        *sum = sum.checked_add(item.planned.amount).map_err(Problem::internal)?;
    }
    let mut spending: Vec<(Uuid, Fen)> = by_unit.iter().filter_map(|(unit, sum)| charged.get(unit).map(|line| (*line, *sum))).collect();
    spending.sort_unstable();
    for (line, sum) in spending {
        lines::spend(tx, line, sum).await?;
    }
    if let Performer::Job { authorisation: Some(id), .. } = &act.by {
        let signed = tx.maybe_load::<super::standing_authorisation::Entity>(*id).await?.filter(|signed| signed.revoked_at.is_none()).ok_or_else(refusals::no_authorisation)?;
        scheme::use_up(tx, row, run.fiscal_year, run.gross, signed.max_per_year).await?;
    }
    years::add(tx, run.street_id, run.fiscal_year, Sums { spent: run.gross, ..Sums::default() }).await?;
    let mut entries: Vec<Entry> = by_unit.into_iter().map(|(unit, sum)| Entry::debit(Account::Expenditure, sum).of_category(row.category_id).of_community(unit)).collect();
    entries.push(Entry::credit(Account::StipendsPayable, run.net).of_category(row.category_id));
    entries.push(Entry::credit(Account::TaxWithheld, run.tax));
    let code = format!("{}-{}", run.period, run.seq);
    let voucher = book(tx, act, Posting::new((run.district_id, run.street_id), act.today, VoucherKind::StipendRun, ("payout_run", run.id), code, entries).reviewed_by(run.approved_by)).await?;
    Ok(voucher.id)
}
