//! What a payment that came back undoes (E8, E8b): its parts count no longer, its gross and tax leave their month.

use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};

use super::{beneficiary, payout_item, payout_part, payout_run, stipend_scheme, tax_months};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::period::Month;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx, is_unique_violation};

/// The parts of an item that came back count no longer, and give their periods free.
const NO_LONGER_LIVE: Sql = Sql::both("UPDATE payout_parts SET live = $4, holds = $4 WHERE district_id = $1 AND street_id = $2 AND item_id = $3");

/// What makes the oldest live payment of each period of an item hold it again, where money is settled in it and nothing does: a recovery that had brought the period to 0 went with the item.
const HOLD_AGAIN: Sql = Sql::both(
    "UPDATE payout_parts SET holds = $4 WHERE district_id = $1 AND street_id = $2 AND live AND kind = 'regular' AND NOT holds \
     AND EXISTS (SELECT 1 FROM payout_parts g WHERE g.district_id = $1 AND g.street_id = $2 AND g.item_id = $3 AND g.enrolment_id = payout_parts.enrolment_id AND g.period = payout_parts.period) \
     AND NOT EXISTS (SELECT 1 FROM payout_parts o WHERE o.district_id = $1 AND o.street_id = $2 AND o.enrolment_id = payout_parts.enrolment_id AND o.period = payout_parts.period \
         AND o.live AND (o.holds OR (o.kind = 'regular' AND o.id < payout_parts.id))) \
     AND (SELECT SUM(s.amount) FROM payout_parts s WHERE s.district_id = $1 AND s.street_id = $2 AND s.enrolment_id = payout_parts.enrolment_id AND s.period = payout_parts.period \
         AND s.live AND s.kind <> 'written_off') > 0",
);

/// The parts of an item that came back count no longer. Their periods are free, but for those that an earlier payment still settles: that one holds them again.
/// Where the person was paid for such a period elsewhere meanwhile, the key stays there.
///
/// # Errors
/// 500 where the database fails.
async fn no_longer_live(tx: &Tx, item: &payout_item::Model) -> Result<(), Problem> {
    let values = |flag: bool| vec![item.district_id.into(), item.street_id.into(), item.id.into(), flag.into()];
    tx.execute(NO_LONGER_LIVE, values(false)).await?;
    let savepoint = tx.savepoint().await?;
    match savepoint.try_execute(HOLD_AGAIN, values(true)).await {
        Ok(_held) => savepoint.commit().await,
        Err(error) if is_unique_violation(&error) => savepoint.rollback().await,
        Err(error) => Err(error.into()),
    }
}

/// A positive part of an item, for the period that the item paid last.
const KEEP: Sql = Sql::both(
    "INSERT INTO payout_parts (id, district_id, street_id, item_id, enrolment_id, scheme_kind_id, person_key, period, kind, amount, live, holds) \
     SELECT $4, p.district_id, p.street_id, p.item_id, p.enrolment_id, p.scheme_kind_id, p.person_key, p.period, $5, $6, $7, $8 FROM payout_parts p WHERE p.district_id = $1 AND p.street_id = $2 AND p.id = $3",
);

/// Keeps what the person has of a returned item already as settled in the period that it paid last: the rest of it is due again.
async fn keep(tx: &Tx, item: &payout_item::Model, kept: Fen) -> Result<(), Problem> {
    let paid = tx.select::<payout_part::Entity>().filter(payout_part::Column::StreetId.eq(item.street_id)).filter(payout_part::Column::ItemId.eq(item.id)).filter(payout_part::Column::Amount.gt(0));
    let last = tx.one(paid.order_by_desc(payout_part::Column::Period)).await?.ok_or_else(|| Problem::internal("a paid item without a part"))?;
    let values = |kind: &str, holds: bool| vec![item.district_id.into(), item.street_id.into(), last.id.into(), new_id().into(), kind.to_owned().into(), kept.into(), true.into(), holds.into()];
    let savepoint = tx.savepoint().await?;
    match savepoint.try_execute(KEEP, values("regular", true)).await {
        Ok(_held) => return savepoint.commit().await,
        Err(error) if is_unique_violation(&error) => savepoint.rollback().await?,
        Err(error) => return Err(error.into()),
    }
    // Another payment holds the period.
    tx.execute(KEEP, values("arrears", false)).await?;
    Ok(())
}

/// Undoes what a returned item settled and was taxed; gives the item with what is booked back: all of it, but for tax that its month no longer has. Whoever paid money of that month back in cash
/// (E10) was given that tax: it cannot leave 2307 a second time, so it stays spent and settled, and the next run pays so much less.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn take_back(tx: &Tx, scheme: &stipend_scheme::Model, run: &payout_run::Model, item: payout_item::Model) -> Result<payout_item::Model, Problem> {
    no_longer_live(tx, &item).await?;
    if !tax_months::is_taxed(scheme) {
        return Ok(item);
    }
    tax_months::lock(tx, run.street_id).await?;
    let posted = run.posted_on.ok_or_else(|| Problem::internal("a returned item of a run that was never posted"))?;
    let person = tx.maybe_load::<beneficiary::Entity>(item.beneficiary_id).await?.ok_or_else(Problem::not_found)?.person_key;
    let tax = tax_months::give_back(tx, run.street_id, &person, Month::of(posted), (item.gross, item.tax)).await?;
    let kept = item.tax.checked_sub(tax).map_err(Problem::internal)?;
    if kept.is_positive() {
        keep(tx, &item, kept).await?;
    }
    let gross = item.gross.checked_sub(kept).map_err(Problem::internal)?;
    Ok(payout_item::Model { gross, tax, kept, ..item })
}
