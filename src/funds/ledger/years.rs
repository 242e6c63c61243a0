//! Fiscal years: opened by people only. Their sums are changed by conditional statements, so that no fen more is spent than was received.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{fiscal_year, ledger_period, model, refusals};
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::people::tenancy::org_unit;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Authorised, Scoped, Sql, Tx, is_unique_violation};

/// Opens a year of a street with its twelve months; the first one also begins the street's chain. A street's years have no gaps: the next one is opened after the last.
///
/// # Errors
/// 409 `fiscal_year_exists`, `not_the_next_year`.
pub async fn open(tx: &Tx, act: &Act, street: &Authorised<org_unit::Model>, year: i32) -> Result<fiscal_year::Model, Problem> {
    // Two who open years of one street at the same moment come one after the other.
    tx.load_locked::<org_unit::Entity>(street.id).await?;
    let last = tx.one(tx.select::<fiscal_year::Entity>().filter(fiscal_year::Column::StreetId.eq(street.id)).order_by_desc(fiscal_year::Column::Year)).await?;
    if let Some(last) = last {
        let next = last.year.saturating_add(1);
        if year != next && find(tx, street.id, year).await?.is_none() {
            return Err(refusals::not_the_next_year(year, next));
        }
    }
    let row = fiscal_year::ActiveModel {
        id: Set(new_id()),
        district_id: Set(street.district_id),
        street_id: Set(street.id),
        year: Set(year),
        state: Set("open".to_owned()),
        carried_in: Set(Fen::ZERO),
        received: Set(Fen::ZERO),
        spent: Set(Fen::ZERO),
        to_return: Set(Fen::ZERO),
        version: Set(1),
        opened_at: Set(act.at),
        opened_by: Set(act.user_id()),
        closed_at: Set(None),
        closed_by: Set(None),
    };
    let opened = tx.try_insert::<fiscal_year::Entity, _>(row).await.map_err(|error| if is_unique_violation(&error) { refusals::fiscal_year_exists(year) } else { error.into() })?;
    for month in (1..=12).filter_map(|number| Month::new(year, number)) {
        let period = ledger_period::ActiveModel {
            id: Set(new_id()),
            district_id: Set(street.district_id),
            street_id: Set(street.id),
            fiscal_year: Set(year),
            month: Set(month),
            state: Set("open".to_owned()),
            closed_at: Set(None),
            closed_by: Set(None),
            close_reason: Set(None),
            version: Set(1),
        };
        tx.insert::<ledger_period::Entity, _>(period).await?;
    }
    let head = Sql::both("INSERT INTO ledger_heads (district_id, street_id, seq, hash) VALUES ($1, $2, 0, $3) ON CONFLICT (district_id, street_id) DO NOTHING");
    tx.execute(head, vec![street.district_id.into(), street.id.into(), model::first_previous(street.id).into()]).await?;
    audit::record(tx, act, Event::new("fiscal_year.open", "fiscal_year", opened.id, fiscal_year::Entity::place(&opened)).after(&opened)?).await?;
    Ok(opened)
}

/// The year of a street, where it has been opened.
///
/// # Errors
/// 500 where the database fails.
pub async fn find(tx: &Tx, street: Uuid, year: i32) -> Result<Option<fiscal_year::Model>, Problem> {
    tx.one(tx.select::<fiscal_year::Entity>().filter(fiscal_year::Column::StreetId.eq(street)).filter(fiscal_year::Column::Year.eq(year))).await
}

/// Keeps a year's sums as they are for everybody else until this transaction ends.
///
/// # Errors
/// 500 where the database fails.
pub async fn hold(tx: &Tx, street: Uuid, year: i32) -> Result<(), Problem> {
    tx.execute(Sql::both("UPDATE fiscal_years SET version = version WHERE street_id = $1 AND year = $2"), vec![street.into(), year.into()]).await?;
    Ok(())
}

/// The open year of a street.
///
/// # Errors
/// 409 `fiscal_year_not_open`.
pub async fn require_open(tx: &Tx, street: Uuid, year: i32) -> Result<fiscal_year::Model, Problem> {
    find(tx, street, year).await?.filter(|found| found.state == "open").ok_or_else(|| refusals::fiscal_year_not_open(year))
}

/// What is added to a year's sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// To what was carried in.
    pub carried_in: Fen,
    /// To what was received.
    pub received: Fen,
    /// To what was spent.
    pub spent: Fen,
    /// To what goes back to the treasury.
    pub to_return: Fen,
}

/// Adds to a year's sums in one conditional statement: the year is open, nothing falls below 0, and no more is spent than there is (量入为出).
///
/// # Errors
/// 409 `fiscal_year_not_open` or `funds_not_received`.
pub async fn add(tx: &Tx, street: Uuid, year: i32, sums: Sums) -> Result<(), Problem> {
    let update = Sql::both(
        "UPDATE fiscal_years SET carried_in = carried_in + $3, received = received + $4, spent = spent + $5, to_return = to_return + $6, version = version + 1 \
         WHERE street_id = $1 AND year = $2 AND state = 'open' AND received + $4 >= 0 AND spent + $5 >= 0 AND to_return + $6 >= 0 \
         AND spent + $5 <= carried_in + $3 + received + $4 - to_return - $6",
    );
    let values = vec![street.into(), year.into(), sums.carried_in.into(), sums.received.into(), sums.spent.into(), sums.to_return.into()];
    if tx.execute(update, values).await? == 1 {
        return Ok(());
    }
    require_open(tx, street, year).await?;
    Err(refusals::funds_not_received(sums.spent))
}
