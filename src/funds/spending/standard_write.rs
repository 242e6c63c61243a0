//! Keeping a district's standards: the next one is set, one that has not begun is changed, one is ended.

use chrono::NaiveDate;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, QueryFilter};
use uuid::Uuid;

use super::routes_standards::{NewStandard, StandardChange};
use super::{expense_item, refusals, standard, standards};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

/// Every standard of some items, in force or not.
///
/// # Errors
/// 500 where the database fails.
pub async fn of_items(tx: &Tx, items: impl IntoIterator<Item = Uuid>) -> Result<Vec<standard::Model>, Problem> {
    tx.all(tx.select::<standard::Entity>().filter(standard::Column::ExpenseItemId.is_in(items))).await
}

/// The last one that stands for the same item, basis, grade, place and season.
async fn last_of_key(tx: &Tx, row: &standard::Model) -> Result<Option<standard::Model>, Problem> {
    let own = of_items(tx, [row.expense_item_id]).await?;
    Ok(own.into_iter().filter(|other| other.id != row.id && standards::same_key(other, row) && !standards::called_off(other)).max_by_key(|other| other.effective_from))
}

/// It begins after the last one of its key and, where there is one, not before today: no history is rewritten.
async fn require_later(tx: &Tx, act: &Act, row: &standard::Model) -> Result<(), Problem> {
    match last_of_key(tx, row).await? {
        Some(last) if row.effective_from <= last.effective_from || row.effective_from < act.today => Err(refusals::effective_date_taken(last.effective_from, act.today)),
        _ => Ok(()),
    }
}

fn taken(act: &Act, from: NaiveDate) -> impl FnOnce(DbErr) -> Problem {
    let today = act.today;
    move |error| if is_unique_violation(&error) { refusals::effective_date_taken(from, today) } else { error.into() }
}

/// Sets a standard of a district; it ends the one before it.
///
/// # Errors
/// 422 `unknown_reference`; 409 `effective_date_taken`.
pub async fn add(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewStandard) -> Result<standard::Model, Problem> {
    tx.reference::<expense_item::Entity>(new.expense_item_id, "/expense_item_id").await?;
    let row = standard::Model {
        id: new_id(),
        district_id: district.district_id,
        expense_item_id: new.expense_item_id,
        name: new.name,
        basis: new.basis.code().to_owned(),
        grade: new.grade,
        place: new.place,
        season_from: new.season_from,
        season_to: new.season_to,
        amount: new.amount,
        above: new.above.code().to_owned(),
        max_per_half_day: new.max_per_half_day,
        max_per_day: new.max_per_day,
        effective_from: new.effective_from,
        ended_on: None,
        source: new.source,
        to_be_confirmed: new.to_be_confirmed,
        set_by: act.user_id(),
        version: 1,
        created_at: act.at,
    };
    require_later(tx, act, &row).await?;
    insert(tx, act, row).await
}

/// Writes a standard with its audit event.
pub(super) async fn insert(tx: &Tx, act: &Act, row: standard::Model) -> Result<standard::Model, Problem> {
    let from = row.effective_from;
    let made = tx.try_insert::<standard::Entity, _>(standard::ActiveModel::from(row).reset_all()).await.map_err(taken(act, from))?;
    audit::record(tx, act, Event::new("standard.set", "standard", made.id, standard::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Changes a standard that has not begun; what it is of (item, basis, grade, place, season) stays.
///
/// # Errors
/// 409 `standard_in_force`, `standard_ended`, `effective_date_taken`.
pub async fn change(tx: &Tx, act: &Act, row: Authorised<standard::Model>, change: StandardChange) -> Result<standard::Model, Problem> {
    let before = row.into_inner();
    if before.effective_from <= act.today {
        return Err(refusals::standard_in_force(before.effective_from));
    }
    if let Some(last) = before.ended_on {
        return Err(refusals::standard_ended(last));
    }
    let after = standard::Model {
        name: change.name,
        amount: change.amount,
        above: change.above.code().to_owned(),
        max_per_half_day: change.max_per_half_day,
        max_per_day: change.max_per_day,
        effective_from: change.effective_from,
        source: change.source,
        to_be_confirmed: change.to_be_confirmed,
        version: before.version.saturating_add(1),
        ..before.clone()
    };
    // What is paid at cost has no amount, all else has one; the basis itself is not changed.
    super::routes_standards::require_amount(&after)?;
    if after.effective_from <= act.today {
        return Err(refusals::effective_date_taken(before.effective_from, act.today));
    }
    require_later(tx, act, &after).await?;
    let from = after.effective_from;
    let after = tx.try_update::<standard::Entity, _>(standard::ActiveModel::from(after).reset_all()).await.map_err(taken(act, from))?;
    audit::record(tx, act, Event::new("standard.change", "standard", after.id, standard::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}

/// Ends a standard after a day that is not past; one that has not begun by then never comes into force.
///
/// # Errors
/// 422 `end_in_the_past`; 409 `standard_ended`.
pub async fn end(tx: &Tx, act: &Act, row: Authorised<standard::Model>, last_day: NaiveDate) -> Result<standard::Model, Problem> {
    let before = row.into_inner();
    if last_day < act.today {
        return Err(refusals::end_in_the_past(act.today));
    }
    let all = of_items(tx, [before.expense_item_id]).await?;
    if let Some(ended) = standards::last_day(&before, &all).filter(|ended| *ended < act.today || standards::called_off(&before)) {
        return Err(refusals::standard_ended(ended));
    }
    let next = standard::ActiveModel { id: Unchanged(before.id), ended_on: Set(Some(last_day)), version: Set(before.version.saturating_add(1)), ..Default::default() };
    let after = tx.update::<standard::Entity, _>(next).await?;
    audit::record(tx, act, Event::new("standard.end", "standard", after.id, standard::Entity::place(&after)).before(&before)?.after(&after)?).await?;
    Ok(after)
}
