//! Posting: the last statements before the commit of what moves money. Head and counter are locked, then the voucher is written, balances are added,
//! head and counter are set; a rollback leaves no gap.

use chrono::{Datelike, NaiveDate, SubsecRound};
use uuid::Uuid;

use super::model::{self, Account, Entry, VoucherKind};
use super::read::balance_of;
use super::{append, refusals, voucher, voucher_line};
use crate::kernel::act::{Act, Performer};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// What is to be booked.
#[derive(Debug)]
pub struct Posting {
    /// The voucher's id, known before it is written: what it books may name it.
    pub id: Uuid,
    /// The district.
    pub district: Uuid,
    /// The street whose books they are.
    pub street: Uuid,
    /// The posting date.
    pub date: NaiveDate,
    /// What it books.
    pub kind: VoucherKind,
    /// Its cause: kind of record and id.
    pub source: (&'static str, Uuid),
    /// A code that tells the cause in the summary, such as a document's number or a period; nobody's name.
    pub code: String,
    /// How the bank names the payment or receipt, where its cause tells: reconciliation goes by it.
    pub bank_reference: Option<String>,
    /// The voucher it undoes.
    pub reverses: Option<Uuid>,
    /// 附单据数.
    pub attachments_count: i32,
    /// Who is recorded as the preparer, where it is not who acts.
    pub prepared_by: Option<Uuid>,
    /// The job that is recorded as the preparer, where nobody is.
    pub prepared_job: Option<&'static str>,
    /// The standing authorisation under which that job acted.
    pub authorisation: Option<Uuid>,
    /// Who approved the cause.
    pub reviewed_by: Option<Uuid>,
    /// Who paid.
    pub cashier: Option<Uuid>,
    /// The lines; those of 0.00 are left out.
    pub entries: Vec<Entry>,
}

impl Posting {
    /// A posting of a street without what only some kinds have.
    #[must_use]
    pub fn new(place: (Uuid, Uuid), date: NaiveDate, kind: VoucherKind, source: (&'static str, Uuid), code: impl Into<String>, entries: Vec<Entry>) -> Self {
        Self {
            id: new_id(),
            district: place.0,
            street: place.1,
            date,
            kind,
            source,
            code: code.into(),
            bank_reference: None,
            reverses: None,
            attachments_count: 0,
            prepared_by: None,
            prepared_job: None,
            authorisation: None,
            reviewed_by: None,
            cashier: None,
            entries,
        }
    }

    /// How the bank names it.
    #[must_use]
    pub fn known_to_bank_as(mut self, reference: impl Into<String>) -> Self {
        self.bank_reference = Some(reference.into());
        self
    }

    /// Who approved the cause.
    #[must_use]
    pub const fn reviewed_by(mut self, user: Option<Uuid>) -> Self {
        self.reviewed_by = user;
        self
    }
}

/// Books one voucher. The sums of the year and the budget line are the caller's, before this.
///
/// # Errors
/// 422 for its date, 409 `fiscal_year_not_open`, `period_closed`, `fund_short`.
pub async fn post(tx: &Tx, act: &Act, posting: Posting) -> Result<voucher::Model, Problem> {
    model::check_date(posting.kind, posting.date, act.today)?;
    let (entries, amount) = model::check_entries(posting.kind, posting.entries)?;
    let (prepared_job, authorisation_id) = match (&act.by, posting.prepared_by) {
        (Performer::Job { name, authorisation }, None) => (Some((*name).to_owned()), *authorisation),
        (_, None) => (posting.prepared_job.map(str::to_owned), posting.authorisation),
        _ => (None, None),
    };
    let row = voucher::Model {
        id: posting.id,
        district_id: posting.district,
        street_id: posting.street,
        fiscal_year: posting.date.year(),
        month: Month::of(posting.date),
        word: "记".to_owned(),
        number: 0,
        seq: 0,
        date: posting.date,
        kind: posting.kind.code().to_owned(),
        source_type: posting.source.0.to_owned(),
        source_id: posting.source.1,
        reverses_id: posting.reverses,
        summary: format!("{} {}", posting.kind.facts().1, posting.code).trim().to_owned(),
        bank_reference: posting.bank_reference,
        attachments_count: posting.attachments_count,
        amount,
        prepared_by: posting.prepared_by.or_else(|| if prepared_job.is_some() { None } else { act.user_id() }),
        prepared_job,
        authorisation_id,
        reviewed_by: posting.reviewed_by,
        cashier: posting.cashier,
        recorded_at: act.at.trunc_subsecs(3),
        algorithm: model::ALGORITHM.to_owned(),
        hash: String::new(),
    };
    let lines = lines_of(&row, &entries, posting.kind == VoucherKind::Reversal)?;
    let written = append::append(tx, row, &lines, posting.kind == VoucherKind::Closing).await?;
    check_money_on_hand(tx, posting.street, &entries).await?;
    Ok(written)
}

/// Keeps every other posting of a street out until this transaction ends: what is closed under it cannot be crossed by a voucher that was begun before.
///
/// # Errors
/// 500 where the database fails.
pub async fn hold_head(tx: &Tx, street: Uuid) -> Result<(), Problem> {
    tx.execute(Sql::both("UPDATE ledger_heads SET seq = seq WHERE street_id = $1"), vec![street.into()]).await?;
    Ok(())
}

fn lines_of(voucher: &voucher::Model, entries: &[Entry], red: bool) -> Result<Vec<voucher_line::Model>, Problem> {
    let numbered = entries.iter().enumerate();
    numbered
        .map(|(index, entry)| {
            Ok(voucher_line::Model {
                id: new_id(),
                district_id: voucher.district_id,
                street_id: voucher.street_id,
                voucher_id: voucher.id,
                line_number: i32::try_from(index).map_err(Problem::internal)?.saturating_add(1),
                account: entry.account.code().to_owned(),
                debit: entry.debit,
                credit: entry.credit,
                category_id: entry.category,
                community_id: entry.community,
                red,
            })
        })
        .collect()
}

/// What takes money on hand below 0 is refused.
async fn check_money_on_hand(tx: &Tx, street: Uuid, entries: &[Entry]) -> Result<(), Problem> {
    for account in Account::ALL.into_iter().filter(|account| account.never_below_zero()) {
        let lessens = |entry: &&Entry| entry.account == account && (entry.credit.is_positive() || entry.debit.is_negative());
        if entries.iter().any(|entry| lessens(&entry)) {
            let balance: Fen = balance_of(tx, street, account).await?;
            if balance.is_negative() {
                return Err(refusals::fund_short(account.code(), balance));
            }
        }
    }
    Ok(())
}
