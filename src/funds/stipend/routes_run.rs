//! `payout-runs` and `bank-files`.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::ColumnTrait;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::holds::{PayoutItemView, explained};
use super::{announce, bank_file, pay, payout_item, payout_run, run, stipend_scheme};
use crate::funds::bank::read_result;
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::period::Period;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{Shown, to_show};
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::{Body, Content, Context, Done, FileForm, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Upload, Write, ok_versioned, print_page, saved_as};
use crate::platform::tasks::Submitted;

/// A run to be calculated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scheme_id": "0190a0b0-0000-7000-8000-000000000001", "period": "2017Q1"}))]
pub struct NewRun {
    /// The scheme.
    pub scheme_id: Uuid,
    /// The period.
    #[schema(value_type = String)]
    pub period: Period,
}

impl Body for NewRun {}

/// A bank file to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"run_id": "0190a0b0-0000-7000-8000-000000000001", "template_id": "0190a0b0-0000-7000-8000-000000000002"}))]
pub struct NewBankFile {
    /// The posted run.
    pub run_id: Uuid,
    /// The layout.
    pub template_id: Uuid,
}

impl Body for NewBankFile {}

/// Lists runs. Filters: `street_id`, `scheme_id`, `period`, `state` (`calculated`, `held`, `approved`, `posted`, `exported`, `settled`, `cancelled`). Sort: `period`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<payout_run::Model>), Refusals))]
#[get("/payout-runs")]
async fn list_runs(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "scheme_id", "period", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", payout_run::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "scheme_id", payout_run::Column::SchemeId)?;
    let condition = list.parsed::<Period>(condition, "period", payout_run::Column::Period)?;
    let condition = list.one_of(condition, "state", payout_run::Column::State, &["calculated", "held", "approved", "posted", "exported", "settled", "cancelled"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<payout_run::Entity>().filter(condition);
    let columns = &["id", "street_id", "scheme_id", "period", "seq", "state", "held_code", "heads", "held_heads", "gross", "tax", "net", "posted_on", "voucher_id", "version"];
    list.answer(&context, tx, select, &[("period", payout_run::Column::Period)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one run.
#[utoipa::path(tag = "stipends", responses((status = 200, body = payout_run::Model), Refusals))]
#[get("/payout-runs/{id}")]
async fn get_run(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<payout_run::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// The items of a run, each with how it came about, and where it is held why and what to do. Filter: `state` (`calculated`, `held`, `posted`, `exported`, `paid`, `returned`).
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<PayoutItemView>), Refusals))]
#[get("/payout-runs/{id}/items")]
async fn list_items(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["state"])?;
    let condition = list.one_of(Condition::all(), "state", payout_item::Column::State, &["calculated", "held", "posted", "exported", "paid", "returned"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<payout_run::Entity>(&id).await?.into_read();
    let select = tx.select::<payout_item::Entity>().filter(payout_item::Column::RunId.eq(row.id)).filter(condition);
    let columns = &[
        "id",
        "enrolment_id",
        "beneficiary_id",
        "beneficiary_name",
        "state",
        "held_code",
        "gross",
        "tax",
        "net",
        "outstanding_recovery",
        "explanation",
        "returned_reason",
        "held_reason_zh",
        "held_reason_en",
    ];
    list.answer(&context, tx, select, &[], columns, explained).await
}

/// The roster 发放花名册 of a run with a column to sign in (A4), names and numbers masked; with `unmasked=true` and a `reason`, which is audited, whole names and ID numbers to sign beside.
#[utoipa::path(tag = "stipends", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/payout-runs/{id}/print")]
async fn print_run(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kept_as = (Capability::StipendRead, "payout_run.unmask", "payout_run");
    let Shown { tx, row, unmasked } = to_show::<payout_run::Entity>(&context, &actor, &request, &id, kept_as).await?;
    Ok(print_page(super::roster::page(&tx, &row, unmasked.then_some(&context.keys)).await?))
}

/// Calculates a run for a period; a second one for the period is supplementary.
#[utoipa::path(tag = "stipends", request_body = NewRun, responses((status = 201, body = Submitted<payout_run::Model>), Refusals))]
#[post("/payout-runs")]
async fn calculate_run(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::StipendPrepare, Rules::plain(), async |tx, act, body: NewRun| {
            let scheme = tx.load_reference::<stipend_scheme::Entity>(body.scheme_id, "/scheme_id").await?.authorise(&actor, Capability::StipendPrepare)?;
            let scheme = run::lock_scheme(tx, scheme.id).await?;
            let row = run::calculate(tx, act, &scheme, body.period).await?;
            let next = (Capability::RunApprove, payout_run::Entity::place(&row));
            Ok(Done::created(format!("/api/v1/payout-runs/{}", row.id), Some(row.version), Submitted::of(context.recipients.as_ref(), act, next, row).await?))
        })
        .await
}

/// A run with who could take its next step, besides those who hold another part.
async fn submitted(context: &Context, tx: &Tx, (capability, part): (Capability, Part), row: payout_run::Model) -> Result<Submitted<payout_run::Model>, Problem> {
    let barred = duties::barred(tx, row.district_id, row.id, part).await?;
    let place = payout_run::Entity::place(&row);
    Submitted::besides(context.recipients.as_ref(), &barred, (capability, place), row).await
}

fn rules() -> Rules<payout_run::Model> {
    Rules::moves(|row: &payout_run::Model| row.version)
}

/// Calculates an open run anew; an approval is undone.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = Submitted<payout_run::Model>), Refusals))]
#[post("/payout-runs/{id}/recalculate")]
async fn recalculate_run(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<payout_run::Entity, Nothing, _>(&actor, Capability::StipendPrepare, &id, rules(), async |tx, act, row, _| {
            let row = run::recalculate(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, submitted(&context, tx, (Capability::RunApprove, Part::Approve), row).await?))
        })
        .await
}

/// Approves a calculated run.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = Submitted<payout_run::Model>), Refusals))]
#[post("/payout-runs/{id}/approve")]
async fn approve_run(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<payout_run::Entity, Nothing, _>(&actor, Capability::RunApprove, &id, rules(), async |tx, act, row, _| {
            let row = run::approve(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, submitted(&context, tx, (Capability::RunPost, Part::Review), row).await?))
        })
        .await
}

