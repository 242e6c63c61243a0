//! Rows of the plan.

/// A plan item.
pub mod plan_item {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A project of a street or a community in a year.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "plan_items")]
    #[schema(as = PlanItemRow)]
    pub struct Model {
        /// The item.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its community; null for the street's own.
        pub community_id: Option<Uuid>,
        /// The year it is planned for.
        pub fiscal_year: i32,
        /// What it is called.
        pub title: String,
        /// What it is to bring about.
        pub objective: String,
        /// Steps on the way, in order.
        #[schema(value_type = Vec<String>)]
        pub milestones: Json,
        /// 一社区一品牌: the community's brand project, one a year.
        pub brand_project: bool,
        /// Counts the changes.
        pub version: i64,
        /// When it was written.
        pub created_at: DateTime<Utc>,
        /// Who wrote it.
        pub created_by: Option<Uuid>,
    }

    crate::no_relations!();
}

/// A target of a plan item.
pub mod target {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// What a plan item is measured by.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "targets")]
    #[schema(as = Target)]
    pub struct Model {
        /// The target.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its community.
        pub community_id: Option<Uuid>,
        /// The plan item.
        pub plan_item_id: Uuid,
        /// What is measured.
        pub name: String,
        /// `at_least`, `at_most`, `equal`, or `text` for what is told in words.
        pub comparison: String,
        /// The value: a decimal number, or words for `text`.
        pub value: String,
        /// The unit, such as 人 or 次; empty for `text`.
        pub unit: String,
        /// Counts the changes.
        pub version: i64,
        /// When it was written.
        pub created_at: DateTime<Utc>,
        /// Who wrote it.
        pub created_by: Option<Uuid>,
    }

    crate::no_relations!();
}

crate::scoped!(plan_item, Community, community);
crate::scoped!(target, Community, community);
