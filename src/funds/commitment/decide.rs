//! The steps from submission to approval, the ways out of them, and the end.

use super::model::{self, Action};
use super::{commitment, draft, steps};
use crate::funds::budget::lines;
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;
use crate::work::activity;

/// The accountant reviews an application: the first step of every chain.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn review(tx: &Tx, act: &Act, before: commitment::Model) -> Result<commitment::Model, Problem> {
    steps::require(Action::Review, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    let after = commitment::Model { steps_done: before.steps_done.saturating_add(1), reviewed_by: act.user_id(), ..before.clone() };
    steps::put(tx, act, Action::Review, &before, after).await
}

/// One approval of the chain; the last one approves, and the estimate is held on the line (E1). A trip beyond the district's limit is marked, not refused.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `line_not_open`, `activity_cancelled`; 422 `valid_until_out_of_range`; 403 `separation_of_duties`, also for who gave an earlier approval.
pub async fn approve(tx: &Tx, act: &Act, before: commitment::Model) -> Result<commitment::Model, Problem> {
    steps::require(Action::Approve, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    let mut persons: Vec<String> = serde_json::from_value(before.approver_persons.clone()).map_err(Problem::internal)?;
    if persons.contains(&act.person_key()) {
        return Err(Problem::separation_of_duties("approve", "approve"));
    }
    let (_, named) = draft::recheck(tx, act, &before).await?;
    persons.push(act.person_key());
    let chain = steps::chain_of(&before)?;
    let steps_done = before.steps_done.saturating_add(1);
    let last = model::next_step("submitted", chain.as_ref(), steps_done).is_none();
    let approved = commitment::Model {
        steps_done,
        over_limit: activity::trips(tx, &named).await?.iter().any(|trip| trip.over_limit),
        approver_persons: serde_json::to_value(persons).map_err(Problem::internal)?,
        approved_by: act.user_id(),
        ..before.clone()
    };
    if !last {
        return steps::put(tx, act, Action::Approve, &before, approved).await;
    }
    let after = commitment::Model { state: "approved".to_owned(), held: before.amount, approved_on: Some(act.today), expires_on: None, ..approved };
    let after = steps::put(tx, act, Action::Approve, &before, after).await?;
    let words = (format!("事前申请 {} 已批准，占用 {}", after.number, after.held), format!("Application {} is approved and holds {}", after.number, after.held));
    steps::tell(tx, act, &after, "commitment.approved", words).await?;
    lines::change(tx, after.budget_line_id, model::approved(after.held)).await?;
    Ok(after)
}

/// Returned to draft with the reason, by whose step is next.
///
/// # Errors
/// 409 `invalid_transition`; 403 where the next step is not one's own.
pub async fn give_back(tx: &Tx, act: &Act, before: commitment::Model, reason: String) -> Result<commitment::Model, Problem> {
    steps::require(Action::Return, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    let words = (format!("事前申请 {} 被退回：{reason}", before.number), format!("Application {} was returned: {reason}", before.number));
    let after = commitment::Model { state: "draft".to_owned(), chain: None, steps_done: 0, expires_on: None, reason: Some(reason), ..before.clone() };
    let after = steps::put(tx, act, Action::Return, &before, after).await?;
    steps::tell(tx, act, &after, "commitment.returned", words).await?;
    Ok(after)
}

/// Rejected for good, with the reason, by whose step is next.
///
/// # Errors
/// As [`give_back`].
pub async fn reject(tx: &Tx, act: &Act, before: commitment::Model, reason: String) -> Result<commitment::Model, Problem> {
    steps::require(Action::Reject, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    let words = (format!("事前申请 {} 被驳回：{reason}", before.number), format!("Application {} was rejected: {reason}", before.number));
    let after = commitment::Model { state: "rejected".to_owned(), ended_by: act.user_id(), ended_on: Some(act.today), expires_on: None, reason: Some(reason), ..before.clone() };
    let after = steps::put(tx, act, Action::Reject, &before, after).await?;
    steps::tell(tx, act, &after, "commitment.rejected", words).await?;
    Ok(after)
}

/// Closes an approved application once everything is claimed: what it still holds is released (E1). Claims under way keep what they took.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn close(tx: &Tx, act: &Act, before: commitment::Model) -> Result<commitment::Model, Problem> {
    steps::require(Action::Close, &before)?;
    steps::take_prepare(tx, act, &before).await?;
    let after = commitment::Model { state: "closed".to_owned(), held: Fen::ZERO, ended_by: act.user_id(), ended_on: Some(act.today), ..before.clone() };
    let after = steps::put(tx, act, Action::Close, &before, after).await?;
    if !before.held.is_zero() {
        lines::change(tx, before.budget_line_id, model::ended(before.held).map_err(Problem::internal)?).await?;
    }
    Ok(after)
}
