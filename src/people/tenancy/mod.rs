//! The tree of units: district, street, community. The street is the tenant; a city is a label on its district.

pub mod calendar_due;
pub mod entity;
mod file_units;
mod open;
mod pick;
mod rename;
pub mod routes;

pub use entity::org_unit;
pub use file_units::FileUnits;
pub use pick::{community_of, street_names, street_of, streets, unit_of};
