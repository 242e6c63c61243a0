//! Slots and runs.

/// A slot.
pub mod job_slot {
    use sea_orm::entity::prelude::*;

    /// A job's work for one scope and period. It exists once.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_slots")]
    pub struct Model {
        /// The slot.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district; none for the system's own.
        pub district_id: Option<Uuid>,
        /// The street.
        pub street_id: Option<Uuid>,
        /// The community.
        pub community_id: Option<Uuid>,
        /// The job's name.
        pub job: String,
        /// What it is for.
        pub scope: String,
        /// The period.
        pub period: String,
        /// The record it is about.
        pub subject_id: Option<Uuid>,
        /// When it was due, by the business clock.
        pub due_at: DateTimeUtc,
        /// `pending`, `running`, `done`, `held` or `failed`.
        pub state: String,
        /// How it ended, a stable code.
        pub outcome: Option<String>,
        /// How it ended, in Chinese.
        pub outcome_detail_zh: Option<String>,
        /// How it ended, in English.
        pub outcome_detail_en: Option<String>,
        /// How many items it posted.
        pub posted_items: i64,
        /// What they sum to, in fen.
        pub posted_amount: i64,
        /// Tries since it was last held.
        pub attempts: i64,
        /// Who runs it.
        pub owner: Option<String>,
        /// Rises with each claim: only the last one may end the slot.
        pub fence: i64,
        /// Until when the claim holds, by the database's time.
        pub lease_until: Option<DateTimeUtc>,
        /// When it is tried again: failed by the database's time, held by the business clock.
        pub retry_at: Option<DateTimeUtc>,
        /// How much of the work is done.
        pub done_count: i64,
        /// How much there is.
        pub total_count: i64,
        /// What it does now.
        pub message: String,
        /// What it came to.
        pub result: Option<Json>,
        /// Counts the claims and ends.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTimeUtc,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A run.
pub mod job_run {
    use sea_orm::entity::prelude::*;

    /// One try at a slot, or long work that a person started.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_runs")]
    pub struct Model {
        /// The run.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district; none for the system's own.
        pub district_id: Option<Uuid>,
        /// The street.
        pub street_id: Option<Uuid>,
        /// The community.
        pub community_id: Option<Uuid>,
        /// The slot; none for what a person started.
        pub slot_id: Option<Uuid>,
        /// The job's name, or the kind of work.
        pub kind: String,
        /// The slot's fence of this try.
        pub fence: i64,
        /// `running`, `done`, `held`, `failed` or `lost` (its lease ran out).
        pub state: String,
        /// How it ended, a stable code.
        pub outcome: Option<String>,
        /// How it ended, in Chinese.
        pub outcome_detail_zh: Option<String>,
        /// How it ended, in English.
        pub outcome_detail_en: Option<String>,
        /// How much of the work is done.
        pub done_count: i64,
        /// How much there is.
        pub total_count: i64,
        /// What it does now.
        pub message: String,
        /// What it came to.
        pub result: Option<Json>,
        /// Who started it by hand.
        pub started_by: Option<Uuid>,
        /// When it was started, by the wall clock.
        pub started_at: DateTimeUtc,
        /// When it ended, by the wall clock.
        pub finished_at: Option<DateTimeUtc>,
        /// Until when it counts as alive, by the database's time.
        pub lease_until: DateTimeUtc,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

macro_rules! at_place {
    ($module:ident) => {
        crate::scoped!($module, System, unit);

        impl $module::Model {
            /// Whose it is; what is the system's own sits in the nil district, which nobody has.
            #[must_use]
            pub fn place(&self) -> crate::kernel::access::Place {
                crate::kernel::access::Place { district: self.district_id.unwrap_or_default(), street: self.street_id, community: self.community_id }
            }
        }
    };
}

at_place!(job_slot);
at_place!(job_run);
