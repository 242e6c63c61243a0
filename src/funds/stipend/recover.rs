//! Recoveries: money paid back in cash (E10), and what is written off (E10w).

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::model::{PartKind, PeriodLine};
use super::recovery_model::{self, Paid};
use super::routes_recovery::{NewRecovery, RecoveryKind};
use super::{beneficiary, enrolment, outstanding, pay, payout_item, payout_part, payout_run, recovery, recovery_charge, refusals, run, stipend_scheme, tax_months, write};
use crate::funds::budget::{budget_line, lines};
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

/// Records a recovery of what is outstanding on an enrolment: cash that was paid back is booked at once, a write-off waits for the leader.
///
/// # Errors
/// 409 `recovery_too_large`, `recovery_not_paid`, `recovery_open`, `fiscal_year_not_open`, `period_closed`.
pub async fn record(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: NewRecovery) -> Result<recovery::Model, Problem> {
    let scheme = run::lock_scheme(tx, row.scheme_id).await?;
    let pieces = pieces(tx, &row, new.amount).await?;
    let made = recovery::Model {
        id: new_id(),
        district_id: row.district_id,
        street_id: row.street_id,
        community_id: row.community_id,
        scheme_id: scheme.id,
        enrolment_id: row.id,
        beneficiary_id: row.beneficiary_id,
        kind: new.kind.code().to_owned(),
        state: "submitted".to_owned(),
        amount: new.amount,
        tax: Fen::ZERO,
        net: new.amount,
        reason: new.reason,
        decision_reason: None,
        settled_on: None,
        voucher_id: None,
        recorded_by: act.person()?.user_id,
        decided_by: None,
        version: 1,
        created_at: act.at,
    };
    match new.kind {
        RecoveryKind::Cash => settle_in_cash(tx, act, &scheme, made, &pieces).await,
        RecoveryKind::WrittenOff => {
            let place = recovery::Entity::place(&made);
            duties::take(tx, act, place, "recovery", made.id, Part::Prepare).await?;
            let made = tx.try_insert::<recovery::Entity, _>(recovery::ActiveModel::from(made).reset_all()).await;
            let made = made.map_err(|error| if is_unique_violation(&error) { refusals::recovery_open() } else { error.into() })?;
            audit::record(tx, act, Event::new("recovery.propose", "recovery", made.id, place).after(&made)?).await?;
            Ok(made)
        }
    }
}

/// What an amount takes back of which period, with the period's line as it stands; never more than is outstanding.
async fn pieces(tx: &Tx, row: &enrolment::Model, amount: Fen) -> Result<Vec<(PeriodLine, Fen)>, Problem> {
    let owed = outstanding::of_enrolment(tx, row).await?;
    if amount > owed.outstanding {
        return Err(refusals::recovery_too_large(owed.outstanding));
    }
    let mut by_period: BTreeMap<Period, PeriodLine> = owed.lines.iter().map(|line| (line.period, line.clone())).collect();
    let taken = recovery_model::take_back(&owed.lines, amount);
    Ok(taken.into_iter().filter_map(|(period, amount)| by_period.remove(&period).map(|line| (line, amount))).collect())
}

async fn person_of(tx: &Tx, row: &recovery::Model) -> Result<String, Problem> {
    Ok(tx.maybe_load::<beneficiary::Entity>(row.beneficiary_id).await?.ok_or_else(Problem::not_found)?.person_key)
}

/// The parts of a recovery, with a minus. Money paid back that brings a period to 0 gives it free; a write-off does not.
async fn put_parts(tx: &Tx, scheme: &stipend_scheme::Model, row: &recovery::Model, person: &str, pieces: &[(PeriodLine, Fen)]) -> Result<(), Problem> {
    let cash = row.kind == RecoveryKind::Cash.code();
    let mut parts = Vec::with_capacity(pieces.len());
    for (line, amount) in pieces {
        let amount = amount.checked_neg().map_err(Problem::internal)?;
        parts.push(payout_part::Model {
            id: new_id(),
            district_id: row.district_id,
            street_id: row.street_id,
            item_id: None,
            recovery_id: Some(row.id),
            enrolment_id: row.enrolment_id,
            scheme_kind_id: scheme.scheme_kind_id,
            person_key: person.to_owned(),
            period: line.period,
            kind: if cash { PartKind::Recovery.code() } else { RecoveryKind::WrittenOff.code() }.to_owned(),
            amount,
            live: true,
            holds: false,
        });
        if cash && line.settled.0.saturating_add(amount.0) == 0 {
            tx.execute(write::FREE, vec![row.district_id.into(), row.street_id.into(), row.enrolment_id.into(), line.period.into(), false.into()]).await?;
        }
    }
    tx.insert_all::<payout_part::Entity, payout_part::ActiveModel>(parts).await
}

/// A paid item, what came back of it, and what it was charged to.
struct Source {
    paid: Paid,
    line: Uuid,
    year: i32,
}

