//! Receiving donations and using them.

use chrono::Datelike;
use sea_orm::{ActiveModelTrait, FromQueryResult};
use uuid::Uuid;

use super::routes::{NewDonation, NewUse};
use super::{donation, donation_use, refusals};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, balance_of, model, post};
use crate::kernel::access::{Place, Scope};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::masking;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Db, Scoped, Sql, Tx};

fn number_of(act: &Act, word: &str, id: Uuid) -> String {
    let tail: String = id.simple().to_string().chars().rev().take(8).collect();
    format!("{word}{}-{}", act.today.format("%Y%m%d"), tail.to_uppercase())
}

/// Records a donation and books it (E11): Dr 1003 / Cr 4101. Vouchers name nobody.
///
/// # Errors
/// 422 for its date; 409 `fiscal_year_not_open`, `period_closed`.
pub async fn receive(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewDonation) -> Result<donation::Model, Problem> {
    let street = unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?;
    model::check_date(VoucherKind::Donation, new.date, act.today)?;
    let id = new_id();
    let number = number_of(act, "JZ", id);
    let entries = vec![Entry::debit(Account::DonationFund, new.amount), Entry::credit(Account::DonationIncome, new.amount).of_community(unit.community_id)];
    let posting = Posting::new((unit.district_id, street), new.date, VoucherKind::Donation, ("donation", id), number.clone(), entries);
    let donor = new.donor_name.as_deref().map(str::trim);
    let row = donation::Model {
        id,
        district_id: unit.district_id,
        street_id: street,
        community_id: unit.community_id,
        number,
        fiscal_year: new.date.year(),
        date: new.date,
        donor_sealed: donor.map(|name| act.keys.encrypt(&format!("donation:donor:{id}"), name).map_err(Problem::internal)).transpose()?,
        donor_masked: donor.map(masking::name),
        purpose: new.purpose,
        amount: new.amount,
        voucher_id: posting.id,
        recorded_by: act.person()?.user_id,
        version: 1,
        created_at: act.at,
    };
    let made = tx.insert::<donation::Entity, _>(donation::ActiveModel::from(row).reset_all()).await?;
    audit::record(tx, act, Event::new("donation.receive", "donation", made.id, donation::Entity::place(&made)).after(&made)?).await?;
    post(tx, act, posting).await?;
    Ok(made)
}

#[derive(FromQueryResult)]
struct Asked {
    amount: Fen,
}

/// What a street's fund holds beyond the uses that are on their way. It is the street's: a community that may use it is told whether there is enough, so this is read beside its own rows.
///
/// # Errors
/// 500 where the database fails.
pub async fn free(db: &Db, place: Place) -> Result<Fen, Problem> {
    let street = place.street.ok_or_else(|| Problem::internal("a fund of no street"))?;
    let tx = db.read(Scope::Street(place.district, street)).await?;
    let held = balance_of(&tx, street, Account::DonationFund).await?;
    let asked = Sql::both("SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) AS amount FROM donation_uses WHERE street_id = $1 AND state IN ('submitted', 'reviewed', 'approved')");
    let asked = tx.query_one::<Asked>(asked, vec![street.into()]).await?.map_or(Fen::ZERO, |asked| asked.amount);
    held.checked_sub(asked).map_err(Problem::internal)
}

/// Prepares a use of donated money, of which so much is free.
///
/// # Errors
/// 409 `fund_short` where it is more than that.
pub async fn prepare(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewUse, free: Fen) -> Result<donation_use::Model, Problem> {
    let street = unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?;
    if new.amount > free {
        return Err(refusals::fund_short(new.amount));
    }
    let id = new_id();
    let row = donation_use::Model {
        id,
        district_id: unit.district_id,
        street_id: street,
        community_id: unit.community_id,
        number: number_of(act, "SY", id),
        title: new.title,
        payee_name: new.payee_name,
        amount: new.amount,
        state: "submitted".to_owned(),
        reason: None,
        prepared_by: act.person()?.user_id,
        reviewed_by: None,
        approved_by: None,
        paid_by: None,
        paid_on: None,
        voucher_id: None,
        version: 1,
        created_at: act.at,
    };
    let made = tx.insert::<donation_use::Entity, _>(donation_use::ActiveModel::from(row).reset_all()).await?;
    let place = donation_use::Entity::place(&made);
    duties::take(tx, act, place, "donation_use", made.id, Part::Prepare).await?;
    audit::record(tx, act, Event::new("donation_use.prepare", "donation_use", made.id, place).after(&made)?).await?;
    Ok(made)
}

