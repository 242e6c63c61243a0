//! J1: the payout job for all streets, a street at a time, beside hand-written SQL that writes the same rows.

use chrono::{NaiveDate, Timelike};
use sea_orm::FromQueryResult;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::world::{self, Base, RATE, Size, Street, World};
use super::{Goal, Plan, Rounds, Row, timed};
use crate::app;
use crate::funds::stipend::job::POST;
use crate::kernel::access::Scope;
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::platform::db::Sql;
use crate::platform::http::Context;
use crate::platform::jobs;

/// Measures both rows of the payout on a database.
pub(super) async fn measure(base: &Base, plan: &Plan) -> Result<Vec<Row>, Problem> {
    let streets = if plan.quick { 4 } else { 100 };
    let size = Size { streets, people: plan.people.checked_div(streets).unwrap_or(1), lines: 0 };
    super::tell(&format!("{}: loading {} people in {streets} streets", base.name(), plan.people));
    let world = World::load(base, "payout_ours", size).await?;
    base.copy("payout_ours", "payout_reference").await?;
    let (ours, reference) = (world::open(base, "payout_ours").await?, world::open(base, "payout_reference").await?);
    let (mut first, mut again) = (Rounds::default(), Rounds::default());
    for round in 1..=plan.rounds() {
        let month = u32::try_from(round).map_err(Problem::internal)?;
        let pays_on = NaiveDate::from_ymd_opt(2017, month, 20).ok_or_else(|| Problem::internal("no such day"))?;
        for context in [&ours, &reference] {
            let noon = pays_on.and_hms_opt(12, 0, 0).ok_or_else(|| Problem::internal("no such hour"))?;
            context.clocks.set(noon.with_hour(4).unwrap_or(noon).and_utc());
        }
        let job = async { paid(&ours, &world, month, size).await };
        let by_hand = async { hand_written(&reference, &world, month, size).await };
        let (took, took_by_hand) = if round.is_multiple_of(2) {
            let by_hand = timed(by_hand).await?;
            (timed(job).await?, by_hand)
        } else {
            (timed(job).await?, timed(by_hand).await?)
        };
        first.ours.push(took);
        first.reference.push(took_by_hand);
        again.ours.push(timed(nothing_again(&ours, &world, month)).await?);
        again.reference.push(took);
        super::tell(&format!("{}: payout round {round}: {took} ms, by hand {took_by_hand} ms", base.name()));
    }
    let books = app::verify_all(&ours, &[]).await?;
    if !books.holds {
        return Err(Problem::internal(format!("the books do not hold after the payout: {:?}", books.first_fault)));
    }
    ours.db.close().await?;
    reference.db.close().await?;
    base.drop("payout_ours").await?;
    base.drop("payout_reference").await?;
    let of = format!("{} people in {streets} streets", plan.people);
    Ok(vec![
        Row::of(format!("J1 payout job, {of}, beside hand-written SQL"), base.name(), first.medians(), "ms", Goal::at_most(200)),
        Row::of("J1 payout job again (all paid), beside the first time", base.name(), again.medians(), "ms", Goal::at_most(10)),
    ])
}

fn period(month: u32) -> String {
    format!("2017-{month:02}")
}

async fn posted(context: &Context, world: &World, month: u32) -> Result<i64, Problem> {
    let place = crate::kernel::access::Place::district(world.district);
    let slots = jobs::run_by_hand(context, &app::registry(), POST, &period(month), Some(place)).await?;
    if let Some(slot) = slots.iter().find(|slot| slot.state != "done") {
        return Err(Problem::internal(format!("a slot of the payout is not done: {slot:?}")));
    }
    Ok(slots.iter().map(|slot| slot.posted_items).sum())
}

async fn paid(context: &Context, world: &World, month: u32, size: Size) -> Result<(), Problem> {
    let items = posted(context, world, month).await?;
    let all = i64::try_from(size.streets.saturating_mul(size.people)).map_err(Problem::internal)?;
    if items == all { Ok(()) } else { Err(Problem::internal(format!("{items} of {all} were paid"))) }
}

async fn nothing_again(context: &Context, world: &World, month: u32) -> Result<(), Problem> {
    let items = posted(context, world, month).await?;
    if items == 0 { Ok(()) } else { Err(Problem::internal(format!("{items} were paid twice"))) }
}

#[derive(FromQueryResult)]
struct Paid {
    heads: i64,
    gross: Fen,
}

