//! What is planned and done.

pub mod activity;
pub mod plan;