async fn step(tx: &Tx, act: &Act, names: (&'static str, &[&str]), part: Part, before: &donation_use::Model, mut after: donation_use::Model) -> Result<donation_use::Model, Problem> {
    let (action, from) = names;
    if !from.contains(&before.state.as_str()) {
        return Err(Problem::invalid_transition(action, &before.state));
    }
    let place = donation_use::Entity::place(before);
    duties::take(tx, act, place, "donation_use", before.id, part).await?;
    after.version = before.version.saturating_add(1);
    let after = tx.update::<donation_use::Entity, _>(donation_use::ActiveModel::from(after).reset_all()).await?;
    let mut event = Event::new(action, "donation_use", after.id, place).before(before)?.after(&after)?;
    event.reason.clone_from(&after.reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// The accountant reviews a use.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn review(tx: &Tx, act: &Act, before: donation_use::Model) -> Result<donation_use::Model, Problem> {
    let after = donation_use::Model { state: "reviewed".to_owned(), reviewed_by: act.user_id(), ..before.clone() };
    step(tx, act, ("donation_use.review", &["submitted"]), Part::Review, &before, after).await
}

/// The leader approves a use.
///
/// # Errors
/// As [`review`].
pub async fn approve(tx: &Tx, act: &Act, before: donation_use::Model) -> Result<donation_use::Model, Problem> {
    let after = donation_use::Model { state: "approved".to_owned(), approved_by: act.user_id(), ..before.clone() };
    step(tx, act, ("donation_use.approve", &["reviewed"]), Part::Approve, &before, after).await
}

/// Who prepared a use takes it back before it is approved.
///
/// # Errors
/// As [`review`].
pub async fn withdraw(tx: &Tx, act: &Act, before: donation_use::Model) -> Result<donation_use::Model, Problem> {
    let after = donation_use::Model { state: "withdrawn".to_owned(), ..before.clone() };
    step(tx, act, ("donation_use.withdraw", &["submitted", "reviewed"]), Part::Prepare, &before, after).await
}

/// The leader rejects a use that is not paid yet, also one that was approved by mistake, with the reason.
///
/// # Errors
/// As [`review`].
pub async fn reject(tx: &Tx, act: &Act, before: donation_use::Model, reason: String) -> Result<donation_use::Model, Problem> {
    let after = donation_use::Model { state: "rejected".to_owned(), reason: Some(reason), ..before.clone() };
    step(tx, act, ("donation_use.reject", &["submitted", "reviewed", "approved"]), Part::Approve, &before, after).await
}

/// The cashier pays an approved use; it is booked under the accountant who reviewed (E12): Dr 5101 / Cr 1003.
///
/// # Errors
/// As [`review`]; 409 `fund_short` where the fund on hand is less.
pub async fn pay(tx: &Tx, act: &Act, before: donation_use::Model) -> Result<donation_use::Model, Problem> {
    let entries = vec![Entry::debit(Account::DonationExpenditure, before.amount).of_community(before.community_id), Entry::credit(Account::DonationFund, before.amount)];
    let mut posting = Posting::new((before.district_id, before.street_id), act.today, VoucherKind::DonationUse, ("donation_use", before.id), before.number.clone(), entries);
    (posting.prepared_by, posting.reviewed_by, posting.cashier) = (before.reviewed_by, before.approved_by, act.user_id());
    let after = donation_use::Model { state: "paid".to_owned(), paid_by: act.user_id(), paid_on: Some(act.today), voucher_id: Some(posting.id), ..before.clone() };
    let after = step(tx, act, ("donation_use.pay", &["approved"]), Part::Pay, &before, after).await?;
    post(tx, act, posting).await?;
    Ok(after)
}
