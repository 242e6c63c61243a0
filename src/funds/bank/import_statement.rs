//! Taking a bank statement in, whole or not at all, and voiding the last one where it was the wrong one.

use chrono::{Days, NaiveDate};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::read_statement::{ReadLine, ReadStatement};
use super::words::Part;
use super::{bank_statement, bank_statement_line, refusals, statement_layout};
use crate::funds::ledger::refusals::period_closed;
use crate::funds::ledger::{Account, ledger_period};
use crate::kernel::act::Act;
use crate::kernel::crypto::KeyRing;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};
use crate::platform::http::UploadedFile;

/// What a person says of the statement that is to be imported.
#[derive(Debug)]
pub struct NewStatement {
    /// The account of the books.
    pub account: Account,
    /// The layout.
    pub layout: statement_layout::Model,
    /// Its first day.
    pub from_date: NaiveDate,
    /// Its last day.
    pub to_date: NaiveDate,
    /// The opening balance, where the file does not tell it.
    pub opening_balance: Option<Fen>,
    /// The closing balance, where the file does not tell it.
    pub closing_balance: Option<Fen>,
}

/// The statements of an account that stand.
fn standing(tx: &Tx, street: Uuid, account: Account) -> sea_orm::Select<bank_statement::Entity> {
    let select = tx.select::<bank_statement::Entity>().filter(bank_statement::Column::StreetId.eq(street)).filter(bank_statement::Column::Account.eq(account.code()));
    select.filter(bank_statement::Column::State.eq("imported"))
}

/// The last statement of an account.
async fn last(tx: &Tx, street: Uuid, account: Account) -> Result<Option<bank_statement::Model>, Problem> {
    tx.one(standing(tx, street, account).order_by_desc(bank_statement::Column::FromDate)).await
}

