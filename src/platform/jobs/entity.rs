//! Rows of the jobs.

/// A slot: a job, what it is about, a period.
pub mod job_slot {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A slot: a job, what it is about, a period.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "job_slots")]
    #[schema(as = JobSlot)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Option<Uuid>,
        /// Its community.
        pub community_id: Option<Uuid>,
        /// The job.
        pub job: String,
        /// What it is about, for people.
        pub scope: String,
        /// The record it is about.
        pub subject_id: Uuid,
        /// The period.
        pub period: String,
        /// Since when it is due.
        pub due_on: NaiveDate,
        /// `pending`, `running`, `done`, `held` or `failed`.
        pub state: String,
        /// What it came to, as a code.
        pub outcome: Option<String>,
        /// More about it.
        pub detail: Option<String>,
        /// How often it was tried.
        pub attempts: i32,
        /// Who runs it.
        pub owner: Option<String>,
        /// Counts the claims.
        pub fence: i64,
        /// Until when the claim lasts, seconds.
        pub lease_until: Option<i64>,
        /// When it is tried again.
        pub retry_on: Option<NaiveDate>,
        /// How many items it posted.
        pub posted_items: i64,
        /// Their sum.
        pub posted_amount: Fen,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(job_slot, System, unit);

impl job_slot::Model {
    /// Where the record sits.
    #[must_use]
    pub const fn place(&self) -> crate::kernel::access::Place {
        crate::kernel::access::Place { district: self.district_id, street: self.street_id, community: self.community_id }
    }
}
