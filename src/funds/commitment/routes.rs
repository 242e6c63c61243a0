//! `commitments`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::papers::CommitmentPaper;
use super::{check, commitment, commitment_line, decide, draft, submit};
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::unit_of;
use crate::platform::db::Tx;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::NextActors;

/// A line of an estimate.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommitmentLine {
    /// What it is to be spent on: an item that the category allows.
    pub expense_item_id: Uuid,
    /// What is to be bought, at most 200 characters.
    pub description: String,
    /// How many; 1 unless said.
    #[serde(default = "one")]
    pub quantity: i32,
    /// What it will cost in all.
    pub amount: Fen,
}

const fn one() -> i32 {
    1
}

/// An application to be drafted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"community_id": "0190a0b0-0000-7000-8000-000000000001", "budget_line_id": "0190a0b0-0000-7000-8000-000000000002", "activity_id": "0190a0b0-0000-7000-8000-000000000003", "title": "六月主题党日",
    "valid_until": "2017-07-31", "lines": [{"expense_item_id": "0190a0b0-0000-7000-8000-000000000004", "description": "场地一天", "quantity": 1, "amount": "800.00"}], "submit": true}))]
pub struct NewCommitment {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for a community's application.
    pub community_id: Option<Uuid>,
    /// The line it is to hold money on, one of the same unit.
    pub budget_line_id: Uuid,
    /// The activity it is for, one of the same unit.
    pub activity_id: Uuid,
    /// In a few words, at most 100 characters.
    pub title: String,
    /// More about it, at most 1,000 characters.
    pub purpose: Option<String>,
    /// Which minutes of the collective decision; they are attached as `decision_minutes` above what one person approves.
    pub decision_reference: Option<String>,
    /// The last day on which claims are made under it, in the year of the line.
    pub valid_until: NaiveDate,
    /// The estimate, 1 to 100 lines.
    pub lines: Vec<NewCommitmentLine>,
    /// Papers that were uploaded for it.
    #[serde(default)]
    pub papers: Vec<CommitmentPaper>,
    /// Submit it at once.
    #[serde(default)]
    pub submit: bool,
}

fn text_faults(title: &str, purpose: Option<&str>, decision: Option<&str>, faults: &mut Faults) {
    faults.text("/title", title, 100);
    if let Some(purpose) = purpose {
        faults.text("/purpose", purpose, 1000);
    }
    if let Some(decision) = decision {
        faults.text("/decision_reference", decision, 100);
    }
}

fn line_faults(lines: &[NewCommitmentLine], faults: &mut Faults) {
    if lines.is_empty() || lines.len() > 100 {
        faults.add("/lines", "invalid_value", "须有 1 至 100 行", "1 to 100 lines");
    }
    for (index, line) in lines.iter().enumerate() {
        faults.text(&format!("/lines/{index}/description"), &line.description, 200);
        if !line.amount.is_positive() || line.amount > Fen::DOCUMENT_MAX {
            faults.add(&format!("/lines/{index}/amount"), "out_of_range", "金额须大于 0.00 且不超过单据上限", "above 0.00, and not above what a document holds");
        }
        if !(1..=1_000_000).contains(&line.quantity) {
            faults.add(&format!("/lines/{index}/quantity"), "out_of_range", "数量须为 1 至 1000000", "1 to 1,000,000");
        }
    }
}

impl Body for NewCommitment {
    fn faults(&self, faults: &mut Faults) {
        text_faults(&self.title, self.purpose.as_deref(), self.decision_reference.as_deref(), faults);
        line_faults(&self.lines, faults);
    }
}

/// The fields of a draft that may be changed, by JSON Merge Patch; lines are given as a whole.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"valid_until": "2017-08-31"}))]
pub struct CommitmentChange {
    /// The line it is to hold money on.
    #[schema(required = false)]
    pub budget_line_id: Uuid,
    /// The activity it is for.
    #[schema(required = false)]
    pub activity_id: Uuid,
    /// In a few words.
    #[schema(required = false)]
    pub title: String,
    /// More about it; null takes it off.
    pub purpose: Option<String>,
    /// Which minutes of the collective decision; null takes the words off.
    pub decision_reference: Option<String>,
    /// The last day on which claims are made under it.
    #[schema(required = false)]
    pub valid_until: NaiveDate,
    /// All lines; left out, they stay.
    pub lines: Option<Vec<NewCommitmentLine>>,
}

