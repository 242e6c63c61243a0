//! `beneficiaries` and `enrolments`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::RATE_MAX;
use super::{beneficiary, enrolment, people, stipend_scheme};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::bank_code::is_bank_code;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{street_of, unit_of};
use crate::platform::audit::{Shown, to_show};
use crate::platform::db::Scoped;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::Submitted;

/// Whose account it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HolderRelation {
    /// The beneficiary's own.
    #[default]
    #[serde(rename = "self")]
    OwnAccount,
    /// A recorded guardian's.
    Guardian,
    /// The head of household's.
    HeadOfHousehold,
}

impl HolderRelation {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OwnAccount => "self",
            Self::Guardian => "guardian",
            Self::HeadOfHousehold => "head_of_household",
        }
    }
}

/// A bank account to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"number": "6222021234567890128", "bank_name": "武汉农村商业银行"}))]
pub struct NewAccount {
    /// The number: 8 to 30 digits; spaces are left out.
    pub number: String,
    /// The bank, at most 60 characters.
    pub bank_name: String,
    /// The branch's number in the payment system 联行号, 12 digits; needed where the bank's files ask for it.
    pub bank_code: Option<String>,
    /// The holder's name, where it is not the beneficiary's.
    pub holder_name: Option<String>,
    /// Whose account it is.
    #[serde(default)]
    pub holder_relation: HolderRelation,
}

/// The fault of a branch's number, under a pointer.
fn bank_code_fault(pointer: &str, code: Option<&str>, faults: &mut Faults) {
    if code.is_some_and(|code| !is_bank_code(code)) {
        faults.add(&format!("{pointer}/bank_code"), "bank_code_invalid", "联行号须为 12 位数字", "must be 12 digits");
    }
}

impl NewAccount {
    fn faults_at(&self, pointer: &str, faults: &mut Faults) {
        faults.text(&format!("{pointer}/bank_name"), &self.bank_name, 60);
        bank_code_fault(pointer, self.bank_code.as_deref(), faults);
        let digits = self.number.chars().filter(|character| !character.is_whitespace());
        let length = digits.clone().count();
        if !(8..=30).contains(&length) || !digits.clone().all(|character| character.is_ascii_digit()) {
            faults.add(&format!("{pointer}/number"), "account_number_invalid", "账号须为 8 至 30 位数字", "must be 8 to 30 digits");
        }
        if let Some(name) = &self.holder_name {
            faults.text(&format!("{pointer}/holder_name"), name, 60);
        } else if !matches!(self.holder_relation, HolderRelation::OwnAccount) {
            faults.add(&format!("{pointer}/holder_name"), "required", "须填写监护人或户主姓名", "name the guardian or head of household");
        }
    }
}

impl Body for NewAccount {
    fn faults(&self, faults: &mut Faults) {
        self.faults_at("", faults);
    }
}

/// A beneficiary to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "张示例", "id_number": "420104199001010009", "account": {"number": "6222021234567890128", "bank_name": "武汉农村商业银行"}}))]
pub struct NewBeneficiary {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community where the person lives.
    pub community_id: Option<Uuid>,
    /// The name.
    pub name: String,
    /// The ID number (GB 11643-1999).
    pub id_number: String,
    /// On the civil-service payroll.
    #[serde(default)]
    pub on_payroll: bool,
    /// The first account.
    pub account: Option<NewAccount>,
}

impl Body for NewBeneficiary {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
        if IdentityNumber::parse(&self.id_number).is_err() {
            let en = "an ID number has 18 characters and a check character (GB 11643-1999)";
            faults.add("/id_number", "id_number_invalid", "身份证号码须为 18 位且校验码正确（GB 11643-1999）", en);
        }
        if let Some(account) = &self.account {
            account.faults_at("/account", faults);
        }
    }
}

/// A search by a number, which stands in no URL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id_number": "420104199001010009"}))]
pub struct Search {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The ID number.
    pub id_number: Option<String>,
    /// The account number.
    pub account_number: Option<String>,
}

