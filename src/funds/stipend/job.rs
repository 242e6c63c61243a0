//! `stipends.post`: on pay day each scheme's run is calculated, checked against its standing authorisation, approved under it and posted, in one transaction with its slot.

use actix_web::{HttpResponse, post, web};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{model, payout_run, refusals, run, scheme, standing_authorisation, stipend_scheme};
use crate::funds::ledger::years;
use crate::kernel::access::{Actor, Capability, Scope};
use crate::kernel::act::{Act, Performer};
use crate::kernel::money::Fen;
use crate::kernel::period::Period;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{org_unit, streets};
use crate::platform::db::Tx;
use crate::platform::http::{Body, Context, Done, Refusals, Rules, Write};
use crate::platform::jobs::{self, DueSlot, End, SlotReport, job_slot};

/// The job's name.
pub const NAME: &str = "stipends.post";

fn act(context: &Context, authorisation: Option<Uuid>) -> Act {
    context.act(Performer::Job { name: NAME, authorisation }, format!("job {NAME}"), None)
}

/// The slots of a street that have become due: its fiscal year has been opened by people, the pay date lies after the scheme's activation, and it has come.
async fn due(tx: &Tx, act: &Act, street: &org_unit::Model) -> Result<Vec<DueSlot>, Problem> {
    let mut slots = Vec::new();
    for row in tx.all(tx.select::<stipend_scheme::Entity>().filter(stipend_scheme::Column::StreetId.eq(street.id)).order_by_asc(stipend_scheme::Column::Id)).await? {
        let mut period = row.first_period;
        let pay_day = u32::try_from(row.pay_day).map_err(Problem::internal)?;
        while period.first_day() <= act.today {
            let pays_on = model::pay_date(period, pay_day, &act.calendar).map_err(Problem::internal)?;
            let opened = years::find(tx, street.id, period.year()).await?.is_some();
            if opened && pays_on > row.active_from && pays_on <= act.today {
                slots.push(DueSlot { job: NAME, scope: format!("{}·{}", street.name, row.name), subject: row.id, place: street.place(), period: period.to_string(), due_on: pays_on });
            }
            period = period.next();
        }
    }
    slots.sort_by_key(|slot| (slot.due_on, slot.subject));
    Ok(slots)
}

/// One pass over every street, or over one period by hand: missing slots are made, those that are due are run. Gives what became of each that it looked at.
///
/// # Errors
/// 500 where the database fails; what a single slot meets is in its report.
pub async fn sweep(context: &Context, within: Option<Uuid>, period: Option<Period>) -> Result<Vec<SlotReport>, Problem> {
    let mut reports = Vec::new();
    for street in streets(&context.db).await? {
        if within.is_some_and(|id| street.id != id && street.district_id != id) {
            continue;
        }
        let now = act(context, None);
        let tx = context.db.write(Scope::of_place(street.place())).await?;
        let due: Vec<DueSlot> = due(&tx, &now, &street).await?.into_iter().filter(|slot| period.is_none_or(|period| slot.period == period.to_string())).collect();
        for slot in &due {
            jobs::ensure(&tx, slot).await?;
        }
        tx.commit().await?;
        for slot in due {
            reports.extend(run_slot(context, &street, &slot, period.is_some()).await?);
        }
    }
    Ok(reports)
}

async fn find(tx: &Tx, slot: &DueSlot) -> Result<job_slot::Model, Problem> {
    let select =
        tx.select::<job_slot::Entity>().filter(job_slot::Column::Job.eq(slot.job)).filter(job_slot::Column::SubjectId.eq(slot.subject)).filter(job_slot::Column::Period.eq(slot.period.clone()));
    tx.one(select).await?.ok_or_else(|| Problem::internal("a slot that was made is gone"))
}

