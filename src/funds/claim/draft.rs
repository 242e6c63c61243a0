//! Drafting a claim: new, changed, copied.

use chrono::Datelike;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::bodies::{ClaimChange, NewClaim, NewLine, Payee};
use super::invoice::invoice_draw;
use super::model::Action;
use super::{claim, claim_line, invoice, papers, payees, standard_check, steps, under_commitment};
use crate::funds::budget::{budget_line, lines};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::masking;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::people::identity::user;
use crate::people::tenancy::org_unit;
use crate::platform::db::{Authorised, Scoped, Tx};
use crate::work::activity::refusals::plan_item_of_another_year;
use crate::work::plan::plan_item;

/// The lines of a claim, in order.
///
/// # Errors
/// 500 where the database fails.
pub async fn lines_of(tx: &Tx, claim: Uuid) -> Result<Vec<claim_line::Model>, Problem> {
    tx.all(tx.select::<claim_line::Entity>().filter(claim_line::Column::ClaimId.eq(claim)).order_by_asc(claim_line::Column::LineNumber)).await
}

async fn line_of_unit(tx: &Tx, act: &Act, id: Uuid, (street, community): (Uuid, Option<Uuid>)) -> Result<budget_line::Model, Problem> {
    lines::of_unit(tx, id, (street, community), act.today.year()).await
}

/// Who is paid, with the account sealed.
async fn put_payee(tx: &Tx, act: &Act, row: &mut claim::Model, payee: Payee) -> Result<(), Problem> {
    row.payee_kind = payee.kind.code().to_owned();
    row.payee_user_id = payee.user_id;
    row.payee_person = match payee.user_id {
        Some(id) => {
            let colleague = tx.reference::<user::Entity>(id, "/payee/user_id").await?;
            Some(colleague.person_key.unwrap_or_else(|| colleague.id.to_string()))
        }
        None => None,
    };
    let number = payee.account_number.as_deref().map(payees::plain_number);
    row.payee_account_sealed = match &number {
        Some(number) => Some(act.keys.encrypt(&format!("claim:account:{}", row.id), number).map_err(Problem::internal)?),
        None => None,
    };
    row.payee_account_masked = number.as_deref().map(masking::account);
    row.payee_bank = payee.bank_name;
    row.payee_bank_code = payee.bank_code;
    let name = payee.name.trim().to_owned();
    row.payee_key = payees::key_of(&act.keys, &name, number.as_deref().unwrap_or_default());
    (row.payee_name, row.payee_name_sealed) = payees::kept_name(&act.keys, payee.kind, name, &format!("claim:payee:{}", row.id))?;
    Ok(())
}

fn put_sums(row: &mut claim::Model, lines: &[NewLine]) -> Result<(), Problem> {
    row.amount = Fen::checked_sum(lines.iter().map(|line| line.amount)).map_err(Problem::internal)?;
    row.tax = Fen::checked_sum(lines.iter().map(|line| line.tax.unwrap_or(Fen::ZERO))).map_err(Problem::internal)?;
    row.net = row.amount.checked_sub(row.tax).map_err(Problem::internal)?;
    if row.amount > Fen::DOCUMENT_MAX {
        return Err(crate::funds::ledger::refusals::amount_too_large(row.amount));
    }
    Ok(())
}

/// The lines as they are kept.
fn claim_lines(row: &claim::Model, lines: Vec<NewLine>) -> Result<Vec<claim_line::Model>, Problem> {
    let kept = lines.into_iter().enumerate().map(|(index, line)| {
        let tax = line.tax.unwrap_or(Fen::ZERO);
        Ok(claim_line::Model {
            id: new_id(),
            district_id: row.district_id,
            street_id: row.street_id,
            community_id: row.community_id,
            claim_id: row.id,
            line_number: i32::try_from(index).map_err(Problem::internal)?.saturating_add(1),
            expense_item_id: line.expense_item_id,
            description: line.description,
            quantities: serde_json::to_value(&line.quantities).map_err(Problem::internal)?,
            grade: line.grade,
            place: line.place,
            date: line.date,
            reason: line.reason,
            amount: line.amount,
            tax,
            net: line.amount.checked_sub(tax).map_err(Problem::internal)?,
            standard_id: line.verdict.standard_id,
            quantity: line.verdict.quantity,
            allowed: line.verdict.allowed,
            over_standard: line.verdict.over_standard,
        })
    });
    kept.collect()
}

