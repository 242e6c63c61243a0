//! Payout runs: calculated, approved, posted (E6), or cancelled.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::compute::{self, Computed};
use super::write::{self, Charged};
use super::{model, payout_run, refusals, scheme, standing_authorisation, stipend_scheme, tax_months};
use crate::funds::budget::lines;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post as book};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::{Act, Performer};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Sql, Tx, is_unique_violation};
use crate::platform::http::Context;

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

/// Calculates a run for a period; a second one for a period is supplementary. One with held items only is made, to show why; one of nothing would lie open before the next period.
///
/// # Errors
/// 422 `period_not_of_scheme`; 409 `run_open`, `run_empty`.
pub async fn calculate(tx: &Tx, act: &Act, row: &stipend_scheme::Model, period: Period) -> Result<payout_run::Model, Problem> {
    require_period(act, row, period)?;
    if let Some(open) = open_run(tx, row.id).await? {
        return Err(refusals::run_open(&open.period.to_string()));
    }
    let seq = runs_of(tx, row.id, period).await?.last().map_or(1, |run| run.seq.saturating_add(1));
    let mut items = compute::compute(tx, act, row, period).await?;
    compute::hold_duplicates(tx, row, &mut items).await?;
    if !items.iter().any(|item| item.planned.item) {
        return Err(refusals::run_empty());
    }
    tax_months::withhold(tx, act, row, &mut items).await?;
    let run = make(tx, act, (row, period, seq), &items).await?;
    write::put_items(tx, row, run.id, &items, None).await?;
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Prepare).await?;
    Ok(run)
}

/// Writes a new run of what was computed.
async fn make(tx: &Tx, act: &Act, (row, period, seq): (&stipend_scheme::Model, Period, i32), items: &[Computed]) -> Result<payout_run::Model, Problem> {
    let figures = figures(items)?;
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
        heads: Set(figures.heads),
        held_heads: Set(figures.held),
        gross: Set(figures.gross),
        tax: Set(figures.tax),
        net: Set(figures.net),
        fingerprint: Set(compute::fingerprint(row, items)),
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
    audit::record(tx, act, Event::new("payout_run.calculate", "payout_run", run.id, payout_run::Entity::place(&run)).after(&run)?).await?;
    Ok(run)
}

fn require_period(act: &Act, row: &stipend_scheme::Model, period: Period) -> Result<(), Problem> {
    let pay_day = u32::try_from(row.pay_day).map_err(Problem::internal)?;
    // A pay day may lie before the period itself, where that begins with rest days. The jobs come when their day has come, which for the notice is earlier still.
    let opens = || model::pay_date(period, pay_day, &act.calendar).map_or(period.first_day(), |pays_on| period.first_day().min(pays_on));
    let early = matches!(act.by, Performer::Person(_)) && act.today < opens();
    if period.frequency() != row.first_period.frequency() || period < row.first_period || row.last_period.is_some_and(|last| last < period) || early {
        return Err(refusals::period_not_of_scheme(&period.to_string()));
    }
    Ok(())
}

/// What a run comes to: the items that are not held, and how many are.
struct Figures {
    heads: i32,
    held: i32,
    gross: Fen,
    tax: Fen,
    net: Fen,
}

fn figures(items: &[Computed]) -> Result<Figures, Problem> {
    let (free, held): (Vec<&Computed>, Vec<&Computed>) = items.iter().filter(|item| item.planned.item).partition(|item| item.is_paid());
    let gross = Fen::checked_sum(free.iter().map(|item| item.planned.amount)).map_err(Problem::internal)?;
    let tax = Fen::checked_sum(free.iter().map(|item| item.tax)).map_err(Problem::internal)?;
    let count = |items: &[&Computed]| i32::try_from(items.len()).map_err(Problem::internal);
    Ok(Figures { heads: count(&free)?, held: count(&held)?, gross, tax, net: gross.checked_sub(tax).map_err(Problem::internal)? })
}

/// The scheme of a run, locked for the rest of the transaction (document first, in the order of locks).
///
/// # Errors
/// 500 where the database fails.
pub async fn lock_scheme(tx: &Tx, scheme: Uuid) -> Result<stipend_scheme::Model, Problem> {
    tx.execute(Sql::both("UPDATE stipend_schemes SET version = version WHERE id = $1"), vec![scheme.into()]).await?;
    tx.maybe_load::<stipend_scheme::Entity>(scheme).await?.ok_or_else(Problem::not_found)
}

