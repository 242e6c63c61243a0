//! The yearly limits on trips: data of the district, with shipped defaults. A trip beyond one is flagged to who approves, never refused.

use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{self, Trip, UnitLevel};
use super::routes::NewActivityLimit;
use super::{activity, activity_limit, refusals};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

const DEFAULTS: &str = include_str!("defaults/activity_limits.json");

/// A limit as it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitInForce {
    /// The units it binds.
    pub unit_level: UnitLevel,
    /// The trips it counts.
    pub trip: Trip,
    /// At most so many …
    pub most: i32,
    /// … in so many calendar years, the activity's own being the last.
    pub years: i32,
    /// The rule it comes from.
    pub source: String,
    /// The first day it is in force; null for a shipped default, which holds until the district sets its own.
    #[serde(default)]
    pub effective_from: Option<NaiveDate>,
}

/// The limits of a district on a day: its own, else the shipped ones.
///
/// # Errors
/// 500 where the data cannot be read.
pub async fn in_force(tx: &Tx, district: Uuid, on: NaiveDate) -> Result<Vec<LimitInForce>, Problem> {
    let select = tx.select::<activity_limit::Entity>().filter(activity_limit::Column::DistrictId.eq(district)).filter(activity_limit::Column::EffectiveFrom.lte(on));
    let own = tx.all(select.order_by_desc(activity_limit::Column::EffectiveFrom)).await?;
    let shipped: Vec<LimitInForce> = serde_json::from_str(DEFAULTS).map_err(Problem::internal)?;
    Ok(shipped
        .into_iter()
        .map(|default| match own.iter().find(|row| row.unit_level == default.unit_level.code() && row.trip == default.trip.code()) {
            Some(row) => LimitInForce { most: row.most, years: row.years, source: row.source.clone(), effective_from: Some(row.effective_from), ..default },
            None => default,
        })
        .collect())
}

/// Sets a limit of the district from a day.
///
/// # Errors
/// 409 `limit_exists`.
pub async fn set(tx: &Tx, act: &Act, district: &Authorised<org_unit::Model>, new: NewActivityLimit) -> Result<activity_limit::Model, Problem> {
    let row = activity_limit::Model {
        id: new_id(),
        district_id: district.district_id,
        unit_level: new.unit_level.code().to_owned(),
        trip: new.trip.code().to_owned(),
        most: new.most,
        years: new.years,
        effective_from: new.effective_from,
        source: new.source,
        set_by: act.user_id(),
        created_at: act.at,
    };
    let row = activity_limit::ActiveModel::from(row).reset_all();
    let made = tx.try_insert::<activity_limit::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::limit_exists(new.effective_from) } else { error.into() })?;
    audit::record(tx, act, Event::new("activity_limit.set", "activity_limit", made.id, activity_limit::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// A trip held against its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TripCheck {
    /// The trip.
    pub trip: Trip,
    /// At most so many …
    pub most: i32,
    /// … in so many calendar years.
    pub years: i32,
    /// Earlier ones of the unit in those years, held or planned.
    pub earlier: i64,
    /// Whether this one is beyond the limit.
    pub over_limit: bool,
    /// The rule it comes from.
    pub source: String,
}

/// The trips that an activity makes, each against the limit of its unit. Activities that were cancelled do not count, and later ones are held against their own.
///
/// # Errors
/// 500 where the database fails.
pub async fn trips(tx: &Tx, row: &activity::Model) -> Result<Vec<TripCheck>, Problem> {
    let level = if row.community_id.is_some() { UnitLevel::Community } else { UnitLevel::Street };
    let mut checks = Vec::new();
    for limit in in_force(tx, row.district_id, row.from_date).await?.into_iter().filter(|limit| limit.unit_level == level) {
        let (made, column) = match limit.trip {
            Trip::OutsideTown => (row.outside_town, activity::Column::OutsideTown),
            Trip::OutsideProvince => (row.outside_province, activity::Column::OutsideProvince),
        };
        if !made {
            continue;
        }
        let unit = row.community_id.map_or_else(|| activity::Column::CommunityId.is_null(), |community| activity::Column::CommunityId.eq(community));
        let same_day = Condition::all().add(activity::Column::FromDate.eq(row.from_date)).add(activity::Column::Id.lt(row.id));
        let select = tx
            .select::<activity::Entity>()
            .filter(activity::Column::StreetId.eq(row.street_id))
            .filter(unit)
            .filter(column.eq(true))
            .filter(activity::Column::State.ne("cancelled"))
            .filter(activity::Column::FromDate.gte(model::window_start(row.from_date, limit.years)))
            .filter(Condition::any().add(activity::Column::FromDate.lt(row.from_date)).add(same_day));
        let earlier = tx.count(select).await?;
        checks.push(TripCheck { trip: limit.trip, most: limit.most, years: limit.years, earlier, over_limit: model::over(earlier, limit.most), source: limit.source });
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shipped_for_every_level_and_trip_with_its_source() {
        let shipped: Vec<LimitInForce> = serde_json::from_str(DEFAULTS).unwrap();
        for level in [UnitLevel::Street, UnitLevel::Community] {
            for trip in Trip::ALL {
                let found: Vec<_> = shipped.iter().filter(|limit| limit.unit_level == level && limit.trip == trip).collect();
                assert_eq!(found.len(), 1, "{level:?} {trip:?}");
                assert!(!found[0].source.is_empty() && found[0].years >= 1);
            }
        }
    }
}
