//! The working days: the years that come with the program, and the State Council's notices that a district recorded, which win in that district and nowhere else.
//! A notice is recorded once and never changed; one that is announced anew is recorded anew, and the newest of a district's year counts.

pub mod entity;
mod record;
pub mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveDate;
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::kernel::calendar::{DayKind, WorkingCalendar};
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql, Tx};
use crate::platform::http::Context;

/// How often a server looks whether another one recorded a year.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(FromQueryResult)]
struct Year {
    district_id: Uuid,
    year: i32,
}

#[derive(FromQueryResult)]
struct Day {
    district_id: Uuid,
    day: NaiveDate,
    kind: String,
}

/// The calendars of the districts that recorded years, as the database has them now.
///
/// # Errors
/// 500 where the database fails.
pub async fn load(db: &Db) -> Result<BTreeMap<Uuid, WorkingCalendar>, Problem> {
    read(&db.read_as_system(Reason::Background).await?).await
}

async fn read(tx: &Tx) -> Result<BTreeMap<Uuid, WorkingCalendar>, Problem> {
    let mut years: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
    for row in tx.query::<Year>(Sql::both("SELECT DISTINCT district_id, year FROM calendar_years"), Vec::new()).await? {
        years.entry(row.district_id).or_default().insert(row.year);
    }
    let days = Sql::both(
        "SELECT y.district_id, d.day, d.kind FROM calendar_days d JOIN calendar_years y ON y.id = d.calendar_year_id \
         WHERE NOT EXISTS (SELECT 1 FROM calendar_years n WHERE n.district_id = y.district_id AND n.year = y.year AND n.id > y.id)",
    );
    let mut exceptions: BTreeMap<Uuid, BTreeMap<NaiveDate, DayKind>> = BTreeMap::new();
    for row in tx.query::<Day>(days, Vec::new()).await? {
        exceptions.entry(row.district_id).or_default().insert(row.day, DayKind::of_code(&row.kind));
    }
    Ok(years.into_iter().map(|(district, years)| (district, WorkingCalendar::with_added(years, exceptions.remove(&district).unwrap_or_default()))).collect())
}

/// Takes over what other servers recorded, for as long as the server runs.
pub async fn follow_forever(context: Context) {
    loop {
        tokio::time::sleep(PAUSE).await;
        match load(&context.db).await {
            Ok(calendars) => context.calendar.replace(calendars),
            Err(problem) => tracing::error!(%problem, "the calendars could not be read; those known go on"),
        }
    }
}
