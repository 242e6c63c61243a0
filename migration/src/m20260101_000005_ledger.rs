//! The books: years, months, vouchers, turnovers, checkpoints, opening balances, tax payments.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the ledger.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// Where a key of the street's own rows does not begin with the district, what is asked by the street alone finds its rows by it.
const TABLES: &str = "
CREATE TABLE fiscal_years (
  {street_columns},
  year integer NOT NULL CHECK (year BETWEEN 2000 AND 2999),
  state text NOT NULL CHECK (state IN ('open', 'closed')),
  carried_in bigint NOT NULL,
  received bigint NOT NULL CHECK (received >= 0),
  spent bigint NOT NULL CHECK (spent >= 0),
  to_return bigint NOT NULL CHECK (to_return >= 0),
  version bigint NOT NULL,
  opened_at {ts} NOT NULL,
  opened_by {uuid} REFERENCES users (id),
  closed_at {ts},
  closed_by {uuid} REFERENCES users (id),
  CONSTRAINT fiscal_years_within_means CHECK (spent <= carried_in + received - to_return),
  UNIQUE (district_id, street_id, year),
  {street_keys}
);
CREATE TABLE ledger_periods (
  {street_columns},
  fiscal_year integer NOT NULL,
  month text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'closed')),
  closed_at {ts},
  closed_by {uuid} REFERENCES users (id),
  close_reason text,
  version bigint NOT NULL,
  UNIQUE (district_id, street_id, month),
  FOREIGN KEY (district_id, street_id, fiscal_year) REFERENCES fiscal_years (district_id, street_id, year),
  {street_keys}
);
CREATE TABLE ledger_heads (
  district_id {uuid} NOT NULL,
  street_id {uuid} NOT NULL,
  seq bigint NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (street_id, district_id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
CREATE TABLE ledger_counters (
  district_id {uuid} NOT NULL,
  street_id {uuid} NOT NULL,
  month text NOT NULL,
  last integer NOT NULL,
  PRIMARY KEY (street_id, month, district_id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
CREATE TABLE vouchers (
  {street_columns},
  fiscal_year integer NOT NULL,
  month text NOT NULL,
  word text NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  seq bigint NOT NULL CHECK (seq > 0),
  date {date} NOT NULL,
  kind text NOT NULL,
  source_type text NOT NULL,
  source_id {uuid} NOT NULL,
  reverses_id {uuid},
  summary text NOT NULL,
  bank_reference text,
  attachments_count integer NOT NULL CHECK (attachments_count >= 0),
  amount bigint NOT NULL,
  prepared_by {uuid} REFERENCES users (id),
  prepared_job text,
  authorisation_id {uuid},
  reviewed_by {uuid} REFERENCES users (id),
  cashier {uuid} REFERENCES users (id),
  recorded_at {ts} NOT NULL,
  algorithm text NOT NULL,
  hash text NOT NULL,
  CHECK ((kind = 'reversal') = (reverses_id IS NOT NULL)),
  CHECK (prepared_by IS NOT NULL OR prepared_job IS NOT NULL),
  UNIQUE (district_id, street_id, seq),
  UNIQUE (district_id, street_id, month, number),
  UNIQUE (district_id, street_id, reverses_id),
  FOREIGN KEY (district_id, street_id, fiscal_year) REFERENCES fiscal_years (district_id, street_id, year),
  FOREIGN KEY (district_id, street_id, reverses_id) REFERENCES vouchers (district_id, street_id, id),
  {sqlite} FOREIGN KEY (district_id, street_id, authorisation_id) REFERENCES standing_authorisations (district_id, street_id, id),
  {street_keys}
);
CREATE INDEX vouchers_source ON vouchers (district_id, street_id, source_id);
CREATE TABLE voucher_lines (
  {street_columns},
  voucher_id {uuid} NOT NULL,
  line_number integer NOT NULL,
  account text NOT NULL,
  debit bigint NOT NULL,
  credit bigint NOT NULL,
  category_id {uuid},
  community_id {uuid},
  red boolean NOT NULL,
  CHECK ((debit = 0) <> (credit = 0)),
  CHECK (red OR (debit >= 0 AND credit >= 0)),
  UNIQUE (district_id, voucher_id, line_number),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  FOREIGN KEY (street_id, community_id) REFERENCES org_units (street_id, id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
CREATE INDEX voucher_lines_voucher ON voucher_lines (district_id, street_id, voucher_id);
CREATE TABLE ledger_turnovers (
  district_id {uuid} NOT NULL,
  street_id {uuid} NOT NULL,
  account text NOT NULL,
  category_key {uuid} NOT NULL,
  community_key {uuid} NOT NULL,
  month text NOT NULL,
  closing boolean NOT NULL,
  debit bigint NOT NULL,
  credit bigint NOT NULL,
  PRIMARY KEY (street_id, account, month, category_key, community_key, closing, district_id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
CREATE TABLE ledger_checkpoints (
  {street_columns},
  seq bigint NOT NULL,
  head_hash text NOT NULL,
  business_date {date} NOT NULL,
  at {ts} NOT NULL,
  algorithm text NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL,
  UNIQUE (district_id, street_id, business_date),
  {street_keys}
);
CREATE TABLE opening_balances (
  {street_columns},
  date {date} NOT NULL,
  state text NOT NULL CHECK (state IN ('draft', 'approved', 'rejected')),
  lines {json} NOT NULL,
  donations bigint NOT NULL CHECK (donations >= 0),
  total bigint NOT NULL CHECK (total > 0),
  prepared_by {uuid} NOT NULL REFERENCES users (id),
  approved_by {uuid} REFERENCES users (id),
  voucher_id {uuid},
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  rejection_reason text,
  CHECK ((state = 'rejected') = (rejection_reason IS NOT NULL)),
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  {street_keys}
);
CREATE UNIQUE INDEX opening_balances_one ON opening_balances (district_id, street_id) WHERE state <> 'rejected';
CREATE TABLE tax_payments (
  {street_columns},
  date {date} NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  document_number text NOT NULL,
  voucher_id {uuid} NOT NULL,
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  created_at {ts} NOT NULL,
  version bigint NOT NULL,
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  UNIQUE (district_id, street_id, document_number),
  {street_keys}
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["fiscal_years", "ledger_periods", "ledger_heads", "ledger_counters", "vouchers", "voucher_lines", "ledger_turnovers", "ledger_checkpoints", "opening_balances", "tax_payments"] {
            ddl.guard(table, Class::Street).await?;
        }
        for table in ["vouchers", "voucher_lines", "ledger_checkpoints"] {
            ddl.append_only(table).await?;
        }
        ddl.closed_months_take_nothing().await
    }
}
