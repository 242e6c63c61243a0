//! Papers of an activity: its notice, its sign-in sheet, the plan it stands in, photos, minutes.

use async_trait::async_trait;
use uuid::Uuid;

use super::{activity, fixed, refusals};
use crate::kernel::access::{Capability, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::attachment::{PaperKind, Subject, paper_not_taken};
use crate::platform::db::{Db, Scoped, Tx};

/// The papers of an activity: they are added while it is planned and after it was held; a cancelled one takes none, what was held keeps what it has, and in a closed year nothing changes.
pub struct ActivityPapers(Db);

impl ActivityPapers {
    /// The papers of activities, whose years are read from here.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self(db)
    }
}

/// The activity, by who writes activities at its unit.
async fn writable(tx: &Tx, act: &Act, db: &Db, id: Uuid) -> Result<activity::Model, Problem> {
    let found = tx.load_locked::<activity::Entity>(id).await.map_err(|problem| if problem.status == 404 { Problem::unknown_reference("/subject_id") } else { problem })?.into_read();
    act.person()?.require_at(Capability::ActivityWrite, &activity::Entity::place(&found))?;
    if found.state == "cancelled" {
        return Err(refusals::activity_cancelled(&found.title));
    }
    fixed::require_open(db, activity::Entity::place(&found), [found.from_date, found.to_date]).await?;
    Ok(found)
}

#[async_trait(?Send)]
impl Subject for ActivityPapers {
    fn subject_type(&self) -> &'static str {
        "activity"
    }

    async fn may_add(&self, tx: &Tx, act: &Act, subject_id: Uuid, paper: PaperKind, _media_type: &str) -> Result<Place, Problem> {
        let found = writable(tx, act, &self.0, subject_id).await?;
        match paper {
            PaperKind::InvoiceOriginal | PaperKind::PayList => {
                Err(paper_not_taken(paper, "活动不接受发票原件和发放表，请附在发票或报销单上", "an activity takes no invoice and no pay list: add them to the invoice or the claim"))
            }
            _ => Ok(activity::Entity::place(&found)),
        }
    }

    async fn may_remove(&self, tx: &Tx, act: &Act, subject_id: Uuid) -> Result<(), Problem> {
        let found = writable(tx, act, &self.0, subject_id).await?;
        if found.state == "planned" { Ok(()) } else { Err(Problem::invalid_transition("remove_paper", &found.state)) }
    }
}
