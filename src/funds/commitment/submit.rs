//! Submitting fixes an application's content and chain; withdrawing takes it back.

use chrono::TimeDelta;

use super::model::{self, Action};
use super::{commitment, draft, papers, steps};
use crate::funds::budget::lines;
use crate::funds::spending::chains;
use crate::funds::spending::refusals::collective_decision_missing;
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity;
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::Recipients;
use crate::platform::tasks::NextActors;
use crate::work::activity;

/// Submits a draft: its chain is chosen by the amount, and there are people for every step. It holds nothing yet, but what the line does not have now is refused at once. Gives who could act next.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `line_not_open`, `activity_cancelled`; 403 `separation_of_duties`; 422 `collective_decision_missing`, `no_eligible_actor`, `valid_until_out_of_range`, `item_not_allowed`, `item_forbidden`.
pub async fn submit(tx: &Tx, act: &Act, recipients: &dyn Recipients, before: commitment::Model) -> Result<(commitment::Model, Vec<NextActors>), Problem> {
    steps::require(Action::Submit, &before)?;
    steps::take_prepare(tx, act, &before).await?;
    // Locked, so that what it says does not change in the same moment.
    tx.load_locked::<activity::activity::Entity>(before.activity_id).await?;
    let (line, named) = draft::recheck(tx, act, &before).await?;
    let chain = chains::for_amount(tx, before.street_id, before.amount, act.today).await?;
    if chain.band.collective_decision && !papers::decision_attached(tx, &before).await? {
        return Err(collective_decision_missing(before.amount));
    }
    let actors = identity::require_hands(act, recipients, &commitment::Entity::place(&before), &model::all_steps(&chain), |_, _| false).await?;
    lines::require_available(&line, before.amount)?;
    let after = commitment::Model {
        state: "submitted".to_owned(),
        over_limit: activity::trips(tx, &named).await?.iter().any(|trip| trip.over_limit),
        chain: Some(serde_json::to_value(&chain).map_err(Problem::internal)?),
        steps_done: 0,
        approver_persons: serde_json::json!([]),
        submitted_at: Some(act.at),
        expires_on: Some(act.today + TimeDelta::days(i64::from(chain.expire_after_days))),
        reviewed_by: None,
        approved_by: None,
        reason: None,
        ..before.clone()
    };
    Ok((steps::put(tx, act, Action::Submit, &before, after).await?, actors))
}

/// Withdraws an application before its approval; only its preparers do.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn withdraw(tx: &Tx, act: &Act, before: commitment::Model) -> Result<commitment::Model, Problem> {
    steps::require(Action::Withdraw, &before)?;
    steps::take_prepare(tx, act, &before).await?;
    let after = commitment::Model { state: "withdrawn".to_owned(), ended_by: act.user_id(), ended_on: Some(act.today), expires_on: None, ..before.clone() };
    steps::put(tx, act, Action::Withdraw, &before, after).await
}
