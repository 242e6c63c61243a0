//! The API as a client meets it, every test on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod audit;
mod bank;
mod bench;
mod books;
mod calendar;
mod claims;
mod command_line;
mod demo;
mod donations;
mod faults;
mod identity;
mod imports;
mod jobs;
mod limits;
mod notification;
mod operations;
mod patch;
mod permissions;
mod refused;
mod scopes;
mod stipends;
mod support;
mod tasks;
mod upload;
