//! `recoveries`: what was paid too much, what came back of it, what is written off.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::outstanding::{self, Outstanding};
use super::{enrolment, payout_part, recover, recovery, recovery_charge};
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::db::{Scoped, Tx};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::{NextActors, require_next_actors};

/// How what is outstanding ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryKind {
    /// It was paid back.
    Cash,
    /// It is given up.
    WrittenOff,
}

impl RecoveryKind {
    /// The identifier in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::WrittenOff => "written_off",
        }
    }
}

/// A recovery to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"enrolment_id": "0190a0b0-0000-7000-8000-000000000001", "kind": "cash", "amount": "400.00", "reason": "去世后多发两个月，家属退回"}))]
pub struct NewRecovery {
    /// The enrolment that was paid too much.
    pub enrolment_id: Uuid,
    /// How it ends.
    pub kind: RecoveryKind,
    /// Before tax, at most what is outstanding; tax that was withheld on it comes off what is paid back.
    pub amount: Fen,
    /// Why, at most 500 characters.
    pub reason: String,
}

impl Body for NewRecovery {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 500);
        if !self.amount.is_positive() || self.amount > Fen::DOCUMENT_MAX {
            faults.add("/amount", "amount_not_positive", "须大于 0.00", "must be above 0.00");
        }
    }
}

/// What a recovery takes back of one period.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryPart {
    /// The period.
    pub period: String,
    /// How much, with a minus.
    pub amount: Fen,
}

/// A recovery with what it takes back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recovery {
    /// The recovery.
    #[serde(flatten)]
    pub recovery: recovery::Model,
    /// By period, the oldest first; none before a write-off is approved.
    pub parts: Vec<RecoveryPart>,
    /// By paid item: to which line it went back, of which tax month; none for a write-off.
    pub charges: Vec<recovery_charge::Model>,
    /// Who could act next; null where nobody needs to.
    pub next_actors: Option<Vec<NextActors>>,
}

async fn view(tx: &Tx, row: recovery::Model, next_actors: Option<Vec<NextActors>>) -> Result<Recovery, Problem> {
    let parts = tx.all(tx.select::<payout_part::Entity>().filter(payout_part::Column::RecoveryId.eq(row.id)).order_by_asc(payout_part::Column::Period)).await?;
    let charges = tx.all(tx.select::<recovery_charge::Entity>().filter(recovery_charge::Column::RecoveryId.eq(row.id)).order_by_asc(recovery_charge::Column::Id)).await?;
    let parts = parts.into_iter().map(|part| RecoveryPart { period: part.period.to_string(), amount: part.amount }).collect();
    Ok(Recovery { recovery: row, parts, charges, next_actors })
}

/// Lists recoveries. Filters: `street_id`, `scheme_id`, `enrolment_id`, `beneficiary_id`, `kind` (`cash`, `written_off`), `state` (`submitted`, `settled`, `rejected`).
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<recovery::Model>), Refusals))]
#[get("/recoveries")]
async fn list_recoveries(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "scheme_id", "enrolment_id", "beneficiary_id", "kind", "state"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", recovery::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "scheme_id", recovery::Column::SchemeId)?;
    let condition = list.equals::<Uuid>(condition, "enrolment_id", recovery::Column::EnrolmentId)?;
    let condition = list.equals::<Uuid>(condition, "beneficiary_id", recovery::Column::BeneficiaryId)?;
    let condition = list.one_of(condition, "kind", recovery::Column::Kind, &["cash", "written_off"])?;
    let condition = list.one_of(condition, "state", recovery::Column::State, &["submitted", "settled", "rejected"])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let select = tx.select::<recovery::Entity>().filter(condition);
    let columns = &["id", "street_id", "scheme_id", "enrolment_id", "beneficiary_id", "kind", "state", "amount", "tax", "net", "reason", "settled_on", "voucher_id", "version"];
    list.answer(&context, tx, select, &[], columns, async |_, rows| Ok(rows)).await
}

const OUTSTANDING: &[&str] = &["enrolment_id", "street_id", "scheme_id", "beneficiary_id", "name_masked", "ended_on", "outstanding", "proposed_write_off", "lines"];

/// Lists what was paid too much and has not come back, enrolment by enrolment, also of those who ended and get no item any more. Filters: `street_id`, `scheme_id`, `beneficiary_id`, `enrolment_id`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<Outstanding>), Refusals))]
#[get("/recoveries/outstanding")]
async fn list_outstanding(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &["street_id", "scheme_id", "beneficiary_id", "enrolment_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", enrolment::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "scheme_id", enrolment::Column::SchemeId)?;
    let condition = list.equals::<Uuid>(condition, "beneficiary_id", enrolment::Column::BeneficiaryId)?;
    let condition = list.equals::<Uuid>(condition, "enrolment_id", enrolment::Column::Id)?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let fetch = async |after: Option<&[sea_orm::Value]>, limit: u64| {
        let after = match after {
            Some([sea_orm::Value::Uuid(Some(id)), ..]) => Some(*id),
            _ => None,
        };
        outstanding::list(&tx, condition.clone(), after, limit).await
    };
    list.answer_rows(&context, OUTSTANDING, fetch, |row: &Outstanding| vec![row.enrolment_id.into()]).await
}

/// Reads one recovery, with the periods and items that it takes back.
#[utoipa::path(tag = "stipends", responses((status = 200, body = Recovery), Refusals))]
#[get("/recoveries/{id}")]
async fn get_recovery(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<recovery::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &view(&tx, row, None).await?))
}

/// Records money that was paid back, and books it (E10); or proposes to write off what will not come back (E10w), which the leader approves. Never more than is outstanding.
#[utoipa::path(tag = "stipends", request_body = NewRecovery, responses((status = 201, body = Recovery), Refusals))]
#[post("/recoveries")]
async fn record_recovery(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::RecoveryRecord, Rules::plain().money(), async |tx, act, body: NewRecovery| {
            let row = tx.load_reference::<enrolment::Entity>(body.enrolment_id, "/enrolment_id").await?.authorise(&actor, Capability::RecoveryRecord)?;
            let made = recover::record(tx, act, row, body).await?;
            let next = if made.state == "submitted" {
                Some(require_next_actors(context.recipients.as_ref(), Capability::RunApprove, &recovery::Entity::place(&made), &[act.person_key()]).await?)
            } else {
                None
            };
            Ok(Done::created(format!("/api/v1/recoveries/{}", made.id), Some(made.version), view(tx, made, next).await?))
        })
        .await
}

fn rules() -> Rules<recovery::Model> {
    Rules::moves(|row: &recovery::Model| row.version)
}

/// Approves a write-off, with the reason: nothing is booked, nothing is outstanding of it any more.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = Recovery), Refusals))]
#[post("/recoveries/{id}/approve")]
async fn approve_recovery(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<recovery::Entity, Reason, _>(&actor, Capability::RunApprove, &id, rules(), async |tx, act, row, body| {
            let row = recover::approve(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, view(tx, row, None).await?))
        })
        .await
}

/// Rejects a write-off, with the reason: it stays outstanding.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = Recovery), Refusals))]
#[post("/recoveries/{id}/reject")]
async fn reject_recovery(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<recovery::Entity, Reason, _>(&actor, Capability::RunApprove, &id, rules(), async |tx, act, row, body| {
            let row = recover::reject(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, view(tx, row, None).await?))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_recoveries).service(list_outstanding).service(get_recovery).service(record_recovery).service(approve_recovery).service(reject_recovery);
}
