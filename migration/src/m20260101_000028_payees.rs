//! Payees 收款人 that a unit keeps, to be chosen in its claims.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the table of payees.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// A person is searched by `name_key`, a keyed hash of the whole name. A unit keeps a payee (name and account) once: `unit_id` is the community, or the street for its own.
const TABLES: &str = "
CREATE TABLE payees (
  {community_columns},
  unit_id {uuid} NOT NULL,
  kind text NOT NULL CHECK (kind IN ('supplier', 'person')),
  name text NOT NULL,
  name_sealed text,
  name_key text,
  account_sealed text,
  account_masked text,
  bank_name text,
  bank_code text,
  user_id {uuid} REFERENCES users (id),
  payee_key text NOT NULL,
  active boolean NOT NULL,
  created_by {uuid} NOT NULL REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  CHECK ((kind = 'person') = (name_key IS NOT NULL)),
  CHECK (unit_id = COALESCE(community_id, street_id)),
  UNIQUE (district_id, unit_id, payee_key),
  {community_keys}
);
CREATE INDEX payees_name ON payees (district_id, street_id, name);
CREATE INDEX payees_name_key ON payees (district_id, street_id, name_key);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("payees", Class::Community).await
    }
}
