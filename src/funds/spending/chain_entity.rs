//! Rows of the approval chains.

/// An approval chain of a street, versioned: which approvals an amount needs. A claim keeps the one it was submitted under.
pub mod approval_chain {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// An approval chain of a street, versioned: which approvals an amount needs. A claim keeps the one it was submitted under.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "approval_chains")]
    #[schema(as = ApprovalChain)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Counts the versions of the street, from 1.
        pub chain_version: i32,
        /// The first day it is in force.
        pub effective_from: NaiveDate,
        /// `[{up_to, approvers, collective_decision}]`, the last one without `up_to`.
        #[schema(value_type = Object)]
        pub bands: Json,
        /// After how many calendar days an undecided claim expires.
        pub expire_after_days: i32,
        /// Who set it.
        pub set_by: Option<Uuid>,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(approval_chain, Shared, street);
