//! What a street pays a person for work in a calendar month, over all claims: tax is reckoned on the month's sum, as that of stipends is (个人所得税法实施条例 art. 14), so that splitting a fee
//! over several claims saves none.
//!
//! A claim is taxed when it is submitted, so that what is approved is what is paid: on top of what the payee was paid in this month, and of what is on its way to payment and may fall into the same
//! month. Before it is paid the month is reckoned once more over what is really paid in it: a claim that withholds less than that asks for is not paid, but returned and taxed anew.
//! So never too little is withheld. Too much may be, where a claim that was counted is rejected or paid in another month: whoever wants it back has the claim returned before it is paid.
//!
//! The payee is known by name and account. Whoever reads a month in order to withhold takes the street's lock first, after the documents and before budget lines.

use std::collections::BTreeMap;

use sea_orm::FromQueryResult;

use super::{claim, refusals};
use crate::funds::spending::tax::{self, LabourTax};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// Gross fees, and the tax withheld from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Fees {
    /// Tax included.
    pub gross: Fen,
    /// Withheld.
    pub tax: Fen,
}

impl Fees {
    fn and(self, other: Self) -> Result<Self, Problem> {
        Ok(Self { gross: self.gross.checked_add(other.gross).map_err(Problem::internal)?, tax: self.tax.checked_add(other.tax).map_err(Problem::internal)? })
    }

    /// Whether more was withheld from these than they ask for: something was counted with them that is paid in another month, or not at all.
    fn exceed(self, rule: &LabourTax) -> bool {
        self.tax > rule.tax(self.gross)
    }

    /// What is withheld from a gross fee beside these: what the sum asks for less what was withheld; where too much was, never less than from the fee alone.
    #[must_use]
    pub fn tax_beside(self, rule: &LabourTax, gross: Fen) -> Fen {
        let whole = rule.tax(Fen(self.gross.0.saturating_add(gross.0)));
        let rest = Fen(whole.0.saturating_sub(self.tax.0));
        if self.exceed(rule) { rest.max(rule.tax(gross)) } else { rest }
    }

    /// The gross fee beside these of which the payee gets this net: its tax is exactly the difference.
    #[must_use]
    pub fn gross_beside(self, rule: &LabourTax, net: Fen) -> Fen {
        let nets = self.gross.0.saturating_sub(self.tax.0).saturating_add(net.0);
        let rest = Fen(rule.gross_of(Fen(nets)).0.saturating_sub(self.gross.0));
        if self.exceed(rule) { rest.max(rule.gross_of(net)) } else { rest }
    }
}

/// Nobody else reckons a person's month in this street until the transaction ends. SQLite has one writer anyway.
async fn lock(tx: &Tx, row: &claim::Model) -> Result<(), Problem> {
    if tx.is_postgres() {
        let sql = Sql::both("SELECT pg_advisory_xact_lock(hashtextextended('mingzhang labour months ' || CAST($1 AS text), 0))");
        tx.execute(sql, vec![row.street_id.into()]).await?;
    }
    Ok(())
}

/// What else the payee of a claim was paid for work in a month, and what is on its way.
///
/// # Errors
/// 500 where the database fails.
pub async fn besides(tx: &Tx, row: &claim::Model, month: Month) -> Result<Fees, Problem> {
    lock(tx, row).await?;
    let sum = Sql::both(
        "SELECT CAST(COALESCE(SUM(gross), 0) AS bigint) AS gross, CAST(COALESCE(SUM(tax), 0) AS bigint) AS tax FROM labour_fees \
         WHERE street_id = $1 AND payee_key = $2 AND claim_id <> $3 AND (month IS NULL OR month = $4)",
    );
    let values = vec![row.street_id.into(), row.payee_key.clone().into(), row.id.into(), month.into()];
    Ok(tx.query_one::<Fees>(sum, values).await?.unwrap_or_default())
}

/// Notes what a claim that is submitted pays for work; nothing where it pays none.
///
/// # Errors
/// 500 where the database fails.
pub async fn note(tx: &Tx, row: &claim::Model) -> Result<(), Problem> {
    if row.payee_kind != "person" {
        return Ok(());
    }
    let insert = Sql::both(
        "INSERT INTO labour_fees (id, district_id, street_id, claim_id, payee_key, gross, tax) \
         SELECT $1, $2, $3, $4, $5, CAST(SUM(l.amount) AS bigint), CAST(SUM(l.tax) AS bigint) FROM claim_lines l JOIN expense_items i ON i.id = l.expense_item_id \
         WHERE l.street_id = $3 AND l.claim_id = $4 AND i.labour_income HAVING COUNT(*) > 0",
    );
    tx.execute(insert, vec![new_id().into(), row.district_id.into(), row.street_id.into(), row.id.into(), row.payee_key.clone().into()]).await?;
    Ok(())
}

/// A claim goes no further, or its payment was undone: it counts for nobody's month.
///
/// # Errors
/// 500 where the database fails.
pub async fn forget(tx: &Tx, row: &claim::Model) -> Result<(), Problem> {
    if row.payee_kind == "person" {
        tx.execute(Sql::both("DELETE FROM labour_fees WHERE street_id = $1 AND claim_id = $2"), vec![row.street_id.into(), row.id.into()]).await?;
    }
    Ok(())
}

