//! The only way to a connection. It always sets the scope first: [`Db::read`] and [`Db::write`] answer for one scope,
//! and a query on a business entity cannot be written without it.
//!
//! PostgreSQL holds the scope by row-level security as well; SQLite relies on the conditions that this folder adds to every query.

mod carried;
mod columns;
mod connect;
mod errors;
mod readers;
mod references;
mod scoped;
mod session;
mod sql;
mod together;
mod tx;

pub use carried::carrying;
pub use connect::{Db, DbSettings, Entered, Reason};
pub use errors::is_unique_violation;
pub use references::References;
pub use scoped::{Authorised, Class, Loaded, Scoped};
pub use sql::Sql;
pub use together::Together;
pub use tx::Tx;
