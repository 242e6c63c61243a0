//! What money may be spent on: categories 经费类别 with the expense items 费用项目 that they allow and forbid. A district keeps them for all its streets.

pub mod entity;
pub mod routes;
mod write;

pub use entity::{category, category_item, expense_item};
