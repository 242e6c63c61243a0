//! What an approver should see before deciding, and what the books must agree with.

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::papers::{EvidenceChecks, decision_missing, evidence_checks};
use super::{claim, draft, under_commitment};
use crate::funds::budget::{budget_line, lines};
use crate::funds::ledger::verify::Found;
use crate::funds::ledger::voucher_name;
use crate::funds::spending::{expense_item, standard};
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::{Problem, Words};
use crate::platform::db::{Sql, Tx};

/// What an approver should see before deciding.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checks {
    /// What is available on the line once this claim is paid.
    pub line_available_after: Fen,
    /// Whether this payee has been paid in the street before.
    pub first_payee: bool,
    /// Claims of the same payee in the last 30 days, not counting this one: a purchase may have been split.
    pub same_payee_recently: i64,
    /// Whether a line is above its standard.
    pub over_standard: bool,
    /// Whether the amount is a whole number of thousands of yuan.
    pub round_sum: bool,
    /// By line of the claim.
    pub lines: Vec<LineCheck>,
    /// The approvals it goes through, in order.
    pub approvals: Vec<String>,
    /// The minutes of the collective decision that the amount needs are missing.
    pub collective_decision_missing: bool,
    /// The activity, with its headcounts and trips.
    pub activity: Option<under_commitment::ActivityCheck>,
    /// The application beforehand it is made under.
    pub commitment: Option<under_commitment::CommitmentCheck>,
    /// Papers and invoices.
    pub evidence: EvidenceChecks,
}

/// What is usual for a line's item.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineCheck {
    /// The line, from 1.
    pub line_number: i32,
    /// The item's name.
    pub expense_item: String,
    /// What is asked.
    pub amount: Fen,
    /// What the payee gets of it: this is compared with the standard.
    pub net: Fen,
    /// The standard that it was judged by; null where there was none.
    pub standard: Option<StandardCheck>,
    /// How many of the standard's units; null at cost.
    pub quantity: Option<i32>,
    /// Quantity x standard; null at cost.
    pub allowed: Option<Fen>,
    /// How much the net is above it; below it with a minus.
    pub difference: Option<Fen>,
    /// Whether it is above it.
    pub over_standard: bool,
    /// Why it is.
    pub reason: Option<String>,
    /// What paid lines of this item came to on average in the street; null where there is none.
    pub usual_amount: Option<Fen>,
    /// Over how many lines.
    pub usual_of: i64,
}

/// The standard of a line, as it was in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StandardCheck {
    /// The standard.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What one unit is.
    pub basis: String,
    /// What a unit may cost; null at cost.
    pub amount: Option<Fen>,
    /// What happens above it.
    pub above: String,
    /// The rule that it comes from.
    pub source: String,
    /// Whether it still has to be looked up in the rule.
    pub to_be_confirmed: bool,
}

impl From<&standard::Model> for StandardCheck {
    fn from(row: &standard::Model) -> Self {
        Self { id: row.id, name: row.name.clone(), basis: row.basis.clone(), amount: row.amount, above: row.above.clone(), source: row.source.clone(), to_be_confirmed: row.to_be_confirmed }
    }
}

