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
mod write;

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

/// What is wrong with stipends payable: its balance is not what posted and exported items still wait for.
///
/// # Errors
/// 500 where the database fails.
pub async fn payable(tx: &crate::platform::db::Tx, street: uuid::Uuid) -> Result<Option<String>, crate::kernel::problem::Problem> {
    #[derive(sea_orm::FromQueryResult)]
    struct Waiting {
        net: crate::kernel::money::Fen,
    }
    let waiting = crate::platform::db::Sql::both("SELECT CAST(COALESCE(SUM(net), 0) AS bigint) AS net FROM payout_items WHERE street_id = $1 AND state IN ('posted', 'exported')");
    let waiting = tx.query_one::<Waiting>(waiting, vec![street.into()]).await?.map_or(crate::kernel::money::Fen::ZERO, |row| row.net);
    let balance = crate::funds::ledger::balance_of(tx, street, crate::funds::ledger::Account::StipendsPayable).await?;
    Ok((waiting != balance).then(|| format!("account 2302 says {balance}, posted and exported items wait for {waiting}")))
}
