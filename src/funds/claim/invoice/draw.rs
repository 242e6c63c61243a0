//! What claims draw on invoices: put down in the draft, taken when it is submitted, freed on every way out.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::bodies::NewLine;
use super::super::claim;
use super::{invoice, invoice_draw, keys, model, refusals};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::{Faults, Problem, Words};
use crate::platform::attachment::{PaperKind, attachment, links_of};
use crate::platform::db::{Sql, Tx};

/// What a claim line draws on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// The invoice, one of the claim's unit.
    pub invoice_id: Uuid,
    /// How much of it.
    pub amount: Fen,
}

/// Adds what is wrong with the draws of a line: at most its amount, each invoice once.
pub fn draw_faults(index: usize, line: &NewLine, faults: &mut Faults) {
    for (number, draw) in line.draws.iter().enumerate() {
        if !draw.amount.is_positive() || draw.amount > Fen::DOCUMENT_MAX {
            faults.add(&format!("/lines/{index}/draws/{number}/amount"), "out_of_range", "金额须大于 0.00 且不超过单据上限", "above 0.00, and not above what a document holds");
        }
        if line.draws.iter().take(number).any(|earlier| earlier.invoice_id == draw.invoice_id) {
            faults.add(&format!("/lines/{index}/draws/{number}/invoice_id"), "duplicate", "该行已使用此发票", "stands in this line already");
        }
    }
    if Fen::checked_sum(line.draws.iter().map(|draw| draw.amount)).map_or(true, |sum| sum > line.amount) {
        faults.add(&format!("/lines/{index}/draws"), "draws_exceed_line", "使用的发票金额之和不得超过该行金额", "together at most the line's amount");
    }
}

/// The draws of claims, by line.
///
/// # Errors
/// 500 where the database fails.
pub async fn draws_of(tx: &Tx, claims: impl IntoIterator<Item = Uuid>) -> Result<Vec<invoice_draw::Model>, Problem> {
    let select = tx.select::<invoice_draw::Entity>().filter(invoice_draw::Column::ClaimId.is_in(claims));
    tx.all(select.order_by_asc(invoice_draw::Column::LineNumber).order_by_asc(invoice_draw::Column::Id)).await
}

/// What the lines of a draft draw.
///
/// # Errors
/// 422 `unknown_reference`, `invoice_of_another_unit`.
pub async fn drawn_by(tx: &Tx, row: &claim::Model, lines: &[NewLine]) -> Result<Vec<invoice_draw::Model>, Problem> {
    let mut draws = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for (number, draw) in line.draws.iter().enumerate() {
            let pointer = format!("/lines/{index}/draws/{number}/invoice_id");
            let found = tx.reference::<invoice::Entity>(draw.invoice_id, &pointer).await?;
            if found.street_id != row.street_id {
                return Err(Problem::unknown_reference(&pointer));
            }
            if found.community_id != row.community_id {
                return Err(refusals::invoice_of_another_unit(&pointer));
            }
            draws.push(invoice_draw::Model {
                id: new_id(),
                district_id: row.district_id,
                street_id: row.street_id,
                community_id: row.community_id,
                invoice_id: found.id,
                claim_id: row.id,
                line_number: i32::try_from(index).map_err(Problem::internal)?.saturating_add(1),
                amount: draw.amount,
                live: false,
            });
        }
    }
    Ok(draws)
}

/// Puts down what the changed lines of a draft draw, in place of what was there.
///
/// # Errors
/// As [`drawn_by`].
pub async fn put(tx: &Tx, row: &claim::Model, lines: &[NewLine]) -> Result<(), Problem> {
    for old in draws_of(tx, [row.id]).await? {
        tx.delete::<invoice_draw::Entity, invoice_draw::ActiveModel>(old).await?;
    }
    tx.insert_all::<invoice_draw::Entity, invoice_draw::ActiveModel>(drawn_by(tx, row, lines).await?).await
}

/// What draws come to by invoice, in the order in which invoices are locked.
fn by_invoice(draws: &[invoice_draw::Model]) -> Result<BTreeMap<Uuid, Fen>, Problem> {
    let mut sums: BTreeMap<Uuid, Fen> = BTreeMap::new();
    for draw in draws {
        let sum = sums.entry(draw.invoice_id).or_default();
        *sum = sum.checked_add(draw.amount).map_err(Problem::internal)?;
    }
    Ok(sums)
}

/// The database holds the total: what does not fit changes no row.
const DRAW: Sql = Sql::both(
    "UPDATE invoices SET drawn = drawn + $4, drawn_for = $5 WHERE district_id = $1 AND street_id = $2 AND id = $3 AND NOT red_lettered \
     AND (drawn_for IS NULL OR drawn_for = $5) AND drawn + $4 <= total",
);
const FREE: Sql = Sql::both("UPDATE invoices SET drawn = drawn - $4, drawn_for = CASE WHEN drawn = $4 THEN NULL ELSE drawn_for END WHERE district_id = $1 AND street_id = $2 AND id = $3");
const LIVE: Sql = Sql::both("UPDATE invoice_draws SET live = $4 WHERE district_id = $1 AND street_id = $2 AND claim_id = $3");

