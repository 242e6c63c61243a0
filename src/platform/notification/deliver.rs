//! From the outbox to the inboxes.

use std::collections::BTreeSet;

use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use crate::kernel::access::{Capability, Place};
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;

/// How many notices one transaction delivers.
const BATCH: i64 = 100;

#[derive(FromQueryResult)]
struct Waiting {
    id: Uuid,
    district_id: Uuid,
    street_id: Option<Uuid>,
    community_id: Option<Uuid>,
    capability: String,
}

/// On PostgreSQL another worker's batch is passed over.
const WAITING: Sql = Sql {
    postgres: "SELECT id, district_id, street_id, community_id, capability FROM outbox WHERE delivered_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
    sqlite: "SELECT id, district_id, street_id, community_id, capability FROM outbox WHERE delivered_at IS NULL ORDER BY id LIMIT $1",
};
const INBOX: Sql = Sql::both(
    "INSERT INTO notifications (id, district_id, street_id, community_id, outbox_id, user_id, kind, subject_type, subject_id, text_zh, text_en, created_at) \
     SELECT $1, district_id, street_id, community_id, id, $2, kind, subject_type, subject_id, text_zh, text_en, created_at FROM outbox WHERE id = $3 ON CONFLICT DO NOTHING",
);

/// Delivers what waits, at most a batch, to whoever holds the capability now; gives how many notices. Delivering and marking as delivered are one transaction.
///
/// # Errors
/// 500 where the database fails: then nothing of the batch is delivered, and it is tried again.
pub async fn deliver_once(context: &Context) -> Result<usize, Problem> {
    let waits = context.db.read_as_system(Reason::Background).await?;
    let any = waits.query::<Waiting>(Sql::both("SELECT id, district_id, street_id, community_id, capability FROM outbox WHERE delivered_at IS NULL LIMIT 1"), Vec::new()).await?;
    waits.rollback().await?;
    if any.is_empty() {
        return Ok(0);
    }
    let tx = context.db.write_as_system(Reason::Background).await?;
    let waiting = tx.query::<Waiting>(WAITING, vec![BATCH.into()]).await?;
    for notice in &waiting {
        deliver(context, &tx, notice).await?;
    }
    tx.commit().await?;
    Ok(waiting.len())
}

async fn deliver(context: &Context, tx: &Tx, notice: &Waiting) -> Result<(), Problem> {
    let place = Place { district: notice.district_id, street: notice.street_id, community: notice.community_id };
    let holders = match Capability::ALL.iter().find(|capability| capability.code() == notice.capability) {
        Some(capability) => context.recipients.holders(*capability, &place).await?,
        None => Vec::new(),
    };
    if holders.is_empty() {
        tracing::warn!(notice = %notice.id, capability = notice.capability, "a notice has no recipient");
    }
    for user in holders.into_iter().map(|holder| holder.user_id).collect::<BTreeSet<_>>() {
        tx.execute(INBOX, vec![new_id().into(), user.into(), notice.id.into()]).await?;
    }
    let values: Vec<Value> = vec![notice.id.into(), context.clocks.wall().into()];
    tx.execute(Sql::both("UPDATE outbox SET delivered_at = $2 WHERE id = $1"), values).await?;
    Ok(())
}