/// Posts an approved run, all or nothing. Where what is due now is not what was approved, nothing is posted (409 `run_stale`), and the run is calculated anew, to be approved again.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = payout_run::Model), Refusals))]
#[post("/payout-runs/{id}/post")]
async fn post_run(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (act, dry_run) = (write.act(&actor), write.is_dry_run());
    let answer = write
        .on::<payout_run::Entity, Nothing, _>(&actor, Capability::RunPost, &id, rules().money(), async |tx, act, row, _| {
            let row = run::post(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, row))
        })
        .await;
    if answer.as_ref().is_err_and(|problem| problem.code == "run_stale") && !dry_run {
        run::back_to_calculated(&context, (&actor, &act), &id).await?;
    }
    answer
}

/// Stops a run before it posts, with the reason: it is held until the leader resumes it.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = payout_run::Model), Refusals))]
#[post("/payout-runs/{id}/stop")]
async fn stop_run(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<payout_run::Entity, Reason, _>(&actor, Capability::RunStop, &id, rules(), async |tx, act, row, body| {
            let row = run::hold(tx, act, row.into_inner(), "stopped", body.reason).await?;
            announce::tell_stopped(tx, act, &row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Takes a run out of its hold.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = payout_run::Model), Refusals))]
#[post("/payout-runs/{id}/resume")]
async fn resume_run(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<payout_run::Entity, Nothing, _>(&actor, Capability::RunApprove, &id, rules(), async |tx, act, row, _| {
            let row = run::resume(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Cancels a run before it posts, with the reason.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = payout_run::Model), Refusals))]
