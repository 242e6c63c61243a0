//! Donations 红色基金: money given (E11) and used (E12), restricted, in the same ledger but beside the budget: no line and no year's sum changes.
//! Its use goes through four hands as a claim does; what would exceed the fund on hand is refused by the ledger.

pub mod entity;
mod refusals;
pub mod routes;
mod work;

pub use entity::{donation, donation_use};

use crate::platform::tasks::TaskSource;

/// Uses that wait for somebody.
pub const TASKS: [TaskSource; 1] = [TaskSource { noun: "donation_use", view: "v_tasks_donation_use" }];
