//! One pass: make what is missing, claim what is due, run it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::FutureExt;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::entity::job_slot;
use super::progress::{Alive, Heart};
use super::schedule::Stop;
use super::slot::{self, Asked};
use super::{CatchUp, DueSlot, Job, MOST_ATTEMPTS, Outcome, Progress, Registry, Slot, SlotReport, refusals};
use crate::kernel::access::{Capability, Place};
use crate::kernel::period::Period;
use crate::kernel::problem::Problem;
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;
use crate::platform::notification::{Notice, notify};

/// One pass over all jobs: missing slots are made, due ones claimed and run, the earliest first. Gives what was run.
///
/// # Errors
/// 500 where the database fails. A fault of one job is kept on its slot and stops no other.
pub async fn sweep(context: &Context, registry: &Registry) -> Result<Vec<SlotReport>, Problem> {
    sweep_until(context, registry, None).await
}

/// As [`sweep`]; begins no further slot once it is told to stop.
pub(super) async fn sweep_until(context: &Context, registry: &Registry, stop: Option<&Stop>) -> Result<Vec<SlotReport>, Problem> {
    for job in registry.jobs.iter() {
        if let Err(problem) = make_due(context, job.as_ref()).await {
            tracing::error!(%problem, job = job.name(), "the due slots could not be found; tried again with the next sweep");
        }
    }
    close_lost_runs(context).await?;
    let mut reports = Vec::new();
    for id in waiting(context).await? {
        if stop.is_some_and(|stop| *stop.borrow()) {
            break;
        }
        let row = read(context, id).await?;
        if let Some(job) = registry.job(&row.job)
            && let Some(report) = run_one(context, registry, job, &row, Asked::BySweep).await?
        {
            reports.push(report);
        }
    }
    Ok(reports)
}

/// Makes and runs the slots of one job and period at or below a place (none: everywhere), held and failed ones too. A slot done before is told as done, with nothing posted.
///
/// # Errors
/// 404 for an unknown job; 422 `invalid_period`.
pub async fn run_by_hand(context: &Context, registry: &Registry, name: &str, period: &str, within: Option<Place>) -> Result<Vec<SlotReport>, Problem> {
    let covered = |place: Option<Place>| within.is_none_or(|within| place.is_some_and(|place| within.covers(&place)));
    run_where(context, registry, name, period, None, covered).await
}

/// As [`run_by_hand`], for the slots at places that a person may act at.
pub(super) async fn run_where(context: &Context, registry: &Registry, name: &str, period: &str, by: Option<Uuid>, may: impl Fn(Option<Place>) -> bool) -> Result<Vec<SlotReport>, Problem> {
    let job = registry.job(name).ok_or_else(Problem::not_found)?;
    require_period(period)?;
    // Also those of other periods: a pay day waits for an earlier one that nobody has made a slot for yet.
    make(context, job.as_ref(), due(context, job.as_ref()).await?.into_iter().filter(|due| may(due.place)).collect()).await?;
    let mut reports = Vec::new();
    for id in slots_of(context, name, period).await? {
        let row = read(context, id).await?;
        if !may(row.district_id.map(|_| row.place())) {
            continue;
        }
        let report = match row.state.as_str() {
            "done" => None,
            _ => run_one(context, registry, job, &row, Asked::ByHand(by)).await?,
        };
        reports.push(match report {
            Some(report) => report,
            None => SlotReport::as_it_stands(read(context, row.id).await?),
        });
    }
    Ok(reports)
}

/// The slots of a job and period as they stand, at places that a person may act at: what a dry run tells.
pub(super) async fn standing(context: &Context, registry: &Registry, name: &str, period: &str, may: impl Fn(Option<Place>) -> bool) -> Result<Vec<SlotReport>, Problem> {
    registry.job(name).ok_or_else(Problem::not_found)?;
    require_period(period)?;
    let mut reports = Vec::new();
    for id in slots_of(context, name, period).await? {
        let row = read(context, id).await?;
        if may(row.district_id.map(|_| row.place())) {
            reports.push(SlotReport::as_it_stands(row));
        }
    }
    Ok(reports)
}

