//! What a street's and a district's year come to: by category, by community, in all.

use std::collections::BTreeMap;

use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::access::Scope;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// The sums of a group of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SummaryRow {
    /// The category, community or street; null for the street's own lines and for totals.
    pub id: Option<Uuid>,
    /// Its name.
    pub name: Option<String>,
    /// Approved and adjusted.
    pub approved: Fen,
    /// Received from the treasury; by category, street and in all only.
    pub received: Option<Fen>,
    /// Held in all: for claims under way, and for approved applications.
    pub reserved: Fen,
    /// The part of it that approved applications 事前申请 still hold.
    pub committed: Fen,
    /// Spent.
    pub spent: Fen,
    /// Approved minus reserved minus spent.
    pub available: Fen,
}

/// A street's year.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StreetSummary {
    /// The street.
    pub street_id: Uuid,
    /// The year.
    pub fiscal_year: i32,
    /// By category.
    pub categories: Vec<SummaryRow>,
    /// By community; the street's own lines have a null id.
    pub communities: Vec<SummaryRow>,
    /// In all.
    pub total: SummaryRow,
}

/// A district's year.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DistrictSummary {
    /// The district.
    pub district_id: Uuid,
    /// The year.
    pub fiscal_year: i32,
    /// By street.
    pub streets: Vec<SummaryRow>,
    /// In all.
    pub total: SummaryRow,
}

#[derive(Clone, Debug, Default, FromQueryResult)]
struct Sum {
    id: Option<Uuid>,
    name: Option<String>,
    approved: Fen,
    reserved: Fen,
    committed: Fen,
    spent: Fen,
}

#[derive(FromQueryResult)]
struct Received {
    id: Uuid,
    amount: Fen,
}

fn row(sum: Sum, received: Option<Fen>) -> SummaryRow {
    let available = Fen(sum.approved.0.saturating_sub(sum.reserved.0).saturating_sub(sum.spent.0));
    SummaryRow { id: sum.id, name: sum.name, approved: sum.approved, received, reserved: sum.reserved, committed: sum.committed, spent: sum.spent, available }
}

fn total(rows: &[SummaryRow], received: Option<Fen>) -> Result<SummaryRow, Problem> {
    let sum = |field: fn(&SummaryRow) -> Fen| Fen::checked_sum(rows.iter().map(field)).map_err(Problem::internal);
    let (approved, reserved, committed, spent) = (sum(|row| row.approved)?, sum(|row| row.reserved)?, sum(|row| row.committed)?, sum(|row| row.spent)?);
    Ok(row(Sum { id: None, name: None, approved, reserved, committed, spent }, received))
}

const BY_CATEGORY: Sql = Sql::both(
    "SELECT c.id AS id, c.name AS name, CAST(SUM(l.approved) AS bigint) AS approved, CAST(SUM(l.reserved) AS bigint) AS reserved, CAST(SUM(l.committed) AS bigint) AS committed, CAST(SUM(l.spent) AS bigint) AS spent \
     FROM budget_lines l JOIN categories c ON c.id = l.category_id WHERE l.street_id = $1 AND l.fiscal_year = $2 AND l.state = 'approved' GROUP BY c.id, c.name, c.code ORDER BY c.code",
);
const BY_COMMUNITY: Sql = Sql::both(
    "SELECT l.community_id AS id, u.name AS name, CAST(SUM(l.approved) AS bigint) AS approved, CAST(SUM(l.reserved) AS bigint) AS reserved, CAST(SUM(l.committed) AS bigint) AS committed, CAST(SUM(l.spent) AS bigint) AS spent \
     FROM budget_lines l LEFT JOIN org_units u ON u.id = l.community_id WHERE l.street_id = $1 AND l.fiscal_year = $2 AND l.state = 'approved' GROUP BY l.community_id, u.name ORDER BY u.name",
);
const BY_STREET: Sql = Sql::both(
    "SELECT u.id AS id, u.name AS name, CAST(SUM(l.approved) AS bigint) AS approved, CAST(SUM(l.reserved) AS bigint) AS reserved, CAST(SUM(l.committed) AS bigint) AS committed, CAST(SUM(l.spent) AS bigint) AS spent \
     FROM budget_lines l JOIN org_units u ON u.id = l.street_id WHERE l.district_id = $1 AND l.fiscal_year = $2 AND l.state = 'approved' GROUP BY u.id, u.name ORDER BY u.name",
);
const RECEIVED_BY_CATEGORY: Sql = Sql::both(
    "SELECT category_key AS id, CAST(SUM(credit - debit) AS bigint) AS amount FROM ledger_turnovers WHERE street_id = $1 AND account = '4001' AND NOT closing AND month BETWEEN $2 AND $3 GROUP BY category_key",
);
const RECEIVED_BY_STREET: Sql = Sql::both("SELECT street_id AS id, received AS amount FROM fiscal_years WHERE district_id = $1 AND year = $2");

/// A street's year. A community sees its own lines only, without what the street received.
///
/// # Errors
/// 500 where the database fails.
pub async fn street(tx: &Tx, street: Uuid, year: i32) -> Result<StreetSummary, Problem> {
    let community = match tx.scope() {
        Scope::Community(_, _, community) => Some(community),
        _ => None,
    };
    let values = || vec![street.into(), year.into()];
    let received: BTreeMap<Uuid, Fen> = if community.is_some() {
        BTreeMap::new()
    } else {
        let months = vec![street.into(), format!("{year}-01").into(), format!("{year}-12").into()];
        tx.query::<Received>(RECEIVED_BY_CATEGORY, months).await?.into_iter().map(|received| (received.id, received.amount)).collect()
    };
    let communities: Vec<SummaryRow> = tx.query::<Sum>(BY_COMMUNITY, values()).await?.into_iter().filter(|sum| community.is_none() || sum.id == community).map(|sum| row(sum, None)).collect();
    let categories: Vec<SummaryRow> = if community.is_some() {
        Vec::new()
    } else {
        let of = |sum: &Sum| sum.id.map(|id| received.get(&id).copied().unwrap_or_default());
        tx.query::<Sum>(BY_CATEGORY, values())
            .await?
            .into_iter()
            .map(|sum| {
                let amount = of(&sum);
                row(sum, amount)
            })
            .collect()
    };
    let all = if community.is_none() { Some(Fen::checked_sum(received.into_values()).map_err(Problem::internal)?) } else { None };
    let total = total(&communities, all)?;
    Ok(StreetSummary { street_id: street, fiscal_year: year, categories, communities, total })
}

/// A district's year, by street.
///
/// # Errors
/// 500 where the database fails.
pub async fn district(tx: &Tx, district: Uuid, year: i32) -> Result<DistrictSummary, Problem> {
    let values = || vec![district.into(), year.into()];
    let received: BTreeMap<Uuid, Fen> = tx.query::<Received>(RECEIVED_BY_STREET, values()).await?.into_iter().map(|received| (received.id, received.amount)).collect();
    let streets: Vec<SummaryRow> = tx
        .query::<Sum>(BY_STREET, values())
        .await?
        .into_iter()
        .map(|sum| {
            let amount = sum.id.and_then(|id| received.get(&id).copied());
            row(sum, amount)
        })
        .collect();
    let total = total(&streets, Some(Fen::checked_sum(received.into_values()).map_err(Problem::internal)?))?;
    Ok(DistrictSummary { district_id: district, fiscal_year: year, streets, total })
}
