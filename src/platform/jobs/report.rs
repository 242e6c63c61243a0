//! What a call did about a slot.

use serde::Serialize;
use utoipa::ToSchema;

use super::Outcome;
use super::entity::job_slot;
use crate::kernel::money::Fen;

/// A slot as a call leaves it, and what this very call posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlotReport {
    /// What the slot is for.
    pub scope: String,
    /// `pending`, `running`, `done`, `held` or `failed`.
    pub state: String,
    /// How it ended, a stable code.
    pub outcome: Option<String>,
    /// How many items this call posted; 0 for a slot that was done before.
    pub posted_items: i64,
    /// What they sum to.
    pub posted_amount: Fen,
}

impl SlotReport {
    /// A slot as it stands, nothing posted by this call.
    pub(super) fn as_it_stands(slot: job_slot::Model) -> Self {
        Self { scope: slot.scope, state: slot.state, outcome: slot.outcome, posted_items: 0, posted_amount: Fen::ZERO }
    }

    /// A slot after this call ran it.
    pub(super) fn after(slot: job_slot::Model, outcome: &Outcome) -> Self {
        let (posted_items, posted_amount) = match outcome {
            Outcome::Done { posted_items, posted_amount, .. } => (*posted_items, *posted_amount),
            Outcome::Held { .. } => (0, Fen::ZERO),
        };
        Self { posted_items, posted_amount, ..Self::as_it_stands(slot) }
    }
}
