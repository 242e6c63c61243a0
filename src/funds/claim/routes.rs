//! `claims`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::draft::Draft;
use super::invoice::{Draw, draw_faults, draws_of, invoice_draw};
use super::papers::ClaimPaper;
use super::standard_check::Verdict;
use super::submit::Submitted;
use super::{check, claim, claim_event, claim_line, decide, draft, payees, refusals, steps, submit, under_commitment};
use crate::funds::budget::routes::Reason;
use crate::funds::budget::routes_money::FundKind;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::unit_of;
use crate::platform::db::Tx;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned, print_page};
use crate::platform::tasks::NextActors;

/// What a claim is for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// An activity.
    Activity,
    /// A lecture.
    Lecture,
    /// Something bought.
    Procurement,
    /// Anything else.
    Other,
}

impl ClaimKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Lecture => "lecture",
            Self::Procurement => "procurement",
            Self::Other => "other",
        }
    }
}

/// Who is paid.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayeeKind {
    /// A firm or an institution.
    Supplier,
    /// A person.
    Person,
}

impl PayeeKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Supplier => "supplier",
            Self::Person => "person",
        }
    }
}

/// How it is paid (财库〔2011〕160号).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// By transfer.
    Transfer,
    /// By official card 公务卡.
    OfficialCard,
    /// In cash, with a reason.
    Cash,
}

impl PaymentMethod {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::OfficialCard => "official_card",
            Self::Cash => "cash",
        }
    }
}

/// The payee of a claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payee {
    /// A firm or a person.
    pub kind: PayeeKind,
    /// The name.
    pub name: String,
    /// The account; a transfer needs it. It is encrypted and shown masked.
    pub account_number: Option<String>,
    /// The bank.
    pub bank_name: Option<String>,
    /// The colleague, where it is one: who neither approves nor pays this claim.
    pub user_id: Option<Uuid>,
}

/// A line of a claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What it is spent on.
    pub expense_item_id: Uuid,
    /// What was bought.
    pub description: String,
    /// What is charged, tax included; may be left out where `net` says what a lecturer gets.
    #[serde(default)]
    pub amount: Fen,
    /// What a person gets for work, after tax; the server works out tax and gross.
    pub net: Option<Fen>,
    /// Tax withheld from it; may be left out, it follows from the rule.
    pub tax: Option<Fen>,
    /// How many units of the standard: `{"person_day": 10}`; `half_day` or `day` beside it where it says how many fit into one.
    #[serde(default)]
    pub quantities: BTreeMap<String, u32>,
    /// The grade or class that its standard needs.
    pub grade: Option<String>,
    /// The place that its standard needs, such as the city of a night.
    pub place: Option<String>,
    /// The day it was spent, where another standard was in force than today's.
    pub date: Option<NaiveDate>,
    /// Why it is above the standard.
    pub reason: Option<String>,
    /// What it was judged by.
    #[serde(skip)]
    pub(super) verdict: Verdict,
    /// What it draws on invoices, together at most its amount.
    #[serde(default)]
    pub draws: Vec<Draw>,
}

impl TryFrom<claim_line::Model> for NewLine {
    type Error = Problem;

    fn try_from(line: claim_line::Model) -> Result<Self, Problem> {
        let quantities = serde_json::from_value(line.quantities).map_err(Problem::internal)?;
        Ok(Self {
            expense_item_id: line.expense_item_id,
            description: line.description,
            amount: line.amount,
            net: None,
            tax: Some(line.tax),
            quantities,
            grade: line.grade,
            place: line.place,
            date: line.date,
            reason: line.reason,
            verdict: Verdict::default(),
            draws: Vec::new(),
        })
    }
}

/// A claim to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"community_id": "0190a0b0-0000-7000-8000-000000000001", "budget_line_id": "0190a0b0-0000-7000-8000-000000000002", "kind": "activity", "title": "主题党日场地费",
    "payee": {"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"}, "payment_method": "transfer",
    "lines": [{"expense_item_id": "0190a0b0-0000-7000-8000-000000000003", "description": "场地半天", "amount": "500.00", "quantities": {"person_half_day": 10}}], "submit": true}))]
