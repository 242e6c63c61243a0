//! What claims and stipends draw on: conditional statements, so that a line never goes below 0 nor beyond what is approved.

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{budget_line, budget_line_plan_item, refusals};
use crate::kernel::money::{Fen, MoneyOverflow};
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Sql, Tx};

/// What is available on a line: approved minus reserved minus spent.
#[must_use]
pub const fn available(line: &budget_line::Model) -> Fen {
    Fen(line.approved.0.saturating_sub(line.reserved.0).saturating_sub(line.spent.0))
}

/// The approved lines of a category for a unit in a year: a stipend needs exactly one.
///
/// # Errors
/// 500 where the database fails.
pub async fn approved(tx: &Tx, street: Uuid, year: i32, category: Uuid, community: Option<Uuid>) -> Result<Vec<budget_line::Model>, Problem> {
    let select = tx
        .select::<budget_line::Entity>()
        .filter(budget_line::Column::StreetId.eq(street))
        .filter(budget_line::Column::FiscalYear.eq(year))
        .filter(budget_line::Column::CategoryId.eq(category))
        .filter(budget_line::Column::State.eq("approved"));
    let select = match community {
        Some(community) => select.filter(budget_line::Column::CommunityId.eq(community)),
        None => select.filter(budget_line::Column::CommunityId.is_null()),
    };
    tx.all(select.order_by_asc(budget_line::Column::Id)).await
}

/// The line that a document of a unit charges: the unit's own, of this year's approved budget.
///
/// # Errors
/// 422 `unknown_reference`, `line_of_another_unit`; 409 `line_not_open`.
pub async fn of_unit(tx: &Tx, id: Uuid, (street, community): (Uuid, Option<Uuid>), year: i32) -> Result<budget_line::Model, Problem> {
    let line = tx.reference::<budget_line::Entity>(id, "/budget_line_id").await?;
    if line.street_id != street {
        return Err(Problem::unknown_reference("/budget_line_id"));
    }
    if line.community_id != community {
        return Err(refusals::line_of_another_unit());
    }
    if line.state == "approved" && line.fiscal_year == year { Ok(line) } else { Err(refusals::line_not_open(line.fiscal_year)) }
}

/// Whether one of these plan items stands in a line of an approved budget: the yearly plan that its district approved with the money.
///
/// # Errors
/// 500 where the database fails.
pub async fn plan_approved(tx: &Tx, items: impl IntoIterator<Item = Uuid>) -> Result<bool, Problem> {
    let links = tx.all(tx.select::<budget_line_plan_item::Entity>().filter(budget_line_plan_item::Column::PlanItemId.is_in(items))).await?;
    if links.is_empty() {
        return Ok(false);
    }
    let lines = budget_line::Column::Id.is_in(links.iter().map(|link| link.budget_line_id));
    Ok(tx.one(tx.select::<budget_line::Entity>().filter(lines).filter(budget_line::Column::State.eq("approved"))).await?.is_some())
}

/// Adds to what is spent on a line, from what is available; negative where money came back.
///
/// # Errors
/// 409 `line_short`.
pub async fn spend(tx: &Tx, line: Uuid, amount: Fen) -> Result<(), Problem> {
    change(tx, line, Change { spent: amount, ..Change::default() }).await
}

/// Adds to what is reserved on a line; negative releases.
///
/// # Errors
/// 409 `line_short`.
pub async fn reserve(tx: &Tx, line: Uuid, amount: Fen) -> Result<(), Problem> {
    change(tx, line, Change { reserved: amount, ..Change::default() }).await
}

/// Turns what is reserved on a line into spending.
///
/// # Errors
/// 409 `line_short` where it was not reserved.
pub async fn consume(tx: &Tx, line: Uuid, amount: Fen) -> Result<(), Problem> {
    change(tx, line, Change { reserved: amount.checked_neg().map_err(Problem::internal)?, spent: amount, ..Change::default() }).await
}

/// What one statement adds to a line; negative takes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// To what is held in all.
    pub reserved: Fen,
    /// To the part of it that approved applications hold.
    pub committed: Fen,
    /// To what is spent.
    pub spent: Fen,
}

impl Change {
    /// This and another change of the same line.
    ///
    /// # Errors
    /// [`MoneyOverflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyOverflow> {
        Ok(Self { reserved: self.reserved.checked_add(other.reserved)?, committed: self.committed.checked_add(other.committed)?, spent: self.spent.checked_add(other.spent)? })
    }
}

/// Changes a line, where nothing of it goes below 0 and what is held and spent stays within what is approved.
///
/// # Errors
/// 409 `line_short` with what is available.
pub async fn change(tx: &Tx, line: Uuid, by: Change) -> Result<(), Problem> {
    let update = Sql::both(
        "UPDATE budget_lines SET reserved = reserved + $2, spent = spent + $3, committed = committed + $4, version = version + 1 \
         WHERE id = $1 AND state = 'approved' AND reserved + $2 >= 0 AND spent + $3 >= 0 AND committed + $4 >= 0 AND committed + $4 <= reserved + $2 AND reserved + $2 + spent + $3 <= approved",
    );
    if tx.execute(update, vec![line.into(), by.reserved.into(), by.spent.into(), by.committed.into()]).await? == 1 {
        return Ok(());
    }
    let found = tx.maybe_load::<budget_line::Entity>(line).await?.ok_or_else(Problem::not_found)?;
    Err(refusals::line_short(available(&found), by.reserved.checked_add(by.spent).map_err(Problem::internal)?))
}

/// Refuses early what would not fit the line now; holding the money is decided by [`change`].
///
/// # Errors
/// 409 `line_short` with what is available.
pub fn require_available(line: &budget_line::Model, asked: Fen) -> Result<(), Problem> {
    if asked <= available(line) { Ok(()) } else { Err(refusals::line_short(available(line), asked)) }
}

#[derive(FromQueryResult)]
struct Mismatch {
    category_id: Uuid,
    fiscal_year: i32,
    kept: Fen,
    booked: Fen,
}

/// The first line whose spending is not what the ledger booked on 5001 by category, community and year.
///
/// # Errors
/// 500 where the database fails.
pub async fn check(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let compare = Sql::both(
        "SELECT category_id, fiscal_year, CAST(SUM(kept) AS bigint) AS kept, CAST(SUM(booked) AS bigint) AS booked FROM ( \
         SELECT category_id, COALESCE(community_id, $2) AS community_key, fiscal_year, spent AS kept, 0 AS booked FROM budget_lines WHERE street_id = $1 \
         UNION ALL SELECT category_key, community_key, CAST(substr(month, 1, 4) AS integer), 0, debit - credit FROM ledger_turnovers WHERE street_id = $1 AND account = '5001' AND NOT closing) AS both_sides \
         GROUP BY category_id, community_key, fiscal_year HAVING SUM(kept) <> SUM(booked)",
    );
    let found = tx.query_one::<Mismatch>(compare, vec![street.into(), Uuid::nil().into()]).await?;
    let told = |line: Mismatch| {
        Words::new(
            format!("类别 {} {} 年度的预算线登记为支出 {}，账上为 {}", line.category_id, line.fiscal_year, line.kept, line.booked),
            format!("the budget line of category {} in {} says spent {}, the ledger {}", line.category_id, line.fiscal_year, line.kept, line.booked),
        )
    };
    Ok(found.map(told))
}