/// As [`lock_scheme`], with the run that is under way locked first, as people lock it who act on it: so that the job and they wait for each other and never in a circle.
///
/// # Errors
/// 500 where the database fails.
pub async fn lock_open_run_and_scheme(tx: &Tx, scheme: Uuid) -> Result<stipend_scheme::Model, Problem> {
    if let Some(open) = open_run(tx, scheme).await? {
        tx.load_locked::<payout_run::Entity>(open.id).await?;
    }
    lock_scheme(tx, scheme).await
}

/// Calculates an open run anew; an approval is undone.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn recalculate(tx: &Tx, act: &Act, run: payout_run::Model) -> Result<payout_run::Model, Problem> {
    require_open("recalculate", &run)?;
    let row = lock_scheme(tx, run.scheme_id).await?;
    duties::take(tx, act, payout_run::Entity::place(&run), "payout_run", run.id, Part::Prepare).await?;
    let items = computed_now(tx, act, &row, &run).await?;
    write_anew(tx, act, &row, &run, &items).await
}

/// What an open run would pay now, its keys tried and not taken.
async fn computed_now(tx: &Tx, act: &Act, row: &stipend_scheme::Model, run: &payout_run::Model) -> Result<Vec<Computed>, Problem> {
    let mut items = compute::compute(tx, act, row, run.period).await?;
    compute::hold_duplicates(tx, row, &mut items).await?;
    tax_months::withhold(tx, act, row, &mut items).await?;
    Ok(items)
}

async fn write_anew(tx: &Tx, act: &Act, row: &stipend_scheme::Model, run: &payout_run::Model, items: &[Computed]) -> Result<payout_run::Model, Problem> {
    let after = remake(tx, act, row, run, items).await?;
    write::put_items(tx, row, run.id, items, None).await?;
    Ok(after)
}

/// An open run as it is due now, with who is held now. An approval of what is due now stands.
///
/// # Errors
/// 500 where the database fails.
pub async fn bring_up_to_date(tx: &Tx, act: &Act, row: &stipend_scheme::Model, run: payout_run::Model) -> Result<payout_run::Model, Problem> {
    let items = computed_now(tx, act, row, &run).await?;
    if run.state == "approved" && compute::fingerprint(row, &items) == run.fingerprint { Ok(run) } else { write_anew(tx, act, row, &run, &items).await }
}

/// Takes a run whose posting was refused as `run_stale` back to calculated, with what is due now: the approval was of something else, and does not stand until that comes true again.
///
/// # Errors
/// 500 where the database fails.
pub async fn back_to_calculated(context: &Context, write: (&Actor, &Act), id: &str) -> Result<(), Problem> {
    let (actor, act) = write;
    let tx = context.write(actor.scope_for(Capability::RunPost)?).await?;
    let run = tx.load_locked::<payout_run::Entity>(Uuid::parse_str(id).map_err(|_form| Problem::not_found())?).await?.authorise(actor, Capability::RunPost)?.into_inner();
    if run.state == "approved" {
        let row = lock_scheme(&tx, run.scheme_id).await?;
        // It may have been calculated and approved again meanwhile.
        bring_up_to_date(&tx, act, &row, run).await?;
    }
    tx.commit().await
}