pub struct NewClaim {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for a community's claim.
    pub community_id: Option<Uuid>,
    /// The line it charges, one of the same unit.
    pub budget_line_id: Uuid,
    /// What it is for.
    pub kind: ClaimKind,
    /// In a few words.
    pub title: String,
    /// More about it.
    pub purpose: Option<String>,
    /// The plan item it serves.
    pub plan_item_id: Option<Uuid>,
    /// The activity it pays for, one of the same unit; a claim of kind `activity` is submitted with one.
    pub activity_id: Option<Uuid>,
    /// The approved application beforehand it is made under, of the same unit, line and activity.
    pub commitment_id: Option<Uuid>,
    /// Who is paid; or else `payee_id`.
    pub payee: Option<Payee>,
    /// A payee that the unit keeps.
    pub payee_id: Option<Uuid>,
    /// How.
    pub payment_method: PaymentMethod,
    /// Why in cash.
    pub payment_reason: Option<String>,
    /// From cash or quota.
    #[serde(default)]
    pub paid_from: FundKind,
    /// The minutes of the collective decision, above what one person approves.
    pub decision_reference: Option<String>,
    /// The lines, 1 to 100.
    pub lines: Vec<NewLine>,
    /// Papers that were uploaded for it.
    #[serde(default)]
    pub papers: Vec<ClaimPaper>,
    /// Submit it at once.
    #[serde(default)]
    pub submit: bool,
}

fn line_faults(lines: &[NewLine], faults: &mut Faults) {
    if lines.is_empty() || lines.len() > 100 {
        faults.add("/lines", "invalid_value", "须有 1 至 100 行", "1 to 100 lines");
    }
    for (index, line) in lines.iter().enumerate() {
        draw_faults(index, line, faults);
        faults.text(&format!("/lines/{index}/description"), &line.description, 200);
        let amount = line.net.filter(|_| line.amount.is_zero()).unwrap_or(line.amount);
        if !amount.is_positive() || amount > Fen::DOCUMENT_MAX || line.net.is_some_and(|net| !net.is_positive() || net > Fen::DOCUMENT_MAX) {
            faults.add(&format!("/lines/{index}/amount"), "out_of_range", "金额须大于 0.00 且不超过单据上限", "above 0.00, and not above what a document holds");
        }
        if line.tax.is_some_and(|tax| tax.is_negative() || (tax >= line.amount && !line.amount.is_zero())) {
            faults.add(&format!("/lines/{index}/tax"), "out_of_range", "代扣税须不小于 0.00 且小于金额", "at least 0.00 and less than the amount");
        }
        for (field, text, most) in [("reason", &line.reason, 500), ("grade", &line.grade, 40), ("place", &line.place, 40)] {
            if let Some(text) = text {
                faults.text(&format!("/lines/{index}/{field}"), text, most);
            }
        }
    }
}

/// What is wrong with a payee's name, account and bank, under a pointer.
pub(super) fn payee_faults(pointer: &str, (name, number, bank): (&str, Option<&str>, Option<&str>), faults: &mut Faults) {
    faults.text(&format!("{pointer}/name"), name, 60);
    if let Some(number) = number {
        let digits = payees::plain_number(number);
        if !(8..=32).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            faults.add(&format!("{pointer}/account_number"), "invalid_value", "账号须为 8 至 32 位数字或字母", "8 to 32 digits or letters");
        }
    }
    if let Some(bank) = bank {
        faults.text(&format!("{pointer}/bank_name"), bank, 60);
    }
}

impl Payee {
    fn faults(&self, faults: &mut Faults) {
        payee_faults("/payee", (&self.name, self.account_number.as_deref(), self.bank_name.as_deref()), faults);
    }
}

impl Body for NewClaim {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/title", &self.title, 100);
        match (&self.payee, self.payee_id) {
            (Some(payee), None) => payee.faults(faults),
            (None, Some(_)) => {}
            _ => faults.add("/payee", "payee_required", "请填写 payee 或 payee_id 之一", "one of payee and payee_id"),
        }
        if self.payment_method == PaymentMethod::Cash && self.payment_reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            faults.add("/payment_reason", "reason_required", "现金支付须说明理由", "cash needs a reason");
        }
        line_faults(&self.lines, faults);
    }
}

