//! What it costs: spending rules, the ledger, the budget, the bank's files, applications beforehand, claims, stipends, and the closing of months and years.

pub mod bank;
pub mod budget;
pub mod claim;
pub mod closing;
pub mod commitment;
pub mod donation;
pub mod ledger;
pub mod spending;
pub mod stipend;
