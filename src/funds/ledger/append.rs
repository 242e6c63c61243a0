//! Adding a voucher to the chain: head and counter are locked, the voucher with its lines is written, balances are added, head and counter are set. On PostgreSQL this is
//! one statement, so that the street's head is held for one round trip; SQLite, which has one writer, takes two.

use std::collections::BTreeMap;

use sea_orm::FromQueryResult;
use serde::Serialize;
use uuid::Uuid;

use super::{model, refusals, voucher, voucher_line};
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

#[derive(FromQueryResult)]
struct Head {
    seq: i64,
    hash: String,
    last: i32,
}

/// `$1` district, `$2` street, `$3` month, `$4` year, `$5` the voucher, `$6` its lines, `$7` what is added to balances, `$8` whether it closes the year, `$9` to `$11` the text
/// that is hashed, around number and seq. Head, then counter are locked; an open year is asked for once more, where the caller's sums did not.
const APPEND: &str = "WITH old AS (SELECT h.seq, h.hash FROM ledger_heads h WHERE h.street_id = $2 \
    AND EXISTS (SELECT 1 FROM fiscal_years y WHERE y.district_id = $1 AND y.street_id = $2 AND y.year = $4 AND y.state = 'open') FOR NO KEY UPDATE), \
    number AS (INSERT INTO ledger_counters (district_id, street_id, month, last) SELECT $1, $2, $3, 1 FROM old \
      ON CONFLICT (district_id, street_id, month) DO UPDATE SET last = ledger_counters.last + 1 RETURNING last), \
    made AS MATERIALIZED (SELECT old.seq + 1 AS seq, number.last, \
      encode(sha256(convert_to(old.hash || $9 || CAST(number.last AS text) || $10 || CAST(old.seq + 1 AS text) || $11, 'UTF8')), 'hex') AS hash FROM old, number), \
    head AS (UPDATE ledger_heads h SET seq = made.seq, hash = made.hash FROM made WHERE h.street_id = $2), \
    voucher AS (INSERT INTO vouchers (id, district_id, street_id, fiscal_year, month, word, number, seq, date, kind, source_type, source_id, reverses_id, summary, bank_reference, attachments_count, amount, \
      prepared_by, prepared_job, authorisation_id, reviewed_by, cashier, recorded_at, algorithm, hash) \
      SELECT v.id, $1, $2, $4, $3, v.word, made.last, made.seq, v.date, v.kind, v.source_type, v.source_id, v.reverses_id, v.summary, v.bank_reference, v.attachments_count, v.amount_fen, \
      v.prepared_by, v.prepared_job, v.authorisation_id, v.reviewed_by, v.cashier, v.recorded_at, v.algorithm, made.hash FROM made, \
      json_to_record(CAST($5 AS json)) AS v(id uuid, word text, date date, kind text, source_type text, source_id uuid, reverses_id uuid, summary text, bank_reference text, attachments_count integer, \
        amount_fen bigint, prepared_by uuid, prepared_job text, authorisation_id uuid, reviewed_by uuid, cashier uuid, recorded_at timestamptz, algorithm text)), \
    line AS (INSERT INTO voucher_lines (id, district_id, street_id, voucher_id, line_number, account, debit, credit, category_id, community_id, red) \
      SELECT l.id, $1, $2, l.voucher, l.number, l.account, l.debit, l.credit, l.category, l.community, l.red FROM made, \
      json_to_recordset(CAST($6 AS json)) AS l(id uuid, voucher uuid, number integer, account text, debit bigint, credit bigint, category uuid, community uuid, red boolean)), \
    turnover AS (INSERT INTO ledger_turnovers (district_id, street_id, account, category_key, community_key, month, closing, debit, credit) \
      SELECT $1, $2, r.account, r.category, r.community, $3, $8, r.debit, r.credit FROM made, \
      json_to_recordset(CAST($7 AS json)) AS r(account text, category uuid, community uuid, debit bigint, credit bigint) \
      ON CONFLICT (district_id, street_id, account, month, category_key, community_key, closing) DO UPDATE SET debit = ledger_turnovers.debit + excluded.debit, credit = ledger_turnovers.credit + excluded.credit) \
    SELECT seq, hash, last FROM made";

/// Head, then counter, each in a row of its own.
const TAKE_HEAD: &str = "UPDATE ledger_heads SET seq = seq + 1 WHERE street_id = $2 \
    AND EXISTS (SELECT 1 FROM fiscal_years y WHERE y.district_id = $1 AND y.street_id = $2 AND y.year = $4 AND y.state = 'open') RETURNING seq, hash, 0 AS last; \
    INSERT INTO ledger_counters (district_id, street_id, month, last) VALUES ($1, $2, $3, 1) ON CONFLICT (district_id, street_id, month) DO UPDATE SET last = ledger_counters.last + 1 RETURNING 0 AS seq, '' AS hash, last";

