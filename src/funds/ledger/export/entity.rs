//! Rows of the exports.

/// An export of vouchers.
pub mod voucher_export {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Month;

    /// An export of vouchers: what was in it, its sums, and who took it.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "voucher_exports")]
    #[schema(as = VoucherExport)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// The first month.
        pub from_month: Month,
        /// The last month.
        pub to_month: Month,
        /// `u8_text`, `common_xlsx` or `gbt24589`.
        pub format: String,
        /// Of a text: `gb18030` or `utf8`.
        pub encoding: Option<String>,
        /// The map that was used.
        pub account_map_id: Uuid,
        /// Its version then.
        pub account_map_version: i64,
        /// The place in the chain of the newest voucher that was looked at.
        pub last_seq: i64,
        /// Months that were still open: more vouchers may follow.
        #[schema(value_type = Vec<Month>)]
        pub open_months: Json,
        /// How many vouchers.
        pub vouchers: i64,
        /// How many entries of financial accounting.
        pub financial_entries: i64,
        /// The sum of their debits.
        pub financial_debit: Fen,
        /// The sum of their credits.
        pub financial_credit: Fen,
        /// How many entries of budget accounting; 0 before 2019.
        pub budget_entries: i64,
        /// The sum of their debits.
        pub budget_debit: Fen,
        /// The sum of their credits.
        pub budget_credit: Fen,
        /// How many of the vouchers had been exported before.
        pub already_exported: i64,
        /// Why they were exported again.
        pub reason: Option<String>,
        /// SHA-256 of the file, hexadecimal.
        pub sha256: String,
        /// The file's bytes.
        pub size: i64,
        /// The file's name.
        pub file_name: String,
        /// Who exported.
        pub made_by: Uuid,
        /// The business date.
        pub made_on: NaiveDate,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// The mark on a voucher that was exported.
pub mod voucher_export_item {
    use sea_orm::entity::prelude::*;

    /// The mark on a voucher that was exported.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "voucher_export_items")]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The export.
        pub export_id: Uuid,
        /// The voucher.
        pub voucher_id: Uuid,
    }

    crate::no_relations!();
}

/// A piece of an export's file.
pub mod voucher_export_chunk {
    use sea_orm::entity::prelude::*;

    /// A piece of an export's file: neither writing nor reading it holds the whole in memory.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "voucher_export_chunks")]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The export.
        pub export_id: Uuid,
        /// The place in the file, from 1.
        pub number: i32,
        /// The bytes.
        pub content: Vec<u8>,
    }

    crate::no_relations!();
}

crate::scoped!(voucher_export, Street, street);
crate::scoped!(voucher_export_item, Street, street);
crate::scoped!(voucher_export_chunk, Street, street);
