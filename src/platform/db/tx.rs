//! One transaction in one scope: every query carries the scope's condition, every written row must lie within it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockType, Query, SelectStatement};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QuerySelect, Select, Statement, TransactionTrait, Value,
};
use uuid::Uuid;

use super::columns::columns;
use super::session::Session;
use super::{Loaded, Scoped, Sql};
use crate::kernel::access::Scope;
use crate::kernel::problem::Problem;

/// A transaction in one scope. Dropped without [`Tx::commit`] it rolls back. One that only reads may be no transaction but a connection in that scope.
pub struct Tx {
    inner: Arc<Session>,
    savepoint: Option<Savepoint>,
    /// How many savepoints were set.
    savepoints: Arc<AtomicU32>,
    scope: Scope,
    backend: DbBackend,
    after_commit: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

#[expect(clippy::disallowed_methods, reason = "this is the guarded way to sea-orm's queries")]
impl Tx {
    pub(super) fn new(inner: Session, scope: Scope, backend: DbBackend) -> Self {
        Self { inner: Arc::new(inner), savepoint: None, savepoints: Arc::default(), scope, backend, after_commit: Mutex::new(Vec::new()) }
    }

    /// The scope that this transaction sees.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    /// Runs something once the transaction is committed, such as waking a worker.
    pub fn after_commit(&self, action: impl FnOnce() + Send + 'static) {
        if let Ok(mut actions) = self.after_commit.lock() {
            actions.push(Box::new(action));
        }
    }

    /// Finds a row in the scope.
    ///
    /// # Errors
    /// 404 `not_found`, the same for another tenant's row and an id that never was.
    pub async fn load<E: Scoped>(&self, id: Uuid) -> Result<Loaded<E::Model>, Problem>
    where
        E::Model: Sync,
    {
        let model = self.maybe_load::<E>(id).await?.ok_or_else(Problem::not_found)?;
        let place = E::place(&model);
        Ok(Loaded { model, place })
    }

    /// As [`Tx::load`], and nobody else changes the row until this transaction ends: who acts on a version acts on the newest (PostgreSQL; SQLite has one writer anyway).
    /// The lock leaves the key alone, so that rows which refer to this one (foreign keys) can be written meanwhile, and two who wrote one do not wait for each other for ever.
    ///
    /// # Errors
    /// As [`Tx::load`].
    pub async fn load_locked<E: Scoped>(&self, id: Uuid) -> Result<Loaded<E::Model>, Problem>
    where
        E::Model: Sync,
    {
        let mut select = self.by_key::<E>(id);
        select.lock(LockType::NoKeyUpdate);
        let model = self.only::<E>(&select).await?.ok_or_else(Problem::not_found)?;
        let place = E::place(&model);
        Ok(Loaded { model, place })
    }

    /// As [`Tx::load`], for an id as it stands in a path; a text that is no id is not found either.
    ///
    /// # Errors
    /// As [`Tx::load`].
    pub async fn load_text<E: Scoped>(&self, id: &str) -> Result<Loaded<E::Model>, Problem>
    where
        E::Model: Sync,
    {
        self.load::<E>(Uuid::parse_str(id).map_err(|_form| Problem::not_found())?).await
    }

    /// Finds a row in the scope, or nothing.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn maybe_load<E: Scoped>(&self, id: Uuid) -> Result<Option<E::Model>, Problem> {
        self.only::<E>(&self.by_key::<E>(id)).await
    }

    /// The query of a row by its key, in the scope.
    fn by_key<E: Scoped>(&self, id: Uuid) -> SelectStatement {
        let key = sea_orm::ColumnTrait::eq(&E::id_column(), id);
        Query::select().expr(Expr::cust(columns::<E>(self.backend))).from(E::default().table_ref()).cond_where(E::condition(self.scope).add(key)).take()
    }

    /// The row of a query by key, which has at most one: no `LIMIT` is needed.
    async fn only<E: EntityTrait>(&self, select: &SelectStatement) -> Result<Option<E::Model>, Problem> {
        self.one_raw::<E::Model>(self.backend.build(select)).await
    }

    /// Finds a row that a body refers to.
    ///
    /// # Errors
    /// 422 `unknown_reference` with its pointer where it is out of reach.
    pub async fn reference<E: Scoped>(&self, id: Uuid, pointer: &str) -> Result<E::Model, Problem> {
        self.maybe_load::<E>(id).await?.ok_or_else(|| Problem::unknown_reference(pointer))
    }

    /// As [`Tx::reference`], to be authorised at its unit.
    ///
    /// # Errors
    /// As [`Tx::reference`].
    pub async fn load_reference<E: Scoped>(&self, id: Uuid, pointer: &str) -> Result<Loaded<E::Model>, Problem> {
        let model = self.reference::<E>(id, pointer).await?;
        let place = E::place(&model);
        Ok(Loaded { model, place })
    }

