//! Rows of the claims.

/// A claim 报销: one charge on one budget line. After submission its content is fixed.
pub mod claim {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A claim 报销: one charge on one budget line. After submission its content is fixed.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "claims")]
    #[schema(as = ClaimRow)]
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
        /// Its number, once in the street.
        pub number: String,
        /// The year it charges.
        pub fiscal_year: i32,
        /// The line it charges.
        pub budget_line_id: Uuid,
        /// The category of the line.
        pub category_id: Uuid,
        /// `activity`, `lecture`, `procurement` or `other`.
        pub kind: String,
        /// What it is for.
        pub title: String,
        /// More about it.
        pub purpose: Option<String>,
        /// The plan item it serves.
        pub plan_item_id: Option<Uuid>,
        /// The activity it pays for.
        pub activity_id: Option<Uuid>,
        /// The application beforehand it is made under.
        pub commitment_id: Option<Uuid>,
        /// `supplier` or `person`.
        pub payee_kind: String,
        /// Who is paid: a firm's name, a person's masked.
        pub payee_name: String,
        /// A person's name, encrypted.
        #[serde(skip)]
        pub payee_name_sealed: Option<String>,
        /// The colleague who is paid, if it is one.
        pub payee_user_id: Option<Uuid>,
        /// The person who is paid, as separation of duties compares.
        #[serde(skip)]
        pub payee_person: Option<String>,
        /// The account, encrypted.
        #[serde(skip)]
        pub payee_account_sealed: Option<String>,
        /// The account, masked.
        pub payee_account_masked: Option<String>,
        /// The payee's bank.
        pub payee_bank: Option<String>,
        /// The branch's number in the payment system 联行号.
        pub payee_bank_code: Option<String>,
        /// Keyed hash of name and account: the same payee has the same.
        #[serde(skip)]
        pub payee_key: String,
        /// `transfer`, `official_card` or `cash`.
        pub payment_method: String,
        /// Why in cash.
        pub payment_reason: Option<String>,
        /// `cash` or `quota`.
        pub paid_from: String,
        /// Which minutes of the collective decision 集体决策; the paper itself is attached.
        pub decision_reference: Option<String>,
        /// What is charged to the line, tax included.
        pub amount: Fen,
        /// Tax withheld.
        pub tax: Fen,
        /// What the payee gets.
        pub net: Fen,
        /// `draft`, `submitted`, `endorsed`, `reviewed`, `approved`, `paid`, `rejected`, `withdrawn`, `expired` or `reversed`.
        pub state: String,
        /// 补正: no step is taken until the papers are provided.
        pub information_requested: bool,
        /// The approval chain it was submitted under.
        #[schema(value_type = Option<Object>)]
        pub chain: Option<Json>,
        /// How many approvals of the chain are done.
        pub steps_done: i32,
        /// What the next step takes; null where none is open, while papers are asked for, and while it lies in a payment batch.
        pub next_capability: Option<String>,
        /// What it holds on the line.
        pub reserved: Fen,
        /// The part of its money that came from its application.
        pub from_commitment: Fen,
        /// What came back after payment.
        pub refunded: Fen,
        /// Who prepared it.
        pub prepared_by: Uuid,
        /// When it was last submitted.
        pub submitted_at: Option<DateTime<Utc>>,
        /// When it expires unless it is approved.
        pub expires_on: Option<NaiveDate>,
        /// Who endorsed it.
        pub endorsed_by: Option<Uuid>,
        /// The accountant who reviewed it.
        pub reviewed_by: Option<Uuid>,
        /// Who approved it last.
        pub approved_by: Option<Uuid>,
        /// The cashier who paid it.
        pub paid_by: Option<Uuid>,
        /// The posting date of the payment.
        pub paid_on: Option<NaiveDate>,
        /// The bank's reference.
        pub bank_reference: Option<String>,
        /// The bank's value date.
        pub value_date: Option<NaiveDate>,
        /// The voucher of the payment.
        pub voucher_id: Option<Uuid>,
        /// The voucher that undid it.
        pub reversal_voucher_id: Option<Uuid>,
        /// The payment batch it lies in.
        pub batch_id: Option<Uuid>,
        /// Its line there.
        pub batch_serial: Option<i32>,
        /// Why the bank returned it.
        pub bank_returned: Option<String>,
        /// When it was last urged.
        pub urged_on: Option<NaiveDate>,
        /// The claim it was copied from.
        pub copied_from: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A line of a claim.
