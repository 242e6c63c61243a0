//! Drafting a budget and submitting it.

use std::collections::BTreeSet;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::routes::{BudgetChange, NewBudget, NewLine};
use super::{budget, budget_line, budget_line_plan_item, refusals};
use crate::funds::ledger::years;
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::{community_of, org_unit};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};
use crate::work::plan::{items_with_targets, plan_item};

/// The lines of a budget, in the order they were written.
///
/// # Errors
/// 500 where the database fails.
pub async fn lines_of(tx: &Tx, budget: Uuid) -> Result<Vec<budget_line::Model>, Problem> {
    tx.all(tx.select::<budget_line::Entity>().filter(budget_line::Column::BudgetId.eq(budget)).order_by_asc(budget_line::Column::Id)).await
}

/// Drafts a budget with its lines.
///
/// # Errors
/// 409 `fiscal_year_not_open`, `budget_exists`; 422 `unknown_reference`, `line_twice`.
pub async fn draft(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewBudget) -> Result<budget::Model, Problem> {
    years::require_open(tx, street.id, new.fiscal_year).await?;
    let programme = new.programme.clone();
    let row = budget::ActiveModel {
        id: Set(new_id()),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        fiscal_year: Set(new.fiscal_year),
        programme: Set(new.programme),
        revision: Set(1),
        total: Set(new.total),
        state: Set("draft".to_owned()),
        prepared_by: Set(act.person()?.user_id),
        submitted_by: Set(None),
        approved_by: Set(None),
        return_reason: Set(None),
        version: Set(1),
        created_at: Set(act.at),
        approved_at: Set(None),
    };
    let made = tx.try_insert::<budget::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::budget_exists(&programme) } else { error.into() })?;
    let place = budget::Entity::place(&made);
    duties::take(tx, act, place, "budget", made.id, Part::Prepare).await?;
    put_lines(tx, &made, &new.lines, "/lines").await?;
    audit::record(tx, act, Event::new("budget.draft", "budget", made.id, place).after(&made)?).await?;
    Ok(made)
}

async fn put_lines(tx: &Tx, budget: &budget::Model, lines: &[NewLine], pointer: &str) -> Result<(), Problem> {
    for (index, line) in lines.iter().enumerate() {
        put_line(tx, budget, line, &format!("{pointer}/{index}")).await?;
    }
    Ok(())
}

async fn put_line(tx: &Tx, budget: &budget::Model, line: &NewLine, at: &str) -> Result<budget_line::Model, Problem> {
    let made = insert_line(tx, budget, line, at).await?;
    link(tx, &made, &line.plan_item_ids, at).await?;
    Ok(made)
}

/// Writes a line of a budget: what is asked for while the budget is a draft; approved at once, by an adjustment, where the budget is approved.
///
/// # Errors
/// 422 `unknown_reference`, `line_twice`.
pub(super) async fn insert_line(tx: &Tx, budget: &budget::Model, line: &NewLine, at: &str) -> Result<budget_line::Model, Problem> {
    tx.reference::<category::Entity>(line.category_id, &format!("{at}/category_id")).await?;
    if let Some(community) = line.community_id {
        community_of(tx, budget.street_id, community, &format!("{at}/community_id")).await?;
    }
    let approved = budget.state == "approved";
    let row = budget_line::ActiveModel {
        id: Set(new_id()),
        district_id: Set(budget.district_id),
        street_id: Set(budget.street_id),
        community_id: Set(line.community_id),
        budget_id: Set(budget.id),
        fiscal_year: Set(budget.fiscal_year),
        category_id: Set(line.category_id),
        amount: Set(if approved { Fen::ZERO } else { line.amount }),
        approved: Set(if approved { line.amount } else { Fen::ZERO }),
        reserved: Set(Fen::ZERO),
        committed: Set(Fen::ZERO),
        spent: Set(Fen::ZERO),
        state: Set(if approved { "approved" } else { "draft" }.to_owned()),
        remark: Set(line.remark.clone()),
        version: Set(1),
    };
    tx.try_insert::<budget_line::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::line_twice(at) } else { error.into() })
}

/// The plan items that a line pays for.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn linked(tx: &Tx, line: Uuid) -> Result<BTreeSet<Uuid>, Problem> {
    let links = tx.all(tx.select::<budget_line_plan_item::Entity>().filter(budget_line_plan_item::Column::BudgetLineId.eq(line))).await?;
    Ok(links.into_iter().map(|link| link.plan_item_id).collect())
}

/// Has a line pay for plan items of its street, beside those it pays for.
///
/// # Errors
/// 422 `unknown_reference`.
pub(super) async fn link(tx: &Tx, line: &budget_line::Model, items: &[Uuid], at: &str) -> Result<(), Problem> {
    let mut linked = linked(tx, line.id).await?;
    for (index, item) in items.iter().enumerate().filter(|(_, item)| linked.insert(**item)) {
        let item = tx.reference::<plan_item::Entity>(*item, &format!("{at}/plan_item_ids/{index}")).await?;
        if item.street_id != line.street_id {
            return Err(Problem::unknown_reference(&format!("{at}/plan_item_ids/{index}")));
        }
        let link = budget_line_plan_item::ActiveModel {
            id: Set(new_id()),
            district_id: Set(line.district_id),
            street_id: Set(line.street_id),
            community_id: Set(line.community_id),
            budget_line_id: Set(line.id),
            plan_item_id: Set(item.id),
        };
        tx.insert::<budget_line_plan_item::Entity, _>(link).await?;
    }
    Ok(())
}

