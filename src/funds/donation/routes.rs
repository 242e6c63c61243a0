//! `donations` and `donation-uses`.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{donation, donation_use, work};
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::unit_of;
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::Submitted;

fn amount_faults(amount: Fen, faults: &mut Faults) {
    if !amount.is_positive() || amount > Fen::DOCUMENT_MAX {
        faults.add("/amount", "amount_not_positive", "须大于 0.00 且不超过上限", "must be above 0.00 and within the limit of a document");
    }
}

/// A donation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"date": "2017-05-04", "amount": "5000.00", "purpose": "红色基金", "donor_name": "示例企业"}))]
pub struct NewDonation {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community it is for.
    pub community_id: Option<Uuid>,
    /// The day it was received: of this year, not after today, in an open month.
    pub date: NaiveDate,
    /// How much.
    pub amount: Fen,
    /// What it is restricted to.
    pub purpose: String,
    /// Who gave it; left out where they stay unnamed. Encrypted, shown masked, in no voucher.
    pub donor_name: Option<String>,
}

impl Body for NewDonation {
    fn faults(&self, faults: &mut Faults) {
        amount_faults(self.amount, faults);
        faults.text("/purpose", &self.purpose, 200);
        if let Some(name) = &self.donor_name {
            faults.text("/donor_name", name, 60);
        }
    }
}

/// A use of donated money.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "慰问困难党员", "payee_name": "示例超市", "amount": "1200.00"}))]
pub struct NewUse {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community it is for.
    pub community_id: Option<Uuid>,
    /// What for.
    pub title: String,
    /// Who is paid.
    pub payee_name: String,
    /// How much.
    pub amount: Fen,
}

impl Body for NewUse {
    fn faults(&self, faults: &mut Faults) {
        amount_faults(self.amount, faults);
        faults.text("/title", &self.title, 100);
        faults.text("/payee_name", &self.payee_name, 60);
    }
}

/// Lists donations. Filters: `street_id`, `community_id`, `fiscal_year`.
#[utoipa::path(tag = "donations", responses((status = 200, body = ListPage<donation::Model>), Refusals))]
#[get("/donations")]
async fn list_donations(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "fiscal_year"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", donation::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", donation::Column::CommunityId)?;
    let condition = list.equals::<i32>(condition, "fiscal_year", donation::Column::FiscalYear)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<donation::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], &["id", "number", "community_id", "date", "donor_masked", "purpose", "amount", "voucher_id"], async |_, rows| Ok(rows)).await
}

/// Reads one donation.
#[utoipa::path(tag = "donations", responses((status = 200, body = donation::Model), Refusals))]
#[get("/donations/{id}")]
async fn get_donation(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<donation::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Records a donation received (E11).
#[utoipa::path(tag = "donations", request_body = NewDonation, responses((status = 201, body = donation::Model), Refusals))]
#[post("/donations")]
async fn receive_donation(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReceiptRecord, Rules::plain().money(), async |tx, act, body: NewDonation| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ReceiptRecord).await?;
            let row = work::receive(tx, act, &unit, body).await?;
            Ok(Done::created(format!("/api/v1/donations/{}", row.id), Some(row.version), row))
        })
        .await
}

/// Lists uses of donations. Filters: `street_id`, `community_id`, `state` (`submitted`, `reviewed`, `approved`, `paid`, `rejected`, `withdrawn`).
#[utoipa::path(tag = "donations", responses((status = 200, body = ListPage<donation_use::Model>), Refusals))]
#[get("/donation-uses")]
async fn list_uses(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", donation_use::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", donation_use::Column::CommunityId)?;
    let condition = list.one_of(condition, "state", donation_use::Column::State, &["submitted", "reviewed", "approved", "paid", "rejected", "withdrawn"])?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<donation_use::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], &["id", "number", "community_id", "title", "payee_name", "amount", "state", "paid_on", "voucher_id", "version"], async |_, rows| Ok(rows)).await
}

