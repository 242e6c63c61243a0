//! What money may be spent on, and how much of it: categories 经费类别 with the expense items 费用项目 that they allow and forbid, standards 开支标准, the tax rule on
//! labour income, approval chains. A district keeps them for all its streets, each with its effective dates.

pub mod allowed;
mod chain_entity;
pub mod chains;
pub mod defaults;
pub mod entity;
pub mod refusals;
pub mod routes;
pub mod routes_standards;
mod standard_entity;
mod standard_write;
pub mod standards;
pub mod tax;
mod write;

pub use chain_entity::approval_chain;
pub use entity::{category, category_item, expense_item};
pub use standard_entity::{standard, tax_rule};
pub use standard_write::of_items;
