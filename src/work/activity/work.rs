//! Planning an activity, recording how it was held, cancelling it; and naming one in another document.

use chrono::Datelike;
use sea_orm::ActiveModelTrait;
use uuid::Uuid;

use super::fixed::Uses;
use super::routes::{ActivityChange, Held, NewActivity, day_faults};
use super::{activity, fixed, refusals};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Db, Scoped, Tx};
use crate::work::plan::plan_item;

/// The plan item is one of the unit's or its street's, of the activity's year.
async fn check_plan_item(tx: &Tx, row: &activity::Model) -> Result<(), Problem> {
    let Some(id) = row.plan_item_id else {
        return Ok(());
    };
    let item = tx.reference::<plan_item::Entity>(id, "/plan_item_id").await?;
    if item.street_id != row.street_id || (item.community_id.is_some() && item.community_id != row.community_id) {
        return Err(Problem::unknown_reference("/plan_item_id"));
    }
    if item.fiscal_year == row.from_date.year() { Ok(()) } else { Err(refusals::plan_item_of_another_year(item.fiscal_year)) }
}

/// Plans an activity of a unit.
///
/// # Errors
/// 422 `unknown_reference`, `plan_item_of_another_year`; 409 `year_closed`.
pub async fn plan(tx: &Tx, act: &Act, db: &Db, unit: &Authorised<org_unit::Model>, new: NewActivity) -> Result<activity::Model, Problem> {
    let row = activity::Model {
        id: new_id(),
        district_id: unit.district_id,
        street_id: unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?,
        community_id: unit.community_id,
        plan_item_id: new.plan_item_id,
        kind: new.kind.words().0.to_owned(),
        title: new.title,
        from_date: new.from_date,
        to_date: new.to_date.unwrap_or(new.from_date),
        place: new.place,
        planned_headcount: new.planned_headcount,
        actual_headcount: None,
        outside_town: new.outside_town || new.outside_province,
        outside_province: new.outside_province,
        minutes: None,
        state: "planned".to_owned(),
        cancel_reason: None,
        prepared_by: act.person()?.user_id,
        version: 1,
        created_at: act.at,
    };
    check_plan_item(tx, &row).await?;
    fixed::require_open(db, unit.place(), [row.from_date, row.to_date]).await?;
    let made = tx.insert::<activity::Entity, _>(activity::ActiveModel::from(row).reset_all()).await?;
    audit::record(tx, act, Event::new("activity.plan", "activity", made.id, activity::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Changes an activity that is planned, until an application or a claim is submitted on it.
///
/// # Errors
/// 409 `invalid_transition`, `activity_fixed`, `year_closed`; 422 as [`plan`].
pub async fn change(tx: &Tx, act: &Act, db: &Db, row: Authorised<activity::Model>, change: ActivityChange) -> Result<activity::Model, Problem> {
    let before = require(row, "change", &["planned"])?;
    if fixed::uses(tx, before.id).await? != Uses::default() {
        return Err(refusals::activity_fixed(&before.title));
    }
    let after = activity::Model {
        plan_item_id: change.plan_item_id,
        kind: change.kind.words().0.to_owned(),
        title: change.title,
        from_date: change.from_date,
        to_date: change.to_date,
        place: change.place,
        planned_headcount: change.planned_headcount,
        outside_town: change.outside_town || change.outside_province,
        outside_province: change.outside_province,
        ..before.clone()
    };
    check_plan_item(tx, &after).await?;
    fixed::require_open(db, activity::Entity::place(&before), [before.from_date, before.to_date, after.from_date, after.to_date]).await?;
    put(tx, act, "activity.change", &before, after).await
}

/// Records that it was held: who came, what was said and decided, and when, where that is another day than planned. Said again, it corrects what was recorded.
/// Once a claim is submitted on it, it is recorded once, on the days that the claim was judged by.
///
/// # Errors
/// 409 `invalid_transition`, `activity_not_over`, `activity_fixed`, `year_closed`; 422 `plan_item_of_another_year`.
pub async fn hold(tx: &Tx, act: &Act, db: &Db, row: Authorised<activity::Model>, held: Held) -> Result<activity::Model, Problem> {
    let before = require(row, "hold", &["planned", "held"])?;
    let from_date = held.from_date.unwrap_or(before.from_date);
    let to_date = held.to_date.or_else(|| from_date.checked_add_signed(before.to_date.signed_duration_since(before.from_date))).unwrap_or(from_date);
    let mut faults = Faults::none();
    day_faults(from_date, to_date, &mut faults);
    faults.into_result()?;
    if to_date > act.today {
        return Err(refusals::activity_not_over(to_date));
    }
    let says_more = before.state == "planned" && (from_date, to_date) == (before.from_date, before.to_date);
    if !says_more && fixed::uses(tx, before.id).await?.claims {
        return Err(refusals::activity_fixed(&before.title));
    }
    fixed::require_open(db, activity::Entity::place(&before), [before.from_date, before.to_date, from_date, to_date]).await?;
    let after = activity::Model { from_date, to_date, actual_headcount: Some(held.actual_headcount), minutes: Some(held.minutes), state: "held".to_owned(), ..before.clone() };
    check_plan_item(tx, &after).await?;
    put(tx, act, "activity.hold", &before, after).await
}

/// Cancels an activity that is planned: nothing is applied for or claimed for it any more.
///
/// # Errors
/// 409 `invalid_transition`, `year_closed`.
pub async fn cancel(tx: &Tx, act: &Act, db: &Db, row: Authorised<activity::Model>, reason: String) -> Result<activity::Model, Problem> {
    let before = require(row, "cancel", &["planned"])?;
    fixed::require_open(db, activity::Entity::place(&before), [before.from_date, before.to_date]).await?;
    let after = activity::Model { state: "cancelled".to_owned(), cancel_reason: Some(reason), ..before.clone() };
    put(tx, act, "activity.cancel", &before, after).await
}

fn require(row: Authorised<activity::Model>, action: &str, states: &[&str]) -> Result<activity::Model, Problem> {
    let row = row.into_inner();
    if states.contains(&row.state.as_str()) { Ok(row) } else { Err(Problem::invalid_transition(action, &row.state)) }
}

async fn put(tx: &Tx, act: &Act, action: &'static str, before: &activity::Model, mut after: activity::Model) -> Result<activity::Model, Problem> {
    after.version = before.version.saturating_add(1);
    let after = tx.update::<activity::Entity, _>(activity::ActiveModel::from(after).reset_all()).await?;
    audit::record(tx, act, Event::new(action, "activity", after.id, activity::Entity::place(&after)).before(before)?.after(&after)?).await?;
    Ok(after)
}

/// An activity that a document of a unit names: one of the same unit.
///
/// # Errors
/// 422 `unknown_reference`, `activity_of_another_unit`.
pub async fn of_unit(tx: &Tx, id: Uuid, (street, community): (Uuid, Option<Uuid>), pointer: &str) -> Result<activity::Model, Problem> {
    let found = tx.reference::<activity::Entity>(id, pointer).await?;
    if found.street_id != street {
        return Err(Problem::unknown_reference(pointer));
    }
    if found.community_id == community { Ok(found) } else { Err(refusals::activity_of_another_unit(pointer)) }
}

/// The activity is not cancelled.
///
/// # Errors
/// 409 `activity_cancelled`.
pub fn live(row: &activity::Model) -> Result<(), Problem> {
    if row.state == "cancelled" { Err(refusals::activity_cancelled(&row.title)) } else { Ok(()) }
}
