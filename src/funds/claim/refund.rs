//! After payment: money that came back (E4, E4p), and the reversal of a wrong or failed payment (E5), whole and once.

use chrono::Datelike;
use sea_orm::ActiveModelTrait;

use super::model::{self, Action};
use super::{claim, claim_refund, labour_month, pay, refusals, steps, under_commitment};
use crate::funds::budget::lines;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::db::{Scoped, Tx};

/// Records money of a paid claim that came back. In the claim's year line and year get it back; later it is carried-in money of the current year.
///
/// # Errors
/// 409 `invalid_transition`, `refund_too_large`, `fiscal_year_not_open`; 403 `separation_of_duties`.
pub async fn refund(tx: &Tx, act: &Act, before: claim::Model, amount: Fen, reason: String) -> Result<(claim::Model, claim_refund::Model), Problem> {
    steps::require(Action::Refund, &before)?;
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Review).await?;
    let left = before.amount.checked_sub(before.refunded).map_err(Problem::internal)?;
    if amount > left {
        return Err(refusals::refund_too_large(left));
    }
    let tax = model::refunded_tax(before.amount, before.tax, before.refunded, amount);
    let after = claim::Model { refunded: before.refunded.checked_add(amount).map_err(Problem::internal)?, ..before.clone() };
    let after = steps::put(tx, act, "refund", &before, after, Some(format!("{amount} {reason}"))).await?;
    labour_month::lessen(tx, &before, amount, tax).await?;
    let year = act.today.year();
    let same_year = year == before.fiscal_year;
    let place = (before.district_id, before.street_id);
    let (tax_back, credit) = if same_year {
        (tax, Entry::credit(Account::Expenditure, amount).of_category(before.category_id).of_community(before.community_id))
    } else {
        (Fen::ZERO, Entry::credit(Account::CarriedOver, amount).of_category(before.category_id))
    };
    let net = amount.checked_sub(tax_back).map_err(Problem::internal)?;
    let entries = vec![Entry::debit(pay::on_hand(&before), net), Entry::debit(Account::TaxWithheld, tax_back), credit];
    let posting = Posting::new(place, act.today, VoucherKind::ClaimRefund, ("claim", before.id), before.number.clone(), entries).reviewed_by(before.approved_by);
    let row = claim_refund::Model {
        id: new_id(),
        district_id: before.district_id,
        street_id: before.street_id,
        community_id: before.community_id,
        claim_id: before.id,
        amount,
        tax: tax_back,
        reason,
        date: act.today,
        voucher_id: posting.id,
        recorded_by: act.person()?.user_id,
        created_at: act.at,
    };
    let row = tx.insert::<claim_refund::Entity, _>(claim_refund::ActiveModel::from(row).reset_all()).await?;
    let back = amount.checked_neg().map_err(Problem::internal)?;
    if same_year {
        lines::spend(tx, before.budget_line_id, back).await?;
        years::add(tx, before.street_id, year, Sums { spent: back, ..Sums::default() }).await?;
    } else {
        years::add(tx, before.street_id, year, Sums { carried_in: amount, ..Sums::default() }).await?;
    }
    post(tx, act, posting).await?;
    Ok((after, row))
}

/// Reverses the payment of a claim in red letters: the whole voucher, once, in its year, where nothing was refunded.
///
/// # Errors
/// 409 `invalid_transition`, `not_reversible`; 403 `separation_of_duties`.
pub async fn reverse(tx: &Tx, act: &Act, before: claim::Model, reason: String) -> Result<claim::Model, Problem> {
    steps::require(Action::Reverse, &before)?;
    duties::take(tx, act, claim::Entity::place(&before), "claim", before.id, Part::Review).await?;
    let year = act.today.year();
    if year != before.fiscal_year || !before.refunded.is_zero() {
        return Err(refusals::not_reversible());
    }
    let mut posting =
        Posting::new((before.district_id, before.street_id), act.today, VoucherKind::Reversal, ("claim", before.id), before.number.clone(), pay::entries(&before, -1)).reviewed_by(before.approved_by);
    posting.reverses = before.voucher_id;
    let after = claim::Model { state: "reversed".to_owned(), from_commitment: Fen::ZERO, reversal_voucher_id: Some(posting.id), ..before.clone() };
    let after = steps::put(tx, act, "reverse", &before, after, Some(reason)).await?;
    let back = before.amount.checked_neg().map_err(Problem::internal)?;
    under_commitment::unspend(tx, act, &before).await?;
    years::add(tx, before.street_id, year, Sums { spent: back, ..Sums::default() }).await?;
    post(tx, act, posting).await?;
    Ok(after)
}
