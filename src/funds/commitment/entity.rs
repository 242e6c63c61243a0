//! Rows of the applications beforehand.

/// An application beforehand 事前申请.
pub mod commitment {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// An application beforehand 事前申请 for an activity. After submission its content is fixed.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "commitments")]
    #[schema(as = CommitmentRow)]
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
        /// Its number, once in the street.
        pub number: String,
        /// The year of its line.
        pub fiscal_year: i32,
        /// The line it is to hold money on.
        pub budget_line_id: Uuid,
        /// The category of the line.
        pub category_id: Uuid,
        /// The activity it is for.
        pub activity_id: Uuid,
        /// What it is for.
        pub title: String,
        /// More about it.
        pub purpose: Option<String>,
        /// Which minutes of the collective decision 集体决策; the paper itself is attached.
        pub decision_reference: Option<String>,
        /// The estimate: the sum of its lines.
        pub amount: Fen,
        /// What it still holds on the line.
        pub held: Fen,
        /// The last day on which claims are made under it.
        pub valid_until: NaiveDate,
        /// `draft`, `submitted`, `approved`, `closed`, `expired`, `rejected` or `withdrawn`.
        pub state: String,
        /// The activity makes a trip beyond the district's limit: a mark for who approves.
        pub over_limit: bool,
        /// The approval chain it was submitted under.
        #[schema(value_type = Object)]
        pub chain: Option<Json>,
        /// How many steps are done: the review is the first.
        pub steps_done: i32,
        /// What the next step takes; null where none is open.
        pub next_capability: Option<String>,
        /// The persons who approved since it was submitted, as separation of duties compares.
        #[serde(skip)]
        pub approver_persons: Json,
        /// Who prepared it.
        pub prepared_by: Uuid,
        /// When it was last submitted.
        pub submitted_at: Option<DateTime<Utc>>,
        /// When it expires unless it is approved.
        pub expires_on: Option<NaiveDate>,
        /// The accountant who reviewed it.
        pub reviewed_by: Option<Uuid>,
        /// Who approved it last.
        pub approved_by: Option<Uuid>,
        /// When it was approved.
        pub approved_on: Option<NaiveDate>,
        /// Who rejected, withdrew or closed it.
        pub ended_by: Option<Uuid>,
        /// When it ended.
        pub ended_on: Option<NaiveDate>,
        /// Why it was last returned or rejected, or why a job ended it.
        pub reason: Option<String>,
        /// Counts the changes; claims under it count too.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A line of an estimate.
pub mod commitment_line {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A line of an estimate.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "commitment_lines")]
    #[schema(as = CommitmentLine)]
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
        /// The application.
        pub commitment_id: Uuid,
        /// From 1.
        pub line_number: i32,
        /// What it is to be spent on.
        pub expense_item_id: Uuid,
        /// What is to be bought.
        pub description: String,
        /// How many.
        pub quantity: i32,
        /// What it will cost in all.
        pub amount: Fen,
    }

    crate::no_relations!();
}

crate::scoped!(commitment, Community, community);
crate::scoped!(commitment_line, Community, community);
