//! The budget: drafted by the street, approved by the district, changed by adjustments only, filled by receipts. Claims and stipends draw on its lines
//! through [`lines`]; no fen more is reserved or spent than is approved, held by the database itself.

mod adjust;
mod agree;
mod decide;
mod draft;
pub mod entity;
pub mod lines;
mod receive;
pub mod refusals;
mod return_surplus;
pub mod routes;
pub mod routes_money;
mod summary;

pub use agree::receipts_differ;
pub use decide::close_all;
pub use entity::{budget, budget_adjustment, budget_line, budget_line_plan_item, receipt, treasury_return};

use crate::platform::tasks::TaskSource;

/// Budgets to be submitted or approved, adjustments to be approved.
pub const TASKS: [TaskSource; 2] = [TaskSource { noun: "budget", view: "v_tasks_budget" }, TaskSource { noun: "budget_adjustment", view: "v_tasks_budget_adjustment" }];
