//! The arithmetic of recoveries, without the database: which periods are taken back, from which paid items, and what tax comes back with it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::model::PeriodLine;
use crate::funds::spending::tax::LabourTax;
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};

/// What is taken back of which period: of what was settled beyond what is entitled, from the oldest period on, until it makes up the amount.
#[must_use]
pub fn take_back(lines: &[PeriodLine], amount: Fen) -> Vec<(Period, Fen)> {
    let mut left = amount.0;
    let mut pieces = Vec::new();
    for line in lines.iter().filter(|line| line.difference.is_negative()) {
        let taken = line.difference.0.saturating_neg().min(left);
        left = left.saturating_sub(taken);
        if taken > 0 {
            pieces.push((line.period, Fen(taken)));
        }
    }
    pieces
}

/// A paid item of the enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The item.
    pub item: Uuid,
    /// Its amount before tax, less what came back of it already.
    pub left: Fen,
    /// The periods that it paid.
    pub periods: BTreeSet<Period>,
    /// The month it was taxed in.
    pub month: Month,
}

/// Which paid items the pieces come back from; none where more is taken back than was paid. `paid` stands with the newest first: what was paid last in excess comes back first,
/// of the items that paid the period, and only where these do not suffice (an earlier run netted it) of the others.
#[must_use]
pub fn attribute(paid: &[Paid], pieces: &[(Period, Fen)]) -> Option<BTreeMap<Uuid, Fen>> {
    let mut left: Vec<i64> = paid.iter().map(|item| item.left.0.max(0)).collect();
    let mut charges: BTreeMap<Uuid, Fen> = BTreeMap::new();
    for (period, amount) in pieces {
        let mut wanted = amount.0;
        for own in [true, false] {
            for (item, left) in paid.iter().zip(left.iter_mut()).filter(|(item, _)| item.periods.contains(period) == own) {
                let taken = wanted.min(*left);
                if taken > 0 {
                    (*left, wanted) = (left.saturating_sub(taken), wanted.saturating_sub(taken));
                    let sum = charges.entry(item.item).or_default();
                    *sum = Fen(sum.0.saturating_add(taken));
                }
            }
        }
        if wanted > 0 {
            return None;
        }
    }
    Some(charges)
}

/// The tax that comes back: what is withheld in the month, less the tax on the month's gross without this; never below 0, never more than this.
#[must_use]
pub fn tax_back(rule: &LabourTax, month_gross: Fen, month_tax: Fen, this: Fen) -> Fen {
    let owed = rule.tax(Fen(month_gross.0.saturating_sub(this.0).max(0)));
    Fen(month_tax.0.saturating_sub(owed.0).clamp(0, this.0.max(0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shipped() -> LabourTax {
        serde_json::from_str(include_str!("../spending/defaults/tax_rule.json")).unwrap()
    }

    fn quarter(text: &str) -> Period {
        text.parse().unwrap()
    }

    fn line(period: &str, difference: i64) -> PeriodLine {
        PeriodLine { period: quarter(period), entitled: Fen(0), settled: Fen(-difference), difference: Fen(difference), taken: Fen(0), kind: None }
    }

    fn paid(number: u128, left: i64, periods: &[&str]) -> Paid {
        Paid { item: Uuid::from_u128(number), left: Fen(left), periods: periods.iter().map(|text| quarter(text)).collect(), month: "2017-03".parse().unwrap() }
    }

    #[test]
    fn the_oldest_period_comes_back_first_and_the_last_one_is_cut() {
        let lines = [line("2017Q1", -300), line("2017Q2", 50), line("2017Q3", -300)];
        assert_eq!(take_back(&lines, Fen(250)), [(quarter("2017Q1"), Fen(250))]);
        assert_eq!(take_back(&lines, Fen(550)), [(quarter("2017Q1"), Fen(300)), (quarter("2017Q3"), Fen(250))]);
    }

    #[test]
    fn a_period_comes_back_from_the_items_that_paid_it_the_newest_first_and_never_more_than_was_paid() {
        let items = [paid(3, 100, &["2017Q3"]), paid(2, 50, &["2017Q1", "2017Q2"]), paid(1, 600, &["2017Q1"])];
        let charges = attribute(&items, &[(quarter("2017Q1"), Fen(200))]).unwrap();
        assert_eq!(charges, BTreeMap::from([(Uuid::from_u128(2), Fen(50)), (Uuid::from_u128(1), Fen(150))]));
        let netted = attribute(&items, &[(quarter("2017Q3"), Fen(120))]).unwrap();
        assert_eq!(netted, BTreeMap::from([(Uuid::from_u128(3), Fen(100)), (Uuid::from_u128(2), Fen(20))]));
        assert_eq!(attribute(&items, &[(quarter("2017Q1"), Fen(751))]), None);
    }

    #[test]
    fn the_tax_of_the_month_comes_back_down_to_the_tax_on_what_is_left() {
        let rule = shipped();
        assert_eq!(tax_back(&rule, Fen(120_000), Fen(8_000), Fen(20_000)), Fen(4_000));
        assert_eq!(tax_back(&rule, Fen(120_000), Fen(8_000), Fen(120_000)), Fen(8_000));
        assert_eq!(tax_back(&rule, Fen(120_000), Fen(0), Fen(60_000)), Fen(0), "never below 0");
        assert_eq!(tax_back(&rule, Fen(60_000), Fen(8_000), Fen(5_000)), Fen(5_000), "never more than this");
    }

    proptest! {
        #[test]
        fn no_more_than_this_comes_back_and_what_is_left_is_taxed_by_the_rule(gross in 0_i64..5_000_000, part in 0_i64..5_000_000) {
            let part = part.min(gross);
            let rule = shipped();
            let before = rule.tax(Fen(gross));
            let back = tax_back(&rule, Fen(gross), before, Fen(part));
            prop_assert!(back.0 >= 0 && back.0 <= part);
            prop_assert_eq!(before.0 - back.0, rule.tax(Fen(gross - part)).0);
        }
    }
}
