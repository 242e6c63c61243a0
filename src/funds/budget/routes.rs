//! `budgets` and `budget-lines`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{budget, budget_line, budget_line_plan_item, decide, draft, lines};
use crate::funds::spending::category;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{org_unit, street_of};
use crate::platform::db::{References, Tx};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::Submitted;
use crate::work::plan::plan_item;

/// A line to be drafted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBudgetLine, example = json!({"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "17580.00", "plan_item_ids": ["0190a0b0-0000-7000-8000-000000000002"]}))]
pub struct NewLine {
    /// The category.
    pub category_id: Uuid,
    /// The community; left out for the street's own line.
    pub community_id: Option<Uuid>,
    /// The amount, 0.00 or more.
    pub amount: Fen,
    /// The plan items it pays for.
    #[serde(default)]
    pub plan_item_ids: Vec<Uuid>,
    /// A remark, at most 200 characters.
    pub remark: Option<String>,
}

impl NewLine {
    fn faults_at(&self, pointer: &str, faults: &mut Faults) {
        amount(&format!("{pointer}/amount"), self.amount, faults);
        if let Some(remark) = &self.remark {
            faults.text(&format!("{pointer}/remark"), remark, 200);
        }
    }

    fn references_at(&self, pointer: &str, references: &mut References) {
        references.add::<category::Entity>(format!("{pointer}/category_id"), self.category_id);
        references.add::<org_unit::Entity>(format!("{pointer}/community_id"), self.community_id);
        for (index, item) in self.plan_item_ids.iter().enumerate() {
            references.add::<plan_item::Entity>(format!("{pointer}/plan_item_ids/{index}"), *item);
        }
    }
}

impl Body for NewLine {
    fn faults(&self, faults: &mut Faults) {
        self.faults_at("", faults);
    }

    fn references(&self, references: &mut References) {
        self.references_at("", references);
    }
}

fn amount(pointer: &str, amount: Fen, faults: &mut Faults) {
    if amount.is_negative() {
        faults.add(pointer, "amount_negative", "不得为负", "must not be negative");
    } else if amount > Fen::DOCUMENT_MAX {
        faults.add(pointer, "amount_too_large", format!("不得超过 {}", Fen::DOCUMENT_MAX), format!("must not exceed {}", Fen::DOCUMENT_MAX));
    }
}

/// A budget to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fiscal_year": 2017, "programme": "基层党建综合事务经费项目", "total": "17580.00", "lines": [{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "17580.00", "plan_item_ids": ["0190a0b0-0000-7000-8000-000000000002"]}]}))]
pub struct NewBudget {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The year, which must be open.
    pub fiscal_year: i32,
    /// The programme, at most 100 characters.
    pub programme: String,
    /// The declared total.
    pub total: Fen,
    /// The lines; more can be added while it is a draft.
    #[serde(default)]
    pub lines: Vec<NewLine>,
}

impl Body for NewBudget {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/programme", &self.programme, 100);
        amount("/total", self.total, faults);
        for (index, line) in self.lines.iter().enumerate() {
            line.faults_at(&format!("/lines/{index}"), faults);
        }
    }

    fn references(&self, references: &mut References) {
        for (index, line) in self.lines.iter().enumerate() {
            line.references_at(&format!("/lines/{index}"), references);
        }
    }
}

/// A change of a draft: what is left out stays; lines replace all lines.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"total": "18000.00"}))]
pub struct BudgetChange {
    /// The declared total.
    #[schema(required = false)]
    pub total: Fen,
    /// All lines; left out, they stay.
    pub lines: Option<Vec<NewLine>>,
}

impl From<&budget::Model> for BudgetChange {
    fn from(row: &budget::Model) -> Self {
        Self { total: row.total, lines: None }
    }
}

impl Body for BudgetChange {
    fn faults(&self, faults: &mut Faults) {
        amount("/total", self.total, faults);
        for (index, line) in self.lines.iter().flatten().enumerate() {
            line.faults_at(&format!("/lines/{index}"), faults);
        }
    }

    fn references(&self, references: &mut References) {
        for (index, line) in self.lines.iter().flatten().enumerate() {
            line.references_at(&format!("/lines/{index}"), references);
        }
    }
}

/// Why something is returned or rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "请补充品牌项目的目标"}))]
pub struct Reason {
    /// The reason, at most 500 characters.
    pub reason: String,
}

impl Body for Reason {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 500);
    }
}

