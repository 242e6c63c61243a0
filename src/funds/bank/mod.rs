//! Bank files: each bank's layout is data ([`Template`]). [`render`] writes a batch, the same bytes each time; [`read_result`] reads what the bank answers, in the one layout
//! of `docs/bank-files.md`, and [`match_result`] accepts it whole or not at all. The batches themselves belong to whoever pays: stipends and claims.
//!
//! Bank statements: read by layouts that are data ([`StatementLayout`]), matched with the vouchers by rules and by hand, and reconciled; [`unreconciled`] tells closing what is missing.

pub mod entity;
mod import_statement;
mod layout;
mod match_lines;
mod matching;
mod model;
mod read_statement;
mod reconcile;
mod refusals;
mod render;
mod results;
pub mod routes;
pub mod routes_layouts;
pub mod routes_statements;
mod seed;
pub mod statement_entity;

pub use entity::bank_file_template;
pub use layout::{LineOrder, StatementColumn, StatementLayout, StatementSource};
pub use model::{Batch, Encoding, LineEnding, PaymentLine, Source, Template, TemplateColumn, TotalLine, TotalPlace, TotalSource};
pub use reconcile::{Gap, Reconciliation, unreconciled};
pub use render::{file_name, render};
pub use results::{Matched, ResultFile, ResultLine, account_tail, match_result, read_result};
pub use seed::seed;
pub use statement_entity::{bank_match, bank_match_item, bank_statement, bank_statement_line, statement_layout};

#[cfg(test)]
mod tests;
mod words;
