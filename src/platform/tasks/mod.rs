//! Tasks: what one can act on now, what one did, what one started, over every kind of document; and who could act next on one.
//! A folder declares its open documents as a view `v_tasks_<noun>` and a [`TaskSource`]; `app` registers it.

mod next_actors;
mod read;
mod refusals;
pub mod routes;

pub use next_actors::{NextActors, Submitted, actors_of, next_actors, require_next_actors};

use std::sync::Arc;

/// A folder's open documents: `pub const TASKS: TaskSource`.
///
/// The view's columns: `kind, id, district_id, street_id, community_id, capability, action, title, due_on, prepared_by, prepared_person, created_at`;
/// a row a document and action that waits for somebody with that capability at that unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskSource {
    /// The kind of document, as `kind` in its rows.
    pub noun: &'static str,
    /// The view, `v_tasks_<noun>`.
    pub view: &'static str,
}

/// The views of this deployment.
#[derive(Clone, Debug, Default)]
pub struct TaskSources(Arc<Vec<TaskSource>>);

impl TaskSources {
    /// These views.
    #[must_use]
    pub fn new(sources: Vec<TaskSource>) -> Self {
        Self(Arc::new(sources))
    }

    /// All views as one.
    fn union(&self) -> Option<String> {
        let columns = "kind, id, district_id, street_id, community_id, capability, action, title, due_on, prepared_by, prepared_person, created_at";
        let each = self.0.iter().map(|source| format!("SELECT {columns} FROM {}", source.view)).collect::<Vec<_>>();
        (!each.is_empty()).then(|| each.join(" UNION ALL "))
    }
}
