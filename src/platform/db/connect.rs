//! Connections: on PostgreSQL a pool that writes and a pool that is read-only, on SQLite one writer and read-only readers.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value};

use super::Tx;
use crate::kernel::access::Scope;
use crate::kernel::problem::Problem;

/// The settings of the database.
#[derive(Clone, Debug)]
pub struct DbSettings {
    /// `DATABASE_URL`: `postgres://…` or `sqlite://…`.
    pub url: String,
    /// The most connections that write (PostgreSQL; SQLite has one writer).
    pub write_connections: u32,
    /// The most connections that read.
    pub read_connections: u32,
}

impl DbSettings {
    /// Defaults for a URL: 16 connections that write and 16 that read (SQLite: 1 and 8).
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let postgres = !url.starts_with("sqlite:");
        Self { url: url.to_owned(), write_connections: if postgres { 16 } else { 1 }, read_connections: if postgres { 16 } else { 8 } }
    }
}

/// Why a statement goes round the scopes of people: a closed list, one variant a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Finding the account of a login and keeping its sessions.
    Login,
    /// Reading who a token belongs to.
    Authenticate,
    /// Keeping a refused attempt.
    AccessRefused,
    /// Keeping that a file was given.
    Exported,
    /// Sealing, delivering, claiming slots.
    Background,
    /// Making the first administrators and marking the database.
    SetUp,
    /// Who holds a capability at a unit, also above one's own.
    Recipients,
    /// Listing streets, to work on each under its own scope.
    ListStreets,
    /// Checking the whole ledger from the command line.
    Verify,
    /// Whether the database answers, for the health check.
    Health,
}

struct Inner {
    settings: DbSettings,
    backend: DbBackend,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

/// The database. Cloning it shares its pools.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

impl Db {
    /// Opens the pools.
    ///
    /// # Errors
    /// 500 where the database does not answer or the URL is no database's.
    pub async fn connect(settings: &DbSettings) -> Result<Self, Problem> {
        let backend = if settings.url.starts_with("sqlite:") { DbBackend::Sqlite } else { DbBackend::Postgres };
        let writer = Database::connect(Self::options(settings, backend, true)).await?;
        let reader = Database::connect(Self::options(settings, backend, false)).await?;
        Ok(Self(Arc::new(Inner { settings: settings.clone(), backend, writer, reader })))
    }

    /// The same database with pools of its own: connections belong to the runtime that opened them and end with it.
    ///
    /// # Errors
    /// As [`Db::connect`].
    pub async fn reconnect(&self) -> Result<Self, Problem> {
        Self::connect(&self.0.settings).await
    }

    fn options(settings: &DbSettings, backend: DbBackend, writes: bool) -> ConnectOptions {
        let mut options = ConnectOptions::new(settings.url.clone());
        options
            .max_connections(if writes { settings.write_connections } else { settings.read_connections })
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            .test_before_acquire(false)
            .sqlx_logging(false);
        if backend == DbBackend::Sqlite {
            options.map_sqlx_sqlite_opts(move |sqlite| {
                let sqlite = sqlite
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                    .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(30))
                    .pragma("recursive_triggers", "ON");
                if writes { sqlite } else { sqlite.pragma("query_only", "ON") }
            });
        } else if !writes {
            options.map_sqlx_postgres_opts(|postgres| postgres.options([("default_transaction_read_only", "on")]));
        }
        options
    }

    /// Whether this is PostgreSQL, where several servers may run over one database.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.0.backend == DbBackend::Postgres
    }

    /// A transaction that only reads, in one scope.
    ///
    /// # Errors
    /// 500 where the database does not answer.
    pub async fn read(&self, scope: Scope) -> Result<Tx, Problem> {
        let access_mode = self.is_postgres().then_some(AccessMode::ReadOnly);
        self.begin(&self.0.reader, scope, TransactionOptions { access_mode, isolation_level: None, sqlite_transaction_mode: None }).await
    }

    /// A transaction that writes, in one scope. What is not committed is rolled back.
    ///
    /// # Errors
    /// 500 where the database does not answer, 503 where SQLite's writer stays busy.
    pub async fn write(&self, scope: Scope) -> Result<Tx, Problem> {
        let sqlite_transaction_mode = (!self.is_postgres()).then_some(SqliteTransactionMode::Immediate);
        self.begin(&self.0.writer, scope, TransactionOptions { access_mode: None, isolation_level: None, sqlite_transaction_mode }).await
    }

    /// A reading transaction outside the scopes of people, for one of the reasons that exist.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn read_as_system(&self, reason: Reason) -> Result<Tx, Problem> {
        tracing::trace!(?reason, "system read");
        self.read(Scope::System).await
    }

    /// A writing transaction outside the scopes of people, for one of the reasons that exist.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_as_system(&self, reason: Reason) -> Result<Tx, Problem> {
        tracing::trace!(?reason, "system write");
        self.write(Scope::System).await
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that begins a transaction")]
    async fn begin(&self, connection: &DatabaseConnection, scope: Scope, options: TransactionOptions) -> Result<Tx, Problem> {
        let transaction = connection.begin_with_options(options).await?;
        if self.is_postgres() {
            transaction.execute_raw(set_scope(scope)).await?;
        }
        Ok(Tx::new(transaction, scope, self.0.backend))
    }

    /// What the serving role of PostgreSQL may do that it must not (superuser, bypassing row security, owning tables); none on SQLite.
    ///
    /// # Errors
    /// 500 where the database does not answer.
    pub async fn too_strong(&self) -> Result<Option<String>, Problem> {
        if !self.is_postgres() {
            return Ok(None);
        }
        let sql = "SELECT CASE WHEN r.rolsuper THEN 'superuser' WHEN r.rolbypassrls THEN 'bypassrls' \
                   WHEN EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relowner = r.oid AND n.nspname = 'public') THEN 'owner of tables' END AS what \
                   FROM pg_roles r WHERE r.rolname = current_user";
        let row = self.0.reader.query_one_raw(Statement::from_string(self.0.backend, sql)).await?;
        match row {
            Some(row) => Ok(row.try_get::<Option<String>>("", "what")?),
            None => Ok(None),
        }
    }

    /// Closes the pools after the last transaction.
    ///
    /// # Errors
    /// 500 where a pool could not be closed.
    pub async fn close(self) -> Result<(), Problem> {
        self.0.reader.clone().close().await?;
        self.0.writer.clone().close().await?;
        Ok(())
    }
}

fn set_scope(scope: Scope) -> Statement {
    let name = match scope {
        Scope::System => "system",
        Scope::District(_) => "district",
        Scope::Street(..) => "street",
        Scope::Community(..) => "community",
        Scope::Public => "public",
    };
    let place = scope.place();
    let text = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let values: [Value; 4] = [name.into(), text(place.map(|p| p.district)).into(), text(place.and_then(|p| p.street)).into(), text(place.and_then(|p| p.community)).into()];
    Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT set_config('mingzhang.scope', $1, true), set_config('mingzhang.district', $2, true), set_config('mingzhang.street', $3, true), set_config('mingzhang.community', $4, true)",
        values,
    )
}