impl Body for Search {
    fn faults(&self, faults: &mut Faults) {
        if self.id_number.is_none() && self.account_number.is_none() {
            faults.add("/id_number", "required", "须给出身份证号码或账号", "give an ID number or an account number");
        }
    }
}

/// How a survivor was related to who died.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// 配偶.
    Spouse,
    /// 子女.
    Child,
    /// 父母.
    Parent,
    /// 兄弟姐妹.
    Sibling,
    /// 其他.
    Other,
}

impl Relation {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spouse => "spouse",
            Self::Child => "child",
            Self::Parent => "parent",
            Self::Sibling => "sibling",
            Self::Other => "other",
        }
    }
}

/// Whose survivor 遗属 is enrolled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// Who died; kept encrypted and shown masked.
    pub deceased_name: String,
    /// When they died.
    pub died_on: Option<NaiveDate>,
    /// How the beneficiary was related to them.
    pub relation: Relation,
}

/// An enrolment to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scheme_id": "0190a0b0-0000-7000-8000-000000000001", "beneficiary_id": "0190a0b0-0000-7000-8000-000000000002", "from_date": "2017-01-01"}))]
pub struct NewEnrolment {
    /// The scheme.
    pub scheme_id: Uuid,
    /// The beneficiary, of the same street.
    pub beneficiary_id: Uuid,
    /// The first day, or the event's.
    pub from_date: NaiveDate,
    /// The last day, or the event's.
    pub to_date: Option<NaiveDate>,
    /// The last period paid before this system; the one before the scheme's first unless said.
    #[schema(value_type = Option<String>)]
    pub paid_through: Option<Period>,
    /// An own rate.
    pub own_rate: Option<Fen>,
    /// From which month; the first unless said.
    #[schema(value_type = Option<String>)]
    pub own_rate_from: Option<Month>,
    /// Of a survivor 遗属: who died, and the relation.
    pub survivor: Option<Survivor>,
    /// The age with which it ends by itself (16 or 18), by the birthday in the ID number.
    pub ends_at_age: Option<i32>,
    /// Until when study is proven: it ends then by itself, where that is later than the age.
    pub study_until: Option<NaiveDate>,
}

impl Body for NewEnrolment {
    fn faults(&self, faults: &mut Faults) {
        if self.to_date.is_some_and(|to| to < self.from_date) {
            faults.add("/to_date", "date_before_start", "不得早于开始日期", "must not lie before the start");
        }
        if self.own_rate.is_some_and(|rate| rate.is_negative() || rate > RATE_MAX) {
            faults.add("/own_rate", "rate_out_of_bound", format!("须在 0.00 至 {RATE_MAX} 之间"), format!("must be from 0.00 to {RATE_MAX}"));
        }
        if let Some(survivor) = &self.survivor {
            faults.text("/survivor/deceased_name", &survivor.deceased_name, 60);
        }
        if self.ends_at_age.is_some_and(|age| !(1..=99).contains(&age)) {
            faults.add("/ends_at_age", "out_of_range", "须为 1 至 99 岁", "must be from 1 to 99");
        }
    }
}

/// The kind of a suspension.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionKind {
    /// Takes the months out.
    Stop,
    /// Keeps the entitlement and holds the item.
    Hold,
}

impl SuspensionKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Hold => "hold",
        }
    }
}

/// A suspension.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "hold", "from_date": "2017-05-01", "reason": "年度核查未办"}))]
pub struct NewSuspension {
    /// What it does.
    pub kind: SuspensionKind,
    /// The first day.
    pub from_date: NaiveDate,
    /// The last day; open unless said.
    pub to_date: Option<NaiveDate>,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for NewSuspension {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
        if self.to_date.is_some_and(|to| to < self.from_date) {
            faults.add("/to_date", "date_before_start", "不得早于开始日期", "must not lie before the start");
        }
    }
}

