//! Paying what is approved (E3): the reservation becomes spending, and the voucher is recorded under the accountant who reviewed. The cashier books nothing.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use super::model::Action;
use super::{claim, decide, invoice, papers, refusals, steps};
use crate::funds::budget::lines;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// The account that a claim is paid from.
#[must_use]
pub fn on_hand(row: &claim::Model) -> Account {
    if row.paid_from == "quota" { Account::TreasuryQuota } else { Account::FundOnHand }
}

/// Dr 5001 gross of the line / Cr 1002 (1011) net, Cr 2307 tax; with minus where `sign` is -1.
///
/// # Errors
/// 500 on overflow.
pub fn entries(row: &claim::Model, sign: i64) -> Vec<Entry> {
    let of = |amount: Fen| Fen(amount.0.saturating_mul(sign));
    vec![
        Entry::debit(Account::Expenditure, of(row.amount)).of_category(row.category_id).of_community(row.community_id),
        Entry::credit(on_hand(row), of(row.net)),
        Entry::credit(Account::TaxWithheld, of(row.tax)),
    ]
}

/// What the bank said of a payment.
#[derive(Clone, Debug, Default)]
pub struct BankFact {
    /// Its reference.
    pub reference: Option<String>,
    /// The value date.
    pub value_date: Option<NaiveDate>,
}

/// Pays one claim alone, today.
///
/// # Errors
/// 409 `invalid_transition`, `information_requested`, `in_batch`, `invoice_red_lettered`, `paid_in_another_year`, `funds_not_received`, `fund_short`; 403 `separation_of_duties`.
pub async fn pay(tx: &Tx, act: &Act, before: claim::Model, bank: BankFact) -> Result<claim::Model, Problem> {
    steps::require(Action::Pay, &before)?;
    decide::require_no_batch(tx, &before).await?;
    steps::take_next(tx, act, &before).await?;
    invoice::require_payable(tx, &before).await?;
    let paid = settle(tx, act, vec![(before, act.today, bank)]).await?;
    paid.into_iter().next().ok_or_else(|| Problem::internal("a payment of nothing"))
}

/// Turns claims into paid ones and books each, in the order of locks: claims, budget lines by id, years, ledger.
///
/// # Errors
/// 409 `paid_in_another_year`, `line_short`, `funds_not_received`, `fund_short`, `period_closed`.
pub async fn settle(tx: &Tx, act: &Act, claims: Vec<(claim::Model, NaiveDate, BankFact)>) -> Result<Vec<claim::Model>, Problem> {
    let (mut paid, mut postings) = (Vec::with_capacity(claims.len()), Vec::with_capacity(claims.len()));
    let (mut by_line, mut by_year): (BTreeMap<Uuid, Fen>, BTreeMap<i32, Fen>) = (BTreeMap::new(), BTreeMap::new());
    for (before, date, bank) in claims {
        if date.year() != before.fiscal_year {
            return Err(refusals::paid_in_another_year(before.fiscal_year));
        }
        let mut posting = Posting::new((before.district_id, before.street_id), date, VoucherKind::ClaimPayment, ("claim", before.id), before.number.clone(), entries(&before, 1));
        posting.bank_reference.clone_from(&bank.reference);
        (posting.prepared_by, posting.reviewed_by, posting.cashier) = (before.reviewed_by, before.approved_by, act.user_id());
        posting.attachments_count = papers::count(tx, &before).await?;
        let after = claim::Model {
            state: "paid".to_owned(),
            reserved: Fen::ZERO,
            paid_by: act.user_id(),
            paid_on: Some(date),
            bank_reference: bank.reference,
            value_date: bank.value_date.or(Some(date)),
            voucher_id: Some(posting.id),
            expires_on: None,
            ..before.clone()
        };
        let after = steps::put(tx, act, "pay", &before, after, None).await?;
        for sum in [by_line.entry(after.budget_line_id).or_default(), by_year.entry(after.fiscal_year).or_default()] {
            *sum = sum.checked_add(after.amount).map_err(Problem::internal)?;
        }
        postings.push(posting);
        paid.push(after);
    }
    let street = paid.first().ok_or_else(|| Problem::internal("a payment of nothing"))?.street_id;
    for (line, sum) in by_line {
        lines::consume(tx, line, sum).await?;
    }
    for (year, sum) in by_year {
        years::add(tx, street, year, Sums { spent: sum, ..Sums::default() }).await?;
    }
    for posting in postings {
        post(tx, act, posting).await?;
    }
    Ok(paid)
}
