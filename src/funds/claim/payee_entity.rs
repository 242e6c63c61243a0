//! Rows of the payees.

/// A payee 收款人 that a unit keeps, to be chosen in its claims.
pub mod payee {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A payee 收款人 that a unit keeps, to be chosen in its claims.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "payees")]
    #[schema(as = PayeeRow)]
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
        /// The unit that keeps it: the community, or else the street.
        #[serde(skip)]
        pub unit_id: Uuid,
        /// `supplier` or `person`.
        pub kind: String,
        /// The name: a firm's, a person's masked.
        pub name: String,
        /// A person's name, encrypted.
        #[serde(skip)]
        pub name_sealed: Option<String>,
        /// The keyed hash by which a person is searched.
        #[serde(skip)]
        pub name_key: Option<String>,
        /// The account, encrypted.
        #[serde(skip)]
        pub account_sealed: Option<String>,
        /// The account, masked.
        pub account_masked: Option<String>,
        /// The bank.
        pub bank_name: Option<String>,
        /// The branch's number in the payment system 联行号.
        pub bank_code: Option<String>,
        /// The colleague, where it is one.
        pub user_id: Option<Uuid>,
        /// Keyed hash of name and account.
        #[serde(skip)]
        pub payee_key: String,
        /// Whether it can still be chosen.
        pub active: bool,
        /// Who keeps it.
        pub created_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(payee, Community, community);