/// Sets an open run to what was computed anew; its items are gone.
async fn remake(tx: &Tx, act: &Act, row: &stipend_scheme::Model, run: &payout_run::Model, items: &[Computed]) -> Result<payout_run::Model, Problem> {
    tx.execute(Sql::both("DELETE FROM payout_items WHERE district_id = $1 AND run_id = $2"), vec![run.district_id.into(), run.id.into()]).await?;
    let figures = figures(items)?;
    let stopped = run.held_code.as_deref() == Some("stopped");
    let next = payout_run::ActiveModel {
        id: Unchanged(run.id),
        state: Set(if stopped { "held" } else { "calculated" }.to_owned()),
        held_code: Set(run.held_code.clone().filter(|_| stopped)),
        held_reason: Set(run.held_reason.clone().filter(|_| stopped)),
        heads: Set(figures.heads),
        held_heads: Set(figures.held),
        gross: Set(figures.gross),
        tax: Set(figures.tax),
        net: Set(figures.net),
        fiscal_year: Set(model::year_of(act.today)),
        fingerprint: Set(compute::fingerprint(row, items)),
        approved_by: Set(None),
        authorisation_id: Set(None),
        version: Set(run.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<payout_run::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("payout_run.recalculate", "payout_run", after.id, payout_run::Entity::place(&after)).before(run)?.after(&after)?).await?;
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
/// 409 `invalid_transition`, `run_stopped`.
pub async fn cancel(tx: &Tx, act: &Act, run: payout_run::Model, reason: String) -> Result<payout_run::Model, Problem> {
    require_open("cancel", &run)?;
    if run.held_code.as_deref() == Some("stopped") {
        // The job would pay the period by a new run, and the stop would be gone without the leader.
        return Err(refusals::run_stopped());
    }
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
    let mut items = compute::compute(tx, act, &row, run.period).await?;
    let written = tx.query::<Written>(Sql::both("SELECT id, enrolment_id FROM payout_items WHERE district_id = $1 AND run_id = $2"), vec![run.district_id.into(), run.id.into()]).await?;
    let written: BTreeMap<Uuid, Uuid> = written.into_iter().map(|item| (item.enrolment_id, item.id)).collect();
    for item in items.iter_mut().filter(|item| item.is_paid()) {
        item.item_id = written.get(&item.enrolment.id).copied().ok_or_else(refusals::run_stale)?;
    }
    write::take_keys(tx, &row, &mut items, true).await?;
    withhold(tx, act, &row, &mut items).await?;
    if compute::fingerprint(&row, &items) != run.fingerprint {
        return Err(refusals::run_stale());
    }
    settle(tx, act, (&row, &run), &items, Items::Calculated).await
}

/// The tax of what is about to be posted, with the street's months locked until it is.
async fn withhold(tx: &Tx, act: &Act, row: &stipend_scheme::Model, items: &mut [Computed]) -> Result<(), Problem> {
    if tax_months::is_taxed(row) {
        tax_months::lock(tx, row.street_id).await?;
    }
    tax_months::withhold(tx, act, row, items).await
}

/// An item of a run as it was written when it was calculated.
#[derive(FromQueryResult)]
struct Written {
    id: Uuid,
    enrolment_id: Uuid,
}

/// Whether a run's items have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Items {
    /// As calculated.
    Calculated,
    /// Not yet.
    Unwritten,
}

/// Posts what was computed under the scheme's lock in this transaction and has its keys: lines, tax months, items, and the voucher.
async fn settle(tx: &Tx, act: &Act, (row, run): (&stipend_scheme::Model, &payout_run::Model), items: &[Computed], state: Items) -> Result<payout_run::Model, Problem> {
    let year = model::year_of(act.today);
    if !items.iter().any(Computed::is_paid) {
        return Err(refusals::run_empty());
    }
    let charged = charge(tx, row, year, items).await?;
    tax_months::add(tx, row, Month::of(act.today), items).await?;
    let figures = figures(items)?;
    match state {
        Items::Unwritten => write::put_items(tx, row, run.id, items, Some(&charged)).await?,
        Items::Calculated => {
            if write::post_items(tx, row, run.id, items, &charged).await? != u64::try_from(figures.heads).map_err(Problem::internal)? {
                return Err(refusals::run_stale());
            }
        }
    }
    let voucher = (!figures.gross.is_zero()).then(new_id);
    let next = payout_run::ActiveModel {
        state: Set(if figures.net.is_zero() { "settled" } else { "posted" }.to_owned()),
        heads: Set(figures.heads),
        held_heads: Set(figures.held),
        gross: Set(figures.gross),
        tax: Set(figures.tax),
        net: Set(figures.net),
        fiscal_year: Set(year),
        approved_by: Set(run.approved_by),
        authorisation_id: Set(run.authorisation_id),
        posted_by: Set(act.user_id()),
        posted_on: Set(Some(act.today)),
        voucher_id: Set(voucher),
        ..Default::default()
    };
    let posted = to_state(tx, act, "payout_run.post", run, next, None).await?;
    if let Some(voucher) = voucher {
        book_run(tx, act, row, &posted, items, &charged, voucher).await?;
    }
    Ok(posted)
}

/// A run that the job is about to pay: computed under the scheme's lock, its keys taken, its items not written yet.
pub struct Draft {
    /// The run, as calculated.
    pub run: payout_run::Model,
    items: Vec<Computed>,
}

impl Draft {
    /// Whether there is nobody to pay and nobody held.
    #[must_use]
    pub fn is_of_nothing(&self) -> bool {
        !self.items.iter().any(|item| item.planned.item)
    }
}

/// Calculates a run that posts in this very transaction or not at all: what [`calculate`] or [`recalculate`], approval and [`post`] do, computed once.
///
/// # Errors
/// As [`calculate`] and [`recalculate`].
pub async fn draft(tx: &Tx, act: &Act, row: &stipend_scheme::Model, period: Period, open: Option<payout_run::Model>) -> Result<Draft, Problem> {
    if open.is_none() {
        require_period(act, row, period)?;
    }
    let mut items = compute::compute(tx, act, row, period).await?;
    write::take_keys(tx, row, &mut items, true).await?;
    withhold(tx, act, row, &mut items).await?;
    let run = match open {
        Some(open) => {
            require_open("recalculate", &open)?;
            remake(tx, act, row, &open, &items).await?
        }
        None => {
            let seq = runs_of(tx, row.id, period).await?.last().map_or(1, |run| run.seq.saturating_add(1));
            make(tx, act, (row, period, seq), &items).await?
        }
    };
    Ok(Draft { run, items })
}

/// Posts what [`draft`] calculated, under the authority that approves it.
///
/// # Errors
/// 409 `run_empty`, `no_budget_line`, `line_short`, `funds_not_received`, `period_closed`, `fiscal_year_not_open`, `authorisation_exceeded`.
pub async fn post_draft(tx: &Tx, act: &Act, row: &stipend_scheme::Model, draft: Draft, signed: &standing_authorisation::Model) -> Result<payout_run::Model, Problem> {
    let run = payout_run::Model { state: "approved".to_owned(), approved_by: Some(signed.signed_by), authorisation_id: Some(signed.id), version: draft.run.version.saturating_add(1), ..draft.run };
    years::require_open(tx, run.street_id, model::year_of(act.today)).await?;
    settle(tx, act, (row, &run), &draft.items, Items::Unwritten).await
}

/// The budget line of each unit: exactly one approved line of the category.
async fn charge(tx: &Tx, row: &stipend_scheme::Model, year: i32, items: &[Computed]) -> Result<Charged, Problem> {
    let mut charged = Charged::new();
    for item in items.iter().filter(|item| item.is_paid()) {
        let unit = item.unit(row);
        if let std::collections::btree_map::Entry::Vacant(vacant) = charged.entry(unit) {
            match lines::approved(tx, row.street_id, year, row.category_id, unit).await?.as_slice() {
                [line] => vacant.insert(line.id),
                _ => return Err(refusals::no_budget_line()),
            };
        }
    }
    Ok(charged)
}

/// E6: Dr 5001 gross by line, Cr 2302 net, Cr 2307 tax; the lines, the authorisation and the year are drawn on first, in the order of locks.
async fn book_run(tx: &Tx, act: &Act, row: &stipend_scheme::Model, run: &payout_run::Model, items: &[Computed], charged: &Charged, voucher: Uuid) -> Result<(), Problem> {
    let mut by_unit: BTreeMap<Option<Uuid>, Fen> = BTreeMap::new();
    for item in items.iter().filter(|item| item.is_paid()) {
        let sum = by_unit.entry(item.unit(row)).or_default();
        *sum = sum.checked_add(item.planned.amount).map_err(Problem::internal)?;
    }
    let mut spending: Vec<(Uuid, Fen)> = by_unit.iter().filter_map(|(unit, sum)| charged.get(unit).map(|line| (*line, *sum))).collect();
    spending.sort_unstable();
    for (line, sum) in spending {
        lines::spend(tx, line, sum).await?;
    }
    if let Performer::Job { authorisation: Some(id), .. } = &act.by {
        let signed = scheme::still_in_force(tx, *id).await?;
        scheme::use_up(tx, row, run.fiscal_year, run.gross, signed.max_per_year).await?;
    }
    years::add(tx, run.street_id, run.fiscal_year, Sums { spent: run.gross, ..Sums::default() }).await?;
    let mut entries: Vec<Entry> = by_unit.into_iter().map(|(unit, sum)| Entry::debit(Account::Expenditure, sum).of_category(row.category_id).of_community(unit)).collect();
    entries.push(Entry::credit(Account::StipendsPayable, run.net).of_category(row.category_id));
    entries.push(Entry::credit(Account::TaxWithheld, run.tax));
    let code = format!("{}-{}", run.period, run.seq);
    let posting = Posting::new((run.district_id, run.street_id), act.today, VoucherKind::StipendRun, ("payout_run", run.id), code, entries).reviewed_by(run.approved_by);
    book(tx, act, Posting { id: voucher, ..posting }).await?;
    Ok(())
}
