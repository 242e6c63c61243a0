//! Drafting an application beforehand.

use chrono::{Datelike, NaiveDate};
use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::model::Action;
use super::routes::{CommitmentChange, NewCommitment, NewCommitmentLine};
use super::{commitment, commitment_line, papers, refusals, steps};
use crate::funds::budget::{budget_line, lines};
use crate::funds::ledger::refusals::amount_too_large;
use crate::funds::spending::allowed;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx};
use crate::work::activity::{self, activity as event};

/// The lines of an estimate, in order.
pub(super) async fn lines_of(tx: &Tx, commitment: Uuid) -> Result<Vec<commitment_line::Model>, Problem> {
    tx.all(tx.select::<commitment_line::Entity>().filter(commitment_line::Column::CommitmentId.eq(commitment)).order_by_asc(commitment_line::Column::LineNumber)).await
}

fn number_of(act: &Act, id: Uuid) -> String {
    let tail: String = id.simple().to_string().chars().rev().take(8).collect();
    format!("SQ{}-{}", act.today.format("%Y%m%d"), tail.to_uppercase())
}

/// What the rules say of an application's content: its line, its activity, its items, its last day.
async fn check(tx: &Tx, act: &Act, row: &mut commitment::Model, items: &[(Uuid, Fen)]) -> Result<(budget_line::Model, event::Model), Problem> {
    let unit = (row.street_id, row.community_id);
    let line = lines::of_unit(tx, row.budget_line_id, unit, act.today.year()).await?;
    let named = activity::of_unit(tx, row.activity_id, unit, "/activity_id").await?;
    activity::live(&named)?;
    allowed::check(tx, line.category_id, items.iter().map(|(item, _)| *item)).await?;
    let last = NaiveDate::from_ymd_opt(line.fiscal_year, 12, 31).unwrap_or(NaiveDate::MAX);
    if row.valid_until < act.today || row.valid_until > last {
        return Err(refusals::valid_until_out_of_range(act.today, last));
    }
    row.amount = Fen::checked_sum(items.iter().map(|(_, amount)| *amount)).map_err(Problem::internal)?;
    if row.amount > Fen::DOCUMENT_MAX {
        return Err(amount_too_large(row.amount));
    }
    (row.category_id, row.fiscal_year) = (line.category_id, line.fiscal_year);
    Ok((line, named))
}

/// Drafts an application of a unit for one of its activities, on one of its lines.
///
/// # Errors
/// 422 `unknown_reference`, `line_of_another_unit`, `activity_of_another_unit`, `attachment_of_another_unit`, `paper_not_taken`, `item_not_allowed`, `item_forbidden`, `valid_until_out_of_range`; 409 `line_not_open`, `activity_cancelled`.
pub async fn add(tx: &Tx, act: &Act, unit: &Authorised<org_unit::Model>, new: NewCommitment) -> Result<commitment::Model, Problem> {
    let id = new_id();
    let mut row = commitment::Model {
        id,
        district_id: unit.district_id,
        street_id: unit.street_id.ok_or_else(|| Problem::unknown_reference("/street_id"))?,
        community_id: unit.community_id,
        number: number_of(act, id),
        fiscal_year: 0,
        budget_line_id: new.budget_line_id,
        category_id: Uuid::nil(),
        activity_id: new.activity_id,
        title: new.title,
        purpose: new.purpose,
        decision_reference: new.decision_reference,
        amount: Fen::ZERO,
        held: Fen::ZERO,
        valid_until: new.valid_until,
        state: "draft".to_owned(),
        over_limit: false,
        chain: None,
        steps_done: 0,
        next_capability: None,
        approver_persons: serde_json::json!([]),
        prepared_by: act.person()?.user_id,
        submitted_at: None,
        expires_on: None,
        reviewed_by: None,
        approved_by: None,
        approved_on: None,
        ended_by: None,
        ended_on: None,
        reason: None,
        version: 1,
        created_at: act.at,
    };
    check(tx, act, &mut row, &items(&new.lines)).await?;
    let made = tx.insert::<commitment::Entity, _>(commitment::ActiveModel::from(row).reset_all()).await?;
    put_lines(tx, &made, new.lines).await?;
    steps::take_prepare(tx, act, &made).await?;
    papers::attach(tx, act, &made, &new.papers).await?;
    audit::record(tx, act, Event::new("commitment.draft", "commitment", made.id, commitment::Entity::place(&made)).after(&made)?).await?;
    Ok(made)
}

fn items(lines: &[NewCommitmentLine]) -> Vec<(Uuid, Fen)> {
    lines.iter().map(|line| (line.expense_item_id, line.amount)).collect()
}

async fn put_lines(tx: &Tx, row: &commitment::Model, lines: Vec<NewCommitmentLine>) -> Result<(), Problem> {
    let rows = lines.into_iter().zip(1..).map(|(line, line_number)| commitment_line::Model {
        id: new_id(),
        district_id: row.district_id,
        street_id: row.street_id,
        community_id: row.community_id,
        commitment_id: row.id,
        line_number,
        expense_item_id: line.expense_item_id,
        description: line.description,
        quantity: line.quantity,
        amount: line.amount,
    });
    tx.insert_all::<commitment_line::Entity, commitment_line::ActiveModel>(rows.collect()).await
}

/// Changes a draft.
///
/// # Errors
/// 409 `invalid_transition`; 403 `separation_of_duties`; as [`add`].
pub async fn change(tx: &Tx, act: &Act, row: Authorised<commitment::Model>, change: CommitmentChange) -> Result<commitment::Model, Problem> {
    let before = row.into_inner();
    steps::require(Action::Change, &before)?;
    steps::take_prepare(tx, act, &before).await?;
    let mut after = commitment::Model {
        budget_line_id: change.budget_line_id,
        activity_id: change.activity_id,
        title: change.title,
        purpose: change.purpose,
        decision_reference: change.decision_reference,
        valid_until: change.valid_until,
        ..before.clone()
    };
    let old = lines_of(tx, before.id).await?;
    let items = change.lines.as_deref().map_or_else(|| old.iter().map(|line| (line.expense_item_id, line.amount)).collect(), items);
    check(tx, act, &mut after, &items).await?;
    if let Some(lines) = change.lines {
        for line in old {
            tx.delete::<commitment_line::Entity, commitment_line::ActiveModel>(line).await?;
        }
        put_lines(tx, &after, lines).await?;
    }
    steps::put(tx, act, Action::Change, &before, after).await
}

/// Checks once more, before a step, that line, activity, items and last day still hold.
pub(super) async fn recheck(tx: &Tx, act: &Act, row: &commitment::Model) -> Result<(budget_line::Model, event::Model), Problem> {
    let lines = lines_of(tx, row.id).await?;
    let items: Vec<_> = lines.iter().map(|line| (line.expense_item_id, line.amount)).collect();
    check(tx, act, &mut row.clone(), &items).await
}
