//! Payment batches: approved claims that the bank pays from one file. The file is immutable; its result, whole or not at all, pays each claim by its value date.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Datelike, NaiveDate};
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::model::Action;
use super::pay::{self, BankFact};
use super::{claim, decide, invoice, labour_month, payees, payment_batch, refusals, steps};
use crate::funds::bank::{Batch, PaymentLine, ResultFile, bank_file_template, file_name, match_result, render};
use crate::funds::ledger::ledger_period;
use crate::kernel::access::Capability;
use crate::kernel::act::Act;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};

fn payment_line(keys: &KeyRing, row: &claim::Model, serial: u32) -> Result<PaymentLine, Problem> {
    let sealed = row.payee_account_sealed.as_ref().ok_or_else(|| refusals::payee_account_missing(&row.number))?;
    Ok(PaymentLine {
        item_id: row.id,
        serial,
        account_number: keys.decrypt(&format!("claim:account:{}", row.id), sealed).map_err(Problem::internal)?,
        holder_name: payees::name_of(keys, row)?,
        bank_name: row.payee_bank.clone().unwrap_or_default(),
        bank_code: row.payee_bank_code.clone(),
        identity_number_masked: None,
        amount: row.net,
        summary: row.number.clone(),
    })
}

/// Makes a batch of approved claims of a street, with its bank file.
///
/// # Errors
/// 409 `invalid_transition`, `in_batch`, `invoice_red_lettered`, `labour_tax_short`, `paid_in_another_year`; 403 `separation_of_duties`; 422 `unknown_reference`, `not_by_transfer`, `mixed_funds`, `payee_account_missing`, `bank_file_refused`.
pub async fn make(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, template_id: Uuid, claim_ids: &[Uuid]) -> Result<payment_batch::Model, Problem> {
    let template = tx.reference::<bank_file_template::Entity>(template_id, "/template_id").await?;
    let (mut claims, mut lines) = (Vec::new(), Vec::new());
    let mut ids: Vec<(usize, Uuid)> = claim_ids.iter().copied().enumerate().collect();
    ids.sort_by_key(|(_, id)| *id);
    for (index, id) in ids {
        let pointer = format!("/claim_ids/{index}");
        tx.reference::<claim::Entity>(id, &pointer).await?;
        let row = tx.load_locked::<claim::Entity>(id).await?.authorise(act.person()?, Capability::ClaimPay)?.into_inner();
        if row.street_id != street.id {
            return Err(Problem::unknown_reference(&pointer));
        }
        steps::require(Action::Pay, &row)?;
        decide::require_no_batch(tx, &row).await?;
        if row.fiscal_year != act.today.year() {
            // The bank will pay it this year, and then its result could not be booked.
            return Err(refusals::paid_in_another_year(row.fiscal_year));
        }
        if row.payment_method != "transfer" {
            return Err(refusals::not_by_transfer(&pointer, &row.number));
        }
        if claims.first().is_some_and(|first: &claim::Model| first.paid_from != row.paid_from) {
            return Err(refusals::mixed_funds(&pointer));
        }
        steps::take_next(tx, act, &row).await?;
        invoice::require_payable(tx, &invoice::draws_of(tx, [row.id]).await?).await?;
        lines.push(payment_line(&act.keys, &row, u32::try_from(lines.len()).map_err(Problem::internal)?.saturating_add(1))?);
        claims.push(row);
    }
    labour_month::require_withheld(tx, act, &claims).await?;
    let id = new_id();
    let sum = Fen::checked_sum(lines.iter().map(|line| line.amount)).map_err(Problem::internal)?;
    let tail: String = id.simple().to_string().chars().rev().take(6).collect();
    let batch = Batch { number: format!("ZF{}-{}", act.today.format("%Y%m%d"), tail.to_uppercase()), date: act.today, count: u32::try_from(lines.len()).map_err(Problem::internal)?, sum };
    let layout = template.template()?;
    let bytes = render(&layout, &batch, &lines)?;
    let row = payment_batch::Model {
        id,
        district_id: street.district_id,
        street_id: street.id,
        template_id: template.id,
        number: batch.number.clone(),
        state: "made".to_owned(),
        date: act.today,
        count: i32::try_from(batch.count).map_err(Problem::internal)?,
        sum,
        sha256: hex::encode(Sha256::digest(&bytes)),
        file_name: file_name(&layout, &batch),
        content: act.keys.encrypt(&format!("payment_batch:{id}"), &STANDARD.encode(&bytes)).map_err(Problem::internal)?,
        made_by: act.person()?.user_id,
        voided_by: None,
        void_reason: None,
        result_sha256: None,
        version: 1,
        created_at: act.at,
    };
    let made = tx.insert::<payment_batch::Entity, _>(payment_batch::ActiveModel::from(row).reset_all()).await?;
    for (before, line) in claims.into_iter().zip(&lines) {
        let after = claim::Model { batch_id: Some(made.id), batch_serial: Some(i32::try_from(line.serial).map_err(Problem::internal)?), bank_returned: None, ..before.clone() };
        let after = steps::put(tx, act, "batch", &before, after, Some(made.number.clone())).await?;
        // Until the bank says when it paid, the month in which it was asked to counts.
        labour_month::set_month(tx, &after, Some(Month::of(act.today))).await?;
    }
    audit::record(tx, act, Event::new("payment_batch.make", "payment_batch", made.id, payment_batch::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// The bytes of a batch's file, the same each time.
///
/// # Errors
/// 500 where they cannot be read.
pub fn bytes_of(keys: &KeyRing, batch: &payment_batch::Model) -> Result<Vec<u8>, Problem> {
    let text = keys.decrypt(&format!("payment_batch:{}", batch.id), &batch.content).map_err(Problem::internal)?;
    STANDARD.decode(text).map_err(Problem::internal)
}

/// The claims of a batch, by their lines in it.
///
/// # Errors
/// 500 where the database fails.
pub async fn claims_of(tx: &Tx, batch: Uuid) -> Result<Vec<claim::Model>, Problem> {
    tx.all(tx.select::<claim::Entity>().filter(claim::Column::BatchId.eq(batch)).order_by_asc(claim::Column::BatchSerial)).await
}

/// Voids a batch as a second person, while no result is imported: its claims can be paid otherwise.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn void(tx: &Tx, act: &Act, before: payment_batch::Model, reason: String) -> Result<payment_batch::Model, Problem> {
    if before.state != "made" {
        return Err(Problem::invalid_transition("void", &before.state));
    }
    let claims = claims_of(tx, before.id).await?;
    let person = act.person_key();
    for row in &claims {
        if act.user_id() == Some(before.made_by) || duties::holds(tx, row.district_id, row.id, &person, Part::Pay).await? {
            return Err(Problem::separation_of_duties("void", Part::Pay.code()));
        }
    }
    for row in claims {
        let after = claim::Model { batch_id: None, batch_serial: None, ..row.clone() };
        let after = steps::put(tx, act, "batch", &row, after, Some(reason.clone())).await?;
        labour_month::set_month(tx, &after, None).await?;
    }
    let after = payment_batch::Model { state: "void".to_owned(), voided_by: act.user_id(), void_reason: Some(reason.clone()), ..before.clone() };
    put(tx, act, "payment_batch.void", &before, after, Some(reason)).await
}

async fn put(tx: &Tx, act: &Act, action: &'static str, before: &payment_batch::Model, mut after: payment_batch::Model, reason: Option<String>) -> Result<payment_batch::Model, Problem> {
    after.version = before.version.saturating_add(1);
    let after = tx.update::<payment_batch::Entity, _>(payment_batch::ActiveModel::from(after).reset_all()).await?;
    let mut event = Event::new(action, "payment_batch", after.id, payment_batch::Entity::place(&after)).before(before)?.after(&after)?;
    event.reason = reason;
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// The date a payment is booked on: the bank's value date, today where that month is closed; of a past year that is still open its last day.
async fn posting_date(tx: &Tx, act: &Act, street: Uuid, value_date: NaiveDate) -> Result<NaiveDate, Problem> {
    let select = tx.select::<ledger_period::Entity>().filter(ledger_period::Column::StreetId.eq(street)).filter(ledger_period::Column::Month.eq(Month::of(value_date)));
    let closed = tx.one(select).await?.is_some_and(|period| period.state == "closed");
    let past_year = value_date.year() < act.today.year();
    Ok(match (closed, past_year) {
        (false, _) => value_date,
        (true, false) => act.today,
        (true, true) => NaiveDate::from_ymd_opt(value_date.year(), 12, 31).unwrap_or(value_date),
    })
}

/// Imports the bank's result, whole or not at all: what was paid is booked by its value date, what came back is approved again and waits to be paid anew.
///
/// # Errors
/// 409 `invalid_transition`; 422 `result_mismatch`; as [`pay::settle`].
pub async fn import_result(tx: &Tx, act: &Act, before: payment_batch::Model, (result, sha256): (&ResultFile, String)) -> Result<payment_batch::Model, Problem> {
    if before.state != "made" {
        return Err(Problem::invalid_transition("result", &before.state));
    }
    let claims = claims_of(tx, before.id).await?;
    let mut lines = Vec::with_capacity(claims.len());
    for row in &claims {
        duties::take(tx, act, claim::Entity::place(row), "claim", row.id, Part::Pay).await?;
        lines.push(payment_line(&act.keys, row, u32::try_from(row.batch_serial.unwrap_or(0)).map_err(Problem::internal)?)?);
    }
    let batch = Batch { number: before.number.clone(), date: before.date, count: u32::try_from(before.count).map_err(Problem::internal)?, sum: before.sum };
    let matched = match_result(result, &batch, &lines)?;
    if let Some(early) = result.lines.iter().find(|line| line.value_date < before.date) {
        return Err(refusals::value_date_before_batch(early.row, before.date));
    }
    let after = payment_batch::Model { state: "settled".to_owned(), result_sha256: Some(sha256), ..before.clone() };
    let after = put(tx, act, "payment_batch.result", &before, after, None).await?;
    let mut paid = Vec::new();
    for (row, answer) in claims.into_iter().zip(matched) {
        let value_date = result.lines.iter().find(|line| i32::try_from(line.serial).ok() == row.batch_serial).map_or(result.value_date, |line| line.value_date);
        if answer.paid {
            let date = posting_date(tx, act, row.street_id, value_date).await?;
            paid.push((row, date, BankFact { reference: Some(after.number.clone()), value_date: Some(value_date) }));
        } else {
            let back = claim::Model { batch_id: None, batch_serial: None, bank_returned: answer.reason.clone(), ..row.clone() };
            let back = steps::put(tx, act, "bank_returned", &row, back, answer.reason).await?;
            labour_month::set_month(tx, &back, None).await?;
        }
    }
    if !paid.is_empty() {
        pay::settle(tx, act, paid).await?.1.book(tx, act).await?;
    }
    Ok(after)
}
