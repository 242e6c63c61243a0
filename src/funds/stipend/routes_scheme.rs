//! `scheme-kinds` and `stipend-schemes` with their rates and authorisations.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::RATE_MAX;
use super::{scheme, scheme_kind, scheme_rate, standing_authorisation, stipend_scheme};
use crate::funds::budget::routes_money::FundKind;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::period::{Frequency, Month, Period};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{org_unit, street_of};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* } default $default:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The identifier in the database.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }

        impl Default for $name {
            fn default() -> Self { Self::$default }
        }
    };
}

choices! {
    /// Whose line is charged.
    LineScope {
        /// The street's own line.
        Street = "street",
        /// The line of the beneficiary's community.
        Community = "community",
    } default Street
}
choices! {
    /// What a rate is for.
    RateBasis {
        /// A month.
        Month = "month",
        /// A whole period.
        Period = "period",
    } default Month
}
choices! {
    /// How parts of a month count.
    Proration {
        /// A month counts whole or not.
        WholeMonth = "whole_month",
        /// By its days.
        ByDay = "by_day",
    } default WholeMonth
}
choices! {
    /// The first month.
    StartRule {
        /// The start's own month.
        SameMonth = "same_month",
        /// The month after.
        NextMonth = "next_month",
    } default SameMonth
}
choices! {
    /// The last month.
    EndRule {
        /// The month of the event.
        ThroughEventMonth = "through_event_month",
        /// The month before it.
        BeforeEventMonth = "before_event_month",
    } default ThroughEventMonth
}
choices! {
    /// What amounts are rounded to.
    RoundingUnit {
        /// 0.01.
        Fen = "fen",
        /// 0.10.
        Jiao = "jiao",
        /// 1.00.
        Yuan = "yuan",
    } default Fen
}
choices! {
    /// How amounts are rounded.
    RoundingMode {
        /// Half up.
        HalfUp = "half_up",
        /// Up.
        Up = "up",
    } default HalfUp
}
choices! {
    /// How a stipend is taxed.
    TaxKind {
        /// Not at all.
        Exempt = "exempt",
        /// As labour income of the calendar month.
        Labour = "labour",
        /// Reported by another office.
        ReportedElsewhere = "reported_elsewhere",
    } default Exempt
}

/// A kind to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "K01", "name": "遗属补助", "frequency": "quarter", "verification_months": 12}))]
pub struct NewKind {
    /// The code, at most 20 characters.
    pub code: String,
    /// The name, at most 60 characters.
    pub name: String,
    /// How often it is paid.
    pub frequency: Frequency,
    /// After so many months each enrolment must be verified again, 1 to 60; not unless said.
    pub verification_months: Option<i32>,
}

impl Body for NewKind {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/code", &self.code, 20);
        faults.text("/name", &self.name, 60);
        super::routes_verify::verification_fault(self.verification_months, faults);
    }
}

/// A rate to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_month": "2017-01", "amount": "293.00"}))]
pub struct NewRate {
    /// The first month it counts for.
    #[schema(value_type = String)]
    pub from_month: Month,
    /// Per month or per period, at most 10^11 fen.
    pub amount: Fen,
}

/// The fault of a rate that is out of its bounds.
pub(super) fn rate_fault(pointer: &str, amount: Fen, faults: &mut Faults) {
    if amount.is_negative() || amount > RATE_MAX {
        faults.add(pointer, "rate_out_of_bound", format!("须在 0.00 至 {RATE_MAX} 之间"), format!("must be from 0.00 to {RATE_MAX}"));
    }
}

impl Body for NewRate {
    fn faults(&self, faults: &mut Faults) {
        rate_fault("/amount", self.amount, faults);
    }
}

