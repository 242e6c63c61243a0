//! `budget-adjustments`, `receipts`, `treasury-returns`, `summary/…`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{Datelike, NaiveDate};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::routes::Reason;
use super::summary::{self, DistrictSummary, StreetSummary};
use super::{adjust, budget, budget_adjustment, budget_line, receipt, receive, return_surplus, treasury_return};
use crate::funds::spending::category;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::{org_unit, street_of};
use crate::platform::db::References;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok, ok_versioned, query};
use crate::platform::tasks::Submitted;
use crate::work::plan::plan_item;

/// The kind of an adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    /// 调剂: sums to zero.
    Transfer,
    /// 追加: adds.
    Supplement,
    /// 追减: takes.
    Reduction,
}

impl AdjustmentKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Supplement => "supplement",
            Self::Reduction => "reduction",
        }
    }
}

/// How one line changes, or which line is added.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentLine {
    /// The line that changes; left out for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_line_id: Option<Uuid>,
    /// The category of a new line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_id: Option<Uuid>,
    /// The community of a new line; left out for the street's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub community_id: Option<Uuid>,
    /// Plan items that the line pays for from the approval on, beside those it has: a line that gets money needs one of the year that has a target. In a transfer only items of lines that the district has approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan_item_ids: Vec<Uuid>,
    /// What is added; negative takes.
    pub amount: Fen,
}

impl AdjustmentLine {
    /// Whether two mean the same line.
    fn same_line(&self, other: &Self) -> bool {
        match (self.budget_line_id, other.budget_line_id) {
            (None, None) => (self.category_id, self.community_id) == (other.category_id, other.community_id),
            (own, others) => own == others,
        }
    }

    fn faults_at(&self, pointer: &str, faults: &mut Faults) {
        if self.budget_line_id.is_some() == self.category_id.is_some() {
            faults.add(&format!("{pointer}/budget_line_id"), "line_or_category", "须给出要调整的预算线，或新预算线的类别，二者取一", "give either the line that changes, or the category of a new one");
        } else if self.budget_line_id.is_some() && self.community_id.is_some() {
            faults.add(&format!("{pointer}/community_id"), "line_or_category", "已有的预算线自有单位，不要再给社区", "a line that exists has its unit: leave the community out");
        }
    }
}

/// An adjustment to be submitted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"budget_id": "0190a0b0-0000-7000-8000-000000000001", "kind": "transfer", "reason": "宣传任务增加", "lines": [{"budget_line_id": "0190a0b0-0000-7000-8000-000000000002", "amount": "-500.00"}, {"budget_line_id": "0190a0b0-0000-7000-8000-000000000003", "amount": "500.00"}]}))]
pub struct NewAdjustment {
    /// The approved budget.
    pub budget_id: Uuid,
    /// What kind.
    pub kind: AdjustmentKind,
    /// Why, at most 500 characters.
    pub reason: String,
    /// The lines that change.
    pub lines: Vec<AdjustmentLine>,
}

