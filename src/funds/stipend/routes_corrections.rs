//! `beneficiaries`: what is corrected about one.

use actix_web::{HttpResponse, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{beneficiary, correct};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::platform::db::Scoped;
use crate::platform::http::{Body, Context, Done, Nothing, Refusals, Routes, Rules, Write};
use crate::platform::tasks::{NextActors, require_next_actors};

/// What of a beneficiary may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on_payroll": false}))]
pub struct BeneficiaryChange {
    /// The right name, where it was misspelt, at most 60 characters: it takes effect when a second person confirms it. The name in force takes back what waits. The holder of an account is corrected by a new version of the account.
    #[serde(default)]
    pub name: Option<String>,
    /// The community where the person lives now, of the same street; null where none is known: the street's own. From the next run on its line is charged, where the scheme charges communities' lines.
    pub community_id: Option<Uuid>,
    /// On the civil-service payroll: what is due is held as long as this is so.
    #[schema(required = false)]
    pub on_payroll: bool,
}

impl Body for BeneficiaryChange {
    fn faults(&self, faults: &mut Faults) {
        if let Some(name) = &self.name {
            faults.text("/name", name, 60);
        }
    }
}

impl From<&beneficiary::Model> for BeneficiaryChange {
    fn from(row: &beneficiary::Model) -> Self {
        Self { name: None, community_id: row.community_id, on_payroll: row.on_payroll }
    }
}

/// A beneficiary as changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedBeneficiary {
    /// The beneficiary.
    #[serde(flatten)]
    pub beneficiary: beneficiary::Model,
    /// Who could confirm the name; null where none waits.
    pub next_actors: Option<Vec<NextActors>>,
}

/// Corrects a beneficiary: the name, which waits for a second person; the community, of who moved; whether they are on the civil-service payroll (whoever is may not draw an extra allowance).
#[utoipa::path(tag = "stipends", request_body(content = BeneficiaryChange, content_type = "application/merge-patch+json"), responses((status = 200, body = ChangedBeneficiary), Refusals))]
#[patch("/beneficiaries/{id}")]
async fn change_beneficiary(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<beneficiary::Entity, BeneficiaryChange, _>(
            &actor,
            Capability::StipendPrepare,
            &id,
            |row| row.version,
            async |tx, act, row, body| {
                let waited = row.proposed_name_id;
                let row = correct::change(tx, act, row, body).await?;
                let next_actors = if row.proposed_name_id.is_some() && row.proposed_name_id != waited {
                    Some(require_next_actors(context.recipients.as_ref(), Capability::EnrolmentConfirm, &beneficiary::Entity::place(&row), &[act.person_key()]).await?)
                } else {
                    None
                };
                Ok(Done::changed(row.version, ChangedBeneficiary { beneficiary: row, next_actors }))
            },
        )
        .await
}

/// Confirms the corrected name of a beneficiary as a second person, who compares it with the papers; who may see names reads it unmasked (`proposed_name`).
#[utoipa::path(tag = "stipends", request_body = Nothing, responses((status = 200, body = beneficiary::Model), Refusals))]
#[post("/beneficiaries/{id}/confirm-name")]
async fn confirm_beneficiary_name(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &beneficiary::Model| row.version);
    write
        .on::<beneficiary::Entity, Nothing, _>(&actor, Capability::EnrolmentConfirm, &id, rules, async |tx, act, row, _| {
            let row = correct::confirm_name(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(change_beneficiary).service(confirm_beneficiary_name);
}