/// The paid items of an enrolment, the newest first; also one that came back, where the person has something of it all the same.
async fn sources(tx: &Tx, row: &recovery::Model) -> Result<Vec<Source>, Problem> {
    let paid = Condition::any().add(payout_item::Column::State.eq("paid")).add(payout_item::Column::Kept.gt(0));
    let select = tx.select::<payout_item::Entity>().filter(payout_item::Column::EnrolmentId.eq(row.enrolment_id)).filter(paid);
    let items = tx.all(select.filter(payout_item::Column::Gross.gt(0))).await?;
    let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
    let runs = tx.all(tx.select::<payout_run::Entity>().filter(payout_run::Column::Id.is_in(items.iter().map(|item| item.run_id)))).await?;
    let mut periods: BTreeMap<Uuid, BTreeSet<Period>> = BTreeMap::new();
    for part in tx.all(tx.select::<payout_part::Entity>().filter(payout_part::Column::ItemId.is_in(ids.clone())).filter(payout_part::Column::Amount.gt(0))).await? {
        if let Some(item) = part.item_id {
            periods.entry(item).or_default().insert(part.period);
        }
    }
    let mut back: BTreeMap<Uuid, i64> = BTreeMap::new();
    for charge in tx.all(tx.select::<recovery_charge::Entity>().filter(recovery_charge::Column::ItemId.is_in(ids))).await? {
        let sum = back.entry(charge.item_id).or_default();
        *sum = sum.saturating_add(charge.gross.0);
    }
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let run = runs.iter().find(|run| run.id == item.run_id).ok_or_else(|| Problem::internal("an item without its run"))?;
        let posted = run.posted_on.ok_or_else(|| Problem::internal("a paid item of a run that was never posted"))?;
        let line = item.budget_line_id.ok_or_else(|| Problem::internal("a paid item without its line"))?;
        let paid = if item.state == "paid" { item.gross } else { item.kept };
        let left = paid.0.saturating_sub(back.get(&item.id).copied().unwrap_or_default());
        let paid = Paid { item: item.id, left: Fen(left), periods: periods.remove(&item.id).unwrap_or_default(), month: Month::of(posted) };
        found.push((posted, Source { paid, line, year: run.fiscal_year }));
    }
    // Ids are UUIDv7: of items posted on one day the later one is the newer.
    found.sort_by_key(|(posted, source)| std::cmp::Reverse((*posted, source.paid.item)));
    Ok(found.into_iter().map(|(_, source)| source).collect())
}

/// Lessens the person's tax months by what comes back of each; gives the tax that comes back by month.
async fn lessen_tax(tx: &Tx, row: &recovery::Model, person: &str, charges: &[recovery_charge::Model]) -> Result<BTreeMap<Month, Fen>, Problem> {
    let mut by_month: BTreeMap<Month, Fen> = BTreeMap::new();
    for charge in charges {
        let sum = by_month.entry(charge.month).or_default();
        *sum = sum.checked_add(charge.gross).map_err(Problem::internal)?;
    }
    tax_months::lock(tx, row.street_id).await?;
    let mut back = BTreeMap::new();
    for (month, gross) in by_month {
        let tax = tax_months::recover(tx, row.street_id, person, month, gross).await?;
        back.insert(month, tax);
    }
    Ok(back)
}

/// E10: Dr 1002 net, Dr 2307 tax / Cr 5001 of the lines charged then, gross; of a past year Cr 3001, and the open year's carried-in.
async fn settle_in_cash(tx: &Tx, act: &Act, scheme: &stipend_scheme::Model, new: recovery::Model, pieces: &[(PeriodLine, Fen)]) -> Result<recovery::Model, Problem> {
    let person = person_of(tx, &new).await?;
    let place = recovery::Entity::place(&new);
    duties::take(tx, act, place, "recovery", new.id, Part::Review).await?;
    let sources = sources(tx, &new).await?;
    let paid: Vec<Paid> = sources.iter().map(|source| source.paid.clone()).collect();
    let taken: Vec<(Period, Fen)> = pieces.iter().map(|(line, amount)| (line.period, *amount)).collect();
    let by_item = recovery_model::attribute(&paid, &taken).ok_or_else(refusals::recovery_not_paid)?;
    let mut charges: Vec<recovery_charge::Model> = sources
        .iter()
        .filter_map(|source| by_item.get(&source.paid.item).map(|gross| (source, *gross)))
        .map(|(source, gross)| recovery_charge::Model {
            id: new_id(),
            district_id: new.district_id,
            street_id: new.street_id,
            recovery_id: new.id,
            item_id: source.paid.item,
            budget_line_id: source.line,
            fiscal_year: source.year,
            month: source.paid.month,
            gross,
            tax: Fen::ZERO,
        })
        .collect();
    let mut tax_by_month = if tax_months::is_taxed(scheme) { lessen_tax(tx, &new, &person, &charges).await? } else { BTreeMap::new() };
    let tax = Fen::checked_sum(tax_by_month.values().copied()).map_err(Problem::internal)?;
    for charge in &mut charges {
        if let Some(left) = tax_by_month.get_mut(&charge.month) {
            charge.tax = (*left).min(charge.gross);
            *left = left.checked_sub(charge.tax).map_err(Problem::internal)?;
        }
    }
    let net = new.amount.checked_sub(tax).map_err(Problem::internal)?;
    let code = format!("{}-{}", act.today.format("%Y%m%d"), new.id.simple().to_string().chars().rev().take(6).collect::<String>());
    let mut posting = Posting::new((new.district_id, new.street_id), act.today, VoucherKind::Recovery, ("recovery", new.id), code, Vec::new());
    let row = recovery::Model { state: "settled".to_owned(), tax, net, settled_on: Some(act.today), voucher_id: Some(posting.id), ..new };
    let made = tx.insert::<recovery::Entity, _>(recovery::ActiveModel::from(row).reset_all()).await?;
    put_parts(tx, scheme, &made, &person, pieces).await?;
    tx.insert_all::<recovery_charge::Entity, recovery_charge::ActiveModel>(charges.clone()).await?;
    audit::record(tx, act, Event::new("recovery.record", "recovery", made.id, place).after(&made)?).await?;
    posting.entries = give_back(tx, act, scheme, &charges).await?;
    posting.entries.extend([Entry::debit(pay::on_hand(scheme), net), Entry::debit(Account::TaxWithheld, tax)]);
    post(tx, act, posting).await?;
    Ok(made)
}

