//! The unit that a body names. It may be left out by who acts in one street only.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::org_unit;
use crate::kernel::access::{Actor, Capability, Place};
use crate::kernel::problem::Problem;
use crate::platform::db::{Authorised, Db, Reason, Tx};

/// The only unit in which the actor holds the capability.
fn only_unit(actor: &Actor, capability: Capability) -> Result<Place, Problem> {
    actor.only_unit(capability).map_err(|unclear| unclear.in_body())
}

/// The street that a body names, or the only one in which the actor holds the capability.
///
/// # Errors
/// 422 `unknown_reference` where it is out of reach, `street_required`; 403 where the capability is not held there.
pub async fn street_of(tx: &Tx, actor: &Actor, street_id: Option<Uuid>, capability: Capability) -> Result<Authorised<org_unit::Model>, Problem> {
    let id = match street_id {
        Some(id) => id,
        None => only_unit(actor, capability)?.street.ok_or_else(Problem::street_required)?,
    };
    let unit = tx.load_reference::<org_unit::Entity>(id, "/street_id").await?;
    if unit.place().street.is_none() || unit.place().community.is_some() {
        return Err(Problem::unknown_reference("/street_id"));
    }
    unit.authorise(actor, capability)
}

/// The community that a body names, or else its street; where it names neither, the only unit in which the actor holds the capability, a community too.
///
/// # Errors
/// As [`street_of`]; 422 `unknown_reference` for a community of another street, `community_required` for who acts in several communities of a street.
pub async fn unit_of(tx: &Tx, actor: &Actor, street_id: Option<Uuid>, community_id: Option<Uuid>, capability: Capability) -> Result<Authorised<org_unit::Model>, Problem> {
    let own = if street_id.is_none() && community_id.is_none() { only_unit(actor, capability)?.community } else { None };
    let Some(community) = community_id.or(own) else {
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
