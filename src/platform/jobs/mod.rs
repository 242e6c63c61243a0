//! Slots: what a job does for a subject and a period happens once, whoever tries. A slot is claimed by one conditional statement that raises its fence; the
//! effect's transaction ends by setting the slot done where the fence is still its own, so that effect and slot are one. What jobs do is theirs; this folder knows only when and once.

pub mod entity;
pub mod routes;

pub use entity::job_slot;

use chrono::{Days, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::access::Place;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// How long a claim lasts, in seconds of the database's clock.
const LEASE_SECONDS: i64 = 120;
/// After this many tries a failed slot stays.
const MOST_ATTEMPTS: i32 = 8;

/// A slot that ought to exist.
#[derive(Clone, Debug)]
pub struct DueSlot {
    /// The job's name.
    pub job: &'static str,
    /// What people read as its scope.
    pub scope: String,
    /// The record it is about.
    pub subject: Uuid,
    /// Where the record sits.
    pub place: Place,
    /// The period.
    pub period: String,
    /// Since when it is due.
    pub due_on: NaiveDate,
}

/// What became of a slot in this call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlotReport {
    /// What it is about.
    pub scope: String,
    /// Its state.
    pub state: String,
    /// Its outcome, as a code.
    pub outcome: Option<String>,
    /// What this call posted.
    pub posted_items: i64,
    /// The sum that this call posted.
    pub posted_amount: Fen,
}

impl SlotReport {
    /// The slot as it is, with nothing posted by this call.
    #[must_use]
    pub fn of(slot: &job_slot::Model) -> Self {
        Self { scope: slot.scope.clone(), state: slot.state.clone(), outcome: slot.outcome.clone(), posted_items: 0, posted_amount: Fen::ZERO }
    }
}

/// Inserts a slot where it is missing.
///
/// # Errors
/// 500 where the database fails.
pub async fn ensure(tx: &Tx, slot: &DueSlot) -> Result<(), Problem> {
    let insert = Sql::both(
        "INSERT INTO job_slots (id, district_id, street_id, community_id, job, scope, subject_id, period, due_on, state, attempts, fence, posted_items, posted_amount, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', 0, 0, 0, 0, 1, CURRENT_TIMESTAMP) ON CONFLICT (district_id, job, subject_id, period) DO NOTHING",
    );
    let values = vec![
        new_id().into(),
        slot.place.district.into(),
        slot.place.street.into(),
        slot.place.community.into(),
        slot.job.into(),
        slot.scope.clone().into(),
        slot.subject.into(),
        slot.period.clone().into(),
        slot.due_on.into(),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

/// Claims a slot: who raised its fence has it. A held slot is tried again from its day on, or at once by hand.
///
/// # Errors
/// 500 where the database fails.
pub async fn claim(tx: &Tx, slot: Uuid, today: NaiveDate, by_hand: bool) -> Result<Option<job_slot::Model>, Problem> {
    let claim = Sql {
        postgres: "UPDATE job_slots SET state = 'running', fence = fence + 1, attempts = attempts + 1, owner = $2, lease_until = CAST(extract(epoch FROM now()) AS bigint) + $3, version = version + 1 \
                   WHERE id = $1 AND (state = 'pending' OR (state = 'held' AND ($4 OR retry_on <= $5)) OR (state = 'failed' AND ($4 OR (attempts < $6 AND retry_on <= $5))) \
                   OR (state = 'running' AND lease_until < CAST(extract(epoch FROM now()) AS bigint)))",
        sqlite: "UPDATE job_slots SET state = 'running', fence = fence + 1, attempts = attempts + 1, owner = $2, lease_until = CAST(strftime('%s', 'now') AS integer) + $3, version = version + 1 \
                 WHERE id = $1 AND (state = 'pending' OR (state = 'held' AND ($4 OR retry_on <= $5)) OR (state = 'failed' AND ($4 OR (attempts < $6 AND retry_on <= $5))) \
                 OR (state = 'running' AND lease_until < CAST(strftime('%s', 'now') AS integer)))",
    };
    let owner = format!("{}", std::process::id());
    let values = vec![slot.into(), owner.into(), LEASE_SECONDS.into(), by_hand.into(), today.into(), MOST_ATTEMPTS.into()];
    if tx.execute(claim, values).await? == 0 {
        return Ok(None);
    }
    tx.maybe_load::<job_slot::Entity>(slot).await
}

/// What a slot came to.
#[derive(Clone, Debug)]
pub struct End {
    /// `done`, `held` or `failed`.
    pub state: &'static str,
    /// The outcome, as a code.
    pub outcome: String,
    /// More about it.
    pub detail: Option<String>,
    /// How many items were posted.
    pub items: i64,
    /// Their sum.
    pub amount: Fen,
}

/// Ends a slot where the fence is still the claimer's: the last statement of the effect's transaction.
///
/// # Errors
/// 409 `slot_lost` where another has claimed it since: the effect must be rolled back.
pub async fn finish(tx: &Tx, slot: &job_slot::Model, today: NaiveDate, end: &End) -> Result<SlotReport, Problem> {
    let update = Sql::both(
        "UPDATE job_slots SET state = $3, outcome = $4, detail = $5, posted_items = $6, posted_amount = $7, retry_on = $8, owner = NULL, lease_until = NULL, version = version + 1 \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
    );
    let retry_on = today.checked_add_days(Days::new(1));
    let values = vec![slot.id.into(), slot.fence.into(), end.state.into(), end.outcome.clone().into(), end.detail.clone().into(), end.items.into(), end.amount.into(), retry_on.into()];
    if tx.execute(update, values).await? == 0 {
        return Err(Problem::new(409, "slot_lost", "任务已由他处接手", "Another has taken the slot").detail("本次未作任何更改。", "Nothing was changed by this attempt."));
    }
    Ok(SlotReport { scope: slot.scope.clone(), state: end.state.to_owned(), outcome: Some(end.outcome.clone()), posted_items: end.items, posted_amount: end.amount })
}
