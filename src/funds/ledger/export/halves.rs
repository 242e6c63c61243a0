//! A voucher in the codes of the official books: its financial half as it was booked, and from 2019 its budget half.
//!
//! Financial accounting books what is owed, budget accounting money when it moves (财会〔2017〕25号). So in the budget half what is owed (2302, 2307) stands for the
//! expenditure that paying it will be, and what a voucher books on both sides of one budget account is netted: a stipend run that only owes has no budget half at all,
//! its payment is the expenditure. At year-end what is still owed is taken out of the year's expenditure, against what is carried over.

use uuid::Uuid;

use crate::funds::ledger::account_map::{AccountMap, Half};
use crate::funds::ledger::model::Account;
use crate::funds::ledger::voucher_line;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// An entry of the official books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OfficialLine {
    /// Its half.
    pub(super) half: Half,
    /// The account's code.
    pub(super) code: String,
    /// Debit, or 0.00.
    pub(super) debit: Fen,
    /// Credit, or 0.00.
    pub(super) credit: Fen,
    /// The category; none in the budget half.
    pub(super) category: Option<Uuid>,
    /// The community; none in the budget half.
    pub(super) community: Option<Uuid>,
}

/// What a year's vouchers added to what is owed, by account and category: credit minus debit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) account: String,
    pub(super) category: Option<Uuid>,
    pub(super) amount: Fen,
}

fn gap(line: &str) -> Problem {
    Problem::internal(format!("account {line} is exported although its gap was told"))
}

/// The financial half: a line an entry.
pub(super) fn financial(map: &AccountMap, lines: &[voucher_line::Model]) -> Result<Vec<OfficialLine>, Problem> {
    let each = lines.iter().map(|line| {
        let entry = map.find(&line.account, line.category_id, line.community_id).ok_or_else(|| gap(&line.account))?;
        let code = entry.financial.code.clone();
        Ok(OfficialLine { half: Half::Financial, code, debit: line.debit, credit: line.credit, category: line.category_id, community: line.community_id })
    });
    each.collect()
}

/// The code of the budget half; none where the money is outside the budget.
pub(super) fn budget_code(map: &AccountMap, account: &str, category: Option<Uuid>, community: Option<Uuid>) -> Result<Option<String>, Problem> {
    let entry = map.find(account, category, community).ok_or_else(|| gap(account))?;
    match &entry.budget {
        Some(official) => Ok(Some(official.code.clone())),
        None if entry.outside_budget => Ok(None),
        None => Err(gap(account)),
    }
}

/// The budget half, netted by code; empty where no money of the budget moves. `owed` is given with the year-end transfer only.
pub(super) fn budget(map: &AccountMap, red: bool, lines: &[voucher_line::Model], owed: &[Owed]) -> Result<Vec<OfficialLine>, Problem> {
    let mut sums: Vec<(String, Fen, Fen)> = Vec::new();
    let mut add = |code: Option<String>, debit: Fen, credit: Fen| -> Result<(), Problem> {
        let Some(code) = code else { return Ok(()) };
        let at = sums.iter().position(|(known, ..)| *known == code).unwrap_or(sums.len());
        if at == sums.len() {
            sums.push((code, Fen::ZERO, Fen::ZERO));
        }
        if let Some((_, debits, credits)) = sums.get_mut(at) {
            (*debits, *credits) = (debits.checked_add(debit).map_err(Problem::internal)?, credits.checked_add(credit).map_err(Problem::internal)?);
        }
        Ok(())
    };
    for line in lines {
        add(budget_code(map, &line.account, line.category_id, line.community_id)?, line.debit, line.credit)?;
    }
    for owed in owed {
        add(budget_code(map, &owed.account, owed.category, None)?, owed.amount, Fen::ZERO)?;
        add(budget_code(map, Account::CarriedOver.code(), owed.category, None)?, Fen::ZERO, owed.amount)?;
    }
    let netted = sums.into_iter().filter_map(|(code, debit, credit)| {
        let (debit, credit) = net(debit, credit, red)?;
        Some(OfficialLine { half: Half::Budget, code, debit, credit, category: None, community: None })
    });
    Ok(netted.collect())
}

/// One side of a debit and a credit; none where they are equal. In red letters the amount stays negative, on the side on which the voucher that it undoes has it.
fn net(debit: Fen, credit: Fen, red: bool) -> Option<(Fen, Fen)> {
    let difference = Fen(debit.0.saturating_sub(credit.0));
    let opposite = Fen(credit.0.saturating_sub(debit.0));
    match (difference.is_zero(), difference.is_positive() != red) {
        (true, _) => None,
        (false, true) => Some((difference, Fen::ZERO)),
        (false, false) => Some((Fen::ZERO, opposite)),
    }
}

