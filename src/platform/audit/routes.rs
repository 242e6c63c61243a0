//! `audit-events`: the trail of one's units.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity::audit_event;
use super::{Verification, verification};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::Problem;
use crate::platform::http::{Context, ListPage, ListRequest, Refusals, Routes, ok};

/// An event as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    /// The event.
    pub id: Uuid,
    /// When, by the wall clock.
    pub at: DateTime<Utc>,
    /// The business date.
    pub business_date: NaiveDate,
    /// Noun and verb, such as `role.grant`.
    pub action: String,
    /// The kind of record.
    pub subject_type: String,
    /// The record.
    pub subject_id: Option<Uuid>,
    /// The street it sits in.
    pub street_id: Option<Uuid>,
    /// The person.
    pub user_id: Option<Uuid>,
    /// Whose part was taken.
    pub acting_for: Option<Uuid>,
    /// The job.
    pub job: Option<String>,
    /// The request.
    pub request_id: String,
    /// Why, where people must say so.
    pub reason: Option<String>,
    /// The record before.
    pub before: Option<serde_json::Value>,
    /// The record after.
    pub after: Option<serde_json::Value>,
}

impl From<audit_event::Model> for AuditEvent {
    fn from(row: audit_event::Model) -> Self {
        Self {
            id: row.id,
            at: row.at,
            business_date: row.business_date,
            action: row.action,
            subject_type: row.subject_type,
            subject_id: row.subject_id,
            street_id: row.street_id,
            user_id: row.user_id,
            acting_for: row.acting_for,
            job: row.job,
            request_id: row.request_id,
            reason: row.reason,
            before: row.before,
            after: row.after,
        }
    }
}

const COLUMNS: &[&str] = &["id", "at", "business_date", "action", "subject_type", "subject_id", "street_id", "user_id", "acting_for", "job", "request_id", "reason", "before", "after"];

/// Lists the audit events of one's units, the newest first. Filters: `action`, `subject_id`, `user_id`, `street_id`.
#[utoipa::path(tag = "audit", responses((status = 200, body = ListPage<AuditEvent>), Refusals))]
#[get("/audit-events")]
async fn list_audit_events(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::AuditRead)?;
    let list = ListRequest::parse(&request, &["action", "subject_id", "user_id", "street_id"])?;
    let condition = list.equals::<String>(Condition::all(), "action", audit_event::Column::Action)?;
    let condition = list.equals::<Uuid>(condition, "subject_id", audit_event::Column::SubjectId)?;
    let condition = list.equals::<Uuid>(condition, "user_id", audit_event::Column::UserId)?;
    let condition = list.equals::<Uuid>(condition, "street_id", audit_event::Column::StreetId)?;
    let tx = context.read(&actor, Capability::AuditRead).await?;
    let select = tx.select::<audit_event::Entity>().filter(condition);
    list.answer(&context, tx, select, &[("at", audit_event::Column::At)], COLUMNS, async |_, rows| Ok(rows.into_iter().map(AuditEvent::from).collect())).await
}

/// Recomputes the chain of the whole audit trail and says whether it holds; of the deployment, not of one unit.
#[utoipa::path(tag = "audit", responses((status = 200, body = Verification), Refusals))]
#[get("/audit-events/verification")]
async fn verify_audit_events(actor: Actor, context: web::Data<Context>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::AuditRead)?;
    Ok(ok(&verification(&context.db).await?))
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(verify_audit_events).service(list_audit_events);
}
