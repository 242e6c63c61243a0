//! Rows of the inbox. The outbox is written and read by statements of its own.

/// A notice in somebody's inbox.
pub mod notification {
    use sea_orm::entity::prelude::*;

    /// A notice to one user.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notifications")]
    pub struct Model {
        /// The notice.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district of the unit it is about.
        pub district_id: Uuid,
        /// The street.
        pub street_id: Option<Uuid>,
        /// The community.
        pub community_id: Option<Uuid>,
        /// Where it came from.
        pub outbox_id: Uuid,
        /// Whose it is.
        pub user_id: Uuid,
        /// A stable code.
        pub kind: String,
        /// The kind of record.
        pub subject_type: String,
        /// The record.
        pub subject_id: Uuid,
        /// The words in Chinese.
        pub text_zh: String,
        /// The words in English.
        pub text_en: String,
        /// When it was written.
        pub created_at: DateTimeUtc,
        /// When it was read.
        pub read_at: Option<DateTimeUtc>,
        /// Counts the changes.
        pub version: i64,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

crate::scoped!(notification, System, unit);

impl notification::Model {
    /// The unit it is about.
    #[must_use]
    pub const fn place(&self) -> crate::kernel::access::Place {
        crate::kernel::access::Place { district: self.district_id, street: self.street_id, community: self.community_id }
    }
}
