//! `categories` and `expense-items`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::chains::{self, ChainInForce, NewChain};
use super::{approval_chain, category, category_item, expense_item, write as work};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::db::{Authorised, Tx};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok, ok_versioned, query};

/// What happens to a category's money that is left at year-end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CarryOver {
    /// It goes back to the treasury.
    Returns,
    /// It stays with the unit.
    StaysWithUnit,
}

impl CarryOver {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Returns => "returns",
            Self::StaysWithUnit => "stays_with_unit",
        }
    }

    /// As the database has it.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        if code == "stays_with_unit" { Self::StaysWithUnit } else { Self::Returns }
    }
}

/// An expense item to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "F01", "name": "租车费"}))]
pub struct NewExpenseItem {
    /// The code, at most 20 characters.
    pub code: String,
    /// The name, at most 60 characters.
    pub name: String,
    /// Whether it pays a person for work: net, tax and gross are worked out by the tax rule.
    #[serde(default)]
    pub labour_income: bool,
}

/// What may be changed of an expense item.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "讲课费", "labour_income": true}))]
pub struct ExpenseItemChange {
    /// The name, at most 60 characters.
    pub name: String,
    /// Whether it pays a person for work.
    pub labour_income: bool,
}

impl From<&expense_item::Model> for ExpenseItemChange {
    fn from(row: &expense_item::Model) -> Self {
        Self { name: row.name.clone(), labour_income: row.labour_income }
    }
}

impl Body for ExpenseItemChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
    }
}

impl Body for NewExpenseItem {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/code", &self.code, 20);
        faults.text("/name", &self.name, 60);
    }
}

/// A category to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "C02", "name": "遗属补助", "earmarked": true, "pays_individuals": true, "carry_over": "returns"}))]
pub struct NewCategory {
    /// The code, at most 20 characters.
    pub code: String,
    /// The name, at most 60 characters.
    pub name: String,
    /// 专款专用.
    #[serde(default)]
    pub earmarked: bool,
    /// Whether transfers out are allowed although it is earmarked.
    #[serde(default)]
    pub transfer_out_allowed: bool,
    /// Whether people may be paid out of it.
    #[serde(default)]
    pub pays_individuals: bool,
    /// What happens to what is left.
    pub carry_over: CarryOver,
    /// The items it may be spent on; empty: none but stipends.
    #[serde(default)]
    pub allowed_item_ids: Vec<Uuid>,
    /// The items it must never be spent on; those that stand for one of the eight bans 八个严禁 are added unless they are allowed by name.
    #[serde(default)]
    pub forbidden_item_ids: Vec<Uuid>,
}

impl Body for NewCategory {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/code", &self.code, 20);
        faults.text("/name", &self.name, 60);
        both_lists(&self.allowed_item_ids, &self.forbidden_item_ids, faults);
    }
}

fn both_lists(allowed: &[Uuid], forbidden: &[Uuid], faults: &mut Faults) {
    for (index, id) in forbidden.iter().enumerate() {
        if allowed.contains(id) {
            faults.add(&format!("/forbidden_item_ids/{index}"), "contradiction", "同一费用项目不能既允许又禁止", "an item cannot be allowed and forbidden");
        }
    }
}

/// A change of a category: what is left out stays; the lists of items are given together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"transfer_out_allowed": true}))]
pub struct CategoryChange {
    /// The name.
    #[schema(required = false)]
    pub name: String,
    /// 专款专用.
    #[schema(required = false)]
    pub earmarked: bool,
    /// Transfers out although earmarked.
    #[schema(required = false)]
    pub transfer_out_allowed: bool,
    /// What happens to what is left.
    #[schema(required = false)]
    pub carry_over: CarryOver,
    /// All items allowed; left out, they stay.
    pub allowed_item_ids: Option<Vec<Uuid>>,
    /// All items forbidden; left out, they stay.
    pub forbidden_item_ids: Option<Vec<Uuid>>,
}

impl From<&category::Model> for CategoryChange {
    fn from(row: &category::Model) -> Self {
        Self {
            name: row.name.clone(),
            earmarked: row.earmarked,
            transfer_out_allowed: row.transfer_out_allowed,
            carry_over: CarryOver::of_code(&row.carry_over),
            allowed_item_ids: None,
            forbidden_item_ids: None,
        }
    }
}

