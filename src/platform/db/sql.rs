//! Statements written by hand: one text where both databases take it, else a pair of files.

use sea_orm::{DbBackend, Statement, Value};

/// One statement for both databases. Parameters are `$1`, `$2`, …
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    /// The text for PostgreSQL.
    pub postgres: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
}

impl Sql {
    /// A text that both databases take.
    #[must_use]
    pub const fn both(text: &'static str) -> Self {
        Self { postgres: text, sqlite: text }
    }

    pub(super) fn statement(self, backend: DbBackend, values: Vec<Value>) -> Statement {
        let text = if backend == DbBackend::Postgres { self.postgres } else { self.sqlite };
        Statement::from_sql_and_values(backend, text, values)
    }
}