/// The end of an enrolment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to_date": "2017-03-31", "reason": "任期届满"}))]
pub struct End {
    /// The last day, or the event's.
    pub to_date: NaiveDate,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for End {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
    }
}

/// The end of suspensions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_date": "2017-06-01"}))]
pub struct Resume {
    /// The first day on which it runs again.
    pub from_date: NaiveDate,
}

impl Body for Resume {}

/// A beneficiary with personal data in the clear.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unmasked {
    /// The beneficiary.
    #[serde(flatten)]
    pub beneficiary: beneficiary::Model,
    /// The name.
    pub name: String,
    /// The corrected name that waits for a second person; null where none does.
    pub proposed_name: Option<String>,
    /// The ID number.
    pub id_number: String,
}

/// An enrolment with the name of who died in the clear.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnmaskedEnrolment {
    /// The enrolment.
    #[serde(flatten)]
    pub enrolment: enrolment::Model,
    /// Who died; only where it was asked for unmasked, null where nobody's survivor is enrolled.
    pub deceased_name: Option<String>,
}

/// Lists beneficiaries, masked. Filters: `street_id`, `community_id`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<beneficiary::Model>), Refusals))]
#[get("/beneficiaries")]
async fn list_beneficiaries(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", beneficiary::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", beneficiary::Column::CommunityId)?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<beneficiary::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], &["id", "street_id", "community_id", "name_masked", "id_number_masked", "on_payroll", "version"], async |_, rows| Ok(rows)).await
}

/// Reads one beneficiary, masked; `?unmasked=true&reason=…` shows name and ID number to who may see them, and is audited.
#[utoipa::path(tag = "stipends", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, body = beneficiary::Model), Refusals))]
#[get("/beneficiaries/{id}")]
async fn get_beneficiary(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kept_as = (Capability::StipendRead, "beneficiary.unmask", "beneficiary");
    let Shown { row, unmasked, .. } = to_show::<beneficiary::Entity>(&context, &actor, &request, &id, kept_as).await?;
    if !unmasked {
        return Ok(ok_versioned(row.version, &row));
    }
    let proposed_name = people::proposed_name_of(&context.keys, &row)?;
    let shown = Unmasked { name: people::name_of(&context.keys, &row)?, proposed_name, id_number: people::id_number_of(&context.keys, &row)?, beneficiary: row };
    Ok(ok_versioned(shown.beneficiary.version, &shown))
}

/// Adds a beneficiary.
#[utoipa::path(tag = "stipends", request_body = NewBeneficiary, responses((status = 201, body = beneficiary::Model), Refusals))]
#[post("/beneficiaries")]
async fn add_beneficiary(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::StipendPrepare, Rules::plain(), async |tx, act, body: NewBeneficiary| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::StipendPrepare).await?;
            let row = people::add(tx, act, &unit, body).await?;
            Ok(Done::created(format!("/api/v1/beneficiaries/{}", row.id), Some(row.version), row))
        })
        .await
}

/// Searches beneficiaries by ID or account number.
#[utoipa::path(tag = "stipends", request_body = Search, responses((status = 200, body = ListPage<beneficiary::Model>), Refusals))]
#[post("/beneficiaries/search")]
async fn search_beneficiaries(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::StipendRead, Rules::plain(), async |tx, act, body: Search| {
            let street = street_of(tx, &actor, body.street_id, Capability::StipendRead).await?;
            let data = people::search(tx, act, street.id, body.id_number.as_deref(), body.account_number.as_deref()).await?;
            Ok(Done::found(ListPage { data, next_cursor: None }))
        })
        .await
}

