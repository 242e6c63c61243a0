//! Scheduled and long work: *when* and *once*, never *what*. A [`Job`] says which slots (scope, period) are due and how one is run; [`sweep`] makes the
//! slots, claims each by a fence that only rises, and keeps the lease alive while it runs. The effect's own transaction ends with [`Slot::finish`]:
//! so a slot and its effect are one, after a retry, a crash or a second server as well.
//!
//! Besides: long work that a person starts ([`start_ad_hoc`]), and continuous work ([`continuous`]), one lease row each.

mod ad_hoc;
mod continuous;
pub mod entity;
mod progress;
mod refusals;
mod report;
pub mod routes;
mod schedule;
mod slot;
mod sweep;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::kernel::access::{Capability, Place};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Problem, Words};
use crate::platform::http::Context;

pub use ad_hoc::{AdHoc, record_done, start_ad_hoc};
pub use continuous::{continuous, deliver_forever, drop_keys_forever, seal_forever};
pub use progress::Progress;
pub use report::SlotReport;
pub use schedule::{Stop, forever, stop_switch};
pub use slot::Slot;
pub use sweep::{require_period, run_by_hand, sweep};

/// How long a claim holds without a sign of life, by the database's time.
pub(crate) const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often a sign of life is given.
pub(crate) const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(20);
/// After so many tries a failing slot stays failed and people are told.
pub const MOST_ATTEMPTS: i64 = 8;

/// Which of the slots that were missed (the server stood still) are made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// Every one: money.
    All,
    /// The latest of each scope: reminders.
    Latest,
    /// None: only what is due on the business day itself.
    None,
}

/// A slot that is due or will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSlot {
    /// What it is for, in words or as an id, unique within the job and period where it is about no record.
    pub scope: String,
    /// The period: `2017-03`, `2017Q1`, `2017`, or a day `2017-03-20`.
    pub period: String,
    /// Whose it is; none for what is the system's own, which no person sees.
    pub place: Option<Place>,
    /// The record it is about, unique within the job and period, whatever it is called.
    pub subject: Option<Uuid>,
    /// When it is due, by the business clock. A slot is not made before.
    pub due_at: DateTime<Utc>,
}

impl DueSlot {
    /// Today's slot of each street, due at this hour and minute of the deployment's time zone.
    ///
    /// # Errors
    /// 500 where the time zone has no such hour today.
    pub fn daily(context: &Context, streets: impl IntoIterator<Item = Place>, (hour, minute): (u32, u32)) -> Result<Vec<Self>, Problem> {
        let today = context.clocks.business_today();
        let at = today.and_hms_opt(hour, minute, 0).and_then(|at| at.and_local_timezone(context.clocks.zone()).earliest()).ok_or_else(|| Problem::internal("no such hour"))?;
        let slot = |place: Place| Self { scope: place.street.unwrap_or(place.district).to_string(), period: today.to_string(), place: Some(place), subject: place.street, due_at: at.to_utc() };
        Ok(streets.into_iter().map(slot).collect())
    }
}

/// How a slot ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is done, once and for all.
    Done {
        /// A stable code, such as `posted`.
        code: &'static str,
        /// How many items this posted.
        posted_items: i64,
        /// What they sum to.
        posted_amount: Fen,
        /// What it came to, for `job-slots/{id}`.
        result: serde_json::Value,
    },
    /// A business reason stands against it: people are to act, and it is tried again each day at the pay hour.
    Held {
        /// The reason's stable code, such as `line_short`.
        code: &'static str,
        /// The reason in words.
        words: Words,
    },
}

impl Outcome {
    /// Done, with nothing posted.
    #[must_use]
    pub const fn done(code: &'static str, result: serde_json::Value) -> Self {
        Self::Done { code, posted_items: 0, posted_amount: Fen::ZERO, result }
    }

    /// Held for the reason that a refusal gives.
    #[must_use]
    pub fn held_for(problem: &Problem) -> Self {
        Self::Held { code: problem.code, words: problem.detail.clone() }
    }
}

/// Work that comes due by the calendar. Declared in the folder whose use case it runs, registered by `app`.
#[async_trait]
pub trait Job: Send + Sync {
    /// Its name, such as `stipends.post`.
    fn name(&self) -> &'static str;

    /// What happens to missed slots.
    fn catch_up(&self) -> CatchUp;

    /// Who may start it by hand, at the slot's place.
    fn capability(&self) -> Capability;

    /// The slots that are due by the business clock, from the calendar and the records, not from what a timer said. What is due later is ignored.
    ///
    /// # Errors
    /// Where the records cannot be read.
    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem>;

    /// Runs one slot. The transaction of the effect ends with [`Slot::finish`] (or [`Slot::hold`]) before its commit; where there is no such transaction, the outcome is written afterwards.
    ///
    /// # Errors
    /// Faults, which are tried again with growing pauses. A business reason is no error but [`Outcome::Held`].
    async fn run(&self, context: &Context, slot: &Slot, progress: &Progress) -> Result<Outcome, Problem>;
}

/// The jobs of this deployment, and the hour at which held slots are tried again.
#[derive(Clone)]
pub struct Registry {
    jobs: Arc<Vec<Arc<dyn Job>>>,
    pay_hour: NaiveTime,
}

impl Registry {
    /// These jobs; held slots are tried again at 09:00 of the deployment's time zone.
    #[must_use]
    pub fn new(jobs: Vec<Arc<dyn Job>>) -> Self {
        Self { jobs: Arc::new(jobs), pay_hour: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default() }
    }

    /// Another pay hour, in the deployment's time zone.
    #[must_use]
    pub const fn with_pay_hour(mut self, pay_hour: NaiveTime) -> Self {
        self.pay_hour = pay_hour;
        self
    }

    /// The job of this name.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&Arc<dyn Job>> {
        self.jobs.iter().find(|job| job.name() == name)
    }

    /// The names of all jobs.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.jobs.iter().map(|job| job.name()).collect()
    }

    /// The next pay hour after now, by the business clock.
    pub(crate) fn next_pay_hour(&self, context: &Context) -> DateTime<Utc> {
        let zone = context.clocks.zone();
        let now = context.clocks.business_now();
        let today = now.with_timezone(&zone).date_naive();
        let days = [Some(today), today.succ_opt()];
        let hours = days.into_iter().flatten().filter_map(|day| day.and_time(self.pay_hour).and_local_timezone(zone).earliest());
        hours.map(|hour| hour.to_utc()).find(|hour| *hour > now).unwrap_or(now + TimeDelta::days(1))
    }
}
