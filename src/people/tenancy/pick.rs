//! The unit that a body names. It may be left out by who acts in one street only.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::org_unit;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::Problem;
use crate::platform::db::{Authorised, Db, Reason, Tx};

fn street_required() -> Problem {
    Problem::new(422, "street_required", "请指明街道", "Name the street")
        .detail("您在不止一个街道（或在区级）办理，请在 street_id 中指明是哪个街道。", "You act in more than one street (or for a district): say which one in street_id.")
        .field("/street_id", "street_required", "须指明街道", "must name a street")
}

/// The only street in which the actor holds the capability.
fn only_street(actor: &Actor, capability: Capability) -> Result<Uuid, Problem> {
    let held = actor.assignments.iter().filter(|assignment| assignment.capabilities.contains(&capability));
    let streets: BTreeSet<Option<Uuid>> = held.map(|assignment| assignment.place.street).collect();
    match streets.first() {
        Some(Some(street)) if streets.len() == 1 => Ok(*street),
        _ => Err(street_required()),
    }
}

/// The street that a body names, or the only one in which the actor holds the capability.
///
/// # Errors
/// 422 `unknown_reference` where it is out of reach, `street_required`; 403 where the capability is not held there.
pub async fn street_of(tx: &Tx, actor: &Actor, street_id: Option<Uuid>, capability: Capability) -> Result<Authorised<org_unit::Model>, Problem> {
    let id = street_id.map_or_else(|| only_street(actor, capability), Ok)?;
    let unit = tx.load_reference::<org_unit::Entity>(id, "/street_id").await?;
    if unit.place().street.is_none() || unit.place().community.is_some() {
        return Err(Problem::unknown_reference("/street_id"));
    }
    unit.authorise(actor, capability)
}

/// The community that a body names, or else its street.
///
/// # Errors
/// As [`street_of`]; 422 `unknown_reference` for a community of another street.
pub async fn unit_of(tx: &Tx, actor: &Actor, street_id: Option<Uuid>, community_id: Option<Uuid>, capability: Capability) -> Result<Authorised<org_unit::Model>, Problem> {
    let Some(community) = community_id else {
        return street_of(tx, actor, street_id, capability).await;
    };
    let unit = tx.load_reference::<org_unit::Entity>(community, "/community_id").await?;
    if unit.place().community.is_none() || street_id.is_some_and(|street| unit.place().street != Some(street)) {
        return Err(Problem::unknown_reference("/community_id"));
    }
    unit.authorise(actor, capability)
}

/// Checks that a community lies in a street.
///
/// # Errors
/// 422 `unknown_reference` with the pointer.
pub async fn community_of(tx: &Tx, street: Uuid, community: Uuid, pointer: &str) -> Result<org_unit::Model, Problem> {
    let unit = tx.reference::<org_unit::Entity>(community, pointer).await?;
    if unit.street_id == Some(street) && unit.community_id.is_some() { Ok(unit) } else { Err(Problem::unknown_reference(pointer)) }
}

/// Every street, to work on each under its own scope.
///
/// # Errors
/// 500 where the database fails.
pub async fn streets(db: &Db) -> Result<Vec<org_unit::Model>, Problem> {
    let tx = db.read_as_system(Reason::ListStreets).await?;
    tx.all(tx.select::<org_unit::Entity>().filter(org_unit::Column::Level.eq("street")).order_by_asc(org_unit::Column::Id)).await
}

/// The names of units, to be shown beside their ids.
///
/// # Errors
/// 500 where the database fails.
pub async fn street_names(tx: &Tx, ids: impl IntoIterator<Item = Uuid>) -> Result<BTreeMap<Uuid, String>, Problem> {
    let ids: BTreeSet<Uuid> = ids.into_iter().collect();
    let units = tx.all(tx.select::<org_unit::Entity>().filter(org_unit::Column::Id.is_in(ids))).await?;
    Ok(units.into_iter().map(|unit| (unit.id, unit.name)).collect())
}
