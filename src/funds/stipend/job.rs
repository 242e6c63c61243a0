//! `stipends.notice` and `stipends.post`. Working days before pay day each scheme's run is calculated and told; on pay day it is calculated anew, checked against its
//! standing authorisation, approved under it and posted, in one transaction with its slot.

use async_trait::async_trait;
use chrono::NaiveTime;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};

use super::{model, payout_run, refusals, run, scheme, standing_authorisation, stipend_scheme};
use crate::funds::ledger::years;
use crate::kernel::access::{Capability, Place, Scope};
use crate::kernel::act::Act;
use crate::kernel::period::Period;
use crate::kernel::problem::{Problem, Words};
use crate::people::tenancy::{org_unit, streets};
use crate::platform::db::Tx;
use crate::platform::http::Context;
use crate::platform::jobs::entity::job_slot;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};
use crate::platform::notification::{Notice, notify};

/// The name of the paying job.
pub const POST: &str = "stipends.post";
/// The name of the telling job.
pub const NOTICE: &str = "stipends.notice";
/// The settings of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayTimes {
    /// The pay hour, in the deployment's time zone: from then on a day's slots are due, and held ones are tried again.
    pub hour: NaiveTime,
    /// How many working days before pay day people are told.
    pub notice_days: u32,
}

impl Default for PayTimes {
    fn default() -> Self {
        Self { hour: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default(), notice_days: 3 }
    }
}

/// Pays on pay day. Missed slots are all made up for.
#[derive(Clone, Copy, Debug, Default)]
pub struct StipendsPost(pub PayTimes);

/// Tells the figures before pay day, so that people can stop the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct StipendsNotice(pub PayTimes);

/// The pay dates of a street that have come (less some working days): its fiscal year has been opened by people, and the pay date lies after the scheme's activation.
async fn due(context: &Context, hour: NaiveTime, days_before: u32) -> Result<Vec<DueSlot>, Problem> {
    let mut slots = Vec::new();
    for street in streets(&context.db).await? {
        let tx = context.db.read(Scope::of_place(street.place())).await?;
        for row in tx.all(tx.select::<stipend_scheme::Entity>().filter(stipend_scheme::Column::StreetId.eq(street.id)).order_by_asc(stipend_scheme::Column::Id)).await? {
            match due_of(context, &tx, &street, &row, (hour, days_before)).await {
                Ok(due) => slots.extend(due),
                // Another scheme's pay day does not depend on it.
                Err(problem) => tracing::error!(%problem, scheme = %row.id, "the pay days of a scheme could not be found; tried again with the next sweep"),
            }
        }
    }
    Ok(slots)
}

async fn due_of(context: &Context, tx: &Tx, street: &org_unit::Model, row: &stipend_scheme::Model, (hour, days_before): (NaiveTime, u32)) -> Result<Vec<DueSlot>, Problem> {
    let (today, calendar) = (context.clocks.business_today(), context.calendar.of(Some(street.district_id)));
    let mut slots = Vec::new();
    let pay_day = u32::try_from(row.pay_day).map_err(Problem::internal)?;
    let mut period = row.first_period;
    while period.first_day() <= today {
        // First whether people opened its year: of a year that nobody runs no working days need be known.
        if years::find(tx, street.id, period.year()).await?.is_none() {
            period = period.next();
            continue;
        }
        let pays_on = model::pay_date(period, pay_day, &calendar).map_err(Problem::internal)?;
        let day = if days_before == 0 { pays_on } else { calendar.minus_working_days(pays_on, days_before).map_err(Problem::internal)? };
        if pays_on > row.active_from && day <= today {
            let at = day.and_time(hour).and_local_timezone(context.clocks.zone()).earliest().ok_or_else(|| Problem::internal("no such hour"))?;
            slots.push(DueSlot { scope: format!("{}·{}·{}", street.name, row.name, row.id), period: period.to_string(), place: Some(street.place()), subject: Some(row.id), due_at: at.to_utc() });
        }
        period = period.next();
    }
    Ok(slots)
}