/// A line as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetLine {
    /// The line.
    #[serde(flatten)]
    pub line: budget_line::Model,
    /// Approved minus reserved minus spent.
    pub available: Fen,
    /// The plan items it pays for.
    pub plan_item_ids: Vec<Uuid>,
}

/// A budget with its lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct Budget {
    /// The budget.
    #[serde(flatten)]
    pub budget: budget::Model,
    /// Its lines.
    pub lines: Vec<BudgetLine>,
}

async fn line_views(tx: &Tx, rows: Vec<budget_line::Model>) -> Result<Vec<BudgetLine>, Problem> {
    let ids = rows.iter().map(|line| line.id);
    let links = tx.all(tx.select::<budget_line_plan_item::Entity>().filter(budget_line_plan_item::Column::BudgetLineId.is_in(ids)).order_by_asc(budget_line_plan_item::Column::Id)).await?;
    let mut items: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for link in links {
        items.entry(link.budget_line_id).or_default().push(link.plan_item_id);
    }
    Ok(rows.into_iter().map(|line| BudgetLine { available: lines::available(&line), plan_item_ids: items.remove(&line.id).unwrap_or_default(), line }).collect())
}

async fn views(tx: &Tx, budgets: Vec<budget::Model>) -> Result<Vec<Budget>, Problem> {
    let mut shown = Vec::with_capacity(budgets.len());
    for budget in budgets {
        shown.push(view(tx, budget).await?);
    }
    Ok(shown)
}

async fn view(tx: &Tx, budget: budget::Model) -> Result<Budget, Problem> {
    let lines = line_views(tx, draft::lines_of(tx, budget.id).await?).await?;
    Ok(Budget { budget, lines })
}

/// Lists budgets with their lines. Filters: `street_id`, `fiscal_year`, `state` (`draft`, `submitted`, `approved`, `closed`). Sort: `programme`.
#[utoipa::path(tag = "budget", responses((status = 200, body = ListPage<Budget>), Refusals))]
#[get("/budgets")]
async fn list_budgets(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id", "fiscal_year", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", budget::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", budget::Column::FiscalYear)?;
    let condition = list.one_of(condition, "state", budget::Column::State, &["draft", "submitted", "approved", "closed"])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let select = tx.select::<budget::Entity>().filter(condition);
    let columns = &["id", "street_id", "fiscal_year", "programme", "revision", "total", "state", "approved_at", "version"];
    list.answer(&context, tx, select, &[("programme", budget::Column::Programme)], columns, views).await
}

/// Reads one budget with its lines.
#[utoipa::path(tag = "budget", responses((status = 200, body = Budget), Refusals))]
#[get("/budgets/{id}")]
async fn get_budget(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let budget = tx.load_text::<budget::Entity>(&id).await?.into_read();
    Ok(ok_versioned(budget.version, &view(&tx, budget).await?))
}

/// Drafts a budget.
#[utoipa::path(tag = "budget", request_body = NewBudget, responses((status = 201, body = Budget), Refusals))]
#[post("/budgets")]
async fn draft_budget(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::BudgetDraft, Rules::plain(), async |tx, act, body: NewBudget| {
            let street = street_of(tx, &actor, body.street_id, Capability::BudgetDraft).await?;
            let budget = draft::draft(tx, act, &street, body).await?;
            Ok(Done::created(format!("/api/v1/budgets/{}", budget.id), Some(budget.version), view(tx, budget).await?))
        })
        .await
}

/// Changes a draft.
#[utoipa::path(tag = "budget", request_body(content = BudgetChange, content_type = "application/merge-patch+json"), responses((status = 200, body = Budget), Refusals))]
#[patch("/budgets/{id}")]
async fn change_budget(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<budget::Entity, BudgetChange, _>(
            &actor,
            Capability::BudgetDraft,
            &id,
            |row| row.version,
            async |tx, act, row, body| {
                let budget = draft::change(tx, act, row, body).await?;
                Ok(Done::changed(budget.version, view(tx, budget).await?))
            },
        )
        .await
}

const LINE_COLUMNS: &[&str] = &["id", "street_id", "community_id", "fiscal_year", "category_id", "amount", "approved", "reserved", "spent", "available", "state", "remark", "version"];

/// The lines of a budget.
#[utoipa::path(tag = "budget", responses((status = 200, body = ListPage<BudgetLine>), Refusals))]
#[get("/budgets/{id}/lines")]
async fn list_lines_of_budget(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let budget = tx.load_text::<budget::Entity>(&id).await?.into_read();
    let lines = view(&tx, budget).await?.lines;
    list.answer_whole(&context, LINE_COLUMNS, lines).await
}

