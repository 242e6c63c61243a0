//! The schema of Mingzhang: one file per folder and step, one text for PostgreSQL and SQLite.

pub use sea_orm_migration::prelude::*;

mod ddl;
mod m20260101_000001_platform;
mod m20260101_000002_people;
mod m20260101_000003_calendar;
mod m20260101_000004_plan_and_spending;
mod m20260101_000005_ledger;
mod m20260101_000006_budget;
mod m20260101_000007_bank;
mod m20260101_000008_operations;
mod m20260101_000009_stipend;
mod m20260101_000010_tasks;
mod m20260101_000013_donations;
mod m20260101_000019_claims;
mod m20260101_000021_final_accounts;
mod m20260101_000022_activities;
mod m20260101_000023_attachments_invoices;
mod m20260101_000024_standards;
mod m20260101_000025_bank_statements;
mod m20260101_000026_voucher_exports;
mod m20260101_000027_recoveries;
mod m20260101_000028_payees;

/// Runs the migrations in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_platform::Migration),
            Box::new(m20260101_000002_people::Migration),
            Box::new(m20260101_000003_calendar::Migration),
            Box::new(m20260101_000004_plan_and_spending::Migration),
            Box::new(m20260101_000005_ledger::Migration),
            Box::new(m20260101_000006_budget::Migration),
            Box::new(m20260101_000007_bank::Migration),
            Box::new(m20260101_000008_operations::Migration),
            Box::new(m20260101_000009_stipend::Migration),
            Box::new(m20260101_000010_tasks::Migration),
            Box::new(m20260101_000013_donations::Migration),
            // Claims refer to activities and commitments.
            Box::new(m20260101_000022_activities::Migration),
            // Before the claims, whose lines refer to the standard they were judged by.
            Box::new(m20260101_000024_standards::Migration),
            Box::new(m20260101_000019_claims::Migration),
            Box::new(m20260101_000021_final_accounts::Migration),
            Box::new(m20260101_000026_voucher_exports::Migration),
            Box::new(m20260101_000028_payees::Migration),
            Box::new(m20260101_000025_bank_statements::Migration),
            Box::new(m20260101_000027_recoveries::Migration),
            Box::new(m20260101_000023_attachments_invoices::Migration),
        ]
    }
}
