//! J2: claims from draft to payment over HTTP, and receipts, beside the same transactions by hand.

use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::by_hand::{self, Script};
use super::load::{AsyncWork, Client, Load, for_a_while, post};
use super::read::{listen, workers};
use super::world::{self, Base, Size, World};
use super::{Goal, Plan, Row, median};
use crate::app;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::people::identity::Passwords;
use crate::platform::http::Context;

const CONNECTIONS: usize = 16;

/// What requests about one line name.
struct Line {
    claim: String,
    receipt: String,
    office: String,
    accountant: String,
    leader: String,
    cashier: String,
}

/// Takes claims on some lines from draft to payment, four requests each.
#[derive(Clone)]
struct Claims {
    lines: Arc<Vec<Line>>,
    next: usize,
}

/// Records receipts.
#[derive(Clone)]
struct Receipts(Claims);

impl Claims {
    fn line(&mut self) -> Result<&Line, Problem> {
        self.next = self.next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.lines.get((self.next >> 33) % self.lines.len().max(1)).ok_or_else(|| Problem::internal("no line"))
    }
}

async fn step(client: &mut Client, claim: &Value, action: &str, token: &str, key: &str) -> Result<Value, Problem> {
    let (id, version) = (claim.get("id").and_then(Value::as_str).unwrap_or_default(), claim.get("version").and_then(Value::as_i64).unwrap_or_default());
    let request = post(&format!("/api/v1/claims/{id}/{action}"), token, "{}", key, &format!("\"v{version}\""));
    client.send(&request).await?.json()
}

impl AsyncWork for Claims {
    async fn once(&mut self, client: &mut Client) -> Result<(), Problem> {
        let line = self.line()?;
        let key = new_id().to_string();
        let claim = client.send(&post("/api/v1/claims", &line.office, &line.claim, &key, "")).await?.json()?;
        let claim = step(client, &claim, "review", &line.accountant, "").await?;
        let claim = step(client, &claim, "approve", &line.leader, "").await?;
        step(client, &claim, "pay", &line.cashier, &key).await.map(|_paid| ())
    }
}

impl AsyncWork for Receipts {
    async fn once(&mut self, client: &mut Client) -> Result<(), Problem> {
        let key = new_id().to_string();
        let line = self.0.line()?;
        let body = line.receipt.replace("NUMBER", &key);
        client.send(&post("/api/v1/receipts", &line.accountant, &body, &key, "")).await?.json().map(|_receipt| ())
    }
}

fn lines_of(context: &Context, world: &World) -> Result<Vec<Line>, Problem> {
    let mut lines = Vec::new();
    for street in &world.streets {
        let token = |login| world::token(context, login);
        let (office, accountant, leader, cashier) = (token(&street.office)?, token(&street.accountant)?, token(&street.leader)?, token(&street.cashier)?);
        let receipt = json!({"date": "2017-01-03", "document_number": "NUMBER", "amount": "123.45", "lines": [{"category_id": world.category, "amount": "123.45"}]}).to_string();
        for line in &street.lines {
            let payee = json!({"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"});
            let items = json!([{"expense_item_id": world.item, "description": "场地半天", "amount": "123.45"}]);
            let claim = json!({"budget_line_id": line, "kind": "other", "title": "测速", "payee": payee, "payment_method": "transfer", "lines": items, "submit": true}).to_string();
            let people = (office.clone(), accountant.clone(), leader.clone(), cashier.clone());
            lines.push(Line { claim, receipt: receipt.clone(), office: people.0, accountant: people.1, leader: people.2, cashier: people.3 });
        }
    }
    Ok(lines)
}

/// One work as ours and as the reference.
struct Pair<'a> {
    name: String,
    lines: usize,
    script: &'static str,
    receipts: bool,
    base: &'a Base,
    ours: &'a Context,
    reference: &'a Context,
    ours_at: std::net::SocketAddr,
    world: &'a World,
    hands: &'a World,
    time: Duration,
}

