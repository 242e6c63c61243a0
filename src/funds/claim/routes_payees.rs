//! `payees`, and the account of a claim for who pays it.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::{Payee, PayeeKind, payee_faults};
use super::payee_entity::payee;
use super::{claim, payees};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::unit_of;
use crate::platform::audit::{self, Event, Shown, to_show};
use crate::platform::db::Scoped;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};

/// A payee to be kept for a unit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"}))]
pub struct NewPayee {
    /// The street; may be left out by who acts in one only.
    pub street_id: Option<Uuid>,
    /// The community, for a community's payee.
    pub community_id: Option<Uuid>,
    /// A firm or a person.
    pub kind: PayeeKind,
    /// The name.
    pub name: String,
    /// The account; it is encrypted and shown masked.
    pub account_number: Option<String>,
    /// The bank.
    pub bank_name: Option<String>,
    /// The branch's number in the payment system 联行号, 12 digits.
    pub bank_code: Option<String>,
    /// The colleague, where it is one.
    pub user_id: Option<Uuid>,
}

impl Body for NewPayee {
    fn faults(&self, faults: &mut Faults) {
        payee_faults("", (&self.name, self.account_number.as_deref(), self.bank_name.as_deref(), self.bank_code.as_deref()), faults);
    }
}

const COLUMNS: &[&str] = &["id", "street_id", "community_id", "kind", "name", "account_masked", "bank_name", "bank_code", "active", "version"];

/// Lists payees, accounts and the names of persons masked. Filters: `street_id`, `community_id`, `kind` (`supplier`, `person`), `name` (as it is shown; a person is looked for by a search), `active`.
#[utoipa::path(tag = "claims", responses((status = 200, body = ListPage<payee::Model>), Refusals))]
#[get("/payees")]
async fn list_payees(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::ClaimRead)?;
    let list = ListRequest::parse(&request, &["street_id", "community_id", "kind", "name", "active"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "street_id", payee::Column::StreetId)?;
    let condition = list.equals::<Uuid>(condition, "community_id", payee::Column::CommunityId)?;
    let condition = list.one_of(condition, "kind", payee::Column::Kind, &["supplier", "person"])?;
    let condition = list.equals::<String>(condition, "name", payee::Column::Name)?;
    let condition = list.equals::<bool>(condition, "active", payee::Column::Active)?;
    let tx = context.read(&actor, Capability::ClaimRead).await?;
    let select = tx.select::<payee::Entity>().filter(condition);
    list.answer(&context, tx, select, &[("name", payee::Column::Name)], COLUMNS, async |_, rows| Ok(rows)).await
}

/// Reads one payee, its account and a person's name masked; with `unmasked=true` and a `reason`, which is audited, the whole name.
#[utoipa::path(tag = "claims", params(("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, body = payee::Model), Refusals))]
#[get("/payees/{id}")]
async fn get_payee(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let Shown { row, unmasked, .. } = to_show::<payee::Entity>(&context, &actor, &request, &id, (Capability::ClaimRead, "payee.unmask", "payee")).await?;
    let shown = if unmasked { payee::Model { name: payees::whole_name(&context.keys, &row)?, ..row } } else { row };
    Ok(ok_versioned(shown.version, &shown))
}

/// A search by a name, which stands in no URL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "教授示例"}))]
pub struct SearchPayee {
    /// Only those of this street.
    pub street_id: Option<Uuid>,
    /// The whole name.
    pub name: String,
}

impl Body for SearchPayee {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
    }
}

/// Searches payees by their whole name; a person is found, and shown masked.
#[utoipa::path(tag = "claims", request_body = SearchPayee, responses((status = 200, body = ListPage<payee::Model>), Refusals))]
#[post("/payees/search")]
async fn search_payees(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimRead, Rules::plain(), async |tx, act, body: SearchPayee| {
            Ok(Done::found(ListPage { data: payees::search(tx, &act.keys, body.street_id, &body.name).await?, next_cursor: None }))
        })
        .await
}

