//! What any service needs: the database behind its scopes, HTTP, the audit trail, notices, jobs and tasks. It knows no noun of the field.

pub mod db;
pub mod http;
