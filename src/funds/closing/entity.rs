//! Rows of the closing.

/// A category in the final accounts 决算 of a closed year. Never changed.
pub mod final_account {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A category in the final accounts 决算 of a closed year. Never changed.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "final_accounts")]
    #[schema(as = FinalAccount)]
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
        /// The category.
        pub category_id: Uuid,
        /// What its balance carried over was when the year began, its opening balance included.
        pub carried_in: Fen,
        /// As first approved.
        pub budget: Fen,
        /// After transfers, supplements and reductions.
        pub adjusted: Fen,
        /// Received, net.
        pub received: Fen,
        /// Spent, net.
        pub spent: Fen,
        /// What its balance carried over is after the close.
        pub carried_over: Fen,
        /// What of it goes back to the treasury, by the category's rule `returns`.
        pub to_return: Fen,
        /// What has lain unspent for two years and is proposed as 结余 for return, where the category keeps what is left.
        pub surplus_proposed: Fen,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(final_account, Street, street);