#[post("/payout-runs/{id}/cancel")]
async fn cancel_run(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<payout_run::Entity, Reason, _>(&actor, Capability::StipendPrepare, &id, rules(), async |tx, act, row, body| {
            let row = run::cancel(tx, act, row.into_inner(), body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Lists bank files. Filters: `street_id`, `run_id`, `state` (`made`, `void`, `settled`).
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<bank_file::Model>), Refusals))]
#[get("/bank-files")]
async fn list_bank_files(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "run_id", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", bank_file::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "run_id", bank_file::Column::RunId)?;
    let condition = list.one_of(condition, "state", bank_file::Column::State, &["made", "void", "settled"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<bank_file::Entity>().filter(condition);
    let columns = &["id", "street_id", "run_id", "number", "state", "date", "count", "sum", "sha256", "file_name", "version"];
    list.answer(&context, tx, select, &[], columns, async |_, rows| Ok(rows)).await
}

/// Downloads a bank file: the same bytes each time. Only who makes bank files may, for it names accounts.
#[utoipa::path(tag = "stipends", responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Refusals))]
#[get("/bank-files/{id}")]
async fn download_bank_file(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BankFile)?;
    let tx = context.read(&actor, Capability::BankFile).await?;
    let file = tx.load_text::<bank_file::Entity>(&id).await?.authorise(&actor, Capability::BankFile)?;
    let bytes = pay::bytes_of(&context.keys, &file)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header(saved_as(&file.file_name))
        .insert_header(("ETag", crate::platform::http::etag(file.version)))
        .body(bytes))
}

/// Makes a bank file of what a posted run has not yet exported.
#[utoipa::path(tag = "stipends", request_body = NewBankFile, responses((status = 201, body = bank_file::Model), Refusals))]
#[post("/bank-files")]
async fn make_bank_file(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::BankFile, Rules::plain().money(), async |tx, act, body: NewBankFile| {
            let run = tx.load_reference::<payout_run::Entity>(body.run_id, "/run_id").await?.authorise(&actor, Capability::BankFile)?;
            let file = pay::make_file(tx, act, run, body.template_id).await?;
            Ok(Done::created(format!("/api/v1/bank-files/{}", file.id), Some(file.version), file))
        })
        .await
}

fn file_rules() -> Rules<bank_file::Model> {
    Rules::moves(|row: &bank_file::Model| row.version)
}

/// Voids a bank file as a second person, with the reason.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = bank_file::Model), Refusals))]
#[post("/bank-files/{id}/void")]
async fn void_bank_file(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<bank_file::Entity, Reason, _>(&actor, Capability::BankFileVoid, &id, file_rules(), async |tx, act, row, body| {
            let file = pay::void(tx, act, row, body.reason).await?;
            Ok(Done::changed(file.version, file))
        })
        .await
}

/// Imports the bank's result of a file: all of it, or nothing.
#[utoipa::path(tag = "stipends", request_body(content = FileForm, content_type = "multipart/form-data"), responses((status = 200, body = bank_file::Model), Refusals))]
#[post("/bank-files/{id}/results")]
async fn import_result(actor: Actor, upload: Upload, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    upload
        .on_with_file::<bank_file::Entity, _, _>(
            &actor,
            (Capability::BankFile, &id),
            (&[Content::Csv, Content::Xlsx], |file| read_result(&file.bytes)),
            file_rules().money(),
            async |tx, act, row, (file, result)| {
                let file = pay::import_result(tx, act, row, (&result, file.sha256())).await?;
                Ok(Done::changed(file.version, file))
            },
        )
        .await
}

/// Confirms what the bank returned: it is due again.
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = bank_file::Model), Refusals))]
#[post("/bank-files/{id}/results/confirm")]
async fn confirm_result(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<bank_file::Entity, Nothing, _>(&actor, Capability::BankAccountConfirm, &id, file_rules().money(), async |tx, act, row, _| {
            let file = pay::confirm_returns(tx, act, row).await?;
            Ok(Done::changed(file.version, file))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_runs).service(get_run).service(list_items).service(print_run).service(calculate_run).service(recalculate_run).service(approve_run).service(post_run);
    config.service(stop_run).service(resume_run).service(cancel_run);
    config.service(list_bank_files).service(download_bank_file).service(make_bank_file).service(void_bank_file).service(import_result).service(confirm_result);
}