/// Lists enrolments. Filters: `street_id`, `community_id`, `scheme_id`, `beneficiary_id`, `state` (`unconfirmed`, `confirmed`, `withdrawn`). Sort: `from_date`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<enrolment::Model>), Refusals))]
#[get("/enrolments")]
async fn list_enrolments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "scheme_id", "beneficiary_id", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", enrolment::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", enrolment::Column::CommunityId)?;
    let condition = list.equals::<Uuid>(condition, "scheme_id", enrolment::Column::SchemeId)?;
    let condition = list.equals::<Uuid>(condition, "beneficiary_id", enrolment::Column::BeneficiaryId)?;
    let condition = list.one_of(condition, "state", enrolment::Column::State, &["unconfirmed", "confirmed", "withdrawn"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<enrolment::Entity>().filter(condition);
    let columns = &[
        "id",
        "street_id",
        "community_id",
        "scheme_id",
        "beneficiary_id",
        "from_date",
        "to_date",
        "end_reason",
        "paid_through",
        "own_rate",
        "relation",
        "expected_end",
        "verify_by",
        "state",
        "version",
    ];
    list.answer(&context, tx, select, &[("from_date", enrolment::Column::FromDate)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one enrolment; with `unmasked=true` and a `reason`, which is audited, also the name of who died, of a survivor's.
#[utoipa::path(tag = "stipends", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, body = UnmaskedEnrolment), Refusals))]
#[get("/enrolments/{id}")]
async fn get_enrolment(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let Shown { row, unmasked, .. } = to_show::<enrolment::Entity>(&context, &actor, &request, &id, (Capability::StipendRead, "enrolment.unmask", "enrolment")).await?;
    if !unmasked {
        return Ok(ok_versioned(row.version, &row));
    }
    let shown = UnmaskedEnrolment { deceased_name: people::deceased_of(&context.keys, &row)?, enrolment: row };
    Ok(ok_versioned(shown.enrolment.version, &shown))
}

/// Enrols a beneficiary in a scheme.
#[utoipa::path(tag = "stipends", request_body = NewEnrolment, responses((status = 201, body = Submitted<enrolment::Model>), Refusals))]
#[post("/enrolments")]
async fn add_enrolment(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::StipendPrepare, Rules::plain(), async |tx, act, body: NewEnrolment| {
            let scheme = tx.load_reference::<stipend_scheme::Entity>(body.scheme_id, "/scheme_id").await?.authorise(&actor, Capability::StipendPrepare)?;
            let row = people::enrol(tx, act, &scheme, body).await?;
            let next = (Capability::EnrolmentConfirm, enrolment::Entity::place(&row));
            Ok(Done::created(format!("/api/v1/enrolments/{}", row.id), Some(row.version), Submitted::of(context.recipients.as_ref(), act, next, row).await?))
        })
        .await
}

/// Confirms an enrolment as a second person.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/confirm")]
async fn confirm_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, Nothing, _>(&actor, Capability::EnrolmentConfirm, &id, rules, async |tx, act, row, _| {
            let row = people::confirm(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Ends an enrolment on a day.
#[utoipa::path(tag = "stipends", request_body = End, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/end")]
async fn end_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, End, _>(&actor, Capability::StipendPrepare, &id, rules, async |tx, act, row, body| {
            let row = people::end(tx, act, row, body.to_date, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Stops or holds an enrolment for a time.
#[utoipa::path(tag = "stipends", request_body = NewSuspension, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/suspend")]
async fn suspend_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, NewSuspension, _>(&actor, Capability::StipendPrepare, &id, rules, async |tx, act, row, body| {
            let row = people::suspend(tx, act, row, body).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Ends the open suspensions of an enrolment.
#[utoipa::path(tag = "stipends", request_body = Resume, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/resume")]
async fn resume_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &enrolment::Model| row.version);
    write
        .on::<enrolment::Entity, Resume, _>(&actor, Capability::StipendPrepare, &id, rules, async |tx, act, row, body| {
            let row = people::resume(tx, act, row, body.from_date).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_beneficiaries).service(search_beneficiaries).service(get_beneficiary).service(add_beneficiary);
    config.service(list_enrolments).service(get_enrolment).service(add_enrolment).service(confirm_enrolment).service(end_enrolment).service(suspend_enrolment).service(resume_enrolment);
}
