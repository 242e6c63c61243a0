//! The connections of SQLite that read. Each is a thread of this process: sqlx's own pool asks every one that comes back whether it is still there, which costs as much as the read itself. These are asked once in a while.

use deadpool::managed::{Manager, Metrics, Pool, QueueMode, RecycleResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::kernel::problem::Problem;

/// After so many uses a connection is asked whether it is still there. One that is not is replaced.
const USES_BETWEEN_PINGS: usize = 64;

/// Opens connections.
pub(super) struct Opener(SqliteConnectOptions);

impl Manager for Opener {
    type Type = SqliteConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<SqliteConnection, sqlx::Error> {
        self.0.connect().await
    }

    async fn recycle(&self, connection: &mut SqliteConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.recycle_count % USES_BETWEEN_PINGS == USES_BETWEEN_PINGS - 1 {
            connection.ping().await?;
        }
        Ok(())
    }
}

/// At most so many connections, opened when they are needed; the one that was used last is taken first.
///
/// # Errors
/// 500 where the pool cannot be made.
pub(super) fn open(options: SqliteConnectOptions, most: u32) -> Result<Pool<Opener>, Problem> {
    let most = usize::try_from(most).map_err(Problem::internal)?;
    Pool::builder(Opener(options)).max_size(most).queue_mode(QueueMode::Lifo).build().map_err(Problem::internal)
}

/// Closes the connections that nobody uses, and gives out no more.
///
/// # Errors
/// 500 where one could not be closed.
pub(super) async fn close(readers: &Pool<Opener>) -> Result<(), Problem> {
    let idle = readers.retain(|_, _| false).removed;
    readers.close();
    for connection in idle {
        connection.close().await.map_err(Problem::internal)?;
    }
    Ok(())
}
