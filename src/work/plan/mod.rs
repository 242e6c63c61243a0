//! The plan 党建项目清单: items with objective and milestones, each with targets. A budget line stands on them (先有计划、后有预算).

pub mod entity;
mod read;
pub mod routes;
mod write;

pub use entity::{plan_item, target};
pub use read::items_with_targets;
