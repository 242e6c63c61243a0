//! The API as a client meets it, every test on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod activities;
mod audit;
mod bank;
mod books;
mod calendar;
mod claims;
mod command_line;
mod commitments;
mod demo;
mod detail;
mod donations;
mod exports;
mod faults;
mod holds;
mod identity;
mod imports;
mod jobs;
mod limits;
mod notification;
mod operations;
mod patch;
mod payees;
mod permissions;
mod played;
mod reconcile;
mod recoveries;
mod refused;
mod scopes;
mod standards;
mod stipends;
mod support;
mod tasks;
mod upload;
mod verification;
mod year_close;