/// A scheme to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scheme_kind_id": "0190a0b0-0000-7000-8000-000000000001", "category_id": "0190a0b0-0000-7000-8000-000000000002", "name": "遗属补助", "first_period": "2017Q1", "rates": [{"from_month": "2017-01", "amount": "293.00"}]}))]
pub struct NewScheme {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// Its kind.
    pub scheme_kind_id: Uuid,
    /// The category, which must pay individuals.
    pub category_id: Uuid,
    /// The name, at most 60 characters.
    pub name: String,
    /// Whose line is charged.
    #[serde(default)]
    pub line_scope: LineScope,
    /// Cash or quota.
    #[serde(default)]
    pub paid_from: FundKind,
    /// What a rate is for.
    #[serde(default)]
    pub rate_basis: RateBasis,
    /// The pay day, 5 to 28; 20 unless said.
    #[serde(default = "twentieth")]
    pub pay_day: i32,
    /// How parts of a month count.
    #[serde(default)]
    pub proration: Proration,
    /// The first month.
    #[serde(default)]
    pub start_rule: StartRule,
    /// The last month.
    #[serde(default)]
    pub end_rule: EndRule,
    /// What amounts are rounded to.
    #[serde(default)]
    pub rounding_unit: RoundingUnit,
    /// How amounts are rounded.
    #[serde(default)]
    pub rounding_mode: RoundingMode,
    /// How it is taxed.
    #[serde(default)]
    pub tax_kind: TaxKind,
    /// The first period it pays for.
    #[schema(value_type = String)]
    pub first_period: Period,
    /// Rates; more can be added later.
    #[serde(default)]
    pub rates: Vec<NewRate>,
}

const fn twentieth() -> i32 {
    20
}

impl Body for NewScheme {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
        if !(5..=28).contains(&self.pay_day) {
            faults.add("/pay_day", "out_of_range", "发放日须为 5 至 28 日", "must be from 5 to 28");
        }
        for (index, rate) in self.rates.iter().enumerate() {
            rate_fault(&format!("/rates/{index}/amount"), rate.amount, faults);
            if self.rates.iter().take(index).any(|earlier| earlier.from_month == rate.from_month) {
                faults.add(&format!("/rates/{index}/from_month"), "duplicate", "该月的标准已列出", "this month has a rate already");
            }
        }
    }
}

/// A scheme's fields that may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"last_period": "2018Q4"}))]
pub struct SchemeChange {
    /// The name, at most 60 characters.
    #[schema(required = false)]
    pub name: String,
    /// The last period it pays for; null where it goes on.
    #[schema(value_type = Option<String>)]
    pub last_period: Option<Period>,
}

impl Body for SchemeChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
    }
}

impl From<&stipend_scheme::Model> for SchemeChange {
    fn from(row: &stipend_scheme::Model) -> Self {
        Self { name: row.name.clone(), last_period: row.last_period }
    }
}

/// A standing authorisation to be signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fiscal_year": 2017, "max_per_run": "7500.00", "max_per_year": "26400.00", "max_heads": 12, "max_increase_percent": 25}))]
pub struct NewAuthorisation {
    /// The year: one that is open in the street and not over.
    pub fiscal_year: i32,
    /// The most a run may be.
    pub max_per_run: Fen,
    /// The most the year's runs may be.
    pub max_per_year: Fen,
    /// The most people in a run.
    pub max_heads: i32,
    /// The most a run may exceed the last posted one with seq 1, in per cent.
    pub max_increase_percent: Option<i32>,
}

impl Body for NewAuthorisation {
    fn faults(&self, faults: &mut Faults) {
        for (pointer, amount) in [("/max_per_run", self.max_per_run), ("/max_per_year", self.max_per_year)] {
            if !amount.is_positive() || amount > Fen::DOCUMENT_MAX {
                faults.add(pointer, "amount_not_positive", "须大于 0.00", "must be above 0.00");
            }
        }
        if self.max_heads < 1 {
            faults.add("/max_heads", "out_of_range", "至少 1 人", "must be at least 1");
        }
        if self.max_increase_percent.is_some_and(|percent| !(0..=1000).contains(&percent)) {
            faults.add("/max_increase_percent", "out_of_range", "须在 0 至 1000 之间", "must be from 0 to 1000");
        }
    }
}

/// A scheme with its rates.
#[derive(Debug, Serialize, ToSchema)]
pub struct StipendScheme {
    /// The scheme.
    #[serde(flatten)]
    pub scheme: stipend_scheme::Model,
    /// Its rates, by month; of several from one month the last one counts.
    pub rates: Vec<scheme_rate::Model>,
}

