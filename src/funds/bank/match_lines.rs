//! Matching the lines of statements with the books: by the rules, then by hand; each match is audited and can be undone with a reason. The database holds that a line is matched once.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::import_statement::{require_months_open, touch};
use super::matching::{BankSide, BookSide, propose};
use super::words::Part;
use super::{bank_match, bank_match_item, bank_statement, bank_statement_line, refusals};
use crate::funds::ledger::voucher;
use crate::kernel::act::Act;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};

/// How far outside the statement's days the books are looked through for a reference.
const REFERENCE_DAYS: u64 = 62;

/// A line of a voucher on an account, with its voucher.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct BookLine {
    pub voucher_id: Uuid,
    pub line_number: i32,
    pub date: NaiveDate,
    pub kind: String,
    pub bank_reference: Option<String>,
    pub reverses_id: Option<Uuid>,
    pub amount: Fen,
}

/// What a run of the rules found.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchReport {
    /// The statement as it is now.
    pub statement: bank_statement::Model,
    /// The matches that were made.
    pub matches: Vec<bank_match::Model>,
    /// Lines of the statement that are still open.
    pub open_lines: i64,
}

const OPEN_BOOKS: Sql = Sql::both(
    "SELECT l.voucher_id, l.line_number, v.date, v.kind, v.bank_reference, v.reverses_id, l.debit - l.credit AS amount \
     FROM vouchers v JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id \
     WHERE v.district_id = $1 AND v.street_id = $2 AND l.account = $3 AND v.month BETWEEN $6 AND $7 AND v.date BETWEEN $4 AND $5 AND v.kind <> 'opening' \
     AND NOT EXISTS (SELECT 1 FROM bank_match_items i WHERE i.district_id = l.district_id AND i.street_id = l.street_id AND i.voucher_id = l.voucher_id AND i.line_number = l.line_number AND i.live) \
     ORDER BY v.date, v.seq, l.line_number",
);
const OF_VOUCHER: Sql = Sql::both(
    "SELECT l.voucher_id, l.line_number, v.date, v.kind, v.bank_reference, v.reverses_id, l.debit - l.credit AS amount \
     FROM vouchers v JOIN voucher_lines l ON l.district_id = v.district_id AND l.street_id = v.street_id AND l.voucher_id = v.id \
     WHERE v.district_id = $1 AND v.street_id = $2 AND l.account = $3 AND v.id = $4 AND v.kind <> 'opening' ORDER BY l.line_number",
);

fn require_imported(action: &str, statement: &bank_statement::Model) -> Result<(), Problem> {
    if statement.state == "imported" { Ok(()) } else { Err(Problem::invalid_transition(action, &statement.state)) }
}

/// Runs the rules over the open lines of a statement, amounts within `days` of each other.
///
/// # Errors
/// 409 `invalid_transition`, `already_matched` where another was quicker.
pub async fn by_rules(tx: &Tx, act: &Act, row: Authorised<bank_statement::Model>, days: u32) -> Result<MatchReport, Problem> {
    let statement = row.into_inner();
    require_imported("match", &statement)?;
    let open = tx.select::<bank_statement_line::Entity>().filter(bank_statement_line::Column::StatementId.eq(statement.id)).filter(bank_statement_line::Column::MatchId.is_null());
    let lines = tx.all(open.order_by_asc(bank_statement_line::Column::LineNumber)).await?;
    let around = Days::new(REFERENCE_DAYS);
    let from = statement.from_date.checked_sub_days(around).unwrap_or(statement.from_date);
    let to = statement.to_date.checked_add_days(around).unwrap_or(statement.to_date);
    let account = statement.account.clone();
    let books =
        tx.query::<BookLine>(OPEN_BOOKS, vec![statement.district_id.into(), statement.street_id.into(), account.into(), from.into(), to.into(), Month::of(from).into(), Month::of(to).into()]).await?;
    let bank = lines.iter().map(|line| bank_side(&act.keys, line)).collect::<Result<Vec<_>, _>>()?;
    let proposals = propose(&bank, &books.iter().map(book_side).collect::<Vec<_>>(), i64::from(days));
    let mut matches = Vec::with_capacity(proposals.len());
    let mut matched = 0_usize;
    for found in proposals {
        matched = matched.saturating_add(found.bank.len());
        let of_bank: Vec<&bank_statement_line::Model> = found.bank.iter().filter_map(|place| lines.get(*place)).collect();
        let of_books: Vec<&BookLine> = found.books.iter().filter_map(|place| books.get(*place)).collect();
        matches.push(make(tx, act, &statement, found.rule, (&of_bank, &of_books)).await?);
    }
    let statement = touch(tx, &statement, Some(act.at)).await?;
    let trace = serde_json::json!({"days": days, "matches": matches.len(), "lines_matched": matched});
    audit::record(tx, act, Event::new("bank_statement.match", "bank_statement", statement.id, bank_statement::Entity::place(&statement)).after(&trace)?).await?;
    Ok(MatchReport { statement, matches, open_lines: i64::try_from(lines.len().saturating_sub(matched)).map_err(Problem::internal)? })
}

