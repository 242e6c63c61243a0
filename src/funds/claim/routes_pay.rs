//! Paying claims, `payment-batches`, refunds, reversals.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::pay::BankFact;
use super::routes::{Claim, view};
use super::{batch, claim, claim_refund, pay, payment_batch, refund};
use crate::funds::bank::read_result;
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::street_of;
use crate::platform::http::{Body, Content, Context, Done, FileForm, ListPage, ListRequest, Refusals, Routes, Rules, Upload, Write, ok_versioned, saved_as};

/// A payment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"bank_reference": "20170301-000123", "value_date": "2017-03-01"}))]
pub struct Payment {
    /// The bank's reference.
    pub bank_reference: Option<String>,
    /// The bank's value date; today unless said. The posting is dated today.
    pub value_date: Option<NaiveDate>,
}

impl Body for Payment {
    fn faults(&self, faults: &mut Faults) {
        if let Some(reference) = &self.bank_reference {
            faults.text("/bank_reference", reference, 60);
        }
    }
}

/// Money that came back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "120.00", "reason": "退回未使用的场地费"}))]
pub struct NewRefund {
    /// How much, gross.
    pub amount: Fen,
    /// Why.
    pub reason: String,
}

impl Body for NewRefund {
    fn faults(&self, faults: &mut Faults) {
        if !self.amount.is_positive() {
            faults.add("/amount", "out_of_range", "金额须大于 0.00", "above 0.00");
        }
        faults.text("/reason", &self.reason, 500);
    }
}

/// A batch to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"template_id": "0190a0b0-0000-7000-8000-000000000001", "claim_ids": ["0190a0b0-0000-7000-8000-000000000002"]}))]
pub struct NewBatch {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The layout of the bank file.
    pub template_id: Uuid,
    /// Approved claims, 1 to 1,000, none twice.
    pub claim_ids: Vec<Uuid>,
}

impl Body for NewBatch {
    fn faults(&self, faults: &mut Faults) {
        if self.claim_ids.is_empty() || self.claim_ids.len() > 1000 {
            faults.add("/claim_ids", "invalid_value", "须有 1 至 1000 张", "1 to 1,000 claims");
        }
        for (index, id) in self.claim_ids.iter().enumerate() {
            if self.claim_ids.iter().take(index).any(|other| other == id) {
                faults.add(&format!("/claim_ids/{index}"), "duplicate", "已出现", "stands there already");
            }
        }
    }
}

/// A refund with the claim after it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refunded {
    /// The refund.
    #[serde(flatten)]
    pub refund: claim_refund::Model,
    /// What of the claim has come back in all.
    pub refunded: Fen,
}

fn rules() -> Rules<claim::Model> {
    Rules::moves(|row: &claim::Model| row.version).money()
}

/// Pays an approved claim alone, today (E3).
#[utoipa::path(tag = "claims", request_body = Payment, responses((status = 200, body = Claim), Refusals))]
#[post("/claims/{id}/pay")]
async fn pay_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, Payment, _>(&actor, Capability::ClaimPay, &id, rules(), async |tx, act, row, body| {
            let (paid, booking) = pay::pay(tx, act, row.into_inner(), BankFact { reference: body.bank_reference, value_date: body.value_date }).await?;
            Ok(Done::changed(paid.claim.version, Claim::of(paid, None)).ending(booking))
        })
        .await
}

/// Records money of a paid claim that came back, in part or whole (E4; E4p where the claim's year is over).
#[utoipa::path(tag = "claims", request_body = NewRefund, responses((status = 201, body = Refunded), Refusals))]
#[post("/claims/{id}/refunds")]
async fn refund_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, NewRefund, _>(&actor, Capability::ClaimRecord, &id, rules(), async |tx, act, row, body| {
            let (row, refund) = refund::refund(tx, act, row.into_inner(), body.amount, body.reason).await?;
            Ok(Done::created(format!("/api/v1/claims/{}/refunds", row.id), Some(row.version), Refunded { refund, refunded: row.refunded }))
        })
        .await
}

/// The refunds of a claim.
#[utoipa::path(tag = "claims", responses((status = 200, body = ListPage<claim_refund::Model>), Refusals))]
#[get("/claims/{id}/refunds")]
async fn list_refunds(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<claim::Entity>(&id).await?.into_read();
    let select = tx.select::<claim_refund::Entity>().filter(claim_refund::Column::ClaimId.eq(row.id));
    list.answer(&context, tx, select, &[], &["id", "amount", "tax", "reason", "date", "voucher_id"], async |_, rows| Ok(rows)).await
}

