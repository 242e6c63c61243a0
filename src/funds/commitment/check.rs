//! What an approver should see before deciding on an application, and what the closing of a year asks.

use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{commitment, papers, steps};
use crate::funds::budget::{budget_line, lines};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};
use crate::work::activity::{self, TripCheck, activity as event};

/// What an approver should see before deciding.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommitmentChecks {
    /// What is available on the line once the estimate is held.
    pub line_available_after: Fen,
    /// Whether the activity is one of the yearly plan; one outside it is approved by this application alone.
    pub in_plan: bool,
    /// How many people are planned for.
    pub planned_headcount: i32,
    /// The estimate by head, rounded down to the fen.
    pub per_head: Fen,
    /// The trips it makes, each against the district's limit.
    pub trips: Vec<TripCheck>,
    /// Whether one of them is beyond it.
    pub over_limit: bool,
    /// Other applications for the same activity, submitted or approved.
    pub same_activity: i64,
    /// The minutes of the collective decision that the amount needs are missing.
    pub collective_decision_missing: bool,
    /// The approvals it goes through after the review, in order.
    pub approvals: Vec<String>,
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

/// What an approver should see before deciding.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn checks(tx: &Tx, row: &commitment::Model) -> Result<CommitmentChecks, Problem> {
    let line = tx.maybe_load::<budget_line::Entity>(row.budget_line_id).await?.ok_or_else(Problem::not_found)?;
    let named = tx.maybe_load::<event::Entity>(row.activity_id).await?.ok_or_else(Problem::not_found)?;
    let asks = if matches!(row.state.as_str(), "draft" | "submitted") { row.amount } else { Fen::ZERO };
    let others = Sql::both("SELECT COUNT(*) AS n FROM commitments WHERE street_id = $1 AND activity_id = $2 AND id <> $3 AND state IN ('submitted', 'approved')");
    let others = tx.query_one::<Count>(others, vec![row.street_id.into(), row.activity_id.into(), row.id.into()]).await?;
    let trips = activity::trips(tx, &named).await?;
    let chain = steps::chain_of(row)?;
    let needed = chain.as_ref().is_some_and(|chain| chain.band.collective_decision);
    Ok(CommitmentChecks {
        line_available_after: lines::available(&line).checked_sub(asks).map_err(Problem::internal)?,
        in_plan: named.plan_item_id.is_some(),
        planned_headcount: named.planned_headcount,
        per_head: Fen(row.amount.0.checked_div(i64::from(named.planned_headcount)).unwrap_or(row.amount.0)),
        over_limit: trips.iter().any(|trip| trip.over_limit),
        trips,
        same_activity: others.map_or(0, |count| count.n),
        collective_decision_missing: needed && !papers::decision_attached(tx, row).await?,
        approvals: chain.map(|chain| chain.band.approvers).unwrap_or_default(),
    })
}

/// How many applications of a year are submitted or approved: a year closes only when there is none.
///
/// # Errors
/// 500 where the database fails.
pub async fn open_commitments(tx: &Tx, street: Uuid, year: i32) -> Result<i64, Problem> {
    let open = Sql::both("SELECT COUNT(*) AS n FROM commitments WHERE street_id = $1 AND fiscal_year = $2 AND state IN ('submitted', 'approved')");
    Ok(tx.query_one::<Count>(open, vec![street.into(), year.into()]).await?.map_or(0, |count| count.n))
}
