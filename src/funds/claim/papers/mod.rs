//! The papers of a claim: which ones its kind needs (data of the district, with its source), whether they are there, and when they may be added or taken off.

mod attach;
mod check;
pub mod entity;
mod refusals;
pub mod routes;
mod rules;

pub use attach::{ClaimPaper, ClaimPapers, attach};
pub use check::{EvidenceChecks, count, decision_missing, evidence_checks, require};
pub use entity::paper_rule;
