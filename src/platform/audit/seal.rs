//! Sealing: a worker chains the events in the order of the queue, each hash over the one before it and the event's canonical JSON (RFC 8785),
//! so that an event changed or taken away by hand is found.

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter};
use sha2::{Digest, Sha256};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The position in the chain, from 1.
    pub position: i64,
    /// The event that is sealed there.
    pub event_id: Uuid,
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
    let tx = db.read_as_system(Reason::Verify).await?;
    let (mut position, mut previous) = (0_i64, BEGINNING.to_owned());
    loop {
        let next = Sql::both("SELECT position, event_id, hash FROM audit_seals WHERE position > $1 ORDER BY position LIMIT $2");
        let seals = tx.query::<Seal>(next, vec![position.into(), BATCH.into()]).await?;
        if seals.is_empty() {
            return Ok(None);
        }
        for seal in seals {
            position = position.saturating_add(1);
            let expected = match event(&tx, seal.event_id).await? {
                Some(event) => hash(&previous, &event)?,
                None => String::new(),
            };
            if seal.position != position || seal.hash != expected {
                return Ok(Some(Fault { position, event_id: seal.event_id }));
            }
            previous = seal.hash;
        }
    }
}
