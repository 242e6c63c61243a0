//! What a run writes, a statement a set: the rows are computed, put into one JSON text, and spread by the database.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::FromQueryResult;
use serde::Serialize;
use uuid::Uuid;

use super::compute::Computed;
use super::model::{PartKind, PeriodLine};
use super::stipend_scheme;
use crate::kernel::ids::new_id;
use crate::kernel::period::Period;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};

/// An id as both databases read it from JSON.
fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

/// Rows as one JSON text, which the database spreads.
pub(super) fn json(rows: &[impl Serialize]) -> Result<sea_orm::Value, Problem> {
    Ok(serde_json::to_string(rows).map_err(Problem::internal)?.into())
}

#[derive(Serialize)]
struct PartRow<'a> {
    id: String,
    item: Option<String>,
    enrolment: String,
    person: &'a str,
    period: String,
    kind: &'static str,
    amount: i64,
}

#[derive(FromQueryResult)]
struct Refused {
    id: Uuid,
}

const PARTS: Sql = Sql {
    postgres: "INSERT INTO payout_parts (id, district_id, street_id, item_id, enrolment_id, scheme_kind_id, person_key, period, kind, amount, live, holds) \
        SELECT r.id, $2, $3, r.item, r.enrolment, $4, r.person, r.period, r.kind, r.amount, true, r.kind = 'regular' \
        FROM json_to_recordset(CAST($1 AS json)) AS r(id uuid, item uuid, enrolment uuid, person text, period text, kind text, amount bigint) ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO payout_parts (id, district_id, street_id, item_id, enrolment_id, scheme_kind_id, person_key, period, kind, amount, live, holds) \
        SELECT unhex(value ->> 'id'), $2, $3, unhex(value ->> 'item'), unhex(value ->> 'enrolment'), $4, value ->> 'person', value ->> 'period', value ->> 'kind', value ->> 'amount', 1, value ->> 'kind' = 'regular' \
        FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
};
const REFUSED: Sql = Sql {
    postgres: "SELECT r.id FROM json_to_recordset(CAST($1 AS json)) AS r(id uuid) WHERE NOT EXISTS (SELECT 1 FROM payout_parts p WHERE p.district_id = $2 AND p.street_id = $3 AND p.id = r.id)",
    sqlite: "SELECT unhex(r.value ->> 'id') AS id FROM json_each($1) r WHERE NOT EXISTS (SELECT 1 FROM payout_parts p WHERE p.district_id = $2 AND p.street_id = $3 AND p.id = unhex(r.value ->> 'id'))",
};
const UNDO: Sql = Sql {
    postgres: "DELETE FROM payout_parts WHERE district_id = $2 AND street_id = $3 AND id IN (SELECT r.id FROM json_to_recordset(CAST($1 AS json)) AS r(id uuid))",
    sqlite: "DELETE FROM payout_parts WHERE district_id = $2 AND street_id = $3 AND id IN (SELECT unhex(value ->> 'id') FROM json_each($1))",
};
/// Gives a period of an enrolment free.
pub(super) const FREE: Sql = Sql::both("UPDATE payout_parts SET holds = $5 WHERE district_id = $1 AND street_id = $2 AND enrolment_id = $3 AND period = $4 AND holds");

#[derive(Serialize)]
struct IdRow {
    id: String,
}

