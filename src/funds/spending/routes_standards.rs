//! `standards` and `tax-rules`: kept by the district, read by all below.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::NaiveDate;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::defaults::{self, Adopted};
use super::routes::own_district;
use super::tax::{self, NewTaxRule};
use super::{standard, standard_write, standards, tax_rule};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::db::Tx;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok, ok_versioned};

/// Makes an enum of the wire whose variants have the identifiers of the database.
macro_rules! identifiers {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $code)] $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The identifier in the database.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

identifiers! {
    /// What one unit of a standard is.
    Basis {
        /// A vehicle for a day, by seat class.
        VehicleDay = "vehicle_day",
        /// A person for a day.
        PersonDay = "person_day",
        /// One meal of a person.
        PersonMeal = "person_meal",
        /// A person for half a day.
        PersonHalfDay = "person_half_day",
        /// A class hour 学时, by the lecturer's grade, after tax.
        ClassHour = "class_hour",
        /// A night of a person, by city, rank and season.
        PersonNight = "person_night",
        /// At cost.
        Actual = "actual",
    }
}

identifiers! {
    /// What happens above a standard.
    Above {
        /// The claim is refused.
        Refuse = "refuse",
        /// It needs a reason.
        NeedsReason = "needs_reason",
        /// It is marked.
        Mark = "mark",
    }
}

/// A standard to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"expense_item_id": "0190a0b0-0000-7000-8000-000000000001", "name": "大巴士（25 座以上）", "basis": "vehicle_day", "grade": "over_25_seats", "amount": "1500.00",
    "above": "needs_reason", "effective_from": "2018-01-01", "source": "财行〔2017〕324号"}))]
pub struct NewStandard {
    /// The item.
    pub expense_item_id: Uuid,
    /// What it is called, at most 60 characters.
    pub name: String,
    /// What one unit is.
    pub basis: Basis,
    /// The seat class, the lecturer's grade, the traveller's rank; at most 40 characters.
    pub grade: Option<String>,
    /// The city, at most 40 characters.
    pub place: Option<String>,
    /// The first day of its season, `MM-DD`.
    pub season_from: Option<String>,
    /// The last day of its season, `MM-DD`.
    pub season_to: Option<String>,
    /// What a unit may cost; left out for `actual`.
    pub amount: Option<Fen>,
    /// What happens above it.
    pub above: Above,
    /// The most units in half a day.
    pub max_per_half_day: Option<i32>,
    /// The most units in a day.
    pub max_per_day: Option<i32>,
    /// The first day it is in force.
    pub effective_from: NaiveDate,
    /// The rule that it comes from, at most 200 characters.
    pub source: String,
    /// Whether it still has to be looked up in the rule.
    #[serde(default)]
    pub to_be_confirmed: bool,
}

fn common_faults(name: &str, source: &str, amount: Option<Fen>, maxima: [(&str, Option<i32>); 2], faults: &mut Faults) {
    faults.text("/name", name, 60);
    faults.text("/source", source, 200);
    if amount.is_some_and(|amount| !amount.is_positive() || amount > Fen::DOCUMENT_MAX) {
        faults.add("/amount", "out_of_range", "金额须大于 0.00 且不超过单据上限", "above 0.00, and not above what a document holds");
    }
    for (pointer, most) in maxima {
        if most.is_some_and(|most| !(1..=1000).contains(&most)) {
            faults.add(pointer, "out_of_range", "须为 1 至 1000", "1 to 1000");
        }
    }
}

fn amount_fault(basis: &str, amount: Option<Fen>, faults: &mut Faults) {
    match amount {
        Some(_) if basis == standards::ACTUAL => faults.add("/amount", "contradiction", "据实列支（actual）不设金额", "what is paid at cost has no amount"),
        None if basis != standards::ACTUAL => faults.add("/amount", "required", "须填每单位的金额", "say what a unit may cost"),
        _ => {}
    }
}

/// What is paid at cost has no amount, all else has one.
///
/// # Errors
/// 422 `validation_failed`.
pub(super) fn require_amount(row: &standard::Model) -> Result<(), Problem> {
    let mut faults = Faults::none();
    amount_fault(&row.basis, row.amount, &mut faults);
    faults.into_result()
}

/// A day of any year, `MM-DD`; 29 February is one.
fn is_day_of_year(text: &str) -> bool {
    text.len() == 5 && NaiveDate::parse_from_str(&format!("2000-{text}"), "%Y-%m-%d").is_ok()
}

