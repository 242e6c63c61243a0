//! Stipends 补贴: kinds, schemes and rates, beneficiaries with their accounts, enrolments, payout runs computed as entitled minus settled, and the
//! standing authorisations under which they post by themselves.

mod agree;
mod announce;
mod compute;
mod correct;
pub mod entity;
pub mod expire;
mod holds;
mod import;
pub mod job;
mod late_return;
mod mistakes;
pub mod model;
mod outstanding;
mod own_rate_entity;
mod own_rates;
pub mod pay;
mod payout_entity;
mod people;
mod recover;
mod recovery_entity;
mod recovery_model;
mod refusals;
mod returned;
mod roster;
pub mod routes_accounts;
pub mod routes_corrections;
pub mod routes_counts;
pub mod routes_enrolments;
pub mod routes_import;
pub mod routes_own_rates;
pub mod routes_people;
pub mod routes_recovery;
pub mod routes_run;
pub mod routes_scheme;
pub mod routes_verify;
pub mod run;
pub mod scheme;
mod tax_months;
mod verify;
mod write;

pub use agree::{authorised_differs, parts_differ, payable, withheld};
pub use entity::{bank_account, beneficiary, enrolment, scheme_kind, scheme_rate, standing_authorisation, stipend_scheme, suspension};
pub use own_rate_entity::enrolment_rate;
pub use payout_entity::{bank_file, payout_item, payout_part, payout_run};
pub use recovery_entity::{recovery, recovery_charge};

use crate::platform::tasks::TaskSource;

/// Runs to be approved, posted or exported; enrolments to be confirmed, verified or extended; own rates, bank accounts and corrected names to be confirmed; write-offs to be approved.
pub const TASKS: [TaskSource; 6] = [
    TaskSource { noun: "payout_run", view: "v_tasks_payout_run" },
    TaskSource { noun: "enrolment", view: "v_tasks_enrolment" },
    TaskSource { noun: "bank_account", view: "v_tasks_bank_account" },
    TaskSource { noun: "beneficiary", view: "v_tasks_beneficiary" },
    TaskSource { noun: "bank_file", view: "v_tasks_bank_file" },
    TaskSource { noun: "recovery", view: "v_tasks_recovery" },
];

/// How many runs of a year are neither posted nor cancelled: a year closes only when there is none.
///
/// # Errors
/// 500 where the database fails.
pub async fn open_runs(tx: &crate::platform::db::Tx, street: uuid::Uuid, year: i32) -> Result<i64, crate::kernel::problem::Problem> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let select = tx.select::<payout_run::Entity>().filter(payout_run::Column::StreetId.eq(street)).filter(payout_run::Column::FiscalYear.eq(year));
    tx.count(select.filter(payout_run::Column::State.is_in(["calculated", "held", "approved"]))).await
}

/// What posted stipends that the bank has not paid still need of the treasury quota, by category: it does not lapse at year-end.
///
/// # Errors
/// 500 where the database fails.
pub async fn quota_awaiting_payment(tx: &crate::platform::db::Tx, street: uuid::Uuid) -> Result<Vec<(uuid::Uuid, crate::kernel::money::Fen)>, crate::kernel::problem::Problem> {
    #[derive(sea_orm::FromQueryResult)]
    struct OfCategory {
        category_id: uuid::Uuid,
        amount: crate::kernel::money::Fen,
    }
    let sum = crate::platform::db::Sql::both(
        "SELECT s.category_id, CAST(SUM(i.net) AS bigint) AS amount FROM payout_items i JOIN payout_runs r ON r.id = i.run_id JOIN stipend_schemes s ON s.id = r.scheme_id \
         WHERE i.street_id = $1 AND s.paid_from = 'quota' AND i.state IN ('posted', 'exported') GROUP BY s.category_id ORDER BY s.category_id",
    );
    Ok(tx.query::<OfCategory>(sum, vec![street.into()]).await?.into_iter().map(|row| (row.category_id, row.amount)).collect())
}
