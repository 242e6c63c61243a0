//! The audit trail: who did what to which record, before and after, from where. An event is written in the transaction of what it tells,
//! with an entry in a queue from which a worker seals it, so that no request waits for the chain.

pub mod entity;
pub mod routes;
mod seal;
mod unmask;

pub use seal::{Fault, Verification, seal, verification, verify};
pub use unmask::{Shown, to_show};

use async_trait::async_trait;
use chrono::{DateTime, DurationRound, TimeDelta};
use sea_orm::Value;
use serde::Serialize;
use uuid::Uuid;

use crate::kernel::access::{Actor, Place};
use crate::kernel::act::{Act, Performer};
use crate::kernel::clock::Clocks;
use crate::kernel::ids::new_id;
use crate::kernel::problem::{KeptAttempt, Problem};
use crate::platform::db::{Db, Reason, Sql, Together, Tx};
use crate::platform::http::{AttemptLog, Export};

/// What happened to which record.
#[derive(Debug, Default)]
pub struct Event {
    /// Noun and verb, such as `user.create`.
    pub action: &'static str,
    /// The kind of record.
    pub subject_type: &'static str,
    /// The record.
    pub subject_id: Option<Uuid>,
    /// Where the record sits.
    pub place: Option<Place>,
    /// The record before, without personal data.
    pub before: Option<serde_json::Value>,
    /// The record after, without personal data.
    pub after: Option<serde_json::Value>,
    /// Why, where people must say so.
    pub reason: Option<String>,
}

impl Event {
    /// An event about one record.
    #[must_use]
    pub fn new(action: &'static str, subject_type: &'static str, subject_id: Uuid, place: Place) -> Self {
        Self { action, subject_type, subject_id: Some(subject_id), place: Some(place), ..Self::default() }
    }

    /// What the record was before.
    ///
    /// # Errors
    /// 500 where it cannot be written as JSON.
    pub fn before(mut self, record: &impl Serialize) -> Result<Self, Problem> {
        self.before = Some(serde_json::to_value(record).map_err(Problem::internal)?);
        Ok(self)
    }

    /// What the record is now.
    ///
    /// # Errors
    /// 500 where it cannot be written as JSON.
    pub fn after(mut self, record: &impl Serialize) -> Result<Self, Problem> {
        self.after = Some(serde_json::to_value(record).map_err(Problem::internal)?);
        Ok(self)
    }
}

const EVENT: Sql = Sql::both(
    "INSERT INTO audit_events (id, district_id, street_id, community_id, at, business_date, action, subject_type, subject_id, user_id, acting_for, job, authorisation_id, session_id, request_id, address, reason, before, after) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
);
const QUEUE: Sql = Sql::both("INSERT INTO audit_queue (event_id) VALUES ($1)");

/// An event and its entry in the queue.
fn put(writes: &mut Together, id: Uuid, values: Vec<Value>) {
    writes.statement(EVENT, values);
    writes.statement(QUEUE, vec![id.into()]);
}

/// Writes an event and its entry in the queue; gives its id.
///
/// # Errors
/// 500 where the database fails: then the act is rolled back too.
pub async fn record(tx: &Tx, act: &Act, event: Event) -> Result<Uuid, Problem> {
    let mut writes = tx.together();
    let id = add(&mut writes, act, event);
    tx.run_together(writes).await?;
    Ok(id)
}

/// How many rows an event takes.
pub const ROWS: u64 = 2;

/// Adds an event and its entry in the queue to what is written together; gives its id.
pub fn add(writes: &mut Together, act: &Act, event: Event) -> Uuid {
    let id = new_id();
    let (user, session, job, authorisation) = match &act.by {
        Performer::Person(actor) => (Some(actor.user_id), Some(actor.session_id), None, None),
        Performer::Job { name, authorisation } => (None, None, Some((*name).to_owned()), *authorisation),
    };
    let acting_for = event.place.and_then(|place| act.acting_for(&place));
    let values: Vec<Value> = vec![
        id.into(),
        event.place.map(|place| place.district).into(),
        event.place.and_then(|place| place.street).into(),
        event.place.and_then(|place| place.community).into(),
        act.at.into(),
        act.today.into(),
        event.action.into(),
        event.subject_type.into(),
        event.subject_id.into(),
        user.into(),
        acting_for.into(),
        job.into(),
        authorisation.into(),
        session.into(),
        act.request_id.clone().into(),
        act.address.clone().into(),
        event.reason.into(),
        event.before.into(),
        event.after.into(),
    ];
    put(writes, id, values);
    act.trail.add();
    id
}

