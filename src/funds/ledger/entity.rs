//! Rows of the ledger.

/// A fiscal year 会计年度 of a street: only people open it.
pub mod fiscal_year {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A fiscal year 会计年度 of a street: only people open it.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "fiscal_years")]
    #[schema(as = FiscalYear)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The year.
        pub year: i32,
        /// `open` or `closed`.
        pub state: String,
        /// Carried in from the years before.
        pub carried_in: Fen,
        /// Received from the treasury this year.
        pub received: Fen,
        /// Spent this year, by posting date; never above carried in plus received minus what is to be returned.
        pub spent: Fen,
        /// Surplus that goes back to the treasury and cannot be spent.
        pub to_return: Fen,
        /// Counts the changes.
        pub version: i64,
        /// When it was opened.
        pub opened_at: DateTime<Utc>,
        /// Who opened it.
        pub opened_by: Option<Uuid>,
        /// When it was closed.
        pub closed_at: Option<DateTime<Utc>>,
        /// Who closed it.
        pub closed_by: Option<Uuid>,
    }

    crate::no_relations!();
}

/// A month of the books. Months close in order; a closed one takes nothing.
pub mod ledger_period {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::period::Month;

    /// A month of the books. Months close in order; a closed one takes nothing.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "ledger_periods")]
    #[schema(as = LedgerPeriod)]
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
        /// The month.
        pub month: Month,
        /// `open` or `closed`.
        pub state: String,
        /// When it was closed.
        pub closed_at: Option<DateTime<Utc>>,
        /// Who closed it.
        pub closed_by: Option<Uuid>,
        /// Why it was closed without the reconciliation of its bank accounts, signed by who closed it.
        pub close_reason: Option<String>,
        /// Counts the changes.
        pub version: i64,
    }

    crate::no_relations!();
}

/// A voucher 记账凭证: never changed, never deleted.
pub mod voucher {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Month;

    /// A voucher 记账凭证: never changed, never deleted.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "vouchers")]
    #[schema(as = VoucherRow)]
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
        /// The month.
        pub month: Month,
        /// 凭证字.
        pub word: String,
        /// The number in the month, without gaps.
        pub number: i32,
        /// The place in the chain of the street, without gaps.
        pub seq: i64,
        /// The posting date.
        pub date: NaiveDate,
        /// What it books.
        pub kind: String,
        /// The kind of its cause.
        pub source_type: String,
        /// Its cause.
        pub source_id: Uuid,
        /// The voucher that this one undoes in red letters.
        pub reverses_id: Option<Uuid>,
        /// 摘要: made from codes, holding nobody's name.
        pub summary: String,
        /// How the bank names the payment or receipt, where its cause tells: its own reference, or the number of the batch or document it was sent.
        pub bank_reference: Option<String>,
        /// 附单据数.
        pub attachments_count: i32,
        /// The sum of its debits.
        pub amount: Fen,
        /// Who recorded it.
        pub prepared_by: Option<Uuid>,
        /// The job that recorded it.
        pub prepared_job: Option<String>,
        /// The standing authorisation that the job acted under.
        pub authorisation_id: Option<Uuid>,
        /// Who approved the cause.
        pub reviewed_by: Option<Uuid>,
        /// Who paid.
        pub cashier: Option<Uuid>,
        /// When it was written, by the wall clock, to the millisecond.
        pub recorded_at: DateTime<Utc>,
        /// How the hash was made.
        pub algorithm: String,
        /// SHA-256 over the hash before it and its own content.
        pub hash: String,
    }

    crate::no_relations!();
}

/// A line of a voucher: an account, debit or credit.
pub mod voucher_line {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A line of a voucher: an account, debit or credit.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "voucher_lines")]
    #[schema(as = VoucherLine)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The voucher.
        pub voucher_id: Uuid,
        /// The place in the voucher, from 1.
        pub line_number: i32,
        /// The account's code.
        pub account: String,
        /// Debit, or 0.00.
        pub debit: Fen,
        /// Credit, or 0.00.
        pub credit: Fen,
        /// The category.
        pub category_id: Option<Uuid>,
        /// The community.
        pub community_id: Option<Uuid>,
        /// In red letters: the amount may be negative.
        pub red: bool,
    }

    crate::no_relations!();
}

/// A signed checkpoint: the head of a street's chain on a day.
pub mod ledger_checkpoint {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A signed checkpoint: the head of a street's chain on a day.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "ledger_checkpoints")]
    #[schema(as = LedgerCheckpoint)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The last voucher's place in the chain.
        pub seq: i64,
        /// Its hash.
        pub head_hash: String,
        /// The business date.
        pub business_date: NaiveDate,
        /// When it was signed.
        pub at: DateTime<Utc>,
        /// `ed25519-v1`.
        pub algorithm: String,
        /// The signing key.
        pub key_id: String,
        /// The signature, hexadecimal.
        pub signature: String,
    }

    crate::no_relations!();
}

/// Opening balances 期初余额: recorded once, before the first voucher, approved by a second person.
pub mod opening_balance {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Opening balances 期初余额: recorded once, before the first voucher, approved by a second person.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "opening_balances")]
    #[schema(as = OpeningBalance)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The posting date.
        pub date: NaiveDate,
        /// `draft`, `approved` or `rejected`.
        pub state: String,
        /// Carried-over balance by category.
        #[schema(value_type = Vec<Object>, example = json!([{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "17580.00"}]))]
        pub lines: Json,
        /// The donation fund on hand.
        pub donations: Fen,
        /// The sum by category plus donations.
        pub total: Fen,
        /// Who recorded it.
        pub prepared_by: Uuid,
        /// Who approved it.
        pub approved_by: Option<Uuid>,
        /// Its voucher.
        pub voucher_id: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
        /// Why it was rejected.
        pub rejection_reason: Option<String>,
    }

    crate::no_relations!();
}

/// Income tax paid over to the tax office.
pub mod tax_payment {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Income tax paid over to the tax office.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "tax_payments")]
    #[schema(as = TaxPayment)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The posting date.
        pub date: NaiveDate,
        /// The amount.
        pub amount: Fen,
        /// The tax receipt's number.
        pub document_number: String,
        /// Its voucher.
        pub voucher_id: Uuid,
        /// Who recorded it.
        pub recorded_by: Uuid,
        /// When it was made.
        pub created_at: DateTime<Utc>,
        /// Counts the changes.
        pub version: i64,
    }

    crate::no_relations!();
}

crate::scoped!(fiscal_year, Street, street);
crate::scoped!(ledger_period, Street, street);
crate::scoped!(voucher, Street, street);
crate::scoped!(voucher_line, Street, street);
crate::scoped!(ledger_checkpoint, Street, street);
crate::scoped!(opening_balance, Street, street);
crate::scoped!(tax_payment, Street, street);
