//! Papers of an invoice: its original, and what else belongs to it.

use async_trait::async_trait;
use uuid::Uuid;

use super::{invoice, refusals, register};
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::attachment::{PaperKind, Subject, paper_not_taken};
use crate::platform::db::{Scoped, Tx};

/// The papers of an invoice: fixed while a submitted claim draws on it.
pub struct InvoicePapers;

async fn open(tx: &Tx, act: &Act, id: Uuid) -> Result<Place, Problem> {
    // Locked, so that no claim is submitted on it in the same moment.
    let found = tx.load_locked::<invoice::Entity>(id).await.map_err(|problem| if problem.status == 404 { Problem::unknown_reference("/subject_id") } else { problem })?.into_read();
    let place = invoice::Entity::place(&found);
    act.person()?.require_at(Capability::ClaimPrepare, &place)?;
    if found.drawn.is_zero() { Ok(place) } else { Err(refusals::invoice_in_use(&found.number)) }
}

#[async_trait(?Send)]
impl Subject for InvoicePapers {
    fn subject_type(&self) -> &'static str {
        "invoice"
    }

    async fn may_add(&self, tx: &Tx, act: &Act, subject_id: Uuid, paper: PaperKind, media_type: &str) -> Result<Place, Problem> {
        let place = open(tx, act, subject_id).await?;
        match paper {
            PaperKind::InvoiceOriginal => register::require_original(media_type)?,
            PaperKind::Photo | PaperKind::Other => {}
            _ => return Err(paper_not_taken(paper, "发票只接受原件、照片和其他附件", "an invoice takes its original, photos and other papers")),
        }
        Ok(place)
    }

    async fn may_remove(&self, tx: &Tx, act: &Act, subject_id: Uuid) -> Result<(), Problem> {
        open(tx, act, subject_id).await.map(|_place| ())
    }
}
