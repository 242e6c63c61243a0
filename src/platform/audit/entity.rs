//! Rows of the audit trail.

/// An event.
pub mod audit_event {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// Who did what to which record, before and after, from where. Never changed, never deleted.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "audit_events")]
    pub struct Model {
        /// The event; later events have larger ids.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district of the record.
        pub district_id: Option<Uuid>,
        /// The street of the record.
        pub street_id: Option<Uuid>,
        /// The community of the record.
        pub community_id: Option<Uuid>,
        /// When, by the wall clock.
        pub at: DateTimeUtc,
        /// The business date.
        pub business_date: Date,
        /// Noun and verb.
        pub action: String,
        /// The kind of record.
        pub subject_type: String,
        /// The record.
        pub subject_id: Option<Uuid>,
        /// The person.
        pub user_id: Option<Uuid>,
        /// Whose part was taken.
        pub acting_for: Option<Uuid>,
        /// The job.
        pub job: Option<String>,
        /// The standing authorisation that the job acted under.
        pub authorisation_id: Option<Uuid>,
        /// The login.
        pub session_id: Option<Uuid>,
        /// The request.
        pub request_id: String,
        /// The network address.
        pub address: Option<String>,
        /// Why.
        pub reason: Option<String>,
        /// The record before.
        pub before: Option<Json>,
        /// The record after.
        pub after: Option<Json>,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

crate::scoped!(audit_event, System, unit);

impl audit_event::Model {
    /// Where the record sits; an event of no district sits in the nil district, which nobody has.
    #[must_use]
    pub fn place(&self) -> crate::kernel::access::Place {
        crate::kernel::access::Place { district: self.district_id.unwrap_or_default(), street: self.street_id, community: self.community_id }
    }
}
