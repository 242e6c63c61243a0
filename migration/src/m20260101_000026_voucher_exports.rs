//! Account maps, exports of vouchers with their files, and the marks on what was exported.

use sea_orm_migration::prelude::*;

use crate::ddl::{Class, Ddl};

/// Creates the tables of the exports.
#[derive(DeriveMigrationName)]
pub struct Migration;

/// An export is written once, with its bytes: each half balances, and what was exported before is exported again only with a reason.
const TABLES: &str = "
CREATE TABLE account_maps (
  {street_columns},
  effective_year integer NOT NULL CHECK (effective_year BETWEEN 2000 AND 2999),
  entries {json} NOT NULL,
  recorded_by {uuid} NOT NULL REFERENCES users (id),
  changed_by {uuid} REFERENCES users (id),
  version bigint NOT NULL,
  created_at {ts} NOT NULL,
  UNIQUE (district_id, street_id, effective_year),
  {street_keys}
);
CREATE TABLE voucher_exports (
  {street_columns},
  fiscal_year integer NOT NULL,
  from_month text NOT NULL,
  to_month text NOT NULL,
  format text NOT NULL CHECK (format IN ('u8_text', 'common_xlsx', 'gbt24589')),
  encoding text CHECK (encoding IN ('gb18030', 'utf8')),
  account_map_id {uuid} NOT NULL,
  account_map_version bigint NOT NULL,
  last_seq bigint NOT NULL,
  open_months {json} NOT NULL,
  vouchers bigint NOT NULL CHECK (vouchers > 0),
  financial_entries bigint NOT NULL,
  financial_debit bigint NOT NULL,
  financial_credit bigint NOT NULL,
  budget_entries bigint NOT NULL,
  budget_debit bigint NOT NULL,
  budget_credit bigint NOT NULL,
  already_exported bigint NOT NULL CHECK (already_exported >= 0 AND already_exported <= vouchers),
  reason text,
  sha256 text NOT NULL,
  size bigint NOT NULL,
  file_name text NOT NULL,
  made_by {uuid} NOT NULL REFERENCES users (id),
  made_on {date} NOT NULL,
  created_at {ts} NOT NULL,
  CHECK (from_month <= to_month),
  CHECK ((format = 'u8_text') = (encoding IS NOT NULL)),
  CHECK (financial_debit = financial_credit AND budget_debit = budget_credit),
  CHECK (already_exported = 0 OR reason IS NOT NULL),
  FOREIGN KEY (district_id, street_id, account_map_id) REFERENCES account_maps (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id, fiscal_year) REFERENCES fiscal_years (district_id, street_id, year),
  {street_keys}
);
CREATE INDEX voucher_exports_year ON voucher_exports (district_id, street_id, fiscal_year);
CREATE TABLE voucher_export_items (
  {street_columns},
  export_id {uuid} NOT NULL,
  voucher_id {uuid} NOT NULL,
  UNIQUE (district_id, street_id, export_id, voucher_id),
  FOREIGN KEY (district_id, street_id, export_id) REFERENCES voucher_exports (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  FOREIGN KEY (district_id, street_id, voucher_id) REFERENCES vouchers (district_id, street_id, id),
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
CREATE INDEX voucher_export_items_voucher ON voucher_export_items (district_id, street_id, voucher_id);
CREATE TABLE voucher_export_chunks (
  {street_columns},
  export_id {uuid} NOT NULL,
  number integer NOT NULL CHECK (number >= 1),
  content {bytes} NOT NULL,
  UNIQUE (district_id, street_id, export_id, number),
  FOREIGN KEY (district_id, street_id, export_id) REFERENCES voucher_exports (district_id, street_id, id) DEFERRABLE INITIALLY DEFERRED,
  FOREIGN KEY (district_id, street_id) REFERENCES org_units (district_id, id)
);
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ddl = Ddl::new(manager);
        ddl.run(TABLES).await?;
        for table in ["account_maps", "voucher_exports", "voucher_export_items", "voucher_export_chunks"] {
            ddl.guard(table, Class::Street).await?;
        }
        for table in ["voucher_exports", "voucher_export_items", "voucher_export_chunks"] {
            ddl.append_only(table).await?;
        }
        Ok(())
    }
}
