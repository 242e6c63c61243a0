//! Papers 附件: files of a street, known by their bytes, encrypted at rest under the street's own prefix, the same bytes once. A paper is linked to what it proves; folders
//! above say through [`Subject`] when one may be added to a record of theirs, or taken off. What nothing refers to is removed by a job after a while.

mod add;
mod clean;
pub mod entity;
mod link;
mod model;
mod refusals;
mod remove;
pub mod routes;
mod store;
mod unsafe_xml;

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

pub use add::add;
pub use clean::{AttachmentsClean, GRACE};
pub use entity::{attachment, attachment_link};
pub use link::{NewLink, link, links_of};
pub use model::PaperKind;
pub use refusals::{paper_not_taken, xml_unsafe};
pub use store::{ObjectSettings, in_memory, open_store};

use crate::kernel::access::{Actor, Place};
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Tx};

/// A kind of record that papers are linked to. Implemented by the folder of the record, registered by `app`.
#[async_trait(?Send)]
pub trait Subject: Send + Sync {
    /// The kind of record, as `subject_type` names it.
    fn subject_type(&self) -> &'static str;

    /// Where the record sits, if who acts may add this paper to it now.
    ///
    /// # Errors
    /// 422 `unknown_reference` with `/subject_id` where it is out of reach, 403, and what the record's own rules say.
    async fn may_add(&self, tx: &Tx, act: &Act, subject_id: Uuid, paper: PaperKind, media_type: &str) -> Result<Place, Problem>;

    /// Ok where a paper may be taken off the record now by who acts.
    ///
    /// # Errors
    /// As [`Subject::may_add`].
    async fn may_remove(&self, tx: &Tx, act: &Act, subject_id: Uuid) -> Result<(), Problem>;
}

/// The units that files belong to. Implemented by `people::tenancy`.
#[async_trait]
pub trait Units: Send + Sync {
    /// The unit that a body names, or the only one in which papers may be added by this person.
    ///
    /// # Errors
    /// 422 `unknown_reference`, `street_required`; 403.
    async fn unit(&self, tx: &Tx, actor: &Actor, street_id: Option<Uuid>, community_id: Option<Uuid>) -> Result<Place, Problem>;

    /// Every street.
    ///
    /// # Errors
    /// 500 where the database fails.
    async fn streets(&self, db: &Db) -> Result<Vec<Place>, Problem>;
}

/// What papers can be linked to in this deployment, and whose they are.
#[derive(Clone)]
pub struct Subjects {
    subjects: Arc<Vec<Arc<dyn Subject>>>,
    units: Arc<dyn Units>,
}

impl Subjects {
    /// These kinds of records.
    #[must_use]
    pub fn new(units: Arc<dyn Units>, subjects: Vec<Arc<dyn Subject>>) -> Self {
        Self { subjects: Arc::new(subjects), units }
    }

    fn of(&self, subject_type: &str) -> Option<&dyn Subject> {
        self.subjects.iter().find(|subject| subject.subject_type() == subject_type).map(AsRef::as_ref)
    }
}
