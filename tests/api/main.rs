//! The API as a client meets it, every test on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod audit;
mod calendar;
mod command_line;
mod identity;
mod limits;
mod operations;
mod patch;
mod permissions;
mod scopes;
mod support;