/// Writes the parts of the items that are not held: each regular one takes its period for the person, in the whole district. An item that a key refuses is held
/// as `duplicate_person` and writes none. Where they are `kept`, a recovery that brings a period to 0 gives it free.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn take_keys(tx: &Tx, row: &stipend_scheme::Model, items: &mut [Computed], kept: bool) -> Result<(), Problem> {
    let mut parts: Vec<(usize, Uuid, &PeriodLine)> = Vec::new();
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_paid()) {
        parts.extend(item.planned.lines.iter().filter(|line| !line.taken.is_zero()).map(|line| (index, new_id(), line)));
    }
    // Every run takes its keys in one order, so that two that meet wait for each other and never in a circle.
    parts.sort_by_key(|(index, _, line)| (items.get(*index).map(|item| (&item.beneficiary.person_key, item.enrolment.id)), line.period));
    let mut rows = Vec::with_capacity(parts.len());
    for (index, id, line) in &parts {
        let item = items.get(*index).ok_or_else(|| Problem::internal("a part without its item"))?;
        rows.push(PartRow {
            id: hex(*id),
            item: kept.then(|| hex(item.item_id)),
            enrolment: hex(item.enrolment.id),
            person: &item.beneficiary.person_key,
            period: line.period.to_string(),
            kind: line.kind.map_or("", PartKind::code),
            amount: line.taken.0,
        });
    }
    if rows.is_empty() {
        return Ok(());
    }
    let place = || -> [sea_orm::Value; 2] { [row.district_id.into(), row.street_id.into()] };
    let [district, street] = place();
    let written = tx.execute(PARTS, vec![json(&rows)?, district, street, row.scheme_kind_id.into()]).await?;
    let mut refused: BTreeSet<usize> = BTreeSet::new();
    if usize::try_from(written).map_err(Problem::internal)? < rows.len() {
        let [district, street] = place();
        let missing: BTreeSet<Uuid> = tx.query::<Refused>(REFUSED, vec![json(&rows)?, district, street]).await?.into_iter().map(|part| part.id).collect();
        refused = parts.iter().filter(|(_, id, _)| missing.contains(id)).map(|(index, ..)| *index).collect();
        let others: Vec<IdRow> = parts.iter().filter(|(index, ..)| refused.contains(index)).map(|(_, id, _)| IdRow { id: hex(*id) }).collect();
        let [district, street] = place();
        tx.execute(UNDO, vec![json(&others)?, district, street]).await?;
    }
    if kept {
        let freed: Vec<(Uuid, Period)> = parts
            .iter()
            .filter(|(index, _, line)| !refused.contains(index) && line.taken.is_negative() && line.settled.0.saturating_add(line.taken.0) == 0)
            .filter_map(|(index, _, line)| Some((items.get(*index)?.enrolment.id, line.period)))
            .collect();
        for (enrolment, period) in freed {
            let [district, street] = place();
            tx.execute(FREE, vec![district, street, enrolment.into(), period.into(), false.into()]).await?;
        }
    }
    for index in refused {
        if let Some(item) = items.get_mut(index) {
            item.held = Some("duplicate_person");
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct ItemRow<'a> {
    id: String,
    community: Option<String>,
    enrolment: String,
    beneficiary: String,
    account: Option<String>,
    line: Option<String>,
    state: &'static str,
    held: Option<&'static str>,
    gross: i64,
    tax: i64,
    outstanding: i64,
    explanation: &'a [PeriodLine],
}

const ITEMS: Sql = Sql {
    postgres: "INSERT INTO payout_items (id, district_id, street_id, community_id, run_id, enrolment_id, beneficiary_id, bank_account_id, budget_line_id, state, held_code, gross, tax, net, outstanding_recovery, explanation, return_confirmed, version) \
        SELECT r.id, $2, $3, r.community, $4, r.enrolment, r.beneficiary, r.account, r.line, r.state, r.held, r.gross, r.tax, r.gross - r.tax, r.outstanding, r.explanation, false, 1 \
        FROM json_to_recordset(CAST($1 AS json)) AS r(id uuid, community uuid, enrolment uuid, beneficiary uuid, account uuid, line uuid, state text, held text, gross bigint, tax bigint, outstanding bigint, explanation jsonb)",
    sqlite: "INSERT INTO payout_items (id, district_id, street_id, community_id, run_id, enrolment_id, beneficiary_id, bank_account_id, budget_line_id, state, held_code, gross, tax, net, outstanding_recovery, explanation, return_confirmed, version) \
        SELECT unhex(value ->> 'id'), $2, $3, unhex(value ->> 'community'), $4, unhex(value ->> 'enrolment'), unhex(value ->> 'beneficiary'), unhex(value ->> 'account'), unhex(value ->> 'line'), value ->> 'state', value ->> 'held', \
        value ->> 'gross', value ->> 'tax', (value ->> 'gross') - (value ->> 'tax'), value ->> 'outstanding', value -> 'explanation', 0, 1 FROM json_each($1)",
};

/// Budget lines by unit.
pub(super) type Charged = BTreeMap<Option<Uuid>, Uuid>;

/// The state of an item that is not held, once it is posted: where its tax takes all of it, or it is of 0.00, the bank has nothing to pay.
const fn posted(item: &Computed) -> &'static str {
    if item.planned.amount.0 == item.tax.0 { "paid" } else { "posted" }
}