/// Imports a statement that was read by its layout: its lines make its balances, and it follows the account's last statement without a gap in days or balance.
///
/// # Errors
/// 422 `balance_missing`, `balance_contradicts`, `statement_does_not_sum`; 409 `statement_imported`, `statement_not_next`, `statement_gap`.
pub async fn import(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, new: NewStatement, (file, read): (UploadedFile, ReadStatement)) -> Result<bank_statement::Model, Problem> {
    let sha256 = file.sha256();
    // Files of months in which nothing moved may be the same to the byte; those of other days have lines that lie outside.
    let same = standing(tx, street.id, new.account).filter(bank_statement::Column::Sha256.eq(&sha256)).filter(bank_statement::Column::FromDate.eq(new.from_date));
    if let Some(known) = tx.one(same).await? {
        return Err(refusals::statement_imported(known.from_date, known.to_date));
    }
    let (opening, closing) = balances(&read, &new)?;
    let mut previous = last(tx, street.id, new.account).await?;
    if let Some(found) = &previous {
        // Nobody voids it meanwhile; if somebody just has, another one is the last.
        tx.load_locked::<bank_statement::Entity>(found.id).await?;
        previous = last(tx, street.id, new.account).await?;
    }
    follows(previous.as_ref(), new.from_date, opening)?;
    let row = bank_statement::ActiveModel {
        id: Set(new_id()),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        account: Set(new.account.code().to_owned()),
        layout_id: Set(new.layout.id),
        previous_key: Set(previous.map_or(Uuid::nil(), |previous| previous.id)),
        from_date: Set(new.from_date),
        to_date: Set(new.to_date),
        opening_balance: Set(opening),
        closing_balance: Set(closing),
        line_count: Set(i32::try_from(read.lines.len()).map_err(Problem::internal)?),
        state: Set("imported".to_owned()),
        file_name: Set(file.name),
        sha256: Set(sha256),
        rules_run_at: Set(None),
        imported_by: Set(act.person()?.user_id),
        voided_by: Set(None),
        void_reason: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    // Two at the same moment follow the same statement: the database takes one.
    let taken = |error| if is_unique_violation(&error) { refusals::statement_imported(new.from_date, new.to_date) } else { error.into() };
    let made = tx.try_insert::<bank_statement::Entity, _>(row).await.map_err(taken)?;
    let lines = (1_i32..).zip(read.lines).map(|(number, line)| line_of(&act.keys, &made, number, line)).collect::<Result<_, _>>()?;
    tx.insert_all::<bank_statement_line::Entity, bank_statement_line::ActiveModel>(lines).await?;
    audit::record(tx, act, Event::new("bank_statement.import", "bank_statement", made.id, bank_statement::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

/// Opening and closing balance, from the file or from who imports it; where both tell one they agree, and the lines lead from one to the other.
fn balances(read: &ReadStatement, new: &NewStatement) -> Result<(Fen, Fen), Problem> {
    let one = |told: Option<Fen>, said: Option<Fen>, pointer: &'static str| match (told, said) {
        (Some(told), Some(said)) if told != said => Err(refusals::balance_contradicts(told, said, pointer)),
        (Some(balance), _) | (None, Some(balance)) => Ok(balance),
        (None, None) => Err(refusals::balance_missing(pointer)),
    };
    let (opening, closing) = (one(read.opening, new.opening_balance, "/opening_balance")?, one(read.closing, new.closing_balance, "/closing_balance")?);
    let moved = Fen::checked_sum(read.lines.iter().map(|line| line.amount)).map_err(Problem::internal)?;
    let made = opening.checked_add(moved).map_err(Problem::internal)?;
    if made == closing { Ok((opening, closing)) } else { Err(refusals::statement_does_not_sum(opening, moved, closing)) }
}

fn follows(previous: Option<&bank_statement::Model>, from: NaiveDate, opening: Fen) -> Result<(), Problem> {
    let Some(previous) = previous else {
        return Ok(());
    };
    let next = previous.to_date.checked_add_days(Days::new(1)).ok_or_else(|| Problem::internal("no day after the statement"))?;
    if from != next {
        return Err(refusals::statement_not_next(next, from));
    }
    if opening != previous.closing_balance {
        return Err(refusals::statement_gap(previous.closing_balance, opening));
    }
    Ok(())
}

fn line_of(keys: &KeyRing, statement: &bank_statement::Model, line_number: i32, line: ReadLine) -> Result<bank_statement_line::Model, Problem> {
    let id = new_id();
    Ok(bank_statement_line::Model {
        id,
        district_id: statement.district_id,
        street_id: statement.street_id,
        statement_id: statement.id,
        account: statement.account.clone(),
        line_number,
        date: line.date,
        amount: line.amount,
        bank_reference: line.reference,
        serial: line.serial,
        counterparty_sealed: Part::Counterparty.seal(keys, id, &line.counterparty)?,
        summary_sealed: Part::Summary.seal(keys, id, &line.summary)?,
        live: true,
        match_id: None,
    })
}

/// Voids the last statement of an account, such as one of another account: nothing of it is matched, and none of its months is closed.
///
/// # Errors
/// 409 `invalid_transition`, `statement_not_last`, `statement_matched`, `period_closed`.
pub async fn void(tx: &Tx, act: &Act, row: Authorised<bank_statement::Model>, reason: String) -> Result<bank_statement::Model, Problem> {
    let before = row.into_inner();
    if before.state != "imported" {
        return Err(Problem::invalid_transition("void", &before.state));
    }
    let account = Account::of_code(&before.account).ok_or_else(|| Problem::internal("a statement of no account"))?;
    if last(tx, before.street_id, account).await?.is_none_or(|last| last.id != before.id) {
        return Err(refusals::statement_not_last());
    }
    let matched = tx.select::<bank_statement_line::Entity>().filter(bank_statement_line::Column::StatementId.eq(before.id)).filter(bank_statement_line::Column::MatchId.is_not_null());
    if tx.count(matched).await? > 0 {
        return Err(refusals::statement_matched());
    }
    require_months_open(tx, before.street_id, before.from_date, before.to_date).await?;
    tx.execute(Sql::both("UPDATE bank_statement_lines SET live = $2 WHERE statement_id = $1"), vec![before.id.into(), false.into()]).await?;
    let next = bank_statement::ActiveModel {
        id: Unchanged(before.id),
        state: Set("void".to_owned()),
        voided_by: Set(act.user_id()),
        void_reason: Set(Some(reason.clone())),
        version: Set(before.version.saturating_add(1)),
        ..Default::default()
    };
    let after = tx.update::<bank_statement::Entity, _>(next).await?;
    let mut event = Event::new("bank_statement.void", "bank_statement", after.id, bank_statement::Entity::place(&after)).before(&before)?.after(&after)?;
    event.reason = Some(reason);
    audit::record(tx, act, event).await?;
    Ok(after)
}

/// No month of these days is closed.
///
/// # Errors
/// 409 `period_closed`.
pub(super) async fn require_months_open(tx: &Tx, street: Uuid, from: NaiveDate, to: NaiveDate) -> Result<(), Problem> {
    let months = tx.select::<ledger_period::Entity>().filter(ledger_period::Column::StreetId.eq(street)).filter(ledger_period::Column::State.eq("closed"));
    let within = months.filter(ledger_period::Column::Month.gte(Month::of(from))).filter(ledger_period::Column::Month.lte(Month::of(to)));
    tx.one(within.order_by_asc(ledger_period::Column::Month)).await?.map_or(Ok(()), |month| Err(period_closed(&month.month.to_string())))
}

/// A statement as it is now, with this change.
pub(super) async fn touch(tx: &Tx, statement: &bank_statement::Model, rules_run_at: Option<chrono::DateTime<chrono::Utc>>) -> Result<bank_statement::Model, Problem> {
    let after = bank_statement::Model { rules_run_at: rules_run_at.or(statement.rules_run_at), version: statement.version.saturating_add(1), ..statement.clone() };
    tx.update::<bank_statement::Entity, _>(bank_statement::ActiveModel::from(after).reset_all()).await
}
