//! Rows of the activities.

/// An activity.
pub mod activity {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// An activity of a street or a community: planned, then held or cancelled.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "activities")]
    #[schema(as = ActivityRow)]
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
        /// The plan item it belongs to; null for one outside the yearly plan.
        pub plan_item_id: Option<Uuid>,
        /// Its kind, such as `theme_day` (主题党日).
        pub kind: String,
        /// What it is called.
        pub title: String,
        /// Its first day.
        pub from_date: NaiveDate,
        /// Its last day.
        pub to_date: NaiveDate,
        /// Where.
        pub place: String,
        /// How many people were planned for.
        pub planned_headcount: i32,
        /// How many people came; null until it was held.
        pub actual_headcount: Option<i32>,
        /// A trip out of town.
        pub outside_town: bool,
        /// A trip out of the province; it is out of town too.
        pub outside_province: bool,
        /// The minutes; null until it was held.
        pub minutes: Option<String>,
        /// `planned`, `held` or `cancelled`.
        pub state: String,
        /// Why it was cancelled.
        pub cancel_reason: Option<String>,
        /// Who planned it.
        pub prepared_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A limit on trips.
pub mod activity_limit {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// How many trips of a kind a unit may make in some years, as its district set it. Never changed: the next one takes effect from its day.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "activity_limits")]
    #[schema(as = ActivityLimit)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district.
        pub district_id: Uuid,
        /// The units it binds: `street` or `community`.
        pub unit_level: String,
        /// `outside_town` or `outside_province`.
        pub trip: String,
        /// At most so many …
        pub most: i32,
        /// … in so many calendar years, the activity's own being the last.
        pub years: i32,
        /// The first day it is in force.
        pub effective_from: NaiveDate,
        /// The rule it comes from.
        pub source: String,
        /// Who set it.
        pub set_by: Option<Uuid>,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(activity, Community, community);
crate::scoped!(activity_limit, Reference, district);
