//! The alarm clock: it wakes the sweep at start and each minute. What is due is found from the calendar, never from the timer.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_cron_scheduler::{Job as Alarm, JobScheduler};

use super::Registry;
use super::sweep::sweep_until;
use crate::kernel::problem::Problem;
use crate::platform::http::Context;

/// Turns true when the process is to end; what runs is finished first.
pub type Stop = watch::Receiver<bool>;

/// A switch that stops background work, and what the work looks at.
#[must_use]
pub fn stop_switch() -> (watch::Sender<bool>, Stop) {
    watch::channel(false)
}

/// Sweeps at start and each minute until it is told to stop; a slot that is running then is finished first.
///
/// # Errors
/// 500 where the alarm clock cannot be set. A sweep that fails is tried again the next minute.
pub async fn forever(context: Context, registry: Registry, mut stop: Stop) -> Result<(), Problem> {
    let bell = Arc::new(Notify::new());
    let mut scheduler = JobScheduler::new().await.map_err(Problem::internal)?;
    let ring = Arc::clone(&bell);
    let alarm = Alarm::new_async_tz("0 * * * * *", context.clocks.zone(), move |_, _| {
        let ring = Arc::clone(&ring);
        Box::pin(async move { ring.notify_one() })
    });
    scheduler.add(alarm.map_err(Problem::internal)?).await.map_err(Problem::internal)?;
    scheduler.start().await.map_err(Problem::internal)?;
    while !*stop.borrow() {
        if let Err(problem) = sweep_until(&context, &registry, Some(&stop)).await {
            tracing::error!(%problem, "the sweep failed; tried again the next minute");
        }
        tokio::select! {
            () = bell.notified() => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    scheduler.shutdown().await.map_err(Problem::internal)
}
