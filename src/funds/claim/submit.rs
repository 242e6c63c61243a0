//! Submitting reserves on the line and fixes the chain; withdrawing releases it.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::model::{self, Action};
use super::{claim, draft, refusals, steps};
use crate::funds::budget::lines;
use crate::funds::spending::chains::{self, Chain};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::Recipients;
use crate::platform::tasks::{NextActors, actors_of};

/// Submits a draft: its amount is reserved on the line, its chain is chosen by the amount, and there are people for every step. Gives who could act next.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `line_not_open`; 403 `separation_of_duties`; 422 `collective_decision_missing`, `no_eligible_actor`, `item_not_allowed`, `item_forbidden`.
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
    let actors = require_hands(act, recipients, &before, &chain).await?;
    let after = claim::Model {
        state: "submitted".to_owned(),
        reserved: before.amount,
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
    lines::reserve(tx, after.budget_line_id, after.reserved).await?;
    Ok((after, actors))
}

/// Each step from here to payment can be done by another person; gives who could act first.
async fn require_hands(act: &Act, recipients: &dyn Recipients, row: &claim::Model, chain: &Chain) -> Result<Vec<NextActors>, Problem> {
    let place = claim::Entity::place(row);
    let preparer = act.person_key();
    let steps = model::all_steps(row.community_id.is_some(), chain);
    let mut people: Vec<BTreeSet<String>> = Vec::with_capacity(steps.len());
    let capabilities: Vec<_> = steps.iter().map(|(capability, _)| *capability).collect();
    let holders_of = recipients.holders_of(&capabilities, &place).await?;
    for ((capability, part), holders) in steps.iter().zip(&holders_of) {
        let holders = holders.iter().map(|holder| holder.person.clone());
        let is_payee = |person: &String| matches!(part, Part::Approve | Part::Pay) && row.payee_person.as_ref() == Some(person);
        let able: BTreeSet<String> = holders.filter(|person| *person != preparer && !is_payee(person)).collect();
        if able.is_empty() {
            return Err(refusals::no_eligible_actor(capability.code()));
        }
        people.push(able);
    }
    let first = steps.first().ok_or_else(|| Problem::internal("a chain without steps"))?.0;
    if !model::enough_hands(&people) {
        return Err(refusals::no_eligible_actor(first.code()));
    }
    Ok(actors_of(holders_of.into_iter().next().unwrap_or_default(), &[preparer]))
}

/// Withdraws a claim before its approval; only its preparers do.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn withdraw(tx: &Tx, act: &Act, before: claim::Model) -> Result<claim::Model, Problem> {
    steps::require(Action::Withdraw, &before)?;
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Prepare).await?;
    let after = steps::put(tx, act, "withdraw", &before, steps::released(&before, "withdrawn"), None).await?;
    steps::release(tx, &before).await?;
    Ok(after)
}