/// A line with the bank's words whole: a reference may stand among them.
fn bank_side(keys: &KeyRing, line: &bank_statement_line::Model) -> Result<BankSide, Problem> {
    let summary = Part::Summary.open(keys, line.id, line.summary_sealed.as_deref())?;
    Ok(BankSide { date: line.date, amount: line.amount.0, reference: line.bank_reference.clone(), serial: line.serial.clone(), summary })
}

fn book_side(line: &BookLine) -> BookSide {
    BookSide { voucher: line.voucher_id, date: line.date, amount: line.amount.0, kind: line.kind.clone(), reference: line.bank_reference.clone(), reverses: line.reverses_id }
}

/// Matches lines of statements and vouchers by hand: their sums agree, and there are at least two of them.
///
/// # Errors
/// 409 `invalid_transition`, `already_matched`; 422 `unknown_reference`, `voucher_not_of_account`, `match_does_not_sum`.
pub async fn by_hand(tx: &Tx, act: &Act, row: Authorised<bank_statement::Model>, line_ids: &[Uuid], voucher_ids: &[Uuid]) -> Result<(bank_statement::Model, bank_match::Model), Problem> {
    let statement = row.into_inner();
    require_imported("match", &statement)?;
    let mut lines = Vec::with_capacity(line_ids.len());
    for (index, id) in line_ids.iter().enumerate() {
        let pointer = format!("/statement_line_ids/{index}");
        let line = tx.reference::<bank_statement_line::Entity>(*id, &pointer).await?;
        if line.street_id != statement.street_id || line.account != statement.account || !line.live {
            return Err(Problem::unknown_reference(&pointer));
        }
        if line.match_id.is_some() {
            return Err(refusals::already_matched().field(&pointer, "already_matched", "该笔已核对", "this line is matched"));
        }
        lines.push(line);
    }
    let mut books = Vec::with_capacity(voucher_ids.len());
    for (index, id) in voucher_ids.iter().enumerate() {
        let pointer = format!("/voucher_ids/{index}");
        let found = tx.reference::<voucher::Entity>(*id, &pointer).await?;
        if found.street_id != statement.street_id {
            return Err(Problem::unknown_reference(&pointer));
        }
        let of_account = tx.query::<BookLine>(OF_VOUCHER, vec![statement.district_id.into(), statement.street_id.into(), statement.account.clone().into(), (*id).into()]).await?;
        if of_account.is_empty() {
            return Err(refusals::voucher_not_of_account(&statement.account, &pointer));
        }
        let taken = tx.select::<bank_match_item::Entity>().filter(bank_match_item::Column::VoucherId.eq(*id)).filter(bank_match_item::Column::Live.eq(true));
        let taken = tx.all(taken).await?;
        if of_account.iter().any(|line| taken.iter().any(|item| item.line_number == Some(line.line_number))) {
            return Err(refusals::already_matched().field(&pointer, "already_matched", "该凭证已核对", "this voucher is matched"));
        }
        books.extend(of_account);
    }
    let sum = |amounts: Vec<Fen>| Fen::checked_sum(amounts).map_err(Problem::internal);
    let (of_bank, of_books) = (sum(lines.iter().map(|line| line.amount).collect())?, sum(books.iter().map(|line| line.amount).collect())?);
    if of_bank != of_books {
        return Err(refusals::match_does_not_sum(of_bank, of_books));
    }
    let made = make(tx, act, &statement, "hand", (&lines.iter().collect::<Vec<_>>(), &books.iter().collect::<Vec<_>>())).await?;
    Ok((touch(tx, &statement, None).await?, made))
}

