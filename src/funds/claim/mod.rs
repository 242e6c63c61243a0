//! Claims 报销: one charge on one budget line, with its lines, its payee and its chain. Submitting reserves on the line; paying turns the reservation into spending and books it (E3);
//! every other exit releases it. People who check one another take each claim further; refunds (E4) and the reversal (E5) follow the payment.

mod batch;
mod check;
mod decide;
mod draft;
pub mod entity;
pub mod invoice;
pub mod job;
mod model;
pub mod papers;
mod pay;
mod print;
mod refund;
pub mod refusals;
pub mod routes;
pub mod routes_pay;
mod steps;
mod submit;

pub use check::{open_claims, reservations};
pub use entity::{claim, claim_event, claim_line, claim_refund, payment_batch};
pub use invoice::InvoicePapers;
pub use papers::ClaimPapers;

use crate::platform::tasks::TaskSource;

/// Claims that wait for somebody.
pub const TASKS: [TaskSource; 1] = [TaskSource { noun: "claim", view: "v_tasks_claim" }];
