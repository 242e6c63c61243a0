//! What is asked of enrolments while they run, and what their kind demands.

use actix_web::{HttpResponse, patch, post, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{enrolment, late_return, mistakes, payout_item, scheme_kind, verify};
use crate::funds::budget::routes::Reason;
use crate::kernel::access::{Actor, Capability};
use crate::kernel::period::Period;
use crate::kernel::problem::{Faults, Problem};
use crate::platform::http::{Body, Done, Refusals, Routes, Rules, Write};

/// A verification.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"evidence": "社区上门核验"}))]
pub struct NewVerification {
    /// The day; today unless said, never later.
    pub verified_on: Option<NaiveDate>,
    /// How it was verified, at most 200 characters.
    pub evidence: String,
}

impl Body for NewVerification {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/evidence", &self.evidence, 200);
    }
}

/// A proof of study that moves the expected end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"study_until": "2019-06-30", "evidence": "在读证明（示例中学）"}))]
pub struct Extension {
    /// Until when study is proven.
    pub study_until: NaiveDate,
    /// The proof, at most 200 characters.
    pub evidence: String,
}

impl Body for Extension {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/evidence", &self.evidence, 200);
    }
}

/// Arrears that are right, however many periods they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"through": "2017Q4", "reason": "补登记，材料齐全"}))]
pub struct AcceptArrears {
    /// The last period of them.
    #[schema(value_type = String)]
    pub through: Period,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for AcceptArrears {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
    }
}

/// A kind's fields that may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"verification_months": 12}))]
pub struct KindChange {
    /// The name, at most 60 characters.
    #[schema(required = false)]
    pub name: String,
    /// After so many months each enrolment must be verified again, 1 to 60; null where it need not be.
    pub verification_months: Option<i32>,
}

/// The fault of a term that is no 1 to 60 months.
pub(super) fn verification_fault(months: Option<i32>, faults: &mut Faults) {
    if months.is_some_and(|months| !(1..=60).contains(&months)) {
        faults.add("/verification_months", "out_of_range", "须为 1 至 60 个月", "must be from 1 to 60 months");
    }
}

impl Body for KindChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
        verification_fault(self.verification_months, faults);
    }
}

impl From<&scheme_kind::Model> for KindChange {
    fn from(row: &scheme_kind::Model) -> Self {
        Self { name: row.name.clone(), verification_months: row.verification_months }
    }
}

/// How an end that was told by mistake is put right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "误报死亡，社区已核实"}))]
pub struct Reinstatement {
    /// The right last day, later than the wrong one and not after what was confirmed; left out where it was confirmed without an end and has none.
    pub to_date: Option<NaiveDate>,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Body for Reinstatement {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
    }
}

fn rules() -> Rules<enrolment::Model> {
    Rules::moves(|row: &enrolment::Model| row.version)
}

/// Records that an enrolment was verified (yearly re-verification, where its kind demands it); what was held for it is paid by the next run as arrears.
#[utoipa::path(tag = "stipends", request_body = NewVerification, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/verify")]
async fn verify_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment::Entity, NewVerification, _>(&actor, Capability::StipendPrepare, &id, rules(), async |tx, act, row, body| {
            let row = verify::verify(tx, act, row, body).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Moves the expected end of an enrolment by a proof of study, as a second person.
#[utoipa::path(tag = "stipends", request_body = Extension, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/extend")]
async fn extend_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment::Entity, Extension, _>(&actor, Capability::EnrolmentConfirm, &id, rules(), async |tx, act, row, body| {
            let row = verify::extend(tx, act, row, body).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Accepts unusual arrears (over more than 4 periods) up to a period, as a second person: the next run pays them.
#[utoipa::path(tag = "stipends", request_body = AcceptArrears, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/accept-arrears")]
async fn accept_arrears(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment::Entity, AcceptArrears, _>(&actor, Capability::EnrolmentConfirm, &id, rules(), async |tx, act, row, body| {
            let row = verify::accept_arrears(tx, act, row, body).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Puts an end that was told by mistake right, by somebody else than who told it and who wrote the enrolment: what became due since is paid by the next run.
#[utoipa::path(tag = "stipends", request_body = Reinstatement, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/reinstate")]
async fn reinstate_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment::Entity, Reinstatement, _>(&actor, Capability::EnrolmentConfirm, &id, rules(), async |tx, act, row, body| {
            let row = mistakes::reinstate(tx, act, row, body).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Withdraws an enrolment that was a mistake and under which nothing was paid, with the reason: it counts no more, and the person can be enrolled anew.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = enrolment::Model), Refusals))]
#[post("/enrolments/{id}/withdraw")]
async fn withdraw_enrolment(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<enrolment::Entity, Reason, _>(&actor, Capability::StipendPrepare, &id, rules(), async |tx, act, row, body| {
            let row = mistakes::withdraw(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Changes a kind of scheme: its name, and after how many months its enrolments must be verified again.
#[utoipa::path(tag = "stipends", request_body(content = KindChange, content_type = "application/merge-patch+json"), responses((status = 200, body = scheme_kind::Model), Refusals))]
#[patch("/scheme-kinds/{id}")]
async fn change_scheme_kind(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<scheme_kind::Entity, KindChange, _>(
            &actor,
            Capability::ReferenceManage,
            &id,
            |row| row.version,
            async |tx, act, row, body| {
                let row = verify::change_kind(tx, act, row, body).await?;
                Ok(Done::changed(row.version, row))
            },
        )
        .await
}

/// Records that the bank returned a payment after it had told it as paid (E8b), with the reason: it is due again.
#[utoipa::path(tag = "stipends", request_body = Reason, responses((status = 200, body = payout_item::Model), Refusals))]
#[post("/payout-items/{id}/return")]
async fn return_item(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &payout_item::Model| row.version).money();
    write
        .on::<payout_item::Entity, Reason, _>(&actor, Capability::BankAccountConfirm, &id, rules, async |tx, act, row, body| {
            let row = late_return::record(tx, act, row, body.reason).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(reinstate_enrolment).service(withdraw_enrolment);
    config.service(verify_enrolment).service(extend_enrolment).service(accept_arrears).service(change_scheme_kind).service(return_item);
}
