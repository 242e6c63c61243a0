//! Who could act next: known when a document is submitted, so that none is left lying.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::refusals;
use crate::kernel::access::{Capability, Place, Role};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::http::{Holder, Recipients};

/// A role whose holders could act next, and how many people that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextActors {
    /// The role.
    pub role: Role,
    /// How many people.
    pub people: i64,
}

/// Who holds a capability at a unit, without those who already took part in the document (persons as [`crate::kernel::act::Act::person_key`] tells them).
///
/// # Errors
/// 500 where the database fails.
pub async fn next_actors(recipients: &dyn Recipients, capability: Capability, place: &Place, excluding: &[String]) -> Result<Vec<NextActors>, Problem> {
    Ok(actors_of(recipients.holders(capability, place).await?, excluding))
}

/// As [`next_actors`], of holders that are known.
#[must_use]
pub fn actors_of(holders: Vec<Holder>, excluding: &[String]) -> Vec<NextActors> {
    let mut roles: BTreeMap<Role, BTreeSet<String>> = BTreeMap::new();
    for holder in holders {
        if !excluding.contains(&holder.person) {
            roles.entry(holder.role).or_default().insert(holder.person);
        }
    }
    roles.into_iter().map(|(role, people)| NextActors { role, people: i64::try_from(people.len()).unwrap_or(i64::MAX) }).collect()
}

/// As [`next_actors`], where there must be somebody.
///
/// # Errors
/// 422 `no_eligible_actor`.
pub async fn require_next_actors(recipients: &dyn Recipients, capability: Capability, place: &Place, excluding: &[String]) -> Result<Vec<NextActors>, Problem> {
    let actors = next_actors(recipients, capability, place, excluding).await?;
    if actors.is_empty() { Err(refusals::no_eligible_actor(capability)) } else { Ok(actors) }
}

/// A document as it was submitted, with who could act next.
#[derive(Debug, Serialize, ToSchema)]
pub struct Submitted<T> {
    /// The document.
    #[serde(flatten)]
    pub document: T,
    /// Who could act next.
    pub next_actors: Vec<NextActors>,
}

impl<T> Submitted<T> {
    /// The document with those who hold the capability of its next step at its unit, besides who acts: there must be somebody.
    ///
    /// # Errors
    /// 422 `no_eligible_actor`.
    pub async fn of(recipients: &dyn Recipients, act: &Act, (capability, place): (Capability, Place), document: T) -> Result<Self, Problem> {
        Self::besides(recipients, &[act.person_key()], (capability, place), document).await
    }

    /// As [`Submitted::of`], besides everybody who is barred from the step.
    ///
    /// # Errors
    /// As [`Submitted::of`].
    pub async fn besides(recipients: &dyn Recipients, barred: &[String], (capability, place): (Capability, Place), document: T) -> Result<Self, Problem> {
        let next_actors = require_next_actors(recipients, capability, &place, barred).await?;
        Ok(Self { document, next_actors })
    }
}
