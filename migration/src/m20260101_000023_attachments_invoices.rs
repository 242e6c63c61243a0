//! Papers and their objects, invoices with what is drawn on them, the keys that are taken in a district, and the rules of papers.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates their tables.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// The same bytes are one object of a street. An invoice is never drawn past its total, and its key is taken once in the district: the unique index also fires on a row
/// of another street, which row-level security hides.
const TABLES: &str = "
CREATE TABLE stored_objects (
  {street_columns},
  sha256 text NOT NULL,
  size bigint NOT NULL CHECK (size > 0),
  touched_at {ts} NOT NULL,
  UNIQUE (district_id, street_id, sha256),
  {street_keys}
);
CREATE TABLE attachments (
  {community_columns},
  sha256 text NOT NULL,
  size bigint NOT NULL CHECK (size > 0 AND size <= 20971520),
  media_type text NOT NULL,
  file_name text,
  uploaded_by {uuid} NOT NULL REFERENCES users (id),
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, sha256) REFERENCES stored_objects (district_id, street_id, sha256),
  {community_keys}
);
CREATE INDEX attachments_object ON attachments (district_id, street_id, sha256);
CREATE TABLE attachment_links (
  {community_columns},
  attachment_id {uuid} NOT NULL,
  subject_type text NOT NULL,
  subject_id {uuid} NOT NULL,
  paper_kind text NOT NULL,
  linked_by {uuid} NOT NULL REFERENCES users (id),
  created_at {ts} NOT NULL,
  UNIQUE (district_id, street_id, subject_id, attachment_id, paper_kind),
  FOREIGN KEY (district_id, street_id, attachment_id) REFERENCES attachments (district_id, street_id, id),
  {community_keys}
);
CREATE INDEX attachment_links_attachment ON attachment_links (district_id, street_id, attachment_id);
CREATE TABLE invoices (
  {community_columns},
  kind text NOT NULL CHECK (kind IN ('paper_vat', 'digital', 'fiscal_receipt', 'ticket', 'quota', 'pay_list')),
  code text,
  number text NOT NULL,
  number_key text NOT NULL CHECK (number_key <> ''),
  electronic boolean NOT NULL,
  seller_name text NOT NULL,
  issued_on {date} NOT NULL,
  total bigint NOT NULL CHECK (total > 0),
  lines {json} NOT NULL,
  drawn bigint NOT NULL CHECK (drawn >= 0 AND drawn <= total),
  drawn_for text CHECK ((drawn = 0) = (drawn_for IS NULL)),
  red_lettered boolean NOT NULL,
  red_letter_reason text,
  registered_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  {community_keys}
);
CREATE INDEX invoices_number ON invoices (district_id, street_id, number_key);
CREATE TABLE invoice_keys (
  {street_columns},
  taken text NOT NULL,
  invoice_id {uuid} NOT NULL,
  UNIQUE (district_id, taken),
  FOREIGN KEY (district_id, street_id, invoice_id) REFERENCES invoices (district_id, street_id, id),
  {street_keys}
);
CREATE INDEX invoice_keys_invoice ON invoice_keys (district_id, street_id, invoice_id);
CREATE TABLE invoice_draws (
  {community_columns},
  invoice_id {uuid} NOT NULL,
  claim_id {uuid} NOT NULL,
  line_number integer NOT NULL CHECK (line_number >= 1),
  amount bigint NOT NULL CHECK (amount > 0),
  live boolean NOT NULL,
  UNIQUE (district_id, street_id, claim_id, line_number, invoice_id),
  FOREIGN KEY (district_id, street_id, claim_id) REFERENCES claims (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, invoice_id) REFERENCES invoices (district_id, street_id, id),
  {community_keys}
);
CREATE INDEX invoice_draws_invoice ON invoice_draws (district_id, street_id, invoice_id);
CREATE TABLE paper_rules (
  {district_columns},
  claim_kind text NOT NULL CHECK (claim_kind IN ('activity', 'lecture', 'procurement', 'other')),
  paper text NOT NULL,
  above bigint NOT NULL CHECK (above >= 0),
  effective_from {date} NOT NULL,
  effective_to {date},
  source text NOT NULL,
  set_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  UNIQUE (district_id, claim_kind, paper, effective_from),
  CHECK (effective_to IS NULL OR effective_to >= effective_from),
  {district_keys}
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["stored_objects", "invoice_keys"] {
            ddl.guard(table, Class::Shared).await?;
        }
        for table in ["attachments", "attachment_links", "invoices", "invoice_draws"] {
            ddl.guard(table, Class::Community).await?;
        }
        ddl.guard("paper_rules", Class::District).await
    }
}
