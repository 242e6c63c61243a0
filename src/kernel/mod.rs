//! Words that every folder speaks: money, periods, the calendar, the clocks, who acts where, and how a refusal is told.
//! Nothing here reads or writes anything outside the process.

pub mod access;
pub mod act;
pub mod bank_card;
pub mod bank_code;
pub mod calendar;
pub mod clock;
pub mod crypto;
pub mod identity_number;
pub mod ids;
pub mod masking;
pub mod money;
pub mod period;
pub mod problem;
pub mod sealed_file;
