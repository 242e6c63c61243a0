//! Keys of invoices and of original files: taken once in a district, whichever street comes first. On PostgreSQL another street's row cannot be seen, but its unique key
//! still counts: an insert that changes no row has met it, also one that is not committed yet, for which it waits.

use sea_orm::{ColumnTrait, QueryFilter};

use super::{invoice, invoice_key, refusals};
use crate::kernel::ids::new_id;
use crate::kernel::problem::{KeptAttempt, Problem};
use crate::platform::db::{Scoped, Sql, Tx};

const TAKE: Sql = Sql::both("INSERT INTO invoice_keys (id, district_id, street_id, taken, invoice_id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (district_id, taken) DO NOTHING");
const FREE: Sql = Sql::both(
    "DELETE FROM invoice_keys WHERE district_id = $1 AND street_id = $2 AND invoice_id = $3 \
     AND EXISTS (SELECT 1 FROM invoices i WHERE i.district_id = $1 AND i.street_id = $2 AND i.id = $3 AND i.drawn = 0)",
);

/// Takes a key for an invoice; it may have it already.
///
/// # Errors
/// 409 `invoice_used_in_street`, `invoice_used_elsewhere`.
pub(super) async fn take(tx: &Tx, row: &invoice::Model, key: &str) -> Result<(), Problem> {
    if tx.execute(TAKE, vec![new_id().into(), row.district_id.into(), row.street_id.into(), key.into(), row.id.into()]).await? > 0 {
        return Ok(());
    }
    let own = tx.select::<invoice_key::Entity>().filter(invoice_key::Column::Taken.eq(key)).filter(invoice_key::Column::StreetId.eq(row.street_id));
    match tx.one(own).await? {
        Some(taken) if taken.invoice_id == row.id => Ok(()),
        Some(_) => Err(refusals::invoice_used_in_street(&row.number)),
        None => {
            let place = invoice::Entity::place(row);
            let attempt = KeptAttempt { action: "invoice.used_elsewhere", subject_type: "invoice", subject_id: row.id, place, what: key.to_owned() };
            Err(refusals::invoice_used_elsewhere(&row.number, attempt))
        }
    }
}

/// Frees the keys of an invoice on which no live claim draws any more.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn free(tx: &Tx, row: &invoice::Model) -> Result<(), Problem> {
    tx.execute(FREE, vec![row.district_id.into(), row.street_id.into(), row.id.into()]).await?;
    Ok(())
}
