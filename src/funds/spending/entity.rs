//! Rows of the spending rules.

/// A category.
pub mod category {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A budget category 经费类别 of a district.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "categories")]
    #[schema(as = CategoryRow)]
    pub struct Model {
        /// The category.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its code, once in the district.
        pub code: String,
        /// Its name, once in the district.
        pub name: String,
        /// 专款专用: money does not leave it unless `transfer_out_allowed`.
        pub earmarked: bool,
        /// Whether the district allows transfers out of it although it is earmarked.
        pub transfer_out_allowed: bool,
        /// Whether people may be paid out of it: a stipend scheme needs it.
        pub pays_individuals: bool,
        /// What happens to what is left at year-end: `returns` or `stays_with_unit`.
        pub carry_over: String,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// An expense item.
pub mod expense_item {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// What money is spent on 费用项目, such as 租车费 (财行〔2017〕324号).
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "expense_items")]
    #[schema(as = ExpenseItem)]
    pub struct Model {
        /// The item.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its code, once in the district.
        pub code: String,
        /// Its name.
        pub name: String,
        /// Whether it pays a person for work (讲课费): net, tax and gross are worked out by the tax rule.
        pub labour_income: bool,
        /// The ban (八个严禁) that it stands for, such as `tourism`: new categories forbid it unless they allow it by name.
        pub ban: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// An item that a category allows or forbids.
pub mod category_item {
    use sea_orm::entity::prelude::*;

    /// One entry of a category's lists.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "category_items")]
    pub struct Model {
        /// The entry.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district.
        pub district_id: Uuid,
        /// The category.
        pub category_id: Uuid,
        /// The item.
        pub expense_item_id: Uuid,
        /// Allowed; else forbidden.
        pub allowed: bool,
    }

    crate::no_relations!();
}

crate::scoped!(category, Reference, district);
crate::scoped!(expense_item, Reference, district);
crate::scoped!(category_item, Reference, district);
