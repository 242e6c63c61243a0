//! `enrolments/{id}/rates`: own rates that change while somebody is enrolled, each confirmed by a second person.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{enrolment, enrolment_rate, own_rates};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::db::{Authorised, Scoped};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::Submitted;

/// An own rate to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_month": "2017-07", "amount": "350.00", "reason": "伤残等级调整"}))]
pub struct NewOwnRate {
    /// The first month it counts for. One from the same month as an earlier one takes its place.
    #[schema(value_type = String)]
    pub from_month: Month,
    /// Per month or per period, as the scheme says, at most 10^11 fen; null: the scheme's rate again.
    #[schema(required = true)]
    pub amount: Option<Fen>,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for NewOwnRate {
    fn faults(&self, faults: &mut Faults) {
        if let Some(amount) = self.amount {
            super::routes_scheme::rate_fault("/amount", amount, faults);
        }
        faults.text("/reason", &self.reason, 200);
    }
}

const COLUMNS: &[&str] = &["id", "enrolment_id", "from_month", "amount", "reason", "state", "authored_by", "confirmed_by", "version", "created_at"];

/// The own rates that were written for an enrolment after it began, the newest first. Filter: `state` (`unconfirmed`, `confirmed`, `withdrawn`).
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<enrolment_rate::Model>), Refusals))]
#[get("/enrolments/{id}/rates")]
async fn list_own_rates(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["state"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<enrolment::Entity>(&id).await?.into_read();
    let condition = Condition::all().add(enrolment_rate::Column::EnrolmentId.eq(row.id));
    let condition = list.one_of(condition, "state", enrolment_rate::Column::State, &["unconfirmed", "confirmed", "withdrawn"])?;
    let select = tx.select::<enrolment_rate::Entity>().filter(condition);
    list.answer(&context, tx, select, &[], COLUMNS, async |_, rows| Ok(rows)).await
}

/// Reads one own rate.
#[utoipa::path(tag = "stipends", params(("enrolment" = Uuid, Path), ("id" = Uuid, Path)), responses((status = 200, body = enrolment_rate::Model), Refusals))]
#[get("/enrolments/{enrolment}/rates/{id}")]
async fn get_own_rate(actor: Actor, context: web::Data<Context>, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let row = context.read(&actor, Capability::StipendRead).await?.load_text::<enrolment_rate::Entity>(&path.1).await?.into_read();
    of_enrolment(&row, &path.0)?;
    Ok(ok_versioned(row.version, &row))
}

fn of_enrolment(row: &enrolment_rate::Model, enrolment: &str) -> Result<(), Problem> {
    if row.enrolment_id.to_string() == enrolment.to_lowercase() { Ok(()) } else { Err(Problem::not_found()) }
}

/// Adds an own rate of an enrolment from a month on, which beats the scheme's; without an amount the scheme's counts again. It takes effect when a second person confirms it: the next run takes the difference, also of months that are paid.
#[utoipa::path(tag = "stipends", request_body = NewOwnRate, responses((status = 201, body = Submitted<enrolment_rate::Model>), Refusals))]
#[post("/enrolments/{id}/rates")]
async fn add_own_rate(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment::Entity, NewOwnRate, _>(&actor, Capability::StipendPrepare, &id, Rules::plain(), async |tx, act, row, body| {
            let rate = own_rates::add(tx, act, row, body).await?;
            let next = (Capability::EnrolmentConfirm, enrolment_rate::Entity::place(&rate));
            let location = format!("/api/v1/enrolments/{}/rates/{}", rate.enrolment_id, rate.id);
            Ok(Done::created(location, Some(rate.version), Submitted::of(context.recipients.as_ref(), act, next, rate).await?))
        })
        .await
}

fn rules() -> Rules<enrolment_rate::Model> {
    Rules::moves(|row: &enrolment_rate::Model| row.version)
}

/// Confirms an own rate as a second person.
#[utoipa::path(tag = "stipends", request_body = Nothing, params(("enrolment" = Uuid, Path), ("id" = Uuid, Path)), responses((status = 200, body = enrolment_rate::Model), Refusals))]
#[post("/enrolments/{enrolment}/rates/{id}/confirm")]
async fn confirm_own_rate(actor: Actor, write: Write, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment_rate::Entity, Nothing, _>(&actor, Capability::EnrolmentConfirm, &path.1, rules(), async |tx, act, row: Authorised<enrolment_rate::Model>, _| {
            of_enrolment(&row, &path.0)?;
            let row = own_rates::confirm(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Takes back an own rate that nobody confirmed.
#[utoipa::path(tag = "stipends", request_body = Nothing, params(("enrolment" = Uuid, Path), ("id" = Uuid, Path)), responses((status = 200, body = enrolment_rate::Model), Refusals))]
#[post("/enrolments/{enrolment}/rates/{id}/withdraw")]
async fn withdraw_own_rate(actor: Actor, write: Write, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment_rate::Entity, Nothing, _>(&actor, Capability::StipendPrepare, &path.1, rules(), async |tx, act, row: Authorised<enrolment_rate::Model>, _| {
            of_enrolment(&row, &path.0)?;
            let row = own_rates::withdraw(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_own_rates).service(get_own_rate).service(add_own_rate).service(confirm_own_rate).service(withdraw_own_rate);
}