impl Body for NewAdjustment {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 500);
        let mut sum = 0_i64;
        for (index, line) in self.lines.iter().enumerate() {
            sum = sum.saturating_add(line.amount.0);
            let wrong_side = match self.kind {
                AdjustmentKind::Transfer => line.amount.is_zero(),
                AdjustmentKind::Supplement => !line.amount.is_positive(),
                AdjustmentKind::Reduction => !line.amount.is_negative(),
            };
            line.faults_at(&format!("/lines/{index}"), faults);
            let wrong_side = wrong_side || (line.budget_line_id.is_none() && !line.amount.is_positive());
            if wrong_side || line.amount.0.saturating_abs() > Fen::DOCUMENT_MAX.0 {
                faults.add(
                    &format!("/lines/{index}/amount"),
                    "wrong_sign",
                    "追加须为正、追减须为负、调剂不得为零；新预算线须为正",
                    "a supplement adds, a reduction takes, a transfer is not zero; a new line gets something",
                );
            }
            if self.lines.iter().take(index).any(|earlier| earlier.same_line(line)) {
                faults.add(&format!("/lines/{index}/{}", if line.budget_line_id.is_some() { "budget_line_id" } else { "category_id" }), "line_twice", "预算线重复", "the line is there twice");
            }
        }
        if self.lines.is_empty() {
            faults.add("/lines", "required", "至少须有一条预算线", "give at least one line");
        }
        if self.kind == AdjustmentKind::Transfer && sum != 0 {
            faults.add("/lines", "transfer_not_zero_sum", format!("调剂合计须为 0.00，现为 {}", Fen(sum)), format!("a transfer sums to 0.00, not {}", Fen(sum)));
        }
    }

    fn references(&self, references: &mut References) {
        references.add::<budget::Entity>("/budget_id", self.budget_id);
        for (index, line) in self.lines.iter().enumerate() {
            references.add::<budget_line::Entity>(format!("/lines/{index}/budget_line_id"), line.budget_line_id);
            references.add::<category::Entity>(format!("/lines/{index}/category_id"), line.category_id);
            references.add::<org_unit::Entity>(format!("/lines/{index}/community_id"), line.community_id);
            for (item, id) in line.plan_item_ids.iter().enumerate() {
                references.add::<plan_item::Entity>(format!("/lines/{index}/plan_item_ids/{item}"), *id);
            }
        }
    }
}

/// Whether money is in the bank or a treasury quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FundKind {
    /// In the bank.
    #[default]
    Cash,
    /// 额度.
    Quota,
}

impl FundKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Quota => "quota",
        }
    }

    /// As the database has it.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        if code == "quota" { Self::Quota } else { Self::Cash }
    }
}

/// An amount of a category.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryAmount {
    /// The category.
    pub category_id: Uuid,
    /// The amount, above 0.00.
    pub amount: Fen,
}

fn category_faults(amount: Fen, lines: &[CategoryAmount], faults: &mut Faults) {
    if !amount.is_positive() || amount > Fen::DOCUMENT_MAX {
        faults.add("/amount", "amount_not_positive", "须大于 0.00 且不超过上限", "must be above 0.00 and within the limit of a document");
    }
    for (index, line) in lines.iter().enumerate() {
        if !line.amount.is_positive() || line.amount > Fen::DOCUMENT_MAX {
            faults.add(&format!("/lines/{index}/amount"), "amount_not_positive", "须大于 0.00", "must be above 0.00");
        }
        if lines.iter().take(index).any(|earlier| earlier.category_id == line.category_id) {
            faults.add(&format!("/lines/{index}/category_id"), "line_twice", "类别重复", "the category is there twice");
        }
    }
}

fn category_references(lines: &[CategoryAmount], references: &mut References) {
    for (index, line) in lines.iter().enumerate() {
        references.add::<category::Entity>(format!("/lines/{index}/category_id"), line.category_id);
    }
}

/// A receipt to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"date": "2017-01-20", "kind": "cash", "document_number": "硚财预〔2017〕1号", "amount": "17580.00", "lines": [{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "17580.00"}]}))]
pub struct NewReceipt {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The posting date: this year, not after today, in an open month.
    pub date: NaiveDate,
    /// Cash or quota.
    #[serde(default)]
    pub kind: FundKind,
    /// The treasury's document, once a year; at most 60 characters.
    pub document_number: String,
    /// The sum.
    pub amount: Fen,
    /// By category.
    pub lines: Vec<CategoryAmount>,
    /// A remark, at most 200 characters.
    pub remark: Option<String>,
}

impl Body for NewReceipt {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/document_number", &self.document_number, 60);
        if let Some(remark) = &self.remark {
            faults.text("/remark", remark, 200);
        }
        category_faults(self.amount, &self.lines, faults);
    }

    fn references(&self, references: &mut References) {
        category_references(&self.lines, references);
    }
}

