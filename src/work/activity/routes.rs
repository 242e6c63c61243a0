//! `activities` and `activity-limits`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::{Datelike, NaiveDate};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::limits::{self, LimitInForce, TripCheck};
use super::model::{ActivityKind, Trip, UnitLevel};
use super::{activity, activity_limit, work};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{org_unit, unit_of};
use crate::platform::db::Tx;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};

const MOST_PEOPLE: i32 = 100_000;

fn headcount_faults(pointer: &str, count: i32, faults: &mut Faults) {
    if !(1..=MOST_PEOPLE).contains(&count) {
        faults.add(pointer, "out_of_range", format!("人数须为 1 至 {MOST_PEOPLE}"), format!("1 to {MOST_PEOPLE} people"));
    }
}

/// The days lie in years that are kept, the last one not before the first.
pub(super) fn day_faults(from: NaiveDate, to: NaiveDate, faults: &mut Faults) {
    for (pointer, day) in [("/from_date", from), ("/to_date", to)] {
        if !(2000..=2999).contains(&day.year()) {
            faults.add(pointer, "out_of_range", "年份须在 2000 至 2999 之间", "must lie in a year from 2000 to 2999");
        }
    }
    if to < from {
        faults.add("/to_date", "date_before_start", "结束日期不能早于开始日期", "must not be before from_date");
    }
}

/// An activity to be planned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"community_id": "0190a0b0-0000-7000-8000-000000000001", "kind": "theme_day", "title": "六月主题党日", "from_date": "2017-06-30", "place": "社区党员活动室", "planned_headcount": 30, "plan_item_id": "0190a0b0-0000-7000-8000-000000000002"}))]
pub struct NewActivity {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for a community's activity.
    pub community_id: Option<Uuid>,
    /// The plan item it belongs to; left out, it is one outside the yearly plan, which needs its own approval.
    pub plan_item_id: Option<Uuid>,
    /// What kind it is.
    pub kind: ActivityKind,
    /// What it is called, at most 100 characters.
    pub title: String,
    /// Its first day.
    pub from_date: NaiveDate,
    /// Its last day; the first unless said.
    pub to_date: Option<NaiveDate>,
    /// Where, at most 100 characters.
    pub place: String,
    /// How many people are expected.
    pub planned_headcount: i32,
    /// A trip out of town.
    #[serde(default)]
    pub outside_town: bool,
    /// A trip out of the province; it is out of town too.
    #[serde(default)]
    pub outside_province: bool,
}

impl Body for NewActivity {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        faults.text("/place", &self.place, 100);
        headcount_faults("/planned_headcount", self.planned_headcount, faults);
        day_faults(self.from_date, self.to_date.unwrap_or(self.from_date), faults);
    }
}

/// The fields of a planned activity that may be changed, by JSON Merge Patch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"planned_headcount": 40}))]
pub struct ActivityChange {
    /// The plan item; null takes it off.
    pub plan_item_id: Option<Uuid>,
    /// What kind it is.
    #[schema(required = false)]
    pub kind: ActivityKind,
    /// What it is called.
    #[schema(required = false)]
    pub title: String,
    /// Its first day.
    #[schema(required = false)]
    pub from_date: NaiveDate,
    /// Its last day.
    #[schema(required = false)]
    pub to_date: NaiveDate,
    /// Where.
    #[schema(required = false)]
    pub place: String,
    /// How many people are expected.
    #[schema(required = false)]
    pub planned_headcount: i32,
    /// A trip out of town.
    #[schema(required = false)]
    pub outside_town: bool,
    /// A trip out of the province.
    #[schema(required = false)]
    pub outside_province: bool,
}

impl From<&activity::Model> for ActivityChange {
    fn from(row: &activity::Model) -> Self {
        Self {
            plan_item_id: row.plan_item_id,
            kind: ActivityKind::of_code(&row.kind).unwrap_or(ActivityKind::Other),
            title: row.title.clone(),
            from_date: row.from_date,
            to_date: row.to_date,
            place: row.place.clone(),
            planned_headcount: row.planned_headcount,
            outside_town: row.outside_town,
            outside_province: row.outside_province,
        }
    }
}

impl Body for ActivityChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        faults.text("/place", &self.place, 100);
        headcount_faults("/planned_headcount", self.planned_headcount, faults);
        day_faults(self.from_date, self.to_date, faults);
    }
}

/// How it was held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"actual_headcount": 27, "minutes": "学习党章第一章，讨论社区环境整治，27 名党员签到。"}))]
pub struct Held {
    /// How many people came, by the sign-in sheet.
    pub actual_headcount: i32,
    /// The minutes, at most 10,000 characters.
    pub minutes: String,
    /// Its first day; as planned unless said.
    pub from_date: Option<NaiveDate>,
    /// Its last day; unless said, it took as many days as planned.
    pub to_date: Option<NaiveDate>,
}