impl From<&commitment::Model> for CommitmentChange {
    fn from(row: &commitment::Model) -> Self {
        Self {
            budget_line_id: row.budget_line_id,
            activity_id: row.activity_id,
            title: row.title.clone(),
            purpose: row.purpose.clone(),
            decision_reference: row.decision_reference.clone(),
            valid_until: row.valid_until,
            lines: None,
        }
    }
}

impl Body for CommitmentChange {
    fn faults(&self, faults: &mut Faults) {
        text_faults(&self.title, self.purpose.as_deref(), self.decision_reference.as_deref(), faults);
        if let Some(lines) = &self.lines {
            line_faults(lines, faults);
        }
    }
}

/// An application with its estimate, and who could act next where it was just submitted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Commitment {
    /// The application.
    #[serde(flatten)]
    pub commitment: commitment::Model,
    /// Its estimate.
    pub lines: Vec<commitment_line::Model>,
    /// Who could act next; in the answer to `submit` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_actors: Option<Vec<NextActors>>,
}

async fn view(tx: &Tx, commitment: commitment::Model, next_actors: Option<Vec<NextActors>>) -> Result<Commitment, Problem> {
    Ok(Commitment { lines: draft::lines_of(tx, commitment.id).await?, commitment, next_actors })
}

async fn views(tx: &Tx, rows: Vec<commitment::Model>) -> Result<Vec<Commitment>, Problem> {
    let ids = rows.iter().map(|row| row.id);
    let mut lines = tx.all(tx.select::<commitment_line::Entity>().filter(commitment_line::Column::CommitmentId.is_in(ids)).order_by_asc(commitment_line::Column::LineNumber)).await?;
    Ok(rows.into_iter().map(|commitment| Commitment { lines: lines.extract_if(.., |line| line.commitment_id == commitment.id).collect(), commitment, next_actors: None }).collect())
}

/// Lists applications beforehand. Filters: `street_id`, `community_id`, `fiscal_year`, `state` (`draft`, `submitted`, `approved`, `closed`, `expired`, `rejected`, `withdrawn`), `budget_line_id`, `activity_id`, `number`, `over_limit`. Sort: `number`, `amount`, `valid_until`.
#[utoipa::path(tag = "commitments", responses((status = 200, body = ListPage<Commitment>), Refusals))]
#[get("/commitments")]
async fn list_commitments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "fiscal_year", "state", "budget_line_id", "activity_id", "number", "over_limit"])?;
    let mut condition = list.equals::<i32>(Condition::all(), "fiscal_year", commitment::Column::FiscalYear)?;
    for (name, column) in [
        ("street_id", commitment::Column::StreetId),
        ("community_id", commitment::Column::CommunityId),
        ("budget_line_id", commitment::Column::BudgetLineId),
        ("activity_id", commitment::Column::ActivityId),
    ] {
        condition = list.equals::<Uuid>(condition, name, column)?;
    }
    condition = list.one_of(condition, "state", commitment::Column::State, &["draft", "submitted", "approved", "closed", "expired", "rejected", "withdrawn"])?;
    let condition = list.equals::<String>(condition, "number", commitment::Column::Number)?;
    let condition = list.equals::<bool>(condition, "over_limit", commitment::Column::OverLimit)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<commitment::Entity>().filter(condition);
    let columns = &["id", "number", "street_id", "community_id", "fiscal_year", "activity_id", "title", "amount", "held", "valid_until", "state", "over_limit", "version"];
    let sorts = &[("number", commitment::Column::Number), ("amount", commitment::Column::Amount), ("valid_until", commitment::Column::ValidUntil)];
    list.answer(&context, tx, select, sorts, columns, views).await
}

/// Reads one application with its estimate.
#[utoipa::path(tag = "commitments", responses((status = 200, body = Commitment), Refusals))]
#[get("/commitments/{id}")]
async fn get_commitment(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<commitment::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &view(&tx, row, None).await?))
}

/// What an approver should see before deciding: the line after this, the activity's trips against their limits, the estimate by head.
#[utoipa::path(tag = "commitments", responses((status = 200, body = check::CommitmentChecks), Refusals))]
#[get("/commitments/{id}/checks")]
async fn commitment_checks(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<commitment::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &check::checks(&tx, &row).await?))
}

