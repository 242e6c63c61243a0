//! `job-slots`.

use actix_web::{HttpRequest, HttpResponse, get, web};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::job_slot;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::Problem;
use crate::platform::http::{Context, ListPage, ListRequest, Refusals, ok_versioned};

/// Lists slots, the newest first. Filters: `street_id`, `job`, `state`, `period`.
#[utoipa::path(tag = "operations", responses((status = 200, body = ListPage<job_slot::Model>), Refusals))]
#[get("/job-slots")]
async fn list_job_slots(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let list = ListRequest::parse(&request, &["street_id", "job", "state", "period"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", job_slot::Column::StreetId)?;
    let condition = list.equals::<String>(condition, "job", job_slot::Column::Job)?;
    let condition = list.equals::<String>(condition, "state", job_slot::Column::State)?;
    let condition = list.equals::<String>(condition, "period", job_slot::Column::Period)?;
    let tx = context.read(&actor).await?;
    let select = tx.select::<job_slot::Entity>().filter(condition);
    let columns = &["id", "job", "scope", "period", "due_on", "state", "outcome", "detail", "attempts", "posted_items", "posted_amount"];
    list.answer(&context, tx, select, &[("due_on", job_slot::Column::DueOn)], columns, async |_, rows| Ok(rows)).await
}

/// Reads one slot.
#[utoipa::path(tag = "operations", responses((status = 200, body = job_slot::Model), Refusals))]
#[get("/job-slots/{id}")]
async fn get_job_slot(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::JobRead)?;
    let tx = context.read(&actor).await?;
    let row = tx.load_text::<job_slot::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Adds the routes of this folder.
pub fn routes(config: &mut ServiceConfig) {
    config.service(list_job_slots).service(get_job_slot);
}
