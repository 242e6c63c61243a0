//! Connections: on PostgreSQL a pool that writes and a pool that is read-only, on SQLite one writer and read-only readers.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Pool;
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, FromQueryResult, IsolationLevel, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, Value,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::readers::{self, Opener};
use super::session::Session;
use super::{Sql, Tx, carried};
use crate::kernel::access::Scope;
use crate::kernel::problem::Problem;

/// How long a connection is waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Snapshots of SQLite that are read at once.
const SQLITE_SNAPSHOTS: u32 = 2;

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
    /// Defaults for a URL: 16 connections that write and 16 that read. SQLite has one writer, and each of its readers is a thread here: 6, or one a core where there are more.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let cores = std::thread::available_parallelism().map_or(6, std::num::NonZero::get);
            return Self { url: url.to_owned(), write_connections: 1, read_connections: u32::try_from(cores.clamp(6, 16)).unwrap_or(6) };
        }
        Self { url: url.to_owned(), write_connections: 16, read_connections: 16 }
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
    /// The roles of an account also outside an administrator's units, and who made an administrator.
    RolesElsewhere,
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
    /// On SQLite only for snapshots.
    reader: DatabaseConnection,
    /// SQLite's readers.
    sqlite_readers: Option<Pool<Opener>>,
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
        let sqlite_readers = match backend {
            DbBackend::Sqlite => Some(readers::open(Self::sqlite(settings.url.parse().map_err(not_had)?, false), settings.read_connections)?),
            _ => None,
        };
        Ok(Self(Arc::new(Inner { settings: settings.clone(), backend, writer, reader, sqlite_readers })))
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
        let read_connections = if backend == DbBackend::Sqlite { SQLITE_SNAPSHOTS } else { settings.read_connections };
        // Snapshots of SQLite are rare: their connections are opened when one is taken.
        let rare = backend == DbBackend::Sqlite && !writes;
        options
            .max_connections(if writes { settings.write_connections } else { read_connections })
            .min_connections(u32::from(!rare))
            .connect_lazy(rare)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .sqlx_logging(false);
        if backend == DbBackend::Sqlite {
            options.map_sqlx_sqlite_opts(move |sqlite| Self::sqlite(sqlite, writes));
        } else if !writes {
            options.map_sqlx_postgres_opts(|postgres| postgres.options([("default_transaction_read_only", "on")]));
        }
        options
    }

    fn sqlite(options: SqliteConnectOptions, writes: bool) -> SqliteConnectOptions {
        let options = options
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(30))
            .pragma("recursive_triggers", "ON");
        // A reader's pages lie in the system's cache as well: a part of the usual 2 MiB is enough for each.
        if writes { options } else { options.pragma("query_only", "ON").pragma("cache_size", "-64") }
    }

    /// Whether this is PostgreSQL, where several servers may run over one database.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.0.backend == DbBackend::Postgres
    }

    /// Reads in one scope, each statement what is committed when it begins. Writing is refused by the connection.
    ///
    /// # Errors
    /// 500 where the database does not answer.
    pub async fn read(&self, scope: Scope) -> Result<Tx, Problem> {
        if let Some(reader) = carried::take(self.address(), Some(scope)) {
            return Ok(reader);
        }
        let reader = self.connection().await?;
        if self.is_postgres() {
            reader.execute_raw(set_scope(scope, false)).await?;
        }
        Ok(Tx::new(reader, scope, self.0.backend))
    }

    /// Reads in one scope, all statements what was committed when the first began: for what must agree with each other.
    ///
    /// # Errors
    /// As [`Db::read`].
    #[expect(clippy::disallowed_methods, reason = "one of the two places that begin a transaction")]
    pub async fn snapshot(&self, scope: Scope) -> Result<Tx, Problem> {
        carried::take(self.address(), None);
        let (access_mode, isolation_level) = if self.is_postgres() { (Some(AccessMode::ReadOnly), Some(IsolationLevel::RepeatableRead)) } else { (None, None) };
        let transaction = self.0.reader.begin_with_options(TransactionOptions { access_mode, isolation_level, sqlite_transaction_mode: None }).await?;
        if self.is_postgres() {
            transaction.execute_raw(set_scope(scope, true)).await?;
        }
        Ok(Tx::new(Session::Transaction(transaction), scope, self.0.backend))
    }

    /// Asks who a request is from, by a statement that on PostgreSQL sets their scope as well. Where the caller finds that scope right, the request's first read goes on with this connection.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn enter<T: FromQueryResult>(&self, sql: Sql, values: Vec<Value>) -> Result<(Option<T>, Entered), Problem> {
        carried::take(self.address(), None);
        let reader = self.connection().await?;
        let entered = Entered { db: self.clone(), reader };
        Ok((entered.ask(sql, values).await?, entered))
    }

    /// As [`Db::enter`], by a statement that tells whether what is remembered of `$1` still holds: on PostgreSQL it sets the scope that is remembered (`$2` to `$5`) before it looks.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn enter_again<T: FromQueryResult>(&self, sql: Sql, of: Uuid, scope: Scope) -> Result<(Option<T>, Entered), Problem> {
        let mut values = vec![of.into()];
        if self.is_postgres() {
            values.extend(settings_of(scope).map(|(_, value)| Value::from(value)));
        }
        self.enter(sql, values).await
    }

    /// Leaves a reading connection for the next read of this request, which goes on with it where it is in the same scope. On SQLite another one costs nothing, and this one is free for others meanwhile.
    pub fn carry(&self, reader: Tx) {
        if self.is_postgres() {
            carried::leave(self.address(), reader);
        }
    }

    async fn connection(&self) -> Result<Session, Problem> {
        if self.is_postgres() {
            return Ok(Session::PostgresReader(Mutex::new(self.0.reader.get_postgres_connection_pool().acquire().await.map_err(not_had)?)));
        }
        let readers = self.0.sqlite_readers.as_ref().ok_or_else(|| Problem::internal("SQLite without its readers"))?;
        let reader = tokio::time::timeout(ACQUIRE_TIMEOUT, readers.get()).await.map_err(|_late| not_had(sqlx::Error::PoolTimedOut))?;
        Ok(Session::SqliteReader(Mutex::new(reader.map_err(Problem::internal)?)))
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// A transaction that writes, in one scope. What is not committed is rolled back.
    ///
    /// # Errors
    /// 500 where the database does not answer, 503 where SQLite's writer stays busy.
    #[expect(clippy::disallowed_methods, reason = "one of the two places that begin a transaction")]
    pub async fn write(&self, scope: Scope) -> Result<Tx, Problem> {
        carried::take(self.address(), None);
        if self.is_postgres() {
            let begun = self.0.writer.get_postgres_connection_pool().begin_with(sqlx::AssertSqlSafe(begin_in(scope))).await.map_err(not_had)?;
            return Ok(Tx::new(Session::Postgres(Mutex::new(Some(begun)), super::session::Abandoned::default()), scope, self.0.backend));
        }
        let options = TransactionOptions { access_mode: None, isolation_level: None, sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate) };
        Ok(Tx::new(Session::Transaction(self.0.writer.begin_with_options(options).await?), scope, self.0.backend))
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
        if let Some(readers) = &self.0.sqlite_readers {
            readers::close(readers).await?;
        }
        self.0.reader.clone().close().await?;
        self.0.writer.clone().close().await?;
        Ok(())
    }
}

