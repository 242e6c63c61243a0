//! A slot that is claimed: its fence, and how it ends.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::entity::job_slot;
use super::{DueSlot, LEASE, MOST_ATTEMPTS, Outcome, refusals};
use crate::kernel::access::Place;
use crate::kernel::act::{Act, Performer};
use crate::kernel::ids::new_id;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Sql, Tx};
use crate::platform::http::Context;

/// A slot claimed by this process. Who holds the highest fence may end it; nobody else.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The slot.
    pub id: Uuid,
    /// The job's name.
    pub job: &'static str,
    /// What it is for.
    pub scope: String,
    /// The period.
    pub period: String,
    /// Whose it is.
    pub place: Option<Place>,
    /// The record it is about.
    pub subject: Option<Uuid>,
    /// When it was due, by the business clock.
    pub due_at: DateTime<Utc>,
    /// This try's row in `job_runs`.
    pub run_id: Uuid,
    /// Which try this is since it was last held, from 1.
    pub attempt: i64,
    fence: i64,
    held_until: DateTime<Utc>,
}

/// Whether people ask for the slot now, or the sweep does when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Held and failed slots wait for their time.
    BySweep,
    /// Held and failed slots are tried at once, and a failed one counts from 1 again.
    ByHand(Option<Uuid>),
}

#[derive(FromQueryResult)]
struct Claimed {
    fence: i64,
    attempts: i64,
}

/// One conditional update that raises the fence: who changed the row has the slot. `$3` is the database's time, `$5` the business clock's.
const CLAIM: Sql = Sql::both(
    "UPDATE job_slots SET state = 'running', owner = $2, fence = fence + 1, attempts = attempts + 1, lease_until = $4, retry_at = NULL, version = version + 1 \
     WHERE id = $1 AND ((state = 'pending' AND due_at <= $5) OR (state = 'running' AND lease_until < $3) OR (state = 'held' AND retry_at <= $5) OR (state = 'failed' AND attempts < $6 AND retry_at <= $3)) \
     RETURNING fence, attempts",
);
const CLAIM_BY_HAND: Sql = Sql::both(
    "UPDATE job_slots SET state = 'running', owner = $2, fence = fence + 1, attempts = CASE WHEN state = 'failed' THEN 1 ELSE attempts + 1 END, lease_until = $4, retry_at = NULL, version = version + 1 \
     WHERE id = $1 AND ((state = 'pending' AND due_at <= $5) OR (state = 'running' AND lease_until < $3) OR state IN ('held', 'failed')) \
     RETURNING fence, attempts",
);
const START_RUN: Sql = Sql::both(
    "INSERT INTO job_runs (id, district_id, street_id, community_id, slot_id, kind, fence, state, started_by, started_at, lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, $9, $10)",
);
const END: Sql = Sql::both(
    "UPDATE job_slots SET state = $3, outcome = $4, outcome_detail_zh = $5, outcome_detail_en = $6, posted_items = $7, posted_amount = $8, result = $9, retry_at = $10, \
     attempts = CASE WHEN $3 = 'held' THEN 0 ELSE attempts END, owner = NULL, lease_until = NULL, version = version + 1 WHERE id = $1 AND fence = $2 AND state = 'running'",
);
const END_RUN: Sql = Sql::both("UPDATE job_runs SET state = $2, outcome = $3, outcome_detail_zh = $4, outcome_detail_en = $5, result = $6, finished_at = $7 WHERE id = $1 AND state = 'running'");
const FAIL: Sql = Sql::both(
    "UPDATE job_slots SET state = 'failed', outcome = $3, outcome_detail_zh = $4, outcome_detail_en = $5, retry_at = $6, owner = NULL, lease_until = NULL, version = version + 1 \
     WHERE id = $1 AND fence = $2 AND state = 'running'",
);

/// Makes a slot as pending where it does not exist.
pub(super) async fn insert(tx: &Tx, job: &str, due: &DueSlot, at: DateTime<Utc>) -> Result<(), Problem> {
    let sql = Sql::both(
        "INSERT INTO job_slots (id, district_id, street_id, community_id, job, scope, period, subject_id, due_at, state, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10) ON CONFLICT DO NOTHING",
    );
    let place = due.place;
    let values: Vec<Value> = vec![
        new_id().into(),
        place.map(|place| place.district).into(),
        place.and_then(|place| place.street).into(),
        place.and_then(|place| place.community).into(),
        job.into(),
        due.scope.clone().into(),
        due.period.clone().into(),
        due.subject.into(),
        due.due_at.into(),
        at.into(),
    ];
    tx.execute(sql, values).await?;
    Ok(())
}

