//! `claims`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::{ApprovalOutcome, BulkApproval, BulkOutcome, ClaimChange, ClaimVersion, NewClaim, NewComment};
use super::draft::Draft;
use super::invoice::{draws_of, invoice_draw};
use super::submit::Submitted;
use super::{check, claim, claim_event, claim_line, decide, draft, payees, refusals, steps, submit};
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::Problem;
use crate::people::tenancy::unit_of;
use crate::platform::audit::{self, Event, Shown, to_show};
use crate::platform::db::Tx;
use crate::platform::http::{Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned, print_page};
use crate::platform::tasks::NextActors;

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

/// Lists claims. Filters: `street_id`, `community_id`, `fiscal_year`, `state` (`draft`, `submitted`, `endorsed`, `reviewed`, `approved`, `paid`, `rejected`, `withdrawn`, `expired`, `reversed`), `budget_line_id`, `category_id`, `activity_id`, `commitment_id`, `number`, `batch_id`, `next_capability` (claim.pay: what the cashier is to pay; what lies in a batch or waits for papers is not). Sort: `number`, `amount`.
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
    let states = &["draft", "submitted", "endorsed", "reviewed", "approved", "paid", "rejected", "withdrawn", "expired", "reversed"];
    condition = list.one_of(condition, "state", claim::Column::State, states)?;
    condition = list.one_of(condition, "next_capability", claim::Column::NextCapability, &Capability::codes())?;
    let condition = list.equals::<String>(condition, "number", claim::Column::Number)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<claim::Entity>().filter(condition);
    let columns =
        &["id", "number", "street_id", "community_id", "fiscal_year", "kind", "title", "payee_name", "amount", "tax", "net", "state", "reserved", "refunded", "paid_on", "voucher_id", "version"];
    list.answer(&context, tx, select, &[("number", claim::Column::Number), ("amount", claim::Column::Amount)], columns, views).await
}

/// The claim as it is to be shown, and the transaction that it is read in: a person who is paid masked, or by the whole name.
async fn shown(context: &Context, actor: &Actor, request: &HttpRequest, id: &str) -> Result<(Tx, claim::Model), Problem> {
    let Shown { tx, row, unmasked } = to_show::<claim::Entity>(context, actor, request, id, (Capability::ClaimRead, "claim.unmask", "claim")).await?;
    let row = if unmasked { claim::Model { payee_name: payees::name_of(&context.keys, &row)?, ..row } } else { row };
    Ok((tx, row))
}

/// Reads one claim with its lines; with `unmasked=true` and a `reason`, which is audited, with the whole name of a person who is paid.
#[utoipa::path(tag = "claims", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, body = Claim), Refusals))]
#[get("/claims/{id}")]
async fn get_claim(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (tx, row) = shown(&context, &actor, &request, &id).await?;
    Ok(ok_versioned(row.version, &view(&tx, row, None).await?))
}

/// The claim 报销单 as a print view (A4); a person who is paid masked, or with `unmasked=true` and a `reason`, which is audited, by the whole name.
#[utoipa::path(tag = "claims", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/claims/{id}/print")]
async fn print_claim(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (tx, row) = shown(&context, &actor, &request, &id).await?;
    Ok(print_page(super::print::page(&tx, &row).await?))
}

/// What an approver should see before deciding.
#[utoipa::path(tag = "claims", responses((status = 200, body = check::Checks), Refusals))]
#[get("/claims/{id}/checks")]
async fn claim_checks(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
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
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<claim::Entity>(&id).await?.into_read();
    let select = tx.select::<claim_event::Entity>().filter(claim_event::Column::ClaimId.eq(row.id)).filter(condition);
    list.answer(&context, tx, select, &[("at", claim_event::Column::At)], &["id", "kind", "state", "comment", "user_id", "acting_for", "job", "at"], async |_, rows| Ok(rows)).await
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
#[utoipa::path(tag = "claims", request_body(content = ClaimChange, content_type = "application/merge-patch+json"), responses((status = 200, body = Claim), Refusals))]
#[patch("/claims/{id}")]
async fn change_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<claim::Entity, ClaimChange, _>(
            &actor,
            Capability::ClaimPrepare,
            &id,
            |row| row.version,
            async |tx, act, row, body| {
                let row = draft::change(tx, act, row, body).await?;
                Ok(Done::changed(row.version, view(tx, row, None).await?))
            },
        )
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
            let event = Event::new("claim.comment", "claim", row.id, row.place());
            audit::record(tx, act, event).await?;
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
            let after = steps::put(tx, act, "urge", &before, claim::Model { urged_on: Some(act.today), ..before.clone() }, None).await?;
            steps::tell(tx, act, &after, next, "claim.urge", words).await?;
            Ok(Done::changed(after.version, view(tx, after, None).await?))
        })
        .await
}

async fn approve_one(tx: &Tx, act: &crate::kernel::act::Act, actor: &Actor, item: &ClaimVersion) -> Result<claim::Model, Problem> {
    let row = tx.load_locked::<claim::Entity>(item.id).await?.authorise(actor, Capability::ClaimApproveSmall)?.into_inner();
    if row.version != item.version {
        return Err(Problem::new(412, "precondition_failed", "记录已被修改", "The record has changed").detail("请重新读取后再审批。", "Read it again, then approve."));
    }
    decide::approve(tx, act, row).await
}

/// Approves many claims, each by its own rules: an outcome for each. Who approves in several streets sends the claims of each by themselves: of the first one's street, the others are not found.
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