impl Pair<'_> {
    async fn over_http(&self, all: &Arc<Vec<Line>>) -> Result<Load, Problem> {
        let (lines, receipts) = (Arc::clone(all), self.receipts);
        let work = move |number: usize| Claims { lines: Arc::clone(&lines), next: number.wrapping_add(1) };
        if receipts { for_a_while(CONNECTIONS, self.ours_at, self.time, move |number| Receipts(work(number))).await } else { for_a_while(CONNECTIONS, self.ours_at, self.time, work).await }
    }

    async fn by_hand(&self, round: usize) -> Result<Option<Load>, Problem> {
        let script = Script { text: self.script, lines: self.lines };
        match self.base {
            Base::Postgres(cluster) => by_hand::pgbench(cluster, &self.hands.name, &script, CONNECTIONS, self.time).await,
            Base::Sqlite(_) => {
                let lines: Vec<_> = self.hands.streets.iter().flat_map(|street| street.lines.iter().map(move |line| (street, *line))).take(self.lines).collect();
                let load = by_hand::one_writer(self.time, async |number| {
                    let (street, line) = lines.get(number.wrapping_mul(31).wrapping_add(round) % lines.len().max(1)).ok_or_else(|| Problem::internal("no line"))?;
                    if self.receipts { by_hand::receipt(self.reference, self.hands, street).await } else { by_hand::claim(self.reference, self.hands, street, *line).await }
                })
                .await?;
                Ok(Some(load))
            }
        }
    }

    async fn measure(self, plan: &Plan) -> Result<Vec<Row>, Problem> {
        let mut all = lines_of(self.ours, self.world)?;
        all.truncate(self.lines);
        let all = Arc::new(all);
        let (mut ours, mut reference, mut our_p99, mut their_p99) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let goal = Goal::at_least(40);
        for round in 1..=plan.rounds() {
            let our = self.over_http(&all).await?;
            let Some(theirs) = self.by_hand(round).await? else {
                return Ok(vec![Row::missing(self.name, self.base.name(), "pgbench is not installed", goal)]);
            };
            super::tell(&format!("{}: {} round {round}: {}/s, by hand {}/s", self.base.name(), self.name, our.per_second().round(), theirs.per_second().round()));
            ours.push(our.per_second());
            reference.push(theirs.per_second());
            our_p99.push(by_hand::p99(&our));
            their_p99.push(by_hand::p99(&theirs));
        }
        let unit = if self.receipts { "receipts/s" } else { "claims/s" };
        let mut rows = vec![Row::of(self.name.clone(), self.base.name(), (median(ours), median(reference)), unit, goal)];
        // One writer's p99 is of one at a time; 16 that wait for each other have no such peer.
        if !self.receipts && matches!(self.base, Base::Postgres(_)) {
            let p99: (Decimal, Decimal) = (median(our_p99), median(their_p99));
            rows.push(Row::of(format!("{}, p99", self.name), self.base.name(), p99, "ms", Goal::at_most(300)));
        }
        Ok(rows)
    }
}

/// Measures claims and receipts on a database.
pub(super) async fn measure(base: &Base, plan: &Plan) -> Result<Vec<Row>, Problem> {
    let streets = if plan.quick { 2 } else { 100 };
    let world = World::load(base, "claims_ours", Size { streets, people: 0, lines: 10 }).await?;
    base.copy("claims_ours", "claims_reference").await?;
    let hands = World { name: "claims_reference".to_owned(), ..world.clone() };
    if let Base::Postgres(cluster) = base {
        by_hand::put_lines(cluster, &hands).await?;
    }
    let (ours, reference) = (world::open(base, "claims_ours").await?, world::open(base, "claims_reference").await?);
    let (listener, ours_at) = listen()?;
    let server = app::serve(listener, ours.clone(), Passwords::try_new()?, workers()).map_err(Problem::internal)?;
    let handle = server.handle();
    tokio::spawn(server);
    let time = Duration::from_millis(if plan.quick { 300 } else { 4_000 });
    let beside = match base {
        Base::Postgres(_) => "beside pgbench",
        Base::Sqlite(_) => "beside its one writer by hand",
    };
    let all = streets.saturating_mul(10);
    let (claims, receipts) = (include_str!("sql/claims.pgbench.sql"), include_str!("sql/receipt.pgbench.sql"));
    let works = [
        ("J2", format!("J2 claims over HTTP, 16 connections, one hot line, {beside}"), 1, claims, false),
        ("J2", format!("J2 claims over HTTP, 16 connections, {all} lines in {streets} streets, {beside}"), all, claims, false),
        ("receipt", format!("receipt posted over HTTP, 16 connections, {streets} streets, {beside}"), all, receipts, true),
    ];
    let mut rows = Vec::new();
    for (group, name, lines, script, receipts) in works {
        if plan.wants(group) {
            let pair = Pair { name, lines, script, receipts, base, ours: &ours, reference: &reference, ours_at, world: &world, hands: &hands, time };
            rows.extend(pair.measure(plan).await?);
        }
    }
    let books = app::verify_all(&ours, &[]).await?;
    if !books.holds {
        return Err(Problem::internal(format!("the books do not hold after the claims: {:?}", books.first_fault)));
    }
    handle.stop(false).await;
    ours.db.close().await?;
    reference.db.close().await?;
    base.drop("claims_ours").await?;
    base.drop("claims_reference").await?;
    Ok(rows)
}
