//! Rows of the rules of papers.

/// A paper that a kind of claim needs.
pub mod paper_rule {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A paper that a kind of claim needs.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "paper_rules")]
    #[schema(as = PaperRule)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// `activity`, `lecture`, `procurement` or `other`.
        pub claim_kind: String,
        /// A kind of paper, or `invoice`: each line is covered by invoices.
        pub paper: String,
        /// Claims above this amount need it; 0.00: all.
        pub above: Fen,
        /// The first day it is in force.
        pub effective_from: NaiveDate,
        /// The last day; null while it is in force.
        pub effective_to: Option<NaiveDate>,
        /// What it is based on.
        pub source: String,
        /// Who set it.
        pub set_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was set.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(paper_rule, Reference, district);
