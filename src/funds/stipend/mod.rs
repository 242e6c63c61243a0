//! Stipends 补贴: kinds, schemes and rates, beneficiaries with their accounts, enrolments, payout runs computed as entitled minus settled, and the
//! standing authorisations under which they post by themselves.

mod compute;
pub mod entity;
mod import;
pub mod job;
pub mod model;
pub mod pay;
mod people;
mod refusals;
mod roster;
pub mod routes_import;
pub mod routes_people;
pub mod routes_run;
pub mod routes_scheme;
pub mod run;
pub mod scheme;

pub use entity::{bank_account, bank_file, beneficiary, enrolment, payout_item, payout_part, payout_run, scheme_kind, scheme_rate, standing_authorisation, stipend_scheme, suspension};

use crate::platform::tasks::TaskSource;

/// Runs to be approved, posted or exported; enrolments and bank accounts to be confirmed.
pub const TASKS: [TaskSource; 3] =
    [TaskSource { noun: "payout_run", view: "v_tasks_payout_run" }, TaskSource { noun: "enrolment", view: "v_tasks_enrolment" }, TaskSource { noun: "bank_account", view: "v_tasks_bank_account" }];

/// How many runs of a year are neither posted nor cancelled: a year closes only when there is none.
///
/// # Errors
/// 500 where the database fails.
pub async fn open_runs(tx: &crate::platform::db::Tx, street: uuid::Uuid, year: i32) -> Result<i64, crate::kernel::problem::Problem> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let select = tx.select::<payout_run::Entity>().filter(payout_run::Column::StreetId.eq(street)).filter(payout_run::Column::FiscalYear.eq(year));
    tx.count(select.filter(payout_run::Column::State.is_in(["calculated", "held", "approved"]))).await
}
