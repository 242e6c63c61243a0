//! Posting: the last statements before the commit of what moves money. Head and counter are locked, then the voucher is written, balances are added,
//! head and counter are set; a rollback leaves no gap.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, SubsecRound};
use sea_orm::FromQueryResult;
use serde::Serialize;
use uuid::Uuid;

use super::model::{self, Account, Entry, VoucherKind};
use super::read::balance_of;
use super::{refusals, voucher, voucher_line};
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

#[derive(FromQueryResult)]
struct Head {
    seq: i64,
    hash: String,
    last: i32,
}

#[derive(FromQueryResult)]
struct Counter {
    last: i32,
}

/// Head and counter are locked in this order, where the year is open; SQLite, which has one writer, counts by a statement of its own.
const TAKE_HEAD: Sql = Sql {
    postgres: "WITH head AS (UPDATE ledger_heads SET seq = seq + 1 WHERE street_id = $2 \
        AND EXISTS (SELECT 1 FROM fiscal_years y WHERE y.district_id = $1 AND y.street_id = $2 AND y.year = $4 AND y.state = 'open') RETURNING seq, hash), \
        number AS (INSERT INTO ledger_counters (district_id, street_id, month, last) SELECT $1, $2, $3, 1 FROM head ON CONFLICT (street_id, month) DO UPDATE SET last = ledger_counters.last + 1 RETURNING last) \
        SELECT head.seq, head.hash, number.last FROM head, number",
    sqlite: "UPDATE ledger_heads SET seq = seq + 1 WHERE street_id = $2 \
        AND EXISTS (SELECT 1 FROM fiscal_years y WHERE y.district_id = $1 AND y.street_id = $2 AND y.year = $4 AND y.state = 'open') AND $3 IS NOT NULL RETURNING seq, hash, 0 AS last",
};
const NEXT_NUMBER: Sql =
    Sql::both("INSERT INTO ledger_counters (district_id, street_id, month, last) VALUES ($1, $2, $3, 1) ON CONFLICT (street_id, month) DO UPDATE SET last = ledger_counters.last + 1 RETURNING last");
/// Adds to the balances; on PostgreSQL the head is set with them.
const ADD_TURNOVERS: Sql = Sql {
    postgres: "WITH head AS (UPDATE ledger_heads SET hash = $6 WHERE street_id = $3) \
        INSERT INTO ledger_turnovers (district_id, street_id, account, category_key, community_key, month, closing, debit, credit) \
        SELECT $2, $3, r.account, r.category, r.community, $4, $5, r.debit, r.credit FROM json_to_recordset(CAST($1 AS json)) AS r(account text, category uuid, community uuid, debit bigint, credit bigint) \
        ON CONFLICT (street_id, account, month, category_key, community_key, closing) DO UPDATE SET debit = ledger_turnovers.debit + excluded.debit, credit = ledger_turnovers.credit + excluded.credit",
    sqlite: "INSERT INTO ledger_turnovers (district_id, street_id, account, category_key, community_key, month, closing, debit, credit) \
        SELECT $2, $3, value ->> 'account', unhex(value ->> 'category'), unhex(value ->> 'community'), $4, $5, value ->> 'debit', value ->> 'credit' FROM json_each($1) WHERE $6 IS NOT NULL \
        ON CONFLICT (street_id, account, month, category_key, community_key, closing) DO UPDATE SET debit = ledger_turnovers.debit + excluded.debit, credit = ledger_turnovers.credit + excluded.credit",
};
const SET_HEAD: Sql = Sql::both("UPDATE ledger_heads SET hash = $2 WHERE street_id = $1");

/// The street's head and the month's next number, both locked until this transaction ends.
async fn take_head(tx: &Tx, (district, street): (Uuid, Uuid), month: Month, year: i32) -> Result<Head, Problem> {
    let found = tx.query_one::<Head>(TAKE_HEAD, vec![district.into(), street.into(), month.into(), year.into()]).await?;
    let mut head = found.ok_or_else(|| refusals::fiscal_year_not_open(year))?;
    if !tx.is_postgres() {
        let number = tx.query_one::<Counter>(NEXT_NUMBER, vec![district.into(), street.into(), month.into()]).await?;
        head.last = number.ok_or_else(|| Problem::internal("no counter"))?.last;
    }
    Ok(head)
}

