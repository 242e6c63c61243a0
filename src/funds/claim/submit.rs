//! Submitting reserves on the line and fixes the chain; withdrawing releases it.

use chrono::TimeDelta;

use super::model::{self, Action};
use super::{claim, draft, invoice, papers, refusals, steps, under_commitment};
use crate::funds::spending::chains::{self, Chain};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity;
use crate::people::identity::duties::{self, Part};
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::Recipients;
use crate::platform::tasks::NextActors;

/// Submits a draft: its amount is reserved on the line (from its application first, where it is made under one), its chain is chosen by the amount, and there are people for every step. Gives who could act next.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `line_not_open`, and what [`invoice::take`] refuses; 403 `separation_of_duties`; 422 `collective_decision_missing`, `papers_missing`, `no_eligible_actor`, `item_not_allowed`, `item_forbidden`.
pub async fn submit(tx: &Tx, act: &Act, recipients: &dyn Recipients, before: claim::Model) -> Result<(claim::Model, Vec<NextActors>), Problem> {
    draft::recheck(tx, act, &before).await?;
    let place = claim::Entity::place(&before);
    duties::take(tx, act, place, "claim", before.id, Part::Prepare).await?;
    let chain = chains::for_amount(tx, before.street_id, before.amount, act.today).await?;
    if chain.band.collective_decision && before.decision_reference.as_deref().is_none_or(|reference| reference.trim().is_empty()) {
        return Err(refusals::collective_decision_missing(before.amount));
    }
    if before.payment_method == "transfer" && before.payee_account_sealed.is_none() {
        return Err(refusals::payee_account_missing(&before.number));
    }
    papers::require(tx, act, &before).await?;
    let actors = require_hands(act, recipients, &before, &chain).await?;
    let from_commitment = under_commitment::take(tx, act, &before).await?;
    let after = claim::Model {
        state: "submitted".to_owned(),
        reserved: before.amount,
        from_commitment,
        expires_on: Some(act.today + TimeDelta::days(i64::from(chain.expire_after_days))),
        chain: Some(serde_json::to_value(&chain).map_err(Problem::internal)?),
        steps_done: 0,
        submitted_at: Some(act.at),
        endorsed_by: None,
        reviewed_by: None,
        approved_by: None,
        ..before.clone()
    };
    let after = steps::put(tx, act, "submit", &before, after, None).await?;
    invoice::take(tx, &after).await?;
    under_commitment::reserve(tx, &after).await?;
    Ok((after, actors))
}

/// Each step from here to payment can be done by another person; gives who could act first.
async fn require_hands(act: &Act, recipients: &dyn Recipients, row: &claim::Model, chain: &Chain) -> Result<Vec<NextActors>, Problem> {
    let is_payee = |person: &String, part: Part| matches!(part, Part::Approve | Part::Pay) && row.payee_person.as_ref() == Some(person);
    identity::require_hands(act, recipients, &claim::Entity::place(row), &model::all_steps(row.community_id.is_some(), chain), is_payee).await
}

/// Withdraws a claim before its approval; only its preparers do.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn withdraw(tx: &Tx, act: &Act, before: claim::Model) -> Result<claim::Model, Problem> {
    steps::require(Action::Withdraw, &before)?;
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Prepare).await?;
    let after = steps::put(tx, act, "withdraw", &before, steps::released(&before, "withdrawn"), None).await?;
    under_commitment::release(tx, act, &before).await?;
    Ok(after)
}
