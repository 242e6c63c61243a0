//! Mingzhang 明账 — open books for the funds of a district's communities.
//!
//! The map of the folders is in ARCHITECTURE.md.

pub mod app;
pub mod bench;
pub mod demo;
pub mod funds;
pub mod kernel;
pub mod keys;
pub mod people;
pub mod platform;
pub mod settings;
pub mod work;