fn parts(slot: &Slot) -> Result<(Place, uuid::Uuid, Period), Problem> {
    let place = slot.place.ok_or_else(|| Problem::internal("a slot without its street"))?;
    let subject = slot.subject.ok_or_else(|| Problem::internal("a slot without its scheme"))?;
    Ok((place, subject, slot.period.parse().map_err(Problem::internal)?))
}

async fn posted(tx: &Tx, row: &stipend_scheme::Model, period: Period) -> Result<bool, Problem> {
    Ok(run::runs_of(tx, row.id, period).await?.into_iter().any(|run| ["posted", "exported", "settled"].contains(&run.state.as_str())))
}

/// Leader, accountant and party office are told.
async fn tell(tx: &Tx, act: &Act, place: Place, kind: &'static str, run: &payout_run::Model, what: (&str, &str)) -> Result<(), Problem> {
    let zh = format!("{} 第 {} 批：{} 人，应发 {}，代扣税 {}，实发 {}。{}", run.period, run.seq, run.heads, run.gross, run.tax, run.net, what.0);
    let en = format!("{} run {}: {} people, gross {}, tax {}, net {}. {}", run.period, run.seq, run.heads, run.gross, run.tax, run.net, what.1);
    notify(tx, act, Notice { place, capability: Capability::RunStop, kind, subject_type: "payout_run", subject_id: run.id, zh, en }).await?;
    Ok(())
}

#[async_trait]
impl Job for StipendsNotice {
    fn name(&self) -> &'static str {
        NOTICE
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::Latest
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        due(context, self.0.hour, self.0.notice_days).await
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        let (place, scheme, period) = parts(slot)?;
        let act = slot.act(context, None);
        let tx = context.db.write(Scope::of_place(place)).await?;
        let row = run::lock_open_run_and_scheme(&tx, scheme).await?;
        let outcome = if posted(&tx, &row, period).await? {
            Outcome::done("already_posted", serde_json::Value::Null)
        } else {
            match run::open_run(&tx, row.id).await? {
                // Nobody would be told of this one: it waits, and is tried again each day.
                Some(open) if open.period != period => Outcome::held_for(&refusals::earlier_period_open()),
                open => {
                    let calculated = match open {
                        Some(open) => open,
                        None => run::calculate(&tx, &act, &row, period).await?,
                    };
                    let what = ("将在发放日自动过账；如有疑问请叫停。", "It posts by itself on pay day; stop it if in doubt.");
                    tell(&tx, &act, place, "payout_run.notice", &calculated, what).await?;
                    Outcome::done("told", serde_json::json!({"run_id": calculated.id}))
                }
            }
        };
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

#[async_trait]
impl Job for StipendsPost {
    fn name(&self) -> &'static str {
        POST
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::All
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        due(context, self.0.hour, 0).await
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        match effect(context, slot).await {
            // Business reasons hold run and slot until people act or the next day's pay hour; anything else is a fault, which is tried again.
            Err(problem) if problem.status < 500 && problem.code != "slot_lost" => give_up(context, slot, problem).await,
            other => other,
        }
    }
}

/// The payout and the slot's end, in one transaction.
async fn effect(context: &Context, slot: &Slot) -> Result<Outcome, Problem> {
    let (place, scheme, period) = parts(slot)?;
    let act = slot.act(context, None);
    let tx = context.db.write(Scope::of_place(place)).await?;
    let row = run::lock_open_run_and_scheme(&tx, scheme).await?;
    if earlier_open(&tx, slot, scheme).await? {
        return Err(refusals::earlier_period_open());
    }
    let outcome = if posted(&tx, &row, period).await? { Outcome::done("already_posted", serde_json::Value::Null) } else { pay(context, &tx, &act, slot, (&row, period)).await? };
    slot.finish(&tx, &outcome).await?;
    tx.commit().await?;
    Ok(outcome)
}

