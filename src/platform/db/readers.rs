//! The connections of SQLite that read. Each is a thread of this process: sqlx's own pool asks every one that comes back whether it is still there, which costs as much as the read itself. Here only one is asked whose last statement failed,
//! or was given up in the middle.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Pool, QueueMode, RecycleError, RecycleResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::kernel::problem::Problem;

/// A connection that does not answer within this time is replaced.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A connection that reads.
pub(super) struct Reader {
    pub(super) connection: SqliteConnection,
    /// A statement was begun on it whose end nobody saw, or it failed.
    pub(super) unsure: bool,
}

/// Opens connections.
pub(super) struct Opener(SqliteConnectOptions);

impl Manager for Opener {
    type Type = Reader;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Reader, sqlx::Error> {
        Ok(Reader { connection: self.0.connect().await?, unsure: false })
    }

    async fn recycle(&self, reader: &mut Reader, _metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if reader.unsure {
            tokio::time::timeout(ANSWERS_WITHIN, reader.connection.ping()).await.map_err(|_late| RecycleError::message("it does not answer"))??;
            reader.unsure = false;
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
    Pool::builder(Opener(options.disable_statement_logging())).max_size(most).queue_mode(QueueMode::Lifo).build().map_err(Problem::internal)
}

/// Closes the connections that nobody uses, and gives out no more.
///
/// # Errors
/// 500 where one could not be closed.
pub(super) async fn close(readers: &Pool<Opener>) -> Result<(), Problem> {
    let idle = readers.retain(|_, _| false).removed;
    readers.close();
    for reader in idle {
        reader.connection.close().await.map_err(Problem::internal)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_reader_whose_last_statement_had_no_end_is_asked_before_it_is_taken_again_and_closed_ones_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let readers = open(SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true), 1).unwrap();
        readers.get().await.unwrap().unsure = true;
        assert!(!readers.get().await.unwrap().unsure, "it answered");
        assert_eq!(readers.status().size, 1, "and was not replaced");
        close(&readers).await.unwrap();
        assert!(readers.get().await.is_err());
    }
}