#[derive(Serialize)]
struct TurnoverRow {
    account: &'static str,
    category: String,
    community: String,
    debit: i64,
    credit: i64,
}

/// Adds the entries to the balances, and sets the head's hash.
async fn close_posting(tx: &Tx, (district, street): (Uuid, Uuid), month: Month, closing: bool, entries: &[Entry], hash: &str) -> Result<(), Problem> {
    // One row a balance, in one order for all postings.
    let mut sums: BTreeMap<(&'static str, Uuid, Uuid), (Fen, Fen)> = BTreeMap::new();
    for entry in entries {
        let key = |id: Option<Uuid>| id.unwrap_or(Uuid::nil());
        let sum = sums.entry((entry.account.code(), key(entry.category), key(entry.community))).or_default();
        *sum = (sum.0.checked_add(entry.debit).map_err(Problem::internal)?, sum.1.checked_add(entry.credit).map_err(Problem::internal)?);
    }
    let row = |((account, category, community), (debit, credit)): ((&'static str, Uuid, Uuid), (Fen, Fen))| TurnoverRow {
        account,
        category: category.simple().to_string(),
        community: community.simple().to_string(),
        debit: debit.0,
        credit: credit.0,
    };
    let rows = serde_json::to_string(&sums.into_iter().map(row).collect::<Vec<_>>()).map_err(Problem::internal)?;
    tx.execute(ADD_TURNOVERS, vec![rows.into(), district.into(), street.into(), month.into(), closing.into(), hash.to_owned().into()]).await?;
    if !tx.is_postgres() {
        tx.execute(SET_HEAD, vec![street.into(), hash.to_owned().into()]).await?;
    }
    Ok(())
}

/// Books one voucher. The sums of the year and the budget line are the caller's, before this.
///
/// # Errors
/// 422 for its date, 409 `fiscal_year_not_open`, `period_closed`, `fund_short`.
pub async fn post(tx: &Tx, act: &Act, posting: Posting) -> Result<voucher::Model, Problem> {
    model::check_date(posting.kind, posting.date, act.today)?;
    let (entries, amount) = model::check_entries(posting.kind, posting.entries)?;
    let (place, month) = ((posting.district, posting.street), Month::of(posting.date));
    let head = take_head(tx, place, month, posting.date.year()).await?;
    let (prepared_job, authorisation_id) = match (&act.by, posting.prepared_by) {
        (Performer::Job { name, authorisation }, None) => (Some((*name).to_owned()), *authorisation),
        (_, None) => (posting.prepared_job.map(str::to_owned), None),
        _ => (None, None),
    };
    let mut row = voucher::Model {
        id: posting.id,
        district_id: posting.district,
        street_id: posting.street,
        fiscal_year: posting.date.year(),
        month,
        word: "记".to_owned(),
        number: head.last,
        seq: head.seq,
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
    row.hash = content_hash(&head.hash, &row, &lines)?;
    let written = tx.insert::<voucher::Entity, _>(voucher::ActiveModel::from(row).reset()).await?;
    tx.insert_all::<voucher_line::Entity, voucher_line::ActiveModel>(lines).await?;
    close_posting(tx, place, month, posting.kind == VoucherKind::Closing, &entries, &written.hash).await?;
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

/// All columns of a model are written.
trait Reset {
    fn reset(self) -> Self;
}

impl<A: sea_orm::ActiveModelTrait> Reset for A {
    fn reset(self) -> Self {
        self.reset_all()
    }
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

/// The hash of a voucher with its lines: every column but the hash itself.
///
/// # Errors
/// 500 where it cannot be written as JSON.
pub(super) fn content_hash(previous: &str, voucher: &voucher::Model, lines: &[voucher_line::Model]) -> Result<String, Problem> {
    let mut content = serde_json::to_value(voucher).map_err(Problem::internal)?;
    if let Some(fields) = content.as_object_mut() {
        fields.remove("hash");
        fields.insert("recorded_at".to_owned(), voucher.recorded_at.timestamp_millis().to_string().into());
        fields.insert("lines".to_owned(), serde_json::to_value(lines).map_err(Problem::internal)?);
    }
    model::hash(previous, &content)
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
