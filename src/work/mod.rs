//! What is planned and done.

pub mod plan;
