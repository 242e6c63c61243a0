//! Rows of the budget.

/// A budget of a street for a programme in a year.
pub mod budget {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A budget of a street for a programme in a year.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "budgets")]
    #[schema(as = BudgetRow)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// The programme, one budget each a year.
        pub programme: String,
        /// How often it was submitted again, from 1.
        pub revision: i32,
        /// The declared total: the lines must sum to it.
        pub total: Fen,
        /// `draft`, `submitted`, `approved` or `closed`.
        pub state: String,
        /// Who drafted it.
        pub prepared_by: Uuid,
        /// Who submitted it.
        pub submitted_by: Option<Uuid>,
        /// Who approved it.
        pub approved_by: Option<Uuid>,
        /// Why it was last returned.
        pub return_reason: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
        /// When it was approved.
        pub approved_at: Option<DateTime<Utc>>,
    }

    crate::no_relations!();
}

/// A line of a budget: a category, of the street or of one community. Nothing is spent beyond it (专款专用).
pub mod budget_line {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A line of a budget: a category, of the street or of one community. Nothing is spent beyond it (专款专用).
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "budget_lines")]
    #[schema(as = BudgetLineRow)]
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
        /// The budget.
        pub budget_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// The category.
        pub category_id: Uuid,
        /// As drafted; 0.00 where an adjustment added the line.
        pub amount: Fen,
        /// As approved and adjusted since.
        pub approved: Fen,
        /// Held in all: for claims under way, and for approved applications.
        pub reserved: Fen,
        /// The part of it that approved applications 事前申请 still hold.
        pub committed: Fen,
        /// Spent.
        pub spent: Fen,
        /// `draft` or `approved`.
        pub state: String,
        /// A remark.
        pub remark: Option<String>,
        /// Counts the changes.
        pub version: i64,
    }

    crate::no_relations!();
}

/// A plan item that a line pays for.
pub mod budget_line_plan_item {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A plan item that a line pays for.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "budget_line_plan_items")]
    #[schema(as = BudgetLinePlanItem)]
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
        /// The line.
        pub budget_line_id: Uuid,
        /// The plan item.
        pub plan_item_id: Uuid,
    }

    crate::no_relations!();
}

/// A change of an approved budget: transfer 调剂, supplement 追加 or reduction 追减.
pub mod budget_adjustment {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A change of an approved budget: transfer 调剂, supplement 追加 or reduction 追减.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "budget_adjustments")]
    #[schema(as = BudgetAdjustment)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The budget.
        pub budget_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// `transfer`, `supplement` or `reduction`.
        pub kind: String,
        /// `submitted`, `approved`, `rejected` or `withdrawn`.
        pub state: String,
        /// Why.
        pub reason: String,
        /// Its parts, signed: lines that change, and new ones by category and unit, which have their id from the approval on.
        #[schema(value_type = Vec<Object>, example = json!([{"budget_line_id": "0190a0b0-0000-7000-8000-000000000002", "amount": "-500.00"}, {"budget_line_id": "0190a0b0-0000-7000-8000-000000000003", "amount": "500.00"}]))]
        pub lines: Json,
        /// What is moved, added or taken, without sign.
        pub total: Fen,
        /// Who prepared it.
        pub prepared_by: Uuid,
        /// Who approved or rejected it.
        pub decided_by: Option<Uuid>,
        /// Why it was rejected.
        pub decision_reason: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// Funds received 资金到位, by category.
pub mod receipt {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Funds received 资金到位, by category.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "receipts")]
    #[schema(as = Receipt)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// The posting date.
        pub date: NaiveDate,
        /// `cash` or `quota`.
        pub kind: String,
        /// The treasury's document, once a year.
        pub document_number: String,
        /// The sum.
        pub amount: Fen,
        /// Its parts by category.
        #[schema(value_type = Vec<Object>, example = json!([{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "17580.00"}]))]
        pub lines: Json,
        /// A remark.
        pub remark: Option<String>,
        /// Its voucher.
        pub voucher_id: Uuid,
        /// Who recorded it.
        pub recorded_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// Money that went back to the treasury: taken back in the same year, or surplus returned.
pub mod treasury_return {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// Money that went back to the treasury: taken back in the same year, or surplus returned.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "treasury_returns")]
    #[schema(as = TreasuryReturn)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// The posting date.
        pub date: NaiveDate,
        /// `taken_back` or `surplus`.
        pub kind: String,
        /// `cash` or `quota`.
        pub paid_from: String,
        /// The treasury's document.
        pub document_number: String,
        /// The sum.
        pub amount: Fen,
        /// Its parts by category.
        #[schema(value_type = Vec<Object>, example = json!([{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "17580.00"}]))]
        pub lines: Json,
        /// Its voucher.
        pub voucher_id: Uuid,
        /// Who recorded it.
        pub recorded_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(budget, Street, street);
crate::scoped!(budget_line, Community, community);
crate::scoped!(budget_line_plan_item, Community, community);
crate::scoped!(budget_adjustment, Street, street);
crate::scoped!(receipt, Street, street);
crate::scoped!(treasury_return, Street, street);
