//! Rows of the payout: its runs, their items and parts, and the bank file they are paid by.

/// A payout run 发放批次 of a scheme for a period.
pub mod payout_run {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Period;

    /// A payout run 发放批次 of a scheme for a period.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "payout_runs")]
    #[schema(as = PayoutRun)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The scheme.
        pub scheme_id: Uuid,
        /// The period.
        pub period: Period,
        /// 1, or 2 and up for supplementary runs.
        pub seq: i32,
        /// The year it is charged to.
        pub fiscal_year: i32,
        /// `calculated`, `held`, `approved`, `posted`, `exported`, `settled` or `cancelled`.
        pub state: String,
        /// Why it is held, as a code.
        pub held_code: Option<String>,
        /// Why it is held or was cancelled.
        pub held_reason: Option<String>,
        /// How many items are not held.
        pub heads: i32,
        /// People who are held: left out, and due again next time.
        pub held_heads: i32,
        /// Their sum before tax.
        pub gross: Fen,
        /// Tax withheld.
        pub tax: Fen,
        /// What the bank pays.
        pub net: Fen,
        /// What was calculated, as a hash: posting pays nothing else.
        pub fingerprint: String,
        /// The standing authorisation it was approved under.
        pub authorisation_id: Option<Uuid>,
        /// Who calculated it.
        pub calculated_by: Option<Uuid>,
        /// Who approved it.
        pub approved_by: Option<Uuid>,
        /// Who posted it.
        pub posted_by: Option<Uuid>,
        /// The posting date.
        pub posted_on: Option<NaiveDate>,
        /// Its voucher.
        pub voucher_id: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A bank file 代发文件: an immutable numbered batch.
pub mod bank_file {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A bank file 代发文件: an immutable numbered batch.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "bank_files")]
    #[schema(as = BankFile)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The run.
        pub run_id: Uuid,
        /// The layout.
        pub template_id: Uuid,
        /// The batch number.
        pub number: String,
        /// `made`, `void` or `settled`.
        pub state: String,
        /// The business date.
        pub date: NaiveDate,
        /// How many payments.
        pub count: i32,
        /// Their sum.
        pub sum: Fen,
        /// Hash of the bytes.
        pub sha256: String,
        /// The file's name.
        pub file_name: String,
        /// The bytes, encrypted.
        #[serde(skip)]
        pub content: String,
        /// Who made it.
        pub made_by: Uuid,
        /// Who voided it.
        pub voided_by: Option<Uuid>,
        /// Why.
        pub void_reason: Option<String>,
        /// Hash of the result file that was imported.
        pub result_sha256: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// One person's payment in a run, with how it came about.
pub mod payout_item {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// One person's payment in a run, with how it came about.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "payout_items")]
    #[schema(as = PayoutItem)]
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
        /// The run.
        pub run_id: Uuid,
        /// The enrolment.
        pub enrolment_id: Uuid,
        /// The beneficiary.
        pub beneficiary_id: Uuid,
        /// The account it goes to.
        pub bank_account_id: Option<Uuid>,
        /// The line it is charged to.
        pub budget_line_id: Option<Uuid>,
        /// `calculated`, `held`, `posted`, `exported`, `paid` or `returned`.
        pub state: String,
        /// Why it is held, as a code.
        pub held_code: Option<String>,
        /// Before tax.
        pub gross: Fen,
        /// Tax withheld.
        pub tax: Fen,
        /// What the bank pays.
        pub net: Fen,
        /// Of a returned item, what the person has of it all the same: its tax, where that was given back with a recovery of the month. It stays spent and settled.
        pub kept: Fen,
        /// What is still to be recovered.
        pub outstanding_recovery: Fen,
        /// How it came about, period by period: entitled, settled, difference, taken.
        #[schema(value_type = Vec<Object>, example = json!([{"period": "2017Q1", "entitled": "879.00", "settled": "0.00", "difference": "879.00", "taken": "879.00", "kind": "regular"}]))]
        pub explanation: Json,
        /// The bank file it is in.
        pub bank_file_id: Option<Uuid>,
        /// Its number in the file.
        pub serial: Option<i32>,
        /// Why the bank returned it.
        pub returned_reason: Option<String>,
        /// Whether the return was confirmed.
        pub return_confirmed: bool,
        /// Counts the changes.
        pub version: i64,
    }

    crate::no_relations!();
}

/// What an item settles of one period.
pub mod payout_part {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Period;

    /// What an item settles of one period.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "payout_parts")]
    #[schema(as = PayoutPart)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The item; null where a recovery wrote it.
        pub item_id: Option<Uuid>,
        /// The recovery; null where an item wrote it.
        pub recovery_id: Option<Uuid>,
        /// The enrolment.
        pub enrolment_id: Uuid,
        /// The kind of scheme.
        pub scheme_kind_id: Uuid,
        /// The person.
        #[serde(skip)]
        pub person_key: String,
        /// The period.
        pub period: Period,
        /// `regular`, `arrears`, `recovery` or `written_off`.
        pub kind: String,
        /// Signed.
        pub amount: Fen,
        /// Whether it counts.
        pub live: bool,
        /// Whether it holds the period for the person in the district.
        pub holds: bool,
    }

    crate::no_relations!();
}

crate::scoped!(payout_run, Street, street);
crate::scoped!(bank_file, Street, street);
crate::scoped!(payout_item, Street, community);
crate::scoped!(payout_part, Street, street);
