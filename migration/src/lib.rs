//! The schema of Mingzhang: one file per folder and step, one text for PostgreSQL and SQLite.

pub use sea_orm_migration::prelude::*;

mod ddl;
mod m20260101_000001_platform;
mod m20260101_000002_people;
mod m20260101_000003_calendar;

/// Runs the migrations in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20260101_000001_platform::Migration), Box::new(m20260101_000002_people::Migration), Box::new(m20260101_000003_calendar::Migration)]
    }
}
