//! Rows of the stipends: schemes and rates, who receives them and where, and what the leader signed.

/// A kind of stipend, kept by the district: a person is paid once for a period under it.
pub mod scheme_kind {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A kind of stipend, kept by the district: a person is paid once for a period under it.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "scheme_kinds")]
    #[schema(as = SchemeKind)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its code.
        pub code: String,
        /// Its name.
        pub name: String,
        /// `month`, `quarter` or `year`.
        pub frequency: String,
        /// After so many months each enrolment must be verified again; null where it need not be.
        pub verification_months: Option<i32>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A street's stipend scheme 补贴.
pub mod stipend_scheme {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::period::Period;

    /// A street's stipend scheme 补贴.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "stipend_schemes")]
    #[schema(as = StipendSchemeRow)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its kind.
        pub scheme_kind_id: Uuid,
        /// The category it is charged to.
        pub category_id: Uuid,
        /// Its name.
        pub name: String,
        /// The kind's frequency.
        pub frequency: String,
        /// Charged to the `street`'s line or the `community`'s.
        pub line_scope: String,
        /// `cash` or `quota`.
        pub paid_from: String,
        /// Rates are per `month` or per `period`.
        pub rate_basis: String,
        /// The day of the period's last month, 5 to 28; moved to the working day before.
        pub pay_day: i32,
        /// `whole_month` or `by_day`.
        pub proration: String,
        /// `same_month` or `next_month`.
        pub start_rule: String,
        /// `through_event_month` or `before_event_month`.
        pub end_rule: String,
        /// `fen`, `jiao` or `yuan`.
        pub rounding_unit: String,
        /// `half_up` or `up`.
        pub rounding_mode: String,
        /// `exempt`, `labour` or `reported_elsewhere`.
        pub tax_kind: String,
        /// The first period it pays for.
        pub first_period: Period,
        /// The last period it pays for, where it was given up; what is owed for earlier ones still goes with it.
        pub last_period: Option<Period>,
        /// Pay dates after this day are its own.
        pub active_from: NaiveDate,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// The person who wrote it.
        #[serde(skip)]
        pub author_person: String,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A scheme's rate from a month on.
pub mod scheme_rate {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::Month;

    /// A scheme's rate from a month on.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "scheme_rates")]
    #[schema(as = SchemeRate)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The scheme.
        pub scheme_id: Uuid,
        /// The first month it counts for.
        pub from_month: Month,
        /// Per month or per period.
        pub amount: Fen,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A person who is paid. Name and ID number are encrypted and shown masked.
pub mod beneficiary {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A person who is paid. Name and ID number are encrypted and shown masked.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "beneficiaries")]
    #[schema(as = Beneficiary)]
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
        /// The name, encrypted.
        #[serde(skip)]
        pub name_sealed: String,
        /// The name, masked.
        pub name_masked: String,
        /// A corrected name that waits for a second person, encrypted.
        #[serde(skip)]
        pub proposed_name_sealed: Option<String>,
        /// A corrected name that waits for a second person, masked; null where none does.
        pub proposed_name_masked: Option<String>,
        /// This correction, in which people take their parts.
        #[serde(skip)]
        pub proposed_name_id: Option<Uuid>,
        /// Who wrote it.
        pub proposed_name_by: Option<Uuid>,
        /// The ID number, encrypted.
        #[serde(skip)]
        pub id_number_sealed: String,
        /// The ID number, masked.
        pub id_number_masked: String,
        /// Keyed hash of the ID number.
        #[serde(skip)]
        pub person_key: String,
        /// On the civil-service payroll: may not draw an extra allowance.
        pub on_payroll: bool,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A version of a beneficiary's bank account; it takes effect when a second person confirms it.
pub mod bank_account {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A version of a beneficiary's bank account; it takes effect when a second person confirms it.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "bank_accounts")]
    #[schema(as = BankAccount)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The beneficiary.
        pub beneficiary_id: Uuid,
        /// The number, encrypted.
        #[serde(skip)]
        pub number_sealed: String,
        /// The number, masked.
        pub number_masked: String,
        /// Keyed hash of the number.
        #[serde(skip)]
        pub number_key: String,
        /// The bank.
        pub bank_name: String,
        /// The branch's number in the payment system 联行号.
        pub bank_code: Option<String>,
        /// The holder's name, encrypted.
        #[serde(skip)]
        pub holder_sealed: String,
        /// The holder's name, masked.
        pub holder_masked: String,
        /// Keyed hash of the holder's name: who holds one account of several people is one person.
        #[serde(skip)]
        pub holder_key: String,
        /// `self`, `guardian` or `head_of_household`.
        pub holder_relation: String,
        /// `unconfirmed`, `confirmed` or `replaced`.
        pub state: String,
        /// Whether the card number's check digit fits; where not, look again.
        pub luhn_holds: bool,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// Who confirmed it.
        pub confirmed_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A beneficiary in a scheme from a day to a day; it takes effect when a second person confirms it.
pub mod enrolment {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;
    use crate::kernel::period::{Month, Period};