/// Keeps refused attempts in transactions of their own.
#[derive(Clone)]
pub struct Attempts {
    db: Db,
    clocks: Clocks,
}

impl Attempts {
    /// Keeps them in this database.
    #[must_use]
    pub const fn new(db: Db, clocks: Clocks) -> Self {
        Self { db, clocks }
    }

    async fn keep_attempt(&self, act: &Act, attempt: &KeptAttempt, code: &str) -> Result<(), Problem> {
        let tx = self.db.write_as_system(Reason::AccessRefused).await?;
        let event = Event::new(attempt.action, attempt.subject_type, attempt.subject_id, attempt.place).after(&serde_json::json!({"code": code, "what": attempt.what}))?;
        record(&tx, act, event).await?;
        tx.commit().await
    }

    async fn keep(&self, actor: &Actor, operation: &str, id: Option<String>, code: &str) -> Result<(), Problem> {
        let at = self.clocks.wall();
        let minute = at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at);
        let tx = self.db.write_as_system(Reason::AccessRefused).await?;
        if already_kept(&tx, actor.user_id, operation, minute).await? {
            return Ok(());
        }
        let after = serde_json::json!({"operation": operation, "id": id, "code": code});
        let event = self.insert(&tx, actor, at, ("access_refused", after), ("", None)).await?;
        let kept = Sql::both("INSERT INTO refused_attempts (user_id, operation, minute, event_id) VALUES ($1, $2, $3, $4)");
        tx.execute(kept, vec![actor.user_id.into(), operation.into(), minute.into(), event.into()]).await?;
        tx.commit().await
    }

    /// An event of a person about an operation, at the unit that it concerns ([`Actor::seat`]): there it is read, wherever the person is at home.
    async fn insert(&self, tx: &Tx, actor: &Actor, at: DateTime<chrono::Utc>, (action, after): (&str, serde_json::Value), (request_id, address): (&str, Option<String>)) -> Result<Uuid, Problem> {
        let event = new_id();
        let none_id: Option<Uuid> = None;
        let none_text: Option<String> = None;
        let place = actor.seat();
        let values: Vec<Value> = vec![
            event.into(),
            place.district.into(),
            place.street.into(),
            place.community.into(),
            at.into(),
            self.clocks.business_today().into(),
            action.into(),
            "operation".into(),
            none_id.into(),
            actor.user_id.into(),
            none_id.into(),
            none_text.clone().into(),
            none_id.into(),
            actor.session_id.into(),
            request_id.into(),
            address.into(),
            none_text.into(),
            Option::<serde_json::Value>::None.into(),
            after.into(),
        ];
        let mut writes = tx.together();
        put(&mut writes, event, values);
        tx.run_together(writes).await?;
        Ok(event)
    }
}

async fn already_kept(tx: &Tx, user: Uuid, operation: &str, minute: DateTime<chrono::Utc>) -> Result<bool, Problem> {
    #[derive(sea_orm::FromQueryResult)]
    struct Count {
        n: i64,
    }
    let sql = Sql::both("SELECT count(*) AS n FROM refused_attempts WHERE user_id = $1 AND operation = $2 AND minute = $3");
    Ok(tx.query_one::<Count>(sql, vec![user.into(), operation.into(), minute.into()]).await?.is_some_and(|count| count.n > 0))
}

#[async_trait]
impl AttemptLog for Attempts {
    async fn access_refused(&self, actor: &Actor, operation: &str, id: Option<String>, code: &'static str) {
        // The answer is the refusal either way; that the attempt could not be kept is for the log.
        if let Err(problem) = self.keep(actor, operation, id, code).await {
            tracing::error!(%problem, operation, "a refused attempt was not kept");
        }
    }

    async fn exported(&self, actor: &Actor, export: Export) -> Result<(), Problem> {
        let tx = self.db.write_as_system(Reason::Exported).await?;
        let after = serde_json::json!({"operation": export.operation, "query": export.query, "format": export.format});
        self.insert(&tx, actor, self.clocks.wall(), ("export", after), (&export.request_id, export.address)).await?;
        tx.commit().await
    }

    async fn refused(&self, act: &Act, attempt: &KeptAttempt, code: &'static str) {
        if let Err(problem) = self.keep_attempt(act, attempt, code).await {
            tracing::error!(%problem, action = attempt.action, "a refused attempt was not kept");
        }
    }
}
