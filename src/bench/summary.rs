//! J3: summaries of a street and of a district, over many ledger entries and over few: they read what is kept, not what was booked.

use std::sync::Arc;

use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, Database};
use uuid::Uuid;

use super::load::{Client, get};
use super::read::{listen, workers};
use super::world::{self, Base, Size, World};
use super::{Goal, Plan, Rounds, Row, timed};
use crate::app;
use crate::kernel::problem::Problem;
use crate::people::identity::Passwords;

/// A voucher has so many lines here.
const OF_A_VOUCHER: usize = 100;

/// Writes entries as an owner does who restores a copy: without the checks that every single posting goes through.
async fn entries(base: &Base, world: &World, count: usize) -> Result<(), Problem> {
    let a_street = count.checked_div(world.streets.len().saturating_mul(OF_A_VOUCHER)).unwrap_or(1).max(1);
    let (url, postgres) = match base {
        Base::Postgres(cluster) => (cluster.url("postgres", &world.name), true),
        Base::Sqlite(_) => (base.url(&world.name), false),
    };
    let owner = Database::connect(url).await?;
    for street in &world.streets {
        let id = |id: Uuid| if postgres { format!("'{id}'::uuid") } else { format!("x'{}'", id.simple()) };
        let (district, own, category, user) = (id(world.district), id(street.id), id(world.category), id(street.accountant.user));
        let (new, none, date, numbers, lines) = if postgres {
            ("gen_random_uuid()", "false", "DATE '2017-01-03'", format!("generate_series(1, {a_street}) AS g(n)"), format!("generate_series(1, {OF_A_VOUCHER}) AS g(n)"))
        } else {
            let series = |to: usize| format!("(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {to}) SELECT n FROM g) AS g");
            ("randomblob(16)", "0", "'2017-01-03'", series(a_street), series(OF_A_VOUCHER))
        };
        let off = if postgres { "SET session_replication_role = replica" } else { "PRAGMA foreign_keys = OFF" };
        let vouchers = format!(
            "INSERT INTO vouchers (id, district_id, street_id, fiscal_year, month, word, number, seq, date, kind, source_type, source_id, summary, attachments_count, amount, prepared_by, recorded_at, algorithm, hash) \
             SELECT {new}, {district}, {own}, 2017, '2017-01', '记', g.n + 1000, g.n + 1000, {date}, 'claim_payment', 'claim', {own}, 'bench', 0, 100, {user}, '2017-01-03 01:00:00+00:00', 'sha-256', 'bench' FROM {numbers}"
        );
        let lines = format!(
            "INSERT INTO voucher_lines (id, district_id, street_id, voucher_id, line_number, account, debit, credit, category_id, red) \
             SELECT {new}, {district}, {own}, v.id, g.n, '5001', 100, 0, {category}, {none} FROM vouchers v CROSS JOIN {lines} WHERE v.street_id = {own} AND v.summary = 'bench' AND v.number > 1000"
        );
        // One connection for all three: the setting is the connection's.
        owner.execute_unprepared(&format!("{off}; {vouchers}; {lines}")).await?;
    }
    owner.close().await?;
    base.settle(&world.name).await
}

/// Reads a path so many times on one connection.
async fn reads(client: &mut Client, request: &[u8], times: usize) -> Result<(), Problem> {
    for _time in 0..times {
        client.send(request).await?.json()?;
    }
    Ok(())
}

/// Measures both summaries on a database.
pub(super) async fn measure(base: &Base, plan: &Plan) -> Result<Vec<Row>, Problem> {
    let (few, many) = (plan.entries.min(100_000).min(plan.entries / 10), plan.entries);
    let size = Size { streets: if plan.quick { 4 } else { 100 }, people: 0, lines: 10 };
    let world = World::load(base, "summary_few", size).await?;
    base.copy("summary_few", "summary_many").await?;
    let larger = World { name: "summary_many".to_owned(), ..world.clone() };
    super::tell(&format!("{}: writing {many} and {few} ledger entries", base.name()));
    entries(base, &world, few).await?;
    entries(base, &larger, many).await?;
    let street = world.streets.first().ok_or_else(|| Problem::internal("no street"))?.clone();
    let mut sides = Vec::new();
    for name in ["summary_many", "summary_few"] {
        let context = world::open(base, name).await?;
        let (listener, address) = listen()?;
        let server = app::serve(listener, context.clone(), Passwords::try_new()?, workers()).map_err(Problem::internal)?;
        let handle = server.handle();
        tokio::spawn(server);
        let requests =
            [get("/api/v1/summary/street?fiscal_year=2017", &world::token(&context, &street.accountant)?), get("/api/v1/summary/district?fiscal_year=2017", &world::token(&context, &world.admin)?)];
        sides.push((context, handle, Client::connect(address).await?, Arc::new(requests)));
    }
    let mut rows = Vec::new();
    for (index, what) in ["street", "district"].into_iter().enumerate() {
        let mut rounds = Rounds::default();
        let times = if plan.quick { 5 } else { 200 };
        for round in 0..=plan.rounds() {
            for (side, (_, _, client, requests)) in sides.iter_mut().enumerate() {
                let request = requests.get(index).ok_or_else(|| Problem::internal("no request"))?;
                let took = timed(reads(client, request, times)).await?.checked_div(Decimal::from(times)).unwrap_or_default();
                if round > 0 {
                    let times = if side == 0 { &mut rounds.ours } else { &mut rounds.reference };
                    times.push(took);
                }
            }
        }
        let name = format!("J3 summary of a {what} over HTTP, {many} ledger entries beside {few}");
        rows.push(Row::of(name, base.name(), rounds.medians(), "ms", Goal::at_most(150)));
    }
    for (context, handle, _, _) in sides {
        handle.stop(false).await;
        context.db.close().await?;
    }
    base.drop("summary_few").await?;
    base.drop("summary_many").await?;
    Ok(rows)
}
