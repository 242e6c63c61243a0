//! Rows of the donations.

/// Money given 红色基金, restricted to its purpose.
pub mod donation {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Money given 红色基金, restricted to its purpose.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "donations")]
    #[schema(as = Donation)]
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
        /// Its number.
        pub number: String,
        /// The year it was received in.
        pub fiscal_year: i32,
        /// The posting date.
        pub date: NaiveDate,
        /// Who gave it, encrypted; absent where they stay unnamed.
        #[serde(skip)]
        pub donor_sealed: Option<String>,
        /// Who gave it, masked.
        pub donor_masked: Option<String>,
        /// What it is restricted to.
        pub purpose: String,
        /// How much.
        pub amount: Fen,
        /// Its voucher.
        pub voucher_id: Uuid,
        /// Who recorded it.
        pub recorded_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// Use of donated money: prepared, reviewed, approved, paid, each by another person.
pub mod donation_use {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Use of donated money: prepared, reviewed, approved, paid, each by another person.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "donation_uses")]
    #[schema(as = DonationUse)]
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
        /// Its number.
        pub number: String,
        /// What for.
        pub title: String,
        /// Who is paid.
        pub payee_name: String,
        /// How much.
        pub amount: Fen,
        /// `submitted`, `reviewed`, `approved`, `paid`, `rejected` or `withdrawn`.
        pub state: String,
        /// Why it was rejected.
        pub reason: Option<String>,
        /// Who prepared it.
        pub prepared_by: Uuid,
        /// The accountant who reviewed it.
        pub reviewed_by: Option<Uuid>,
        /// Who approved it.
        pub approved_by: Option<Uuid>,
        /// The cashier who paid it.
        pub paid_by: Option<Uuid>,
        /// The posting date.
        pub paid_on: Option<NaiveDate>,
        /// Its voucher.
        pub voucher_id: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(donation, Community, community);
crate::scoped!(donation_use, Community, community);
