//! E14: opening balances, recorded by one person and approved by a second, before the street's first voucher.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, QueryFilter};

use super::model::{Account, Entry, VoucherKind};
use super::post::{Posting, post};
use super::routes::{NewOpeningBalance, OpeningLine};
use super::years::{self, Sums};
use super::{opening_balance, refusals, voucher};
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

async fn require_no_voucher(tx: &Tx, street: uuid::Uuid) -> Result<(), Problem> {
    let vouchers = tx.count(tx.select::<voucher::Entity>().filter(voucher::Column::StreetId.eq(street))).await?;
    if vouchers == 0 { Ok(()) } else { Err(refusals::opening_not_first()) }
}

/// Records opening balances, to be approved by a second person.
///
/// # Errors
/// 409 `opening_not_first`, `opening_recorded`; 422 `unknown_reference`.
pub async fn record(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewOpeningBalance) -> Result<opening_balance::Model, Problem> {
    require_no_voucher(tx, street.id).await?;
    for (index, line) in new.lines.iter().enumerate() {
        tx.reference::<category::Entity>(line.category_id, &format!("/lines/{index}/category_id")).await?;
    }
    let total = Fen::checked_sum(new.lines.iter().map(|line| line.amount).chain([new.donations])).map_err(Problem::internal)?;
    let row = opening_balance::ActiveModel {
        id: Set(new_id()),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        date: Set(new.date),
        state: Set("draft".to_owned()),
        lines: Set(serde_json::to_value(&new.lines).map_err(Problem::internal)?),
        donations: Set(new.donations),
        total: Set(total),
        prepared_by: Set(act.person()?.user_id),
        approved_by: Set(None),
        voucher_id: Set(None),
        version: Set(1),
        created_at: Set(act.at),
        rejection_reason: Set(None),
    };
    let made = tx.try_insert::<opening_balance::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::opening_recorded() } else { error.into() })?;
    let place = opening_balance::Entity::place(&made);
    duties::take(tx, act, place, "opening_balance", made.id, Part::Prepare).await?;
    audit::record(tx, act, Event::new("opening_balance.record", "opening_balance", made.id, place).after(&made)?).await?;
    Ok(made)
}

/// Approves opening balances and books them.
///
/// # Errors
/// 409 `invalid_transition`, `opening_not_first`; 403 `separation_of_duties`.
pub async fn approve(tx: &Tx, act: &Act, row: Authorised<opening_balance::Model>) -> Result<opening_balance::Model, Problem> {
    let before = row.into_inner();
    if before.state != "draft" {
        return Err(Problem::invalid_transition("approve", &before.state));
    }
    let place = opening_balance::Entity::place(&before);
    duties::take(tx, act, place, "opening_balance", before.id, Part::Approve).await?;
    require_no_voucher(tx, before.street_id).await?;
    audit::record(tx, act, Event::new("opening_balance.approve", "opening_balance", before.id, place).before(&before)?).await?;
    let lines: Vec<OpeningLine> = serde_json::from_value(before.lines.clone()).map_err(Problem::internal)?;
    let carried = before.total.checked_sub(before.donations).map_err(Problem::internal)?;
    years::add(tx, before.street_id, chrono::Datelike::year(&before.date), Sums { carried_in: carried, ..Sums::default() }).await?;
    let mut entries = vec![Entry::debit(Account::FundOnHand, carried), Entry::debit(Account::DonationFund, before.donations)];
    entries.extend(lines.iter().map(|line| Entry::credit(Account::CarriedOver, line.amount).of_category(line.category_id)));
    entries.push(Entry::credit(Account::RestrictedDonations, before.donations));
    let mut posting = Posting::new((before.district_id, before.street_id), before.date, VoucherKind::Opening, ("opening_balance", before.id), "", entries).reviewed_by(act.user_id());
    posting.prepared_by = Some(before.prepared_by);
    let voucher = post(tx, act, posting).await?;
    // Only now nobody else posts in this street: a voucher that another began a moment before shows.
    if voucher.seq != 1 {
        return Err(refusals::opening_not_first());
    }
    let next = opening_balance::ActiveModel {
        id: Unchanged(before.id),
        state: Set("approved".to_owned()),
        approved_by: Set(act.user_id()),
        voucher_id: Set(Some(voucher.id)),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    tx.update::<opening_balance::Entity, _>(next).await
}

/// Rejects opening balances as a second person, with the reason: they are recorded anew.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`.
pub async fn reject(tx: &Tx, act: &Act, row: Authorised<opening_balance::Model>, reason: String) -> Result<opening_balance::Model, Problem> {
    let before = row.into_inner();
    if before.state != "draft" {
        return Err(Problem::invalid_transition("reject", &before.state));
    }
    let place = opening_balance::Entity::place(&before);
    duties::take(tx, act, place, "opening_balance", before.id, Part::Approve).await?;
    let next = opening_balance::ActiveModel {
        id: Unchanged(before.id),
        state: Set("rejected".to_owned()),
        rejection_reason: Set(Some(reason.clone())),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<opening_balance::Entity, _>(next).await?;
    let event = Event::new("opening_balance.reject", "opening_balance", after.id, place).before(&before)?.after(&after)?;
    audit::record(tx, act, Event { reason: Some(reason), ..event }).await?;
    Ok(after)
}