impl Body for CategoryChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
        if self.allowed_item_ids.is_some() != self.forbidden_item_ids.is_some() {
            faults.add("/allowed_item_ids", "both_required", "允许与禁止的费用项目须一并给出", "give allowed_item_ids and forbidden_item_ids together");
        }
        both_lists(self.allowed_item_ids.as_deref().unwrap_or_default(), self.forbidden_item_ids.as_deref().unwrap_or_default(), faults);
    }
}

/// A category with its items.
#[derive(Debug, Serialize, ToSchema)]
pub struct Category {
    /// The category.
    #[serde(flatten)]
    pub category: category::Model,
    /// The items it may be spent on.
    pub allowed_item_ids: Vec<Uuid>,
    /// The items it must never be spent on.
    pub forbidden_item_ids: Vec<Uuid>,
}

async fn view(tx: &Tx, categories: Vec<category::Model>) -> Result<Vec<Category>, Problem> {
    let ids = categories.iter().map(|category| category.id);
    let items = tx.all(tx.select::<category_item::Entity>().filter(category_item::Column::CategoryId.is_in(ids)).order_by_asc(category_item::Column::Id)).await?;
    let of = |category: Uuid, allowed: bool| items.iter().filter(|item| item.category_id == category && item.allowed == allowed).map(|item| item.expense_item_id).collect();
    Ok(categories.into_iter().map(|category| Category { allowed_item_ids: of(category.id, true), forbidden_item_ids: of(category.id, false), category }).collect())
}

async fn one(tx: &Tx, category: category::Model) -> Result<Category, Problem> {
    view(tx, vec![category]).await?.pop().ok_or_else(Problem::not_found)
}

/// The actor's district, at which reference data are kept.
pub(super) async fn own_district(tx: &Tx, actor: &Actor) -> Result<Authorised<org_unit::Model>, Problem> {
    tx.load::<org_unit::Entity>(actor.home.district).await?.authorise(actor, Capability::ReferenceManage)
}

/// Lists categories. Filters: `code`, `name`. Sort: `code`.
#[utoipa::path(tag = "spending", responses((status = 200, body = ListPage<Category>), Refusals))]
#[get("/categories")]
async fn list_categories(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["code", "name"])?;
    let condition = list.equals::<String>(Condition::all(), "code", category::Column::Code)?;
    let condition = list.equals::<String>(condition, "name", category::Column::Name)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<category::Entity>().filter(condition);
    let columns = &["id", "code", "name", "earmarked", "transfer_out_allowed", "pays_individuals", "carry_over", "version"];
    list.answer(&context, tx, select, &[("code", category::Column::Code)], columns, view).await
}

/// Reads one category.
#[utoipa::path(tag = "spending", responses((status = 200, body = Category), Refusals))]
#[get("/categories/{id}")]
async fn get_category(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let category = tx.load_text::<category::Entity>(&id).await?.into_read();
    Ok(ok_versioned(category.version, &one(&tx, category).await?))
}

/// Adds a category to the district.
#[utoipa::path(tag = "spending", request_body = NewCategory, responses((status = 201, body = Category), Refusals))]
#[post("/categories")]
async fn add_category(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewCategory| {
            let category = work::add_category(tx, act, &own_district(tx, &actor).await?, body).await?;
            Ok(Done::created(format!("/api/v1/categories/{}", category.id), Some(category.version), one(tx, category).await?))
        })
        .await
}

/// Changes a category.
#[utoipa::path(tag = "spending", request_body(content = CategoryChange, content_type = "application/merge-patch+json"), responses((status = 200, body = Category), Refusals))]
#[patch("/categories/{id}")]
async fn change_category(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<category::Entity, CategoryChange, _>(
            &actor,
            Capability::ReferenceManage,
            &id,
            |row| row.version,
            async |tx, act, row, body| {
                let category = work::change_category(tx, act, row, body).await?;
                Ok(Done::changed(category.version, one(tx, category).await?))
            },
        )
        .await
}

/// Lists expense items. Filter: `code`. Sort: `code`.
#[utoipa::path(tag = "spending", responses((status = 200, body = ListPage<expense_item::Model>), Refusals))]
#[get("/expense-items")]
async fn list_expense_items(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["code"])?;
    let condition = list.equals::<String>(Condition::all(), "code", expense_item::Column::Code)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<expense_item::Entity>().filter(condition);
    list.answer(&context, tx, select, &[("code", expense_item::Column::Code)], &["id", "code", "name", "labour_income", "ban", "version"], async |_, rows| Ok(rows)).await
}