/// Reverses the payment of a claim in red letters (E5): the whole voucher, once, in its year.
#[utoipa::path(tag = "claims", request_body = Reason, responses((status = 200, body = Claim), Refusals))]
#[post("/claims/{id}/reverse")]
async fn reverse_claim(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, Reason, _>(&actor, Capability::ClaimRecord, &id, rules(), async |tx, act, row, body| {
            let row = refund::reverse(tx, act, row.into_inner(), body.reason).await?;
            Ok(Done::changed(row.version, view(tx, row, None).await?))
        })
        .await
}

/// Lists payment batches. Filters: `street_id`, `state` (`made`, `void`, `settled`).
#[utoipa::path(tag = "claims", responses((status = 200, body = ListPage<payment_batch::Model>), Refusals))]
#[get("/payment-batches")]
async fn list_batches(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["street_id", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", payment_batch::Column::StreetId)?;
    let condition = list.one_of(condition, "state", payment_batch::Column::State, &["made", "void", "settled"])?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<payment_batch::Entity>().filter(condition);
    let columns = &["id", "street_id", "number", "state", "date", "count", "sum", "sha256", "file_name", "version"];
    list.answer(&context, tx, select, &[], columns, async |_, rows| Ok(rows)).await
}

/// Reads one batch.
#[utoipa::path(tag = "claims", responses((status = 200, body = payment_batch::Model), Refusals))]
#[get("/payment-batches/{id}")]
async fn get_batch(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<payment_batch::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Downloads a batch's bank file: the same bytes each time. Only who pays may, for it names accounts.
#[utoipa::path(tag = "claims", responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), Refusals))]
#[get("/payment-batches/{id}/file")]
async fn download_batch(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimPay)?;
    let tx = context.read(&actor, Capability::ClaimPay).await?;
    let row = tx.load_text::<payment_batch::Entity>(&id).await?.authorise(&actor, Capability::ClaimPay)?;
    let bytes = batch::bytes_of(&context.keys, &row)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/octet-stream")).insert_header(saved_as(&row.file_name)).body(bytes))
}

/// Makes a batch of approved claims, with its bank file.
#[utoipa::path(tag = "claims", request_body = NewBatch, responses((status = 201, body = payment_batch::Model), Refusals))]
#[post("/payment-batches")]
async fn make_batch(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimPay, Rules::plain().money(), async |tx, act, body: NewBatch| {
            let street = street_of(tx, &actor, body.street_id, Capability::ClaimPay).await?;
            let row = batch::make(tx, act, &street, body.template_id, &body.claim_ids).await?;
            Ok(Done::created(format!("/api/v1/payment-batches/{}", row.id), Some(row.version), row))
        })
        .await
}

fn batch_rules() -> Rules<payment_batch::Model> {
    Rules::moves(|row: &payment_batch::Model| row.version)
}

/// Voids a batch as a second person, with the reason.
#[utoipa::path(tag = "claims", request_body = Reason, responses((status = 200, body = payment_batch::Model), Refusals))]
#[post("/payment-batches/{id}/void")]
async fn void_batch(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<payment_batch::Entity, Reason, _>(&actor, Capability::BankFileVoid, &id, batch_rules(), async |tx, act, row, body| {
            let row = batch::void(tx, act, row.into_inner(), body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Imports the bank's result of a batch, whole or not at all: what was paid is booked by its value date, what came back waits to be paid anew.
#[utoipa::path(tag = "claims", request_body(content = FileForm, content_type = "multipart/form-data"), responses((status = 200, body = payment_batch::Model), Refusals))]
#[post("/payment-batches/{id}/results")]
async fn import_batch_result(actor: Actor, upload: Upload, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    upload
        .on_with_file::<payment_batch::Entity, _, _>(
            &actor,
            (Capability::ClaimPay, &id),
            (&[Content::Csv, Content::Xlsx], |file| read_result(&file.bytes)),
            batch_rules().money(),
            async |tx, act, row, (file, result)| {
                let row = batch::import_result(tx, act, row.into_inner(), (&result, file.sha256())).await?;
                Ok(Done::changed(row.version, row))
            },
        )
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(pay_claim).service(refund_claim).service(list_refunds).service(reverse_claim);
    config.service(list_batches).service(get_batch).service(download_batch).service(make_batch).service(void_batch).service(import_batch_result);
}