/// A period is a year, quarter, month or day.
///
/// # Errors
/// 422 `invalid_period`.
pub fn require_period(text: &str) -> Result<(), Problem> {
    if text.parse::<Period>().is_ok() || text.parse::<NaiveDate>().is_ok_and(|day| day.to_string() == text) { Ok(()) } else { Err(refusals::invalid_period(text)) }
}

/// What is due now, of what was missed only what the job's catch-up says.
async fn due(context: &Context, job: &dyn Job) -> Result<Vec<DueSlot>, Problem> {
    let now = context.clocks.business_now();
    let mut due: Vec<DueSlot> = job.due(context).await?.into_iter().filter(|slot| slot.due_at <= now).collect();
    match job.catch_up() {
        CatchUp::All => {}
        CatchUp::Latest => {
            let mut latest: BTreeMap<String, DueSlot> = BTreeMap::new();
            due.sort_by_key(|slot| slot.due_at);
            latest.extend(due.into_iter().map(|slot| (slot.scope.clone(), slot)));
            due = latest.into_values().collect();
        }
        CatchUp::None => {
            let zone = context.clocks.zone();
            let today = context.clocks.business_today();
            due.retain(|slot| slot.due_at.with_timezone(&zone).date_naive() == today);
        }
    }
    Ok(due)
}

async fn make_due(context: &Context, job: &dyn Job) -> Result<(), Problem> {
    make(context, job, due(context, job).await?).await
}

/// Makes the slots that do not exist yet.
async fn make(context: &Context, job: &dyn Job, mut due: Vec<DueSlot>) -> Result<(), Problem> {
    #[derive(FromQueryResult)]
    struct Known {
        scope: String,
        subject_id: Option<Uuid>,
        period: String,
    }
    if due.is_empty() {
        return Ok(());
    }
    let tx = context.db.read_as_system(Reason::Background).await?;
    // Of the periods that are due, not of all that ever were: slots are kept, as the record of what was done.
    let periods: BTreeSet<&str> = due.iter().map(|slot| slot.period.as_str()).collect();
    let (first, last) = (periods.first().copied().unwrap_or_default(), periods.last().copied().unwrap_or_default());
    let known = Sql::both("SELECT scope, subject_id, period FROM job_slots WHERE job = $1 AND period >= $2 AND period <= $3");
    let known = tx.query::<Known>(known, vec![job.name().into(), first.into(), last.into()]).await?;
    tx.rollback().await?;
    // A scope is told in words, which people may change: what it is about stays.
    let key = |scope: String, subject: Option<Uuid>| subject.map_or(scope, |subject| subject.to_string());
    let known: BTreeSet<(String, String)> = known.into_iter().map(|known| (key(known.scope, known.subject_id), known.period)).collect();
    due.retain(|slot| !known.contains(&(key(slot.scope.clone(), slot.subject), slot.period.clone())));
    if due.is_empty() {
        return Ok(());
    }
    let tx = context.db.write_as_system(Reason::Background).await?;
    for slot in &due {
        slot::insert(&tx, job.name(), slot, context.clocks.wall()).await?;
    }
    tx.commit().await
}

/// Long work that a person started and whose server is gone: its lease ran out.
async fn close_lost_runs(context: &Context) -> Result<(), Problem> {
    let tx = context.db.read_as_system(Reason::Background).await?;
    let now = tx.database_now().await?;
    let lost = tx.query_one::<Id>(Sql::both("SELECT id FROM job_runs WHERE state = 'running' AND slot_id IS NULL AND lease_until < $1 ORDER BY id LIMIT 1"), vec![now.into()]).await?;
    tx.rollback().await?;
    if lost.is_none() {
        return Ok(());
    }
    let tx = context.db.write_as_system(Reason::Background).await?;
    let sql = Sql::both("UPDATE job_runs SET state = 'lost', finished_at = $1 WHERE state = 'running' AND slot_id IS NULL AND lease_until < $1");
    tx.execute(sql, vec![now.into()]).await?;
    tx.commit().await
}

#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

/// The ids alone: a province has thousands of slots a period, and each row is read when its turn comes.
async fn ids(tx: &Tx, select: Select<job_slot::Entity>) -> Result<Vec<Uuid>, Problem> {
    let select = select.select_only().column(job_slot::Column::Id).order_by_asc(job_slot::Column::DueAt).order_by_asc(job_slot::Column::Id);
    Ok(tx.all_as::<_, Id>(select).await?.into_iter().map(|row| row.id).collect())
}

