//! Rows of the recoveries.

/// What was paid too much: paid back in cash (E10), or written off (E10w).
pub mod recovery {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// What was paid too much: paid back in cash (E10), or written off (E10w).
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "recoveries")]
    #[schema(as = RecoveryRow)]
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
        /// The scheme.
        pub scheme_id: Uuid,
        /// The enrolment.
        pub enrolment_id: Uuid,
        /// The beneficiary.
        pub beneficiary_id: Uuid,
        /// `cash` or `written_off`.
        pub kind: String,
        /// `submitted` (a write-off that waits for the leader), `settled` or `rejected`.
        pub state: String,
        /// Before tax: what it takes off what is outstanding.
        pub amount: Fen,
        /// Tax that had been withheld and is not owed any more.
        pub tax: Fen,
        /// What was paid back; for a write-off what is given up.
        pub net: Fen,
        /// Why.
        pub reason: String,
        /// Why the leader approved or rejected the write-off.
        pub decision_reason: Option<String>,
        /// Since when it counts.
        pub settled_on: Option<NaiveDate>,
        /// Its voucher; a write-off has none.
        pub voucher_id: Option<Uuid>,
        /// Who recorded or proposed it.
        pub recorded_by: Uuid,
        /// Who approved or rejected the write-off.
        pub decided_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// What a recovery in cash gives back of one paid item: to its budget line, and off its tax month.
pub mod recovery_charge {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Month;

    /// What a recovery in cash gives back of one paid item: to its budget line, and off its tax month.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "recovery_charges")]
    #[schema(as = RecoveryCharge)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The recovery.
        pub recovery_id: Uuid,
        /// The item.
        pub item_id: Uuid,
        /// The line that the item was charged to.
        pub budget_line_id: Uuid,
        /// The year that the item was charged to.
        pub fiscal_year: i32,
        /// The month it was taxed in.
        pub month: Month,
        /// Before tax.
        pub gross: Fen,
        /// The tax of it.
        pub tax: Fen,
    }

    crate::no_relations!();
}

crate::scoped!(recovery, Street, community);
crate::scoped!(recovery_charge, Street, street);
