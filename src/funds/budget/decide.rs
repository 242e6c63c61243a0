//! The district approves a submitted budget or returns it with the reason; the close of its year closes it.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::draft::lines_of;
use super::{budget, budget_line};
use crate::funds::ledger::years;
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};

fn require_submitted(action: &str, budget: &budget::Model) -> Result<(), Problem> {
    if budget.state == "submitted" { Ok(()) } else { Err(Problem::invalid_transition(action, &budget.state)) }
}

/// Approves a budget: its lines can be drawn on from now on.
///
/// # Errors
/// 409 `invalid_transition`, `fiscal_year_not_open`; 403 `separation_of_duties`.
pub async fn approve(tx: &Tx, act: &Act, row: Authorised<budget::Model>) -> Result<budget::Model, Problem> {
    let before = row.into_inner();
    require_submitted("approve", &before)?;
    let place = budget::Entity::place(&before);
    duties::take(tx, act, place, "budget", before.id, Part::Approve).await?;
    years::require_open(tx, before.street_id, before.fiscal_year).await?;
    for line in lines_of(tx, before.id).await? {
        let next =
            budget_line::ActiveModel { id: Unchanged(line.id), approved: Set(line.amount), state: Set("approved".to_owned()), version: Set(line.version.saturating_add(1)), ..Default::default() };
        tx.update::<budget_line::Entity, _>(next).await?;
    }
    let next = budget::ActiveModel {
        id: Unchanged(before.id),
        state: Set("approved".to_owned()),
        approved_by: Set(act.user_id()),
        approved_at: Set(Some(act.at)),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<budget::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("budget.approve", "budget", after.id, place).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Returns a budget to draft, with the reason.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn give_back(tx: &Tx, act: &Act, row: Authorised<budget::Model>, reason: String) -> Result<budget::Model, Problem> {
    let before = row.into_inner();
    require_submitted("return", &before)?;
    let place = budget::Entity::place(&before);
    duties::take(tx, act, place, "budget", before.id, Part::Approve).await?;
    let next = budget::ActiveModel {
        id: Unchanged(before.id),
        state: Set("draft".to_owned()),
        return_reason: Set(Some(reason.clone())),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<budget::Entity, _>(next).await?;
    let mut event = Event::new("budget.return", "budget", after.id, place).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// Closes the approved budgets of a year that closes: nothing adjusts them any more. Their lines stay what they are, approved, for everybody who reads what was spent.
///
/// # Errors
/// 500 where the database fails.
pub async fn close_all(tx: &Tx, act: &Act, street: Uuid, year: i32) -> Result<(), Problem> {
    let of_year = tx.select::<budget::Entity>().filter(budget::Column::StreetId.eq(street)).filter(budget::Column::FiscalYear.eq(year));
    for before in tx.all(of_year.filter(budget::Column::State.eq("approved")).order_by_asc(budget::Column::Id)).await? {
        let next = budget::ActiveModel { id: Unchanged(before.id), state: Set("closed".to_owned()), version: Set(before.version.saturating_add(1)), ..Default::default() };
        let after = tx.update::<budget::Entity, _>(next).await?;
        audit::record(tx, act, Event::new("budget.close", "budget", after.id, budget::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    }
    Ok(())
}
