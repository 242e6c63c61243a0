//! Who does something, and when: what every use case that changes something is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::access::{Actor, Capability, Place};
use super::calendar::WorkingCalendar;
use super::crypto::KeyRing;
use super::problem::Problem;

/// A person, or a job under the authority that its declaration names.
#[derive(Clone, Debug)]
pub enum Performer {
    /// A person with a live login.
    Person(Actor),
    /// A scheduled job; `authorisation` is the standing authorisation it acts under, if any.
    Job {
        /// The job's name, such as `stipends.post`.
        name: &'static str,
        /// The standing authorisation.
        authorisation: Option<Uuid>,
    },
}

/// One act: who, when by both clocks, and the tools that rules need. The business date is taken once.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who acts.
    pub by: Performer,
    /// The real time.
    pub at: DateTime<Utc>,
    /// The business time, settable on demo and test databases.
    pub business_now: DateTime<Utc>,
    /// The business date in the deployment's time zone.
    pub today: NaiveDate,
    /// The request's id, or the job run's.
    pub request_id: String,
    /// The network address that the request came from.
    pub address: Option<String>,
    /// The keys.
    pub keys: Arc<KeyRing>,
    /// The working days of the district in which it acts.
    pub calendar: Arc<WorkingCalendar>,
    /// What it has left in the audit trail.
    pub trail: Trail,
    /// The capability that is used; none where none is asked for.
    pub capability: Option<Capability>,
}

/// How many audit events an act has left; its copies count together.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<AtomicU32>);

impl Trail {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Act {
    /// The person who acts.
    ///
    /// # Errors
    /// 403 where a job tries what only people may do.
    pub fn person(&self) -> Result<&Actor, Problem> {
        match &self.by {
            Performer::Person(actor) => Ok(actor),
            Performer::Job { name, .. } => Err(Problem::forbidden(name)),
        }
    }

    /// The same act by another capability: a step of a chain that is data is taken by the capability which that step names.
    #[must_use]
    pub fn using(&self, capability: Capability) -> Self {
        Self { capability: Some(capability), ..self.clone() }
    }

    /// Whose part is taken at this place during leave or illness, so that documents show both names; none for a job and for who acts in their own right.
    #[must_use]
    pub fn acting_for(&self, place: &Place) -> Option<Uuid> {
        match &self.by {
            Performer::Person(actor) => actor.acting_for(self.capability, place),
            Performer::Job { .. } => None,
        }
    }

    /// The user's id; none for a job.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        match &self.by {
            Performer::Person(actor) => Some(actor.user_id),
            Performer::Job { .. } => None,
        }
    }

    /// What separation of duties compares: the person, or the job's name.
    #[must_use]
    pub fn person_key(&self) -> String {
        match &self.by {
            Performer::Person(actor) => actor.person(),
            Performer::Job { name, .. } => (*name).to_owned(),
        }
    }
}
