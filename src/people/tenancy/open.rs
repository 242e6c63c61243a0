//! Opening a street in a district, or a community in a street.

use sea_orm::ActiveValue::Set;

use super::org_unit;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Tx, is_unique_violation};

/// The level below a unit; a community has none.
#[must_use]
pub fn level_below(level: &str) -> Option<&'static str> {
    match level {
        "district" => Some("street"),
        "street" => Some("community"),
        _ => None,
    }
}

/// Opens a unit below its parent, on which the actor holds the capability.
///
/// # Errors
/// 422 `no_level_below` under a community; 409 `name_taken`.
pub async fn open(tx: &Tx, act: &Act, parent: Authorised<org_unit::Model>, name: &str) -> Result<org_unit::Model, Problem> {
    let level = level_below(&parent.level).ok_or_else(|| {
        Problem::new(422, "no_level_below", "社区之下没有下级单位", "There is no level below a community").detail("请把上级单位改为区或街道。", "Name a district or a street as the parent.").field(
            "/parent_id",
            "no_level_below",
            "须为区或街道",
            "must be a district or a street",
        )
    })?;
    let id = new_id();
    let street = level == "street";
    let row = org_unit::ActiveModel {
        id: Set(id),
        district_id: Set(parent.district_id),
        street_id: Set(if street { Some(id) } else { parent.street_id }),
        community_id: Set((!street).then_some(id)),
        parent_id: Set(Some(parent.id)),
        level: Set(level.to_owned()),
        name: Set(name.trim().to_owned()),
        city: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let unit = tx.try_insert::<org_unit::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { name_taken(name) } else { error.into() })?;
    audit::record(tx, act, Event::new("org_unit.open", "org_unit", unit.id, unit.place()).after(&unit)?).await?;
    Ok(unit)
}

/// 409: another unit below the same parent has the name.
pub(super) fn name_taken(name: &str) -> Problem {
    Problem::new(409, "name_taken", "名称已被使用", "The name is taken")
        .detail(format!("该上级单位下已有“{}”。请换一个名称。", name.trim()), format!("There is already a “{}” under this parent. Choose another name.", name.trim()))
}
