//! Adjustments of an approved budget: a transfer sums to zero and the leader approves it; a supplement adds, a reduction takes, and the district approves.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::{Set, Unchanged};
use uuid::Uuid;

use super::routes_money::{AdjustmentKind, AdjustmentLine, NewAdjustment};
use super::{budget, budget_adjustment, budget_line, lines, refusals};
use crate::funds::ledger::years;
use crate::funds::spending::category;
use crate::kernel::access::Capability;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};

/// Who decides on an adjustment.
#[must_use]
pub fn decider(kind: &str) -> Capability {
    if kind == AdjustmentKind::Transfer.code() { Capability::TransferApprove } else { Capability::BudgetApprove }
}

/// Prepares an adjustment of an approved budget and submits it.
///
/// # Errors
/// 409 `invalid_transition`, `fiscal_year_not_open`; 422 `unknown_reference`, `category_earmarked`; 409 `line_short`.
pub async fn submit(tx: &Tx, act: &Act, row: Authorised<budget::Model>, new: NewAdjustment) -> Result<budget_adjustment::Model, Problem> {
    years::require_open(tx, row.street_id, row.fiscal_year).await?;
    if row.state != "approved" {
        return Err(Problem::invalid_transition("adjust", &row.state));
    }
    check_lines(tx, &row, new.kind, &new.lines).await?;
    let total = Fen::checked_sum(new.lines.iter().map(|line| Fen(line.amount.0.max(0)))).map_err(Problem::internal)?;
    let taken = Fen::checked_sum(new.lines.iter().map(|line| Fen(line.amount.0.min(0).saturating_neg()))).map_err(Problem::internal)?;
    let made = budget_adjustment::ActiveModel {
        id: Set(new_id()),
        district_id: Set(row.district_id),
        street_id: Set(row.street_id),
        budget_id: Set(row.id),
        fiscal_year: Set(row.fiscal_year),
        kind: Set(new.kind.code().to_owned()),
        state: Set("submitted".to_owned()),
        reason: Set(new.reason),
        lines: Set(serde_json::to_value(&new.lines).map_err(Problem::internal)?),
        total: Set(total.max(taken)),
        prepared_by: Set(act.person()?.user_id),
        decided_by: Set(None),
        decision_reason: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let made = tx.insert::<budget_adjustment::Entity, _>(made).await?;
    let place = budget_adjustment::Entity::place(&made);
    duties::take(tx, act, place, "budget_adjustment", made.id, Part::Prepare).await?;
    audit::record(tx, act, Event::new("budget_adjustment.submit", "budget_adjustment", made.id, place).after(&made)?).await?;
    Ok(made)
}

async fn check_lines(tx: &Tx, budget: &budget::Model, kind: AdjustmentKind, changes: &[AdjustmentLine]) -> Result<(), Problem> {
    let mut by_category: BTreeMap<Uuid, (i64, usize)> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let pointer = format!("/lines/{index}/budget_line_id");
        let line = tx.reference::<budget_line::Entity>(change.budget_line_id, &pointer).await?;
        if line.budget_id != budget.id {
            return Err(Problem::unknown_reference(&pointer));
        }
        if change.amount.0.saturating_neg() > lines::available(&line).0 {
            return Err(refusals::line_short(lines::available(&line), Fen(change.amount.0.saturating_neg())));
        }
        let sum = by_category.entry(line.category_id).or_insert((0, index));
        sum.0 = sum.0.saturating_add(change.amount.0);
    }
    // Earmarked money may move between the units of its own category, not out of it.
    for (category_id, (_, index)) in by_category.into_iter().filter(|(_, (sum, _))| kind == AdjustmentKind::Transfer && *sum < 0) {
        let category = tx.maybe_load::<category::Entity>(category_id).await?.ok_or_else(|| Problem::internal("a line without its category"))?;
        if category.earmarked && !category.transfer_out_allowed {
            return Err(refusals::category_earmarked(&category.name, &format!("/lines/{index}/amount")));
        }
    }
    Ok(())
}

fn require_submitted(action: &str, row: &budget_adjustment::Model) -> Result<(), Problem> {
    if row.state == "submitted" { Ok(()) } else { Err(Problem::invalid_transition(action, &row.state)) }
}

/// Approves an adjustment: its lines change, none below what is reserved and spent.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `fiscal_year_not_open`; 403 `separation_of_duties`.
pub async fn approve(tx: &Tx, act: &Act, row: Authorised<budget_adjustment::Model>) -> Result<budget_adjustment::Model, Problem> {
    let before = row.into_inner();
    require_submitted("approve", &before)?;
    let place = budget_adjustment::Entity::place(&before);
    duties::take(tx, act, place, "budget_adjustment", before.id, Part::Approve).await?;
    years::require_open(tx, before.street_id, before.fiscal_year).await?;
    let after = decide(tx, act, &before, "approved", None).await?;
    audit::record(tx, act, Event::new("budget_adjustment.approve", "budget_adjustment", after.id, place).before(&before)?.after(&after)?).await?;
    let mut changes: Vec<AdjustmentLine> = serde_json::from_value(before.lines).map_err(Problem::internal)?;
    changes.sort_by_key(|change| change.budget_line_id);
    for change in changes {
        let update = Sql::both("UPDATE budget_lines SET approved = approved + $2, version = version + 1 WHERE id = $1 AND state = 'approved' AND approved + $2 >= reserved + spent");
        if tx.execute(update, vec![change.budget_line_id.into(), change.amount.into()]).await? != 1 {
            let line = tx.maybe_load::<budget_line::Entity>(change.budget_line_id).await?.ok_or_else(Problem::not_found)?;
            return Err(refusals::line_short(lines::available(&line), Fen(change.amount.0.saturating_neg())));
        }
    }
    Ok(after)
}

/// Rejects an adjustment with the reason.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn reject(tx: &Tx, act: &Act, row: Authorised<budget_adjustment::Model>, reason: String) -> Result<budget_adjustment::Model, Problem> {
    let before = row.into_inner();
    require_submitted("reject", &before)?;
    let place = budget_adjustment::Entity::place(&before);
    duties::take(tx, act, place, "budget_adjustment", before.id, Part::Approve).await?;
    let after = decide(tx, act, &before, "rejected", Some(reason.clone())).await?;
    let mut event = Event::new("budget_adjustment.reject", "budget_adjustment", after.id, place).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

async fn decide(tx: &Tx, act: &Act, before: &budget_adjustment::Model, state: &str, reason: Option<String>) -> Result<budget_adjustment::Model, Problem> {
    let next = budget_adjustment::ActiveModel {
        id: Unchanged(before.id),
        state: Set(state.to_owned()),
        decided_by: Set(act.user_id()),
        decision_reason: Set(reason),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    tx.update::<budget_adjustment::Entity, _>(next).await
}
