//! Submitting reserves on the line and fixes the chain; withdrawing releases it.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::bodies::NewClaim;
use super::draft::Draft;
use super::model::{self, Action};
use super::{claim, draft, invoice, labour_month, papers, refusals, steps, under_commitment};
use crate::funds::spending::chains::{self, Chain};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity;
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::org_unit;
use crate::platform::db::{Authorised, Scoped, Tx};
use crate::platform::http::{Ending, Recipients};
use crate::platform::tasks::NextActors;

/// A claim that was submitted.
pub struct Submitted {
    /// The claim with its lines.
    pub draft: Draft,
    /// Who could act next.
    pub actors: Vec<NextActors>,
    /// What is still to be held on its line.
    pub reservation: Reservation,
}

/// What a submitted claim holds on its line: everybody who spends from the line waits for it, so it is taken last.
pub struct Reservation(claim::Model);

#[async_trait]
impl Ending for Reservation {
    /// # Errors
    /// 409 `line_short`.
    async fn end(self: Box<Self>, tx: &Tx, _act: &Act) -> Result<(), Problem> {
        under_commitment::reserve(tx, &self.0).await
    }
}

/// Submits a draft: its amount is reserved on the line (from its application first, where it is made under one), its chain is chosen by the amount, and there are people for every step.
///
/// # Errors
/// 409 `invalid_transition`, `line_short`, `line_not_open`, and what [`invoice::take`] refuses; 403 `separation_of_duties`; 422 `collective_decision_missing`, `papers_missing`, `no_eligible_actor`, `item_not_allowed`, `item_forbidden`.
pub async fn submit(tx: &Tx, act: &Act, recipients: &dyn Recipients, before: claim::Model) -> Result<Submitted, Problem> {
    let lines = draft::recheck(tx, act, &before).await?;
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Prepare).await?;
    let (after, actors) = admit(tx, act, recipients, &before).await?;
    papers::require(tx, act, &after).await?;
    let after = steps::put(tx, act, "submit", &before, after, None).await?;
    let draws = invoice::draws_of(tx, [after.id]).await?;
    finish(tx, Draft { claim: after, lines, draws }, actors).await
}

/// Submits a new claim with its draft.
///
/// # Errors
/// As [`draft::add`] and [`submit`].
pub async fn at_once(tx: &Tx, act: &Act, recipients: &dyn Recipients, unit: &Authorised<org_unit::Model>, new: NewClaim) -> Result<Submitted, Problem> {
    let named = new.papers.clone();
    let draft = draft::prepare(tx, act, unit, new).await?;
    let (after, actors) = admit(tx, act, recipients, &draft.claim).await?;
    let after = steps::next(&draft.claim, after)?;
    draft::insert(tx, act, &draft, Some(&after)).await?;
    papers::attach(tx, act, &after, &named).await?;
    papers::require(tx, act, &after).await?;
    finish(tx, Draft { claim: after, ..draft }, actors).await
}

/// Notes the fees of the payee's month and draws on the invoices; what is left to do is to hold the line.
async fn finish(tx: &Tx, mut draft: Draft, actors: Vec<NextActors>) -> Result<Submitted, Problem> {
    labour_month::note(tx, &draft.claim).await?;
    invoice::take(tx, &draft.claim, &draft.draws).await?;
    draft.draws.iter_mut().for_each(|draw| draw.live = true);
    Ok(Submitted { reservation: Reservation(draft.claim.clone()), draft, actors })
}

/// The claim as it is once submitted, where nothing stands against it; gives who could act next.
async fn admit(tx: &Tx, act: &Act, recipients: &dyn Recipients, before: &claim::Model) -> Result<(claim::Model, Vec<NextActors>), Problem> {
    let chain = chains::for_amount(tx, before.street_id, before.amount, act.today).await?;
    if before.payment_method == "transfer" && before.payee_account_sealed.is_none() {
        return Err(refusals::payee_account_missing(&before.number));
    }
    let actors = require_hands(act, recipients, before, &chain).await?;
    let from_commitment = under_commitment::take(tx, act, before).await?;
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
    under_commitment::release(tx, act, std::slice::from_ref(&before)).await?;
    Ok(after)
}