async fn views(tx: &crate::platform::db::Tx, schemes: Vec<stipend_scheme::Model>) -> Result<Vec<StipendScheme>, Problem> {
    let ids = schemes.iter().map(|scheme| scheme.id);
    let mut rates =
        tx.all(tx.select::<scheme_rate::Entity>().filter(scheme_rate::Column::SchemeId.is_in(ids)).order_by_asc(scheme_rate::Column::FromMonth).order_by_asc(scheme_rate::Column::Id)).await?;
    Ok(schemes
        .into_iter()
        .map(|scheme| {
            let own = rates.extract_if(.., |rate| rate.scheme_id == scheme.id).collect();
            StipendScheme { scheme, rates: own }
        })
        .collect())
}

/// Lists kinds of schemes. Sort: `code`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<scheme_kind::Model>), Refusals))]
#[get("/scheme-kinds")]
async fn list_scheme_kinds(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<scheme_kind::Entity>();
    list.answer(&context, tx, select, &[("code", scheme_kind::Column::Code)], &["id", "code", "name", "frequency", "verification_months", "version"], async |_, rows| Ok(rows)).await
}

/// Reads one kind.
#[utoipa::path(tag = "stipends", responses((status = 200, body = scheme_kind::Model), Refusals))]
#[get("/scheme-kinds/{id}")]
async fn get_scheme_kind(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let row = tx.load_text::<scheme_kind::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Adds a kind of scheme to the district.
#[utoipa::path(tag = "stipends", request_body = NewKind, responses((status = 201, body = scheme_kind::Model), Refusals))]
#[post("/scheme-kinds")]
async fn add_scheme_kind(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewKind| {
            let district = tx.load::<org_unit::Entity>(actor.home.district).await?.authorise(&actor, Capability::ReferenceManage)?;
            let row = scheme::add_kind(tx, act, &district, body).await?;
            Ok(Done::created(format!("/api/v1/scheme-kinds/{}", row.id), Some(row.version), row))
        })
        .await
}

/// Lists schemes with their rates. Filters: `street_id`, `scheme_kind_id`, `category_id`. Sort: `name`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<StipendScheme>), Refusals))]
#[get("/stipend-schemes")]
async fn list_stipend_schemes(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "scheme_kind_id", "category_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", stipend_scheme::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "scheme_kind_id", stipend_scheme::Column::SchemeKindId)?;
    let condition = list.equals::<Uuid>(condition, "category_id", stipend_scheme::Column::CategoryId)?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<stipend_scheme::Entity>().filter(condition);
    let columns = &["id", "street_id", "name", "frequency", "line_scope", "pay_day", "tax_kind", "first_period", "last_period", "version"];
    list.answer(&context, tx, select, &[("name", stipend_scheme::Column::Name)], columns, views).await
}

