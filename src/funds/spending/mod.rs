//! What money may be spent on: categories 经费类别 with the expense items 费用项目 that they allow and forbid. A district keeps them for all its streets.

pub mod allowed;
mod chain_entity;
pub mod chains;
pub mod entity;
pub mod refusals;
pub mod routes;
mod write;

pub use chain_entity::approval_chain;
pub use entity::{category, category_item, expense_item};
