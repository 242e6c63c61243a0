//! The API as a client meets it, every test on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod identity;
mod operations;
mod scopes;
mod support;
