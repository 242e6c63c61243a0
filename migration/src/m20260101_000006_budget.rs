//! Budgets with their lines, adjustments, receipts, and what went back to the treasury.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the budget.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// A line is drawn on only where it is approved; the database holds that no fen more is reserved or spent.
const TABLES: &str = "
CREATE TABLE budgets (
  {street_columns},
  fiscal_year integer NOT NULL,
  programme text NOT NULL,
  revision integer NOT NULL CHECK (revision >= 1),
  total bigint NOT NULL CHECK (total >= 0),
  state text NOT NULL CHECK (state IN ('draft', 'submitted', 'approved', 'closed')),
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  submitted_by {uuid} REFERENCES users (id),
  approved_by {uuid} REFERENCES users (id),
  return_reason text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  approved_at {ts},
  FOREIGN KEY (district_id, street_id, fiscal_year) REFERENCES fiscal_years (district_id, street_id, year),
  UNIQUE (district_id, street_id, fiscal_year, programme),
  {street_keys}
);
CREATE TABLE budget_lines (
  {community_columns},
  budget_id {uuid} NOT NULL,
  fiscal_year integer NOT NULL,
  category_id {uuid} NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),
  approved bigint NOT NULL CHECK (approved >= 0),
  reserved bigint NOT NULL,
  committed bigint NOT NULL DEFAULT 0,
  spent bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('draft', 'approved')),
  remark text,
  version bigint NOT NULL,
  CONSTRAINT budget_lines_reserved CHECK (reserved >= 0),
  CONSTRAINT budget_lines_committed CHECK (committed >= 0 AND committed <= reserved),
  CONSTRAINT budget_lines_spent CHECK (spent >= 0),
  CONSTRAINT budget_lines_within CHECK (reserved + spent <= approved),
  CHECK (state = 'approved' OR approved = 0),
  FOREIGN KEY (district_id, street_id, budget_id) REFERENCES budgets (district_id, street_id, id),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  {community_keys}
);
CREATE UNIQUE INDEX budget_lines_community ON budget_lines (district_id, budget_id, category_id, community_id) WHERE community_id IS NOT NULL;
CREATE UNIQUE INDEX budget_lines_street ON budget_lines (district_id, budget_id, category_id) WHERE community_id IS NULL;
CREATE INDEX budget_lines_category ON budget_lines (district_id, street_id, fiscal_year, category_id);
CREATE TABLE budget_line_plan_items (
  {community_columns},
  budget_line_id {uuid} NOT NULL,
  plan_item_id {uuid} NOT NULL,
  UNIQUE (district_id, budget_line_id, plan_item_id),
  FOREIGN KEY (district_id, street_id, budget_line_id) REFERENCES budget_lines (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, plan_item_id) REFERENCES plan_items (district_id, street_id, id),
  {community_keys}
);
CREATE TABLE budget_adjustments (
  {street_columns},
  budget_id {uuid} NOT NULL,
  fiscal_year integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('transfer', 'supplement', 'reduction')),
  state text NOT NULL CHECK (state IN ('submitted', 'approved', 'rejected', 'withdrawn')),
  reason text NOT NULL,
  lines {json} NOT NULL,
  total bigint NOT NULL CHECK (total >= 0),
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  decided_by {uuid} REFERENCES users (id),
  decision_reason text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, budget_id) REFERENCES budgets (district_id, street_id, id),
  {street_keys}
);
CREATE INDEX budget_adjustments_budget ON budget_adjustments (district_id, street_id, budget_id);
CREATE TABLE receipts (
  {street_columns},
  fiscal_year integer NOT NULL,
  date {date} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('cash', 'quota')),
  document_number text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  lines {json} NOT NULL,
  remark text,
  voucher_id {uuid} NOT NULL,
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  UNIQUE (district_id, street_id, fiscal_year, document_number),
  {street_keys}
);
CREATE INDEX receipts_year ON receipts (district_id, street_id, fiscal_year);
CREATE TABLE treasury_returns (
  {street_columns},
  fiscal_year integer NOT NULL,
  date {date} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('taken_back', 'surplus')),
  paid_from text NOT NULL CHECK (paid_from IN ('cash', 'quota')),
  document_number text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  lines {json} NOT NULL,
  voucher_id {uuid} NOT NULL,
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  UNIQUE (district_id, street_id, fiscal_year, document_number),
  {street_keys}
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["budget_lines", "budget_line_plan_items"] {
            ddl.guard(table, Class::Community).await?;
        }
        for table in ["budgets", "budget_adjustments", "receipts", "treasury_returns"] {
            ddl.guard(table, Class::Street).await?;
        }
        Ok(())
    }
}
