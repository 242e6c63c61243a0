//! What any service needs: the database behind its scopes, HTTP, the audit trail. It knows no noun of the field.

pub mod audit;
pub mod calendar;
pub mod db;
pub mod http;