impl Body for NewStandard {
    fn faults(&self, faults: &mut Faults) {
        common_faults(&self.name, &self.source, self.amount, [("/max_per_half_day", self.max_per_half_day), ("/max_per_day", self.max_per_day)], faults);
        amount_fault(self.basis.code(), self.amount, faults);
        for (pointer, text) in [("/grade", &self.grade), ("/place", &self.place)] {
            if let Some(text) = text {
                faults.text(pointer, text, 40);
            }
        }
        if self.season_from.is_some() != self.season_to.is_some() {
            faults.add("/season_to", "both_required", "季节的起止须一并给出", "give season_from and season_to together");
        }
        for (pointer, day) in [("/season_from", &self.season_from), ("/season_to", &self.season_to)] {
            if day.as_deref().is_some_and(|day| !is_day_of_year(day)) {
                faults.add(pointer, "invalid_value", "须为 MM-DD", "must be MM-DD");
            }
        }
    }
}

/// What may be changed of a standard that has not begun.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "1600.00"}))]
pub struct StandardChange {
    /// What it is called.
    pub name: String,
    /// What a unit may cost.
    pub amount: Option<Fen>,
    /// What happens above it.
    pub above: Above,
    /// The most units in half a day.
    pub max_per_half_day: Option<i32>,
    /// The most units in a day.
    pub max_per_day: Option<i32>,
    /// The first day it is in force.
    pub effective_from: NaiveDate,
    /// The rule that it comes from.
    pub source: String,
    /// Whether it still has to be looked up in the rule.
    pub to_be_confirmed: bool,
}

impl From<&standard::Model> for StandardChange {
    fn from(row: &standard::Model) -> Self {
        Self {
            name: row.name.clone(),
            amount: row.amount,
            above: Above::ALL.iter().copied().find(|above| above.code() == row.above).unwrap_or(Above::Refuse),
            max_per_half_day: row.max_per_half_day,
            max_per_day: row.max_per_day,
            effective_from: row.effective_from,
            source: row.source.clone(),
            to_be_confirmed: row.to_be_confirmed,
        }
    }
}

impl Body for StandardChange {
    fn faults(&self, faults: &mut Faults) {
        common_faults(&self.name, &self.source, self.amount, [("/max_per_half_day", self.max_per_half_day), ("/max_per_day", self.max_per_day)], faults);
    }
}

/// The last day of a standard.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"last_day": "2017-12-31"}))]
pub struct StandardEnd {
    /// The last day, not before today.
    pub last_day: NaiveDate,
}

impl Body for StandardEnd {}

/// From when what ships is in force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"effective_from": "2017-01-01"}))]
pub struct Adoption {
    /// The first day; today where it is left out.
    pub effective_from: Option<NaiveDate>,
}

impl Body for Adoption {}

/// A standard, and until when.
#[derive(Debug, Serialize, ToSchema)]
pub struct Standard {
    /// The standard.
    #[serde(flatten)]
    pub standard: standard::Model,
    /// Its last day: the one that was set, or the day before the one that follows it; null while it goes on.
    pub last_day: Option<NaiveDate>,
}

async fn views(tx: &Tx, rows: Vec<standard::Model>) -> Result<Vec<Standard>, Problem> {
    let all = standard_write::of_items(tx, rows.iter().map(|row| row.expense_item_id)).await?;
    Ok(rows.into_iter().map(|standard| Standard { last_day: standards::last_day(&standard, &all), standard }).collect())
}

async fn view(tx: &Tx, row: standard::Model) -> Result<Standard, Problem> {
    views(tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)
}

/// Lists standards, those that have ended among them: their history is readable. Filters: `expense_item_id`, `basis` (`vehicle_day`, `person_day`, `person_meal`, `person_half_day`, `class_hour`, `person_night`, `actual`), `grade`, `place`, `above` (`refuse`, `needs_reason`, `mark`). Sort: `effective_from`.
#[utoipa::path(tag = "spending", responses((status = 200, body = ListPage<Standard>), Refusals))]
#[get("/standards")]
async fn list_standards(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["expense_item_id", "basis", "grade", "place", "above"])?;
    let mut condition = list.equals::<Uuid>(Condition::all(), "expense_item_id", standard::Column::ExpenseItemId)?;
    condition = list.one_of(condition, "basis", standard::Column::Basis, &["vehicle_day", "person_day", "person_meal", "person_half_day", "class_hour", "person_night", "actual"])?;
    condition = list.one_of(condition, "above", standard::Column::Above, &["refuse", "needs_reason", "mark"])?;
    for (name, column) in [("grade", standard::Column::Grade), ("place", standard::Column::Place)] {
        condition = list.equals::<String>(condition, name, column)?;
    }
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<standard::Entity>().filter(condition);
    let columns = &[
        "id",
        "expense_item_id",
        "name",
        "basis",
        "grade",
        "place",
        "season_from",
        "season_to",
        "amount",
        "above",
        "max_per_half_day",
        "max_per_day",
        "effective_from",
        "last_day",
        "source",
        "to_be_confirmed",
        "version",
    ];
    list.answer(&context, tx, select, &[("effective_from", standard::Column::EffectiveFrom)], columns, views).await
}