/// Reads one use.
#[utoipa::path(tag = "donations", responses((status = 200, body = donation_use::Model), Refusals))]
#[get("/donation-uses/{id}")]
async fn get_use(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<donation_use::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Prepares a use of donated money and submits it; what the fund does not hold beyond other uses on their way is refused.
#[utoipa::path(tag = "donations", request_body = NewUse, responses((status = 201, body = Submitted<donation_use::Model>), Refusals))]
#[post("/donation-uses")]
async fn prepare_use(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimPrepare, Rules::plain(), async |tx, act, body: NewUse| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ClaimPrepare).await?;
            let free = work::free(&context.db, unit.place()).await?;
            let row = work::prepare(tx, act, &unit, body, free).await?;
            Ok(Done::created(format!("/api/v1/donation-uses/{}", row.id), Some(row.version), submitted(&context, tx, (Capability::ClaimReview, Part::Review), row).await?))
        })
        .await
}

/// A use with who could take its next step, besides those who hold another part.
async fn submitted(context: &Context, tx: &Tx, (capability, part): (Capability, Part), row: donation_use::Model) -> Result<Submitted<donation_use::Model>, Problem> {
    let barred = duties::barred(tx, row.district_id, row.id, part).await?;
    let place = donation_use::Entity::place(&row);
    Submitted::besides(context.recipients.as_ref(), &barred, (capability, place), row).await
}

fn rules() -> Rules<donation_use::Model> {
    Rules::moves(|row: &donation_use::Model| row.version)
}

/// Reviews a use, as the accountant.
#[utoipa::path(tag = "donations", request_body = Nothing, responses((status = 200, body = Submitted<donation_use::Model>), Refusals))]
#[post("/donation-uses/{id}/review")]
async fn review_use(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<donation_use::Entity, Nothing, _>(&actor, Capability::ClaimReview, &id, rules(), async |tx, act, row, _| {
            let row = work::review(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, submitted(&context, tx, (Capability::ClaimApprove, Part::Approve), row).await?))
        })
        .await
}

/// Approves a reviewed use.
#[utoipa::path(tag = "donations", request_body = Nothing, responses((status = 200, body = Submitted<donation_use::Model>), Refusals))]
#[post("/donation-uses/{id}/approve")]
async fn approve_use(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<donation_use::Entity, Nothing, _>(&actor, Capability::ClaimApprove, &id, rules(), async |tx, act, row, _| {
            let row = work::approve(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, submitted(&context, tx, (Capability::ClaimPay, Part::Pay), row).await?))
        })
        .await
}

/// Withdraws a use before it is approved, as who prepared it.
#[utoipa::path(tag = "donations", request_body = Nothing, responses((status = 200, body = donation_use::Model), Refusals))]
#[post("/donation-uses/{id}/withdraw")]
async fn withdraw_use(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<donation_use::Entity, Nothing, _>(&actor, Capability::ClaimPrepare, &id, rules(), async |tx, act, row, _| {
            let row = work::withdraw(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Rejects a use that is not paid yet, also one that was approved by mistake, with the reason.
#[utoipa::path(tag = "donations", request_body = Reason, responses((status = 200, body = donation_use::Model), Refusals))]
#[post("/donation-uses/{id}/reject")]
async fn reject_use(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<donation_use::Entity, Reason, _>(&actor, Capability::ClaimApprove, &id, rules(), async |tx, act, row, body| {
            let row = work::reject(tx, act, row.into_inner(), body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Pays an approved use (E12).
#[utoipa::path(tag = "donations", request_body = Nothing, responses((status = 200, body = donation_use::Model), Refusals))]
#[post("/donation-uses/{id}/pay")]
async fn pay_use(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<donation_use::Entity, Nothing, _>(&actor, Capability::ClaimPay, &id, rules().money(), async |tx, act, row, _| {
            let row = work::pay(tx, act, row.into_inner()).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_donations).service(get_donation).service(receive_donation).service(list_uses).service(get_use).service(prepare_use);
    config.service(review_use).service(approve_use).service(withdraw_use).service(reject_use).service(pay_use);
}
