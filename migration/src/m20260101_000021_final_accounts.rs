//! The final accounts 决算 of a closed year.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates their table.
#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: &str = "
CREATE TABLE final_accounts (
  {street_columns},
  fiscal_year integer NOT NULL,
  category_id {uuid} NOT NULL,
  carried_in bigint NOT NULL,
  budget bigint NOT NULL,
  adjusted bigint NOT NULL,
  received bigint NOT NULL,
  spent bigint NOT NULL,
  carried_over bigint NOT NULL,
  to_return bigint NOT NULL CHECK (to_return >= 0),
  surplus_proposed bigint NOT NULL CHECK (surplus_proposed >= 0),
  created_at {ts} NOT NULL,
  FOREIGN KEY (district_id, street_id, fiscal_year) REFERENCES fiscal_years (district_id, street_id, year),
  FOREIGN KEY (district_id, category_id) REFERENCES categories (district_id, id),
  UNIQUE (district_id, street_id, fiscal_year, category_id),
  {street_keys}
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        ddl.guard("final_accounts", Class::Street).await?;
        ddl.append_only("final_accounts").await
    }
}
