//! `job-slots`, `job-runs`, `jobs/{name}/run`.

use std::time::Duration;

use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use futures_util::stream;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::{job_run, job_slot};
use super::{CatchUp, Registry, SlotReport, sweep};
use crate::kernel::access::{Actor, Capability, Place};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Language, Problem};
use crate::platform::audit::{self, Event};
use crate::platform::http::{Body, Context, ListPage, ListRequest, Refusals, Routes, Write, ok, ok_versioned, query};

/// How often the row is looked at for an event.
const LOOK: Duration = Duration::from_millis(500);

fn language(request: &HttpRequest) -> Language {
    Language::of_header(request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

fn in_language(language: Language, zh: Option<String>, en: Option<String>) -> Option<String> {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

/// A slot as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobSlot {
    /// The slot.
    pub id: Uuid,
    /// The job's name.
    pub job: String,
    /// What it is for.
    pub scope: String,
    /// The period.
    pub period: String,
    /// The street it belongs to.
    pub street_id: Option<Uuid>,
    /// The record it is about.
    pub subject_id: Option<Uuid>,
    /// When it was due, by the business clock.
    pub due_at: DateTime<Utc>,
    /// `pending`, `running`, `done`, `held` or `failed`.
    pub state: String,
    /// How it ended, a stable code.
    pub outcome: Option<String>,
    /// Why it is held or failed, in words.
    pub detail: Option<String>,
    /// How many items it posted.
    pub posted_items: i64,
    /// What they sum to.
    pub posted_amount: Fen,
    /// Tries since it was last held.
    pub attempts: i64,
    /// When it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// How much of the work is done.
    pub done: i64,
    /// How much there is.
    pub total: i64,
    /// What it does now.
    pub message: String,
    /// What it came to.
    pub result: Option<serde_json::Value>,
    /// Counts the claims and ends.
    pub version: i64,
}

impl JobSlot {
    fn of(row: job_slot::Model, language: Language) -> Self {
        Self {
            id: row.id,
            job: row.job,
            scope: row.scope,
            period: row.period,
            street_id: row.street_id,
            subject_id: row.subject_id,
            due_at: row.due_at,
            state: row.state,
            outcome: row.outcome,
            detail: in_language(language, row.outcome_detail_zh, row.outcome_detail_en),
            posted_items: row.posted_items,
            posted_amount: Fen(row.posted_amount),
            attempts: row.attempts,
            retry_at: row.retry_at,
            done: row.done_count,
            total: row.total_count,
            message: row.message,
            result: row.result,
            version: row.version,
        }
    }
}

const SLOT_COLUMNS: &[&str] = &[
    "id",
    "job",
    "scope",
    "period",
    "street_id",
    "subject_id",
    "due_at",
    "state",
    "outcome",
    "detail",
    "posted_items",
    "posted_amount",
    "attempts",
    "retry_at",
    "done",
    "total",
    "message",
    "result",
    "version",
];

/// Lists the slots of one's units. Filters: `job`, `state` (`pending`, `running`, `done`, `held`, `failed`), `period`, `street_id`. Sort: `due_at`, `job`.
#[utoipa::path(tag = "jobs", responses((status = 200, body = ListPage<JobSlot>), Refusals))]
#[get("/job-slots")]
async fn list_job_slots(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let list = ListRequest::parse(&request, &["job", "state", "period", "street_id"])?;
    let condition = list.equals::<String>(Condition::all(), "job", job_slot::Column::Job)?;
    let condition = list.one_of(condition, "state", job_slot::Column::State, &["pending", "running", "done", "held", "failed"])?;
    let condition = list.equals::<String>(condition, "period", job_slot::Column::Period)?;
    let condition = list.equals::<Uuid>(condition, "street_id", job_slot::Column::StreetId)?;
    let tx = context.read(&actor, Capability::JobRead).await?;
    let select = tx.select::<job_slot::Entity>().filter(condition);
    let sorts = &[("due_at", job_slot::Column::DueAt), ("job", job_slot::Column::Job)];
    let language = language(&request);
    list.answer(&context, tx, select, sorts, SLOT_COLUMNS, async move |_, rows| Ok(rows.into_iter().map(|row| JobSlot::of(row, language)).collect())).await
}

/// Reads one slot.
#[utoipa::path(tag = "jobs", responses((status = 200, body = JobSlot), Refusals))]
#[get("/job-slots/{id}")]
async fn get_job_slot(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    let row = context.read(&actor, Capability::JobRead).await?.load::<job_slot::Entity>(id).await?.into_read();
    Ok(ok_versioned(row.version, &JobSlot::of(row, language(&request))))
}

/// A try at a slot, or long work that a person started.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobRun {
    /// The run.
    pub id: Uuid,
    /// The slot; null for what a person started.
    pub slot_id: Option<Uuid>,
    /// The job's name, or the kind of work.
    pub kind: String,
    /// The street it belongs to.
    pub street_id: Option<Uuid>,
    /// `running`, `done`, `held`, `failed` or `lost`.
    pub state: String,
    /// How it ended, a stable code.
    pub outcome: Option<String>,
    /// Why it is held or failed, in words.
    pub detail: Option<String>,
    /// How much of the work is done.
    pub done: i64,
    /// How much there is.
    pub total: i64,
    /// What it does now.
    pub message: String,
    /// What it came to.
    pub result: Option<serde_json::Value>,
    /// Who started it by hand.
    pub started_by: Option<Uuid>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl JobRun {
    /// A run as shown in a language: also the body of a 202.
    #[must_use]
    pub fn of(row: job_run::Model, language: Language) -> Self {
        Self {
            id: row.id,
            slot_id: row.slot_id,
            kind: row.kind,
            street_id: row.street_id,
            state: row.state,
            outcome: row.outcome,
            detail: in_language(language, row.outcome_detail_zh, row.outcome_detail_en),
            done: row.done_count,
            total: row.total_count,
            message: row.message,
            result: row.result,
            started_by: row.started_by,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// 202 with a run that goes on: `id`, `state`, `done`, `total`, `message`, and where to read it.
#[must_use]
pub fn accepted(run: job_run::Model, language: Language) -> HttpResponse {
    let location = format!("/api/v1/job-runs/{}", run.id);
    HttpResponse::Accepted().insert_header(("Location", location)).json(JobRun::of(run, language))
}

const RUN_COLUMNS: &[&str] = &["id", "slot_id", "kind", "street_id", "state", "outcome", "detail", "done", "total", "message", "result", "started_by", "started_at", "finished_at"];

/// Lists the runs of one's units. Filters: `slot_id`, `kind`, `state` (`running`, `done`, `held`, `failed`, `lost`), `street_id`. Sort: `started_at`.
#[utoipa::path(tag = "jobs", responses((status = 200, body = ListPage<JobRun>), Refusals))]
#[get("/job-runs")]
async fn list_job_runs(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let list = ListRequest::parse(&request, &["slot_id", "kind", "state", "street_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "slot_id", job_run::Column::SlotId)?;
    let condition = list.equals::<String>(condition, "kind", job_run::Column::Kind)?;
    let condition = list.one_of(condition, "state", job_run::Column::State, &["running", "done", "held", "failed", "lost"])?;
    let condition = list.equals::<Uuid>(condition, "street_id", job_run::Column::StreetId)?;
    let tx = context.read(&actor, Capability::JobRead).await?;
    let select = tx.select::<job_run::Entity>().filter(condition);
    let language = language(&request);
    let sorts = &[("started_at", job_run::Column::StartedAt)];
    list.answer(&context, tx, select, sorts, RUN_COLUMNS, async move |_, rows| Ok(rows.into_iter().map(|row| JobRun::of(row, language)).collect())).await
}

async fn read_run(context: &Context, actor: &Actor, id: Uuid, language: Language) -> Result<JobRun, Problem> {
    Ok(JobRun::of(context.read(actor, Capability::JobRead).await?.load::<job_run::Entity>(id).await?.into_read(), language))
}

/// Reads one run.
#[utoipa::path(tag = "jobs", responses((status = 200, body = JobRun), Refusals))]
#[get("/job-runs/{id}")]
async fn get_job_run(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    Ok(ok(&read_run(&context, &actor, id, language(&request)).await?))
}

/// What the stream of a run's events remembers between two looks.
struct Watch {
    context: web::Data<Context>,
    actor: Actor,
    id: Uuid,
    language: Language,
    told: String,
    ended: bool,
}

impl Watch {
    /// The next event: at once where there is news, else when there is; none after the run's end.
    async fn next(mut self) -> Option<(Result<web::Bytes, Problem>, Self)> {
        if self.ended {
            return None;
        }
        // A comment each 15 seconds shows whether anybody still listens.
        for _ in 0..30 {
            match read_run(&self.context, &self.actor, self.id, self.language).await {
                Err(problem) => {
                    self.ended = true;
                    return Some((Err(problem), self));
                }
                Ok(run) => {
                    self.ended = run.state != "running";
                    let text = serde_json::to_string(&run).unwrap_or_default();
                    if text != self.told {
                        let event = format!("event: progress\ndata: {text}\n\n");
                        self.told = text;
                        return Some((Ok(web::Bytes::from(event)), self));
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Some((Ok(web::Bytes::from_static(b": alive\n\n")), self))
    }
}

/// Follows one run as server-sent events: `progress` with the run as data, at once and with each change, until it ends.
#[utoipa::path(tag = "jobs", responses((status = 200, content_type = "text/event-stream", body = String), Refusals))]
#[get("/job-runs/{id}/events")]
async fn follow_job_run(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    let language = language(&request);
    read_run(&context, &actor, id, language).await?;
    let watch = Watch { context, actor, id, language, told: String::new(), ended: false };
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/event-stream")).streaming(stream::unfold(watch, Watch::next)))
}

/// Which period of the job is run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"period": "2017Q1"}))]
pub struct StartJob {
    /// The period: `2017`, `2017Q1`, `2017-03` or `2017-03-20`.
    pub period: String,
}

impl Body for StartJob {}

/// What a start by hand did.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobReport {
    /// The job.
    pub job: String,
    /// The period.
    pub period: String,
    /// Its slots, and what this call posted.
    pub slots: Vec<SlotReport>,
}

/// Where a job is run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartQuery {
    street_id: Option<Uuid>,
    #[expect(dead_code, reason = "read by every write from the address itself")]
    dry_run: Option<bool>,
}

/// Runs the slots of a job and period at one's units now, or of one street only (`?street_id=`), held and failed ones too. A slot done before is told as it is, and nothing is posted again.
/// A job that moves money needs an `Idempotency-Key`. With `dry_run` the slots are told as they stand and none is run: each is a transaction of its own.
#[utoipa::path(tag = "jobs", params(("street_id" = Option<Uuid>, Query)), request_body = StartJob, responses((status = 200, body = JobReport), Refusals))]
#[post("/jobs/{name}/run")]
async fn run_job(actor: Actor, registry: web::Data<Registry>, write: Write, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let context = write.context().clone();
    let job = name.into_inner();
    // Who may start none learns by a 403 from below, as the order of refusals has it.
    let capability = registry.job(&job).map_or(Capability::JobRun, |job| job.capability());
    let money = registry.job(&job).is_some_and(|job| job.catch_up() == CatchUp::All);
    if registry.job(&job).is_none() && actor.holds(Capability::JobRun) {
        return Err(Problem::not_found());
    }
    write
        .long(&actor, (Capability::JobRun, money), async |act, body: StartJob, dry_run| {
            actor.require_anywhere(capability)?;
            let query = query::<StartQuery>(&request)?;
            let scope = actor.scope_for(Capability::JobRun)?;
            let within = |place: &Place| scope.place().is_some_and(|top| top.covers(place)) && query.street_id.is_none_or(|street| place.street == Some(street));
            let may = |place: Option<Place>| place.is_some_and(|place| within(&place) && actor.may(Capability::JobRun, &place) && actor.may(capability, &place));
            if dry_run {
                let slots = sweep::standing(&context, &registry, &job, &body.period, may).await?;
                return Ok(JobReport { job: job.clone(), period: body.period, slots });
            }
            let slots = sweep::run_where(&context, &registry, &job, &body.period, act.user_id(), may).await?;
            let report = JobReport { job: job.clone(), period: body.period, slots };
            let tx = context.write(scope).await?;
            audit::record(&tx, act, Event { action: "job.run", subject_type: "job", place: scope.place(), ..Event::default() }.after(&report)?).await?;
            tx.commit().await?;
            Ok(report)
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_job_slots).service(get_job_slot).service(list_job_runs).service(get_job_run).service(follow_job_run).service(run_job);
}