/// A change of a draft: what is left out stays; lines and payee are given as a whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "主题党日场地费（更正）"}))]
pub struct ClaimChange {
    /// The line it charges.
    pub budget_line_id: Option<Uuid>,
    /// What it is for.
    pub kind: Option<ClaimKind>,
    /// In a few words.
    pub title: Option<String>,
    /// More about it.
    pub purpose: Option<String>,
    /// The plan item it serves.
    pub plan_item_id: Option<Uuid>,
    /// The activity it pays for; null takes it off.
    #[serde(default, deserialize_with = "under_commitment::given")]
    #[schema(value_type = Option<Uuid>)]
    pub activity_id: Option<Option<Uuid>>,
    /// The application beforehand; null takes it off.
    #[serde(default, deserialize_with = "under_commitment::given")]
    #[schema(value_type = Option<Uuid>)]
    pub commitment_id: Option<Option<Uuid>>,
    /// Who is paid.
    pub payee: Option<Payee>,
    /// A payee that the unit keeps.
    pub payee_id: Option<Uuid>,
    /// How.
    pub payment_method: Option<PaymentMethod>,
    /// Why in cash.
    pub payment_reason: Option<String>,
    /// The minutes of the collective decision.
    pub decision_reference: Option<String>,
    /// All lines, with what they draw on invoices.
    pub lines: Option<Vec<NewLine>>,
    /// More papers.
    #[serde(default)]
    pub papers: Vec<ClaimPaper>,
}

impl Body for ClaimChange {
    fn faults(&self, faults: &mut Faults) {
        if let Some(title) = &self.title {
            faults.text("/title", title, 100);
        }
        if let Some(payee) = &self.payee {
            payee.faults(faults);
            if self.payee_id.is_some() {
                faults.add("/payee", "payee_required", "请填写 payee 或 payee_id 之一", "one of payee and payee_id");
            }
        }
        if let Some(lines) = &self.lines {
            line_faults(lines, faults);
        }
    }
}

/// A comment on a claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "请附签到表。"}))]
pub struct NewComment {
    /// The words, at most 1,000 characters.
    pub text: String,
}

impl Body for NewComment {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/text", &self.text, 1000);
    }
}

/// A claim with its lines, and who could act next where it was just submitted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Claim {
    /// The claim.
    #[serde(flatten)]
    pub claim: claim::Model,
    /// Its lines.
    pub lines: Vec<claim_line::Model>,
    /// What its lines draw on invoices.
    pub draws: Vec<invoice_draw::Model>,
    /// Who could act next; in the answer to `submit` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_actors: Option<Vec<NextActors>>,
}

impl Claim {
    /// A claim that was just written.
    pub(super) fn of(draft: Draft, next_actors: Option<Vec<NextActors>>) -> Self {
        let Draft { claim, lines, draws } = draft;
        Self { claim, lines, draws, next_actors }
    }
}

/// A claim with its lines.
pub(super) async fn view(tx: &Tx, claim: claim::Model, next_actors: Option<Vec<NextActors>>) -> Result<Claim, Problem> {
    Ok(Claim { lines: draft::lines_of(tx, claim.id).await?, draws: draws_of(tx, [claim.id]).await?, claim, next_actors })
}

async fn views(tx: &Tx, claims: Vec<claim::Model>) -> Result<Vec<Claim>, Problem> {
    let ids = claims.iter().map(|claim| claim.id);
    let mut lines = tx.all(tx.select::<claim_line::Entity>().filter(claim_line::Column::ClaimId.is_in(ids)).order_by_asc(claim_line::Column::LineNumber)).await?;
    let mut draws = draws_of(tx, claims.iter().map(|claim| claim.id)).await?;
    let view = |claim: claim::Model| Claim {
        lines: lines.extract_if(.., |line| line.claim_id == claim.id).collect(),
        draws: draws.extract_if(.., |draw| draw.claim_id == claim.id).collect(),
        claim,
        next_actors: None,
    };
    Ok(claims.into_iter().map(view).collect())
}

