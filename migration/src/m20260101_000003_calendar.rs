//! The working days of years that the program does not know, or that were announced differently.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the calendar.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// A year that is told again is a new row, and the newest counts: what was once relied on stays readable.
const TABLES: &str = "
CREATE TABLE calendar_years (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL REFERENCES org_units (id),
  year integer NOT NULL CHECK (year BETWEEN 1900 AND 9998),
  source text NOT NULL,
  recorded_by {uuid} REFERENCES users (id),
  created_at {ts} NOT NULL
);
CREATE INDEX calendar_years_year ON calendar_years (district_id, year, id);
CREATE TABLE calendar_days (
  calendar_year_id {uuid} NOT NULL REFERENCES calendar_years (id),
  day {date} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('working', 'rest')),
  name text NOT NULL,
  PRIMARY KEY (calendar_year_id, day)
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["calendar_years", "calendar_days"] {
            // Servers read all of them at once; the program shows each district its own.
            ddl.guard(table, Class::Technical).await?;
            ddl.append_only(table).await?;
        }
        Ok(())
    }
}