/// Keeps a payee for a unit, to be chosen in its claims by `payee_id`.
#[utoipa::path(tag = "claims", request_body = NewPayee, responses((status = 201, body = payee::Model), Refusals))]
#[post("/payees")]
async fn add_payee(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::ClaimPrepare, Rules::plain(), async |tx, act, body: NewPayee| {
            let unit = unit_of(tx, &actor, body.street_id, body.community_id, Capability::ClaimPrepare).await?;
            let new = Payee { kind: body.kind, name: body.name, account_number: body.account_number, bank_name: body.bank_name, bank_code: body.bank_code, user_id: body.user_id };
            let row = payees::add(tx, act, &unit, new).await?;
            Ok(Done::created(format!("/api/v1/payees/{}", row.id), Some(row.version), row))
        })
        .await
}

async fn set_active(actor: Actor, write: Write, id: &str, active: bool) -> Result<HttpResponse, Problem> {
    write
        .on::<payee::Entity, Nothing, _>(&actor, Capability::ClaimPrepare, id, Rules::moves(|row| row.version), async |tx, act, row, _| {
            let row = payees::set_active(tx, act, row, active).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Takes a payee out of the choice; claims that named it keep what they say.
#[utoipa::path(tag = "claims", responses((status = 200, body = payee::Model), Refusals))]
#[post("/payees/{id}/retire")]
async fn retire_payee(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    set_active(actor, write, &id, false).await
}

/// Takes a payee back into the choice.
#[utoipa::path(tag = "claims", responses((status = 200, body = payee::Model), Refusals))]
#[post("/payees/{id}/restore")]
async fn restore_payee(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    set_active(actor, write, &id, true).await
}

/// Why an account is shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "网银单笔转账"}))]
pub struct ShowAccount {
    /// In a few words.
    pub reason: String,
}

impl Body for ShowAccount {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/reason", &self.reason, 200);
    }
}

/// The account that a claim is paid to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownAccount {
    /// Who is paid.
    pub payee_name: String,
    /// The account, whole; null where the claim names none.
    pub account_number: Option<String>,
    /// The bank.
    pub bank_name: Option<String>,
    /// The branch's number in the payment system 联行号.
    pub bank_code: Option<String>,
    /// What the payee gets.
    pub net: crate::kernel::money::Fen,
}

/// Shows the whole account of an approved claim's payee to who pays it, with the reason; each look is kept in the audit trail. Before approval and once it is paid
/// nobody needs it.
#[utoipa::path(tag = "claims", request_body = ShowAccount, responses((status = 200, body = ShownAccount), Refusals))]
#[post("/claims/{id}/payee-account")]
async fn show_account(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<claim::Entity, ShowAccount, _>(&actor, Capability::ClaimPay, &id, Rules::plain(), async |tx, act, row, body| {
            if row.state != "approved" {
                return Err(Problem::invalid_transition("show_payee_account", &row.state));
            }
            let mut event = Event::new("claim.unmask", "claim", row.id, claim::Entity::place(&row));
            event.reason = Some(body.reason);
            audit::record(tx, act, event).await?;
            let (account_number, payee_name) = (payees::account_of(&act.keys, &row)?, payees::name_of(&act.keys, &row)?);
            let row = row.into_inner();
            // A replay shows nothing: the account was for that moment.
            let shown = ShownAccount { payee_name, account_number, bank_name: row.payee_bank, bank_code: row.payee_bank_code, net: row.net };
            let kept = serde_json::json!({"payee_name": row.payee_name, "account_number": null, "bank_name": shown.bank_name, "bank_code": shown.bank_code, "net": shown.net});
            Ok(Done::result(shown).replayed_as(kept))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_payees).service(search_payees).service(get_payee).service(add_payee).service(retire_payee).service(restore_payee).service(show_account);
}
