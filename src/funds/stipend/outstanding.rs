//! What was paid too much and has not come back: of everybody, also of those who get no item any more because they ended or died.

use std::collections::BTreeMap;

use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{self, Facts, PeriodLine, Planned, Settled};
use super::{beneficiary, enrolment, enrolment_rate, own_rates, payout_part, payout_run, recovery, scheme, scheme_kind, stipend_scheme, suspension};
use crate::kernel::money::Fen;
use crate::kernel::period::{Month, Period};
use crate::kernel::problem::Problem;
use crate::platform::db::Tx;

/// What an enrolment has to give back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Outstanding {
    /// The enrolment.
    pub enrolment_id: Uuid,
    /// Its street.
    pub street_id: Uuid,
    /// The scheme.
    pub scheme_id: Uuid,
    /// The beneficiary.
    pub beneficiary_id: Uuid,
    /// Their name, masked.
    pub name_masked: String,
    /// When the enrolment ended; while it runs on, the next runs take it back by themselves.
    pub ended_on: Option<chrono::NaiveDate>,
    /// What is outstanding before tax: settled beyond entitled, over all periods up to the last posted run.
    pub outstanding: Fen,
    /// Of it, what is proposed to be written off and waits for the leader.
    pub proposed_write_off: Fen,
    /// The periods where entitled and settled differ.
    pub lines: Vec<PeriodLine>,
}

/// How many enrolments are computed at a time.
const BATCH: u64 = 500;

/// A scheme with what computing needs of it.
struct Terms {
    scheme: stipend_scheme::Model,
    rates: Vec<(Month, Fen)>,
    through: Option<Period>,
}

async fn terms(tx: &Tx, row: stipend_scheme::Model) -> Result<Terms, Problem> {
    let posted = tx.select::<payout_run::Entity>().filter(payout_run::Column::SchemeId.eq(row.id)).filter(payout_run::Column::PostedOn.is_not_null());
    let through = tx.one(posted.order_by_desc(payout_run::Column::Period)).await?.map(|run| run.period);
    Ok(Terms { rates: scheme::rates(tx, row.id).await?.into_iter().collect(), through, scheme: row })
}