/// What locks the head and tells number and place: on PostgreSQL all of it is written by the same statement.
const HEAD: Sql = Sql { postgres: APPEND, sqlite: TAKE_HEAD };

const ADD_TURNOVERS: Sql = Sql::both(
    "INSERT INTO ledger_turnovers (district_id, street_id, account, category_key, community_key, month, closing, debit, credit) \
     SELECT $2, $3, value ->> 'account', unhex(value ->> 'category'), unhex(value ->> 'community'), $4, $5, value ->> 'debit', value ->> 'credit' FROM json_each($1) WHERE true \
     ON CONFLICT (district_id, street_id, account, month, category_key, community_key, closing) DO UPDATE SET debit = ledger_turnovers.debit + excluded.debit, credit = ledger_turnovers.credit + excluded.credit",
);
const SET_HEAD: Sql = Sql::both("UPDATE ledger_heads SET hash = $2 WHERE street_id = $1");

#[derive(Serialize)]
struct TurnoverRow<'a> {
    account: &'a str,
    category: String,
    community: String,
    debit: i64,
    credit: i64,
}

#[derive(Serialize)]
struct LineRow<'a> {
    id: Uuid,
    voucher: Uuid,
    number: i32,
    account: &'a str,
    debit: i64,
    credit: i64,
    category: Option<Uuid>,
    community: Option<Uuid>,
    red: bool,
}

/// The voucher as PostgreSQL takes it apart: amounts are fen.
#[derive(Serialize)]
struct VoucherRow<'a> {
    #[serde(flatten)]
    voucher: &'a voucher::Model,
    amount_fen: i64,
}

/// What lines add to the balances: one row a balance, in one order for all postings.
fn turnovers(lines: &[voucher_line::Model]) -> Result<String, Problem> {
    let mut sums: BTreeMap<(&str, Uuid, Uuid), (Fen, Fen)> = BTreeMap::new();
    for line in lines {
        let key = |id: Option<Uuid>| id.unwrap_or(Uuid::nil());
        let sum = sums.entry((&line.account, key(line.category_id), key(line.community_id))).or_default();
        *sum = (sum.0.checked_add(line.debit).map_err(Problem::internal)?, sum.1.checked_add(line.credit).map_err(Problem::internal)?);
    }
    let row = |((account, category, community), (debit, credit)): ((_, Uuid, Uuid), (Fen, Fen))| TurnoverRow {
        account,
        category: category.simple().to_string(),
        community: community.simple().to_string(),
        debit: debit.0,
        credit: credit.0,
    };
    serde_json::to_string(&sums.into_iter().map(row).collect::<Vec<_>>()).map_err(Problem::internal)
}

/// Writes a voucher with its lines as the next of its street and month; gives it with its number, its place in the chain and its hash.
///
/// # Errors
/// 409 `fiscal_year_not_open`, `period_closed`.
pub(super) async fn append(tx: &Tx, row: voucher::Model, lines: &[voucher_line::Model], closing: bool) -> Result<voucher::Model, Problem> {
    if tx.is_postgres() { append_at_once(tx, row, lines, closing).await } else { append_in_two(tx, row, lines, closing).await }
}

async fn append_at_once(tx: &Tx, row: voucher::Model, lines: &[voucher_line::Model], closing: bool) -> Result<voucher::Model, Problem> {
    let [before, between, after] = around_numbers(&row, lines)?;
    let text = serde_json::to_string(&VoucherRow { voucher: &row, amount_fen: row.amount.0 }).map_err(Problem::internal)?;
    let rows = serde_json::to_string(&lines.iter().map(line_row).collect::<Vec<_>>()).map_err(Problem::internal)?;
    let values = vec![
        row.district_id.into(),
        row.street_id.into(),
        row.month.into(),
        row.fiscal_year.into(),
        text.into(),
        rows.into(),
        turnovers(lines)?.into(),
        closing.into(),
        before.into(),
        between.into(),
        after.into(),
    ];
    let made = tx.query_one::<Head>(HEAD, values).await?.ok_or_else(|| refusals::fiscal_year_not_open(row.fiscal_year))?;
    Ok(voucher::Model { number: made.last, seq: made.seq, hash: made.hash, ..row })
}

fn line_row(line: &voucher_line::Model) -> LineRow<'_> {
    LineRow {
        id: line.id,
        voucher: line.voucher_id,
        number: line.line_number,
        account: &line.account,
        debit: line.debit.0,
        credit: line.credit.0,
        category: line.category_id,
        community: line.community_id,
        red: line.red,
    }
}

