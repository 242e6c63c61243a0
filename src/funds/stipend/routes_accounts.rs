//! `beneficiaries/{id}/bank-accounts`: each account a version, which takes effect when the accountant has confirmed it.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::Serialize;
use utoipa::ToSchema;

use super::routes_people::NewAccount;
use super::{bank_account, beneficiary, people};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::Problem;
use crate::platform::audit::{Shown, to_show};
use crate::platform::db::Scoped;
use crate::platform::http::{Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};
use crate::platform::tasks::Submitted;

/// An account with its number and its holder in the clear.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnmaskedAccount {
    /// The account.
    #[serde(flatten)]
    pub account: bank_account::Model,
    /// The whole number; only where it was asked for unmasked.
    pub number: String,
    /// Whose account it is; only where it was asked for unmasked.
    pub holder_name: String,
}

const ACCOUNT_COLUMNS: &[&str] =
    &["id", "beneficiary_id", "number_masked", "bank_name", "bank_code", "holder_masked", "holder_relation", "state", "luhn_holds", "authored_by", "confirmed_by", "version", "created_at"];

/// The accounts of a beneficiary, masked, the newest first.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<bank_account::Model>), Refusals))]
#[get("/beneficiaries/{id}/bank-accounts")]
async fn list_bank_accounts(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::StipendRead)?;
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.read(&actor, Capability::StipendRead).await?;
    let row = tx.load_text::<beneficiary::Entity>(&id).await?.into_read();
    let select = tx.select::<bank_account::Entity>().filter(bank_account::Column::BeneficiaryId.eq(row.id));
    list.answer(&context, tx, select, &[], ACCOUNT_COLUMNS, async |_, rows| Ok(rows)).await
}

/// Reads one account, masked; `?unmasked=true&reason=…` shows number and holder to who may see them, such as the accountant who compares them with the card before confirming, and is audited.
#[utoipa::path(tag = "stipends", params(("beneficiary" = Uuid, Path), ("id" = Uuid, Path), ("unmasked" = Option<bool>, Query), ("reason" = Option<String>, Query)), responses((status = 200, body = bank_account::Model), Refusals))]
#[get("/beneficiaries/{beneficiary}/bank-accounts/{id}")]
async fn get_bank_account(actor: Actor, context: web::Data<Context>, request: HttpRequest, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (beneficiary, id) = path.into_inner();
    let kept_as = (Capability::StipendRead, "bank_account.unmask", "bank_account");
    let Shown { row, unmasked, .. } = to_show::<bank_account::Entity>(&context, &actor, &request, &id, kept_as).await?;
    if row.beneficiary_id.to_string() != beneficiary.to_lowercase() {
        return Err(Problem::not_found());
    }
    if !unmasked {
        return Ok(ok_versioned(row.version, &row));
    }
    let (number, holder_name) = people::account_of(&context.keys, &row)?;
    Ok(ok_versioned(row.version, &UnmaskedAccount { number, holder_name, account: row }))
}

/// Adds a version of a beneficiary's account.
#[utoipa::path(tag = "stipends", request_body = NewAccount, responses((status = 201, body = Submitted<bank_account::Model>), Refusals))]
#[post("/beneficiaries/{id}/bank-accounts")]
async fn add_bank_account(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<beneficiary::Entity, NewAccount, _>(&actor, Capability::StipendPrepare, &id, Rules::plain(), async |tx, act, row, body| {
            let account = people::add_account(tx, act, row, body).await?;
            let next = (Capability::BankAccountConfirm, bank_account::Entity::place(&account));
            let location = format!("/api/v1/beneficiaries/{}/bank-accounts/{}", account.beneficiary_id, account.id);
            Ok(Done::created(location, Some(account.version), Submitted::of(context.recipients.as_ref(), act, next, account).await?))
        })
        .await
}

/// Confirms an account as a second person.
#[utoipa::path(tag = "stipends", request_body = Nothing, params(("beneficiary" = Uuid, Path), ("id" = Uuid, Path)), responses((status = 200, body = bank_account::Model), Refusals))]
#[post("/beneficiaries/{beneficiary}/bank-accounts/{id}/confirm")]
async fn confirm_bank_account(actor: Actor, write: Write, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let rules = Rules::moves(|row: &bank_account::Model| row.version);
    write
        .on::<bank_account::Entity, Nothing, _>(&actor, Capability::BankAccountConfirm, &path.1, rules, async |tx, act, row, _| {
            let row = people::confirm_account(tx, act, row).await?;
            Ok(Done::changed(row.version, row))
        })
        .await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_bank_accounts).service(get_bank_account).service(add_bank_account).service(confirm_bank_account);
}
