//! Papers of a claim: added and taken off by who prepares it while it is a draft, added while they are asked for, fixed otherwise.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::claim;
use super::refusals;
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::attachment::{NewLink, PaperKind, Subject, link, paper_not_taken};
use crate::platform::db::{Scoped, Tx};

/// A paper that was uploaded, and what it is to the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimPaper {
    /// The uploaded paper, one of the claim's unit.
    pub attachment_id: Uuid,
    /// What it is.
    pub paper_kind: PaperKind,
}

/// Links papers to a draft as its body names them; what is linked already stays.
///
/// # Errors
/// 422 `unknown_reference`, `attachment_of_another_unit`, `paper_not_taken`.
pub async fn attach(tx: &Tx, act: &Act, row: &claim::Model, papers: &[ClaimPaper]) -> Result<(), Problem> {
    for (index, paper) in papers.iter().enumerate() {
        require_taken(paper.paper_kind)?;
        let new = NewLink { subject_type: "claim", subject_id: row.id, place: claim::Entity::place(row), paper: paper.paper_kind };
        link(tx, act, paper.attachment_id, new, &format!("/papers/{index}/attachment_id")).await?;
    }
    Ok(())
}

fn require_taken(paper: PaperKind) -> Result<(), Problem> {
    if paper == PaperKind::InvoiceOriginal {
        return Err(paper_not_taken(paper, "发票原件请添加到发票（invoice），再由报销单使用该发票", "the original belongs to the invoice, on which the claim then draws"));
    }
    Ok(())
}

/// The papers of a claim.
pub struct ClaimPapers;

/// The claim, by who prepares it. Locked, so that it is not submitted in the same moment.
async fn prepared(tx: &Tx, act: &Act, id: Uuid) -> Result<claim::Model, Problem> {
    let row = tx.load_locked::<claim::Entity>(id).await.map_err(|problem| if problem.status == 404 { Problem::unknown_reference("/subject_id") } else { problem })?.into_read();
    act.person()?.require_at(Capability::ClaimPrepare, &claim::Entity::place(&row))?;
    Ok(row)
}

#[async_trait(?Send)]
impl Subject for ClaimPapers {
    fn subject_type(&self) -> &'static str {
        "claim"
    }

    async fn may_add(&self, tx: &Tx, act: &Act, subject_id: Uuid, paper: PaperKind, _media_type: &str) -> Result<Place, Problem> {
        let row = prepared(tx, act, subject_id).await?;
        require_taken(paper)?;
        if row.state != "draft" && !row.information_requested {
            return Err(refusals::papers_fixed(&row.state));
        }
        let place = claim::Entity::place(&row);
        duties::take(tx, &act.using(Capability::ClaimPrepare), place, "claim", row.id, Part::Prepare).await?;
        Ok(place)
    }

    async fn may_remove(&self, tx: &Tx, act: &Act, subject_id: Uuid) -> Result<(), Problem> {
        let row = prepared(tx, act, subject_id).await?;
        if row.state != "draft" {
            return Err(refusals::papers_fixed(&row.state));
        }
        duties::take(tx, &act.using(Capability::ClaimPrepare), claim::Entity::place(&row), "claim", row.id, Part::Prepare).await
    }
}
