//! Rows of the calendar.

/// A recorded year.
pub mod calendar_year {
    use sea_orm::entity::prelude::*;

    /// The notice of one year as it was recorded; the newest of a district's year counts.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "calendar_years")]
    pub struct Model {
        /// The record.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district whose administrator recorded it.
        pub district_id: Uuid,
        /// The calendar year.
        pub year: i32,
        /// The notice it follows, such as 国办发明电〔2026〕7号.
        pub source: String,
        /// Who recorded it.
        pub recorded_by: Option<Uuid>,
        /// When it was recorded.
        pub created_at: DateTimeUtc,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use crate::kernel::access::Place;
use crate::platform::db::{Class, Scoped};

/// A district's: read by all its units, written by itself.
impl Scoped for calendar_year::Entity {
    const CLASS: Class = Class::Reference;

    fn id_column() -> Self::Column {
        calendar_year::Column::Id
    }

    fn district_column() -> Self::Column {
        calendar_year::Column::DistrictId
    }

    fn street_column() -> Option<Self::Column> {
        None
    }

    fn community_column() -> Option<Self::Column> {
        None
    }

    fn place(model: &Self::Model) -> Place {
        Place::district(model.district_id)
    }
}
