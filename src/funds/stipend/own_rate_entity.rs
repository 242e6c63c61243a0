//! Own rates of enrolments.

/// An own rate of an enrolment from a month on; it takes effect when a second person confirms it.
pub mod enrolment_rate {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Month;

    /// An own rate of an enrolment from a month on; it takes effect when a second person confirms it.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "enrolment_rates")]
    #[schema(as = EnrolmentRate)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The enrolment.
        pub enrolment_id: Uuid,
        /// The first month it counts for. Of several confirmed ones from one month the last one counts.
        pub from_month: Month,
        /// Per month or per period, as the scheme says; null: the scheme's rate again.
        pub amount: Option<Fen>,
        /// Why.
        pub reason: String,
        /// `unconfirmed`, `confirmed`, or `withdrawn` before anybody confirmed it.
        pub state: String,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// The person who wrote it.
        #[serde(skip)]
        pub author_person: String,
        /// Who confirmed it.
        pub confirmed_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(enrolment_rate, Street, street);
