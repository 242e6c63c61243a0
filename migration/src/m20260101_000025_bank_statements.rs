//! Layouts of bank statements, statements with their lines, and what was matched with the books.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the reconciliation.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Statements of an account follow each other in one chain: each names the one before it, once (`previous_key`; nil for the first). A line of a statement and a line of a voucher are each in at most one match that stands.
const TABLES: &str = "
CREATE TABLE statement_layouts (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL REFERENCES org_units (id),
  street_id {uuid},
  code text NOT NULL,
  name text NOT NULL,
  definition {json} NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  created_at {ts} NOT NULL,
  created_by {uuid} REFERENCES users (id),
  UNIQUE (district_id, id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
CREATE UNIQUE INDEX statement_layouts_district_code ON statement_layouts (district_id, code) WHERE street_id IS NULL;
CREATE UNIQUE INDEX statement_layouts_street_code ON statement_layouts (district_id, street_id, code) WHERE street_id IS NOT NULL;
CREATE INDEX statement_layouts_scope ON statement_layouts (district_id, street_id, id);
CREATE TABLE bank_statements (
  {street_columns},
  account text NOT NULL CHECK (account IN ('1002', '1003')),
  layout_id {uuid} NOT NULL,
  previous_key {uuid} NOT NULL,
  from_date {date} NOT NULL,
  to_date {date} NOT NULL,
  opening_balance bigint NOT NULL,
  closing_balance bigint NOT NULL,
  line_count integer NOT NULL CHECK (line_count >= 0),
  state text NOT NULL CHECK (state IN ('imported', 'void')),
  file_name text,
  sha256 text NOT NULL,
  rules_run_at {ts},
  imported_by {uuid} NOT NULL REFERENCES users (id),
  voided_by {uuid} REFERENCES users (id),
  void_reason text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK (from_date <= to_date),
  CHECK ((state = 'void') = (void_reason IS NOT NULL)),
  FOREIGN KEY (district_id, layout_id) REFERENCES statement_layouts (district_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX bank_statements_chain ON bank_statements (district_id, street_id, account, previous_key) WHERE state = 'imported';
CREATE UNIQUE INDEX bank_statements_file ON bank_statements (district_id, street_id, account, sha256, from_date) WHERE state = 'imported';
CREATE TABLE bank_matches (
  {street_columns},
  account text NOT NULL CHECK (account IN ('1002', '1003')),
  rule text NOT NULL CHECK (rule IN ('reference', 'date', 'group', 'offset', 'hand')),
  state text NOT NULL CHECK (state IN ('live', 'undone')),
  amount bigint NOT NULL,
  complete_on {date} NOT NULL,
  matched_by {uuid} NOT NULL REFERENCES users (id),
  undone_by {uuid} REFERENCES users (id),
  undo_reason text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK ((state = 'undone') = (undo_reason IS NOT NULL)),
  {street_keys}
);
CREATE TABLE bank_statement_lines (
  {street_columns},
  statement_id {uuid} NOT NULL,
  account text NOT NULL CHECK (account IN ('1002', '1003')),
  line_number integer NOT NULL CHECK (line_number >= 1),
  date {date} NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  bank_reference text NOT NULL,
  serial text NOT NULL,
  counterparty_sealed text,
  summary_sealed text,
  live boolean NOT NULL,
  match_id {uuid},
  UNIQUE (district_id, statement_id, line_number),
  FOREIGN KEY (district_id, street_id, statement_id) REFERENCES bank_statements (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, match_id) REFERENCES bank_matches (district_id, street_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX bank_statement_lines_once ON bank_statement_lines (district_id, street_id, account, date, amount, bank_reference, serial) WHERE live;
CREATE INDEX bank_statement_lines_match ON bank_statement_lines (district_id, street_id, match_id);
CREATE TABLE bank_match_items (
  {street_columns},
  match_id {uuid} NOT NULL,
  statement_line_id {uuid},
  voucher_id {uuid},
  line_number integer,
  amount bigint NOT NULL,
  live boolean NOT NULL,
  CHECK ((statement_line_id IS NULL) <> (voucher_id IS NULL)),
  CHECK ((voucher_id IS NULL) = (line_number IS NULL)),
  FOREIGN KEY (district_id, street_id, match_id) REFERENCES bank_matches (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, statement_line_id) REFERENCES bank_statement_lines (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  FOREIGN KEY (district_id, voucher_id, line_number) REFERENCES voucher_lines (district_id, voucher_id, line_number),
  {street_keys}
);
CREATE UNIQUE INDEX bank_match_items_line ON bank_match_items (district_id, street_id, statement_line_id) WHERE live AND statement_line_id IS NOT NULL;
CREATE UNIQUE INDEX bank_match_items_voucher ON bank_match_items (district_id, street_id, voucher_id, line_number) WHERE live AND voucher_id IS NOT NULL;
CREATE INDEX bank_match_items_match ON bank_match_items (district_id, street_id, match_id);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("statement_layouts", Class::Reference).await?;
        for table in ["bank_statements", "bank_matches", "bank_statement_lines", "bank_match_items"] {
            ddl.guard(table, Class::Street).await?;
        }
        Ok(())
    }
}
