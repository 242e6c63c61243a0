//! The steps between submission and payment, and the ways out of them.

use super::model::Action;
use super::{claim, claim_event, refusals, steps, under_commitment};
use crate::kernel::access::Capability;
use crate::kernel::act::Act;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::db::{Scoped, Tx};
use sea_orm::{ColumnTrait, QueryFilter};

/// A community's secretary stands for the claim.
///
/// # Errors
/// 409 `invalid_transition`, `information_requested`; 403 `separation_of_duties`.
pub async fn endorse(tx: &Tx, act: &Act, before: claim::Model) -> Result<claim::Model, Problem> {
    steps::require(Action::Endorse, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    let after = claim::Model { state: "endorsed".to_owned(), endorsed_by: act.user_id(), ..before.clone() };
    steps::put(tx, act, "endorse", &before, after, None).await
}

/// The accountant reviews the claim; the voucher of its payment will bear this name.
///
/// # Errors
/// As [`endorse`].
pub async fn review(tx: &Tx, act: &Act, before: claim::Model) -> Result<claim::Model, Problem> {
    steps::require(Action::Review, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    let after = claim::Model { state: "reviewed".to_owned(), reviewed_by: act.user_id(), ..before.clone() };
    steps::put(tx, act, "review", &before, after, None).await
}

/// One approval of the chain; the last one approves.
///
/// # Errors
/// As [`endorse`]; 403 `separation_of_duties` also for the payee, and for who gave an earlier approval of the chain.
pub async fn approve(tx: &Tx, act: &Act, before: claim::Model) -> Result<claim::Model, Problem> {
    steps::require(Action::Approve, &before)?;
    let act = &steps::take_next(tx, act, &before).await?;
    if before.steps_done > 0 && approved_before(tx, act, &before).await? {
        return Err(Problem::separation_of_duties("approve", "approve"));
    }
    let chain = steps::chain_of(&before)?.ok_or_else(|| Problem::internal("a submitted claim without its chain"))?;
    let done = before.steps_done.saturating_add(1);
    let last = usize::try_from(done).map_err(Problem::internal)? >= chain.band.approvers.len();
    let state = if last { "approved" } else { "reviewed" }.to_owned();
    let expires_on = if last { None } else { before.expires_on };
    let after = claim::Model { state, steps_done: done, approved_by: act.user_id(), expires_on, ..before.clone() };
    steps::put(tx, act, "approve", &before, after, None).await
}

/// Whether the person gave an approval since the claim was last submitted.
async fn approved_before(tx: &Tx, act: &Act, row: &claim::Model) -> Result<bool, Problem> {
    let select = tx
        .select::<claim_event::Entity>()
        .filter(claim_event::Column::ClaimId.eq(row.id))
        .filter(claim_event::Column::Kind.eq("approve"))
        .filter(claim_event::Column::Person.eq(act.person_key()))
        .filter(claim_event::Column::At.gte(row.submitted_at.unwrap_or(row.created_at)));
    Ok(tx.count(select).await? > 0)
}

/// Returned to draft with the reason: what it held is released.
///
/// # Errors
/// 409 `invalid_transition`, `in_batch`; 403 where the next step is not one's own.
pub async fn give_back(tx: &Tx, act: &Act, before: claim::Model, reason: String) -> Result<claim::Model, Problem> {
    steps::require(Action::Return, &before)?;
    require_no_batch(tx, &before).await?;
    let act = &take_exit(tx, act, &before).await?;
    let after = claim::Model { chain: None, ..steps::released(&before, "draft") };
    let after = steps::put(tx, act, "return", &before, after, Some(reason)).await?;
    under_commitment::release(tx, act, std::slice::from_ref(&before)).await?;
    Ok(after)
}

/// Rejected for good, with the reason.
///
/// # Errors
/// As [`give_back`].
pub async fn reject(tx: &Tx, act: &Act, before: claim::Model, reason: String) -> Result<claim::Model, Problem> {
    steps::require(Action::Reject, &before)?;
    require_no_batch(tx, &before).await?;
    let act = &take_exit(tx, act, &before).await?;
    let after = steps::put(tx, act, "reject", &before, steps::released(&before, "rejected"), Some(reason)).await?;
    under_commitment::release(tx, act, std::slice::from_ref(&before)).await?;
    Ok(after)
}

/// An approved claim is returned or rejected by who approved it (or could have), any other by whose step is next. Gives the act as it is done by that capability.
async fn take_exit(tx: &Tx, act: &Act, row: &claim::Model) -> Result<Act, Problem> {
    if row.state != "approved" {
        return steps::take_next(tx, act, row).await;
    }
    let place = claim::Entity::place(row);
    act.person()?.require_at(Capability::ClaimApproveSmall, &place)?;
    let act = act.using(Capability::ClaimApproveSmall);
    duties::take(tx, &act, place, "claim", row.id, Part::Approve).await?;
    Ok(act)
}

/// A claim that lies in a payment batch is the bank's until the result.
pub async fn require_no_batch(tx: &Tx, row: &claim::Model) -> Result<(), Problem> {
    let Some(id) = row.batch_id else {
        return Ok(());
    };
    let batch = tx.maybe_load::<super::payment_batch::Entity>(id).await?;
    Err(refusals::in_batch(&batch.map_or_else(String::new, |batch| batch.number)))
}

/// 补正: papers are asked for; amount, payee and line stay as they are, and so do the reservation and the finished steps.
///
/// # Errors
/// As [`give_back`]; 409 `information_requested` where they are asked for already.
pub async fn request_info(tx: &Tx, act: &Act, before: claim::Model, what: String) -> Result<claim::Model, Problem> {
    steps::require(Action::RequestInfo, &before)?;
    require_no_batch(tx, &before).await?;
    if before.information_requested {
        return Err(refusals::information_requested());
    }
    let act = &take_exit(tx, act, &before).await?;
    let words = (format!("报销单 {} 须补正：{what}", before.number), format!("Claim {} needs papers: {what}", before.number));
    let after = claim::Model { information_requested: true, ..before.clone() };
    let after = steps::put(tx, act, "request_info", &before, after, Some(what)).await?;
    steps::tell(tx, act, &after, Capability::ClaimPrepare, "claim.request_info", words).await?;
    Ok(after)
}

/// The preparer has provided what was asked for.
///
/// # Errors
/// 409 `invalid_transition`, `nothing_requested`; 403 `separation_of_duties`.
pub async fn provide_info(tx: &Tx, act: &Act, before: claim::Model, what: String) -> Result<claim::Model, Problem> {
    steps::require(Action::ProvideInfo, &before)?;
    if !before.information_requested {
        return Err(refusals::nothing_requested());
    }
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Prepare).await?;
    let after = claim::Model { information_requested: false, ..before.clone() };
    steps::put(tx, act, "provide_info", &before, after, Some(what)).await
}