/// A reading connection on which a statement found out who asks.
pub struct Entered {
    db: Db,
    reader: Session,
}

impl Entered {
    /// Asks on the same connection.
    ///
    /// # Errors
    /// As [`Db::enter`].
    pub async fn ask<T: FromQueryResult>(&self, sql: Sql, values: Vec<Value>) -> Result<Option<T>, Problem> {
        let row = self.reader.query_one_raw(sql.statement(self.db.0.backend, values)).await?;
        Ok(row.map(|row| T::from_query_result(&row, "")).transpose()?)
    }

    /// Leaves the connection for the first read of this request; the statement has set this very scope.
    pub fn carry(self, scope: Scope) {
        self.db.carry(Tx::new(self.reader, scope, self.db.0.backend));
    }
}

fn not_had(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

/// The settings that row-level security reads, in their order: scope, district, street, community.
fn settings_of(scope: Scope) -> [(&'static str, String); 4] {
    let name = match scope {
        Scope::System => "system",
        Scope::District(_) => "district",
        Scope::Street(..) => "street",
        Scope::Community(..) => "community",
        Scope::Public => "public",
    };
    let place = scope.place();
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    [
        ("mingzhang.scope", name.to_owned()),
        ("mingzhang.district", text(place.map(|p| p.district))),
        ("mingzhang.street", text(place.and_then(|p| p.street))),
        ("mingzhang.community", text(place.and_then(|p| p.community))),
    ]
}

/// Begins a transaction and sets its scope in one round trip. The values are words of ours and ids.
fn begin_in(scope: Scope) -> String {
    settings_of(scope).iter().fold("BEGIN".to_owned(), |text, (name, value)| format!("{text}; SET LOCAL {name} = '{value}'"))
}

/// Sets the scope for this transaction, or for this connection until it is set anew, which every use of it begins with.
fn set_scope(scope: Scope, local: bool) -> Statement {
    let [scope, district, street, community] = settings_of(scope).map(|(_, value)| Value::from(value));
    Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT set_config('mingzhang.scope', $1, $5), set_config('mingzhang.district', $2, $5), set_config('mingzhang.street', $3, $5), set_config('mingzhang.community', $4, $5)",
        [scope, district, street, community, local.into()],
    )
}