#[derive(FromQueryResult)]
struct Usual {
    n: i64,
    sum: Fen,
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

async fn count(tx: &Tx, sql: Sql, values: Vec<sea_orm::Value>) -> Result<i64, Problem> {
    Ok(tx.query_one::<Count>(sql, values).await?.map_or(0, |row| row.n))
}

/// The checks of a claim, from what the reader may see.
///
/// # Errors
/// 500 where the database fails.
pub async fn checks(tx: &Tx, row: &claim::Model, today: NaiveDate) -> Result<Checks, Problem> {
    let line = tx.maybe_load::<budget_line::Entity>(row.budget_line_id).await?.ok_or_else(Problem::not_found)?;
    // What it reserves is no longer available already.
    let (activity, commitment) = under_commitment::checks(tx, row).await?;
    let asks = match &commitment {
        _ if row.state != "draft" => Fen::ZERO,
        Some(commitment) => commitment.beyond,
        None => row.amount,
    };
    let paid_before = Sql::both("SELECT COUNT(*) AS n FROM claims WHERE street_id = $1 AND payee_key = $2 AND state = 'paid' AND id <> $3");
    let recently =
        Sql::both("SELECT COUNT(*) AS n FROM claims WHERE street_id = $1 AND payee_key = $2 AND id <> $3 AND created_at > $4 AND state NOT IN ('rejected', 'withdrawn', 'expired', 'reversed')");
    let key = || vec![row.street_id.into(), row.payee_key.clone().into(), row.id.into()];
    let since = row.created_at - chrono::TimeDelta::days(30);
    let mut with_since: Vec<sea_orm::Value> = key();
    with_since.push(since.into());
    let chain = super::steps::chain_of(row)?;
    let lines_checked = line_checks(tx, row).await?;
    Ok(Checks {
        line_available_after: lines::available(&line).checked_sub(asks).map_err(Problem::internal)?,
        first_payee: count(tx, paid_before, key()).await? == 0,
        same_payee_recently: count(tx, recently, with_since).await?,
        round_sum: row.amount.0 % 100_000 == 0,
        over_standard: lines_checked.iter().any(|line| line.over_standard),
        lines: lines_checked,
        approvals: chain.map(|chain| chain.band.approvers).unwrap_or_default(),
        collective_decision_missing: decision_missing(tx, row).await?,
        activity,
        commitment,
        evidence: evidence_checks(tx, row, today).await?,
    })
}

async fn line_checks(tx: &Tx, row: &claim::Model) -> Result<Vec<LineCheck>, Problem> {
    let lines = draft::lines_of(tx, row.id).await?;
    let items = tx.all(tx.select::<expense_item::Entity>().filter(expense_item::Column::Id.is_in(lines.iter().map(|line| line.expense_item_id)))).await?;
    let standards = tx.all(tx.select::<standard::Entity>().filter(standard::Column::Id.is_in(lines.iter().filter_map(|line| line.standard_id)))).await?;
    let usual = Sql::both(
        "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(l.amount), 0) AS bigint) AS sum FROM claim_lines l JOIN claims c ON c.id = l.claim_id \
         WHERE l.street_id = $1 AND l.expense_item_id = $2 AND c.state = 'paid' AND c.id <> $3",
    );
    let mut checks = Vec::with_capacity(lines.len());
    for line in lines {
        let found = tx.query_one::<Usual>(usual, vec![row.street_id.into(), line.expense_item_id.into(), row.id.into()]).await?;
        let (n, sum) = found.map_or((0, 0), |found| (found.n, found.sum.0));
        let name = items.iter().find(|item| item.id == line.expense_item_id).map_or_else(String::new, |item| item.name.clone());
        checks.push(LineCheck {
            line_number: line.line_number,
            expense_item: name,
            amount: line.amount,
            net: line.net,
            standard: standards.iter().find(|standard| Some(standard.id) == line.standard_id).map(StandardCheck::from),
            quantity: line.quantity,
            allowed: line.allowed,
            difference: line.allowed.map(|allowed| line.net.checked_sub(allowed)).transpose().map_err(Problem::internal)?,
            over_standard: line.over_standard,
            reason: line.reason,
            usual_amount: sum.checked_div(n).map(Fen),
            usual_of: n,
        });
    }
    Ok(checks)
}

/// How many claims of a year lie between submitted and approved: a year closes only when there is none.
///
/// # Errors
/// 500 where the database fails.
pub async fn open_claims(tx: &Tx, street: Uuid, year: i32) -> Result<i64, Problem> {
    let open = Sql::both("SELECT COUNT(*) AS n FROM claims WHERE street_id = $1 AND fiscal_year = $2 AND state IN ('submitted', 'endorsed', 'reviewed', 'approved')");
    count(tx, open, vec![street.into(), year.into()]).await
}

#[derive(FromQueryResult)]
struct OfCategory {
    category_id: Uuid,
    amount: Fen,
}

/// What open batches still need of the treasury quota, by category: it does not lapse at year-end.
///
/// # Errors
/// 500 where the database fails.
pub async fn quota_in_batches(tx: &Tx, street: Uuid) -> Result<Vec<(Uuid, Fen)>, Problem> {
    let sum = Sql::both(
        "SELECT category_id, CAST(SUM(net) AS bigint) AS amount FROM claims WHERE street_id = $1 AND paid_from = 'quota' AND state = 'approved' AND batch_id IS NOT NULL GROUP BY category_id ORDER BY category_id",
    );
    Ok(tx.query::<OfCategory>(sum, vec![street.into()]).await?.into_iter().map(|row| (row.category_id, row.amount)).collect())
}

#[derive(FromQueryResult)]
struct Mismatch {
    id: Uuid,
    reserved: Fen,
    committed: Fen,
    claimed: Fen,
    applied: Fen,
}

/// The first budget line whose reservation is not what open claims and approved applications hold on it.
///
/// # Errors
/// 500 where the database fails.
pub async fn reservations(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let compare = Sql::both(
        "SELECT b.id, b.reserved, b.committed, CAST(COALESCE(c.held, 0) AS bigint) AS claimed, CAST(COALESCE(m.held, 0) AS bigint) AS applied FROM budget_lines b \
         LEFT JOIN (SELECT budget_line_id, SUM(reserved) AS held FROM claims WHERE street_id = $1 GROUP BY budget_line_id) c ON c.budget_line_id = b.id \
         LEFT JOIN (SELECT budget_line_id, SUM(held) AS held FROM commitments WHERE street_id = $1 GROUP BY budget_line_id) m ON m.budget_line_id = b.id \
         WHERE b.street_id = $1 AND (b.reserved <> COALESCE(c.held, 0) + COALESCE(m.held, 0) OR b.committed <> COALESCE(m.held, 0)) ORDER BY b.id LIMIT 1",
    );
    let found = tx.query_one::<Mismatch>(compare, vec![street.into()]).await?;
    let told = |line: Mismatch| {
        Words::new(
            format!("预算线 {} 登记为占用 {}，其中事前申请 {}；在途报销单占用 {}，已批准的事前申请占用 {}", line.id, line.reserved, line.committed, line.claimed, line.applied),
            format!(
                "the budget line {} says reserved {}, of it committed {}; its open claims hold {}, its approved applications {}",
                line.id, line.reserved, line.committed, line.claimed, line.applied
            ),
        )
    };
    Ok(found.map(told))
}

/// A paid claim, or what was undone of one, that its voucher does not book.
#[derive(FromQueryResult)]
struct Misbooked {
    number: String,
    amount: Fen,
    booked: Fen,
    month: Month,
    voucher: i32,
}

/// The first paid claim whose voucher does not charge its amount, with that voucher's name.
///
/// # Errors
/// 500 where the database fails.
pub async fn booked_differs(tx: &Tx, street: Uuid) -> Result<Option<Found>, Problem> {
    let compare = Sql::both(
        "SELECT c.number, c.amount, CAST(COALESCE(SUM(l.debit), 0) AS bigint) AS booked, v.month, v.number AS voucher FROM claims c JOIN vouchers v ON v.id = c.voucher_id \
         LEFT JOIN voucher_lines l ON l.voucher_id = v.id AND l.account = '5001' WHERE c.street_id = $1 GROUP BY c.id, c.number, c.amount, v.month, v.number, v.seq \
         HAVING COALESCE(SUM(l.debit), 0) <> c.amount ORDER BY v.seq LIMIT 1",
    );
    let found = tx.query_one::<Misbooked>(compare, vec![street.into()]).await?;
    let told = |claim: Misbooked| {
        let what = Words::new(
            format!("为报销单 {} 列支 {}，该报销单金额为 {}", claim.number, claim.booked, claim.amount),
            format!("it charges {} for the claim {}, whose amount is {}", claim.booked, claim.number, claim.amount),
        );
        (Some(voucher_name(claim.month, claim.voucher)), what)
    };
    Ok(found.map(told))
}

/// The tax that paid claims (lecture fees) withheld and refunds have not given back; a reversal gives back all.
///
/// # Errors
/// 500 where the database fails.
pub async fn withheld(tx: &Tx, street: Uuid) -> Result<Fen, Problem> {
    #[derive(FromQueryResult)]
    struct Sum {
        amount: Fen,
    }
    let sum = Sql::both(
        "SELECT CAST(COALESCE((SELECT SUM(tax) FROM claims WHERE street_id = $1 AND state = 'paid'), 0) - COALESCE((SELECT SUM(r.tax) FROM claim_refunds r JOIN claims c ON c.id = r.claim_id \
         WHERE r.street_id = $1 AND c.state = 'paid'), 0) AS bigint) AS amount",
    );
    Ok(tx.query_one::<Sum>(sum, vec![street.into()]).await?.map_or(Fen::ZERO, |row| row.amount))
}