/// Reads one standard.
#[utoipa::path(tag = "spending", responses((status = 200, body = Standard), Refusals))]
#[get("/standards/{id}")]
async fn get_standard(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let row = tx.load_text::<standard::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &view(&tx, row).await?))
}

/// Sets a standard of the district. It ends the one with the same item, basis, grade, place and season; the first of its kind may begin in the past.
#[utoipa::path(tag = "spending", request_body = NewStandard, responses((status = 201, body = Standard), Refusals))]
#[post("/standards")]
async fn add_standard(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewStandard| {
            let row = standard_write::add(tx, act, &own_district(tx, &actor).await?, body).await?;
            Ok(Done::created(format!("/api/v1/standards/{}", row.id), Some(row.version), view(tx, row).await?))
        })
        .await
}

/// Adopts what ships with the program: the eight expense items, the eight bans, the standards (财行〔2017〕324号, 财行〔2016〕540号) and the tax rule, so far as the district has none of its own.
#[utoipa::path(tag = "spending", request_body = Adoption, responses((status = 200, body = Adopted), Refusals))]
#[post("/standards/defaults")]
async fn adopt_defaults(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: Adoption| {
            let from = body.effective_from.unwrap_or(act.today);
            Ok(Done::outcomes(defaults::adopt(tx, act, &own_district(tx, &actor).await?, from).await?))
        })
        .await
}

/// Changes a standard that has not begun; one in force is ended by the next.
#[utoipa::path(tag = "spending", request_body(content = StandardChange, content_type = "application/merge-patch+json"), responses((status = 200, body = Standard), Refusals))]
#[patch("/standards/{id}")]
async fn change_standard(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<standard::Entity, StandardChange, _>(
            &actor,
            Capability::ReferenceManage,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                let row = standard_write::change(tx, act, row, change).await?;
                Ok(Done::changed(row.version, view(tx, row).await?))
            },
        )
        .await
}

/// Ends a standard after a day that is not past: from then on its item is paid by what else is in force, or at cost.
#[utoipa::path(tag = "spending", request_body = StandardEnd, responses((status = 200, body = Standard), Refusals))]
#[post("/standards/{id}/end")]
async fn end_standard(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<standard::Entity, StandardEnd, _>(&actor, Capability::ReferenceManage, &id, Rules::moves(|row| row.version), async |tx, act, row, body| {
            let row = standard_write::end(tx, act, row, body.last_day).await?;
            Ok(Done::changed(row.version, view(tx, row).await?))
        })
        .await
}

/// Lists tax rules, those that later ones ended among them. Sort: `effective_from`. A district without one goes by the shipped rule.
#[utoipa::path(tag = "spending", responses((status = 200, body = ListPage<tax_rule::Model>), Refusals))]
#[get("/tax-rules")]
async fn list_tax_rules(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<tax_rule::Entity>();
    let columns = &["id", "flat_up_to", "flat_deduction", "deduction_percent", "brackets", "effective_from", "source", "to_be_confirmed"];
    list.answer(&context, tx, select, &[("effective_from", tax_rule::Column::EffectiveFrom)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one tax rule.
#[utoipa::path(tag = "spending", responses((status = 200, body = tax_rule::Model), Refusals))]
#[get("/tax-rules/{id}")]
async fn get_tax_rule(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    Ok(ok(&tx.load_text::<tax_rule::Entity>(&id).await?.into_read()))
}

/// Sets the district's next tax rule on labour income, for stipends and lecture fees alike; it ends the one before.
#[utoipa::path(tag = "spending", request_body = NewTaxRule, responses((status = 201, body = tax_rule::Model), Refusals))]
#[post("/tax-rules")]
async fn set_tax_rule(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewTaxRule| {
            let row = tax::set(tx, act, &own_district(tx, &actor).await?, body).await?;
            Ok(Done::created(format!("/api/v1/tax-rules/{}", row.id), None, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_standards).service(adopt_defaults).service(get_standard).service(add_standard).service(change_standard).service(end_standard);
    config.service(list_tax_rules).service(get_tax_rule).service(set_tax_rule);
}
