//! `stipends.notice` and `stipends.post`. Working days before pay day each scheme's run is calculated and told, with what pay day will make of it as things stand; on pay day it is calculated anew, checked against its
//! standing authorisation, approved under it and posted, in one transaction with its slot.

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};

use super::{announce, model, payout_run, refusals, run, scheme, standing_authorisation, stipend_scheme};
use crate::funds::ledger::years;
use crate::kernel::access::{Capability, Place, Scope};
use crate::kernel::act::{Act, Performer};
use crate::kernel::period::Period;
use crate::kernel::problem::{Problem, Words};
use crate::people::tenancy::{org_unit, streets};
use crate::platform::db::Tx;
use crate::platform::http::Context;
use crate::platform::jobs::entity::{job_run, job_slot};
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};

/// The name of the paying job.
pub const POST: &str = "stipends.post";
/// The name of the telling job.
pub const NOTICE: &str = "stipends.notice";
/// How long before a period the notice of its pay day may come: 20 working days at most, with the holidays between them.
const BEFORE_PERIOD: TimeDelta = TimeDelta::days(60);

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
    // A pay day may lie before its period, where that begins with rest days, and people are told of it earlier still.
    while period.first_day() <= today + BEFORE_PERIOD && row.last_period.is_none_or(|last| period <= last) {
        // First whether people opened its year: of a year that nobody runs no working days need be known.
        if years::find(tx, street.id, period.year()).await?.is_none() {
            period = period.next();
            continue;
        }
        let pays_on = model::pay_date(period, pay_day, &calendar);
        let (pays_on, day) = match pays_on.and_then(|pays_on| Ok((pays_on, if days_before == 0 { pays_on } else { calendar.minus_working_days(pays_on, days_before)? }))) {
            Ok(days) => days,
            Err(unknown) => {
                // What was due before does not wait for it. Districts are asked for the year's days in time (`calendar.year_due`).
                tracing::warn!(%unknown, scheme = %row.id, %period, "the pay day cannot be found until the district records the year's working days");
                break;
            }
        };
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
        let forecast = forecast(context, slot).await?;
        let place = slot.place.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let act = slot.act(context, None);
        let tx = context.db.write(Scope::of_place(place)).await?;
        let outcome = give_notice(&tx, &act, slot, &forecast).await?;
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Calculates the run of a pay day and tells it. What nobody can be told of yet waits, and is tried again each day.
async fn give_notice(tx: &Tx, act: &Act, slot: &Slot, forecast: &Forecast) -> Result<Outcome, Problem> {
    let (_, scheme, period) = parts(slot)?;
    let row = run::lock_open_run_and_scheme(tx, scheme).await?;
    if let Some(done) = over(tx, &row, period).await? {
        return Ok(done);
    }
    let calculated = match run::open_run(tx, row.id).await? {
        Some(open) if open.period != period => return Ok(Outcome::held_for(&refusals::earlier_period_open())),
        Some(open) => run::bring_up_to_date(tx, act, &row, open).await?,
        None => match run::calculate(tx, act, &row, period).await {
            // Somebody may be enrolled before the pay day comes, and is to be told of as well.
            Err(problem) if problem.code == "run_empty" && act.today < pay_date(act, &row, period)? => return Ok(Outcome::Held { code: "nothing_due", words: forecast.words() }),
            Err(problem) if problem.code == "run_empty" => return Ok(Outcome::done("nothing_due", serde_json::Value::Null)),
            made => made?,
        },
    };
    announce::tell(tx, act, &row, "payout_run.notice", &calculated, &forecast.words()).await?;
    Ok(Outcome::done("told", serde_json::json!({"run_id": calculated.id})))
}

/// How a pay day ended that needs nothing more: it was paid, or its scheme was given up before it.
async fn over(tx: &Tx, row: &stipend_scheme::Model, period: Period) -> Result<Option<Outcome>, Problem> {
    if row.last_period.is_some_and(|last| last < period) {
        return Ok(Some(Outcome::done("given_up", serde_json::Value::Null)));
    }
    Ok(posted(tx, row, period).await?.then(|| Outcome::done("already_posted", serde_json::Value::Null)))
}

fn pay_date(act: &Act, row: &stipend_scheme::Model, period: Period) -> Result<NaiveDate, Problem> {
    let pay_day = u32::try_from(row.pay_day).map_err(Problem::internal)?;
    model::pay_date(period, pay_day, &act.calendar).map_err(Problem::internal)
}

/// What pay day will make of a run as things stand.
enum Forecast {
    /// It posts.
    Posts,
    /// There is nobody to pay and nobody held.
    NothingDue,
    /// It is held.
    Held(Words),
}

impl Forecast {
    fn words(&self) -> Words {
        match self {
            Self::Posts => Words::new("将在发放日自动过账；如有疑问请叫停。", "It posts by itself on pay day; stop it if in doubt."),
            Self::NothingDue => Words::new("目前无人应发。", "Nobody is due anything as things stand."),
            Self::Held(why) => Words::new(format!("按目前情况，发放日将被挂起，不会过账：{}", why.zh), format!("As things stand it will be held on pay day and not post: {}", why.en)),
        }
    }
}

/// Does all that pay day will do, dated that day, and undoes it.
async fn forecast(context: &Context, slot: &Slot) -> Result<Forecast, Problem> {
    let (place, scheme, period) = parts(slot)?;
    let act = slot.act(context, None);
    let tx = context.db.write(Scope::of_place(place)).await?;
    let row = run::lock_open_run_and_scheme(&tx, scheme).await?;
    let pays_on = pay_date(&act, &row, period)?;
    // Where the notice itself was late, the posting is later still.
    let act = Act { today: pays_on.max(act.today), ..act };
    let tried = if earlier_open(&tx, slot, scheme).await? { Err(refusals::earlier_period_open()) } else { pay(&tx, &act, &row, period).await };
    tx.rollback().await?;
    match tried {
        Ok(Outcome::Done { code: "nothing_due", .. }) => Ok(Forecast::NothingDue),
        Ok(_) => Ok(Forecast::Posts),
        Err(problem) if problem.status < 500 => Ok(Forecast::Held(problem.detail)),
        Err(fault) => Err(fault),
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
    let outcome = match over(&tx, &row, period).await? {
        Some(done) => done,
        None if earlier_open(&tx, slot, scheme).await? => return Err(refusals::earlier_period_open()),
        None => pay(&tx, &act, &row, period).await?,
    };
    slot.finish(&tx, &outcome).await?;
    tx.commit().await?;
    Ok(outcome)
}

async fn pay(tx: &Tx, act: &Act, row: &stipend_scheme::Model, period: Period) -> Result<Outcome, Problem> {
    let draft = take_over(tx, act, row, period).await?;
    if draft.run.heads == 0 && draft.is_of_nothing() {
        run::cancel(tx, act, draft.run, "无应发项目 / nothing is due".to_owned()).await?;
        return Ok(Outcome::done("nothing_due", serde_json::Value::Null));
    }
    let signed = check_authority(tx, act, row, &draft.run).await?;
    let under = Act { by: Performer::Job { name: POST, authorisation: Some(signed.id) }, ..act.clone() };
    announce::tell(tx, &under, row, "payout_run.posted", &draft.run, &Words::new("已自动过账。", "It has posted by itself.")).await?;
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
        .filter(payout_run::Column::PostedOn.is_not_null())
        .order_by_desc(payout_run::Column::Period)
        // The first that was posted for its period: the runs before it were cancelled, those after it are supplementary.
        .order_by_asc(payout_run::Column::Seq);
    let last = tx.one(posted).await?.map(|run| run.gross);
    let used = scheme::used(tx, row.id, year).await?;
    match model::exceeded(scheme::limits(&signed), used, calculated.gross, calculated.heads, last) {
        None => Ok(signed),
        Some(limit) => Err(refusals::authorisation_exceeded(limit)),
    }
}

/// What stood against it is written down, and people are told: of a run of this period each time it is tried, of what the pay day waits for as long as that is news.
async fn give_up(context: &Context, slot: &Slot, mut problem: Problem) -> Result<Outcome, Problem> {
    let (place, scheme, period) = parts(slot)?;
    let act = slot.act(context, None);
    let tx = context.db.write(Scope::of_place(place)).await?;
    let row = run::lock_open_run_and_scheme(&tx, scheme).await?;
    match (problem.code, run::open_run(&tx, row.id).await?) {
        ("run_open" | "earlier_period_open", _) => {
            if !held_before(&tx, slot, problem.code).await? {
                announce::tell_waiting(&tx, &act, place, (&row, &slot.period), &problem.detail).await?;
            }
        }
        // Somebody may have stopped it since: it stays as they left it, and waits for the leader.
        (_, Some(open)) if open.held_code.as_deref() == Some("stopped") => {
            problem = refusals::run_stopped();
            announce::tell(&tx, &act, &row, "payout_run.held", &open, &problem.detail).await?;
        }
        // People approved it themselves, and may post it themselves.
        (_, Some(open)) if open.state == "approved" => announce::tell(&tx, &act, &row, "payout_run.held", &open, &problem.detail).await?,
        (code, open) => {
            let open = match open {
                Some(open) => open,
                None => run::calculate(&tx, &act, &row, period).await?,
            };
            let held = run::hold(&tx, &act, open, code, problem.detail.zh.clone()).await?;
            announce::tell(&tx, &act, &row, "payout_run.held", &held, &problem.detail).await?;
        }
    }
    let outcome = slot.hold(&tx, problem.code, problem.detail).await?;
    tx.commit().await?;
    Ok(outcome)
}

/// Whether the slot's try before this one was held for the same reason.
async fn held_before(tx: &Tx, slot: &Slot, code: &str) -> Result<bool, Problem> {
    let before = tx.select::<job_run::Entity>().filter(job_run::Column::SlotId.eq(slot.id)).filter(job_run::Column::Id.ne(slot.run_id)).order_by_desc(job_run::Column::Id);
    Ok(tx.one(before).await?.is_some_and(|run| run.outcome.as_deref() == Some(code)))
}
