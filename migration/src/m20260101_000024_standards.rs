//! Standards 开支标准 and tax rules of a district, each with its effective dates.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the standards. Runs before the claims, whose lines refer to the standard they were judged by.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// One standard begins on a day for an item, basis, grade, place and season; what is paid at cost has no amount, all else has one.
const TABLES: &str = "
CREATE TABLE standards (
  {district_columns},
  expense_item_id {uuid} NOT NULL,
  name text NOT NULL,
  basis text NOT NULL CHECK (basis IN ('vehicle_day', 'person_day', 'person_meal', 'person_half_day', 'class_hour', 'person_night', 'actual')),
  grade text,
  place text,
  season_from text,
  season_to text,
  amount bigint CHECK (amount > 0),
  above text NOT NULL CHECK (above IN ('refuse', 'needs_reason', 'mark')),
  max_per_half_day integer CHECK (max_per_half_day > 0),
  max_per_day integer CHECK (max_per_day > 0),
  effective_from {date} NOT NULL,
  ended_on {date},
  source text NOT NULL,
  to_be_confirmed boolean NOT NULL,
  set_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK ((basis = 'actual') = (amount IS NULL)),
  CHECK ((season_from IS NULL) = (season_to IS NULL)),
  FOREIGN KEY (district_id, expense_item_id) REFERENCES expense_items (district_id, id),
  {district_keys}
);
CREATE UNIQUE INDEX standards_begin ON standards (district_id, expense_item_id, basis, COALESCE(grade, ''), COALESCE(place, ''), COALESCE(season_from, ''), COALESCE(season_to, ''), effective_from);
CREATE TABLE tax_rules (
  {district_columns},
  flat_up_to bigint NOT NULL CHECK (flat_up_to >= 0),
  flat_deduction bigint NOT NULL CHECK (flat_deduction >= 0),
  deduction_percent integer NOT NULL CHECK (deduction_percent BETWEEN 0 AND 50),
  brackets {json} NOT NULL,
  effective_from {date} NOT NULL,
  source text NOT NULL,
  to_be_confirmed boolean NOT NULL,
  set_by {uuid} REFERENCES users (id),
  created_at {ts} NOT NULL,
  UNIQUE (district_id, effective_from),
  {district_keys}
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("standards", Class::District).await?;
        ddl.guard("tax_rules", Class::District).await?;
        ddl.append_only("tax_rules").await
    }
}
