//! The books 账: years, months, and an append-only double entry whose vouchers are chained by hash, one voucher for each event that moves money,
//! made in the same transaction as its cause. Nothing is written by hand: other folders call [`post`].

pub mod account_map;
mod append;
mod detail;
pub mod entity;
pub mod export;
pub mod model;
mod opening;
mod post;
pub mod print;
mod read;
pub mod refusals;
pub mod routes;
pub mod routes_detail;
pub mod routes_export;
mod tax;
pub mod verify;
pub mod years;

pub use entity::{fiscal_year, ledger_checkpoint, ledger_period, opening_balance, tax_payment, voucher, voucher_line};
pub use model::{Account, Entry, VoucherKind, voucher_name};
pub use post::{Posting, hold_head, post};
pub use read::{Balance, Turnover, balance_of, balances, turnover_of_year};
pub use tax::paid_over;

/// Opening balances to be approved.
pub const TASKS: [crate::platform::tasks::TaskSource; 1] = [crate::platform::tasks::TaskSource { noun: "opening_balance", view: "v_tasks_opening_balance" }];
