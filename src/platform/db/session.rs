//! What a [`super::Tx`] speaks through: a transaction, or a connection that reads in the scope it was given, a statement a round trip.

use std::sync::Mutex as Flags;

use async_trait::async_trait;
use deadpool::managed::Object;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use tokio::sync::Mutex;

use super::readers::Opener;

/// A connection with its scope set.
pub(super) enum Session {
    /// A transaction of sea-orm: SQLite's writer, and snapshots of both.
    Transaction(DatabaseTransaction),
    /// A writing transaction of PostgreSQL, which began and took its scope in one round trip; gone once it is ended.
    Postgres(Mutex<Option<Transaction<'static, Postgres>>>, Abandoned),
    /// A reading connection of PostgreSQL.
    PostgresReader(Mutex<PoolConnection<Postgres>>),
    /// A reading connection of SQLite.
    SqliteReader(Mutex<Object<Opener>>),
}

/// Savepoints that were dropped without an end: they are undone before the next statement.
#[derive(Default)]
pub(super) struct Abandoned(Flags<Option<u32>>);

impl Abandoned {
    /// Notes a savepoint; the outermost one undoes those within it.
    pub(super) fn note(&self, number: u32) {
        if let Ok(mut noted) = self.0.lock() {
            *noted = Some(noted.map_or(number, |known| known.min(number)));
        }
    }

    fn take(&self) -> Option<u32> {
        self.0.lock().ok().and_then(|mut noted| noted.take())
    }
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn ended() -> DbErr {
    DbErr::Custom("the transaction has ended".to_owned())
}

/// A statement with its values, to be prepared once a connection.
macro_rules! prepared {
    ($statement:expr) => {{
        let Statement { sql, values, .. } = $statement;
        sqlx::query_with(AssertSqlSafe(sql), SqlxValues(values.unwrap_or_else(|| sea_orm::sea_query::Values(Vec::new()))))
    }};
}

/// Runs the same on whichever connection this is.
macro_rules! on_connection {
    ($session:expr, $transaction:ident => $through:expr, $connection:ident => $by_hand:expr) => {
        match $session {
            Session::Transaction($transaction) => $through,
            Session::Postgres(transaction, abandoned) => {
                let mut guard = transaction.lock().await;
                let $connection = &mut **guard.as_mut().ok_or_else(ended)?;
                if let Some(number) = abandoned.take() {
                    sqlx::raw_sql(AssertSqlSafe(format!("ROLLBACK TO SAVEPOINT mz{number}"))).execute(&mut *$connection).await.map_err(failed)?;
                }
                $by_hand
            }
            Session::PostgresReader(reader) => {
                let mut guard = reader.lock().await;
                let $connection = &mut **guard;
                $by_hand
            }
            Session::SqliteReader(reader) => {
                let mut guard = reader.lock().await;
                // Unless it gets to its end.
                guard.unsure = true;
                let $connection = &mut guard.connection;
                let done = $by_hand;
                guard.unsure = done.is_err();
                done
            }
        }
    };
}

#[async_trait]
impl ConnectionTrait for Session {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Transaction(transaction) => transaction.get_database_backend(),
            Self::Postgres(..) | Self::PostgresReader(_) => DbBackend::Postgres,
            Self::SqliteReader(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        on_connection!(self, transaction => transaction.execute_raw(statement).await, connection => prepared!(statement).execute(&mut *connection).await.map(ExecResult::from).map_err(failed))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        on_connection!(self, transaction => transaction.execute_unprepared(&sql).await, connection => sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.map(ExecResult::from).map_err(failed))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        on_connection!(self, transaction => transaction.query_one_raw(statement).await,
            connection => Ok(prepared!(statement).fetch_optional(&mut *connection).await.map_err(failed)?.map(QueryResult::from)))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        on_connection!(self, transaction => transaction.query_all_raw(statement).await,
            connection => Ok(prepared!(statement).fetch_all(&mut *connection).await.map_err(failed)?.into_iter().map(QueryResult::from).collect()))
    }
}

impl Session {
    /// Keeps what was written.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Transaction(transaction) => transaction.commit().await,
            Self::Postgres(transaction, abandoned) => {
                let mut transaction = transaction.into_inner().ok_or_else(ended)?;
                if let Some(number) = abandoned.take() {
                    sqlx::raw_sql(AssertSqlSafe(format!("ROLLBACK TO SAVEPOINT mz{number}"))).execute(&mut *transaction).await.map_err(failed)?;
                }
                transaction.commit().await.map_err(failed)
            }
            Self::PostgresReader(_) | Self::SqliteReader(_) => Ok(()),
        }
    }

    /// Undoes what was written.
    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::Transaction(transaction) => transaction.rollback().await,
            Self::Postgres(transaction, _) => transaction.into_inner().ok_or_else(ended)?.rollback().await.map_err(failed),
            Self::PostgresReader(_) | Self::SqliteReader(_) => Ok(()),
        }
    }
}