async fn run_slot(context: &Context, street: &org_unit::Model, slot: &DueSlot, by_hand: bool) -> Result<Option<SlotReport>, Problem> {
    let scope = Scope::of_place(street.place());
    let now = act(context, None);
    let tx = context.db.write(scope).await?;
    let known = find(&tx, slot).await?;
    if known.state == "done" {
        return Ok(by_hand.then(|| SlotReport::of(&known)));
    }
    let earlier = tx
        .select::<job_slot::Entity>()
        .filter(job_slot::Column::Job.eq(NAME))
        .filter(job_slot::Column::SubjectId.eq(slot.subject))
        .filter(job_slot::Column::DueOn.lt(slot.due_on))
        .filter(job_slot::Column::State.ne("done"));
    if tx.count(earlier).await? > 0 {
        return Ok(by_hand.then(|| SlotReport::of(&known)));
    }
    let Some(claimed) = jobs::claim(&tx, known.id, now.today, by_hand).await? else {
        return Ok(by_hand.then(|| SlotReport::of(&known)));
    };
    tx.commit().await?;
    match effect(context, scope, &claimed).await {
        Ok(report) => Ok(Some(report)),
        Err(problem) if problem.code == "slot_lost" => Ok(None),
        Err(problem) => give_up(context, scope, &claimed, problem).await.map(Some),
    }
}

/// The payout and the slot's end, in one transaction.
async fn effect(context: &Context, scope: Scope, slot: &job_slot::Model) -> Result<SlotReport, Problem> {
    let now = act(context, None);
    let tx = context.db.write(scope).await?;
    let period: Period = slot.period.parse().map_err(Problem::internal)?;
    let row = run::lock_scheme(&tx, slot.subject_id).await?;
    let posted = run::runs_of(&tx, row.id, period).await?.into_iter().any(|run| ["posted", "exported", "settled"].contains(&run.state.as_str()));
    if posted {
        let report = jobs::finish(&tx, slot, now.today, &End { state: "done", outcome: "already_posted".to_owned(), detail: None, items: 0, amount: Fen::ZERO }).await?;
        tx.commit().await?;
        return Ok(report);
    }
    let calculated = take_over(&tx, &now, &row, period).await?;
    if calculated.heads == 0 && nothing_held(&tx, &calculated).await? {
        run::cancel(&tx, &now, calculated, "无应发项目 / nothing is due".to_owned()).await?;
        let report = jobs::finish(&tx, slot, now.today, &End { state: "done", outcome: "nothing_due".to_owned(), detail: None, items: 0, amount: Fen::ZERO }).await?;
        tx.commit().await?;
        return Ok(report);
    }
    let signed = check_authority(&tx, &now, &row, &calculated).await?;
    let approved = approve_under(&tx, &calculated, &signed).await?;
    let under = act(context, Some(signed.id));
    let done = run::post(&tx, &under, approved).await?;
    let end = End { state: "done", outcome: "posted".to_owned(), detail: Some(done.id.to_string()), items: i64::from(done.heads), amount: done.gross };
    let report = jobs::finish(&tx, slot, now.today, &end).await?;
    tx.commit().await?;
    Ok(report)
}

/// The run that people made for the period, calculated anew, or a new one.
async fn take_over(tx: &Tx, now: &Act, row: &stipend_scheme::Model, period: Period) -> Result<payout_run::Model, Problem> {
    match run::open_run(tx, row.id).await? {
        None => run::calculate(tx, now, row, period).await,
        Some(open) if open.period != period => Err(refusals::run_open(&open.period.to_string())),
        Some(open) if open.held_code.as_deref() == Some("stopped") => Err(refusals::run_stopped()),
        Some(open) if open.state == "held" => {
            let resumed = run::resume(tx, now, open).await?;
            run::recalculate(tx, now, resumed).await
        }
        Some(open) => run::recalculate(tx, now, open).await,
    }
}

async fn nothing_held(tx: &Tx, calculated: &payout_run::Model) -> Result<bool, Problem> {
    let held = tx.select::<super::payout_item::Entity>().filter(super::payout_item::Column::RunId.eq(calculated.id));
    Ok(tx.count(held).await? == 0)
}

/// Within the standing authorisation, or not at all.
async fn check_authority(tx: &Tx, now: &Act, row: &stipend_scheme::Model, calculated: &payout_run::Model) -> Result<standing_authorisation::Model, Problem> {
    let year = model::year_of(now.today);
    let signed = scheme::authorisation_in_force(tx, now, row, year).await?;
    if calculated.heads == 0 {
        return Err(refusals::run_empty());
    }
    let authored = tx.select::<super::enrolment::Entity>().filter(super::enrolment::Column::SchemeId.eq(row.id)).filter(super::enrolment::Column::AuthorPerson.eq(signed.signer_person.clone()));
    if row.author_person == signed.signer_person || tx.count(authored).await? > 0 {
        return Err(refusals::signer_is_author());
    }
    let posted = tx
        .select::<payout_run::Entity>()
        .filter(payout_run::Column::SchemeId.eq(row.id))
        .filter(payout_run::Column::Seq.eq(1))
        .filter(payout_run::Column::PostedOn.is_not_null())
        .order_by_desc(payout_run::Column::Period);
    let last = tx.one(posted).await?.map(|run| run.gross);
    let used = scheme::used(tx, row.id, year).await?;
    match model::exceeded(scheme::limits(&signed), used, calculated.gross, calculated.heads, last) {
        None => Ok(signed),
        Some(limit) => Err(refusals::authorisation_exceeded(limit)),
    }
}