/// Writes a match with its items.
async fn make(tx: &Tx, act: &Act, statement: &bank_statement::Model, rule: &str, (lines, books): (&[&bank_statement_line::Model], &[&BookLine])) -> Result<bank_match::Model, Problem> {
    let amount = if lines.is_empty() { Fen::ZERO } else { Fen::checked_sum(lines.iter().map(|line| line.amount)).map_err(Problem::internal)? };
    let latest = lines.iter().map(|line| line.date).chain(books.iter().map(|line| line.date)).max().ok_or_else(|| Problem::internal("a match of nothing"))?;
    let row = bank_match::ActiveModel {
        id: Set(new_id()),
        district_id: Set(statement.district_id),
        street_id: Set(statement.street_id),
        account: Set(statement.account.clone()),
        rule: Set(rule.to_owned()),
        state: Set("live".to_owned()),
        amount: Set(amount),
        complete_on: Set(latest),
        matched_by: Set(act.person()?.user_id),
        undone_by: Set(None),
        undo_reason: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let made = tx.insert::<bank_match::Entity, _>(row).await?;
    let item = |statement_line_id: Option<Uuid>, voucher: Option<(Uuid, i32)>, amount: Fen| bank_match_item::ActiveModel {
        id: Set(new_id()),
        district_id: Set(made.district_id),
        street_id: Set(made.street_id),
        match_id: Set(made.id),
        statement_line_id: Set(statement_line_id),
        voucher_id: Set(voucher.map(|(id, _)| id)),
        line_number: Set(voucher.map(|(_, number)| number)),
        amount: Set(amount),
        live: Set(true),
    };
    let of_bank = lines.iter().map(|line| item(Some(line.id), None, line.amount));
    let of_books = books.iter().map(|line| item(None, Some((line.voucher_id, line.line_number)), line.amount));
    for row in of_bank.chain(of_books).collect::<Vec<_>>() {
        tx.try_insert::<bank_match_item::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::already_matched() } else { error.into() })?;
    }
    for line in lines {
        tx.update::<bank_statement_line::Entity, _>(bank_statement_line::ActiveModel { id: Unchanged(line.id), match_id: Set(Some(made.id)), ..Default::default() }).await?;
    }
    let trace =
        serde_json::json!({"match": made, "statement_lines": lines.iter().map(|line| line.id).collect::<Vec<_>>(), "vouchers": books.iter().map(|line| line.voucher_id).collect::<BTreeSet<_>>()});
    audit::record(tx, act, Event::new("bank_match.make", "bank_match", made.id, bank_match::Entity::place(&made)).after(&trace)?).await?;
    Ok(made)
}

/// Undoes a match: its lines are open again. Not where the month that it completed is closed: the reconciliation of that month stands.
///
/// # Errors
/// 409 `invalid_transition`, `period_closed`.
pub async fn undo(tx: &Tx, act: &Act, row: Authorised<bank_match::Model>, reason: String) -> Result<bank_match::Model, Problem> {
    let before = row.into_inner();
    if before.state != "live" {
        return Err(Problem::invalid_transition("undo", &before.state));
    }
    require_months_open(tx, before.street_id, before.complete_on, before.complete_on).await?;
    tx.execute(Sql::both("UPDATE bank_match_items SET live = $2 WHERE match_id = $1"), vec![before.id.into(), false.into()]).await?;
    tx.execute(Sql::both("UPDATE bank_statement_lines SET match_id = NULL WHERE match_id = $1"), vec![before.id.into()]).await?;
    let next = bank_match::ActiveModel {
        id: Unchanged(before.id),
        state: Set("undone".to_owned()),
        undone_by: Set(act.user_id()),
        undo_reason: Set(Some(reason.clone())),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<bank_match::Entity, _>(next).await?;
    let mut event = Event::new("bank_match.undo", "bank_match", after.id, bank_match::Entity::place(&after)).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}