async fn pay(context: &Context, tx: &Tx, act: &Act, slot: &Slot, of: (&stipend_scheme::Model, Period)) -> Result<Outcome, Problem> {
    let (row, period) = of;
    let draft = take_over(tx, act, row, period).await?;
    if draft.run.heads == 0 && draft.is_of_nothing() {
        run::cancel(tx, act, draft.run, "无应发项目 / nothing is due".to_owned()).await?;
        return Ok(Outcome::done("nothing_due", serde_json::Value::Null));
    }
    let signed = check_authority(tx, act, row, &draft.run).await?;
    let under = slot.act(context, Some(signed.id));
    tell(tx, &under, Place::street(row.district_id, row.street_id), "payout_run.posted", &draft.run, ("已自动过账。", "It has posted by itself.")).await?;
    let done = run::post_draft(tx, &under, row, draft, &signed).await?;
    Ok(Outcome::Done { code: "posted", posted_items: i64::from(done.heads), posted_amount: done.gross, result: serde_json::json!({"run_id": done.id, "voucher_id": done.voucher_id}) })
}

/// A run waits while an earlier period is not done.
async fn earlier_open(tx: &Tx, slot: &Slot, scheme: uuid::Uuid) -> Result<bool, Problem> {
    let earlier = tx
        .select::<job_slot::Entity>()
        .filter(job_slot::Column::Job.eq(POST))
        .filter(job_slot::Column::SubjectId.eq(scheme))
        .filter(job_slot::Column::DueAt.lt(slot.due_at))
        .filter(job_slot::Column::State.ne("done"));
    Ok(tx.count(earlier).await? > 0)
}

/// The run that people made for the period, calculated anew, or a new one.
async fn take_over(tx: &Tx, now: &Act, row: &stipend_scheme::Model, period: Period) -> Result<run::Draft, Problem> {
    let open = match run::open_run(tx, row.id).await? {
        None => None,
        Some(open) if open.period != period => return Err(refusals::run_open(&open.period.to_string())),
        Some(open) if open.held_code.as_deref() == Some("stopped") => return Err(refusals::run_stopped()),
        Some(open) if open.state == "held" => Some(run::resume(tx, now, open).await?),
        Some(open) => Some(open),
    };
    run::draft(tx, now, row, period, open).await
}

/// Within the standing authorisation, or not at all.
async fn check_authority(tx: &Tx, now: &Act, row: &stipend_scheme::Model, calculated: &payout_run::Model) -> Result<standing_authorisation::Model, Problem> {
    let year = model::year_of(now.today);
    let signed = scheme::authorisation_in_force(tx, now, row, year).await?;
    if calculated.heads == 0 {
        return Err(refusals::run_empty());
    }
    // Items of enrolments that the signer wrote are held one by one; a scheme that the signer wrote is held whole.
    if row.author_person == signed.signer_person {
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

/// What stood against it is written down, and people are told.
async fn give_up(context: &Context, slot: &Slot, problem: Problem) -> Result<Outcome, Problem> {
    let (place, scheme, period) = parts(slot)?;
    let act = slot.act(context, None);
    let tx = context.db.write(Scope::of_place(place)).await?;
    if !["run_open", "run_stopped", "earlier_period_open"].contains(&problem.code) {
        let row = run::lock_open_run_and_scheme(&tx, scheme).await?;
        let open = match run::open_run(&tx, row.id).await? {
            Some(open) => open,
            None => run::calculate(&tx, &act, &row, period).await?,
        };
        let held = run::hold(&tx, &act, open, problem.code, problem.detail.zh.clone()).await?;
        tell(&tx, &act, place, "payout_run.held", &held, (&problem.detail.zh, &problem.detail.en)).await?;
    }
    let outcome = slot.hold(&tx, problem.code, Words::new(problem.detail.zh, problem.detail.en)).await?;
    tx.commit().await?;
    Ok(outcome)
}