#[derive(FromQueryResult)]
struct Head {
    seq: i64,
    hash: String,
}

#[derive(FromQueryResult)]
struct Counter {
    last: i32,
}

const LOCK: Sql = Sql::both("UPDATE stipend_schemes SET version = version WHERE id = $1");
const RUN: Sql = Sql::both(
    "INSERT INTO payout_runs (id, district_id, street_id, scheme_id, period, seq, fiscal_year, state, heads, gross, tax, net, fingerprint, posted_on, version, created_at) \
     VALUES ($1, $2, $3, $4, $5, 1, 2017, 'posted', 0, 0, 0, 0, '', $6, 1, $7)",
);
const ITEMS: Sql = Sql { postgres: include_str!("sql/items.postgres.sql"), sqlite: include_str!("sql/items.sqlite.sql") };
const PARTS: Sql = Sql { postgres: include_str!("sql/parts.postgres.sql"), sqlite: include_str!("sql/parts.sqlite.sql") };
const SUM: Sql = Sql::both("SELECT count(*) AS heads, CAST(COALESCE(SUM(gross), 0) AS bigint) AS gross FROM payout_items WHERE run_id = $1 AND district_id = $2");
const RUN_SUMS: Sql = Sql::both("UPDATE payout_runs SET heads = $2, gross = $3, net = $3, voucher_id = $4 WHERE id = $1");
const LINE: Sql = Sql::both("UPDATE budget_lines SET spent = spent + $2, version = version + 1 WHERE id = $1 AND reserved + spent + $2 <= approved");
const AUTHORISATION: Sql = Sql::both(
    "INSERT INTO authorisation_sums (id, district_id, street_id, scheme_id, fiscal_year, used) VALUES ($1, $2, $3, $4, 2017, $5) \
     ON CONFLICT (district_id, scheme_id, fiscal_year) DO UPDATE SET used = authorisation_sums.used + excluded.used",
);
const YEAR: Sql =
    Sql::both("UPDATE fiscal_years SET spent = spent + $2, version = version + 1 WHERE street_id = $1 AND year = 2017 AND state = 'open' AND spent + $2 <= carried_in + received - to_return");
const AUDIT: Sql = Sql::both(
    "INSERT INTO audit_events (id, district_id, street_id, at, business_date, action, subject_type, subject_id, job, request_id, after) VALUES ($1, $2, $3, $4, $5, 'payout_run.post', 'payout_run', $6, $7, '', $8)",
);
const QUEUE: Sql = Sql::both("INSERT INTO audit_queue (event_id) VALUES ($1)");
const SLOT: Sql =
    Sql::both("INSERT INTO job_slots (id, district_id, street_id, job, scope, period, due_at, state, outcome, created_at) VALUES ($1, $2, $3, 'stipends.post', $4, $5, $6, 'done', 'posted', $6)");
const HEAD: Sql = Sql::both("UPDATE ledger_heads SET seq = seq + 1 WHERE street_id = $1 RETURNING seq, hash");
const NUMBER: Sql = Sql::both(
    "INSERT INTO ledger_counters (district_id, street_id, month, last) VALUES ($1, $2, $3, 1) ON CONFLICT (district_id, street_id, month) DO UPDATE SET last = ledger_counters.last + 1 RETURNING last",
);
const VOUCHER: Sql = Sql::both(
    "INSERT INTO vouchers (id, district_id, street_id, fiscal_year, month, word, number, seq, date, kind, source_type, source_id, summary, attachments_count, amount, prepared_job, recorded_at, algorithm, hash) \
     VALUES ($1, $2, $3, 2017, $4, '记', $5, $6, $7, 'stipend_run', 'payout_run', $8, 'bench', 0, $9, 'bench', $10, 'sha-256', $11)",
);
const LINES: Sql = Sql::both(
    "INSERT INTO voucher_lines (id, district_id, street_id, voucher_id, line_number, account, debit, credit, category_id, red) \
     VALUES ($1, $3, $4, $5, 1, '5001', $6, 0, $7, $8), ($2, $3, $4, $5, 2, '2302', 0, $6, $7, $8)",
);
const TURNOVERS: Sql = Sql::both(
    "INSERT INTO ledger_turnovers (district_id, street_id, account, category_key, community_key, month, closing, debit, credit) VALUES ($1, $2, '5001', $3, $4, $5, $6, $7, 0), ($1, $2, '2302', $3, $4, $5, $6, 0, $7) \
     ON CONFLICT (district_id, street_id, account, month, category_key, community_key, closing) DO UPDATE SET debit = ledger_turnovers.debit + excluded.debit, credit = ledger_turnovers.credit + excluded.credit",
);
const SET_HEAD: Sql = Sql::both("UPDATE ledger_heads SET hash = $2 WHERE street_id = $1");

