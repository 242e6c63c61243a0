//! `beneficiaries`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{beneficiary, people};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::bank_code::bank_code_fault;
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{street_of, unit_of};
use crate::platform::audit::{Shown, to_show};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};

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

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_beneficiaries).service(search_beneficiaries).service(get_beneficiary).service(add_beneficiary);
}
