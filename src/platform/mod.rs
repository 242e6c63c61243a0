//! What any service needs: the database behind its scopes, HTTP, tables that people upload, the audit trail, notices, jobs, tasks, papers. It knows no noun of the field.

pub mod attachment;
pub mod audit;
pub mod calendar;
pub mod db;
pub mod http;
pub mod jobs;
pub mod notification;
pub mod sheet;
pub mod tasks;