/// Claims a slot, if it is still to be had, and begins its run.
pub(super) async fn claim(tx: &Tx, context: &Context, job: &'static str, row: &job_slot::Model, asked: Asked, held_until: DateTime<Utc>) -> Result<Option<Slot>, Problem> {
    let now = tx.database_now().await?;
    let lease = now + LEASE;
    let mut values: Vec<Value> = vec![row.id.into(), owner().into(), now.into(), lease.into(), context.clocks.business_now().into()];
    let (sql, by) = match asked {
        Asked::BySweep => {
            values.push(MOST_ATTEMPTS.into());
            (CLAIM, None)
        }
        Asked::ByHand(user) => (CLAIM_BY_HAND, user),
    };
    let Some(claimed) = tx.query_one::<Claimed>(sql, values).await? else {
        return Ok(None);
    };
    let wall = context.clocks.wall();
    tx.execute(Sql::both("UPDATE job_runs SET state = 'lost', finished_at = $2 WHERE slot_id = $1 AND state = 'running'"), vec![row.id.into(), wall.into()]).await?;
    let run_id = new_id();
    let values: Vec<Value> =
        vec![run_id.into(), row.district_id.into(), row.street_id.into(), row.community_id.into(), row.id.into(), job.into(), claimed.fence.into(), by.into(), wall.into(), lease.into()];
    tx.execute(START_RUN, values).await?;
    Ok(Some(Slot {
        id: row.id,
        job,
        scope: row.scope.clone(),
        period: row.period.clone(),
        place: row.district_id.map(|_| row.place()),
        subject: row.subject_id,
        due_at: row.due_at,
        run_id,
        attempt: claimed.attempts,
        fence: claimed.fence,
        held_until,
    }))
}

/// This process, as `job_slots.owner` names it.
fn owner() -> String {
    format!("{}@{}", std::process::id(), std::env::var("HOSTNAME").unwrap_or_default())
}

impl Slot {
    /// The act of this slot: the job, under a standing authorisation where there is one; its request id is the run's.
    #[must_use]
    pub fn act(&self, context: &Context, authorisation: Option<Uuid>) -> Act {
        let act = context.act(Performer::Job { name: self.job, authorisation }, self.run_id.to_string(), None);
        Act { calendar: context.calendar.of(self.place.map(|place| place.district)), ..act }
    }

    /// The number of this claim.
    #[must_use]
    pub const fn fence(&self) -> i64 {
        self.fence
    }

    /// Ends the slot in the transaction of its effect: the last statement before the commit.
    ///
    /// # Errors
    /// 409 `slot_lost` where another process has taken it over: the caller rolls back.
    pub async fn finish(&self, tx: &Tx, outcome: &Outcome) -> Result<(), Problem> {
        if self.end(tx, outcome).await? { Ok(()) } else { Err(refusals::slot_lost(self.job, &self.scope, &self.period)) }
    }

    /// Holds the slot for a business reason, in the transaction that writes what is held; gives the outcome for the job to return.
    ///
    /// # Errors
    /// As [`Slot::finish`].
    pub async fn hold(&self, tx: &Tx, code: &'static str, words: Words) -> Result<Outcome, Problem> {
        let outcome = Outcome::Held { code, words };
        self.finish(tx, &outcome).await?;
        Ok(outcome)
    }

    async fn end(&self, tx: &Tx, outcome: &Outcome) -> Result<bool, Problem> {
        let (state, code, words, items, amount, result, retry_at) = match outcome {
            Outcome::Done { code, posted_items, posted_amount, result } => ("done", *code, None, *posted_items, posted_amount.0, Some(result.clone()), None),
            Outcome::Held { code, words } => ("held", *code, Some(words.clone()), 0, 0, None, Some(self.held_until)),
        };
        let (zh, en) = words.map(|words| (words.zh, words.en)).unzip();
        let values: Vec<Value> =
            vec![self.id.into(), self.fence.into(), state.into(), code.into(), zh.clone().into(), en.clone().into(), items.into(), amount.into(), result.clone().into(), retry_at.into()];
        if tx.execute(END, values).await? == 0 {
            return Ok(false);
        }
        let at = tx.database_now().await?;
        tx.execute(END_RUN, vec![self.run_id.into(), state.into(), code.into(), zh.into(), en.into(), result.into(), at.into()]).await?;
        Ok(true)
    }

    /// Writes the outcome of a job whose effect had no transaction of its own; where it had, the slot is ended already.
    pub(super) async fn settle(&self, tx: &Tx, outcome: &Outcome) -> Result<(), Problem> {
        #[derive(FromQueryResult)]
        struct Now {
            state: String,
            fence: i64,
        }
        let now = tx.query_one::<Now>(Sql::both("SELECT state, fence FROM job_slots WHERE id = $1"), vec![self.id.into()]).await?.ok_or_else(Problem::not_found)?;
        if now.fence == self.fence && now.state != "running" { Ok(()) } else { self.finish(tx, outcome).await }
    }

    /// Keeps a fault: tried again after 1, 2, 4 … minutes of the database's time, eight times in all. Gives whether it stays failed.
    pub(super) async fn fail(&self, tx: &Tx, problem: &Problem) -> Result<bool, Problem> {
        let now = tx.database_now().await?;
        let doubled = u32::try_from(self.attempt.saturating_sub(1)).ok().and_then(|power| 2_i64.checked_pow(power)).unwrap_or(i64::from(i32::MAX));
        let stays = self.attempt >= MOST_ATTEMPTS;
        let retry_at = (!stays).then(|| now + TimeDelta::minutes(doubled.min(24 * 60)));
        let (zh, en) = (problem.detail.zh.clone(), problem.detail.en.clone());
        let values: Vec<Value> = vec![self.id.into(), self.fence.into(), problem.code.into(), zh.clone().into(), en.clone().into(), retry_at.into()];
        if tx.execute(FAIL, values).await? == 0 {
            return Ok(false);
        }
        let none: Option<serde_json::Value> = None;
        tx.execute(END_RUN, vec![self.run_id.into(), "failed".into(), problem.code.into(), zh.into(), en.into(), none.into(), now.into()]).await?;
        Ok(stays)
    }
}