/// The same rows by hand: run, items with their explanation, parts under the district's key, line, authorisation, year, audit, slot, voucher, balances; a street a transaction.
async fn hand_written(context: &Context, world: &World, month: u32, size: Size) -> Result<(), Problem> {
    for street in &world.streets {
        let heads = hand_written_street(context, world, street, month).await?;
        if heads != i64::try_from(size.people).map_err(Problem::internal)? {
            return Err(Problem::internal(format!("by hand {heads} were paid")));
        }
    }
    Ok(())
}

async fn hand_written_street(context: &Context, world: &World, street: &Street, month: u32) -> Result<i64, Problem> {
    let (district, id, run, voucher, event) = (world.district, street.id, new_id(), new_id(), new_id());
    let (at, today, period, all_months) = (context.clocks.wall(), context.clocks.business_today(), period(month), (1..=month).map(period).collect::<Vec<_>>());
    let tx = context.db.write(Scope::of_place(street.place)).await?;
    tx.execute(LOCK, vec![street.scheme.into()]).await?;
    tx.execute(RUN, vec![run.into(), district.into(), id.into(), street.scheme.into(), period.clone().into(), today.into(), at.into()]).await?;
    let periods = serde_json::to_string(&all_months).map_err(Problem::internal)?;
    tx.execute(ITEMS, vec![run.into(), district.into(), id.into(), street.scheme.into(), street.stipend_line.into(), periods.into(), RATE.into(), today.into()]).await?;
    tx.execute(PARTS, vec![run.into(), district.into(), id.into(), world.kind.into(), period.clone().into()]).await?;
    let paid = tx.query_one::<Paid>(SUM, vec![run.into(), district.into()]).await?.ok_or_else(|| Problem::internal("no sum"))?;
    tx.execute(RUN_SUMS, vec![run.into(), i32::try_from(paid.heads).map_err(Problem::internal)?.into(), paid.gross.into(), voucher.into()]).await?;
    let after = serde_json::json!({"heads": paid.heads, "gross": paid.gross, "period": period});
    tx.execute(AUDIT, vec![event.into(), district.into(), id.into(), at.into(), today.into(), run.into(), POST.into(), after.into()]).await?;
    tx.execute(QUEUE, vec![event.into()]).await?;
    tx.execute(SLOT, vec![new_id().into(), district.into(), id.into(), street.scheme.to_string().into(), period.clone().into(), at.into()]).await?;
    tx.execute(LINE, vec![street.stipend_line.into(), paid.gross.into()]).await?;
    tx.execute(AUTHORISATION, vec![new_id().into(), district.into(), id.into(), street.scheme.into(), paid.gross.into()]).await?;
    tx.execute(YEAR, vec![id.into(), paid.gross.into()]).await?;
    let head = tx.query_one::<Head>(HEAD, vec![id.into()]).await?.ok_or_else(|| Problem::internal("no head"))?;
    let number = tx.query_one::<Counter>(NUMBER, vec![district.into(), id.into(), period.clone().into()]).await?.ok_or_else(|| Problem::internal("no counter"))?;
    let hash = hex::encode(Sha256::digest(format!("{}{voucher}{}{}", head.hash, head.seq, paid.gross)));
    let written =
        vec![voucher.into(), district.into(), id.into(), period.clone().into(), number.last.into(), head.seq.into(), today.into(), run.into(), paid.gross.into(), at.into(), hash.clone().into()];
    tx.execute(VOUCHER, written).await?;
    tx.execute(LINES, vec![new_id().into(), new_id().into(), district.into(), id.into(), voucher.into(), paid.gross.into(), world.stipends.into(), false.into()]).await?;
    tx.execute(TURNOVERS, vec![district.into(), id.into(), world.stipends.into(), Uuid::nil().into(), period.into(), false.into(), paid.gross.into()]).await?;
    tx.execute(SET_HEAD, vec![id.into(), hash.into()]).await?;
    tx.commit().await?;
    Ok(paid.heads)
}
