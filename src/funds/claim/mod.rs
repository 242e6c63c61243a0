//! Claims 报销: one charge on one budget line, with its lines, its payee and its chain. Submitting reserves on the line; paying turns the reservation into spending and books it (E3);
//! every other exit releases it. People who check one another take each claim further; refunds (E4) and the reversal (E5) follow the payment.

mod batch;
mod bodies;
mod check;
mod decide;
mod draft;
pub mod entity;
pub mod invoice;
pub mod job;
mod labour_month;
mod model;
pub mod papers;
mod pay;
mod payee_entity;
mod payees;
mod print;
mod refund;
pub mod refusals;
pub mod routes;
pub mod routes_pay;
pub mod routes_payees;
mod standard_check;
mod steps;
mod submit;
mod under_commitment;

pub use check::{booked_differs, open_claims, quota_in_batches, reservations, withheld};
pub use entity::{claim, claim_event, claim_line, claim_refund, payment_batch};
pub use invoice::{InvoicePapers, drawn_differs};
pub use papers::ClaimPapers;
pub use payee_entity::payee;

use crate::platform::tasks::TaskSource;

/// Claims that wait for somebody, and batches that wait for the bank's answer.
pub const TASKS: [TaskSource; 2] = [TaskSource { noun: "claim", view: "v_tasks_claim" }, TaskSource { noun: "payment_batch", view: "v_tasks_payment_batch" }];
