//! `paper-rules`.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::Serialize;
use utoipa::ToSchema;

use super::paper_rule;
use super::rules::{self, NewPaperRule, PaperRuleFields};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::attachment::PaperKind;
use crate::platform::db::{Authorised, Tx};
use crate::platform::http::{Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};

/// The actor's district, at which rules are kept.
async fn own_district(tx: &Tx, actor: &Actor) -> Result<Authorised<org_unit::Model>, Problem> {
    tx.load::<org_unit::Entity>(actor.home.district).await?.authorise(actor, Capability::ReferenceManage)
}

/// Lists which papers which claims need. Filters: `claim_kind` (`activity`, `lecture`, `procurement`, `other`), `paper`. Sort: `claim_kind`, `effective_from`.
#[utoipa::path(tag = "claims", responses((status = 200, body = ListPage<paper_rule::Model>), Refusals))]
#[get("/paper-rules")]
async fn list_paper_rules(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let list = ListRequest::parse(&request, &["claim_kind", "paper"])?;
    let condition = list.one_of(Condition::all(), "claim_kind", paper_rule::Column::ClaimKind, &["activity", "lecture", "procurement", "other"])?;
    let condition = list.one_of(condition, "paper", paper_rule::Column::Paper, &PaperKind::ALL.map(PaperKind::code))?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let select = tx.select::<paper_rule::Entity>().filter(condition);
    let sorts = [("claim_kind", paper_rule::Column::ClaimKind), ("effective_from", paper_rule::Column::EffectiveFrom)];
    let columns = &["id", "claim_kind", "paper", "above", "effective_from", "effective_to", "source", "version"];
    list.answer(&context, tx, select, &sorts, columns, async |_, rows| Ok(rows)).await
}

/// Reads one rule.
#[utoipa::path(tag = "claims", responses((status = 200, body = paper_rule::Model), Refusals))]
#[get("/paper-rules/{id}")]
async fn get_paper_rule(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ReferenceRead)?;
    let tx = context.read(&actor, Capability::ReferenceRead).await?;
    let row = tx.load_text::<paper_rule::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &row))
}

/// Sets a paper that a kind of claim needs: submitting without it is refused from that day on.
#[utoipa::path(tag = "claims", request_body = NewPaperRule, responses((status = 201, body = paper_rule::Model), Refusals))]
#[post("/paper-rules")]
async fn set_paper_rule(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, body: NewPaperRule| {
            let row = rules::set(tx, act, &own_district(tx, &actor).await?, body).await?;
            Ok(Done::created(format!("/api/v1/paper-rules/{}", row.id), Some(row.version), row))
        })
        .await
}

/// What was adopted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdoptedPaperRules)]
pub struct Adopted {
    /// The rules that were made; none where the district has its own for all of them.
    pub data: Vec<paper_rule::Model>,
}

/// Adopts the shipped defaults from today on, where the district has no rule of its own yet (activity: approved plan, notice, sign-in sheet, invoices; lecture: pay list;
/// above 10,000.00 the minutes of the collective decision), each with its source.
#[utoipa::path(tag = "claims", request_body = Nothing, responses((status = 200, body = Adopted), Refusals))]
#[post("/paper-rules/defaults")]
async fn adopt_paper_rules(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ReferenceManage, Rules::plain(), async |tx, act, _: Nothing| {
            let data = rules::adopt(tx, act, &own_district(tx, &actor).await?).await?;
            Ok(Done::outcomes(Adopted { data }))
        })
        .await
}

/// Changes the amount, the source or the last day of a rule.
#[utoipa::path(tag = "claims", request_body = PaperRuleFields, responses((status = 200, body = paper_rule::Model), Refusals))]
#[patch("/paper-rules/{id}")]
async fn change_paper_rule(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<paper_rule::Entity, PaperRuleFields, _>(
            &actor,
            Capability::ReferenceManage,
            &id,
            |row| row.version,
            async |tx, act, row, fields| {
                let row = rules::change(tx, act, row, fields).await?;
                Ok(Done::changed(row.version, row))
            },
        )
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(adopt_paper_rules).service(list_paper_rules).service(get_paper_rule).service(set_paper_rule).service(change_paper_rule);
}