/// Reads one expense item.
#[utoipa::path(tag = "spending", responses((status = 200, body = expense_item::Model), Refusals))]
#[get("/expense-items/{id}")]
async fn get_expense_item(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let item = tx.load_text::<expense_item::Entity>(&id).await?.into_read();
    Ok(ok_versioned(item.version, &item))
}

/// Adds an expense item to the district.
#[utoipa::path(tag = "spending", request_body = NewExpenseItem, responses((status = 201, body = expense_item::Model), Refusals))]
#[post("/expense-items")]
async fn add_expense_item(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewExpenseItem| {
            let item = work::add_item(tx, act, &own_district(tx, &actor).await?, body).await?;
            Ok(Done::created(format!("/api/v1/expense-items/{}", item.id), Some(item.version), item))
        })
        .await
}

/// Changes the name of an expense item, or whether it pays for work.
#[utoipa::path(tag = "spending", request_body(content = ExpenseItemChange, content_type = "application/merge-patch+json"), responses((status = 200, body = expense_item::Model), Refusals))]
#[patch("/expense-items/{id}")]
async fn change_expense_item(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<expense_item::Entity, ExpenseItemChange, _>(
            &actor,
            Capability::ReferenceManage,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                let item = work::change_item(tx, act, row, change).await?;
                Ok(Done::changed(item.version, item))
            },
        )
        .await
}

/// Lists approval chains, the newest last. Filters: `street_id`. Sort: `chain_version`. A street without one goes by the shipped default: `approval-chains/in-force`.
#[utoipa::path(tag = "spending", responses((status = 200, body = ListPage<approval_chain::Model>), Refusals))]
#[get("/approval-chains")]
async fn list_chains(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["street_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", approval_chain::Column::StreetId)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<approval_chain::Entity>().filter(condition);
    let columns = &["id", "street_id", "chain_version", "effective_from", "bands", "expire_after_days"];
    list.answer(&context, tx, select, &[("chain_version", approval_chain::Column::ChainVersion)], columns, async |_, rows| Ok(rows)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfStreet {
    street_id: Option<Uuid>,
}

/// The approval chain in force in a street today: its own, or the shipped default (`chain_version` 0). A community reads its street's.
#[utoipa::path(tag = "spending", params(("street_id" = Option<Uuid>, Query)), responses((status = 200, body = ChainInForce), Refusals))]
#[get("/approval-chains/in-force")]
async fn chain_in_force(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let asked = query::<OfStreet>(&request)?.street_id;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let own = tx.scope().place().and_then(|place| place.street);
    let street = match own.filter(|own| asked.is_none_or(|asked| asked == *own)) {
        Some(own) => own,
        None => crate::people::tenancy::street_of(&tx, &actor, asked, Capability::ReferenceRead).await?.id,
    };
    Ok(ok(&chains::in_force(&tx, street, context.clocks.business_today()).await?))
}

/// Reads one version of a street's approval chain.
#[utoipa::path(tag = "spending", responses((status = 200, body = approval_chain::Model), Refusals))]
#[get("/approval-chains/{id}")]
async fn get_chain(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let chain = tx.load_text::<approval_chain::Entity>(&id).await?.into_read();
    Ok(ok_versioned(i64::from(chain.chain_version), &chain))
}

/// Sets the next version of a street's approval chain. The district does, so that no street loosens its own control.
#[utoipa::path(tag = "spending", request_body = NewChain, responses((status = 201, body = approval_chain::Model), Refusals))]
#[post("/approval-chains")]
async fn set_chain(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewChain| {
            let street = crate::people::tenancy::street_of(tx, &actor, Some(body.street_id), Capability::ReferenceManage).await?;
            let chain = chains::set(tx, act, &street, body).await?;
            Ok(Done::created(format!("/api/v1/approval-chains/{}", chain.id), None, chain))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_categories).service(get_category).service(add_category).service(change_category);
    config.service(chain_in_force).service(list_chains).service(get_chain).service(set_chain);
    config.service(list_expense_items).service(get_expense_item).service(add_expense_item).service(change_expense_item);
}
