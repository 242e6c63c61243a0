//! Rows of the tree.

/// A unit.
pub mod org_unit {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// A district, a street or a community. Its own id stands in the column of its level.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "org_units")]
    pub struct Model {
        /// The unit.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district it lies in (a district: itself).
        pub district_id: Uuid,
        /// The street it lies in (a street: itself).
        pub street_id: Option<Uuid>,
        /// A community: itself.
        pub community_id: Option<Uuid>,
        /// The unit above.
        pub parent_id: Option<Uuid>,
        /// `district`, `street` or `community`.
        pub level: String,
        /// Its name, once under one parent.
        pub name: String,
        /// The city's name, on a district.
        pub city: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was opened.
        pub created_at: DateTimeUtc,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

crate::scoped!(org_unit, System, unit);

impl org_unit::Model {
    /// Where the unit sits: itself.
    #[must_use]
    pub const fn place(&self) -> crate::kernel::access::Place {
        crate::kernel::access::Place { district: self.district_id, street: self.street_id, community: self.community_id }
    }
}
