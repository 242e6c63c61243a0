//! `enrolments`: who draws a stipend from when to when.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::routes_scheme::rate_fault;
use super::{enrolment, enrolment_rate, own_rates, people, stipend_scheme};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::{Faults, Problem};
use crate::platform::audit::{Shown, to_show};
use crate::platform::db::Scoped;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::Submitted;

/// How a survivor was related to who died.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// 配偶.
    Spouse,
    /// 子女.
    Child,
    /// 父母.
    Parent,
    /// 兄弟姐妹.
    Sibling,
    /// 其他.
    Other,
}

impl Relation {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spouse => "spouse",
            Self::Child => "child",
            Self::Parent => "parent",
            Self::Sibling => "sibling",
            Self::Other => "other",
        }
    }
}

/// Whose survivor 遗属 is enrolled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// Who died; kept encrypted and shown masked.
    pub deceased_name: String,
    /// When they died.
    pub died_on: Option<NaiveDate>,
    /// How the beneficiary was related to them.
    pub relation: Relation,
}

/// An enrolment to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scheme_id": "0190a0b0-0000-7000-8000-000000000001", "beneficiary_id": "0190a0b0-0000-7000-8000-000000000002", "from_date": "2017-01-01"}))]
pub struct NewEnrolment {
    /// The scheme.
    pub scheme_id: Uuid,
    /// The beneficiary, of the same street.
    pub beneficiary_id: Uuid,
    /// The first day, or the event's.
    pub from_date: NaiveDate,
    /// The last day, or the event's.
    pub to_date: Option<NaiveDate>,
    /// The last period paid before this system; the one before the scheme's first unless said.
    #[schema(value_type = Option<String>)]
    pub paid_through: Option<Period>,
    /// An own rate; more can be added later.
    pub own_rate: Option<Fen>,
    /// From which month; the first unless said.
    #[schema(value_type = Option<String>)]
    pub own_rate_from: Option<Month>,
    /// Of a survivor 遗属: who died, and the relation.
    pub survivor: Option<Survivor>,
    /// The age with which it ends by itself (16 or 18), by the birthday in the ID number.
    pub ends_at_age: Option<i32>,
    /// Until when study is proven: it ends then by itself, where that is later than the age.
    pub study_until: Option<NaiveDate>,
}

impl Body for NewEnrolment {
    fn faults(&self, faults: &mut Faults) {
        if self.to_date.is_some_and(|to| to < self.from_date) {
            faults.add("/to_date", "date_before_start", "不得早于开始日期", "must not lie before the start");
        }
        if let Some(rate) = self.own_rate {
            rate_fault("/own_rate", rate, faults);
        }
        if let Some(survivor) = &self.survivor {
            faults.text("/survivor/deceased_name", &survivor.deceased_name, 60);
        }
        if self.ends_at_age.is_some_and(|age| !(1..=99).contains(&age)) {
            faults.add("/ends_at_age", "out_of_range", "须为 1 至 99 岁", "must be from 1 to 99");
        }
    }
}

/// The kind of a suspension.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionKind {
    /// Takes the months out.
    Stop,
    /// Keeps the entitlement and holds the item.
    Hold,
}

impl SuspensionKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Hold => "hold",
        }
    }
}

/// A suspension.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "hold", "from_date": "2017-05-01", "reason": "年度核查未办"}))]
pub struct NewSuspension {
    /// What it does.
    pub kind: SuspensionKind,
    /// The first day.
    pub from_date: NaiveDate,
    /// The last day; open unless said.
    pub to_date: Option<NaiveDate>,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for NewSuspension {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
        if self.to_date.is_some_and(|to| to < self.from_date) {
            faults.add("/to_date", "date_before_start", "不得早于开始日期", "must not lie before the start");
        }
    }
}

/// The end of an enrolment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to_date": "2017-03-31", "reason": "任期届满"}))]
pub struct End {
    /// The last day, or the event's.
    pub to_date: NaiveDate,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for End {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
    }
}

/// The end of suspensions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_date": "2017-06-01"}))]
pub struct Resume {
    /// The first day on which it runs again.
    pub from_date: NaiveDate,
}

impl Body for Resume {}

/// An enrolment with its later own rates.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentView {
    /// The enrolment.
    #[serde(flatten)]
    pub enrolment: enrolment::Model,
    /// Own rates that were written since, in that order; of several confirmed ones from one month the last one counts.
    pub own_rates: Vec<enrolment_rate::Model>,
}