/// The plan item is one of the unit's or its street's, of the claim's year.
async fn check_plan_item(tx: &Tx, row: &claim::Model) -> Result<(), Problem> {
    let Some(id) = row.plan_item_id else {
        return Ok(());
    };
    let item = tx.reference::<plan_item::Entity>(id, "/plan_item_id").await?;
    if item.street_id != row.street_id || (item.community_id.is_some() && item.community_id != row.community_id) {
        return Err(Problem::unknown_reference("/plan_item_id"));
    }
    if item.fiscal_year == row.fiscal_year { Ok(()) } else { Err(plan_item_of_another_year(item.fiscal_year)) }
}

fn number_of(act: &Act, id: Uuid) -> String {
    let tail: String = id.simple().to_string().chars().rev().take(8).collect();
    format!("BX{}-{}", act.today.format("%Y%m%d"), tail.to_uppercase())
}

fn blank(act: &Act, unit: &org_unit::Model, line: &budget_line::Model) -> Result<claim::Model, Problem> {
    let id = new_id();
    Ok(claim::Model {
        id,
        district_id: line.district_id,
        street_id: line.street_id,
        community_id: unit.community_id,
        number: number_of(act, id),
        fiscal_year: line.fiscal_year,
        budget_line_id: line.id,
        category_id: line.category_id,
        kind: String::new(),
        title: String::new(),
        purpose: None,
        plan_item_id: None,
        activity_id: None,
        commitment_id: None,
        payee_kind: String::new(),
        payee_name: String::new(),
        payee_name_sealed: None,
        payee_user_id: None,
        payee_person: None,
        payee_account_sealed: None,
        payee_account_masked: None,
        payee_bank: None,
        payee_bank_code: None,
        payee_key: String::new(),
        payment_method: String::new(),
        payment_reason: None,
        paid_from: "cash".to_owned(),
        decision_reference: None,
        amount: Fen::ZERO,
        tax: Fen::ZERO,
        net: Fen::ZERO,
        state: "draft".to_owned(),
        information_requested: false,
        chain: None,
        steps_done: 0,
        next_capability: None,
        reserved: Fen::ZERO,
        from_commitment: Fen::ZERO,
        refunded: Fen::ZERO,
        prepared_by: act.person()?.user_id,
        submitted_at: None,
        expires_on: None,
        endorsed_by: None,
        reviewed_by: None,
        approved_by: None,
        paid_by: None,
        paid_on: None,
        bank_reference: None,
        value_date: None,
        voucher_id: None,
        reversal_voucher_id: None,
        batch_id: None,
        batch_serial: None,
        bank_returned: None,
        urged_on: None,
        copied_from: None,
        version: 1,
        created_at: act.at,
    })
}

/// A claim with its lines and what they draw on invoices, judged and not written yet.
pub struct Draft {
    /// The claim, as a draft.
    pub claim: claim::Model,
    /// Its lines.
    pub lines: Vec<claim_line::Model>,
    /// What they draw.
    pub draws: Vec<invoice_draw::Model>,
}