/// Drafts an application beforehand 事前申请 for an activity; with `submit` it is submitted at once.
#[utoipa::path(tag = "commitments", request_body = NewCommitment, responses((status = 201, body = Commitment), Refusals))]
#[post("/commitments")]
async fn add_commitment(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimPrepare, Rules::plain(), async |tx, act, body: NewCommitment| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ClaimPrepare).await?;
            let at_once = body.submit;
            let (mut row, mut next) = (draft::add(tx, act, &unit, body).await?, None);
            if at_once {
                let (submitted, actors) = submit::submit(tx, act, context.recipients.as_ref(), row).await?;
                (row, next) = (submitted, Some(actors));
            }
            Ok(Done::created(format!("/api/v1/commitments/{}", row.id), Some(row.version), view(tx, row, next).await?))
        })
        .await
}

/// Changes a draft.
#[utoipa::path(tag = "commitments", request_body(content = CommitmentChange, content_type = "application/merge-patch+json"), responses((status = 200, body = Commitment), Refusals))]
#[patch("/commitments/{id}")]
async fn change_commitment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<commitment::Entity, CommitmentChange, _>(
            &actor,
            Capability::ClaimPrepare,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                let row = draft::change(tx, act, row, change).await?;
                Ok(Done::changed(row.version, view(tx, row, None).await?))
            },
        )
        .await
}

fn rules() -> Rules<commitment::Model> {
    Rules::moves(|row: &commitment::Model| row.version)
}

/// Submits a draft; its chain is chosen by its amount. Answers who could act next.
#[utoipa::path(tag = "commitments", request_body = Nothing, responses((status = 200, body = Commitment), Refusals))]
#[post("/commitments/{id}/submit")]
async fn submit_commitment(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<commitment::Entity, Nothing, _>(&actor, Capability::ClaimPrepare, &id, rules(), async |tx, act, row, _| {
            let (row, next) = submit::submit(tx, act, context.recipients.as_ref(), row.into_inner()).await?;
            Ok(Done::changed(row.version, view(tx, row, Some(next)).await?))
        })
        .await
}

/// A step without a body: its path, its capability and its use case.
macro_rules! step {
    ($(#[$doc:meta])* $name:ident, $path:literal, $capability:ident, $work:path) => {
        $(#[$doc])*
        #[utoipa::path(tag = "commitments", request_body = Nothing, responses((status = 200, body = Commitment), Refusals))]
        #[post($path)]
        async fn $name(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
            write
                .on::<commitment::Entity, Nothing, _>(&actor, Capability::$capability, &id, rules(), async |tx, act, row, _| {
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
        #[utoipa::path(tag = "commitments", request_body = Reason, responses((status = 200, body = Commitment), Refusals))]
        #[post($path)]
        async fn $name(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
            write
                .on::<commitment::Entity, Reason, _>(&actor, Capability::$capability, &id, rules(), async |tx, act, row, body| {
                    let row = $work(tx, act, row.into_inner(), body.reason).await?;
                    Ok(Done::changed(row.version, view(tx, row, None).await?))
                })
                .await
        }
    };
}

step!(
    /// Withdraws an application before its approval.
    withdraw_commitment, "/commitments/{id}/withdraw", ClaimPrepare, submit::withdraw
);
step!(
    /// Reviews an application, as the accountant: the first step of every chain.
    review_commitment, "/commitments/{id}/review", ClaimReview, decide::review
);
step!(
    /// Gives the next approval of the chain; the last one approves it, and its estimate is held on the line.
    approve_commitment, "/commitments/{id}/approve", ClaimApproveSmall, decide::approve
);
step!(
    /// Closes an approved application: what it still holds is released.
    close_commitment, "/commitments/{id}/close", ClaimPrepare, decide::close
);
reasoned_step!(
    /// Returns an application to draft, with the reason.
    return_commitment, "/commitments/{id}/return", ClaimReturn, decide::give_back
);
reasoned_step!(
    /// Rejects an application for good, with the reason.
    reject_commitment, "/commitments/{id}/reject", ClaimReturn, decide::reject
);

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_commitments).service(get_commitment).service(commitment_checks).service(add_commitment).service(change_commitment).service(submit_commitment);
    config.service(withdraw_commitment).service(review_commitment).service(approve_commitment).service(close_commitment).service(return_commitment).service(reject_commitment);
}
