//! The working days of the deployment: the years that come with the program, and the State Council's notices that were recorded here, which win.
//! A notice is recorded once and never changed; one that is announced anew is recorded anew, and the newest of a year counts.

pub mod entity;
mod record;
pub mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveDate;
use sea_orm::FromQueryResult;

use crate::kernel::calendar::{DayKind, WorkingCalendar};
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql, Tx};
use crate::platform::http::Context;

/// How often a server looks whether another one recorded a year.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(FromQueryResult)]
struct Year {
    year: i32,
}

#[derive(FromQueryResult)]
struct Day {
    day: NaiveDate,
    kind: String,
}

/// The calendar as the database has it now.
///
/// # Errors
/// 500 where the database fails.
pub async fn load(db: &Db) -> Result<WorkingCalendar, Problem> {
    read(&db.read_as_system(Reason::Background).await?).await
}

async fn read(tx: &Tx) -> Result<WorkingCalendar, Problem> {
    let years = tx.query::<Year>(Sql::both("SELECT DISTINCT year FROM calendar_years"), Vec::new()).await?;
    let days = Sql::both(
        "SELECT d.day, d.kind FROM calendar_days d JOIN calendar_years y ON y.id = d.calendar_year_id WHERE NOT EXISTS (SELECT 1 FROM calendar_years n WHERE n.year = y.year AND n.id > y.id)",
    );
    let days = tx.query::<Day>(days, Vec::new()).await?;
    let exceptions: BTreeMap<_, _> = days.into_iter().map(|row| (row.day, if row.kind == "working" { DayKind::Working } else { DayKind::Rest })).collect();
    Ok(WorkingCalendar::with_added(years.into_iter().map(|row| row.year).collect::<BTreeSet<_>>(), exceptions))
}

/// Takes over what other servers recorded, for as long as the server runs.
pub async fn follow_forever(context: Context) {
    loop {
        tokio::time::sleep(PAUSE).await;
        match load(&context.db).await {
            Ok(calendar) => context.calendar.replace(calendar),
            Err(problem) => tracing::error!(%problem, "the calendar could not be read; the one known goes on"),
        }
    }
}