/// Lists claims. Filters: `street_id`, `community_id`, `fiscal_year`, `state`, `budget_line_id`, `category_id`, `activity_id`, `commitment_id`, `number`, `batch_id`, `next_capability` (`claim.pay`: what the cashier is to pay). Sort: `number`, `amount`.
#[utoipa::path(tag = "claims", responses((status = 200, body = ListPage<Claim>), Refusals))]
#[get("/claims")]
async fn list_claims(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list =
        ListRequest::parse(&request, &["street_id", "community_id", "fiscal_year", "state", "budget_line_id", "category_id", "activity_id", "commitment_id", "number", "batch_id", "next_capability"])?;
    let mut condition = list.equals::<i32>(Condition::all(), "fiscal_year", claim::Column::FiscalYear)?;
    for (name, column) in [
        ("street_id", claim::Column::StreetId),
        ("community_id", claim::Column::CommunityId),
        ("budget_line_id", claim::Column::BudgetLineId),
        ("category_id", claim::Column::CategoryId),
        ("activity_id", claim::Column::ActivityId),
        ("commitment_id", claim::Column::CommitmentId),
        ("batch_id", claim::Column::BatchId),
    ] {
        condition = list.equals::<Uuid>(condition, name, column)?;
    }
    for (name, column) in [("state", claim::Column::State), ("number", claim::Column::Number), ("next_capability", claim::Column::NextCapability)] {
        condition = list.equals::<String>(condition, name, column)?;
    }
    let tx = context.read(&actor).await?;
    let select = tx.select::<claim::Entity>().filter(condition);
    let columns =
        &["id", "number", "street_id", "community_id", "fiscal_year", "kind", "title", "payee_name", "amount", "tax", "net", "state", "reserved", "refunded", "paid_on", "voucher_id", "version"];
    list.answer(&context, tx, select, &[("number", claim::Column::Number), ("amount", claim::Column::Amount)], columns, views).await
}

/// Reads one claim with its lines.
#[utoipa::path(tag = "claims", responses((status = 200, body = Claim), Refusals))]
#[get("/claims/{id}")]
async fn get_claim(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor).await?;
    let row = tx.load_text::<claim::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &view(&tx, row, None).await?))
}

/// The claim 报销单 as a print view (A4).
#[utoipa::path(tag = "claims", responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/claims/{id}/print")]
async fn print_claim(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor).await?;
    let row = tx.load_text::<claim::Entity>(&id).await?.into_read();
    Ok(print_page(super::print::page(&tx, &row).await?))
}

/// What an approver should see before deciding.
#[utoipa::path(tag = "claims", responses((status = 200, body = check::Checks), Refusals))]
#[get("/claims/{id}/checks")]
async fn claim_checks(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor).await?;
    let row = tx.load_text::<claim::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &check::checks(&tx, &row, context.clocks.business_today()).await?))
}

/// What happened to a claim, and the comments on it, the oldest first. Filter: `kind`.
#[utoipa::path(tag = "claims", responses((status = 200, body = ListPage<claim_event::Model>), Refusals))]
#[get("/claims/{id}/timeline")]
async fn claim_timeline(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["kind"])?;
    let condition = list.equals::<String>(Condition::all(), "kind", claim_event::Column::Kind)?;
    let tx = context.read(&actor).await?;
    let row = tx.load_text::<claim::Entity>(&id).await?.into_read();
    let select = tx.select::<claim_event::Entity>().filter(claim_event::Column::ClaimId.eq(row.id)).filter(condition);
    list.answer(&context, tx, select, &[("at", claim_event::Column::At)], &["id", "kind", "state", "comment", "user_id", "job", "at"], async |_, rows| Ok(rows)).await
}

/// Drafts a claim; with `submit` it is submitted at once.
#[utoipa::path(tag = "claims", request_body = NewClaim, responses((status = 201, body = Claim), Refusals))]
#[post("/claims")]
async fn add_claim(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimPrepare, Rules::plain(), async |tx, act, body: NewClaim| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ClaimPrepare).await?;
            let place = |draft: &Draft| format!("/api/v1/claims/{}", draft.claim.id);
            if !body.submit {
                let made = draft::add(tx, act, &unit, body).await?;
                return Ok(Done::created(place(&made), Some(made.claim.version), Claim::of(made, None)));
            }
            let Submitted { draft, actors, reservation } = submit::at_once(tx, act, context.recipients.as_ref(), &unit, body).await?;
            Ok(Done::created(place(&draft), Some(draft.claim.version), Claim::of(draft, Some(actors))).ending(reservation))
        })
        .await
}

fn rules() -> Rules<claim::Model> {
    Rules::moves(|row: &claim::Model| row.version)
}

/// Changes a draft.
#[utoipa::path(tag = "claims", request_body = ClaimChange, responses((status = 200, body = Claim), Refusals))]
#[patch("/claims/{id}")]
async fn change_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, ClaimChange, _>(&actor, Capability::ClaimPrepare, &id, rules(), async |tx, act, row, body| {
            let row = draft::change(tx, act, row, body).await?;
            Ok(Done::changed(row.version, view(tx, row, None).await?))
        })
        .await
}