/// Entitled against settled for enrolments, each up to its scheme's last posted run.
async fn plans(tx: &Tx, schemes: &mut BTreeMap<Uuid, Terms>, rows: &[enrolment::Model]) -> Result<Vec<Planned>, Problem> {
    let missing: Vec<Uuid> = rows.iter().map(|row| row.scheme_id).filter(|id| !schemes.contains_key(id)).collect();
    if !missing.is_empty() {
        for row in tx.all(tx.select::<stipend_scheme::Entity>().filter(stipend_scheme::Column::Id.is_in(missing))).await? {
            schemes.insert(row.id, terms(tx, row).await?);
        }
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut settled: BTreeMap<Uuid, BTreeMap<Period, Settled>> = BTreeMap::new();
    let parts = tx.select::<payout_part::Entity>().filter(payout_part::Column::EnrolmentId.is_in(ids.clone())).filter(payout_part::Column::Live.eq(true));
    for part in tx.all(parts).await? {
        let entry = settled.entry(part.enrolment_id).or_default().entry(part.period).or_default();
        entry.sum = entry.sum.checked_add(part.amount).map_err(Problem::internal)?;
        entry.held = entry.held || part.holds;
    }
    let mut stops: BTreeMap<Uuid, Vec<(chrono::NaiveDate, Option<chrono::NaiveDate>)>> = BTreeMap::new();
    let suspended = tx.select::<suspension::Entity>().filter(suspension::Column::EnrolmentId.is_in(ids.clone())).filter(suspension::Column::Kind.eq("stop"));
    for row in tx.all(suspended).await? {
        stops.entry(row.enrolment_id).or_default().push((row.from_date, row.to_date));
    }
    let later_rates = own_rates::later(tx, enrolment_rate::Column::EnrolmentId.is_in(ids)).await?;
    let mut planned = Vec::with_capacity(rows.len());
    for row in rows {
        let terms = schemes.get(&row.scheme_id).ok_or_else(|| Problem::internal("an enrolment without its scheme"))?;
        let Some(through) = terms.through else {
            planned.push(Planned::default());
            continue;
        };
        let own_rates = own_rates::of(row, &later_rates);
        let facts = Facts { from: row.from_date, to: row.last_day(), rates: terms.rates.clone(), own_rates, stops: stops.remove(&row.id).unwrap_or_default() };
        let settled = settled.remove(&row.id).unwrap_or_default();
        planned.push(model::plan(&scheme::rules(&terms.scheme), &facts, &settled, row.paid_through, through)?);
    }
    Ok(planned)
}

/// Entitled against settled of one enrolment: what is outstanding, and its lines.
///
/// # Errors
/// 500 where the database fails.
pub async fn of_enrolment(tx: &Tx, row: &enrolment::Model) -> Result<Planned, Problem> {
    Ok(plans(tx, &mut BTreeMap::new(), std::slice::from_ref(row)).await?.pop().unwrap_or_default())
}

/// At most so many enrolments with something outstanding, after this one, in the order of enrolment.
///
/// # Errors
/// 500 where the database fails.
pub async fn list(tx: &Tx, condition: Condition, after: Option<Uuid>, limit: u64) -> Result<Vec<Outstanding>, Problem> {
    let (mut schemes, mut found, mut after) = (BTreeMap::new(), Vec::new(), after);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    while found.len() < most {
        let select = tx.select::<enrolment::Entity>().filter(condition.clone()).order_by_asc(enrolment::Column::Id).limit(BATCH);
        let rows = tx.all(if let Some(after) = after { select.filter(enrolment::Column::Id.gt(after)) } else { select }).await?;
        let Some(last) = rows.last().map(|row| row.id) else {
            break;
        };
        let planned = plans(tx, &mut schemes, &rows).await?;
        let owing: Vec<(enrolment::Model, Planned)> = rows.into_iter().zip(planned).filter(|(_, planned)| planned.outstanding.is_positive()).collect();
        found.extend(shown(tx, owing).await?);
        after = Some(last);
    }
    found.truncate(most);
    Ok(found)
}

async fn shown(tx: &Tx, owing: Vec<(enrolment::Model, Planned)>) -> Result<Vec<Outstanding>, Problem> {
    if owing.is_empty() {
        return Ok(Vec::new());
    }
    let people = tx.all(tx.select::<beneficiary::Entity>().filter(beneficiary::Column::Id.is_in(owing.iter().map(|(row, _)| row.beneficiary_id)))).await?;
    let names: BTreeMap<Uuid, String> = people.into_iter().map(|row| (row.id, row.name_masked)).collect();
    let open = tx.select::<recovery::Entity>().filter(recovery::Column::EnrolmentId.is_in(owing.iter().map(|(row, _)| row.id))).filter(recovery::Column::State.eq("submitted"));
    let proposed: BTreeMap<Uuid, Fen> = tx.all(open).await?.into_iter().map(|row| (row.enrolment_id, row.amount)).collect();
    let view = |(row, planned): (enrolment::Model, Planned)| Outstanding {
        enrolment_id: row.id,
        street_id: row.street_id,
        scheme_id: row.scheme_id,
        beneficiary_id: row.beneficiary_id,
        name_masked: names.get(&row.beneficiary_id).cloned().unwrap_or_default(),
        ended_on: row.to_date,
        outstanding: planned.outstanding,
        proposed_write_off: proposed.get(&row.id).copied().unwrap_or_default(),
        lines: planned.lines.into_iter().filter(|line| !line.difference.is_zero()).collect(),
    };
    Ok(owing.into_iter().map(view).collect())
}

impl enrolment::Model {
    /// The day on which it ends: as people said, or as expected, whichever comes first. What is expected moves only by a proof that a second person looks at (see [`super::verify::extend`]).
    #[must_use]
    pub fn last_day(&self) -> Option<chrono::NaiveDate> {
        self.to_date.into_iter().chain(self.expected_end).min()
    }
}

/// The kind of a scheme.
///
/// # Errors
/// 500 where the database fails.
pub async fn kind_of(tx: &Tx, scheme: Uuid) -> Result<scheme_kind::Model, Problem> {
    let row = tx.maybe_load::<stipend_scheme::Entity>(scheme).await?.ok_or_else(Problem::not_found)?;
    tx.maybe_load::<scheme_kind::Entity>(row.scheme_kind_id).await?.ok_or_else(Problem::not_found)
}
