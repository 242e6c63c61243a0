//! Attempts at a password or a one-time code. Each is counted before it is looked at, so that many sent at once must wait as those sent one after another do.
//! What was right is taken back. The count is kept for an account and an address: nobody delays another.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{FromQueryResult, Value};

use super::refusals::login_delayed;
use crate::kernel::problem::Problem;
use crate::platform::db::{Reason, Sql, Tx};
use crate::platform::http::Context;

/// This many failures are free; then each doubles the wait.
const FREE_FAILURES: u32 = 3;
/// The longest wait, in seconds: nobody is locked out.
const LONGEST_WAIT: i64 = 300;
/// After this time without an attempt the failures are forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(1);

#[derive(Clone, Copy, FromQueryResult)]
struct Failures {
    failures: i32,
    last_at: DateTime<Utc>,
}

/// Seconds to wait before the next attempt, after so many failures, the last of them so many seconds ago.
#[must_use]
fn wait_seconds(failures: u32, since_last: i64) -> u32 {
    let doublings = failures.saturating_sub(FREE_FAILURES);
    if failures < FREE_FAILURES {
        return 0;
    }
    let wait = 2_i64.checked_pow(doublings).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    u32::try_from((wait - since_last).max(0)).unwrap_or(0)
}

/// An attempt that counts as a failure until it is said to be none.
#[must_use]
pub(super) struct Attempt {
    username_key: String,
    address: String,
    before: Failures,
}

/// What an account is called in the count: a keyed hash, for what is typed there may be a password by mistake.
pub(super) fn username_key(context: &Context, username: &str) -> String {
    context.keys.lookup_hash("username", username)
}

/// Counts an attempt on an account, whether it exists or not, from an address.
///
/// # Errors
/// 429 `login_delayed` where the wait is not over.
pub(super) async fn begin(context: &Context, username: &str, address: &str) -> Result<Attempt, Problem> {
    let now = context.clocks.wall();
    let (username_key, address) = (username_key(context, username), address.to_owned());
    let tx = context.db.write_as_system(Reason::Login).await?;
    // The row is there before it is locked: attempts that are the first of all wait for each other too.
    let make = Sql::both("INSERT INTO login_failures (username_key, address, failures, last_at) VALUES ($1, $2, 0, $3) ON CONFLICT (username_key, address) DO NOTHING");
    tx.execute(make, vec![username_key.clone().into(), address.clone().into(), now.into()]).await?;
    let find = Sql {
        postgres: "SELECT failures, last_at FROM login_failures WHERE username_key = $1 AND address = $2 FOR UPDATE",
        sqlite: "SELECT failures, last_at FROM login_failures WHERE username_key = $1 AND address = $2",
    };
    let mut before = tx.query_one::<Failures>(find, vec![username_key.clone().into(), address.clone().into()]).await?.ok_or_else(|| Problem::internal("a count that is gone"))?;
    if now - before.last_at > FORGOTTEN_AFTER {
        before.failures = 0;
    }
    let wait = wait_seconds(u32::try_from(before.failures).unwrap_or(0), (now - before.last_at).num_seconds());
    if wait > 0 {
        return Err(login_delayed(wait));
    }
    let attempt = Attempt { username_key, address, before };
    attempt.set(&tx, before.failures.saturating_add(1), now).await?;
    tx.commit().await?;
    Ok(attempt)
}

impl Attempt {
    fn key(&self) -> Vec<Value> {
        vec![self.username_key.clone().into(), self.address.clone().into()]
    }

    async fn set(&self, tx: &Tx, failures: i32, last_at: DateTime<Utc>) -> Result<(), Problem> {
        let set = Sql::both("UPDATE login_failures SET failures = $3, last_at = $4 WHERE username_key = $1 AND address = $2");
        tx.execute(set, [self.key(), vec![failures.into(), last_at.into()]].concat()).await?;
        Ok(())
    }

    /// It was right: the failures before it are forgotten with it.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub(super) async fn right(self, tx: &Tx) -> Result<(), Problem> {
        tx.execute(Sql::both("DELETE FROM login_failures WHERE username_key = $1 AND address = $2"), self.key()).await?;
        Ok(())
    }

    /// It was neither right nor wrong: the count is what it was.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub(super) async fn undecided(self, tx: &Tx) -> Result<(), Problem> {
        self.set(tx, self.before.failures, self.before.last_at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_each_failure_and_never_locks_anybody_out() {
        assert_eq!((0..7).map(|failures| wait_seconds(failures, 0)).collect::<Vec<_>>(), [0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(wait_seconds(1000, 0), 300);
        assert_eq!(wait_seconds(1000, 301), 0);
    }
}
