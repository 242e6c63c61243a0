//! `ledger verify`: each street's chain, balances, years and lines, recomputed; the first place that does not fit is named.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::funds::budget::lines;
use crate::funds::claim;
use crate::funds::ledger::verify::{self as ledger, Fault, KeptCheckpoint};
use crate::funds::stipend;
use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::Problem;
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
}

impl Verification {
    /// Nothing looked at yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self { vouchers: 0, holds: true, first_fault: None }
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
        None => beside_the_ledger(tx, street.0).await?.map(|what| (None, what)),
    };
    let first_fault = fault.map(|(voucher, what)| Fault { street: street.1.to_owned(), voucher, what });
    Ok(Verification { vouchers: checked.vouchers, holds: first_fault.is_none(), first_fault })
}

/// The first of the sums kept beside the ledger that is not what it sums up.
async fn beside_the_ledger(tx: &Tx, street: Uuid) -> Result<Option<String>, Problem> {
    if let Some(what) = ledger::check_years(tx, street).await? {
        return Ok(Some(what));
    }
    if let Some(what) = lines::check(tx, street).await? {
        return Ok(Some(what));
    }
    if let Some(what) = claim::reservations(tx, street).await? {
        return Ok(Some(what));
    }
    if let Some(what) = claim::drawn_differs(tx, street).await? {
        return Ok(Some(what));
    }
    stipend::payable(tx, street).await
}