/// Copies a claim into a new draft, without invoices.
#[utoipa::path(tag = "claims", request_body = Nothing, responses((status = 201, body = Claim), Refusals))]
#[post("/claims/{id}/copy")]
async fn copy_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, Nothing, _>(&actor, Capability::ClaimPrepare, &id, Rules::plain(), async |tx, act, row, _| {
            let made = draft::copy(tx, act, row).await?;
            Ok(Done::created(format!("/api/v1/claims/{}", made.claim.id), Some(made.claim.version), Claim::of(made, None)))
        })
        .await
}

/// Submits a draft: its amount is reserved on the line. Answers who could act next.
#[utoipa::path(tag = "claims", request_body = Nothing, responses((status = 200, body = Claim), Refusals))]
#[post("/claims/{id}/submit")]
async fn submit_claim(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, Nothing, _>(&actor, Capability::ClaimPrepare, &id, rules(), async |tx, act, row, _| {
            let Submitted { draft, actors, reservation } = submit::submit(tx, act, context.recipients.as_ref(), row.into_inner()).await?;
            Ok(Done::changed(draft.claim.version, Claim::of(draft, Some(actors))).ending(reservation))
        })
        .await
}

/// A step without a body: its path, its capability and its use case.
macro_rules! step {
    ($(#[$doc:meta])* $name:ident, $path:literal, $capability:ident, $work:path) => {
        $(#[$doc])*
        #[utoipa::path(tag = "claims", request_body = Nothing, responses((status = 200, body = Claim), Refusals))]
        #[post($path)]
        async fn $name(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
            write
                .on::<claim::Entity, Nothing, _>(&actor, Capability::$capability, &id, rules(), async |tx, act, row, _| {
                    let row = $work(tx, act, row.into_inner()).await?;
                    Ok(Done::changed(row.version, view(tx, row, None).await?))
                })
                .await
        }
    };
}

/// A step with a reason.
macro_rules! reasoned_step {
    ($(#[$doc:meta])* $name:ident, $path:literal, $capability:ident, $work:path) => {
        $(#[$doc])*
        #[utoipa::path(tag = "claims", request_body = Reason, responses((status = 200, body = Claim), Refusals))]
        #[post($path)]
        async fn $name(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
            write
                .on::<claim::Entity, Reason, _>(&actor, Capability::$capability, &id, rules(), async |tx, act, row, body| {
                    let row = $work(tx, act, row.into_inner(), body.reason).await?;
                    Ok(Done::changed(row.version, view(tx, row, None).await?))
                })
                .await
        }
    };
}

step!(
    /// Withdraws a claim before its approval; its reservation is released.
    withdraw_claim, "/claims/{id}/withdraw", ClaimPrepare, submit::withdraw
);
step!(
    /// Endorses a community's claim.
    endorse_claim, "/claims/{id}/endorse", ClaimEndorse, decide::endorse
);
step!(
    /// Reviews a claim, as the accountant.
    review_claim, "/claims/{id}/review", ClaimReview, decide::review
);
step!(
    /// Gives the next approval of the claim's chain; the last one approves it.
    approve_claim, "/claims/{id}/approve", ClaimApproveSmall, decide::approve
);
reasoned_step!(
    /// Returns a claim to draft, with the reason; its reservation is released.
    return_claim, "/claims/{id}/return", ClaimReturn, decide::give_back
);
reasoned_step!(
    /// Rejects a claim for good, with the reason.
    reject_claim, "/claims/{id}/reject", ClaimReturn, decide::reject
);
reasoned_step!(
    /// 补正: asks for papers; no step is taken until they are provided.
    request_claim_info, "/claims/{id}/request-info", ClaimReturn, decide::request_info
);
reasoned_step!(
    /// Says that what was asked for is there.
    provide_claim_info, "/claims/{id}/provide-info", ClaimPrepare, decide::provide_info
);

/// Comments on a claim.
#[utoipa::path(tag = "claims", request_body = NewComment, responses((status = 201, body = claim_event::Model), Refusals))]
#[post("/claims/{id}/comments")]
async fn comment_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, NewComment, _>(&actor, Capability::ClaimRead, &id, Rules::plain(), async |tx, act, row, body| {
            let event = crate::platform::audit::Event::new("claim.comment", "claim", row.id, row.place());
            crate::platform::audit::record(tx, act, event).await?;
            let made = steps::remember(tx, act, "comment", &row, Some(body.text)).await?;
            Ok(Done::created(format!("/api/v1/claims/{}/timeline", row.id), None, made))
        })
        .await
}

/// 催办: reminds who could take the next step, once a day.
#[utoipa::path(tag = "claims", request_body = Nothing, responses((status = 200, body = Claim), Refusals))]
#[post("/claims/{id}/urge")]
async fn urge_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, Nothing, _>(&actor, Capability::ClaimPrepare, &id, rules(), async |tx, act, row, _| {
            let before = row.into_inner();
            let next = before.next_capability.as_deref().and_then(Capability::of_code).ok_or_else(|| Problem::invalid_transition("urge", &before.state))?;
            if before.urged_on == Some(act.today) {
                return Err(refusals::urged_today());
            }
            let words = (format!("催办：报销单 {} {}", before.number, before.title), format!("Please act on claim {} {}", before.number, before.title));
            let after = steps::put(tx, act, "change", &before, claim::Model { urged_on: Some(act.today), ..before.clone() }, None).await?;
            steps::tell(tx, act, &after, next, "claim.urge", words).await?;
            Ok(Done::changed(after.version, view(tx, after, None).await?))
        })
        .await
}

/// A claim at the version that was read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimVersion {
    /// The claim.
    pub id: Uuid,
    /// The version that was read.
    pub version: i64,
}

/// Claims to be approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"id": "0190a0b0-0000-7000-8000-000000000001", "version": 4}]}))]
pub struct BulkApproval {
    /// The claims, 1 to 100, none twice.
    pub items: Vec<ClaimVersion>,
}

impl Body for BulkApproval {
    fn faults(&self, faults: &mut Faults) {
        if self.items.is_empty() || self.items.len() > 100 {
            faults.add("/items", "invalid_value", "须有 1 至 100 张", "1 to 100 claims");
        }
    }
}

/// What became of one claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalOutcome {
    /// The claim.
    pub id: Uuid,
    /// `approved` (this approval was given), or the code of the refusal.
    pub outcome: String,
    /// The claim's state after it, where the approval was given.
    pub state: Option<String>,
    /// The claim's version after it.
    pub version: Option<i64>,
}