impl Body for Held {
    fn faults(&self, faults: &mut Faults) {
        headcount_faults("/actual_headcount", self.actual_headcount, faults);
        faults.text("/minutes", &self.minutes, 10_000);
        if let (Some(from), Some(to)) = (self.from_date, self.to_date) {
            day_faults(from, to, faults);
        }
    }
}

/// Why it is cancelled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "讲师因故不能到场"}))]
pub struct Cancellation {
    /// The reason, at most 500 characters.
    pub reason: String,
}

impl Body for Cancellation {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 500);
    }
}

/// A limit on trips to be set by the district.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"unit_level": "community", "trip": "outside_town", "most": 2, "years": 1, "effective_from": "2017-07-01", "source": "区委组织部 2017 年第 5 号文"}))]
pub struct NewActivityLimit {
    /// The units it binds.
    pub unit_level: UnitLevel,
    /// The trips it counts.
    pub trip: Trip,
    /// At most so many, 0 to 100 …
    pub most: i32,
    /// … in so many calendar years, 1 to 10.
    pub years: i32,
    /// The first day it is in force.
    pub effective_from: NaiveDate,
    /// The rule it comes from, at most 200 characters.
    pub source: String,
}

impl Body for NewActivityLimit {
    fn faults(&self, faults: &mut Faults) {
        for (pointer, value, least, most) in [("/most", self.most, 0, 100), ("/years", self.years, 1, 10)] {
            if !(least..=most).contains(&value) {
                faults.add(pointer, "out_of_range", format!("须为 {least} 至 {most}"), format!("{least} to {most}"));
            }
        }
        faults.text("/source", &self.source, 200);
    }
}

/// An activity as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Activity {
    /// The activity.
    #[serde(flatten)]
    pub activity: activity::Model,
    /// The field's word for its kind.
    pub kind_name: &'static str,
    /// The trips it makes, each against its limit; where one activity is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trips: Option<Vec<TripCheck>>,
}

fn row(activity: activity::Model) -> Activity {
    Activity { kind_name: ActivityKind::of_code(&activity.kind).map_or("", |kind| kind.words().1), trips: None, activity }
}

async fn view(tx: &Tx, activity: activity::Model) -> Result<Activity, Problem> {
    let trips = Some(limits::trips(tx, &activity).await?);
    Ok(Activity { trips, ..row(activity) })
}

/// Lists activities. Filters: `street_id`, `community_id`, `plan_item_id`, `kind`, `state` (`planned`, `held`, `cancelled`), `year`. Sort: `from_date`, `title`.
#[utoipa::path(tag = "plan", responses((status = 200, body = ListPage<Activity>), Refusals))]
#[get("/activities")]
async fn list_activities(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ActivityRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "plan_item_id", "kind", "state", "year"])?;
    let mut condition = Condition::all();
    for (name, column) in [("street_id", activity::Column::StreetId), ("community_id", activity::Column::CommunityId), ("plan_item_id", activity::Column::PlanItemId)] {
        condition = list.equals::<Uuid>(condition, name, column)?;
    }
    condition = list.one_of(condition, "kind", activity::Column::Kind, &ActivityKind::ALL.map(|kind| kind.words().0))?;
    condition = list.one_of(condition, "state", activity::Column::State, &["planned", "held", "cancelled"])?;
    if let Some(year) = list.filter::<i32>("year")? {
        let days = NaiveDate::from_ymd_opt(year, 1, 1).zip(NaiveDate::from_ymd_opt(year, 12, 31));
        let (first, last) = days.unwrap_or((NaiveDate::MIN, NaiveDate::MIN));
        condition = condition.add(activity::Column::FromDate.gte(first)).add(activity::Column::FromDate.lte(last));
    }
    let tx = context.read(&actor, Capability::ActivityRead).await?;
    let select = tx.select::<activity::Entity>().filter(condition);
    let columns = &[
        "id",
        "street_id",
        "community_id",
        "plan_item_id",
        "kind",
        "kind_name",
        "title",
        "from_date",
        "to_date",
        "place",
        "planned_headcount",
        "actual_headcount",
        "outside_town",
        "outside_province",
        "minutes",
        "state",
        "version",
    ];
    let sorts = &[("from_date", activity::Column::FromDate), ("title", activity::Column::Title)];
    list.answer(&context, tx, select, sorts, columns, async |_, rows| Ok(rows.into_iter().map(row).collect())).await
}

/// Reads one activity, with its trips against their limits.
#[utoipa::path(tag = "plan", responses((status = 200, body = Activity), Refusals))]
#[get("/activities/{id}")]
async fn get_activity(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ActivityRead)?;
    let tx = context.read(&actor, Capability::ActivityRead).await?;
    let found = tx.load_text::<activity::Entity>(&id).await?.into_read();
    Ok(ok_versioned(found.version, &view(&tx, found).await?))
}

