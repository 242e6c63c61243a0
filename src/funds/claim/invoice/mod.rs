//! Invoices 发票: evidence that claim lines draw on, never past its total. Its key is taken in the whole district when the first claim that draws on it is submitted,
//! and is free when no live claim draws on it any more; another street learns that it is used, nothing else.

mod draw;
pub mod entity;
mod keys;
mod model;
mod parse;
mod refusals;
mod register;
pub mod routes;
mod subject;
mod xml;

pub use draw::{Draw, draw_faults, drawn_by, drawn_differs, draws_of, free, put, require_payable, take};
pub use entity::{invoice, invoice_draw, invoice_key};
pub use subject::InvoicePapers;
