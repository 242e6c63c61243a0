//! Recording the notice of a year.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::ActiveValue::Set;
use serde::Serialize;

use super::entity::calendar_year;
use super::read;
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::calendar::{DayKind, SharedCalendar};
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Sql, Tx};

/// The notice of a year.
#[derive(Debug)]
pub(super) struct Notice {
    pub year: i32,
    pub source: String,
    /// The days that are not as their weekday says, with their names.
    pub days: BTreeMap<NaiveDate, (DayKind, String)>,
}

/// What the audit trail keeps.
#[derive(Serialize)]
struct Trace<'a> {
    year: i32,
    source: &'a str,
    days: Vec<(NaiveDate, &'static str, &'a str)>,
}

/// Records a year of the district; in it the running server counts by it from the commit on.
///
/// # Errors
/// 403 where the capability is not held at the district.
pub(super) async fn record(tx: &Tx, act: &Act, calendar: &SharedCalendar, notice: &Notice) -> Result<calendar_year::Model, Problem> {
    let actor = act.person()?;
    let place = Place::district(actor.home.district);
    actor.require_at(Capability::ReferenceManage, &place)?;
    let row = calendar_year::ActiveModel {
        id: Set(new_id()),
        district_id: Set(place.district),
        year: Set(notice.year),
        source: Set(notice.source.trim().to_owned()),
        recorded_by: Set(act.user_id()),
        created_at: Set(act.at),
    };
    let row = tx.insert::<calendar_year::Entity, _>(row).await?;
    let insert = Sql::both("INSERT INTO calendar_days (calendar_year_id, day, kind, name) VALUES ($1, $2, $3, $4)");
    for (day, (kind, name)) in &notice.days {
        tx.execute(insert, vec![row.id.into(), (*day).into(), kind.code().into(), name.trim().into()]).await?;
    }
    let days = notice.days.iter().map(|(day, (kind, name))| (*day, kind.code(), name.as_str())).collect();
    audit::record(tx, act, Event::new("calendar_year.record", "calendar_year", row.id, place).after(&Trace { year: row.year, source: &row.source, days })?).await?;
    let (fresh, shared) = (read(tx).await?, calendar.clone());
    tx.after_commit(move || shared.replace(fresh));
    Ok(row)
}