/// The outcome for each claim, in the order asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOutcome {
    /// By claim.
    pub outcomes: Vec<ApprovalOutcome>,
}

async fn approve_one(tx: &Tx, act: &crate::kernel::act::Act, actor: &Actor, item: &ClaimVersion) -> Result<claim::Model, Problem> {
    let row = tx.load_locked::<claim::Entity>(item.id).await?.authorise(actor, Capability::ClaimApproveSmall)?.into_inner();
    if row.version != item.version {
        return Err(Problem::new(412, "precondition_failed", "记录已被修改", "The record has changed").detail("请重新读取后再审批。", "Read it again, then approve."));
    }
    decide::approve(tx, act, row).await
}

/// Approves many claims, each by its own rules: an outcome for each.
#[utoipa::path(tag = "claims", request_body = BulkApproval, responses((status = 200, body = BulkOutcome), Refusals))]
#[post("/claims/approve")]
async fn approve_claims(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimApproveSmall, Rules::plain(), async |tx, act, body: BulkApproval| {
            let mut outcomes = Vec::with_capacity(body.items.len());
            for item in &body.items {
                let attempt = tx.savepoint().await?;
                match approve_one(&attempt, act, &actor, item).await {
                    Ok(row) => {
                        attempt.commit().await?;
                        outcomes.push(ApprovalOutcome { id: item.id, outcome: "approved".to_owned(), state: Some(row.state), version: Some(row.version) });
                    }
                    Err(problem) if problem.status >= 500 => return Err(problem),
                    Err(problem) => {
                        attempt.rollback().await?;
                        outcomes.push(ApprovalOutcome { id: item.id, outcome: problem.code.to_owned(), state: None, version: None });
                    }
                }
            }
            Ok(Done::outcomes(BulkOutcome { outcomes }))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(approve_claims).service(list_claims).service(get_claim).service(print_claim).service(claim_checks).service(claim_timeline);
    config.service(add_claim).service(change_claim).service(copy_claim).service(submit_claim).service(withdraw_claim).service(endorse_claim).service(review_claim).service(approve_claim);
    config.service(return_claim).service(reject_claim).service(request_claim_info).service(provide_claim_info).service(comment_claim).service(urge_claim);
}