/// The month in which a claim is paid; none where the bank sent it back or its batch was voided.
///
/// # Errors
/// 500 where the database fails.
pub async fn set_month(tx: &Tx, row: &claim::Model, month: Option<Month>) -> Result<(), Problem> {
    if row.payee_kind == "person" {
        let month = month.map(|month| month.to_string());
        tx.execute(Sql::both("UPDATE labour_fees SET month = $3 WHERE street_id = $1 AND claim_id = $2"), vec![row.street_id.into(), row.id.into(), month.into()]).await?;
    }
    Ok(())
}

/// Takes what came back of a claim off its month: of the fees in proportion, of the tax what came back of it.
///
/// # Errors
/// 500 where the database fails.
pub async fn lessen(tx: &Tx, before: &claim::Model, refund: Fen, tax: Fen) -> Result<(), Problem> {
    let Some(own) = own(tx, before).await? else {
        return Ok(());
    };
    let left = i128::from(before.amount.0.saturating_sub(before.refunded.0).max(1));
    let part = i64::try_from((2 * i128::from(own.gross.0) * i128::from(refund.0) + left) / (2 * left)).map_err(Problem::internal)?;
    let update = Sql::both("UPDATE labour_fees SET gross = gross - $3, tax = CASE WHEN tax > $4 THEN tax - $4 ELSE 0 END WHERE street_id = $1 AND claim_id = $2");
    tx.execute(update, vec![before.street_id.into(), before.id.into(), Fen(part).min(own.gross).into(), tax.into()]).await?;
    Ok(())
}

/// What a claim that is on its way or paid pays for work; none where it pays none.
async fn own(tx: &Tx, row: &claim::Model) -> Result<Option<Fees>, Problem> {
    if row.payee_kind != "person" {
        return Ok(None);
    }
    tx.query_one::<Fees>(Sql::both("SELECT gross, tax FROM labour_fees WHERE street_id = $1 AND claim_id = $2"), vec![row.street_id.into(), row.id.into()]).await
}

/// What the payee was paid for work in a month, or is being paid by the bank.
async fn paid(tx: &Tx, row: &claim::Model, month: Month) -> Result<Fees, Problem> {
    let sum =
        Sql::both("SELECT CAST(COALESCE(SUM(gross), 0) AS bigint) AS gross, CAST(COALESCE(SUM(tax), 0) AS bigint) AS tax FROM labour_fees WHERE street_id = $1 AND payee_key = $2 AND month = $3");
    Ok(tx.query_one::<Fees>(sum, vec![row.street_id.into(), row.payee_key.clone().into(), month.into()]).await?.unwrap_or_default())
}

/// Claims are about to be paid today, together: each withholds at least what the payee's month asks for with it.
///
/// # Errors
/// 409 `labour_tax_short`.
pub async fn require_withheld<'a>(tx: &Tx, act: &Act, claims: impl IntoIterator<Item = &'a claim::Model>) -> Result<(), Problem> {
    let month = Month::of(act.today);
    let mut months: BTreeMap<&str, Fees> = BTreeMap::new();
    let mut rule = None;
    for row in claims {
        let Some(own) = own(tx, row).await? else {
            continue;
        };
        if rule.is_none() {
            lock(tx, row).await?;
            rule = Some(tax::labour_on(tx, act.today).await?);
        }
        let before = match months.get(row.payee_key.as_str()) {
            Some(known) => *known,
            None => paid(tx, row, month).await?,
        };
        let after = before.and(own)?;
        let asked = rule.as_ref().map_or(Fen::ZERO, |rule| rule.tax(after.gross));
        if after.tax < asked {
            let needed = asked.checked_sub(before.tax).map_err(Problem::internal)?;
            return Err(refusals::labour_tax_short(&row.number, needed, own.tax));
        }
        months.insert(&row.payee_key, after);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule() -> LabourTax {
        serde_json::from_str(include_str!("../spending/defaults/tax_rule.json")).unwrap()
    }

    #[test]
    fn two_fees_of_eight_hundred_net_are_taxed_as_one_of_sixteen_hundred() {
        let first = Fees { gross: Fen(80_000), tax: Fen(0) };
        let gross = first.gross_beside(&rule(), Fen(80_000));
        assert_eq!((gross, first.tax_beside(&rule(), gross)), (Fen(100_000), Fen(20_000)));
    }

    proptest! {
        #[test]
        fn however_a_month_is_split_its_tax_is_that_of_the_whole_and_each_net_is_what_was_promised(nets in proptest::collection::vec(1_i64..3_000_000, 1..6)) {
            let mut month = Fees::default();
            for net in &nets {
                let gross = month.gross_beside(&rule(), Fen(*net));
                let tax = month.tax_beside(&rule(), gross);
                prop_assert_eq!(gross.0 - tax.0, *net);
                month = month.and(Fees { gross, tax }).unwrap();
            }
            prop_assert_eq!(month.tax, rule().tax(month.gross));
            prop_assert_eq!(month.gross, rule().gross_of(Fen(nets.iter().sum())));
        }

        #[test]
        fn whatever_was_withheld_before_never_less_is_withheld_than_from_the_fee_alone(gross in 0_i64..5_000_000, withheld in 0_i64..1_000_000, net in 1_i64..3_000_000) {
            let before = Fees { gross: Fen(gross), tax: Fen(withheld.min(gross)) };
            let fee = before.gross_beside(&rule(), Fen(net));
            let tax = before.tax_beside(&rule(), fee);
            // To the fen that either is rounded by.
            prop_assert!(tax.0 + 1 >= rule().tax(fee).0);
            prop_assert_eq!(fee.0 - tax.0, net);
        }
    }
}