/// Adds a line to a draft.
#[utoipa::path(tag = "budget", request_body = NewLine, responses((status = 201, body = BudgetLine), Refusals))]
#[post("/budgets/{id}/lines")]
async fn add_line(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<budget::Entity, NewLine, _>(&actor, Capability::BudgetDraft, &id, Rules::moves(|row: &budget::Model| row.version), async |tx, act, row, body| {
            let (budget, line) = draft::add_line(tx, act, row, body).await?;
            let shown = line_views(tx, vec![line]).await?.pop().ok_or_else(Problem::not_found)?;
            Ok(Done::created(format!("/api/v1/budget-lines/{}", shown.line.id), Some(budget.version), shown))
        })
        .await
}

/// Submits a draft to the district.
#[utoipa::path(tag = "budget", request_body = Nothing, responses((status = 200, body = Submitted<Budget>), Refusals))]
#[post("/budgets/{id}/submit")]
async fn submit_budget(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<budget::Entity, Nothing, _>(&actor, Capability::BudgetDraft, &id, Rules::moves(|row: &budget::Model| row.version), async |tx, act, row, _| {
            let next = (Capability::BudgetApprove, row.place());
            let budget = draft::submit(tx, act, row).await?;
            let version = budget.version;
            Ok(Done::changed(version, Submitted::of(context.recipients.as_ref(), act, next, view(tx, budget).await?).await?))
        })
        .await
}

/// Approves a submitted budget.
#[utoipa::path(tag = "budget", request_body = Nothing, responses((status = 200, body = Budget), Refusals))]
#[post("/budgets/{id}/approve")]
async fn approve_budget(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<budget::Entity, Nothing, _>(&actor, Capability::BudgetApprove, &id, Rules::moves(|row: &budget::Model| row.version), async |tx, act, row, _| {
            let budget = decide::approve(tx, act, row).await?;
            Ok(Done::changed(budget.version, view(tx, budget).await?))
        })
        .await
}

/// Takes a submitted budget back to draft, before the district has decided on it; submitted again, it is another revision.
#[utoipa::path(tag = "budget", request_body = Nothing, responses((status = 200, body = Budget), Refusals))]
#[post("/budgets/{id}/withdraw")]
async fn withdraw_budget(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<budget::Entity, Nothing, _>(&actor, Capability::BudgetDraft, &id, Rules::moves(|row: &budget::Model| row.version), async |tx, act, row, _| {
            let budget = draft::withdraw(tx, act, row).await?;
            Ok(Done::changed(budget.version, view(tx, budget).await?))
        })
        .await
}

/// Returns a submitted budget to draft, with the reason.
#[utoipa::path(tag = "budget", request_body = Reason, responses((status = 200, body = Budget), Refusals))]
#[post("/budgets/{id}/return")]
async fn return_budget(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<budget::Entity, Reason, _>(&actor, Capability::BudgetApprove, &id, Rules::moves(|row: &budget::Model| row.version), async |tx, act, row, body| {
            let budget = decide::give_back(tx, act, row, body.reason).await?;
            Ok(Done::changed(budget.version, view(tx, budget).await?))
        })
        .await
}

/// Lists budget lines; a community sees its own. Filters: `street_id`, `community_id`, `fiscal_year`, `category_id`, `state` (`draft`, `approved`).
#[utoipa::path(tag = "budget", responses((status = 200, body = ListPage<BudgetLine>), Refusals))]
#[get("/budget-lines")]
async fn list_budget_lines(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "fiscal_year", "category_id", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", budget_line::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", budget_line::Column::CommunityId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", budget_line::Column::FiscalYear)?;
    let condition = list.equals::<Uuid>(condition, "category_id", budget_line::Column::CategoryId)?;
    let condition = list.one_of(condition, "state", budget_line::Column::State, &["draft", "approved"])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let select = tx.select::<budget_line::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], LINE_COLUMNS, line_views).await
}

/// Reads one budget line.
#[utoipa::path(tag = "budget", responses((status = 200, body = BudgetLine), Refusals))]
#[get("/budget-lines/{id}")]
async fn get_budget_line(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let line = tx.load_text::<budget_line::Entity>(&id).await?.into_read();
    let version = line.version;
    let shown = line_views(&tx, vec![line]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(ok_versioned(version, &shown))
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_budgets).service(get_budget).service(draft_budget).service(change_budget).service(list_lines_of_budget).service(add_line);
    config.service(submit_budget).service(approve_budget).service(return_budget).service(withdraw_budget).service(list_budget_lines).service(get_budget_line);
}