/// Why money goes back to the treasury.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnKind {
    /// 收回: the treasury takes back what it appropriated this year (E2r).
    #[default]
    TakenBack,
    /// 上缴结余: what was put aside to be returned when a year closed (E13s), in cash.
    Surplus,
}

/// Money that goes back to the treasury today.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"document_number": "硚财预〔2017〕9号", "amount": "500.00", "lines": [{"category_id": "0190a0b0-0000-7000-8000-000000000001", "amount": "500.00"}]}))]
pub struct NewTreasuryReturn {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// Taken back, or surplus returned.
    #[serde(default)]
    pub kind: ReturnKind,
    /// Out of cash or quota.
    #[serde(default)]
    pub paid_from: FundKind,
    /// The treasury's document, at most 60 characters.
    pub document_number: String,
    /// The sum.
    pub amount: Fen,
    /// By category.
    pub lines: Vec<CategoryAmount>,
}

impl Body for NewTreasuryReturn {
    fn faults(&self, faults: &mut Faults) {
        if self.kind == ReturnKind::Surplus && self.paid_from == FundKind::Quota {
            faults.add("/paid_from", "invalid_value", "结余以现金上缴；未用额度在年末自行注销", "surplus is returned in cash; unused quota lapses at year-end");
        }
        faults.text("/document_number", &self.document_number, 60);
        category_faults(self.amount, &self.lines, faults);
    }

    fn references(&self, references: &mut References) {
        category_references(&self.lines, references);
    }
}

/// Lists adjustments. Filters: `street_id`, `budget_id`, `fiscal_year`, `kind` (`transfer`, `supplement`, `reduction`), `state` (`submitted`, `approved`, `rejected`, `withdrawn`).
#[utoipa::path(tag = "budget", responses((status = 200, body = ListPage<budget_adjustment::Model>), Refusals))]
#[get("/budget-adjustments")]
async fn list_adjustments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id", "budget_id", "fiscal_year", "kind", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", budget_adjustment::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "budget_id", budget_adjustment::Column::BudgetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", budget_adjustment::Column::FiscalYear)?;
    let condition = list.one_of(condition, "kind", budget_adjustment::Column::Kind, &["transfer", "supplement", "reduction"])?;
    let condition = list.one_of(condition, "state", budget_adjustment::Column::State, &["submitted", "approved", "rejected", "withdrawn"])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let select = tx.select::<budget_adjustment::Entity>().filter(condition);
    let columns = &["id", "street_id", "budget_id", "fiscal_year", "kind", "state", "reason", "total", "lines", "decision_reason", "version"];
    list.answer(&context, tx, select, &[], columns, async |_, rows| Ok(rows)).await
}

/// Reads one adjustment.
#[utoipa::path(tag = "budget", responses((status = 200, body = budget_adjustment::Model), Refusals))]
#[get("/budget-adjustments/{id}")]
async fn get_adjustment(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let row = tx.load_text::<budget_adjustment::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Submits an adjustment of an approved budget: its lines change, and lines for other categories or communities are added.
#[utoipa::path(tag = "budget", request_body = NewAdjustment, responses((status = 201, body = Submitted<budget_adjustment::Model>), Refusals))]
#[post("/budget-adjustments")]
async fn submit_adjustment(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::BudgetDraft, Rules::plain(), async |tx, act, body: NewAdjustment| {
            let budget = tx.load_reference::<budget::Entity>(body.budget_id, "/budget_id").await?.authorise(&actor, Capability::BudgetDraft)?;
            let place = budget.place();
            let row = adjust::submit(tx, act, budget, body).await?;
            let next = (adjust::decider(&row.kind), place);
            Ok(Done::created(format!("/api/v1/budget-adjustments/{}", row.id), Some(row.version), Submitted::of(context.recipients.as_ref(), act, next, row).await?))
        })
        .await
}

/// The capability that decides on adjustments, as far as the actor holds one: which of them a row needs is asked again at the row.
fn any_decider(actor: &Actor) -> Capability {
    if actor.holds(Capability::TransferApprove) { Capability::TransferApprove } else { Capability::BudgetApprove }
}

