//! Signs of life: the lease is renewed, and what the work tells of itself is written, on another connection than the work's.

use std::sync::{Arc, Mutex};

use sea_orm::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{HEARTBEAT, LEASE};
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql};

#[derive(Clone, Debug, Default)]
struct Told {
    done: i64,
    total: i64,
    message: String,
}

/// How far the work is. Telling it never waits for the database: it is written beside the work.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    told: Arc<Mutex<Told>>,
    news: Arc<Notify>,
}

impl Progress {
    /// So much of so much is done, and what is done now.
    pub fn tell(&self, done: i64, total: i64, message: impl Into<String>) {
        if let Ok(mut told) = self.told.lock() {
            *told = Told { done, total, message: message.into() };
        }
        self.news.notify_one();
    }

    fn told(&self) -> Told {
        self.told.lock().map(|told| told.clone()).unwrap_or_default()
    }
}

/// What is kept alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alive {
    /// The run.
    pub run_id: Uuid,
    /// The slot and its fence; none for what a person started.
    pub slot: Option<(Uuid, i64)>,
}

/// Keeps a claim alive until it is dropped.
pub(super) struct Heart(JoinHandle<()>);

impl Heart {
    /// Begins to beat.
    pub(super) fn of(db: Db, alive: Alive, progress: Progress) -> Self {
        Self(tokio::spawn(async move {
            loop {
                // News are written at once; without news, a sign of life every third of the lease.
                let _ = tokio::time::timeout(HEARTBEAT, progress.news.notified()).await;
                // However often the work tells, it is written at most twice a second.
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                match beat(&db, alive, &progress.told()).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(problem) => tracing::warn!(%problem, run = %alive.run_id, "a lease was not renewed"),
                }
            }
        }))
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Renews the lease; false where the claim is not ours any more.
async fn beat(db: &Db, alive: Alive, told: &Told) -> Result<bool, Problem> {
    let tx = db.write_as_system(Reason::Background).await?;
    let lease = tx.database_now().await? + LEASE;
    let values = |id: Uuid| -> Vec<Value> { vec![id.into(), lease.into(), told.done.into(), told.total.into(), told.message.clone().into()] };
    let run = Sql::both("UPDATE job_runs SET lease_until = $2, done_count = $3, total_count = $4, message = $5 WHERE id = $1 AND state = 'running'");
    let mut ours = tx.execute(run, values(alive.run_id)).await? > 0;
    if let Some((slot, fence)) = alive.slot {
        let sql = Sql::both("UPDATE job_slots SET lease_until = $2, done_count = $3, total_count = $4, message = $5 WHERE id = $1 AND fence = $6 AND state = 'running'");
        let mut values = values(slot);
        values.push(fence.into());
        ours = tx.execute(sql, values).await? > 0;
    }
    tx.commit().await?;
    Ok(ours)
}
