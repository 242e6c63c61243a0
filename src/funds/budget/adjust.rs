//! Adjustments of an approved budget: a transfer sums to zero and the leader approves it; a supplement adds, a reduction takes, and the district approves.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ActiveValue::{Set, Unchanged};
use uuid::Uuid;

use super::routes::NewLine;
use super::routes_money::{AdjustmentKind, AdjustmentLine, NewAdjustment};
use super::{budget, budget_adjustment, budget_line, draft, lines, refusals};
use crate::funds::ledger::years;
use crate::funds::spending::category;
use crate::kernel::access::Capability;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::community_of;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx};
use crate::work::plan::{items_with_targets, plan_item};

/// Who decides on an adjustment.
#[must_use]
pub fn decider(kind: &str) -> Capability {
    if kind == AdjustmentKind::Transfer.code() { Capability::TransferApprove } else { Capability::BudgetApprove }
}

/// Prepares an adjustment of an approved budget and submits it.
///
/// # Errors
/// 409 `invalid_transition`, `fiscal_year_not_open`; 422 `unknown_reference`, `category_earmarked`, `plan_item_required`, `line_twice`; 409 `line_short`.
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

/// Looks at what is asked: no line is taken below what is held and spent, a line that gets money has a plan, and earmarked money stays in its category.
async fn check_lines(tx: &Tx, budget: &budget::Model, kind: AdjustmentKind, changes: &[AdjustmentLine]) -> Result<(), Problem> {
    let mut by_category: BTreeMap<Uuid, (i64, usize)> = BTreeMap::new();
    let mut faults = Faults::none();
    for (index, change) in changes.iter().enumerate() {
        let (category, mut planned) = match change.budget_line_id {
            Some(id) => changing(tx, budget, (id, change.amount), &format!("/lines/{index}/budget_line_id")).await?,
            None => (added(tx, budget, change, &format!("/lines/{index}")).await?, BTreeSet::new()),
        };
        planned.extend(require_items(tx, budget, (kind, index), change, &mut faults).await?);
        if change.amount.is_positive() && items_with_targets(tx, budget.street_id, budget.fiscal_year, &planned).await?.is_empty() {
            refusals::plan_item_required(&mut faults, index);
        }
        let sum = by_category.entry(category).or_insert((0, index));
        sum.0 = sum.0.saturating_add(change.amount.0);
    }
    faults.into_result()?;
    // Earmarked money may move between the units of its own category, not out of it.
    for (category_id, (_, index)) in by_category.into_iter().filter(|(_, (sum, _))| kind == AdjustmentKind::Transfer && *sum < 0) {
        let category = tx.maybe_load::<category::Entity>(category_id).await?.ok_or_else(|| Problem::internal("a line without its category"))?;
        if category.earmarked && !category.transfer_out_allowed {
            return Err(refusals::category_earmarked(&category.name, &format!("/lines/{index}/amount")));
        }
    }
    Ok(())
}

/// Looks at the plan items that a line is to pay for: of this street and year, with a target. Only the district approves a plan: a transfer, which is the leader's, goes to what it has approved already.
async fn require_items(tx: &Tx, budget: &budget::Model, (kind, index): (AdjustmentKind, usize), change: &AdjustmentLine, faults: &mut Faults) -> Result<BTreeSet<Uuid>, Problem> {
    let given: BTreeSet<Uuid> = change.plan_item_ids.iter().copied().collect();
    let good = items_with_targets(tx, budget.street_id, budget.fiscal_year, &given).await?;
    for (place, item) in change.plan_item_ids.iter().enumerate() {
        let pointer = format!("/lines/{index}/plan_item_ids/{place}");
        if tx.reference::<plan_item::Entity>(*item, &pointer).await?.street_id != budget.street_id {
            return Err(Problem::unknown_reference(&pointer));
        }
        if !good.contains(item) {
            faults.add(&pointer, "plan_item_required", "须为本年度有目标的计划项目", "must be a plan item of this year that has a target");
        } else if kind == AdjustmentKind::Transfer && !lines::plan_approved(tx, [*item]).await? {
            faults.add(
                &pointer,
                "plan_not_approved",
                "调剂只能用于区已批准的计划项目；新的计划项目请随追加报批",
                "a transfer goes to plan items that the district has approved; a new one comes with a supplement",
            );
        }
    }
    Ok(good)
}

/// The category of a line that changes, and the plan items that it pays for.
async fn changing(tx: &Tx, budget: &budget::Model, (id, amount): (Uuid, Fen), pointer: &str) -> Result<(Uuid, BTreeSet<Uuid>), Problem> {
    let line = tx.reference::<budget_line::Entity>(id, pointer).await?;
    if line.budget_id != budget.id {
        return Err(Problem::unknown_reference(pointer));
    }
    if amount.0.saturating_neg() > lines::available(&line).0 {
        return Err(refusals::line_short(lines::available(&line), Fen(amount.0.saturating_neg())));
    }
    Ok((line.category_id, draft::linked(tx, line.id).await?))
}

