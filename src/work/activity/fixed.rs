//! When what an activity says is fixed: once money was asked for it, and once its year is closed. Claims, applications and years lie on floors above; the database shows of them what is asked
//! here in two views (`v_activity_uses`, `v_closed_years`), as it shows the tasks of every folder.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::refusals;
use crate::kernel::access::{Place, Scope};
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Sql, Tx};

/// What relies on what an activity says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// A claim that is on its way or paid.
    pub(super) claims: bool,
    /// An application beforehand that is submitted or approved.
    pub(super) applications: bool,
}

#[derive(FromQueryResult)]
struct Use {
    kind: String,
}

/// What relies on an activity now.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn uses(tx: &Tx, activity: Uuid) -> Result<Uses, Problem> {
    let find = Sql::both("SELECT DISTINCT kind FROM v_activity_uses WHERE activity_id = $1");
    let found = tx.query::<Use>(find, vec![activity.into()]).await?;
    let has = |kind: &str| found.iter().any(|found| found.kind == kind);
    Ok(Uses { claims: has("claim"), applications: has("commitment") })
}

#[derive(FromQueryResult)]
struct Closed {
    year: i32,
}

/// Ok where none of these days lies in a closed year of the street. Its years are the street's own rows, which a community does not see: they are read beside its rows.
///
/// # Errors
/// 409 `year_closed`.
pub(super) async fn require_open(db: &Db, place: Place, days: impl IntoIterator<Item = NaiveDate>) -> Result<(), Problem> {
    let street = place.street.ok_or_else(|| Problem::internal("an activity of no street"))?;
    let years: BTreeSet<i32> = days.into_iter().map(|day| day.year()).collect();
    let tx = db.read(Scope::Street(place.district, street)).await?;
    let closed = tx.query::<Closed>(Sql::both("SELECT year FROM v_closed_years WHERE street_id = $1"), vec![street.into()]).await?;
    closed.into_iter().find(|closed| years.contains(&closed.year)).map_or(Ok(()), |closed| Err(refusals::year_closed(closed.year)))
}
