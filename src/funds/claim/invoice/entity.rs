//! Rows of the invoices.

/// An invoice or another piece of evidence.
pub mod invoice {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// An invoice or another piece of evidence.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "invoices")]
    #[schema(as = InvoiceRow)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its community; null for the street's own.
        pub community_id: Option<Uuid>,
        /// `paper_vat`, `digital`, `fiscal_receipt`, `ticket`, `quota` or `pay_list`.
        pub kind: String,
        /// Its code; a digital invoice has none.
        pub code: Option<String>,
        /// Its number, as it was typed.
        pub number: String,
        /// The number as it is compared: letters and digits only.
        #[serde(skip)]
        pub number_key: String,
        /// Whether its original is a file.
        pub electronic: bool,
        /// Who issued it.
        pub seller_name: String,
        /// When it was issued.
        pub issued_on: NaiveDate,
        /// Its total, tax included.
        pub total: Fen,
        /// `[{name, amount}]`.
        #[schema(value_type = Object)]
        pub lines: Json,
        /// What live claims draw on it.
        pub drawn: Fen,
        /// The payee for whom live claims draw on it, as keyed hash.
        #[serde(skip)]
        pub drawn_for: Option<String>,
        /// 红冲: it no longer stands.
        pub red_lettered: bool,
        /// Why, and by which red-letter invoice.
        pub red_letter_reason: Option<String>,
        /// Who registered it.
        pub registered_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was registered.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A key that a street has taken in its district: of an invoice, or of an original file.
pub mod invoice_key {
    use sea_orm::entity::prelude::*;

    /// A key that a street has taken in its district: of an invoice, or of an original file.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoice_keys")]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district, in which the key is unique.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The key.
        pub taken: String,
        /// The invoice that has it.
        pub invoice_id: Uuid,
    }

    crate::no_relations!();
}

/// What a line of a claim draws on an invoice.
pub mod invoice_draw {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// What a line of a claim draws on an invoice.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "invoice_draws")]
    #[schema(as = InvoiceDraw)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its community; null for the street's own.
        pub community_id: Option<Uuid>,
        /// The invoice.
        pub invoice_id: Uuid,
        /// The claim.
        pub claim_id: Uuid,
        /// Its line, from 1.
        pub line_number: i32,
        /// How much.
        pub amount: Fen,
        /// Whether the claim is on its way or paid: only then it counts.
        pub live: bool,
    }

    crate::no_relations!();
}

crate::scoped!(invoice, Community, community);
crate::scoped!(invoice_key, Shared, street);
crate::scoped!(invoice_draw, Community, community);
