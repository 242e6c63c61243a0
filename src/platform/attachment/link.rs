//! Linking a paper to what it proves.

use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{PaperKind, attachment, attachment_link, refusals};
use crate::kernel::access::Place;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Tx};

/// A paper of a record, whose own rules allow it.
#[derive(Clone, Copy, Debug)]
pub struct NewLink {
    /// The kind of record.
    pub subject_type: &'static str,
    /// The record.
    pub subject_id: Uuid,
    /// Where it sits.
    pub place: Place,
    /// What the paper is there.
    pub paper: PaperKind,
}

/// Links a paper to a record of the same unit; once is enough. `pointer` is where the body names the paper.
///
/// # Errors
/// 422 `unknown_reference`, `attachment_of_another_unit`.
pub async fn link(tx: &Tx, act: &Act, attachment_id: Uuid, new: NewLink, pointer: &str) -> Result<attachment_link::Model, Problem> {
    // Locked, so that the job does not remove it in the same moment.
    let paper = tx.load_locked::<attachment::Entity>(attachment_id).await.map_err(|problem| if problem.status == 404 { Problem::unknown_reference(pointer) } else { problem })?.into_read();
    let place = attachment::Entity::place(&paper);
    if place != new.place {
        // To another street it does not exist, whatever the reach of who asks.
        return Err(if place.street == new.place.street { refusals::attachment_of_another_unit(pointer) } else { Problem::unknown_reference(pointer) });
    }
    let there = links_of(tx, new.subject_type, &[new.subject_id]).await?.into_iter().find(|link| link.attachment_id == paper.id && link.paper_kind == new.paper.code());
    if let Some(link) = there {
        return Ok(link);
    }
    let row = attachment_link::Model {
        id: new_id(),
        district_id: paper.district_id,
        street_id: paper.street_id,
        community_id: paper.community_id,
        attachment_id: paper.id,
        subject_type: new.subject_type.to_owned(),
        subject_id: new.subject_id,
        paper_kind: new.paper.code().to_owned(),
        linked_by: act.person()?.user_id,
        created_at: act.at,
    };
    let made = tx.insert::<attachment_link::Entity, _>(attachment_link::ActiveModel::from(row).reset_all()).await?;
    audit::record(tx, act, Event::new("attachment.link", "attachment", paper.id, place).after(&made)?).await?;
    Ok(made)
}

/// The papers of records, in the order they were linked.
///
/// # Errors
/// 500 where the database fails.
pub async fn links_of(tx: &Tx, subject_type: &str, subjects: &[Uuid]) -> Result<Vec<attachment_link::Model>, Problem> {
    let select = tx.select::<attachment_link::Entity>().filter(attachment_link::Column::SubjectId.is_in(subjects.iter().copied()));
    tx.all(select.filter(attachment_link::Column::SubjectType.eq(subject_type)).order_by_asc(attachment_link::Column::Id)).await
}
