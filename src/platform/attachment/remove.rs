//! Taking a paper off a draft. Its object stays until the job finds that nothing refers to it.

use sea_orm::{ColumnTrait, QueryFilter};
use serde_json::json;

use super::{Subjects, attachment, attachment_link, refusals};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};

async fn require_removable(tx: &Tx, act: &Act, subjects: &Subjects, link: &attachment_link::Model) -> Result<(), Problem> {
    let subject = subjects.of(&link.subject_type).ok_or_else(|| refusals::unknown_subject_type(&link.subject_type))?;
    subject.may_remove(tx, act, link.subject_id).await
}

/// Takes a paper off one record.
///
/// # Errors
/// What the record's rules say.
pub async fn unlink(tx: &Tx, act: &Act, subjects: &Subjects, row: Authorised<attachment_link::Model>) -> Result<attachment_link::Model, Problem> {
    let link = row.into_inner();
    require_removable(tx, act, subjects, &link).await?;
    tx.delete::<attachment_link::Entity, attachment_link::ActiveModel>(link.clone()).await?;
    audit::record(tx, act, Event::new("attachment.unlink", "attachment", link.attachment_id, attachment_link::Entity::place(&link)).before(&link)?).await?;
    Ok(link)
}

/// Removes a paper with its links, where every record allows it.
///
/// # Errors
/// What the records' rules say.
pub async fn remove(tx: &Tx, act: &Act, subjects: &Subjects, row: Authorised<attachment::Model>) -> Result<attachment::Model, Problem> {
    let paper = row.into_inner();
    for link in tx.all(tx.select::<attachment_link::Entity>().filter(attachment_link::Column::AttachmentId.eq(paper.id))).await? {
        require_removable(tx, act, subjects, &link).await?;
        tx.delete::<attachment_link::Entity, attachment_link::ActiveModel>(link).await?;
    }
    tx.delete::<attachment::Entity, attachment::ActiveModel>(paper.clone()).await?;
    let told = json!({"sha256": paper.sha256, "size": paper.size, "media_type": paper.media_type});
    audit::record(tx, act, Event::new("attachment.remove", "attachment", paper.id, attachment::Entity::place(&paper)).before(&told)?).await?;
    Ok(paper)
}