    /// A query that carries the scope's condition.
    #[must_use]
    pub fn select<E: Scoped>(&self) -> Select<E> {
        E::find().filter(E::condition(self.scope))
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn one<E: EntityTrait>(&self, select: Select<E>) -> Result<Option<E::Model>, Problem> {
        Ok(select.one(&*self.inner).await?)
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn all<E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<E::Model>, Problem> {
        Ok(select.all(&*self.inner).await?)
    }

    /// All rows of a query, read into another shape.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn all_as<E: EntityTrait, T: FromQueryResult>(&self, select: Select<E>) -> Result<Vec<T>, Problem> {
        Ok(select.into_model::<T>().all(&*self.inner).await?)
    }

    /// How many rows a query has.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn count<E: Scoped>(&self, select: Select<E>) -> Result<i64, Problem> {
        let row: Option<(i64,)> = select.select_only().column_as(E::id_column().into_expr_count(), "n").into_tuple().one(&*self.inner).await?;
        Ok(row.map_or(0, |(n,)| n))
    }

    /// Writes a new row, which must lie within the scope.
    ///
    /// # Errors
    /// As [`Tx::try_insert`], with driver errors told as problems.
    pub async fn insert<E, A>(&self, row: A) -> Result<E::Model, Problem>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        let model = self.try_insert::<E, A>(row).await?;
        Ok(model)
    }

    /// Writes a new row; the driver's error is left to the caller, who may know what a unique key means.
    ///
    /// # Errors
    /// The driver's error; `Custom` where the row lies outside the scope.
    pub async fn try_insert<E, A>(&self, row: A) -> Result<E::Model, DbErr>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        let model = row.insert(&*self.inner).await?;
        self.within::<E>(&model)?;
        Ok(model)
    }

    /// Writes many new rows, which must lie within the scope, in few statements.
    ///
    /// # Errors
    /// 500 where a row lies outside the scope or the database fails.
    pub async fn insert_all<E, A>(&self, rows: Vec<E::Model>) -> Result<(), Problem>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A> + Clone,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        for row in &rows {
            self.within::<E>(row)?;
        }
        // SQLite takes 32,766 parameters a statement: 500 rows of at most 60 columns.
        let mut rows = rows.into_iter().map(|row| row.into_active_model().reset_all());
        loop {
            let part: Vec<A> = rows.by_ref().take(500).collect();
            if part.is_empty() {
                return Ok(());
            }
            E::insert_many(part).exec_without_returning(&*self.inner).await?;
        }
    }

    /// Changes a row that was found in the scope.
    ///
    /// # Errors
    /// 500 where the row lies outside the scope or the database fails.
    pub async fn update<E, A>(&self, row: A) -> Result<E::Model, Problem>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        Ok(self.try_update::<E, A>(row).await?)
    }

    /// As [`Tx::update`], with the driver's error left to the caller, who may know what a unique key means.
    ///
    /// # Errors
    /// The driver's error; `Custom` where the row lies outside the scope.
    pub async fn try_update<E, A>(&self, row: A) -> Result<E::Model, DbErr>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        let model = row.update(&*self.inner).await?;
        self.within::<E>(&model)?;
        Ok(model)
    }

    /// Deletes a row of a draft. Append-only tables refuse it in the database.
    ///
    /// # Errors
    /// 500 where the row lies outside the scope or the database fails.
    pub async fn delete<E, A>(&self, model: E::Model) -> Result<(), Problem>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        self.within::<E>(&model)?;
        model.into_active_model().delete(&*self.inner).await?;
        Ok(())
    }

    fn within<E: Scoped>(&self, model: &E::Model) -> Result<(), DbErr> {
        if E::may_write(self.scope, &E::place(model)) { Ok(()) } else { Err(DbErr::Custom("a row outside the scope was written".to_owned())) }
    }

    /// Runs a statement written by hand; it names the scope's units itself, and PostgreSQL holds it by row-level security besides. Gives the rows it changed.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn execute(&self, sql: Sql, values: Vec<Value>) -> Result<u64, Problem> {
        Ok(self.try_execute(sql, values).await?)
    }

    /// As [`Tx::execute`], with the driver's error left to the caller.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn try_execute(&self, sql: Sql, values: Vec<Value>) -> Result<u64, DbErr> {
        Ok(self.inner.execute_raw(sql.statement(self.backend, values)).await?.rows_affected())
    }

    /// Reads rows by a statement written by hand.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn query<T: FromQueryResult>(&self, sql: Sql, values: Vec<Value>) -> Result<Vec<T>, Problem> {
        let rows = self.inner.query_all_raw(sql.statement(self.backend, values)).await?;
        Ok(rows.iter().map(|row| T::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }

    /// Reads the first row by a statement written by hand.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn query_one<T: FromQueryResult>(&self, sql: Sql, values: Vec<Value>) -> Result<Option<T>, Problem> {
        let row = self.inner.query_one_raw(sql.statement(self.backend, values)).await?;
        Ok(row.map(|row| T::from_query_result(&row, "")).transpose()?)
    }

    /// Reads rows by a statement that the code puts together from names it declares itself (views of tasks), never from input.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn query_composed<T: FromQueryResult>(&self, text: String, values: Vec<Value>) -> Result<Vec<T>, Problem> {
        let rows = self.inner.query_all_raw(Statement::from_sql_and_values(self.backend, text, values)).await?;
        Ok(rows.iter().map(|row| T::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }

    pub(super) const fn backend(&self) -> DbBackend {
        self.backend
    }

    pub(super) async fn one_raw<T: FromQueryResult>(&self, statement: Statement) -> Result<Option<T>, Problem> {
        let row = self.inner.query_one_raw(statement).await?;
        Ok(row.map(|row| T::from_query_result(&row, "")).transpose()?)
    }

    pub(super) async fn execute_raw(&self, statement: Statement) -> Result<u64, Problem> {
        Ok(self.inner.execute_raw(statement).await?.rows_affected())
    }

    /// The database's own time, by which leases are kept: servers may disagree about theirs.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn database_now(&self) -> Result<DateTime<Utc>, Problem> {
        #[derive(FromQueryResult)]
        struct Now {
            now: DateTime<Utc>,
        }
        let sql = Sql { postgres: "SELECT clock_timestamp() AS now", sqlite: "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') AS now" };
        let row = self.query_one::<Now>(sql, Vec::new()).await?;
        row.map(|row| row.now).ok_or_else(|| Problem::internal("the database does not tell the time"))
    }

    /// A savepoint: what is done in the answer is kept by its `commit`, else undone, and this transaction goes on.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn savepoint(&self) -> Result<Self, Problem> {
        if let Session::Transaction(transaction) = &*self.inner {
            return Ok(Self::new(Session::Transaction(transaction.begin().await?), self.scope, self.backend));
        }
        let number = self.savepoints.fetch_add(1, Ordering::Relaxed);
        self.inner.execute_unprepared(&format!("SAVEPOINT mz{number}")).await?;
        let savepoint = Some(Savepoint { session: Arc::clone(&self.inner), number, open: true });
        Ok(Self { inner: Arc::clone(&self.inner), savepoint, savepoints: Arc::clone(&self.savepoints), scope: self.scope, backend: self.backend, after_commit: Mutex::new(Vec::new()) })
    }

    /// Keeps everything that was written, then runs what was left for after the commit.
    ///
    /// # Errors
    /// 500 where the database could not commit: then nothing was kept.
    pub async fn commit(self) -> Result<(), Problem> {
        match self.savepoint {
            Some(savepoint) => savepoint.end("RELEASE SAVEPOINT").await?,
            None => whole(self.inner)?.commit().await?,
        }
        if let Ok(actions) = self.after_commit.into_inner() {
            for action in actions {
                action();
            }
        }
        Ok(())
    }

    /// Undoes everything that was written.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn rollback(self) -> Result<(), Problem> {
        match self.savepoint {
            Some(savepoint) => Ok(savepoint.end("ROLLBACK TO SAVEPOINT").await?),
            None => Ok(whole(self.inner)?.rollback().await?),
        }
    }
}

/// A transaction ends when nobody else holds it: its savepoints have ended.
fn whole(session: Arc<Session>) -> Result<Session, DbErr> {
    Arc::into_inner(session).ok_or_else(|| DbErr::Custom("a transaction ended before its savepoint".to_owned()))
}

/// A savepoint of PostgreSQL. Dropped without an end it is undone before the next statement.
struct Savepoint {
    session: Arc<Session>,
    number: u32,
    open: bool,
}

impl Savepoint {
    async fn end(mut self, how: &str) -> Result<(), DbErr> {
        self.session.execute_unprepared(&format!("{how} mz{}", self.number)).await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Savepoint {
    fn drop(&mut self) {
        if let (true, Session::Postgres(_, abandoned)) = (self.open, &*self.session) {
            abandoned.note(self.number);
        }
    }
}

trait CountExpression {
    fn into_expr_count(self) -> sea_orm::sea_query::SimpleExpr;
}

impl<C: sea_orm::ColumnTrait> CountExpression for C {
    fn into_expr_count(self) -> sea_orm::sea_query::SimpleExpr {
        sea_orm::ColumnTrait::count(&self)
    }
}
