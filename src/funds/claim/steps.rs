//! What every step of a claim shares: the state it needs, the part it takes, what is written and told.

use sea_orm::ActiveModelTrait;

use super::model::{self, Action};
use super::{claim, claim_event, refusals};
use crate::funds::spending::chains::Chain;
use crate::kernel::access::Capability;
use crate::kernel::act::{Act, Performer};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Together, Tx};
use crate::platform::notification::{Notice, notify};

/// The chain that a claim was submitted under.
pub fn chain_of(row: &claim::Model) -> Result<Option<Chain>, Problem> {
    row.chain.clone().map(serde_json::from_value).transpose().map_err(Problem::internal)
}

/// The claim is in a state that the action takes, and no papers are asked for.
pub fn require(action: Action, row: &claim::Model) -> Result<(), Problem> {
    if !action.from(row.community_id.is_some()).contains(&row.state.as_str()) {
        return Err(Problem::invalid_transition(action.code(), &row.state));
    }
    let steps_on = matches!(action, Action::Endorse | Action::Review | Action::Approve | Action::Pay);
    if steps_on && row.information_requested { Err(refusals::information_requested()) } else { Ok(()) }
}

/// Takes the part of the claim's next step: the capability of that step is held at its unit, by somebody with no other part in it. Gives the act as it is done by that capability.
pub async fn take_next(tx: &Tx, act: &Act, row: &claim::Model) -> Result<Act, Problem> {
    let chain = chain_of(row)?;
    let (capability, part) = model::next_step(&row.state, row.community_id.is_some(), chain.as_ref(), row.steps_done).ok_or_else(|| Problem::invalid_transition("step", &row.state))?;
    let place = claim::Entity::place(row);
    act.person()?.require_at(capability, &place)?;
    let act = act.using(capability);
    duties::take(tx, &act, place, "claim", row.id, part).await?;
    if matches!(part, Part::Approve | Part::Pay) && row.payee_person.as_ref() == Some(&act.person_key()) {
        return Err(Problem::separation_of_duties(part.code(), "payee"));
    }
    Ok(act)
}

/// What the next step takes, as it is kept on the claim: none while it lies in a payment batch, which waits for the bank, or while papers are asked for.
fn next_capability(row: &claim::Model) -> Result<Option<String>, Problem> {
    if row.batch_id.is_some() || row.information_requested {
        return Ok(None);
    }
    let chain = chain_of(row)?;
    Ok(model::next_step(&row.state, row.community_id.is_some(), chain.as_ref(), row.steps_done).map(|(capability, _)| capability.code().to_owned()))
}

/// The claim as it is after an action: its version, and what its next step takes.
pub fn next(before: &claim::Model, after: claim::Model) -> Result<claim::Model, Problem> {
    let next_capability = next_capability(&after)?;
    Ok(claim::Model { version: before.version.saturating_add(1), next_capability, ..after })
}

/// Writes the claim as it is after an action, with its audit event and its place in the timeline. Budget lines are changed after this.
pub async fn put(tx: &Tx, act: &Act, action: &'static str, before: &claim::Model, after: claim::Model, comment: Option<String>) -> Result<claim::Model, Problem> {
    let after = next(before, after)?;
    let mut writes = tx.together();
    writes.update::<claim::Entity, claim::ActiveModel>(before.clone(), after.clone())?;
    note(&mut writes, act, action, Some(before), &after, comment)?;
    // The claim, its audit event, its place in the timeline.
    if tx.run_together(writes).await? == audit::ROWS.saturating_add(2) { Ok(after) } else { Err(Problem::internal("a claim that is gone")) }
}

/// Adds the audit event of an action and its place in the timeline to what is written with it.
pub fn note(writes: &mut Together, act: &Act, action: &'static str, before: Option<&claim::Model>, after: &claim::Model, comment: Option<String>) -> Result<(), Problem> {
    let name = AUDIT.iter().find(|(code, _)| *code == action).map_or("claim.change", |(_, name)| *name);
    let mut event = Event::new(name, "claim", after.id, claim::Entity::place(after)).after(after)?;
    if let Some(before) = before {
        event = event.before(before)?;
    }
    event.reason.clone_from(&comment);
    audit::add(writes, act, event);
    writes.insert::<claim_event::Entity, claim_event::ActiveModel>(vec![event_of(act, action, after, comment)])
}

/// The audit trail's name of each action.
const AUDIT: [(&str, &str); 18] = [
    ("draft", "claim.draft"),
    ("change", "claim.change"),
    ("submit", "claim.submit"),
    ("endorse", "claim.endorse"),
    ("review", "claim.review"),
    ("approve", "claim.approve"),
    ("pay", "claim.pay"),
    ("return", "claim.return"),
    ("request_info", "claim.request_info"),
    ("provide_info", "claim.provide_info"),
    ("reject", "claim.reject"),
    ("withdraw", "claim.withdraw"),
    ("expire", "claim.expire"),
    ("refund", "claim.refund"),
    ("reverse", "claim.reverse"),
    ("batch", "claim.batch"),
    ("bank_returned", "claim.bank_returned"),
    ("urge", "claim.urge"),
];

/// A place in the timeline.
fn event_of(act: &Act, kind: &str, row: &claim::Model, comment: Option<String>) -> claim_event::Model {
    let job = match &act.by {
        Performer::Job { name, .. } => Some((*name).to_owned()),
        Performer::Person(_) => None,
    };
    claim_event::Model {
        id: new_id(),
        district_id: row.district_id,
        street_id: row.street_id,
        community_id: row.community_id,
        claim_id: row.id,
        kind: kind.to_owned(),
        state: row.state.clone(),
        comment,
        user_id: act.user_id(),
        acting_for: act.acting_for(&claim::Entity::place(row)),
        person: act.person_key(),
        job,
        at: act.at,
        business_date: Some(act.today),
    }
}

/// Adds to the timeline.
pub async fn remember(tx: &Tx, act: &Act, kind: &str, row: &claim::Model, comment: Option<String>) -> Result<claim_event::Model, Problem> {
    tx.insert::<claim_event::Entity, _>(claim_event::ActiveModel::from(event_of(act, kind, row, comment)).reset_all()).await
}

/// A claim as it leaves the way to payment: nothing reserved, no step open.
pub fn released(row: &claim::Model, state: &str) -> claim::Model {
    claim::Model { state: state.to_owned(), reserved: Fen::ZERO, from_commitment: Fen::ZERO, information_requested: false, steps_done: 0, expires_on: None, bank_returned: None, ..row.clone() }
}

/// Tells who holds a capability at the claim's unit.
pub async fn tell(tx: &Tx, act: &Act, row: &claim::Model, capability: Capability, kind: &'static str, words: (String, String)) -> Result<(), Problem> {
    let place = claim::Entity::place(row);
    notify(tx, act, Notice { place, capability, kind, subject_type: "claim", subject_id: row.id, zh: words.0, en: words.1 }).await?;
    Ok(())
}