pub mod claim_line {
    use chrono::NaiveDate;
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A line of a claim.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "claim_lines")]
    #[schema(as = ClaimLine)]
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
        /// The claim.
        pub claim_id: Uuid,
        /// From 1.
        pub line_number: i32,
        /// What it is spent on.
        pub expense_item_id: Uuid,
        /// What was bought.
        pub description: String,
        /// Quantities that its standard needs, such as `{"person_day": 10}`.
        #[schema(value_type = Object)]
        pub quantities: Json,
        /// The grade or class that its standard needs.
        pub grade: Option<String>,
        /// The place that its standard needs, such as the city of a night.
        pub place: Option<String>,
        /// The day it was spent, where given; else it goes by the first day of the claim's activity, or by the day of drafting or submitting.
        pub date: Option<NaiveDate>,
        /// Why it is above the standard.
        pub reason: Option<String>,
        /// What is charged, tax included.
        pub amount: Fen,
        /// Tax withheld.
        pub tax: Fen,
        /// What the payee gets: this is compared with the standard.
        pub net: Fen,
        /// The standard that was in force; later ones do not touch it.
        pub standard_id: Option<Uuid>,
        /// How many of the standard's units.
        pub quantity: Option<i32>,
        /// What the standard allows for them; null where it is paid at cost.
        pub allowed: Option<Fen>,
        /// Whether the net is above what is allowed.
        pub over_standard: bool,
    }

    crate::no_relations!();
}

/// What happened to a claim, or a comment on it. Never changed.
pub mod claim_event {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// What happened to a claim, or a comment on it. Never changed.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "claim_events")]
    #[schema(as = ClaimEvent)]
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
        /// The claim.
        pub claim_id: Uuid,
        /// The action, or `comment`.
        pub kind: String,
        /// The state after it.
        pub state: String,
        /// The reason or the words.
        pub comment: Option<String>,
        /// Who.
        pub user_id: Option<Uuid>,
        /// Whose part they took during leave or illness.
        pub acting_for: Option<Uuid>,
        /// The person, as separation of duties compares.
        #[serde(skip)]
        pub person: String,
        /// The job that did it.
        pub job: Option<String>,
        /// When.
        pub at: DateTime<Utc>,
        /// The business date of it.
        pub business_date: Option<NaiveDate>,
    }

    crate::no_relations!();
}

/// A batch of claims that the bank pays from one file.
pub mod payment_batch {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A batch of claims that the bank pays from one file.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "payment_batches")]
    #[schema(as = PaymentBatch)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The layout.
        pub template_id: Uuid,
        /// Its number.
        pub number: String,
        /// `made`, `void` or `settled`.
        pub state: String,
        /// Its day.
        pub date: NaiveDate,
        /// How many claims.
        pub count: i32,
        /// Their sum, net.
        pub sum: Fen,
        /// The hash of the file.
        pub sha256: String,
        /// The file's name.
        pub file_name: String,
        /// The file, encrypted.
        #[serde(skip)]
        pub content: String,
        /// Who made it.
        pub made_by: Uuid,
        /// Who voided it.
        pub voided_by: Option<Uuid>,
        /// Why.
        pub void_reason: Option<String>,
        /// The hash of the result.
        pub result_sha256: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// Money of a claim that came back.
pub mod claim_refund {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Money of a claim that came back.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "claim_refunds")]
    #[schema(as = ClaimRefund)]
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
        /// The claim.
        pub claim_id: Uuid,
        /// Gross.
        pub amount: Fen,
        /// The part of it that was tax.
        pub tax: Fen,
        /// Why.
        pub reason: String,
        /// The posting date.
        pub date: NaiveDate,
        /// Its voucher.
        pub voucher_id: Uuid,
        /// Who recorded it.
        pub recorded_by: Uuid,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(claim, Community, community);
crate::scoped!(claim_line, Community, community);
crate::scoped!(claim_event, Community, community);
crate::scoped!(payment_batch, Street, street);
crate::scoped!(claim_refund, Community, community);
