//! Templates of bank files.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// The step.
#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: &str = "
CREATE TABLE bank_file_templates (
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
CREATE UNIQUE INDEX bank_file_templates_district_code ON bank_file_templates (district_id, code) WHERE street_id IS NULL;
CREATE UNIQUE INDEX bank_file_templates_street_code ON bank_file_templates (district_id, street_id, code) WHERE street_id IS NOT NULL;
CREATE INDEX bank_file_templates_scope ON bank_file_templates (district_id, street_id, id);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("bank_file_templates", Class::Reference).await
    }
}