/// Writes the items of a run: calculated, or posted on their lines at once; the held ones as held.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn put_items(tx: &Tx, row: &stipend_scheme::Model, run: Uuid, items: &[Computed], charged: Option<&Charged>) -> Result<(), Problem> {
    let rows: Vec<ItemRow<'_>> = items
        .iter()
        .filter(|item| item.planned.item)
        .map(|item| ItemRow {
            id: hex(item.item_id),
            community: item.beneficiary.community_id.map(hex),
            enrolment: hex(item.enrolment.id),
            beneficiary: hex(item.beneficiary.id),
            account: item.account.map(hex),
            line: charged.filter(|_| item.is_paid()).and_then(|charged| charged.get(&item.unit(row))).copied().map(hex),
            state: match (item.held, charged) {
                (Some(_), _) => "held",
                (None, None) => "calculated",
                (None, Some(_)) => posted(item),
            },
            held: item.held,
            gross: item.planned.amount.0,
            tax: item.tax.0,
            outstanding: item.planned.outstanding.0,
            explanation: &item.planned.lines,
        })
        .collect();
    if !rows.is_empty() {
        tx.execute(ITEMS, vec![json(&rows)?, row.district_id.into(), row.street_id.into(), run.into()]).await?;
    }
    Ok(())
}

#[derive(Serialize)]
struct PostedRow {
    id: String,
    line: Option<String>,
    state: &'static str,
    tax: i64,
}

const POSTED: Sql = Sql {
    postgres: "UPDATE payout_items AS i SET state = r.state, budget_line_id = r.line, tax = r.tax, net = i.gross - r.tax, version = i.version + 1 \
        FROM json_to_recordset(CAST($1 AS json)) AS r(id uuid, line uuid, state text, tax bigint) WHERE i.id = r.id AND i.run_id = $2 AND i.district_id = $3 AND i.state = 'calculated'",
    sqlite: "UPDATE payout_items AS i SET state = r.value ->> 'state', budget_line_id = unhex(r.value ->> 'line'), tax = r.value ->> 'tax', net = i.gross - (r.value ->> 'tax'), version = i.version + 1 \
        FROM json_each($1) AS r WHERE i.id = unhex(r.value ->> 'id') AND i.run_id = $2 AND i.district_id = $3 AND i.state = 'calculated'",
};

/// Posts items that were written as calculated; gives how many.
///
/// # Errors
/// 500 where the database fails.
pub(super) async fn post_items(tx: &Tx, row: &stipend_scheme::Model, run: Uuid, items: &[Computed], charged: &Charged) -> Result<u64, Problem> {
    let paid = items.iter().filter(|item| item.is_paid());
    let rows: Vec<PostedRow> = paid.map(|item| PostedRow { id: hex(item.item_id), line: charged.get(&item.unit(row)).copied().map(hex), state: posted(item), tax: item.tax.0 }).collect();
    tx.execute(POSTED, vec![json(&rows)?, run.into(), row.district_id.into()]).await
}
