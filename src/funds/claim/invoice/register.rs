//! Registering an invoice, correcting it while nobody draws on it, and marking it as red-lettered.

use sea_orm::ActiveModelTrait;
use uuid::Uuid;

use super::model::{self, InvoiceFields, plain};
use super::{invoice, refusals};
use crate::kernel::access::Place;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::attachment::{NewLink, PaperKind, attachment, link, paper_not_taken};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};

fn put_fields(act: &Act, row: &mut invoice::Model, fields: InvoiceFields) -> Result<(), Problem> {
    if fields.issued_on > act.today {
        return Err(refusals::issued_in_future(act.today));
    }
    let fields = fields.trimmed();
    row.electronic = fields.is_electronic();
    row.kind = fields.kind.code().to_owned();
    row.number_key = plain(&fields.number);
    (row.code, row.number) = (fields.code, fields.number);
    row.seller_name = fields.seller_name.trim().to_owned();
    (row.issued_on, row.total) = (fields.issued_on, fields.total);
    row.lines = serde_json::to_value(&fields.lines).map_err(Problem::internal)?;
    Ok(())
}

/// Registers an invoice of a unit, with its original file where it is there.
///
/// # Errors
/// 422 `unknown_reference`, `attachment_of_another_unit`, `date_in_future`, `paper_not_taken` for a photo as original.
pub async fn register(tx: &Tx, act: &Act, place: Place, fields: InvoiceFields, original: Option<Uuid>) -> Result<invoice::Model, Problem> {
    let mut row = invoice::Model {
        id: new_id(),
        district_id: place.district,
        street_id: place.street.ok_or_else(|| Problem::internal("an invoice of no street"))?,
        community_id: place.community,
        kind: String::new(),
        code: None,
        number: String::new(),
        number_key: String::new(),
        electronic: false,
        seller_name: String::new(),
        issued_on: fields.issued_on,
        total: Fen::ZERO,
        lines: serde_json::Value::Null,
        drawn: Fen::ZERO,
        drawn_for: None,
        red_lettered: false,
        red_letter_reason: None,
        registered_by: act.person()?.user_id,
        version: 1,
        created_at: act.at,
    };
    put_fields(act, &mut row, fields)?;
    let made = tx.insert::<invoice::Entity, _>(invoice::ActiveModel::from(row).reset_all()).await?;
    audit::record(tx, act, Event::new("invoice.register", "invoice", made.id, place).after(&made)?).await?;
    if let Some(id) = original {
        let pointer = "/original_attachment_id";
        require_original(&tx.reference::<attachment::Entity>(id, pointer).await?.media_type)?;
        link(tx, act, id, NewLink { subject_type: "invoice", subject_id: made.id, place, paper: PaperKind::InvoiceOriginal }, pointer).await?;
    }
    Ok(made)
}

/// An original is a file that the issuer made.
///
/// # Errors
/// 422 `paper_not_taken`.
pub(super) fn require_original(media_type: &str) -> Result<(), Problem> {
    if model::is_original(media_type) {
        return Ok(());
    }
    Err(paper_not_taken(PaperKind::InvoiceOriginal, "须为 XML、OFD 或 PDF 原件，照片或扫描件只是复制件", "XML, OFD or PDF as the issuer made it; a photo or scan is a copy"))
}

/// Corrects an invoice while no submitted claim draws on it.
///
/// # Errors
/// 409 `invoice_in_use`; 422 `date_in_future`.
pub async fn change(tx: &Tx, act: &Act, row: Authorised<invoice::Model>, fields: InvoiceFields) -> Result<invoice::Model, Problem> {
    let before = row.into_inner();
    if !before.drawn.is_zero() {
        return Err(refusals::invoice_in_use(&before.number));
    }
    let mut after = invoice::Model { version: before.version.saturating_add(1), ..before.clone() };
    put_fields(act, &mut after, fields)?;
    put(tx, act, "invoice.change", &before, after, None).await
}

/// Marks an invoice as red-lettered 红冲: nothing is submitted or paid on it any more.
///
/// # Errors
/// 409 `invoice_red_lettered` where it is already.
pub async fn red_letter(tx: &Tx, act: &Act, row: Authorised<invoice::Model>, reason: String) -> Result<invoice::Model, Problem> {
    let before = row.into_inner();
    if before.red_lettered {
        return Err(refusals::invoice_red_lettered(&before.number));
    }
    let after = invoice::Model { red_lettered: true, red_letter_reason: Some(reason.clone()), version: before.version.saturating_add(1), ..before.clone() };
    put(tx, act, "invoice.red_letter", &before, after, Some(reason)).await
}

async fn put(tx: &Tx, act: &Act, action: &'static str, before: &invoice::Model, after: invoice::Model, reason: Option<String>) -> Result<invoice::Model, Problem> {
    let after = tx.update::<invoice::Entity, _>(invoice::ActiveModel::from(after).reset_all()).await?;
    let mut event = Event::new(action, "invoice", after.id, invoice::Entity::place(&after)).before(before)?.after(&after)?;
    event.reason = reason;
    audit::record(tx, act, event).await?;
    Ok(after)
}
