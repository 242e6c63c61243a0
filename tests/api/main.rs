//! The API as a client meets it, every test on SQLite and on PostgreSQL.

mod identity;
mod operations;
mod scopes;
mod support;