    /// A beneficiary in a scheme from a day to a day; it takes effect when a second person confirms it.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "enrolments")]
    #[schema(as = Enrolment)]
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
        /// The scheme.
        pub scheme_id: Uuid,
        /// The beneficiary.
        pub beneficiary_id: Uuid,
        /// The first day, or the event's day by the scheme's start rule.
        pub from_date: NaiveDate,
        /// The last day, or the event's day by the scheme's end rule.
        pub to_date: Option<NaiveDate>,
        /// Why it ended.
        pub end_reason: Option<String>,
        /// The last period that was paid before this system.
        pub paid_through: Period,
        /// The own rate that it was enrolled with, which beats the scheme's; later ones are its `own_rates`.
        pub own_rate: Option<Fen>,
        /// From which month.
        pub own_rate_from: Option<Month>,
        /// Of a survivor 遗属: how they were related to who died.
        pub relation: Option<String>,
        /// Who died, encrypted.
        #[serde(skip)]
        pub deceased_sealed: Option<String>,
        /// Who died, masked.
        pub deceased_masked: Option<String>,
        /// When they died.
        pub died_on: Option<NaiveDate>,
        /// The age with which it ends.
        pub ends_at_age: Option<i32>,
        /// Until when study is proven.
        pub study_until: Option<NaiveDate>,
        /// When it ends by itself: with the age, or with the study where that is later.
        pub expected_end: Option<NaiveDate>,
        /// Whether people were warned that it ends.
        pub end_warned: bool,
        /// Until when it must be verified again; after that day its items are held. Null where its kind does not demand it.
        pub verify_by: Option<NaiveDate>,
        /// When it was last verified.
        pub verified_on: Option<NaiveDate>,
        /// By whom.
        pub verified_by: Option<Uuid>,
        /// How.
        pub verification_evidence: Option<String>,
        /// Whether people were asked to verify it.
        pub verification_asked: bool,
        /// The last period whose arrears a second person found right, however many there are.
        pub arrears_accepted_through: Option<Period>,
        /// `unconfirmed`, `confirmed`, or `withdrawn` where it was a mistake and nothing was paid under it.
        pub state: String,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// The person who wrote it.
        #[serde(skip)]
        pub author_person: String,
        /// Who confirmed it.
        pub confirmed_by: Option<Uuid>,
        /// The last day that was confirmed; null where it was confirmed without an end. An end that was told by mistake can be put right up to here.
        pub confirmed_until: Option<NaiveDate>,
        /// The person who ended it: somebody else puts that right.
        #[serde(skip)]
        pub ended_by_person: Option<String>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A time in which an enrolment is stopped or held.
pub mod suspension {
    use chrono::{DateTime, NaiveDate, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A time in which an enrolment is stopped or held.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "suspensions")]
    #[schema(as = Suspension)]
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
        /// `stop` takes the months out; `hold` keeps the entitlement and holds the item.
        pub kind: String,
        /// The first day.
        pub from_date: NaiveDate,
        /// The last day.
        pub to_date: Option<NaiveDate>,
        /// Why.
        pub reason: String,
        /// Who wrote it.
        pub authored_by: Uuid,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// A leader's standing authorisation for unattended payout within a fiscal year.
pub mod standing_authorisation {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    use crate::kernel::money::Fen;

    /// A leader's standing authorisation for unattended payout within a fiscal year.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "standing_authorisations")]
    #[schema(as = StandingAuthorisation)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// The scheme.
        pub scheme_id: Uuid,
        /// The year.
        pub fiscal_year: i32,
        /// The most a run may be.
        pub max_per_run: Fen,
        /// The most the year's runs may be, less what was returned.
        pub max_per_year: Fen,
        /// The most people in a run.
        pub max_heads: i32,
        /// The most a run may exceed the last posted one with seq 1.
        pub max_increase_percent: Option<i32>,
        /// Who signed it.
        pub signed_by: Uuid,
        /// The person who signed it.
        #[serde(skip)]
        pub signer_person: String,
        /// When it was revoked.
        pub revoked_at: Option<DateTime<Utc>>,
        /// Who revoked it.
        pub revoked_by: Option<Uuid>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(scheme_kind, Reference, district);
crate::scoped!(stipend_scheme, Street, street);
crate::scoped!(scheme_rate, Street, street);
crate::scoped!(beneficiary, Street, community);
crate::scoped!(bank_account, Street, street);
crate::scoped!(enrolment, Street, community);
crate::scoped!(suspension, Street, street);
crate::scoped!(standing_authorisation, Street, street);
