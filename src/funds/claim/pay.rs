//! Paying what is approved (E3): the reservation becomes spending, and the voucher is recorded under the accountant who reviewed. The cashier books nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use super::draft::Draft;
use super::model::Action;
use super::{claim, decide, draft, invoice, labour_month, papers, refusals, steps};
use crate::funds::budget::lines;
use crate::funds::ledger::years::{self, Sums};
use crate::funds::ledger::{Account, Entry, Posting, VoucherKind, post};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;
use crate::platform::http::Ending;

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

/// What payments add to lines, year and ledger: everybody who spends waits for these, so they are changed last, in the order of locks.
pub struct Booking {
    street: Uuid,
    by_line: BTreeMap<Uuid, Fen>,
    by_year: BTreeMap<i32, Fen>,
    postings: Vec<Posting>,
}

impl Booking {
    /// Books.
    ///
    /// # Errors
    /// 409 `line_short`, `funds_not_received`, `fund_short`, `period_closed`.
    pub async fn book(self, tx: &Tx, act: &Act) -> Result<(), Problem> {
        for (line, sum) in self.by_line {
            lines::consume(tx, line, sum).await?;
        }
        for (year, sum) in self.by_year {
            years::add(tx, self.street, year, Sums { spent: sum, ..Sums::default() }).await?;
        }
        for posting in self.postings {
            post(tx, act, posting).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Ending for Booking {
    async fn end(self: Box<Self>, tx: &Tx, act: &Act) -> Result<(), Problem> {
        self.book(tx, act).await
    }
}

/// Pays one claim alone, today; what is booked comes last.
///
/// # Errors
/// 409 `invalid_transition`, `information_requested`, `in_batch`, `invoice_red_lettered`, `labour_tax_short`, `paid_in_another_year`; 422 `value_date_out_of_range`; 403 `separation_of_duties`; as [`Booking::book`].
pub async fn pay(tx: &Tx, act: &Act, before: claim::Model, bank: BankFact) -> Result<(Draft, Booking), Problem> {
    steps::require(Action::Pay, &before)?;
    decide::require_no_batch(tx, &before).await?;
    let act = &steps::take_next(tx, act, &before).await?;
    if bank.value_date.is_some_and(|day| day > act.today || day.year() != before.fiscal_year) {
        return Err(refusals::value_date_out_of_range(before.fiscal_year));
    }
    let (lines, draws) = (draft::lines_of(tx, before.id).await?, invoice::draws_of(tx, [before.id]).await?);
    invoice::require_payable(tx, &draws).await?;
    labour_month::require_withheld(tx, act, [&before]).await?;
    let mut posting = posting_of(act, &before, act.today, &bank);
    posting.attachments_count = papers::count(tx, &before, &draws).await?;
    let (mut paid, booking) = write(tx, act, vec![(before, act.today, bank, posting)]).await?;
    let claim = paid.pop().ok_or_else(|| Problem::internal("a payment of nothing"))?;
    Ok((Draft { claim, lines, draws }, booking))
}

/// Turns claims of a batch into paid ones; what is booked comes last.
///
/// # Errors
/// 409 `paid_in_another_year`.
pub async fn settle(tx: &Tx, act: &Act, claims: Vec<(claim::Model, NaiveDate, BankFact)>) -> Result<(Vec<claim::Model>, Booking), Problem> {
    let mut payments = Vec::with_capacity(claims.len());
    for (before, date, bank) in claims {
        let mut posting = posting_of(act, &before, date, &bank);
        posting.attachments_count = papers::count(tx, &before, &invoice::draws_of(tx, [before.id]).await?).await?;
        payments.push((before, date, bank, posting));
    }
    write(tx, act, payments).await
}

/// The voucher of a payment, under the accountant who reviewed.
fn posting_of(act: &Act, row: &claim::Model, date: NaiveDate, bank: &BankFact) -> Posting {
    let mut posting = Posting::new((row.district_id, row.street_id), date, VoucherKind::ClaimPayment, ("claim", row.id), row.number.clone(), entries(row, 1));
    posting.bank_reference.clone_from(&bank.reference);
    (posting.prepared_by, posting.reviewed_by, posting.cashier) = (row.reviewed_by, row.approved_by, act.user_id());
    posting
}

/// Writes claims as paid, and gathers what is to be booked.
async fn write(tx: &Tx, act: &Act, claims: Vec<(claim::Model, NaiveDate, BankFact, Posting)>) -> Result<(Vec<claim::Model>, Booking), Problem> {
    let street = claims.first().ok_or_else(|| Problem::internal("a payment of nothing"))?.0.street_id;
    let (mut paid, mut postings) = (Vec::with_capacity(claims.len()), Vec::with_capacity(claims.len()));
    let (mut by_line, mut by_year): (BTreeMap<Uuid, Fen>, BTreeMap<i32, Fen>) = (BTreeMap::new(), BTreeMap::new());
    for (before, date, bank, posting) in claims {
        if date.year() != before.fiscal_year {
            return Err(refusals::paid_in_another_year(before.fiscal_year));
        }
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
        labour_month::set_month(tx, &after, Some(Month::of(date))).await?;
        for sum in [by_line.entry(after.budget_line_id).or_default(), by_year.entry(after.fiscal_year).or_default()] {
            *sum = sum.checked_add(after.amount).map_err(Problem::internal)?;
        }
        postings.push(posting);
        paid.push(after);
    }
    Ok((paid, Booking { street, by_line, by_year, postings }))
}
