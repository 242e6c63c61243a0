//! `ledger verify`: each street's chain, balances, years and lines, recomputed; the first place that does not fit is named.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::carried;
use crate::funds::budget::{lines, receipts_differ};
use crate::funds::claim;
use crate::funds::ledger::verify::{self as ledger, Fault, Found, Head, KeptCheckpoint};
use crate::funds::ledger::{Account, balance_of, paid_over};
use crate::funds::stipend;
use crate::kernel::crypto::KeyRing;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::Tx;

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verification {
    /// How many vouchers were looked at.
    pub vouchers: i64,
    /// Whether everything fits.
    pub holds: bool,
    /// The first place that does not.
    pub first_fault: Option<Fault>,
    /// Of one street: where its chain ended when it was looked at.
    #[serde(skip)]
    pub head: Option<Head>,
}

impl Verification {
    /// Nothing looked at yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self { vouchers: 0, holds: true, first_fault: None, head: None }
    }

    /// Adds what another street's verification found; the first fault stays.
    pub fn add(&mut self, other: Self) {
        self.vouchers = self.vouchers.saturating_add(other.vouchers);
        self.holds = self.holds && other.holds;
        self.first_fault = self.first_fault.take().or(other.first_fault);
    }
}

/// Verifies one street, in a transaction that sees it.
///
/// # Errors
/// 500 where the database fails.
pub async fn street(tx: &Tx, keys: &KeyRing, street: (Uuid, &str), kept: &[KeptCheckpoint]) -> Result<Verification, Problem> {
    let checked = ledger::check(tx, keys, street.0, kept).await?;
    let fault = match checked.fault {
        Some(fault) => Some(fault),
        None => beside_the_ledger(tx, street.0).await?,
    };
    let first_fault = fault.map(|(voucher, what)| Fault { street: street.1.to_owned(), voucher, what: what.en, what_zh: what.zh });
    Ok(Verification { vouchers: checked.vouchers, holds: first_fault.is_none(), first_fault, head: Some(checked.head) })
}

/// The first of what is kept beside the ledger that does not agree with it: the voucher where one can be named, and what does not fit.
async fn beside_the_ledger(tx: &Tx, street: Uuid) -> Result<Option<Found>, Problem> {
    let sums = [
        ledger::check_years(tx, street).await?,
        carried::differs(tx, street).await?,
        lines::check(tx, street).await?,
        claim::reservations(tx, street).await?,
        claim::drawn_differs(tx, street).await?,
        stipend::payable(tx, street).await?,
        stipend::authorised_differs(tx, street).await?,
    ];
    if let Some(what) = sums.into_iter().flatten().next() {
        return Ok(Some((None, what)));
    }
    let documents = [receipts_differ(tx, street).await?, claim::booked_differs(tx, street).await?, stipend::parts_differ(tx, street).await?];
    if let Some(found) = documents.into_iter().flatten().next() {
        return Ok(Some(found));
    }
    Ok(withheld_differs(tx, street).await?.map(|what| (None, what)))
}

/// Tax withheld (2307) is what documents withheld and have not given back, less what was paid over.
async fn withheld_differs(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let documents = [stipend::withheld(tx, street).await?, claim::withheld(tx, street).await?];
    let owed = Fen::checked_sum(documents).map_err(Problem::internal)?;
    let owed = owed.checked_sub(paid_over(tx, street).await?).map_err(Problem::internal)?;
    let balance = balance_of(tx, street, Account::TaxWithheld).await?;
    let told = || Words::new(format!("科目 2307 余额 {balance}，按扣缴、退回和已缴应为 {owed}"), format!("account 2307 says {balance}, what was withheld, given back and paid over makes {owed}"));
    Ok((owed != balance).then(told))
}