/// Draws what a claim that is submitted says: first the invoices, by id, then the keys, by text, so that two claims never wait for each other.
///
/// # Errors
/// 409 `invoice_overdrawn`, `invoice_for_another_payee`, `invoice_red_lettered`, `invoice_used_in_street`, `invoice_used_elsewhere`; 422 `invoice_original_missing`.
pub async fn take(tx: &Tx, row: &claim::Model, draws: &[invoice_draw::Model]) -> Result<(), Problem> {
    if draws.is_empty() {
        return Ok(());
    }
    let sums = by_invoice(draws)?;
    // By key and invoice: two invoices of one claim that have one key meet one another as well.
    let mut wanted = BTreeMap::new();
    for (id, sum) in sums {
        let values = vec![row.district_id.into(), row.street_id.into(), id.into(), sum.into(), row.payee_key.clone().into()];
        let drawn = tx.execute(DRAW, values).await? > 0;
        let found = tx.load::<invoice::Entity>(id).await?.into_read();
        if !drawn {
            return Err(why_not(&found, row));
        }
        let files = originals(tx, &found).await?;
        for key in model::keys(&found).into_iter().chain(files.iter().map(|sha256| model::file_key(sha256))) {
            wanted.insert((key, found.id), found.clone());
        }
    }
    for ((key, _), found) in wanted {
        keys::take(tx, &found, &key).await?;
    }
    tx.execute(LIVE, vec![row.district_id.into(), row.street_id.into(), row.id.into(), true.into()]).await?;
    Ok(())
}

/// Why nothing was drawn.
fn why_not(found: &invoice::Model, row: &claim::Model) -> Problem {
    if found.red_lettered {
        return refusals::invoice_red_lettered(&found.number);
    }
    if found.drawn_for.as_ref().is_some_and(|payee| *payee != row.payee_key) {
        return refusals::invoice_for_another_payee(&found.number);
    }
    refusals::invoice_overdrawn(&found.number, found.total.checked_sub(found.drawn).unwrap_or_default())
}

/// The hashes of an invoice's original files; an electronic one has at least one.
async fn originals(tx: &Tx, row: &invoice::Model) -> Result<BTreeSet<String>, Problem> {
    let links = links_of(tx, "invoice", &[row.id]).await?;
    let ids = links.iter().filter(|link| link.paper_kind == PaperKind::InvoiceOriginal.code()).map(|link| link.attachment_id);
    let files = tx.all(tx.select::<attachment::Entity>().filter(attachment::Column::Id.is_in(ids))).await?;
    let hashes: BTreeSet<String> = files.into_iter().filter(|file| model::is_original(&file.media_type)).map(|file| file.sha256).collect();
    if row.electronic && hashes.is_empty() { Err(refusals::invoice_original_missing(&row.number)) } else { Ok(hashes) }
}

/// Frees what claims of a street have drawn, and the keys of invoices on which nothing is drawn any more: invoices by id, whichever claims drew on them. The draws stay as what the claims said.
///
/// # Errors
/// 500 where the database fails.
pub async fn free(tx: &Tx, rows: &[claim::Model]) -> Result<(), Problem> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let live: Vec<_> = draws_of(tx, rows.iter().map(|row| row.id)).await?.into_iter().filter(|draw| draw.live).collect();
    for (id, sum) in by_invoice(&live)? {
        tx.execute(FREE, vec![first.district_id.into(), first.street_id.into(), id.into(), sum.into()]).await?;
    }
    // All invoices before their keys, as they are taken.
    for id in live.iter().map(|draw| draw.invoice_id).collect::<BTreeSet<_>>() {
        keys::free(tx, &tx.load::<invoice::Entity>(id).await?.into_read()).await?;
    }
    for claim in live.iter().map(|draw| draw.claim_id).collect::<BTreeSet<_>>() {
        tx.execute(LIVE, vec![first.district_id.into(), first.street_id.into(), claim.into(), false.into()]).await?;
    }
    Ok(())
}

/// Ok where every invoice of the claim still stands.
///
/// # Errors
/// 409 `invoice_red_lettered`.
pub async fn require_payable(tx: &Tx, draws: &[invoice_draw::Model]) -> Result<(), Problem> {
    let ids: BTreeSet<Uuid> = draws.iter().map(|draw| draw.invoice_id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let red = tx.select::<invoice::Entity>().filter(invoice::Column::Id.is_in(ids)).filter(invoice::Column::RedLettered.eq(true));
    tx.one(red).await?.map_or(Ok(()), |found| Err(refusals::invoice_red_lettered(&found.number)))
}

#[derive(FromQueryResult)]
struct Mismatch {
    number: String,
    drawn: Fen,
    live: Fen,
}

/// The first invoice whose drawn sum is not what live claims draw on it.
///
/// # Errors
/// 500 where the database fails.
pub async fn drawn_differs(tx: &Tx, street: Uuid) -> Result<Option<Words>, Problem> {
    let compare = Sql::both(
        "SELECT i.number, i.drawn, CAST(COALESCE(d.live, 0) AS bigint) AS live FROM invoices i \
         LEFT JOIN (SELECT invoice_id, SUM(amount) AS live FROM invoice_draws WHERE street_id = $1 AND live GROUP BY invoice_id) d ON d.invoice_id = i.id \
         WHERE i.street_id = $1 AND i.drawn <> COALESCE(d.live, 0) ORDER BY i.id LIMIT 1",
    );
    let found = tx.query_one::<Mismatch>(compare, vec![street.into()]).await?;
    let told = |invoice: Mismatch| {
        Words::new(
            format!("发票 {} 登记为已用 {}，有效报销单共用 {}", invoice.number, invoice.drawn, invoice.live),
            format!("the invoice {} says drawn {}, its live claims draw {}", invoice.number, invoice.drawn, invoice.live),
        )
    };
    Ok(found.map(told))
}
