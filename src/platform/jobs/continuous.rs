//! Continuous work: one lease row each, so that one server at a time does it.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::schedule::Stop;
use super::{HEARTBEAT, LEASE};
use crate::kernel::problem::Problem;
use crate::platform::audit;
use crate::platform::db::{Db, Reason, Sql};
use crate::platform::http::{Context, drop_expired};
use crate::platform::notification;

/// How long the work waits when there is nothing to do.
const PAUSE: Duration = Duration::from_secs(2);

const TAKE: Sql = Sql::both(
    "INSERT INTO work_leases (name, owner, lease_until) VALUES ($1, $2, $4) \
     ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until WHERE work_leases.owner = excluded.owner OR work_leases.lease_until < $3",
);

/// Takes or renews the lease; false where another process has it.
async fn take(db: &Db, name: &str, owner: &str) -> Result<bool, Problem> {
    let tx = db.write_as_system(Reason::Background).await?;
    let now = tx.database_now().await?;
    let ours = tx.execute(TAKE, vec![name.into(), owner.into(), now.into(), (now + LEASE).into()]).await? > 0;
    tx.commit().await?;
    Ok(ours)
}

/// Gives the lease back, so that another process need not wait for it to run out.
async fn give_back(db: &Db, name: &str, owner: &str) -> Result<(), Problem> {
    let tx = db.write_as_system(Reason::Background).await?;
    tx.execute(Sql::both("DELETE FROM work_leases WHERE name = $1 AND owner = $2"), vec![name.into(), owner.into()]).await?;
    tx.commit().await
}

/// Repeats a step (which gives how much it did) under the lease of its name until told to stop; pauses when nothing was to do. A step is finished before it ends.
pub async fn continuous(context: Context, name: &'static str, mut stop: Stop, step: impl AsyncFn(&Context) -> Result<usize, Problem>) {
    let owner = Uuid::now_v7().to_string();
    let mut renewed: Option<Instant> = None;
    while !*stop.borrow() {
        match turn(&context, name, &owner, &mut renewed, &step).await {
            Ok(done) if done > 0 => continue,
            Ok(_) => {}
            Err(problem) => tracing::error!(%problem, work = name, "continuous work failed; it is tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    if renewed.is_some()
        && let Err(problem) = give_back(&context.db, name, &owner).await
    {
        tracing::warn!(%problem, work = name, "a lease was not given back");
    }
}

async fn turn(context: &Context, name: &str, owner: &str, renewed: &mut Option<Instant>, step: &impl AsyncFn(&Context) -> Result<usize, Problem>) -> Result<usize, Problem> {
    if renewed.is_none_or(|at| at.elapsed() >= HEARTBEAT) {
        *renewed = take(&context.db, name, owner).await?.then(Instant::now);
    }
    if renewed.is_some() { step(context).await } else { Ok(0) }
}

/// Seals the audit trail while the server runs.
pub async fn seal_forever(context: Context, stop: Stop) {
    continuous(context, "audit.seal", stop, async |context: &Context| audit::seal(&context.db).await).await;
}

/// Delivers notices while the server runs.
pub async fn deliver_forever(context: Context, stop: Stop) {
    continuous(context, "notification.deliver", stop, async |context: &Context| notification::deliver_once(context).await).await;
}

/// Drops idempotency keys that are kept no longer, while the server runs.
pub async fn drop_keys_forever(context: Context, stop: Stop) {
    continuous(context, "idempotency.drop", stop, async |context: &Context| drop_expired(&context.db, context.clocks.wall()).await).await;
}