/// Plans an activity of a street or a community: 三会一课, 主题党日, 中心组学习, 志愿服务 ….
#[utoipa::path(tag = "plan", request_body = NewActivity, responses((status = 201, body = Activity), Refusals))]
#[post("/activities")]
async fn plan_activity(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ActivityWrite, Rules::plain(), async |tx, act, body: NewActivity| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ActivityWrite).await?;
            let made = work::plan(tx, act, &context.db, &unit, body).await?;
            Ok(Done::created(format!("/api/v1/activities/{}", made.id), Some(made.version), view(tx, made).await?))
        })
        .await
}

/// Changes a planned activity; once an application or a claim is submitted on it, what it says is fixed.
#[utoipa::path(tag = "plan", request_body(content = ActivityChange, content_type = "application/merge-patch+json"), responses((status = 200, body = Activity), Refusals))]
#[patch("/activities/{id}")]
async fn change_activity(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<activity::Entity, ActivityChange, _>(
            &actor,
            Capability::ActivityWrite,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                let row = work::change(tx, act, &context.db, row, change).await?;
                Ok(Done::changed(row.version, view(tx, row).await?))
            },
        )
        .await
}

fn rules() -> Rules<activity::Model> {
    Rules::moves(|row: &activity::Model| row.version)
}

/// Records that an activity was held: who came, the minutes, and the day where it was another than planned. Said again, it corrects what was recorded.
#[utoipa::path(tag = "plan", request_body = Held, responses((status = 200, body = Activity), Refusals))]
#[post("/activities/{id}/hold")]
async fn hold_activity(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<activity::Entity, Held, _>(&actor, Capability::ActivityWrite, &id, rules(), async |tx, act, row, body| {
            let row = work::hold(tx, act, &context.db, row, body).await?;
            Ok(Done::changed(row.version, view(tx, row).await?))
        })
        .await
}

/// Cancels a planned activity, with the reason: nothing is applied for or claimed for it any more.
#[utoipa::path(tag = "plan", request_body = Cancellation, responses((status = 200, body = Activity), Refusals))]
#[post("/activities/{id}/cancel")]
async fn cancel_activity(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<activity::Entity, Cancellation, _>(&actor, Capability::ActivityWrite, &id, rules(), async |tx, act, row, body| {
            let row = work::cancel(tx, act, &context.db, row, body.reason).await?;
            Ok(Done::changed(row.version, view(tx, row).await?))
        })
        .await
}

/// Lists the limits on trips that the district set. Filters: `unit_level` (`street`, `community`), `trip` (`outside_town`, `outside_province`). Sort: `effective_from`. Where it set none, the shipped ones hold: `activity-limits/in-force`.
#[utoipa::path(tag = "plan", responses((status = 200, body = ListPage<activity_limit::Model>), Refusals))]
#[get("/activity-limits")]
async fn list_activity_limits(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["unit_level", "trip"])?;
    let condition = list.one_of(Condition::all(), "unit_level", activity_limit::Column::UnitLevel, &["street", "community"])?;
    let condition = list.one_of(condition, "trip", activity_limit::Column::Trip, &["outside_town", "outside_province"])?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<activity_limit::Entity>().filter(condition);
    let columns = &["id", "unit_level", "trip", "most", "years", "effective_from", "source"];
    list.answer(&context, tx, select, &[("effective_from", activity_limit::Column::EffectiveFrom)], columns, async |_, rows| Ok(rows)).await
}

/// The limits on trips in force today, the district's own and the shipped ones.
#[utoipa::path(tag = "plan", responses((status = 200, body = ListPage<LimitInForce>), Refusals))]
#[get("/activity-limits/in-force")]
async fn activity_limits_in_force(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let limits = limits::in_force(&tx, actor.home.district, context.clocks.business_today()).await?;
    list.answer_whole(&context, &["unit_level", "trip", "most", "years", "effective_from", "source"], limits).await
}

/// Sets a limit on trips from a day on: at most so many in so many calendar years, for streets or for communities. Trips beyond it are flagged to who approves them.
#[utoipa::path(tag = "plan", request_body = NewActivityLimit, responses((status = 201, body = activity_limit::Model), Refusals))]
#[post("/activity-limits")]
async fn set_activity_limit(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewActivityLimit| {
            let district = tx.load::<org_unit::Entity>(actor.home.district).await?.authorise(&actor, Capability::ReferenceManage)?;
            let made = limits::set(tx, act, &district, body).await?;
            Ok(Done::created("/api/v1/activity-limits".to_owned(), None, made))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_activities).service(get_activity).service(plan_activity).service(change_activity).service(hold_activity).service(cancel_activity);
    config.service(activity_limits_in_force).service(list_activity_limits).service(set_activity_limit);
}
