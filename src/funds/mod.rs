//! What it costs: the money of streets and communities.

pub mod bank;