/// The slots that a sweep may claim, the earliest first. The claim itself asks the same again.
async fn waiting(context: &Context) -> Result<Vec<Uuid>, Problem> {
    use job_slot::Column;
    let tx = context.db.read_as_system(Reason::Background).await?;
    let (now, business) = (tx.database_now().await?, context.clocks.business_now());
    let any = Condition::any()
        .add(Condition::all().add(Column::State.eq("pending")).add(Column::DueAt.lte(business)))
        .add(Condition::all().add(Column::State.eq("running")).add(Column::LeaseUntil.lt(now)))
        .add(Condition::all().add(Column::State.eq("held")).add(Column::RetryAt.lte(business)))
        .add(Condition::all().add(Column::State.eq("failed")).add(Column::Attempts.lt(MOST_ATTEMPTS)).add(Column::RetryAt.lte(now)));
    ids(&tx, tx.select::<job_slot::Entity>().filter(Column::State.ne("done")).filter(any)).await
}

async fn slots_of(context: &Context, job: &str, period: &str) -> Result<Vec<Uuid>, Problem> {
    let tx = context.db.read_as_system(Reason::Background).await?;
    ids(&tx, tx.select::<job_slot::Entity>().filter(job_slot::Column::Job.eq(job)).filter(job_slot::Column::Period.eq(period))).await
}

async fn read(context: &Context, id: Uuid) -> Result<job_slot::Model, Problem> {
    let tx = context.db.read_as_system(Reason::Background).await?;
    Ok(tx.load::<job_slot::Entity>(id).await?.into_read())
}

/// Claims and runs one slot; none where somebody else has it.
async fn run_one(context: &Context, registry: &Registry, job: &Arc<dyn Job>, row: &job_slot::Model, asked: Asked) -> Result<Option<SlotReport>, Problem> {
    let tx = context.db.write_as_system(Reason::Background).await?;
    let Some(slot) = slot::claim(&tx, context, job.name(), row, asked, registry.next_pay_hour(context)).await? else {
        return Ok(None);
    };
    tx.commit().await?;
    let progress = Progress::default();
    let heart = Heart::of(context.db.clone(), Alive { run_id: slot.run_id, slot: Some((slot.id, slot.fence())) }, progress.clone());
    // A panic of one job must not end the scheduler of all.
    let result = AssertUnwindSafe(job.run(context, &slot, &progress)).catch_unwind().await.unwrap_or_else(|_| Err(Problem::internal("the job panicked")));
    drop(heart);
    let result = match result {
        Ok(outcome) => settle(context, &slot, &outcome).await.map(|()| outcome),
        Err(problem) => Err(problem),
    };
    match result {
        Ok(outcome) => Ok(Some(SlotReport::after(read(context, slot.id).await?, &outcome))),
        Err(problem) => {
            keep_failure(context, &slot, &problem).await?;
            Ok(Some(SlotReport::as_it_stands(read(context, slot.id).await?)))
        }
    }
}

async fn settle(context: &Context, slot: &Slot, outcome: &Outcome) -> Result<(), Problem> {
    let tx = context.db.write_as_system(Reason::Background).await?;
    slot.settle(&tx, outcome).await?;
    tx.commit().await
}

async fn keep_failure(context: &Context, slot: &Slot, problem: &Problem) -> Result<(), Problem> {
    tracing::error!(%problem, job = slot.job, scope = slot.scope, period = slot.period, attempt = slot.attempt, "a job failed");
    let tx = context.db.write_as_system(Reason::Background).await?;
    let stays = slot.fail(&tx, problem).await?;
    if let (true, Some(place)) = (stays, slot.place) {
        let (zh, en) = (
            format!("任务 {}（{}）已失败 {MOST_ATTEMPTS} 次，不再自动重试：{}", slot.job, slot.period, problem.detail.zh),
            format!("{} ({}) failed {MOST_ATTEMPTS} times and is not tried again by itself: {}", slot.job, slot.period, problem.detail.en),
        );
        let notice = Notice { place, capability: Capability::JobRun, kind: "job.failed", subject_type: "job_slot", subject_id: slot.id, zh, en };
        notify(&tx, &slot.act(context, None), notice).await?;
    }
    tx.commit().await
}