/// Gives lines and year back what was charged to them; gives the credit entries.
async fn give_back(tx: &Tx, act: &Act, scheme: &stipend_scheme::Model, charges: &[recovery_charge::Model]) -> Result<Vec<Entry>, Problem> {
    let year = act.today.year();
    let (mut by_line, mut past): (BTreeMap<Uuid, Fen>, Fen) = (BTreeMap::new(), Fen::ZERO);
    for charge in charges {
        let sum = if charge.fiscal_year == year { by_line.entry(charge.budget_line_id).or_default() } else { &mut past };
        *sum = sum.checked_add(charge.gross).map_err(Problem::internal)?;
    }
    let mut entries = vec![Entry::credit(Account::CarriedOver, past).of_category(scheme.category_id)];
    for (line, sum) in &by_line {
        lines::spend(tx, *line, sum.checked_neg().map_err(Problem::internal)?).await?;
        let charged = tx.maybe_load::<budget_line::Entity>(*line).await?.ok_or_else(|| Problem::internal("a charged line that is gone"))?;
        entries.push(Entry::credit(Account::Expenditure, *sum).of_category(charged.category_id).of_community(charged.community_id));
    }
    let spent = Fen::checked_sum(by_line.into_values()).and_then(Fen::checked_neg).map_err(Problem::internal)?;
    years::add(tx, scheme.street_id, year, Sums { spent, carried_in: past, ..Sums::default() }).await?;
    Ok(entries)
}

fn require_submitted(action: &str, row: &recovery::Model) -> Result<(), Problem> {
    if row.state == "submitted" { Ok(()) } else { Err(Problem::invalid_transition(action, &row.state)) }
}

async fn decide(tx: &Tx, act: &Act, action: &'static str, before: &recovery::Model, after: recovery::Model) -> Result<recovery::Model, Problem> {
    let place = recovery::Entity::place(before);
    duties::take(tx, act, place, "recovery", before.id, Part::Approve).await?;
    let after = recovery::Model { decided_by: act.user_id(), version: before.version.saturating_add(1), ..after };
    let after = tx.update::<recovery::Entity, _>(recovery::ActiveModel::from(after).reset_all()).await?;
    let mut event = Event::new(action, "recovery", after.id, place).before(before)?.after(&after)?;
    event.reason.clone_from(&after.decision_reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// Approves a write-off (E10w): it is outstanding no more, and nothing is booked.
///
/// # Errors
/// 409 `invalid_transition`, `recovery_too_large`; 403 `separation_of_duties`.
pub async fn approve(tx: &Tx, act: &Act, row: Authorised<recovery::Model>, reason: String) -> Result<recovery::Model, Problem> {
    let before = row.into_inner();
    require_submitted("approve", &before)?;
    let scheme = run::lock_scheme(tx, before.scheme_id).await?;
    let enrolled = tx.maybe_load::<enrolment::Entity>(before.enrolment_id).await?.ok_or_else(Problem::not_found)?;
    let pieces = pieces(tx, &enrolled, before.amount).await?;
    let after = recovery::Model { state: "settled".to_owned(), settled_on: Some(act.today), decision_reason: Some(reason), ..before.clone() };
    let after = decide(tx, act, "recovery.approve", &before, after).await?;
    put_parts(tx, &scheme, &after, &person_of(tx, &after).await?, &pieces).await?;
    Ok(after)
}

/// Rejects a write-off, with the reason: it stays outstanding.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn reject(tx: &Tx, act: &Act, row: Authorised<recovery::Model>, reason: String) -> Result<recovery::Model, Problem> {
    let before = row.into_inner();
    require_submitted("reject", &before)?;
    let after = recovery::Model { state: "rejected".to_owned(), decision_reason: Some(reason), ..before.clone() };
    decide(tx, act, "recovery.reject", &before, after).await
}
