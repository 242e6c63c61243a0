//! What every step of an application shares: the state it needs, the part it takes, what is written and told.

use sea_orm::ActiveModelTrait;

use super::commitment;
use super::model::{self, Action};
use crate::funds::spending::chains::Chain;
use crate::kernel::access::Capability;
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Tx};
use crate::platform::notification::{Notice, notify};

/// The chain that an application was submitted under.
pub(super) fn chain_of(row: &commitment::Model) -> Result<Option<Chain>, Problem> {
    row.chain.clone().map(serde_json::from_value).transpose().map_err(Problem::internal)
}

/// The application is in a state that the action takes.
pub(super) fn require(action: Action, row: &commitment::Model) -> Result<(), Problem> {
    if action.allowed(&row.state, row.steps_done) { Ok(()) } else { Err(Problem::invalid_transition(action.code(), &row.state)) }
}

/// Takes the part of the next step: its capability is held at the unit, by somebody with no other part in the application. Gives the act as it is done by that capability.
pub(super) async fn take_next(tx: &Tx, act: &Act, row: &commitment::Model) -> Result<Act, Problem> {
    let chain = chain_of(row)?;
    let (capability, part) = model::next_step(&row.state, chain.as_ref(), row.steps_done).ok_or_else(|| Problem::invalid_transition("step", &row.state))?;
    let place = commitment::Entity::place(row);
    act.person()?.require_at(capability, &place)?;
    let act = act.using(capability);
    duties::take(tx, &act, place, "commitment", row.id, part).await?;
    Ok(act)
}

/// Takes the preparer's part.
pub(super) async fn take_prepare(tx: &Tx, act: &Act, row: &commitment::Model) -> Result<(), Problem> {
    duties::take(tx, act, commitment::Entity::place(row), "commitment", row.id, Part::Prepare).await
}

/// Writes the application as it is after an action, with its audit event. Budget lines are changed after this.
pub(super) async fn put(tx: &Tx, act: &Act, action: Action, before: &commitment::Model, mut after: commitment::Model) -> Result<commitment::Model, Problem> {
    after.version = before.version.saturating_add(1);
    let chain = chain_of(&after)?;
    after.next_capability = model::next_step(&after.state, chain.as_ref(), after.steps_done).map(|(capability, _)| capability.code().to_owned());
    let after = tx.update::<commitment::Entity, _>(commitment::ActiveModel::from(after).reset_all()).await?;
    let mut event = Event::new(action.audit(), "commitment", after.id, commitment::Entity::place(&after)).before(before)?.after(&after)?;
    if matches!(action, Action::Return | Action::Reject | Action::Expire) {
        event.reason.clone_from(&after.reason);
    }
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// Tells who prepares the unit's documents what became of an application.
pub(super) async fn tell(tx: &Tx, act: &Act, row: &commitment::Model, kind: &'static str, (zh, en): (String, String)) -> Result<(), Problem> {
    let place = commitment::Entity::place(row);
    notify(tx, act, Notice { place, capability: Capability::ClaimPrepare, kind, subject_type: "commitment", subject_id: row.id, zh, en }).await?;
    Ok(())
}
