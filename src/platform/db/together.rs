//! Statements that change rows and do not depend on each other, sent in one round trip: on PostgreSQL as parts of one statement, on SQLite one after the other
//! in one text. What refers to another's new row (a line to its document) may stand beside it: references are looked at when all have been written.

use sea_orm::{ActiveModelBehavior, ActiveModelTrait, ActiveValue, DbBackend, FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryTrait, Statement, Value};

use super::{Scoped, Sql, Tx};
use crate::kernel::access::Scope;
use crate::kernel::problem::Problem;

/// Statements that wait to be sent by [`Tx::run_together`].
pub struct Together {
    backend: DbBackend,
    scope: Scope,
    parts: Vec<(String, Vec<Value>)>,
}

#[derive(FromQueryResult)]
struct Changed {
    changed: i64,
}

#[expect(clippy::disallowed_methods, reason = "this is the guarded way to sea-orm's queries")]
impl Together {
    pub(super) const fn new(backend: DbBackend, scope: Scope) -> Self {
        Self { backend, scope, parts: Vec::new() }
    }

    /// Adds a statement written by hand; it has no `RETURNING` and no `WITH`. It names the scope's units itself, and PostgreSQL holds it by row-level security besides.
    pub fn statement(&mut self, sql: Sql, values: Vec<Value>) {
        let Statement { sql, values, .. } = sql.statement(self.backend, values);
        self.parts.push((sql, values.map(|values| values.0).unwrap_or_default()));
    }

    /// Adds new rows, which must lie within the scope.
    ///
    /// # Errors
    /// 500 where a row lies outside the scope.
    pub fn insert<E, A>(&mut self, rows: Vec<E::Model>) -> Result<(), Problem>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            self.require_within::<E>(row)?;
        }
        let statement = E::insert_many(rows.into_iter().map(|row| row.into_active_model().reset_all())).build(self.backend);
        self.add(statement);
        Ok(())
    }

    /// Adds the change of a row that was found in the scope: the columns in which the two differ; nothing where there is none.
    ///
    /// # Errors
    /// 500 where the row lies outside the scope.
    pub fn update<E, A>(&mut self, before: E::Model, after: E::Model) -> Result<(), Problem>
    where
        E: Scoped,
        E::Model: IntoActiveModel<A>,
        A: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        self.require_within::<E>(&after)?;
        let (before, mut after) = (before.into_active_model(), after.into_active_model());
        let mut differs = false;
        for column in E::Column::iter() {
            let is_key = column.as_str() == E::id_column().as_str();
            if let ActiveValue::Unchanged(value) | ActiveValue::Set(value) = after.get(column)
                && !is_key
                && before.get(column).into_value().as_ref() != Some(&value)
            {
                after.set(column, value);
                differs = true;
            }
        }
        if differs {
            self.add(sea_orm::Update::one(after).validate()?.build(self.backend));
        }
        Ok(())
    }

    fn require_within<E: Scoped>(&self, row: &E::Model) -> Result<(), Problem> {
        if E::may_write(self.scope, &E::place(row)) { Ok(()) } else { Err(Problem::internal("a row outside the scope was to be written")) }
    }

    fn add(&mut self, statement: Statement) {
        self.parts.push((statement.sql, statement.values.map(|values| values.0).unwrap_or_default()));
    }

    /// One text with all values; PostgreSQL's tells how many rows were changed.
    fn whole(self) -> Statement {
        let (mut texts, mut values) = (Vec::with_capacity(self.parts.len()), Vec::new());
        for (text, own) in self.parts {
            texts.push(renumbered(&text, values.len()));
            values.extend(own);
        }
        let text = if self.backend == DbBackend::Postgres {
            let parts: Vec<String> = texts.iter().enumerate().map(|(index, text)| format!("s{index} AS ({text} RETURNING 1)")).collect();
            let counts: Vec<String> = (0..texts.len()).map(|index| format!("(SELECT count(*) FROM s{index})")).collect();
            format!("WITH {} SELECT {} AS changed", parts.join(", "), counts.join(" + "))
        } else {
            texts.join("; ")
        };
        Statement::from_sql_and_values(self.backend, text, values)
    }
}

/// The same statement with its parameters counted on from others: `$1` as `$4` after three, and `?` in their order.
fn renumbered(text: &str, before: usize) -> String {
    let mut told = String::with_capacity(text.len().saturating_add(16));
    let mut rest = text.chars().peekable();
    let mut unnumbered = 0_usize;
    while let Some(next) = rest.next() {
        let number = match next {
            '?' => {
                unnumbered = unnumbered.saturating_add(1);
                Some(unnumbered)
            }
            '$' => {
                let mut digits = String::new();
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                digits.parse().ok()
            }
            _ => None,
        };
        match number {
            Some(number) => told.push_str(&format!("${}", before.saturating_add(number))),
            None => told.push(next),
        }
    }
    told
}

impl Tx {
    /// Statements to be sent together.
    #[must_use]
    pub fn together(&self) -> Together {
        Together::new(self.backend(), self.scope())
    }

    /// Sends statements together; gives how many rows they changed in all.
    ///
    /// # Errors
    /// 500 where the database fails.
    pub async fn run_together(&self, together: Together) -> Result<u64, Problem> {
        if together.parts.is_empty() {
            return Ok(0);
        }
        let statement = together.whole();
        if self.is_postgres() {
            let row = self.one_raw::<Changed>(statement).await?.ok_or_else(|| Problem::internal("nothing was told"))?;
            return u64::try_from(row.changed).map_err(Problem::internal);
        }
        self.execute_raw(statement).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on_from_the_statement_before() {
        assert_eq!(renumbered("INSERT INTO t (a, b) VALUES ($1, $2), ($12, $2)", 3), "INSERT INTO t (a, b) VALUES ($4, $5), ($15, $5)");
        assert_eq!(renumbered("INSERT INTO t (a, b) VALUES (?, ?)", 2), "INSERT INTO t (a, b) VALUES ($3, $4)");
    }

    #[test]
    fn on_postgresql_they_are_one_statement_that_counts_and_on_sqlite_one_text() {
        let told = |backend| {
            let mut together = Together::new(backend, Scope::System);
            together.statement(Sql::both("INSERT INTO t (a) VALUES ($1)"), vec![1.into()]);
            together.statement(Sql::both("DELETE FROM u WHERE a = $1"), vec![2.into()]);
            together.whole().sql
        };
        assert_eq!(
            told(DbBackend::Postgres),
            "WITH s0 AS (INSERT INTO t (a) VALUES ($1) RETURNING 1), s1 AS (DELETE FROM u WHERE a = $2 RETURNING 1) SELECT (SELECT count(*) FROM s0) + (SELECT count(*) FROM s1) AS changed"
        );
        assert_eq!(told(DbBackend::Sqlite), "INSERT INTO t (a) VALUES ($1); DELETE FROM u WHERE a = $2");
    }
}