/// Reads one scheme with its rates.
#[utoipa::path(tag = "stipends", responses((status = 200, body = StipendScheme), Refusals))]
#[get("/stipend-schemes/{id}")]
async fn get_stipend_scheme(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<stipend_scheme::Entity>(&id).await?.into_read();
    let shown = views(&tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(ok_versioned(shown.scheme.version, &shown))
}

/// Adds a scheme to a street.
#[utoipa::path(tag = "stipends", request_body = NewScheme, responses((status = 201, body = StipendScheme), Refusals))]
#[post("/stipend-schemes")]
async fn add_stipend_scheme(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::StipendPrepare, Rules::plain(), async |tx, act, body: NewScheme| {
            let street = street_of(tx, &actor, body.street_id, Capability::StipendPrepare).await?;
            let row = scheme::add(tx, act, &street, body).await?;
            let shown = views(tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
            Ok(Done::created(format!("/api/v1/stipend-schemes/{}", shown.scheme.id), Some(shown.scheme.version), shown))
        })
        .await
}

/// Renames a scheme, or says for which period it pays last: it has no pay day after that.
#[utoipa::path(tag = "stipends", request_body(content = SchemeChange, content_type = "application/merge-patch+json"), responses((status = 200, body = StipendScheme), Refusals))]
#[patch("/stipend-schemes/{id}")]
async fn change_stipend_scheme(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<stipend_scheme::Entity, SchemeChange, _>(
            &actor,
            Capability::StipendPrepare,
            &id,
            |row| row.version,
            async |tx, act, row, body| {
                let row = scheme::change(tx, act, row, body).await?;
                let shown = views(tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)?;
                Ok(Done::changed(shown.scheme.version, shown))
            },
        )
        .await
}

const RATE_COLUMNS: &[&str] = &["id", "scheme_id", "from_month", "amount", "authored_by", "created_at"];

/// The rates of a scheme.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<scheme_rate::Model>), Refusals))]
#[get("/stipend-schemes/{id}/rates")]
async fn list_rates(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<stipend_scheme::Entity>(&id).await?.into_read();
    let rates = views(&tx, vec![row]).await?.pop().map(|scheme| scheme.rates).unwrap_or_default();
    list.answer_whole(&context, RATE_COLUMNS, rates).await
}

/// Adds a rate from a month on. A wrong one is put right by another from the same month: the next run takes the difference.
#[utoipa::path(tag = "stipends", request_body = NewRate, responses((status = 201, body = scheme_rate::Model), Refusals))]
#[post("/stipend-schemes/{id}/rates")]
async fn add_rate(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<stipend_scheme::Entity, NewRate, _>(&actor, Capability::StipendPrepare, &id, Rules::plain(), async |tx, act, row, body| {
            let rate = scheme::add_rate(tx, act, row, body).await?;
            Ok(Done::created(format!("/api/v1/stipend-schemes/{}/rates", rate.scheme_id), None, rate))
        })
        .await
}

const AUTHORISATION_COLUMNS: &[&str] =
    &["id", "scheme_id", "fiscal_year", "max_per_run", "max_per_year", "max_heads", "max_increase_percent", "signed_by", "revoked_at", "revoked_by", "version", "created_at"];

/// The standing authorisations of a scheme, the newest first.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<standing_authorisation::Model>), Refusals))]
#[get("/stipend-schemes/{id}/authorisations")]
async fn list_authorisations(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<stipend_scheme::Entity>(&id).await?.into_read();
    let select = tx.select::<standing_authorisation::Entity>().filter(standing_authorisation::Column::SchemeId.eq(row.id));
    list.answer(&context, tx, select, &[], AUTHORISATION_COLUMNS, async |_, rows| Ok(rows)).await
}

/// Reads one standing authorisation.
#[utoipa::path(tag = "stipends", params(("scheme" = Uuid, Path), ("id" = Uuid, Path)), responses((status = 200, body = standing_authorisation::Model), Refusals))]
#[get("/stipend-schemes/{scheme}/authorisations/{id}")]
async fn get_authorisation(actor: Actor, context: web::Data<Context>, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let row = context.read(&actor, Capability::StipendRead).await?.load_text::<standing_authorisation::Entity>(&path.1).await?.into_read();
    if row.scheme_id.to_string() == path.0.to_lowercase() { Ok(ok_versioned(row.version, &row)) } else { Err(Problem::not_found()) }
}

/// Signs a standing authorisation for a fiscal year.
#[utoipa::path(tag = "stipends", request_body = NewAuthorisation, responses((status = 201, body = standing_authorisation::Model), Refusals))]
#[post("/stipend-schemes/{id}/authorisations")]
async fn sign_authorisation(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &stipend_scheme::Model| row.version);
    write
        .on::<stipend_scheme::Entity, NewAuthorisation, _>(&actor, Capability::AuthorisationSign, &id, rules, async |tx, act, row, body| {
            let signed = scheme::authorise(tx, act, row, body).await?;
            Ok(Done::created(format!("/api/v1/stipend-schemes/{}/authorisations/{}", signed.scheme_id, signed.id), Some(signed.version), signed))
        })
        .await
}

/// Revokes a standing authorisation.
#[utoipa::path(tag = "stipends", request_body = Nothing, params(("scheme" = Uuid, Path), ("id" = Uuid, Path)), responses((status = 200, body = standing_authorisation::Model), Refusals))]
#[post("/stipend-schemes/{scheme}/authorisations/{id}/revoke")]
async fn revoke_authorisation(actor: Actor, write: Write, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &standing_authorisation::Model| row.version);
    write
        .on::<standing_authorisation::Entity, Nothing, _>(&actor, Capability::AuthorisationSign, &path.1, rules, async |tx, act, row, _| {
            let row = scheme::revoke(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_scheme_kinds).service(get_scheme_kind).service(add_scheme_kind);
    config.service(list_stipend_schemes).service(get_stipend_scheme).service(add_stipend_scheme).service(change_stipend_scheme).service(list_rates).service(add_rate);
    config.service(list_authorisations).service(get_authorisation).service(sign_authorisation).service(revoke_authorisation);
}