/// An enrolment with the name of who died in the clear.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnmaskedEnrolment {
    /// The enrolment.
    #[serde(flatten)]
    pub enrolment: EnrolmentView,
    /// Who died; only where it was asked for unmasked, null where nobody's survivor is enrolled.
    pub deceased_name: Option<String>,
}

/// Lists enrolments. Filters: `street_id`, `community_id`, `scheme_id`, `beneficiary_id`, `state` (`unconfirmed`, `confirmed`, `withdrawn`). Sort: `from_date`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<enrolment::Model>), Refusals))]
#[get("/enrolments")]
async fn list_enrolments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "scheme_id", "beneficiary_id", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", enrolment::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", enrolment::Column::CommunityId)?;
    let condition = list.equals::<Uuid>(condition, "scheme_id", enrolment::Column::SchemeId)?;
    let condition = list.equals::<Uuid>(condition, "beneficiary_id", enrolment::Column::BeneficiaryId)?;
    let condition = list.one_of(condition, "state", enrolment::Column::State, &["unconfirmed", "confirmed", "withdrawn"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<enrolment::Entity>().filter(condition);
    let columns = &[
        "id",
        "street_id",
        "community_id",
        "scheme_id",
        "beneficiary_id",
        "from_date",
        "to_date",
        "end_reason",
        "paid_through",
        "own_rate",
        "relation",
        "expected_end",
        "verify_by",
        "state",
        "version",
    ];
    list.answer(&context, tx, select, &[("from_date", enrolment::Column::FromDate)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one enrolment with its own rates; with `unmasked=true` and a `reason`, which is audited, also the name of who died, of a survivor's.
#[utoipa::path(tag = "stipends", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, body = UnmaskedEnrolment), Refusals))]
#[get("/enrolments/{id}")]
async fn get_enrolment(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let Shown { row, unmasked, .. } = to_show::<enrolment::Entity>(&context, &actor, &request, &id, (Capability::StipendRead, "enrolment.unmask", "enrolment")).await?;
    let own_rates = own_rates::written(&context.read(&actor, Capability::StipendRead).await?, row.id).await?;
    let (version, deceased_name) = (row.version, if unmasked { people::deceased_of(&context.keys, &row)? } else { None });
    let enrolment = EnrolmentView { enrolment: row, own_rates };
    Ok(if unmasked { ok_versioned(version, &UnmaskedEnrolment { enrolment, deceased_name }) } else { ok_versioned(version, &enrolment) })
}

/// Enrols a beneficiary in a scheme.
#[utoipa::path(tag = "stipends", request_body = NewEnrolment, responses((status = 201, body = Submitted<enrolment::Model>), Refusals))]
#[post("/enrolments")]
async fn add_enrolment(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::StipendPrepare, Rules::plain(), async |tx, act, body: NewEnrolment| {
            let scheme = tx.load_reference::<stipend_scheme::Entity>(body.scheme_id, "/scheme_id").await?.authorise(&actor, Capability::StipendPrepare)?;
            let row = people::enrol(tx, act, &scheme, body).await?;
            let next = (Capability::EnrolmentConfirm, enrolment::Entity::place(&row));
            Ok(Done::created(format!("/api/v1/enrolments/{}", row.id), Some(row.version), Submitted::of(context.recipients.as_ref(), act, next, row).await?))
        })
        .await
}

/// Confirms an enrolment as a second person.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/confirm")]
async fn confirm_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, Nothing, _>(&actor, Capability::EnrolmentConfirm, &id, rules, async |tx, act, row, _| {
            let row = people::confirm(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Ends an enrolment on a day.
#[utoipa::path(tag = "stipends", request_body = End, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/end")]
async fn end_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, End, _>(&actor, Capability::StipendPrepare, &id, rules, async |tx, act, row, body| {
            let row = people::end(tx, act, row, body.to_date, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Stops or holds an enrolment for a time.
#[utoipa::path(tag = "stipends", request_body = NewSuspension, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/suspend")]
async fn suspend_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, NewSuspension, _>(&actor, Capability::StipendPrepare, &id, rules, async |tx, act, row, body| {
            let row = people::suspend(tx, act, row, body).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Ends the open suspensions of an enrolment.
#[utoipa::path(tag = "stipends", request_body = Resume, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/resume")]
async fn resume_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, Resume, _>(&actor, Capability::StipendPrepare, &id, rules, async |tx, act, row, body| {
            let row = people::resume(tx, act, row, body.from_date).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_enrolments).service(get_enrolment).service(add_enrolment).service(confirm_enrolment).service(end_enrolment).service(suspend_enrolment).service(resume_enrolment);
}
