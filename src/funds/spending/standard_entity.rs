//! Rows of the standards and of the tax rules.

/// A standard.
pub mod standard {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A standard 开支标准: what a unit of an expense item may cost at most (财行〔2017〕324号 and local copies).
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "standards")]
    #[schema(as = StandardRow)]
    pub struct Model {
        /// The standard.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// The item.
        pub expense_item_id: Uuid,
        /// What it is called.
        pub name: String,
        /// What one unit is: `vehicle_day`, `person_day`, `person_meal`, `person_half_day`, `class_hour`, `person_night`, or `actual` (at cost).
        pub basis: String,
        /// The seat class, the lecturer's grade, the traveller's rank.
        pub grade: Option<String>,
        /// The city.
        pub place: Option<String>,
        /// The first day of its season, `MM-DD`.
        pub season_from: Option<String>,
        /// The last day of its season, `MM-DD`.
        pub season_to: Option<String>,
        /// What a unit may cost; null for `actual`. Lectures: after tax.
        pub amount: Option<Fen>,
        /// What happens above it: `refuse`, `needs_reason` or `mark`.
        pub above: String,
        /// The most units in half a day.
        pub max_per_half_day: Option<i32>,
        /// The most units in a day.
        pub max_per_day: Option<i32>,
        /// The first day it is in force; it ends the one before it.
        pub effective_from: NaiveDate,
        /// The last day, where the district ended it.
        pub ended_on: Option<NaiveDate>,
        /// The rule that it comes from.
        pub source: String,
        /// Whether it still has to be looked up in the rule.
        pub to_be_confirmed: bool,
        /// Who set it.
        pub set_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A tax rule.
pub mod tax_rule {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// How income tax is withheld from labour income 劳务报酬, from a day on. Never changed: the next one begins later.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "tax_rules")]
    #[schema(as = TaxRule)]
    pub struct Model {
        /// The rule.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Up to this gross, `flat_deduction` is taken off; above it, `deduction_percent` of it.
        pub flat_up_to: Fen,
        /// What is free of tax up to `flat_up_to`.
        pub flat_deduction: Fen,
        /// What is taken off above `flat_up_to`, in per cent.
        pub deduction_percent: i32,
        /// `[{over, rate_percent, deduction}]`, by rising taxable income.
        #[schema(value_type = Object)]
        pub brackets: Json,
        /// The first day it is in force.
        pub effective_from: NaiveDate,
        /// The rule that it comes from.
        pub source: String,
        /// Whether it still has to be looked up in the rule.
        pub to_be_confirmed: bool,
        /// Who set it.
        pub set_by: Option<Uuid>,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(standard, Reference, district);
crate::scoped!(tax_rule, Reference, district);
