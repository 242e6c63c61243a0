//! Closing and verifying over HTTP.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::verify::{self, Verification};
use super::{close, final_account, final_accounts, quota};
use crate::funds::ledger::{fiscal_year, ledger_period};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok, print_page, query};

/// A month or year to be closed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "开户行系统升级，1 月对账单延至 2 月取得"}))]
pub struct Closing {
    /// Why it is closed without the reconciliation of its bank accounts, at most 500 characters; whoever closes signs it. Left out where they are reconciled.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Body for Closing {
    fn faults(&self, faults: &mut Faults) {
        if let Some(reason) = &self.reason {
            faults.text("/reason", reason, 500);
        }
    }
}

/// Closes a month of the books (会计基础工作规范: months close in order). From the street's first bank statement on each account is reconciled up to the month's end, or a reason is given.
#[utoipa::path(tag = "ledger", request_body = Closing, responses((status = 200, body = ledger_period::Model), Refusals))]
#[post("/ledger/periods/{id}/close")]
async fn close_period(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &ledger_period::Model| row.version);
    write
        .on::<ledger_period::Entity, Closing, _>(&actor, Capability::PeriodClose, &id, rules, async |tx, act, row, body| {
            let period = close::month(tx, act, row, body.reason).await?;
            Ok(Done::changed(period.version, period))
        })
        .await
}

/// Closes a fiscal year: unused quota lapses, the year-end transfer is booked, what is left is carried over by each category's rule. Its approved budgets close with it, and December: reconciled, or with a reason.
#[utoipa::path(tag = "ledger", request_body = Closing, responses((status = 200, body = fiscal_year::Model), Refusals))]
#[post("/fiscal-years/{id}/close")]
async fn close_year(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &fiscal_year::Model| row.version).money();
    write
        .on::<fiscal_year::Entity, Closing, _>(&actor, Capability::PeriodClose, &id, rules, async |tx, act, row, body| {
            let year = close::year(tx, act, row, body.reason).await?;
            Ok(Done::changed(year.version, year))
        })
        .await
}

/// Lets the unused treasury quota of a year that is over lapse (年末注销额度): not what posted stipends or open batches still need. Closing the year does the same with what is left then.
#[utoipa::path(tag = "ledger", request_body = Nothing, responses((status = 200, body = fiscal_year::Model), Refusals))]
#[post("/fiscal-years/{id}/lapse-quota")]
async fn lapse_quota(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &fiscal_year::Model| row.version).money();
    write
        .on::<fiscal_year::Entity, Nothing, _>(&actor, Capability::PeriodClose, &id, rules, async |tx, act, row, _| {
            let year = quota::lapse_now(tx, act, row).await?;
            Ok(Done::changed(year.version, year))
        })
        .await
}

/// The final accounts 决算 of a closed year, a line a category; empty while the year is open.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ListPage<final_account::Model>), Refusals))]
#[get("/fiscal-years/{id}/final-accounts")]
async fn list_final_accounts(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let year = tx.load_text::<fiscal_year::Entity>(&id).await?.into_read();
    let select = tx.select::<final_account::Entity>().filter(final_account::Column::StreetId.eq(year.street_id)).filter(final_account::Column::FiscalYear.eq(year.year));
    list.answer(&context, tx, select, &[], &["category_id", "carried_in", "budget", "adjusted", "received", "spent", "carried_over", "to_return", "surplus_proposed"], async |_, rows| Ok(rows)).await
}

/// The final accounts 决算表 as a print view (A4).
#[utoipa::path(tag = "ledger", responses((status = 200, content_type = "text/html", body = String), Refusals))]
#[get("/fiscal-years/{id}/final-accounts/print")]
async fn print_final_accounts(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let tx = context.read(&actor, Capability::LedgerRead).await?;
    let year = tx.load_text::<fiscal_year::Entity>(&id).await?.into_read();
    Ok(print_page(final_accounts::page(&tx, context.clocks.wall(), &year).await?))
}

/// Which street is verified.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyQuery {
    street_id: Option<Uuid>,
}

/// Verifies the books of a street, or of every street within reach: chain, numbers, sums, balances, years, lines, checkpoints.
#[utoipa::path(tag = "ledger", params(("street_id" = Option<Uuid>, Query)), responses((status = 200, body = Verification), Refusals))]
#[get("/ledger/verify")]
async fn verify_ledger(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::LedgerRead)?;
    let query = query::<VerifyQuery>(&request)?;
    let tx = context.db.snapshot(actor.scope_for(Capability::LedgerRead)?).await?;
    let mut streets = tx.select::<org_unit::Entity>().filter(org_unit::Column::Level.eq("street")).order_by_asc(org_unit::Column::Id);
    if let Some(street) = query.street_id {
        streets = streets.filter(org_unit::Column::Id.eq(street));
    }
    let streets = tx.all(streets).await?;
    // Of a street that was not looked at nobody must read that its books hold.
    if query.street_id.is_some() && streets.is_empty() {
        return Err(Problem::unknown_reference("/street_id"));
    }
    let mut all = Verification::empty();
    for street in streets {
        actor.require_at(Capability::LedgerRead, &street.place())?;
        all.add(verify::street(&tx, &context.keys, (street.id, &street.name), &[]).await?);
    }
    Ok(ok(&all))
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(close_period).service(close_year).service(lapse_quota).service(list_final_accounts).service(print_final_accounts).service(verify_ledger);
}