/// The category of a line to be added: the year's approved budgets have none of it for the unit, for what is charged to a category and a unit has to find one line.
async fn added(tx: &Tx, budget: &budget::Model, change: &AdjustmentLine, at: &str) -> Result<Uuid, Problem> {
    let category = change.category_id.ok_or_else(|| Problem::internal("an adjustment of no line"))?;
    tx.reference::<category::Entity>(category, &format!("{at}/category_id")).await?;
    if let Some(community) = change.community_id {
        community_of(tx, budget.street_id, community, &format!("{at}/community_id")).await?;
    }
    let there = lines::approved(tx, budget.street_id, budget.fiscal_year, category, change.community_id).await?;
    if there.is_empty() { Ok(category) } else { Err(refusals::line_twice(&format!("{at}/category_id"))) }
}

fn require_submitted(action: &str, row: &budget_adjustment::Model) -> Result<(), Problem> {
    if row.state == "submitted" { Ok(()) } else { Err(Problem::invalid_transition(action, &row.state)) }
}

/// Approves an adjustment: its lines change, none below what is reserved and spent, and its new lines are there.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `fiscal_year_not_open`; 422 `line_twice` where another adjustment has added the line; 403 `separation_of_duties`.
pub async fn approve(tx: &Tx, act: &Act, row: Authorised<budget_adjustment::Model>) -> Result<budget_adjustment::Model, Problem> {
    let before = row.into_inner();
    require_submitted("approve", &before)?;
    let place = budget_adjustment::Entity::place(&before);
    duties::take(tx, act, place, "budget_adjustment", before.id, Part::Approve).await?;
    years::require_open(tx, before.street_id, before.fiscal_year).await?;
    let lines = carry_out(tx, &before).await?;
    let after = decide(tx, act, &before, budget_adjustment::ActiveModel { state: Set("approved".to_owned()), lines: Set(lines), ..Default::default() }).await?;
    audit::record(tx, act, Event::new("budget_adjustment.approve", "budget_adjustment", after.id, place).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Changes the lines of an adjustment, in the order in which all lock them, and adds its new ones; gives them with the ids of those.
async fn carry_out(tx: &Tx, adjustment: &budget_adjustment::Model) -> Result<serde_json::Value, Problem> {
    let mut changes: Vec<AdjustmentLine> = serde_json::from_value(adjustment.lines.clone()).map_err(Problem::internal)?;
    let mut order: Vec<usize> = (0..changes.len()).collect();
    order.sort_by_key(|index| changes.get(*index).map(|change| (change.budget_line_id.is_none(), change.budget_line_id)));
    for index in order {
        let Some(change) = changes.get_mut(index) else { continue };
        let at = format!("/lines/{index}");
        let line = match change.budget_line_id {
            Some(id) => add_to(tx, id, change.amount).await?,
            None => add_line(tx, adjustment, change, &at).await?,
        };
        draft::link(tx, &line, &change.plan_item_ids, &at).await?;
        change.budget_line_id = Some(line.id);
    }
    serde_json::to_value(&changes).map_err(Problem::internal)
}

async fn add_to(tx: &Tx, id: Uuid, amount: Fen) -> Result<budget_line::Model, Problem> {
    let update = Sql::both("UPDATE budget_lines SET approved = approved + $2, version = version + 1 WHERE id = $1 AND state = 'approved' AND approved + $2 >= reserved + spent");
    let changed = tx.execute(update, vec![id.into(), amount.into()]).await?;
    let line = tx.maybe_load::<budget_line::Entity>(id).await?.ok_or_else(Problem::not_found)?;
    if changed == 1 { Ok(line) } else { Err(refusals::line_short(lines::available(&line), Fen(amount.0.saturating_neg()))) }
}

async fn add_line(tx: &Tx, adjustment: &budget_adjustment::Model, change: &AdjustmentLine, at: &str) -> Result<budget_line::Model, Problem> {
    let budget = tx.maybe_load::<budget::Entity>(adjustment.budget_id).await?.ok_or_else(|| Problem::internal("an adjustment without its budget"))?;
    // Another adjustment, also of another budget, may have added it since.
    let category_id = added(tx, &budget, change, at).await?;
    let line = NewLine { category_id, community_id: change.community_id, amount: change.amount, plan_item_ids: Vec::new(), remark: None };
    draft::insert_line(tx, &budget, &line, at).await
}

/// Withdraws an adjustment before it is decided on.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn withdraw(tx: &Tx, act: &Act, row: Authorised<budget_adjustment::Model>) -> Result<budget_adjustment::Model, Problem> {
    let before = row.into_inner();
    require_submitted("withdraw", &before)?;
    let place = budget_adjustment::Entity::place(&before);
    duties::take(tx, act, place, "budget_adjustment", before.id, Part::Prepare).await?;
    let next = budget_adjustment::ActiveModel { id: Unchanged(before.id), state: Set("withdrawn".to_owned()), version: Set(before.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<budget_adjustment::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("budget_adjustment.withdraw", "budget_adjustment", after.id, place).before(&before)?.after(&after)?).await?;
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
    let after = decide(tx, act, &before, budget_adjustment::ActiveModel { state: Set("rejected".to_owned()), decision_reason: Set(Some(reason.clone())), ..Default::default() }).await?;
    let mut event = Event::new("budget_adjustment.reject", "budget_adjustment", after.id, place).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

async fn decide(tx: &Tx, act: &Act, before: &budget_adjustment::Model, decision: budget_adjustment::ActiveModel) -> Result<budget_adjustment::Model, Problem> {
    let next = budget_adjustment::ActiveModel { id: Unchanged(before.id), decided_by: Set(act.user_id()), version: Set(before.version.saturating_add(1)), ..decision };
    tx.update::<budget_adjustment::Entity, _>(next).await
}
