//! The statements behind `me/tasks`. They name the actor's units and capabilities themselves; PostgreSQL holds the scope by row-level security besides.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{FromQueryResult, Value};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::TaskSources;
use crate::kernel::access::{Actor, Place};
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// A document that waits, or that one acted on.
#[derive(Clone, Debug, Serialize, FromQueryResult, ToSchema)]
pub struct Task {
    /// The kind of document.
    pub kind: String,
    /// The document.
    pub id: Uuid,
    /// What is to be done, or was done.
    pub action: String,
    /// What it is about; empty for what is done.
    pub title: String,
    /// The street it belongs to.
    pub street_id: Option<Uuid>,
    /// The community it belongs to.
    pub community_id: Option<Uuid>,
    /// By when.
    pub due_on: Option<NaiveDate>,
    /// Since when it waits, or when it was done.
    pub created_at: DateTime<Utc>,
    /// What pages are made by.
    #[serde(skip)]
    pub(super) position: Uuid,
}

/// Which tasks are asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Those of one street.
    pub street: Option<Uuid>,
    /// Those after the last page, which ended here.
    pub after: Option<&'a [Value]>,
    /// So many.
    pub limit: u64,
}

/// A statement that grows with its values.
#[derive(Default)]
struct Text {
    text: String,
    values: Vec<Value>,
}

impl Text {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(&format!("${}", self.values.len()));
    }

    /// At this place or below it.
    fn below(&mut self, place: Place) {
        for (column, id) in [("district_id", Some(place.district)), ("street_id", place.street), ("community_id", place.community)] {
            if let Some(id) = id {
                self.add(if column == "district_id" { "" } else { " AND " });
                self.add(&format!("t.{column} = "));
                self.bind(id);
            }
        }
    }

    /// The rows after the last page, the newest first.
    fn page(&mut self, wanted: Wanted<'_>) {
        if let Some(street) = wanted.street {
            self.add(" AND t.street_id = ");
            self.bind(street);
        }
        if let Some([position, action]) = wanted.after {
            self.add(" AND (t.position < ");
            self.bind(position.clone());
            self.add(" OR (t.position = ");
            self.bind(position.clone());
            self.add(" AND t.action > ");
            self.bind(action.clone());
            self.add("))");
        }
        self.add(" ORDER BY t.position DESC, t.action LIMIT ");
        self.bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
    }

    async fn run(self, tx: &Tx) -> Result<Vec<Task>, Problem> {
        tx.query_composed(self.text, self.values).await
    }
}

const SHOWN: &str = "SELECT t.kind, t.id, t.action, t.title, t.street_id, t.community_id, t.due_on, t.created_at, t.position FROM ";

/// What the actor may do now in the transaction's scope: a capability held at the unit, on a document that another person prepared.
pub(super) async fn to_do(tx: &Tx, sources: &TaskSources, actor: &Actor, wanted: Wanted<'_>) -> Result<Vec<Task>, Problem> {
    let here = |place: &Place| tx.scope().place().is_some_and(|scope| scope.covers(place));
    let held: Vec<_> = actor.assignments.iter().filter(|held| !held.capabilities.is_empty() && here(&held.place)).collect();
    let (Some(union), false) = (sources.union(), held.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut text = Text::default();
    text.add(&format!("{SHOWN}(SELECT v.*, v.id AS position FROM ({union}) v) t WHERE (t.prepared_by IS NULL OR t.prepared_by <> "));
    text.bind(actor.user_id);
    text.add(") AND (t.prepared_person IS NULL OR t.prepared_person <> ");
    text.bind(actor.person());
    text.add(") AND (");
    for (index, assignment) in held.into_iter().enumerate() {
        text.add(if index == 0 { "(" } else { " OR (" });
        text.below(assignment.place);
        text.add(" AND t.capability IN (");
        for (index, capability) in assignment.capabilities.iter().enumerate() {
            text.add(if index == 0 { "" } else { ", " });
            text.bind(capability.code());
        }
        text.add("))");
    }
    text.add(")");
    text.page(wanted);
    text.run(tx).await
}

/// The open documents in the transaction's scope that the actor prepared.
pub(super) async fn started(tx: &Tx, sources: &TaskSources, actor: &Actor, wanted: Wanted<'_>) -> Result<Vec<Task>, Problem> {
    let (Some(union), Some(place)) = (sources.union(), tx.scope().place()) else {
        return Ok(Vec::new());
    };
    let mut text = Text::default();
    text.add(&format!("{SHOWN}(SELECT v.*, v.id AS position FROM ({union}) v) t WHERE t.prepared_by = "));
    text.bind(actor.user_id);
    text.add(" AND ");
    text.below(place);
    text.page(wanted);
    text.run(tx).await
}

/// Nobody's document: logins, and notices that were read.
const NO_DOCUMENTS: &str = "('session', 'notification', 'operation', 'job')";

/// What the actor did last on each document in the transaction's scope, of the audit trail.
pub(super) async fn done(tx: &Tx, actor: &Actor, wanted: Wanted<'_>) -> Result<Vec<Task>, Problem> {
    let Some(place) = tx.scope().place() else {
        return Ok(Vec::new());
    };
    let mut text = Text::default();
    text.add(SHOWN);
    text.add(
        "(SELECT e.subject_type AS kind, e.subject_id AS id, e.action, '' AS title, e.district_id, e.street_id, e.community_id, CAST(NULL AS date) AS due_on, e.at AS created_at, e.id AS position ",
    );
    text.add(&format!("FROM audit_events e WHERE e.subject_id IS NOT NULL AND e.subject_type NOT IN {NO_DOCUMENTS} AND e.user_id = "));
    text.bind(actor.user_id);
    text.add(" AND NOT EXISTS (SELECT 1 FROM audit_events l WHERE l.subject_id = e.subject_id AND l.user_id = e.user_id AND l.id > e.id)) t WHERE ");
    text.below(place);
    text.page(wanted);
    text.run(tx).await
}
