//! Bank files: each bank's layout is data ([`Template`]). [`render`] writes a batch, the same bytes each time; [`read_result`] reads what the bank answers, in the one layout
//! of `docs/bank-files.md`, and [`match_result`] accepts it whole or not at all. The batches themselves belong to whoever pays: stipends and claims.

pub mod entity;
mod model;
mod refusals;
mod render;
mod results;
pub mod routes;
mod seed;

pub use entity::bank_file_template;
pub use model::{Batch, Encoding, LineEnding, PaymentLine, Source, Template, TemplateColumn, TotalLine, TotalPlace, TotalSource};
pub use render::{file_name, render};
pub use results::{Matched, ResultFile, ResultLine, account_tail, match_result, read_result};
pub use seed::seed;

#[cfg(test)]
mod tests;
