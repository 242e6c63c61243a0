//! `invoices`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::NaiveDate;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{InvoiceFields, InvoiceKind, InvoiceLine, plain};
use super::parse::{self, ParsedInvoice};
use super::{invoice, invoice_draw, register};
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::unit_of;
use crate::platform::db::Tx;
use crate::platform::http::{Body, Content, Context, Done, FileForm, ListPage, ListRequest, Refusals, Routes, Rules, Upload, Write, ok_versioned};

/// An invoice to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"community_id": "0190a0b0-0000-7000-8000-000000000001", "kind": "paper_vat", "code": "4200171320", "number": "12345678", "seller_name": "示例文化馆", "issued_on": "2017-02-27", "total": "500.00"}))]
pub struct NewInvoice {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for a community's invoice.
    pub community_id: Option<Uuid>,
    /// Its kind.
    pub kind: InvoiceKind,
    /// Its code.
    pub code: Option<String>,
    /// Its number.
    pub number: String,
    /// Whether its original is a file; a digital invoice's always is, and one whose code is an electronic VAT invoice's; a fiscal receipt's unless said otherwise.
    pub electronic: Option<bool>,
    /// Who issued it.
    pub seller_name: String,
    /// When it was issued.
    pub issued_on: NaiveDate,
    /// Its total, tax included.
    pub total: Fen,
    /// Its lines, at most 500; together its total.
    #[serde(default)]
    pub lines: Vec<InvoiceLine>,
    /// The uploaded original (XML, OFD, PDF), which an electronic one needs before a claim on it is submitted.
    pub original_attachment_id: Option<Uuid>,
}

impl NewInvoice {
    fn fields(&self) -> InvoiceFields {
        InvoiceFields {
            kind: self.kind,
            code: self.code.clone(),
            number: self.number.clone(),
            electronic: self.electronic,
            seller_name: self.seller_name.clone(),
            issued_on: self.issued_on,
            total: self.total,
            lines: self.lines.clone(),
        }
    }
}

impl Body for NewInvoice {
    fn faults(&self, faults: &mut Faults) {
        self.fields().faults(faults);
    }
}

/// An invoice with what is drawn on it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invoice {
    /// The invoice.
    #[serde(flatten)]
    pub invoice: invoice::Model,
    /// What is left to be drawn.
    pub available: Fen,
    /// What claims within reach draw on it, and whether they count.
    pub draws: Vec<invoice_draw::Model>,
}

async fn views(tx: &Tx, invoices: Vec<invoice::Model>) -> Result<Vec<Invoice>, Problem> {
    let of = invoice_draw::Column::InvoiceId.is_in(invoices.iter().map(|row| row.id));
    let mut draws = tx.all(tx.select::<invoice_draw::Entity>().filter(of).order_by_asc(invoice_draw::Column::Id)).await?;
    let view = |invoice: invoice::Model| {
        let available = invoice.total.checked_sub(invoice.drawn).map_err(Problem::internal)?;
        Ok(Invoice { available, draws: draws.extract_if(.., |draw| draw.invoice_id == invoice.id).collect(), invoice })
    };
    invoices.into_iter().map(view).collect()
}

async fn view(tx: &Tx, row: invoice::Model) -> Result<Invoice, Problem> {
    views(tx, vec![row]).await?.pop().ok_or_else(Problem::not_found)
}

/// Reads an electronic invoice, XML or OFD, and gives its fields, to be looked at and sent to `POST /invoices`; keeps nothing.
/// External entities, document types and files that unpack to too much are refused.
#[utoipa::path(tag = "invoices", request_body(content = FileForm, content_type = "multipart/form-data"), responses((status = 200, body = ParsedInvoice), Refusals))]
#[post("/invoices/parse")]
async fn parse_invoice(actor: Actor, upload: Upload) -> Result<HttpResponse, Problem> {
    upload.create_from_file(&actor, Capability::ClaimPrepare, &[Content::Xml, Content::Ofd], parse::parse, async |_, _, (_, found)| Ok(Done::found(found))).await
}

