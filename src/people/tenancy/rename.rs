//! Renaming a unit.

use sea_orm::ActiveValue::{Set, Unchanged};

use super::open::name_taken;
use super::org_unit;
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Tx, is_unique_violation};

/// Gives a unit another name; documents made before keep the one they were printed with.
///
/// # Errors
/// 409 `name_taken`.
pub async fn rename(tx: &Tx, act: &Act, unit: Authorised<org_unit::Model>, name: &str) -> Result<org_unit::Model, Problem> {
    let row = org_unit::ActiveModel { id: Unchanged(unit.id), name: Set(name.trim().to_owned()), version: Set(unit.version.saturating_add(1)), ..Default::default() };
    let after = tx.try_update::<org_unit::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { name_taken(name) } else { error.into() })?;
    audit::record(tx, act, Event::new("org_unit.rename", "org_unit", after.id, after.place()).before(&*unit)?.after(&after)?).await?;
    Ok(after)
}
