//! Own rates that change while somebody is enrolled: from a month on, when a second person confirms them. The next run takes the difference.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{ExprTrait, Query, SimpleExpr};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::routes_own_rates::NewOwnRate;
use super::{enrolment, enrolment_rate, people, refusals, stipend_scheme};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::identity::duties::{self, Part};
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Tx, is_unique_violation};

/// Confirmed rates by enrolment, in the order in which they were written.
pub type Later = BTreeMap<Uuid, Vec<(Month, Option<Fen>)>>;

/// The confirmed own rates of some enrolments, beyond what they were enrolled with.
///
/// # Errors
/// 500 where the database fails.
pub async fn later(tx: &Tx, of: SimpleExpr) -> Result<Later, Problem> {
    let confirmed = tx.select::<enrolment_rate::Entity>().filter(of).filter(enrolment_rate::Column::State.eq("confirmed"));
    let mut rates = Later::new();
    for rate in tx.all(confirmed.order_by_asc(enrolment_rate::Column::Id)).await? {
        rates.entry(rate.enrolment_id).or_default().push((rate.from_month, rate.amount));
    }
    Ok(rates)
}

/// The own rates of an enrolment: what it was enrolled with, and the later ones.
#[must_use]
pub fn of(row: &enrolment::Model, later: &Later) -> Vec<(Month, Option<Fen>)> {
    let first = row.own_rate_from.map(|from| (from, row.own_rate));
    first.into_iter().chain(later.get(&row.id).into_iter().flatten().copied()).collect()
}

/// All own rates that were written for an enrolment, whatever became of them.
///
/// # Errors
/// 500 where the database fails.
pub async fn written(tx: &Tx, enrolment: Uuid) -> Result<Vec<enrolment_rate::Model>, Problem> {
    tx.all(tx.select::<enrolment_rate::Entity>().filter(enrolment_rate::Column::EnrolmentId.eq(enrolment)).order_by_asc(enrolment_rate::Column::Id)).await
}

/// The enrolments of a scheme of which a person wrote an own rate that is or may come into force: who signs the scheme's authorisation did not.
///
/// # Errors
/// 500 where the database fails.
pub async fn authored_by(tx: &Tx, scheme: &stipend_scheme::Model, person: &str) -> Result<BTreeSet<Uuid>, Problem> {
    use enrolment_rate::Column;
    // By the index of a street's schemes: without district and street every street's enrolments would be searched.
    let of_street = enrolment::Column::DistrictId.eq(scheme.district_id).and(enrolment::Column::StreetId.eq(scheme.street_id));
    let of_scheme = Query::select().column(enrolment::Column::Id).from(enrolment::Entity).and_where(of_street).and_where(enrolment::Column::SchemeId.eq(scheme.id)).take();
    let authored = tx.select::<enrolment_rate::Entity>().filter(Column::StreetId.eq(scheme.street_id)).filter(Column::EnrolmentId.in_subquery(of_scheme)).filter(Column::AuthorPerson.eq(person));
    Ok(tx.all(authored.filter(Column::State.ne("withdrawn"))).await?.into_iter().map(|rate| rate.enrolment_id).collect())
}

/// Writes an own rate from a month on, or the scheme's again; it waits for a second person.
///
/// # Errors
/// 409 `invalid_transition` where the enrolment is withdrawn, `already_exists` where another one from that month waits.
pub async fn add(tx: &Tx, act: &Act, row: Authorised<enrolment::Model>, new: NewOwnRate) -> Result<enrolment_rate::Model, Problem> {
    let row = row.into_inner();
    if row.state == "withdrawn" {
        return Err(Problem::invalid_transition("rate", "withdrawn"));
    }
    let author = act.person()?;
    let rate = enrolment_rate::ActiveModel {
        id: Set(new_id()),
        district_id: Set(row.district_id),
        street_id: Set(row.street_id),
        enrolment_id: Set(row.id),
        from_month: Set(new.from_month),
        amount: Set(new.amount),
        reason: Set(new.reason.clone()),
        state: Set("unconfirmed".to_owned()),
        authored_by: Set(author.user_id),
        author_person: Set(author.person()),
        confirmed_by: Set(None),
        version: Set(1),
        created_at: Set(act.at),
    };
    let waits = || refusals::already_exists("该月起的另一个待确认个人标准", "Another own rate from this month that waits");
    let made = tx.try_insert::<enrolment_rate::Entity, _>(rate).await.map_err(|error| if is_unique_violation(&error) { waits() } else { error.into() })?;
    let place = enrolment_rate::Entity::place(&made);
    duties::take(tx, act, place, "enrolment_rate", made.id, Part::Prepare).await?;
    let mut event = Event::new("enrolment_rate.add", "enrolment_rate", made.id, place).after(&made)?;
    event.reason = Some(new.reason);
    audit::record(tx, act, event).await?;
    people::touch(tx, &row).await?;
    Ok(made)
}

/// Confirms an own rate as a second person: from now on runs count with it.
///
/// # Errors
/// 409 `invalid_transition` where it does not wait, or its enrolment is withdrawn; 403 `separation_of_duties`.
pub async fn confirm(tx: &Tx, act: &Act, row: Authorised<enrolment_rate::Model>) -> Result<enrolment_rate::Model, Problem> {
    let (before, enrolled) = waiting(tx, row, "confirm").await?;
    if enrolled.state == "withdrawn" {
        return Err(Problem::invalid_transition("confirm", "enrolment withdrawn"));
    }
    duties::take(tx, act, enrolment_rate::Entity::place(&before), "enrolment_rate", before.id, Part::Approve).await?;
    decided(tx, act, "enrolment_rate.confirm", (&before, &enrolled), enrolment_rate::ActiveModel { state: Set("confirmed".to_owned()), confirmed_by: Set(act.user_id()), ..Default::default() }).await
}

/// Takes an own rate back that nobody confirmed.
///
/// # Errors
/// 409 `invalid_transition` where it does not wait.
pub async fn withdraw(tx: &Tx, act: &Act, row: Authorised<enrolment_rate::Model>) -> Result<enrolment_rate::Model, Problem> {
    let (before, enrolled) = waiting(tx, row, "withdraw").await?;
    decided(tx, act, "enrolment_rate.withdraw", (&before, &enrolled), enrolment_rate::ActiveModel { state: Set("withdrawn".to_owned()), ..Default::default() }).await
}

/// A rate that waits, and its enrolment.
async fn waiting(tx: &Tx, row: Authorised<enrolment_rate::Model>, action: &str) -> Result<(enrolment_rate::Model, enrolment::Model), Problem> {
    let row = row.into_inner();
    if row.state != "unconfirmed" {
        return Err(Problem::invalid_transition(action, &row.state));
    }
    let enrolled = tx.maybe_load::<enrolment::Entity>(row.enrolment_id).await?.ok_or_else(|| Problem::internal("a rate without its enrolment"))?;
    Ok((row, enrolled))
}

async fn decided(
    tx: &Tx,
    act: &Act,
    action: &'static str,
    (before, enrolled): (&enrolment_rate::Model, &enrolment::Model),
    change: enrolment_rate::ActiveModel,
) -> Result<enrolment_rate::Model, Problem> {
    let next = enrolment_rate::ActiveModel { id: Unchanged(before.id), version: Set(before.version.saturating_add(1)), ..change };
    let after = tx.update::<enrolment_rate::Entity, _>(next).await?;
    audit::record(tx, act, Event::new(action, "enrolment_rate", after.id, enrolment_rate::Entity::place(&after)).before(before)?.after(&after)?).await?;
    people::touch(tx, enrolled).await?;
    Ok(after)
}