async fn append_in_two(tx: &Tx, row: voucher::Model, lines: &[voucher_line::Model], closing: bool) -> Result<voucher::Model, Problem> {
    let (district, street) = (row.district_id, row.street_id);
    let taken = tx.query::<Head>(HEAD, vec![district.into(), street.into(), row.month.into(), row.fiscal_year.into()]).await?;
    let [head, counter] = taken.as_slice() else {
        return Err(refusals::fiscal_year_not_open(row.fiscal_year));
    };
    let mut row = voucher::Model { number: counter.last, seq: head.seq, ..row };
    row.hash = content_hash(&head.hash, &row, lines)?;
    let mut writes = tx.together();
    writes.insert::<voucher::Entity, voucher::ActiveModel>(vec![row.clone()])?;
    writes.insert::<voucher_line::Entity, voucher_line::ActiveModel>(lines.to_vec())?;
    writes.statement(ADD_TURNOVERS, vec![turnovers(lines)?.into(), district.into(), street.into(), row.month.into(), closing.into()]);
    writes.statement(SET_HEAD, vec![street.into(), row.hash.clone().into()]);
    tx.run_together(writes).await?;
    Ok(row)
}

/// What is hashed of a voucher with its lines: every column but the hash itself.
fn content(voucher: &voucher::Model, lines: &[voucher_line::Model]) -> Result<serde_json::Value, Problem> {
    let mut content = serde_json::to_value(voucher).map_err(Problem::internal)?;
    if let Some(fields) = content.as_object_mut() {
        fields.remove("hash");
        fields.insert("recorded_at".to_owned(), voucher.recorded_at.timestamp_millis().to_string().into());
        fields.insert("lines".to_owned(), serde_json::to_value(lines).map_err(Problem::internal)?);
    }
    Ok(content)
}

/// The hash of a voucher with its lines.
///
/// # Errors
/// 500 where it cannot be written as JSON.
pub(super) fn content_hash(previous: &str, voucher: &voucher::Model, lines: &[voucher_line::Model]) -> Result<String, Problem> {
    model::hash(previous, &content(voucher, lines)?)
}

/// The text that is hashed, up to the number, from there to the place in the chain, and the rest: where these two are known only once the head is locked.
fn around_numbers(voucher: &voucher::Model, lines: &[voucher_line::Model]) -> Result<[String; 3], Problem> {
    let mut content = content(voucher, lines)?;
    // Nothing else in it is this text: it was made just now.
    let marks = [Uuid::new_v4(), Uuid::new_v4()].map(|mark| mark.to_string());
    for (field, mark) in ["number", "seq"].into_iter().zip(&marks) {
        content[field] = mark.clone().into();
    }
    let text = serde_json_canonicalizer::to_string(&content).map_err(Problem::internal)?;
    let missing = || Problem::internal("a voucher without number and place");
    let [number, seq] = marks.map(|mark| format!("\"{mark}\""));
    let (before, rest) = text.split_once(&number).ok_or_else(missing)?;
    let (between, after) = rest.split_once(&seq).ok_or_else(missing)?;
    Ok([before.to_owned(), between.to_owned(), after.to_owned()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::period::Month;

    fn voucher(number: i32, seq: i64, summary: String) -> voucher::Model {
        let id = Uuid::from_u128(7);
        voucher::Model {
            id,
            district_id: id,
            street_id: id,
            fiscal_year: 2017,
            month: Month::of("2017-03-20".parse().unwrap()),
            word: "记".to_owned(),
            number,
            seq,
            date: "2017-03-20".parse().unwrap(),
            kind: "receipt".to_owned(),
            source_type: "receipt".to_owned(),
            source_id: id,
            reverses_id: None,
            summary,
            bank_reference: None,
            attachments_count: 0,
            amount: Fen(12_345),
            prepared_by: Some(id),
            prepared_job: None,
            authorisation_id: None,
            reviewed_by: None,
            cashier: None,
            recorded_at: "2017-03-20T01:00:00Z".parse().unwrap(),
            algorithm: model::ALGORITHM.to_owned(),
            hash: String::new(),
        }
    }

    proptest! {
        #[test]
        fn the_text_around_the_numbers_with_them_in_it_is_what_is_verified(number in 1..i32::MAX, seq in 1..i64::from(i32::MAX), summary in ".{0,40}") {
            let row = voucher(number, seq, summary);
            let [before, between, after] = around_numbers(&row, &[]).unwrap();
            let text = serde_json_canonicalizer::to_string(&content(&row, &[]).unwrap()).unwrap();
            prop_assert_eq!(format!("{before}{number}{between}{seq}{after}"), text);
        }
    }
}
