//! E2: funds received, by category. E2r: the treasury takes some back in the same year.

use chrono::Datelike;
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::routes_money::{CategoryAmount, FundKind, NewReceipt, NewTreasuryReturn};
use super::{receipt, refusals, treasury_return};
use crate::funds::ledger::refusals::document_recorded;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, model, post, turnover_of_year};
use crate::funds::spending::category;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

const fn on_hand(kind: FundKind) -> Account {
    match kind {
        FundKind::Cash => Account::FundOnHand,
        FundKind::Quota => Account::TreasuryQuota,
    }
}

/// The categories are within reach, and their amounts sum.
pub(super) async fn check_lines(tx: &Tx, amount: Fen, lines: &[CategoryAmount]) -> Result<(), Problem> {
    for (index, line) in lines.iter().enumerate() {
        tx.reference::<category::Entity>(line.category_id, &format!("/lines/{index}/category_id")).await?;
    }
    let sum = Fen::checked_sum(lines.iter().map(|line| line.amount)).map_err(Problem::internal)?;
    if sum == amount { Ok(()) } else { Err(refusals::receipt_does_not_sum(amount, sum)) }
}

/// Records a receipt and books it, a line a category.
///
/// # Errors
/// 422 for its sums and its date; 409 `document_recorded`, `fiscal_year_not_open`, `period_closed`.
pub async fn receive(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewReceipt) -> Result<receipt::Model, Problem> {
    check_lines(tx, new.amount, &new.lines).await?;
    model::check_date(VoucherKind::Receipt, new.date, act.today)?;
    let (id, place, year) = (new_id(), (street.district_id, street.id), new.date.year());
    let trace = serde_json::json!({"amount": new.amount, "kind": new.kind.code(), "document_number": new.document_number, "date": new.date, "lines": new.lines});
    audit::record(tx, act, Event::new("receipt.record", "receipt", id, org_unit::Entity::place(street)).after(&trace)?).await?;
    years::add(tx, street.id, year, Sums { received: new.amount, ..Sums::default() }).await?;
    let mut entries = vec![Entry::debit(on_hand(new.kind), new.amount)];
    entries.extend(new.lines.iter().map(|line| Entry::credit(Account::Appropriation, line.amount).of_category(line.category_id)));
    let voucher = post(tx, act, Posting::new(place, new.date, VoucherKind::Receipt, ("receipt", id), new.document_number.clone(), entries).known_to_bank_as(new.document_number.clone())).await?;
    let number = new.document_number.clone();
    let row = receipt::ActiveModel {
        id: Set(id),
        district_id: Set(place.0),
        street_id: Set(place.1),
        fiscal_year: Set(year),
        date: Set(new.date),
        kind: Set(new.kind.code().to_owned()),
        document_number: Set(new.document_number),
        amount: Set(new.amount),
        lines: Set(serde_json::to_value(&new.lines).map_err(Problem::internal)?),
        remark: Set(new.remark),
        voucher_id: Set(voucher.id),
        recorded_by: Set(act.person()?.user_id),
        version: Set(1),
        created_at: Set(act.at),
    };
    tx.try_insert::<receipt::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { document_recorded(&number) } else { error.into() })
}

/// What a category received this year and may still give back: its appropriation, net.
async fn received(tx: &Tx, street: Uuid, year: i32, category: Uuid) -> Result<Fen, Problem> {
    let turnovers = turnover_of_year(tx, street, Account::Appropriation, year).await?;
    let of_category = turnovers.into_iter().filter(|turnover| turnover.category_key == category);
    Fen::checked_sum(of_category.map(|turnover| Fen(turnover.credit.0.saturating_sub(turnover.debit.0)))).map_err(Problem::internal)
}

/// Refuses where a category has less than a line takes from it. What is `left` is looked at before it is booked, and once more afterwards, when nobody else can post in the street: then it shows the line too.
pub(super) async fn require_left(lines: &[CategoryAmount], booked: bool, left: impl AsyncFn(Uuid) -> Result<Fen, Problem>) -> Result<(), Problem> {
    for (index, line) in lines.iter().enumerate() {
        let left = left(line.category_id).await?;
        let before = if booked { left.checked_add(line.amount).map_err(Problem::internal)? } else { left };
        if line.amount > before {
            return Err(refusals::category_short(before.max(Fen::ZERO), &format!("/lines/{index}/amount")));
        }
    }
    Ok(())
}

/// Books what the treasury takes back today; refused where more is spent than would remain.
///
/// # Errors
/// 422 for its sums; 409 `category_short`, `document_recorded`, `funds_not_received`, `fund_short`.
pub async fn take_back(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewTreasuryReturn) -> Result<treasury_return::Model, Problem> {
    check_lines(tx, new.amount, &new.lines).await?;
    let (id, place, year) = (new_id(), (street.district_id, street.id), act.today.year());
    let left = async |category| received(tx, street.id, year, category).await;
    require_left(&new.lines, false, left).await?;
    let trace = serde_json::json!({"amount": new.amount, "paid_from": new.paid_from.code(), "document_number": new.document_number, "lines": new.lines});
    audit::record(tx, act, Event::new("treasury_return.record", "treasury_return", id, org_unit::Entity::place(street)).after(&trace)?).await?;
    years::add(tx, street.id, year, Sums { received: new.amount.checked_neg().map_err(Problem::internal)?, ..Sums::default() }).await?;
    let mut entries: Vec<Entry> = new.lines.iter().map(|line| Entry::debit(Account::Appropriation, line.amount).of_category(line.category_id)).collect();
    entries.push(Entry::credit(on_hand(new.paid_from), new.amount));
    let voucher =
        post(tx, act, Posting::new(place, act.today, VoucherKind::ReceiptTakenBack, ("treasury_return", id), new.document_number.clone(), entries).known_to_bank_as(new.document_number.clone()))
            .await?;
    require_left(&new.lines, true, left).await?;
    let number = new.document_number.clone();
    let row = treasury_return::ActiveModel {
        id: Set(id),
        district_id: Set(place.0),
        street_id: Set(place.1),
        fiscal_year: Set(year),
        date: Set(act.today),
        kind: Set("taken_back".to_owned()),
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