/// Judges a new claim of a unit on one of its lines. Nothing is written.
///
/// # Errors
/// 422 `unknown_reference`, `line_of_another_unit`, `plan_item_of_another_year`, and what [`standard_check::check`] refuses; 409 `line_not_open`.
pub async fn prepare(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewClaim) -> Result<Draft, Problem> {
    let street = unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?;
    let line = line_of_unit(tx, act, new.budget_line_id, (street, unit.community_id)).await?;
    let mut row = blank(act, unit, &line)?;
    row.kind = new.kind.code().to_owned();
    row.title = new.title;
    row.purpose = new.purpose;
    row.plan_item_id = new.plan_item_id;
    (row.activity_id, row.commitment_id) = (new.activity_id, new.commitment_id);
    row.payment_method = new.payment_method.code().to_owned();
    row.payment_reason = new.payment_reason;
    row.paid_from = new.paid_from.code().to_owned();
    row.decision_reference = new.decision_reference;
    check_plan_item(tx, &row).await?;
    under_commitment::put(tx, &mut row).await?;
    let payee = payees::choose(tx, &act.keys, (row.street_id, row.community_id), new.payee, new.payee_id).await?;
    put_payee(tx, act, &mut row, payee).await?;
    let mut lines = new.lines;
    standard_check::check(tx, act, &row, &mut lines).await?;
    put_sums(&mut row, &lines)?;
    let draws = invoice::drawn_by(tx, &row, &lines).await?;
    Ok(Draft { lines: claim_lines(&row, lines)?, draws, claim: row })
}

/// Drafts a claim of a unit on one of its lines.
///
/// # Errors
/// As [`prepare`], and what [`papers::attach`] refuses.
pub async fn add(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewClaim) -> Result<Draft, Problem> {
    let named = new.papers.clone();
    let draft = prepare(tx, act, unit, new).await?;
    insert(tx, act, &draft, None).await?;
    papers::attach(tx, act, &draft.claim, &named).await?;
    Ok(draft)
}

/// Writes a new claim: as a draft, or as what became of it at once.
///
/// # Errors
/// 500 where the database fails.
pub async fn insert(tx: &Tx, act: &Act, draft: &Draft, submitted: Option<&claim::Model>) -> Result<(), Problem> {
    let claim = &draft.claim;
    let mut writes = tx.together();
    writes.insert::<claim::Entity, claim::ActiveModel>(vec![submitted.unwrap_or(claim).clone()])?;
    writes.insert::<claim_line::Entity, claim_line::ActiveModel>(draft.lines.clone())?;
    writes.insert::<invoice_draw::Entity, invoice_draw::ActiveModel>(draft.draws.clone())?;
    duties::add_first(&mut writes, act, claim::Entity::place(claim), ("claim", claim.id), Part::Prepare);
    steps::note(&mut writes, act, "draft", None, claim, None)?;
    if let Some(submitted) = submitted {
        steps::note(&mut writes, act, "submit", Some(claim), submitted, None)?;
    }
    tx.run_together(writes).await?;
    Ok(())
}

/// Changes a draft; what the change leaves out stays.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`; as [`add`].
pub async fn change(tx: &Tx, act: &Act, row: Authorised<claim::Model>, change: ClaimChange) -> Result<claim::Model, Problem> {
    let before = row.into_inner();
    if before.state != "draft" {
        return Err(Problem::invalid_transition("change", &before.state));
    }
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Prepare).await?;
    let mut after = before.clone();
    if change.budget_line_id != before.budget_line_id {
        let line = line_of_unit(tx, act, change.budget_line_id, (before.street_id, before.community_id)).await?;
        (after.budget_line_id, after.category_id, after.fiscal_year) = (line.id, line.category_id, line.fiscal_year);
    }
    change.kind.code().clone_into(&mut after.kind);
    change.payment_method.code().clone_into(&mut after.payment_method);
    change.paid_from.code().clone_into(&mut after.paid_from);
    (after.title, after.purpose, after.plan_item_id) = (change.title, change.purpose, change.plan_item_id);
    (after.activity_id, after.commitment_id) = (change.activity_id, change.commitment_id);
    (after.payment_reason, after.decision_reference) = (change.payment_reason, change.decision_reference);
    if change.payee.is_some() || change.payee_id.is_some() {
        let payee = payees::choose(tx, &act.keys, (before.street_id, before.community_id), change.payee, change.payee_id).await?;
        put_payee(tx, act, &mut after, payee).await?;
    }
    check_plan_item(tx, &after).await?;
    under_commitment::put(tx, &mut after).await?;
    papers::attach(tx, act, &before, &change.papers).await?;
    let given = change.lines.is_some();
    let mut lines = match change.lines {
        Some(lines) => lines,
        None => lines_of(tx, before.id).await?.into_iter().map(NewLine::try_from).collect::<Result<_, _>>()?,
    };
    standard_check::check(tx, act, &after, &mut lines).await?;
    put_sums(&mut after, &lines)?;
    if given {
        for old in lines_of(tx, before.id).await? {
            tx.delete::<claim_line::Entity, claim_line::ActiveModel>(old).await?;
        }
        invoice::put(tx, &after, &lines).await?;
        tx.insert_all::<claim_line::Entity, claim_line::ActiveModel>(claim_lines(&after, lines)?).await?;
    }
    steps::put(tx, act, "change", &before, after, None).await
}