/// The sums of a half.
pub(super) fn sums(lines: &[OfficialLine], half: Half) -> Result<(Fen, Fen), Problem> {
    let of = |side: fn(&OfficialLine) -> Fen| Fen::checked_sum(lines.iter().filter(|line| line.half == half).map(side)).map_err(Problem::internal);
    Ok((of(|line| line.debit)?, of(|line| line.credit)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::funds::ledger::account_map::{MapEntry, OfficialAccount};
    use crate::funds::ledger::model::Entry;

    fn map() -> AccountMap {
        let official = |code: &str| OfficialAccount { code: code.to_owned(), name: code.to_owned() };
        let entry = |account: &str, financial: &str, budget: Option<&str>| MapEntry {
            account: account.to_owned(),
            category_id: None,
            community_id: None,
            financial: official(financial),
            budget: budget.map(official),
            outside_budget: budget.is_none(),
        };
        AccountMap::new(vec![
            entry("1002", "1002", Some("8001")),
            entry("1011", "1011", Some("8001")),
            entry("2302", "2305", Some("7101")),
            entry("2307", "2102", Some("7101")),
            entry("3001", "3001", Some("8101")),
            entry("4001", "4001", Some("6001")),
            entry("5001", "5001", Some("7101")),
            entry("1003", "1002", None),
            entry("4101", "4601", None),
        ])
    }

    fn lines(entries: Vec<Entry>) -> Vec<voucher_line::Model> {
        let each = entries.into_iter().enumerate().map(|(index, entry)| voucher_line::Model {
            id: Uuid::nil(),
            district_id: Uuid::nil(),
            street_id: Uuid::nil(),
            voucher_id: Uuid::nil(),
            line_number: i32::try_from(index).unwrap(),
            account: entry.account.code().to_owned(),
            debit: entry.debit,
            credit: entry.credit,
            category_id: entry.category,
            community_id: entry.community,
            red: false,
        });
        each.collect()
    }

    fn shown(entries: Vec<Entry>, red: bool, owed: &[Owed]) -> Vec<(String, i64, i64)> {
        budget(&map(), red, &lines(entries), owed).unwrap().into_iter().map(|line| (line.code, line.debit.0, line.credit.0)).collect()
    }

    fn line(code: &str, debit: i64, credit: i64) -> (String, i64, i64) {
        (code.to_owned(), debit, credit)
    }

    #[test]
    fn what_is_only_owed_has_no_budget_half_and_its_payment_is_the_expenditure() {
        let run = vec![Entry::debit(Account::Expenditure, Fen(600)), Entry::credit(Account::StipendsPayable, Fen(520)), Entry::credit(Account::TaxWithheld, Fen(80))];
        assert_eq!(shown(run, false, &[]), []);
        let paid = vec![Entry::debit(Account::StipendsPayable, Fen(520)), Entry::credit(Account::FundOnHand, Fen(520))];
        assert_eq!(shown(paid, false, &[]), [line("7101", 520, 0), line("8001", 0, 520)]);
        let lecture = vec![Entry::debit(Account::Expenditure, Fen(2300)), Entry::credit(Account::FundOnHand, Fen(2000)), Entry::credit(Account::TaxWithheld, Fen(300))];
        assert_eq!(shown(lecture, false, &[]), [line("7101", 2000, 0), line("8001", 0, 2000)]);
    }

    #[test]
    fn a_reversal_keeps_the_minus_on_the_side_of_what_it_undoes() {
        let lecture = vec![Entry::debit(Account::Expenditure, Fen(-2300)), Entry::credit(Account::FundOnHand, Fen(-2000)), Entry::credit(Account::TaxWithheld, Fen(-300))];
        assert_eq!(shown(lecture, true, &[]), [line("7101", -2000, 0), line("8001", 0, -2000)]);
    }

    #[test]
    fn money_outside_the_budget_has_no_budget_half() {
        assert_eq!(shown(vec![Entry::debit(Account::DonationFund, Fen(5)), Entry::credit(Account::DonationIncome, Fen(5))], false, &[]), []);
    }

    #[test]
    fn what_is_owed_at_the_year_end_is_no_expenditure_of_the_year() {
        let transfer = vec![Entry::debit(Account::Appropriation, Fen(1000)), Entry::credit(Account::Expenditure, Fen(700)), Entry::credit(Account::CarriedOver, Fen(300))];
        let owed = Owed { account: "2302".to_owned(), category: None, amount: Fen(100) };
        assert_eq!(shown(transfer, false, &[owed]), [line("6001", 1000, 0), line("7101", 0, 600), line("8101", 0, 400)]);
    }

    proptest! {
        #[test]
        fn a_balanced_voucher_has_two_balanced_halves_that_move_each_account_by_what_was_booked(amounts in prop::collection::vec((0_usize..7, -1_000_000_i64..1_000_000), 1..12), red: bool) {
            let accounts = [Account::FundOnHand, Account::TreasuryQuota, Account::StipendsPayable, Account::TaxWithheld, Account::CarriedOver, Account::Appropriation, Account::Expenditure];
            let mut entries: Vec<Entry> = amounts.iter().map(|(account, amount)| {
                if *amount > 0 { Entry::debit(accounts[*account], Fen(*amount)) } else { Entry::credit(accounts[*account], Fen(-*amount)) }
            }).collect();
            let left: i64 = entries.iter().map(|entry| entry.debit.0 - entry.credit.0).sum();
            entries.push(if left > 0 { Entry::credit(Account::FundOnHand, Fen(left)) } else { Entry::debit(Account::FundOnHand, Fen(-left)) });
            if red {
                entries = entries.iter().map(|entry| entry.red().unwrap()).collect();
            }
            let booked = lines(entries);
            let half = budget(&map(), red, &booked, &[]).unwrap();
            let (debit, credit) = sums(&half, Half::Budget).unwrap();
            prop_assert_eq!(debit, credit);
            prop_assert!(half.iter().all(|line| line.debit.is_zero() != line.credit.is_zero() && (line.debit.is_negative() || line.credit.is_negative()) == red));
            let mut moved: BTreeMap<String, i64> = BTreeMap::new();
            for line in &booked {
                let code = budget_code(&map(), &line.account, None, None).unwrap().unwrap();
                *moved.entry(code).or_default() += line.debit.0 - line.credit.0;
            }
            moved.retain(|_, amount| *amount != 0);
            prop_assert_eq!(moved, half.iter().map(|line| (line.code.clone(), line.debit.0 - line.credit.0)).collect());
            let first = financial(&map(), &booked).unwrap();
            let (debit, credit) = sums(&first, Half::Financial).unwrap();
            prop_assert_eq!(debit, credit);
            prop_assert_eq!(first.len(), booked.len());
        }
    }
}
