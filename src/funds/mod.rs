//! What it costs: spending rules, the ledger, the budget, stipends, and the closing of months and years.

pub mod budget;
pub mod closing;
pub mod ledger;
pub mod spending;
