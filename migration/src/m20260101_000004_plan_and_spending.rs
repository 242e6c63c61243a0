//! What is planned, and what money may be spent on; who took which part in a document.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the plan, the spending rules and the duties.
#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: &str = "
CREATE TABLE duties (
  id {uuid} PRIMARY KEY,
  district_id {uuid} NOT NULL,
  street_id {uuid},
  community_id {uuid},
  subject_type text NOT NULL,
  subject_id {uuid} NOT NULL,
  part text NOT NULL CHECK (part IN ('prepare', 'endorse', 'review', 'approve', 'pay')),
  person text NOT NULL,
  user_id {uuid},
  acting_for {uuid},
  at {ts} NOT NULL,
  UNIQUE (district_id, subject_id, part, person)
);
CREATE TABLE plan_items (
  {community_columns},
  fiscal_year integer NOT NULL CHECK (fiscal_year BETWEEN 2000 AND 2999),
  title text NOT NULL,
  objective text NOT NULL,
  milestones {json} NOT NULL,
  brand_project boolean NOT NULL,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  created_by {uuid} REFERENCES users (id),
  {community_keys}
);
CREATE INDEX plan_items_scope ON plan_items (district_id, street_id, id);
CREATE UNIQUE INDEX plan_items_one_brand ON plan_items (district_id, street_id, community_id, fiscal_year) WHERE brand_project AND community_id IS NOT NULL;
CREATE TABLE targets (
  {community_columns},
  plan_item_id {uuid} NOT NULL,
  name text NOT NULL,
  comparison text NOT NULL CHECK (comparison IN ('at_least', 'at_most', 'equal', 'text')),
  value text NOT NULL,
  unit text NOT NULL,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  created_by {uuid} REFERENCES users (id),
  FOREIGN KEY (district_id, street_id, plan_item_id) REFERENCES plan_items (district_id, street_id, id),
  UNIQUE (district_id, plan_item_id, name),
  {community_keys}
);
CREATE INDEX targets_scope ON targets (district_id, street_id, id);
CREATE TABLE expense_items (
  {district_columns},
  code text NOT NULL,
  name text NOT NULL,
  labour_income boolean NOT NULL DEFAULT false,
  ban text,
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  UNIQUE (district_id, code),
  {district_keys}
);
CREATE TABLE categories (
  {district_columns},
  code text NOT NULL,
  name text NOT NULL,
  earmarked boolean NOT NULL,
  transfer_out_allowed boolean NOT NULL,
  pays_individuals boolean NOT NULL,
  carry_over text NOT NULL CHECK (carry_over IN ('returns', 'stays_with_unit')),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  UNIQUE (district_id, code),
  UNIQUE (district_id, name),
  {district_keys}
);
CREATE TABLE category_items (
  {district_columns},
  category_id {uuid} NOT NULL,
  expense_item_id {uuid} NOT NULL,
  allowed boolean NOT NULL,
  UNIQUE (district_id, category_id, expense_item_id),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  FOREIGN KEY (district_id, expense_item_id) REFERENCES expense_items (district_id, id)
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("duties", Class::System).await?;
        ddl.append_only("duties").await?;
        for table in ["plan_items", "targets"] {
            ddl.guard(table, Class::Community).await?;
        }
        for table in ["expense_items", "categories", "category_items"] {
            ddl.guard(table, Class::District).await?;
        }
        Ok(())
    }
}
