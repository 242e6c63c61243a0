//! Closing months and years over everything that costs money, and verifying the books as a whole.

mod carried;
mod close;
pub mod entity;
mod final_accounts;
pub mod job;
mod quota;
mod refusals;
pub mod routes;
pub mod verify;

pub use entity::final_account;
