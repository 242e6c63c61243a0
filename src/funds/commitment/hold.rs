//! What claims take of an approved application, and give back. The application is a document: it is locked before the lines.

use uuid::Uuid;

use super::model::taken;
use super::{commitment, refusals};
use crate::kernel::act::Act;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Sql, Tx};

/// An approved application, for a claim to be made under it; nobody else changes it until this transaction ends.
///
/// # Errors
/// 409 `commitment_not_open`.
pub async fn open(tx: &Tx, act: &Act, id: Uuid) -> Result<commitment::Model, Problem> {
    let row = tx.load_locked::<commitment::Entity>(id).await?.into_read();
    if row.state == "approved" && row.valid_until >= act.today { Ok(row) } else { Err(refusals::commitment_not_open(&row.number, &row.state)) }
}

/// Takes what an application still holds, at most what is asked; gives how much that is.
///
/// # Errors
/// 409 `commitment_not_open` where it is not what it was.
pub async fn take(tx: &Tx, act: &Act, row: &commitment::Model, asked: Fen) -> Result<Fen, Problem> {
    let part = taken(row.held, asked);
    if part.is_zero() {
        return Ok(part);
    }
    add(tx, act, row, part.checked_neg().map_err(Problem::internal)?).await?;
    Ok(part)
}

/// Gives back to an application what a claim took of it. Where it is open it holds it again, and all of it is the answer; else nothing is, and the line is to be freed of it.
///
/// # Errors
/// 500 where the database fails.
pub async fn give(tx: &Tx, act: &Act, id: Uuid, part: Fen) -> Result<Fen, Problem> {
    if part.is_zero() {
        return Ok(part);
    }
    let row = tx.load_locked::<commitment::Entity>(id).await?.into_read();
    if row.state != "approved" {
        return Ok(Fen::ZERO);
    }
    add(tx, act, &row, part).await?;
    Ok(part)
}

async fn add(tx: &Tx, act: &Act, row: &commitment::Model, part: Fen) -> Result<(), Problem> {
    let update = Sql::both("UPDATE commitments SET held = held + $2, version = version + 1 WHERE id = $1 AND state = 'approved' AND held + $2 >= 0 AND held + $2 <= amount");
    if tx.execute(update, vec![row.id.into(), part.into()]).await? != 1 {
        return Err(refusals::commitment_not_open(&row.number, &row.state));
    }
    let after = commitment::Model { held: row.held.checked_add(part).map_err(Problem::internal)?, version: row.version.saturating_add(1), ..row.clone() };
    let action = if part.is_negative() { "commitment.take" } else { "commitment.give_back" };
    audit::record(tx, act, Event::new(action, "commitment", row.id, commitment::Entity::place(row)).before(row)?.after(&after)?).await?;
    Ok(())
}