/// Registers an invoice of a unit. Its key (code and number, of which letters and digits count, whatever its kind) is taken in the district when the first claim that draws on it is submitted.
#[utoipa::path(tag = "invoices", request_body = NewInvoice, responses((status = 201, body = Invoice), Refusals))]
#[post("/invoices")]
async fn add_invoice(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimPrepare, Rules::plain(), async |tx, act, body: NewInvoice| {
            let place = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ClaimPrepare).await?.place();
            let row = register::register(tx, act, place, body.fields(), body.original_attachment_id).await?;
            Ok(Done::created(format!("/api/v1/invoices/{}", row.id), Some(row.version), view(tx, row).await?))
        })
        .await
}

/// Lists invoices. Filters: `street_id`, `community_id`, `kind` (`paper_vat`, `digital`, `fiscal_receipt`, `ticket`, `quota`, `pay_list`), `code`, `number` (however it is written: only letters and digits count), `seller_name`, `red_lettered`. Sort: `issued_on`, `number`, `total`.
#[utoipa::path(tag = "invoices", responses((status = 200, body = ListPage<Invoice>), Refusals))]
#[get("/invoices")]
async fn list_invoices(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "kind", "code", "number", "seller_name", "red_lettered"])?;
    let mut condition = list.equals::<Uuid>(Condition::all(), "street_id", invoice::Column::StreetId)?;
    condition = list.equals::<Uuid>(condition, "community_id", invoice::Column::CommunityId)?;
    condition = list.equals::<bool>(condition, "red_lettered", invoice::Column::RedLettered)?;
    condition = list.one_of(condition, "kind", invoice::Column::Kind, &["paper_vat", "digital", "fiscal_receipt", "ticket", "quota", "pay_list"])?;
    for (name, column) in [("code", invoice::Column::Code), ("seller_name", invoice::Column::SellerName)] {
        condition = list.equals::<String>(condition, name, column)?;
    }
    if let Some(number) = list.filter::<String>("number")? {
        condition = condition.add(invoice::Column::NumberKey.eq(plain(&number)));
    }
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<invoice::Entity>().filter(condition);
    let sorts = [("issued_on", invoice::Column::IssuedOn), ("number", invoice::Column::Number), ("total", invoice::Column::Total)];
    let columns = &["id", "street_id", "community_id", "kind", "code", "number", "electronic", "seller_name", "issued_on", "total", "drawn", "available", "red_lettered", "version"];
    list.answer(&context, tx, select, &sorts, columns, views).await
}

/// Reads one invoice with what is drawn on it.
#[utoipa::path(tag = "invoices", responses((status = 200, body = Invoice), Refusals))]
#[get("/invoices/{id}")]
async fn get_invoice(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let row = tx.load_text::<invoice::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &view(&tx, row).await?))
}

/// Corrects an invoice while no submitted claim draws on it. A wrong amount on an original is issued anew, never corrected here.
#[utoipa::path(tag = "invoices", request_body = InvoiceFields, responses((status = 200, body = Invoice), Refusals))]
#[patch("/invoices/{id}")]
async fn change_invoice(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<invoice::Entity, InvoiceFields, _>(
            &actor,
            Capability::ClaimPrepare,
            &id,
            |row| row.version,
            async |tx, act, row, fields| {
                let row = register::change(tx, act, row, fields).await?;
                Ok(Done::changed(row.version, view(tx, row).await?))
            },
        )
        .await
}

/// Marks an invoice as red-lettered 红冲, with the reason: no claim is submitted or paid on it any more.
#[utoipa::path(tag = "invoices", request_body = Reason, responses((status = 200, body = Invoice), Refusals))]
#[post("/invoices/{id}/red-letter")]
async fn red_letter_invoice(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<invoice::Entity, Reason, _>(&actor, Capability::ClaimReview, &id, Rules::moves(|row: &invoice::Model| row.version), async |tx, act, row, body| {
            let row = register::red_letter(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, view(tx, row).await?))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(parse_invoice).service(add_invoice).service(list_invoices).service(get_invoice).service(change_invoice).service(red_letter_invoice);
}