/// Approves an adjustment: the leader a transfer, the district a supplement or reduction.
#[utoipa::path(tag = "budget", request_body = Nothing, responses((status = 200, body = budget_adjustment::Model), Refusals))]
#[post("/budget-adjustments/{id}/approve")]
async fn approve_adjustment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &budget_adjustment::Model| row.version);
    write
        .on::<budget_adjustment::Entity, Nothing, _>(&actor, any_decider(&actor), &id, rules, async |tx, act, row, _| {
            let decider = adjust::decider(&row.kind);
            actor.require_at(decider, &row.place())?;
            let row = adjust::approve(tx, &act.using(decider), row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Withdraws an adjustment before it is decided on.
#[utoipa::path(tag = "budget", request_body = Nothing, responses((status = 200, body = budget_adjustment::Model), Refusals))]
#[post("/budget-adjustments/{id}/withdraw")]
async fn withdraw_adjustment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &budget_adjustment::Model| row.version);
    write
        .on::<budget_adjustment::Entity, Nothing, _>(&actor, Capability::BudgetDraft, &id, rules, async |tx, act, row, _| {
            let row = adjust::withdraw(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Rejects an adjustment with the reason.
#[utoipa::path(tag = "budget", request_body = Reason, responses((status = 200, body = budget_adjustment::Model), Refusals))]
#[post("/budget-adjustments/{id}/reject")]
async fn reject_adjustment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &budget_adjustment::Model| row.version);
    write
        .on::<budget_adjustment::Entity, Reason, _>(&actor, any_decider(&actor), &id, rules, async |tx, act, row, body| {
            let decider = adjust::decider(&row.kind);
            actor.require_at(decider, &row.place())?;
            let row = adjust::reject(tx, &act.using(decider), row, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Lists receipts. Filters: `street_id`, `fiscal_year`, `kind` (`cash`, `quota`). Sort: `date`.
#[utoipa::path(tag = "budget", responses((status = 200, body = ListPage<receipt::Model>), Refusals))]
#[get("/receipts")]
async fn list_receipts(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id", "fiscal_year", "kind"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", receipt::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", receipt::Column::FiscalYear)?;
    let condition = list.one_of(condition, "kind", receipt::Column::Kind, &["cash", "quota"])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let select = tx.select::<receipt::Entity>().filter(condition);
    let columns = &["id", "street_id", "fiscal_year", "date", "kind", "document_number", "amount", "lines", "remark", "voucher_id"];
    list.answer(&context, tx, select, &[("date", receipt::Column::Date)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one receipt.
#[utoipa::path(tag = "budget", responses((status = 200, body = receipt::Model), Refusals))]
#[get("/receipts/{id}")]
async fn get_receipt(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let row = tx.load_text::<receipt::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Records funds received, and books them.
#[utoipa::path(tag = "budget", request_body = NewReceipt, responses((status = 201, body = receipt::Model), Refusals))]
#[post("/receipts")]
async fn record_receipt(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReceiptRecord, Rules::plain().money(), async |tx, act, body: NewReceipt| {
            let street = street_of(tx, &actor, body.street_id, Capability::ReceiptRecord).await?;
            let row = receive::receive(tx, act, &street, body).await?;
            Ok(Done::created(format!("/api/v1/receipts/{}", row.id), Some(row.version), row))
        })
        .await
}

/// Lists money that went back to the treasury. Filters: `street_id`, `fiscal_year`, `kind` (`taken_back`, `surplus`).
#[utoipa::path(tag = "budget", responses((status = 200, body = ListPage<treasury_return::Model>), Refusals))]
#[get("/treasury-returns")]
async fn list_treasury_returns(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id", "fiscal_year", "kind"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", treasury_return::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", treasury_return::Column::FiscalYear)?;
    let condition = list.one_of(condition, "kind", treasury_return::Column::Kind, &["taken_back", "surplus"])?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let select = tx.select::<treasury_return::Entity>().filter(condition);
    let columns = &["id", "street_id", "fiscal_year", "date", "kind", "paid_from", "document_number", "amount", "lines", "voucher_id"];
    list.answer(&context, tx, select, &[], columns, async |_, rows| Ok(rows)).await
}

/// Reads one return to the treasury.
#[utoipa::path(tag = "budget", responses((status = 200, body = treasury_return::Model), Refusals))]
#[get("/treasury-returns/{id}")]
async fn get_treasury_return(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let row = tx.load_text::<treasury_return::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Records what goes back to the treasury today, and books it: taken back out of this year's appropriation (E2r), or surplus of the years before (E13s).
#[utoipa::path(tag = "budget", request_body = NewTreasuryReturn, responses((status = 201, body = treasury_return::Model), Refusals))]
#[post("/treasury-returns")]
async fn record_treasury_return(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReceiptRecord, Rules::plain().money(), async |tx, act, body: NewTreasuryReturn| {
            let street = street_of(tx, &actor, body.street_id, Capability::ReceiptRecord).await?;
            let row = match body.kind {
                ReturnKind::TakenBack => receive::take_back(tx, act, &street, body).await?,
                ReturnKind::Surplus => return_surplus::return_surplus(tx, act, &street, body).await?,
            };
            Ok(Done::created(format!("/api/v1/treasury-returns/{}", row.id), Some(row.version), row))
        })
        .await
}

/// What summary is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SummaryQuery {
    street_id: Option<Uuid>,
    /// Which community is meant by who acts in several.
    community_id: Option<Uuid>,
    fiscal_year: Option<i32>,
}

/// A street's year: by category, by community, in all. Who acts in several communities names one (`community_id`).
#[utoipa::path(tag = "budget", params(("street_id" = Option<Uuid>, Query), ("community_id" = Option<Uuid>, Query), ("fiscal_year" = Option<i32>, Query)), responses((status = 200, body = StreetSummary), Refusals))]
#[get("/summary/street")]
async fn street_summary(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let query = query::<SummaryQuery>(&request)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let year = query.fiscal_year.unwrap_or_else(|| context.clocks.business_today().year());
    let own = tx.scope().place();
    if query.community_id.is_some() && query.community_id != own.and_then(|place| place.community) {
        let (zh, en) = ("参数 community_id：只供在多个社区任职的人指明是哪一个", "Parameter community_id: only says which one is meant by who acts in several communities");
        return Err(Problem::new(400, "invalid_parameter", "查询参数有误", "A query parameter is wrong").detail(zh, en));
    }
    let street = match own {
        Some(place) if place.community.is_some() && (query.street_id.is_none() || query.street_id == place.street) => place.street.ok_or_else(Problem::not_found)?,
        _ => street_of(&tx, &actor, query.street_id, Capability::BudgetRead).await?.id,
    };
    Ok(ok(&summary::street(&tx, street, year).await?))
}

/// A district's year, by street.
#[utoipa::path(tag = "budget", params(("fiscal_year" = Option<i32>, Query)), responses((status = 200, body = DistrictSummary), Refusals))]
#[get("/summary/district")]
async fn district_summary(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let query = query::<SummaryQuery>(&request)?;
    let tx = context.read(&actor, Capability::BudgetRead).await?;
    let district = tx.load::<org_unit::Entity>(actor.home.district).await?.authorise(&actor, Capability::BudgetRead)?;
    let year = query.fiscal_year.unwrap_or_else(|| context.clocks.business_today().year());
    Ok(ok(&summary::district(&tx, district.id, year).await?))
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_adjustments).service(get_adjustment).service(submit_adjustment).service(approve_adjustment).service(reject_adjustment).service(withdraw_adjustment);
    config.service(list_receipts).service(get_receipt).service(record_receipt).service(list_treasury_returns).service(get_treasury_return).service(record_treasury_return);
    config.service(street_summary).service(district_summary);
}
