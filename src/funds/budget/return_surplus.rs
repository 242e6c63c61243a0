//! E13s: surplus that was put aside when a year closed goes back to the treasury (预算法 art. 42).

use chrono::Datelike;
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::receive::{check_lines, require_left};
use super::routes_money::NewTreasuryReturn;
use super::{refusals, treasury_return};
use crate::funds::ledger::refusals::document_recorded;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, balances, post};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

/// Books surplus that is returned today (Dr 3001 / Cr 1002): no more than the year has to return, and of a category no more than its carried-over balance.
///
/// # Errors
/// 422 for its sums; 409 `fiscal_year_not_open`, `surplus_exceeded`, `category_short`, `document_recorded`, `fund_short`.
pub async fn return_surplus(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewTreasuryReturn) -> Result<treasury_return::Model, Problem> {
    check_lines(tx, new.amount, &new.lines).await?;
    let (id, place, year) = (new_id(), (street.district_id, street.id), act.today.year());
    let to_return = years::require_open(tx, street.id, year).await?.to_return;
    if new.amount > to_return {
        return Err(refusals::surplus_exceeded(to_return));
    }
    let left = async |category| carried_over(tx, act, street.id, category).await;
    require_left(&new.lines, false, left).await?;
    let trace = serde_json::json!({"kind": "surplus", "amount": new.amount, "document_number": new.document_number, "lines": new.lines});
    audit::record(tx, act, Event::new("treasury_return.record", "treasury_return", id, org_unit::Entity::place(street)).after(&trace)?).await?;
    let minus = new.amount.checked_neg().map_err(Problem::internal)?;
    years::add(tx, street.id, year, Sums { carried_in: minus, to_return: minus, ..Sums::default() }).await?;
    let mut entries: Vec<Entry> = new.lines.iter().map(|line| Entry::debit(Account::CarriedOver, line.amount).of_category(line.category_id)).collect();
    entries.push(Entry::credit(Account::FundOnHand, new.amount));
    let posting = Posting::new(place, act.today, VoucherKind::SurplusReturn, ("treasury_return", id), new.document_number.clone(), entries).known_to_bank_as(new.document_number.clone());
    let voucher = post(tx, act, posting).await?;
    require_left(&new.lines, true, left).await?;
    let number = new.document_number.clone();
    let row = treasury_return::ActiveModel {
        id: Set(id),
        district_id: Set(place.0),
        street_id: Set(place.1),
        fiscal_year: Set(year),
        date: Set(act.today),
        kind: Set("surplus".to_owned()),
        paid_from: Set(new.paid_from.code().to_owned()),
        document_number: Set(new.document_number),
        amount: Set(new.amount),
        lines: Set(serde_json::to_value(&new.lines).map_err(Problem::internal)?),
        voucher_id: Set(voucher.id),
        recorded_by: Set(act.person()?.user_id),
        version: Set(1),
        created_at: Set(act.at),
    };
    tx.try_insert::<treasury_return::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { document_recorded(&number) } else { error.into() })
}

/// What a category has carried over.
async fn carried_over(tx: &Tx, act: &Act, street: Uuid, category: Uuid) -> Result<Fen, Problem> {
    let of_category = balances(tx, street, act.today).await?.into_iter().filter(|row| row.account == Account::CarriedOver.code() && row.category_id == Some(category));
    Fen::checked_sum(of_category.map(|row| row.balance)).map_err(Problem::internal)
}
