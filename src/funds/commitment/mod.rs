//! Applications beforehand 事前申请: a unit asks, before an activity, for the money it will take. Approved, an application holds its estimate on the line, shown apart from what is claimed;
//! claims under it take their reservation from what it still holds; closed or expired, it gives back what is left.

mod check;
mod decide;
mod draft;
pub mod entity;
pub mod hold;
pub mod job;
pub mod model;
mod papers;
pub mod refusals;
pub mod routes;
mod steps;
mod submit;

pub use check::open_commitments;
pub use entity::{commitment, commitment_line};
pub use papers::CommitmentPapers;

use crate::platform::tasks::TaskSource;

/// Applications that wait for somebody.
pub const TASKS: [TaskSource; 1] = [TaskSource { noun: "commitment", view: "v_tasks_commitment" }];
