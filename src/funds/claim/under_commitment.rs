//! A claim names the activity it pays for, and may be made under an application beforehand 事前申请: it takes its reservation from what the application still holds, only the rest from the line,
//! and gives back to the application while that is open.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{claim, invoice, labour_month, refusals};
use crate::funds::budget::lines;
use crate::funds::commitment::{self, commitment as application, hold, model};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;
use crate::work::activity::{self, ActivityKind, TripCheck, activity as event};

/// Puts activity and application on a draft: both of the claim's unit, the application on the claim's line and for its activity, which it names where the claim does not.
///
/// # Errors
/// 422 `unknown_reference`, `activity_of_another_unit`, `commitment_does_not_fit`.
pub(super) async fn put(tx: &Tx, row: &mut claim::Model) -> Result<(), Problem> {
    let unit = (row.street_id, row.community_id);
    if let Some(id) = row.commitment_id {
        let found = tx.reference::<application::Entity>(id, "/commitment_id").await?;
        if found.street_id != row.street_id {
            return Err(Problem::unknown_reference("/commitment_id"));
        }
        let named = *row.activity_id.get_or_insert(found.activity_id);
        if found.community_id != row.community_id || found.budget_line_id != row.budget_line_id || named != found.activity_id {
            return Err(commitment::refusals::commitment_does_not_fit(&found.number));
        }
    }
    match row.activity_id {
        Some(id) => activity::of_unit(tx, id, unit, "/activity_id").await.map(|_| ()),
        None => Ok(()),
    }
}

/// Looks once more at activity and application when the claim is submitted, and takes from the application what it still holds; gives how much that is.
/// A claim for an activity names it: without one, nobody could hold it against plan, headcount and limits.
///
/// # Errors
/// 422 `activity_missing`, `commitment_does_not_fit`; 409 `activity_cancelled`, `commitment_not_open`.
pub(super) async fn take(tx: &Tx, act: &Act, row: &claim::Model) -> Result<Fen, Problem> {
    put(tx, &mut row.clone()).await?;
    if row.activity_id.is_none() && row.kind == "activity" {
        return Err(refusals::activity_missing());
    }
    let open = match row.commitment_id {
        Some(id) => Some(hold::open(tx, act, id).await?),
        None => None,
    };
    if let Some(id) = row.activity_id {
        // Locked, so that what it says does not change in the same moment; after the application, as an application's own submission locks them.
        activity::live(&tx.load_locked::<event::Entity>(id).await?.into_read())?;
    }
    match open {
        Some(open) => hold::take(tx, act, &open, row.amount).await,
        None => Ok(Fen::ZERO),
    }
}

/// Reserves on the line what the claim did not take from its application.
///
/// # Errors
/// 409 `line_short`.
pub(super) async fn reserve(tx: &Tx, row: &claim::Model) -> Result<(), Problem> {
    lines::change(tx, row.budget_line_id, model::claimed(row.reserved, row.from_commitment).map_err(Problem::internal)?).await
}

/// What a claim took of its application, given back: all of it while the application is open, else nothing.
async fn give_back(tx: &Tx, act: &Act, before: &claim::Model) -> Result<Fen, Problem> {
    match before.commitment_id {
        Some(id) => hold::give(tx, act, id, before.from_commitment).await,
        None => Ok(Fen::ZERO),
    }
}

/// Gives back what the claims of a street held before: to the invoices what they drew, their fees to nobody's month, and each reservation to its application while that is open, else to the
/// line. The claims are locked and written; applications, then invoices, then lines follow, each by id, as a submission takes them: who waits never waits in a circle.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn release(tx: &Tx, act: &Act, before: &[claim::Model]) -> Result<(), Problem> {
    let mut holding: Vec<&claim::Model> = Vec::with_capacity(before.len());
    for row in before {
        labour_month::forget(tx, row).await?;
        if !row.reserved.is_zero() {
            holding.push(row);
        }
    }
    holding.sort_by_key(|row| (row.commitment_id, row.id));
    let mut by_line: BTreeMap<Uuid, lines::Change> = BTreeMap::new();
    for row in holding {
        let given = give_back(tx, act, row).await?;
        let change = by_line.entry(row.budget_line_id).or_default();
        *change = change.checked_add(model::released(row.reserved, given).map_err(Problem::internal)?).map_err(Problem::internal)?;
    }
    invoice::free(tx, before).await?;
    for (line, change) in by_line {
        lines::change(tx, line, change).await?;
    }
    Ok(())
}

