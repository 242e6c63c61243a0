//! Papers of an application: the minutes of a collective decision above all, the plan, the notice. They come and go while it is a draft, and are fixed afterwards.

use async_trait::async_trait;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{commitment, refusals, steps};
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::attachment::{NewLink, PaperKind, Subject, link, links_of, paper_not_taken};
use crate::platform::db::{Scoped, Tx};

/// A paper that was uploaded, and what it is to the application.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitmentPaper {
    /// The uploaded paper, one of the application's unit.
    pub attachment_id: Uuid,
    /// What it is.
    pub paper_kind: PaperKind,
}

fn require_taken(paper: PaperKind) -> Result<(), Problem> {
    match paper {
        PaperKind::InvoiceOriginal | PaperKind::PayList => {
            Err(paper_not_taken(paper, "事前申请不接受发票原件和发放表，请附在发票或报销单上", "an application takes no invoice and no pay list: add them to the invoice or the claim"))
        }
        _ => Ok(()),
    }
}

/// Links papers to a draft as its body names them; what is linked already stays.
///
/// # Errors
/// 422 `unknown_reference`, `attachment_of_another_unit`, `paper_not_taken`.
pub(super) async fn attach(tx: &Tx, act: &Act, row: &commitment::Model, papers: &[CommitmentPaper]) -> Result<(), Problem> {
    for (index, paper) in papers.iter().enumerate() {
        require_taken(paper.paper_kind)?;
        let new = NewLink { subject_type: "commitment", subject_id: row.id, place: commitment::Entity::place(row), paper: paper.paper_kind };
        link(tx, act, paper.attachment_id, new, &format!("/papers/{index}/attachment_id")).await?;
    }
    Ok(())
}

/// Whether the minutes of a collective decision 集体决策 are attached.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn decision_attached(tx: &Tx, row: &commitment::Model) -> Result<bool, Problem> {
    Ok(links_of(tx, "commitment", &[row.id]).await?.iter().any(|link| link.paper_kind == PaperKind::DecisionMinutes.code()))
}

/// The papers of an application.
pub struct CommitmentPapers;

/// The draft, by who prepares it. Locked, so that it is not submitted in the same moment.
async fn draft(tx: &Tx, act: &Act, id: Uuid) -> Result<Place, Problem> {
    let row = tx.load_locked::<commitment::Entity>(id).await.map_err(|problem| if problem.status == 404 { Problem::unknown_reference("/subject_id") } else { problem })?.into_read();
    let place = commitment::Entity::place(&row);
    act.person()?.require_at(Capability::ClaimPrepare, &place)?;
    if row.state != "draft" {
        return Err(refusals::papers_fixed(&row.state));
    }
    steps::take_prepare(tx, &act.using(Capability::ClaimPrepare), &row).await?;
    Ok(place)
}

#[async_trait(?Send)]
impl Subject for CommitmentPapers {
    fn subject_type(&self) -> &'static str {
        "commitment"
    }

    async fn may_add(&self, tx: &Tx, act: &Act, subject_id: Uuid, paper: PaperKind, _media_type: &str) -> Result<Place, Problem> {
        let place = draft(tx, act, subject_id).await?;
        require_taken(paper)?;
        Ok(place)
    }

    async fn may_remove(&self, tx: &Tx, act: &Act, subject_id: Uuid) -> Result<(), Problem> {
        draft(tx, act, subject_id).await.map(|_place| ())
    }
}