/// Copies a claim into a new draft, without its invoices and without anything that happened to it.
///
/// # Errors
/// As [`add`].
pub async fn copy(tx: &Tx, act: &Act, row: Authorised<claim::Model>) -> Result<Draft, Problem> {
    let from = row.into_inner();
    line_of_unit(tx, act, from.budget_line_id, (from.street_id, from.community_id)).await?;
    let mut lines = lines_of(tx, from.id).await?.into_iter().map(NewLine::try_from).collect::<Result<Vec<_>, _>>()?;
    for line in &mut lines {
        // It is spent anew: by today's standards and tax.
        (line.date, line.tax) = (None, None);
    }
    standard_check::check(tx, act, &from, &mut lines).await?;
    let id = new_id();
    let account = match &from.payee_account_sealed {
        Some(sealed) => Some(act.keys.decrypt(&format!("claim:account:{}", from.id), sealed).map_err(Problem::internal)?),
        None => None,
    };
    let sealed = account.map(|number| act.keys.encrypt(&format!("claim:account:{id}"), &number).map_err(Problem::internal)).transpose()?;
    let name = from.payee_name_sealed.as_ref().map(|_person| payees::name_of(&act.keys, &from)).transpose()?;
    let name_sealed = name.map(|name| act.keys.encrypt(&format!("claim:payee:{id}"), &name).map_err(Problem::internal)).transpose()?;
    let mut copy = steps::released(&from, "draft");
    copy.id = id;
    copy.number = number_of(act, id);
    (copy.payee_account_sealed, copy.payee_name_sealed) = (sealed, name_sealed);
    copy.prepared_by = act.person()?.user_id;
    copy.copied_from = Some(from.id);
    (copy.chain, copy.next_capability, copy.refunded, copy.version, copy.created_at) = (None, None, Fen::ZERO, 1, act.at);
    (copy.submitted_at, copy.endorsed_by, copy.reviewed_by, copy.approved_by) = (None, None, None, None);
    (copy.paid_by, copy.paid_on, copy.bank_reference, copy.value_date) = (None, None, None, None);
    (copy.voucher_id, copy.reversal_voucher_id, copy.batch_id, copy.batch_serial, copy.urged_on) = (None, None, None, None, None);
    put_sums(&mut copy, &lines)?;
    let draft = Draft { lines: claim_lines(&copy, lines)?, draws: Vec::new(), claim: copy };
    insert(tx, act, &draft, None).await?;
    Ok(draft)
}

/// Checks for the last time before submission that the line, the items and the standards still hold, keeps on the lines what they were judged by, and gives the lines.
///
/// # Errors
/// As [`prepare`], and 409 `invalid_transition`.
pub async fn recheck(tx: &Tx, act: &Act, row: &claim::Model) -> Result<Vec<claim_line::Model>, Problem> {
    steps::require(Action::Submit, row)?;
    line_of_unit(tx, act, row.budget_line_id, (row.street_id, row.community_id)).await?;
    check_plan_item(tx, row).await?;
    let stored = lines_of(tx, row.id).await?;
    let mut lines = stored.iter().cloned().map(NewLine::try_from).collect::<Result<Vec<_>, _>>()?;
    standard_check::check(tx, act, row, &mut lines).await?;
    standard_check::keep(tx, stored, &lines).await
}