/// Undoes a payment, as its reversal does: what came from an application that is still open is held by it again, for the right payment; what the claim drew is free, its fees count for nobody's
/// month, and the line has not spent it. In the order of [`release`].
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn unspend(tx: &Tx, act: &Act, before: &claim::Model) -> Result<(), Problem> {
    labour_month::forget(tx, before).await?;
    let given = give_back(tx, act, before).await?;
    invoice::free(tx, std::slice::from_ref(before)).await?;
    lines::change(tx, before.budget_line_id, model::reversed(before.amount, given).map_err(Problem::internal)?).await
}

/// The activity of a claim, as an approver should see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityCheck {
    /// The activity.
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// The field's word for its kind.
    pub kind_name: &'static str,
    /// `planned`, `held` or `cancelled`.
    pub state: String,
    /// Its first day.
    pub from_date: chrono::NaiveDate,
    /// Its last day.
    pub to_date: chrono::NaiveDate,
    /// How many people were planned for.
    pub planned_headcount: i32,
    /// How many people came.
    pub actual_headcount: Option<i32>,
    /// Whether it is one of the yearly plan.
    pub in_plan: bool,
    /// Neither in the yearly plan nor applied for: an extra activity without its own approval.
    pub not_approved_beforehand: bool,
    /// The trips it makes, each against the district's limit.
    pub trips: Vec<TripCheck>,
    /// Whether one of them is beyond it.
    pub over_limit: bool,
}

/// The application that a claim is made under, as an approver should see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommitmentCheck {
    /// The application.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// `approved`, `closed` or `expired`, for instance.
    pub state: String,
    /// Its estimate.
    pub amount: Fen,
    /// What it still holds.
    pub held: Fen,
    /// What of the claim is held beyond the application, on the line itself; for a draft, what would be.
    pub beyond: Fen,
}

/// What an approver should see of activity and application.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn checks(tx: &Tx, row: &claim::Model) -> Result<(Option<ActivityCheck>, Option<CommitmentCheck>), Problem> {
    let named = match row.activity_id {
        Some(id) => tx.maybe_load::<event::Entity>(id).await?,
        None => None,
    };
    let applied = match row.commitment_id {
        Some(id) => tx.maybe_load::<application::Entity>(id).await?,
        None => None,
    };
    let activity = match named {
        Some(named) => {
            let trips = activity::trips(tx, &named).await?;
            Some(ActivityCheck {
                id: named.id,
                kind_name: ActivityKind::of_code(&named.kind).map_or("", |kind| kind.words().1),
                in_plan: named.plan_item_id.is_some(),
                not_approved_beforehand: named.plan_item_id.is_none() && applied.is_none(),
                over_limit: trips.iter().any(|trip| trip.over_limit),
                title: named.title,
                kind: named.kind,
                state: named.state,
                from_date: named.from_date,
                to_date: named.to_date,
                planned_headcount: named.planned_headcount,
                actual_headcount: named.actual_headcount,
                trips,
            })
        }
        None => None,
    };
    let commitment = match applied {
        Some(found) => {
            let part = if row.state == "draft" { model::taken(found.held, row.amount) } else { row.from_commitment };
            Some(CommitmentCheck { id: found.id, number: found.number, state: found.state, amount: found.amount, held: found.held, beyond: row.amount.checked_sub(part).map_err(Problem::internal)? })
        }
        None => None,
    };
    Ok((activity, commitment))
}
