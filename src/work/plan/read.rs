//! What others ask of the plan.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use super::{plan_item, target};
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// Of these plan items, those of this street and year that have at least one target.
///
/// # Errors
/// 500 where the database fails.
pub async fn items_with_targets(tx: &Tx, street: Uuid, year: i32, ids: &BTreeSet<Uuid>) -> Result<BTreeSet<Uuid>, Problem> {
    let wanted = plan_item::Column::Id.is_in(ids.iter().copied());
    let items = tx.all(tx.select::<plan_item::Entity>().filter(wanted).filter(plan_item::Column::StreetId.eq(street)).filter(plan_item::Column::FiscalYear.eq(year))).await?;
    let items: BTreeSet<Uuid> = items.into_iter().map(|item| item.id).collect();
    let targets = tx.all(tx.select::<target::Entity>().filter(target::Column::PlanItemId.is_in(items.iter().copied()))).await?;
    let measured: BTreeSet<Uuid> = targets.into_iter().map(|target| target.plan_item_id).collect();
    Ok(items.intersection(&measured).copied().collect())
}
