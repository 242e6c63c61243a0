//! `calendar-years`: the State Council's notices of working and rest days.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use sea_orm::sea_query::Condition;
use sea_orm::{FromQueryResult, QueryFilter, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::calendar_year;
use super::record::{Notice, record};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::calendar::DayKind;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::db::{Sql, Tx};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok};

/// A day that is not as its weekday says.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarDay {
    /// The day.
    pub date: NaiveDate,
    /// What it is.
    pub kind: DayKind,
    /// The holiday, or what a working day makes up for: at most 60 characters.
    pub name: String,
}

/// A recorded year as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarYear {
    /// The record.
    pub id: Uuid,
    /// The calendar year.
    pub year: i32,
    /// The notice it follows.
    pub source: String,
    /// The days that are not as their weekday says, in order.
    pub exceptions: Vec<CalendarDay>,
    /// Whether it counts: the newest of its district and year.
    pub in_force: bool,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
}

/// The notice of a year to be recorded. A year that was recorded before, or came with the program, counts by the new one from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"year": 2027, "source": "国务院办公厅关于2027年部分节假日安排的通知", "exceptions": [
    {"date": "2027-01-01", "kind": "rest", "name": "元旦"}, {"date": "2027-01-03", "kind": "working", "name": "元旦调休"}]}))]
pub struct NewCalendarYear {
    /// The calendar year, 2004 to 2100.
    pub year: i32,
    /// The notice it follows: at most 200 characters.
    pub source: String,
    /// The days that are not as their weekday says: holidays on weekdays, and weekends that are worked. At least one.
    pub exceptions: Vec<CalendarDay>,
}

impl Body for NewCalendarYear {
    fn faults(&self, faults: &mut Faults) {
        if !(2004..=2100).contains(&self.year) {
            faults.add("/year", "out_of_range", "须为 2004 至 2100", "Must be 2004 to 2100");
        }
        faults.text("/source", &self.source, 200);
        if self.exceptions.is_empty() {
            faults.add("/exceptions", "required", "每年都有法定节假日，不能为空", "Every year has holidays: must not be empty");
        }
        let mut seen = BTreeMap::new();
        for (index, day) in self.exceptions.iter().enumerate() {
            faults.text(&format!("/exceptions/{index}/name"), &day.name, 60);
            let pointer = format!("/exceptions/{index}/date");
            if day.date.year() != self.year {
                faults.add(&pointer, "not_in_year", format!("{} 不在 {} 年", day.date, self.year), format!("{} is not in {}", day.date, self.year));
            }
            if let Some(first) = seen.insert(day.date, index) {
                faults.add(&pointer, "duplicate", format!("与第 {first} 项同一天"), format!("The same day as entry {first}"));
            }
        }
    }
}

#[derive(FromQueryResult)]
struct DayRow {
    calendar_year_id: Uuid,
    day: NaiveDate,
    kind: String,
    name: String,
}

#[derive(FromQueryResult)]
struct Newest {
    id: Uuid,
}

async fn shown(tx: &Tx, rows: Vec<calendar_year::Model>) -> Result<Vec<CalendarYear>, Problem> {
    let newest = Sql::both("SELECT y.id FROM calendar_years y WHERE NOT EXISTS (SELECT 1 FROM calendar_years n WHERE n.district_id = y.district_id AND n.year = y.year AND n.id > y.id)");
    let newest: Vec<Uuid> = tx.query::<Newest>(newest, Vec::new()).await?.into_iter().map(|row| row.id).collect();
    let mut years = Vec::new();
    for row in rows {
        let days = Sql::both("SELECT calendar_year_id, day, kind, name FROM calendar_days WHERE calendar_year_id = $1 ORDER BY day");
        let days = tx.query::<DayRow>(days, vec![Value::from(row.id)]).await?;
        let exceptions = days.into_iter().filter(|day| day.calendar_year_id == row.id).map(|day| CalendarDay { date: day.day, kind: DayKind::of_code(&day.kind), name: day.name }).collect();
        years.push(CalendarYear { id: row.id, year: row.year, source: row.source, exceptions, in_force: newest.contains(&row.id), created_at: row.created_at });
    }
    Ok(years)
}

/// Lists the years that the district recorded, the newest first. Filters: `year`. Sort: `year`.
#[utoipa::path(tag = "calendar-years", responses((status = 200, body = ListPage<CalendarYear>), Refusals))]
#[get("/calendar-years")]
async fn list_calendar_years(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["year"])?;
    let condition = list.equals::<i32>(Condition::all(), "year", calendar_year::Column::Year)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<calendar_year::Entity>().filter(condition);
    let columns = &["id", "year", "source", "exceptions", "in_force", "created_at"];
    list.answer(&context, tx, select, &[("year", calendar_year::Column::Year)], columns, async |tx, rows| shown(tx, rows).await).await
}

/// Reads one recorded year.
#[utoipa::path(tag = "calendar-years", responses((status = 200, body = CalendarYear), Refusals))]
#[get("/calendar-years/{id}")]
async fn get_calendar_year(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    let row = tx.load::<calendar_year::Entity>(id).await?.into_read();
    let year = shown(&tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(ok(&year))
}

/// Records the working and rest days of a year by the State Council's notice; they count at once, in the district that recorded them.
#[utoipa::path(tag = "calendar-years", request_body = NewCalendarYear, responses((status = 201, body = CalendarYear), Refusals))]
#[post("/calendar-years")]
async fn record_calendar_year(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewCalendarYear| {
            let days = body.exceptions.into_iter().map(|day| (day.date, (day.kind, day.name))).collect();
            let row = record(tx, act, &context.calendar, &Notice { year: body.year, source: body.source, days }).await?;
            let location = format!("/api/v1/calendar-years/{}", row.id);
            let year = shown(tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
            Ok(Done::created(location, None, year))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_calendar_years).service(get_calendar_year).service(record_calendar_year);
}
