//! E15: income tax that was withheld is paid over.

use sea_orm::ActiveValue::Set;
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::model::{Account, Entry, VoucherKind};
use super::post::{Posting, post};
use super::read::balance_of;
use super::routes::NewTaxPayment;
use super::{refusals, tax_payment};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};

/// Records that tax was paid over today (个人所得税法 art. 14: within 15 days of the next month).
///
/// # Errors
/// 409 `tax_not_withheld`, `document_recorded`, `fund_short`.
pub async fn pay(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewTaxPayment) -> Result<tax_payment::Model, Problem> {
    let withheld = balance_of(tx, street.id, Account::TaxWithheld).await?;
    if new.amount > withheld {
        return Err(refusals::tax_not_withheld(withheld));
    }
    let id = new_id();
    let place = org_unit::Entity::place(street);
    audit::record(tx, act, Event::new("tax_payment.record", "tax_payment", id, place).after(&serde_json::json!({"amount": new.amount, "document_number": new.document_number}))?).await?;
    let entries = vec![Entry::debit(Account::TaxWithheld, new.amount), Entry::credit(Account::FundOnHand, new.amount)];
    let voucher = post(
        tx,
        act,
        Posting::new((street.district_id, street.id), act.today, VoucherKind::TaxPayment, ("tax_payment", id), new.document_number.clone(), entries).known_to_bank_as(new.document_number.clone()),
    )
    .await?;
    // Only now nobody else posts in this street: what another paid over a moment before shows.
    let left = balance_of(tx, street.id, Account::TaxWithheld).await?;
    if left.is_negative() {
        return Err(refusals::tax_not_withheld(left.checked_add(new.amount).map_err(Problem::internal)?));
    }
    let number = new.document_number.clone();
    let row = tax_payment::ActiveModel {
        id: Set(id),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        date: Set(act.today),
        amount: Set(new.amount),
        document_number: Set(new.document_number),
        voucher_id: Set(voucher.id),
        recorded_by: Set(act.person()?.user_id),
        created_at: Set(act.at),
        version: Set(1),
    };
    tx.try_insert::<tax_payment::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::document_recorded(&number) } else { error.into() })
}

/// The tax that a street has paid over, in all.
///
/// # Errors
/// 500 where the database fails.
pub async fn paid_over(tx: &Tx, street: Uuid) -> Result<Fen, Problem> {
    #[derive(FromQueryResult)]
    struct Sum {
        amount: Fen,
    }
    let sum = Sql::both("SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) AS amount FROM tax_payments WHERE street_id = $1");
    Ok(tx.query_one::<Sum>(sum, vec![street.into()]).await?.map_or(Fen::ZERO, |row| row.amount))
}
