//! Sealing: a worker chains the events in the order of the queue, each hash over the one before it and the event's canonical JSON (RFC 8785),
//! so that an event changed or taken away by hand is found.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::audit_event;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql, Tx};

/// What the hashes are made with; written beside each.
const ALGORITHM: &str = "sha256-jcs-1";
/// What the first hash is chained to.
const BEGINNING: &str = "mingzhang audit trail";
/// How many events one transaction seals.
const BATCH: i64 = 500;
/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditFault)]
pub struct Fault {
    /// The position in the chain, from 1.
    pub position: i64,
    /// The event that is sealed there.
    pub event_id: Uuid,
}

/// What a look at the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditVerification, example = json!({"sealed": 4, "waiting": 0, "holds": true, "first_fault": null}))]
pub struct Verification {
    /// How many seals hold, from the beginning on.
    pub sealed: i64,
    /// How many events wait to be sealed.
    pub waiting: i64,
    /// Whether the whole chain holds and no event stands outside it.
    pub holds: bool,
    /// The first place where it does not; an event that was neither sealed nor queued stands after the last seal.
    pub first_fault: Option<Fault>,
}

#[derive(FromQueryResult)]
struct Seal {
    position: i64,
    event_id: Uuid,
    hash: String,
}

#[derive(FromQueryResult)]
struct Queued {
    event_id: Uuid,
}

fn hash(previous: &str, event: &audit_event::Model) -> Result<String, Problem> {
    let text = serde_json_canonicalizer::to_vec(event).map_err(Problem::internal)?;
    Ok(hex::encode(Sha256::new().chain_update(previous.as_bytes()).chain_update(&text).finalize()))
}

async fn event(tx: &Tx, id: Uuid) -> Result<Option<audit_event::Model>, Problem> {
    tx.one(tx.select::<audit_event::Entity>().filter(audit_event::Column::Id.eq(id))).await
}

/// Seals what waits in the queue, at most a batch; gives how many. On PostgreSQL one worker at a time seals, whoever holds the lock.
///
/// # Errors
/// 500 where the database fails: then nothing is sealed.
pub async fn seal(db: &Db) -> Result<usize, Problem> {
    #[derive(FromQueryResult)]
    struct Locked {
        locked: bool,
    }
    let tx = db.write_as_system(Reason::Background).await?;
    if tx.is_postgres() {
        let lock = Sql::both("SELECT pg_try_advisory_xact_lock(hashtextextended('mingzhang audit seal', 0)) AS locked");
        if !tx.query_one::<Locked>(lock, Vec::new()).await?.is_some_and(|row| row.locked) {
            return Ok(0);
        }
    }
    let last = tx.query_one::<Seal>(Sql::both("SELECT position, event_id, hash FROM audit_seals ORDER BY position DESC LIMIT 1"), Vec::new()).await?;
    let (mut position, mut previous) = last.map_or((0, BEGINNING.to_owned()), |seal| (seal.position, seal.hash));
    let queue = tx.query::<Queued>(Sql::both("SELECT event_id FROM audit_queue ORDER BY event_id LIMIT $1"), vec![BATCH.into()]).await?;
    for Queued { event_id } in &queue {
        let event = event(&tx, *event_id).await?.ok_or_else(|| Problem::internal(format!("the queued audit event {event_id} is missing")))?;
        position = position.saturating_add(1);
        previous = hash(&previous, &event)?;
        let insert = Sql::both("INSERT INTO audit_seals (position, event_id, algorithm, hash) VALUES ($1, $2, $3, $4)");
        tx.execute(insert, vec![position.into(), (*event_id).into(), ALGORITHM.into(), previous.clone().into()]).await?;
        tx.execute(Sql::both("DELETE FROM audit_queue WHERE event_id = $1"), vec![(*event_id).into()]).await?;
    }
    tx.commit().await?;
    Ok(queue.len())
}

/// Recomputes the chain; gives the first place where it does not hold.
///
/// # Errors
/// 500 where the database fails.
pub async fn verify(db: &Db) -> Result<Option<Fault>, Problem> {
    Ok(verification(db).await?.first_fault)
}

/// Recomputes the chain from its beginning, and looks for events that were written past it.
///
/// # Errors
/// 500 where the database fails.
pub async fn verification(db: &Db) -> Result<Verification, Problem> {
    let tx = db.read_as_system(Reason::Verify).await?;
    let (sealed, mut first_fault) = chain(&tx).await?;
    let waiting = count(&tx, Sql::both("SELECT count(*) AS n FROM audit_queue")).await?;
    if first_fault.is_none() {
        // On one snapshot of SQLite; on PostgreSQL a sealing between two statements moves an event from one side to the other, so one statement looks at both.
        let outside = "SELECT e.id AS event_id FROM audit_events e WHERE NOT EXISTS (SELECT 1 FROM audit_seals s WHERE s.event_id = e.id) \
                       AND NOT EXISTS (SELECT 1 FROM audit_queue q WHERE q.event_id = e.id) ORDER BY e.id LIMIT 1";
        let outside = tx.query_one::<Queued>(Sql::both(outside), Vec::new()).await?;
        first_fault = outside.map(|row| Fault { position: sealed.saturating_add(1), event_id: row.event_id });
    }
    Ok(Verification { sealed, waiting, holds: first_fault.is_none(), first_fault })
}

async fn count(tx: &Tx, sql: Sql) -> Result<i64, Problem> {
    #[derive(FromQueryResult)]
    struct Count {
        n: i64,
    }
    Ok(tx.query_one::<Count>(sql, Vec::new()).await?.map_or(0, |count| count.n))
}

/// How many seals hold from the beginning on, and the first that does not.
async fn chain(tx: &Tx) -> Result<(i64, Option<Fault>), Problem> {
    let (mut position, mut previous) = (0_i64, BEGINNING.to_owned());
    loop {
        let next = Sql::both("SELECT position, event_id, hash FROM audit_seals WHERE position > $1 ORDER BY position LIMIT $2");
        let seals = tx.query::<Seal>(next, vec![position.into(), BATCH.into()]).await?;
        if seals.is_empty() {
            return Ok((position, None));
        }
        let ids = seals.iter().map(|seal| seal.event_id);
        let events = tx.all(tx.select::<audit_event::Entity>().filter(audit_event::Column::Id.is_in(ids))).await?;
        let events: BTreeMap<Uuid, audit_event::Model> = events.into_iter().map(|event| (event.id, event)).collect();
        for seal in seals {
            let expected = match events.get(&seal.event_id) {
                Some(event) => hash(&previous, event)?,
                None => String::new(),
            };
            let next = position.saturating_add(1);
            if seal.position != next || seal.hash != expected {
                return Ok((position, Some(Fault { position: next, event_id: seal.event_id })));
            }
            (position, previous) = (next, seal.hash);
        }
    }
}