fn require_draft(action: &str, budget: &budget::Model) -> Result<(), Problem> {
    if budget.state == "draft" { Ok(()) } else { Err(Problem::invalid_transition(action, &budget.state)) }
}

/// Adds a line to a draft.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`; 422.
pub async fn add_line(tx: &Tx, act: &Act, row: Authorised<budget::Model>, line: NewLine) -> Result<(budget::Model, budget_line::Model), Problem> {
    let before = row.into_inner();
    require_draft("add_line", &before)?;
    let place = budget::Entity::place(&before);
    duties::take(tx, act, place, "budget", before.id, Part::Prepare).await?;
    let made = put_line(tx, &before, &line, "").await?;
    let after = tx.update::<budget::Entity, _>(budget::ActiveModel { id: Unchanged(before.id), version: Set(before.version.saturating_add(1)), ..Default::default() }).await?;
    audit::record(tx, act, Event::new("budget.add_line", "budget", after.id, place).after(&made)?).await?;
    Ok((after, made))
}

/// Changes a draft; lines, where given, replace all lines.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`; 422.
pub async fn change(tx: &Tx, act: &Act, row: Authorised<budget::Model>, change: BudgetChange) -> Result<budget::Model, Problem> {
    let before = row.into_inner();
    require_draft("change", &before)?;
    let place = budget::Entity::place(&before);
    duties::take(tx, act, place, "budget", before.id, Part::Prepare).await?;
    if let Some(lines) = &change.lines {
        for old in lines_of(tx, before.id).await? {
            for link in tx.all(tx.select::<budget_line_plan_item::Entity>().filter(budget_line_plan_item::Column::BudgetLineId.eq(old.id))).await? {
                tx.delete::<budget_line_plan_item::Entity, budget_line_plan_item::ActiveModel>(link).await?;
            }
            tx.delete::<budget_line::Entity, budget_line::ActiveModel>(old).await?;
        }
        put_lines(tx, &before, lines, "/lines").await?;
    }
    let next = budget::ActiveModel { id: Unchanged(before.id), total: Set(change.total), version: Set(before.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<budget::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("budget.change", "budget", after.id, place).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Submits a draft: the lines sum to the total, and every line above 0.00 has a plan item with a target (先有计划、后有预算).
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`; 422 `lines_do_not_sum`, `plan_item_required` for each line.
pub async fn submit(tx: &Tx, act: &Act, row: Authorised<budget::Model>) -> Result<budget::Model, Problem> {
    let before = row.into_inner();
    require_draft("submit", &before)?;
    let place = budget::Entity::place(&before);
    duties::take(tx, act, place, "budget", before.id, Part::Prepare).await?;
    years::require_open(tx, before.street_id, before.fiscal_year).await?;
    let lines = lines_of(tx, before.id).await?;
    let sum = Fen::checked_sum(lines.iter().map(|line| line.amount)).map_err(Problem::internal)?;
    if sum != before.total || lines.is_empty() {
        return Err(refusals::lines_do_not_sum(before.total, sum));
    }
    require_plans(tx, &before, &lines).await?;
    let again = before.submitted_by.is_some();
    let next = budget::ActiveModel {
        id: Unchanged(before.id),
        state: Set("submitted".to_owned()),
        submitted_by: Set(act.user_id()),
        revision: Set(before.revision.saturating_add(i32::from(again))),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<budget::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("budget.submit", "budget", after.id, place).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Takes a submitted budget back to draft, by who may prepare it.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn withdraw(tx: &Tx, act: &Act, row: Authorised<budget::Model>) -> Result<budget::Model, Problem> {
    let before = row.into_inner();
    if before.state != "submitted" {
        return Err(Problem::invalid_transition("withdraw", &before.state));
    }
    let place = budget::Entity::place(&before);
    duties::take(tx, act, place, "budget", before.id, Part::Prepare).await?;
    let next = budget::ActiveModel { id: Unchanged(before.id), state: Set("draft".to_owned()), version: Set(before.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<budget::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("budget.withdraw", "budget", after.id, place).before(&before)?.after(&after)?).await?;
    Ok(after)
}

async fn require_plans(tx: &Tx, budget: &budget::Model, lines: &[budget_line::Model]) -> Result<(), Problem> {
    let ids = lines.iter().map(|line| line.id);
    let links = tx.all(tx.select::<budget_line_plan_item::Entity>().filter(budget_line_plan_item::Column::BudgetLineId.is_in(ids))).await?;
    let good = items_with_targets(tx, budget.street_id, budget.fiscal_year, &links.iter().map(|link| link.plan_item_id).collect()).await?;
    let mut faults = Faults::none();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.amount.is_positive()) {
        if !links.iter().any(|link| link.budget_line_id == line.id && good.contains(&link.plan_item_id)) {
            refusals::plan_item_required(&mut faults, index);
        }
    }
    faults.into_result()
}
