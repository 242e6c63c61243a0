//! `account-maps` and `voucher-exports`: how the books leave the house.

use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get, patch, post, web};
use futures_util::stream;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use uuid::Uuid;

use super::account_map::{self, AccountMapChange, NewAccountMap};
use super::export::entity::voucher_export;
use super::export::{self, NewVoucherExport};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::act::Performer;
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_of;
use crate::platform::audit::{self, Event};
use crate::platform::db::Scoped;
use crate::platform::http::{Context, Done, DownloadKept, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok, ok_versioned, request_id, saved_as};

/// Lists account maps 科目对照. Filters: `street_id`, `effective_year`. Sort: `effective_year`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<account_map::row::Model>), Refusals))]
#[get("/account-maps")]
async fn list_account_maps(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "effective_year"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", account_map::row::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "effective_year", account_map::row::Column::EffectiveYear)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<account_map::row::Entity>().filter(condition);
    let columns = &["id", "street_id", "effective_year", "entries", "recorded_by", "changed_by", "version", "created_at"];
    list.answer(&context, tx, select, &[("effective_year", account_map::row::Column::EffectiveYear)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one account map.
#[utoipa::path(tag = "ledger", responses((status = 200, body = account_map::row::Model), Refusals))]
#[get("/account-maps/{id}")]
async fn get_account_map(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let row = tx.load_text::<account_map::row::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Records the account map of a street from a year on: what each account of ours is in the official books, since 2019 in both halves (财会〔2017〕25号, 平行记账).
#[utoipa::path(tag = "ledger", request_body = NewAccountMap, responses((status = 201, body = account_map::row::Model), Refusals))]
#[post("/account-maps")]
async fn record_account_map(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::LedgerRecord, Rules::plain(), async |tx, act, body: NewAccountMap| {
            let street = street_of(tx, &actor, body.street_id, Capability::LedgerRecord).await?;
            let row = account_map::record(tx, act, &street, body).await?;
            Ok(Done::created(format!("/api/v1/account-maps/{}", row.id), Some(row.version), row))
        })
        .await
}

/// Changes the entries of an account map. What was exported with it stays as it was.
#[utoipa::path(tag = "ledger", request_body = AccountMapChange, responses((status = 200, body = account_map::row::Model), Refusals))]
#[patch("/account-maps/{id}")]
async fn change_account_map(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<account_map::row::Entity, AccountMapChange, _>(
            &actor,
            Capability::LedgerRecord,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                let row = account_map::change(tx, act, row, change).await?;
                Ok(Done::changed(row.version, row))
            },
        )
        .await
}

/// Lists exports of vouchers. Filters: `street_id`, `fiscal_year`, `format` (`u8_text`, `common_xlsx`, `gbt24589`). Sort: `created_at`.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<voucher_export::Model>), Refusals))]
#[get("/voucher-exports")]
async fn list_voucher_exports(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &["street_id", "fiscal_year", "format"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", voucher_export::Column::StreetId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", voucher_export::Column::FiscalYear)?;
    let condition = list.one_of(condition, "format", voucher_export::Column::Format, &["u8_text", "common_xlsx", "gbt24589"])?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let select = tx.select::<voucher_export::Entity>().filter(condition);
    let columns = &["id", "street_id", "from_month", "to_month", "format", "vouchers", "financial_debit", "budget_debit", "already_exported", "reason", "sha256", "made_by", "made_on"];
    list.answer(&context, tx, select, &[("created_at", voucher_export::Column::CreatedAt)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one export of vouchers: its counts and sums.
#[utoipa::path(tag = "ledger", responses((status = 200, body = voucher_export::Model), Refusals))]
#[get("/voucher-exports/{id}")]
async fn get_voucher_export(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let row = tx.load_text::<voucher_export::Entity>(&id).await?.into_read();
    Ok(ok(&row))
}

/// Downloads the file of an export: the same bytes each time. Every reading is an audit event.
#[utoipa::path(tag = "ledger", responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Refusals))]
#[get("/voucher-exports/{id}/file")]
async fn download_voucher_export(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerExport)?;
    let tx = context.write(actor.scope_for(Capability::LedgerExport)?).await?;
    let row = tx.load_text::<voucher_export::Entity>(&id).await?.authorise(&actor, Capability::LedgerExport)?.into_inner();
    let act = context.act(Performer::Person(actor.clone()), request_id(&request), context.client_text(&request));
    audit::record(&tx, &act, Event::new("voucher_export.read", "voucher_export", row.id, voucher_export::Entity::place(&row))).await?;
    tx.commit().await?;
    request.extensions_mut().insert(DownloadKept);
    let (size, disposition) = (u64::try_from(row.size).map_err(Problem::internal)?, saved_as(&row.file_name));
    // A piece at a time, each in a short transaction of its own: a slow reader holds neither memory nor a connection. The rows never change.
    let pieces = stream::try_unfold((context, actor.scope_for(Capability::LedgerExport)?, row, 1_i32), async |(context, scope, row, number)| {
        let tx = context.db.read(scope).await?;
        let piece = export::read_chunk(&tx, &row, number).await?;
        tx.rollback().await?;
        Ok::<_, Problem>(piece.map(|piece| (web::Bytes::from(piece), (context, scope, row, number.saturating_add(1)))))
    });
    let body = SizedStream::new(size, Box::pin(pieces));
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/octet-stream")).insert_header(disposition).body(body))
}

/// Exports the vouchers of a street's months: as 用友 U8 text, common XLSX, or a package in the style of GB/T 24589.2-2010; from 2019 each with its financial and its budget half.
/// Gaps of the account map are refused with their names; what was exported before needs `again` and a reason.
#[utoipa::path(tag = "ledger", request_body = NewVoucherExport, responses((status = 201, body = voucher_export::Model), Refusals))]
#[post("/voucher-exports")]
async fn make_voucher_export(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::LedgerExport, Rules::plain(), async |tx, act, body: NewVoucherExport| {
            let street = street_of(tx, &actor, body.street_id, Capability::LedgerExport).await?;
            let row = export::make(tx, act, &street, body).await?;
            Ok(Done::created(format!("/api/v1/voucher-exports/{}", row.id), None, row))
        })
        .await
}

/// Adds the routes of account maps and exports.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_account_maps).service(get_account_map).service(record_account_map).service(change_account_map);
    config.service(list_voucher_exports).service(get_voucher_export).service(download_voucher_export).service(make_voucher_export);
}