async fn approve_under(tx: &Tx, calculated: &payout_run::Model, signed: &standing_authorisation::Model) -> Result<payout_run::Model, Problem> {
    let next = payout_run::ActiveModel {
        id: Unchanged(calculated.id),
        state: Set("approved".to_owned()),
        approved_by: Set(Some(signed.signed_by)),
        authorisation_id: Set(Some(signed.id)),
        version: Set(calculated.version.saturating_add(1)),
        ..Default::default()
    };
    tx.update::<payout_run::Entity, _>(next).await
}

/// What stood against it is written down: business reasons hold run and slot until the next day; anything else is a failure, tried again.
async fn give_up(context: &Context, scope: Scope, slot: &job_slot::Model, problem: Problem) -> Result<SlotReport, Problem> {
    let now = act(context, None);
    let business = problem.status < 500;
    let tx = context.db.write(scope).await?;
    if business && problem.code != "run_open" && problem.code != "run_stopped" {
        let row = run::lock_scheme(&tx, slot.subject_id).await?;
        let period: Period = slot.period.parse().map_err(Problem::internal)?;
        let open = match run::open_run(&tx, row.id).await? {
            Some(open) => open,
            None => run::calculate(&tx, &now, &row, period).await?,
        };
        run::hold(&tx, &now, open, problem.code, problem.detail.zh.clone()).await?;
    }
    let state = if business { "held" } else { "failed" };
    let detail = if business { problem.detail.zh.clone() } else { problem.code.to_owned() };
    if !business {
        tracing::error!(problem = %problem, job = NAME, "a slot failed");
    }
    let report = jobs::finish(&tx, slot, now.today, &End { state, outcome: problem.code.to_owned(), detail: Some(detail), items: 0, amount: Fen::ZERO }).await?;
    tx.commit().await?;
    Ok(report)
}

/// A job started by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"period": "2017Q1"}))]
pub struct StartJob {
    /// The period.
    #[schema(value_type = String)]
    pub period: Period,
}

impl Body for StartJob {
    fn faults(&self, faults: &mut Faults) {
        let _ = faults;
    }
}

/// What a job started by hand did.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobReport {
    /// The job.
    pub job: &'static str,
    /// The period.
    pub period: String,
    /// Slot by slot.
    pub slots: Vec<SlotReport>,
}

/// Starts `stipends.post` by hand for a period that has become due, in the units where the actor may; a done slot stays done.
#[utoipa::path(tag = "operations", request_body = StartJob, responses((status = 200, body = JobReport), Refusals))]
#[post("/jobs/stipends.post/run")]
async fn start_stipends_post(actor: Actor, write: Write, context: web::Data<Context>) -> Result<HttpResponse, Problem> {
    let within = actor.assignments.iter().find(|held| held.capabilities.contains(&Capability::JobRun)).map(|held| held.place.street.unwrap_or(held.place.district));
    let period = write.create(&actor, Capability::JobRun, Rules::plain(), async |_, _, body: StartJob| Ok(Done::result(serde_json::json!({"period": body.period.to_string()})))).await?;
    let body = actix_web::body::to_bytes(period.into_body()).await.map_err(|error| Problem::internal(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_slice(&body).map_err(Problem::internal)?;
    let period: Period = value.get("period").and_then(|text| text.as_str()).unwrap_or_default().parse().map_err(Problem::internal)?;
    let slots = sweep(&context, within, Some(period)).await?;
    Ok(crate::platform::http::ok(&JobReport { job: NAME, period: period.to_string(), slots }))
}

/// Adds the routes of this file.
pub fn routes(config: &mut ServiceConfig) {
    config.service(start_stipends_post);
}
