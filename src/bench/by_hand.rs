//! The references of writes: hand-written SQL on the same schema. On PostgreSQL `pgbench` runs it on as many connections; SQLite has one writer, which runs it here.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::load::Load;
use super::postgres::{Cluster, execute};
use super::world::{Street, World};
use crate::kernel::access::Scope;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::db::{Sql, Tx};
use crate::platform::http::Context;

/// The script of a work, and how many lines it is spread over.
pub struct Script {
    /// Its text.
    pub text: &'static str,
    /// Lines 1 to this.
    pub lines: usize,
}

/// What pgbench's scripts look up: every line with its street and people.
pub async fn put_lines(cluster: &Cluster, world: &World) -> Result<(), Problem> {
    let make = "CREATE TABLE bench_lines (n integer PRIMARY KEY, line uuid, street uuid, district uuid, office uuid, accountant uuid, leader uuid, cashier uuid, category uuid, item uuid)".to_owned();
    let mut statements = vec![make, "GRANT SELECT ON bench_lines TO mingzhang_app".to_owned()];
    let lines = world.streets.iter().flat_map(|street| street.lines.iter().map(move |line| (street, line)));
    for (index, (street, line)) in lines.enumerate() {
        let people = [&street.office, &street.accountant, &street.leader, &street.cashier].map(|login| format!("'{}'", login.user)).join(", ");
        let number = index.saturating_add(1);
        statements.push(format!("INSERT INTO bench_lines VALUES ({number}, '{line}', '{}', '{}', {people}, '{}', '{}')", street.id, world.district, world.category, world.item));
    }
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    execute(&cluster.url("postgres", &world.name), &statements).await
}

/// Runs a script by pgbench; none where it is not installed.
///
/// # Errors
/// 500 where it fails.
pub async fn pgbench(cluster: &Cluster, database: &str, script: &Script, connections: usize, time: Duration) -> Result<Option<Load>, Problem> {
    let Some(program) = cluster.program("pgbench") else {
        return Ok(None);
    };
    let folder = super::Folder(std::env::temp_dir().join(format!("mingzhang-pgbench-{}", new_id())));
    std::fs::create_dir_all(&folder.0).map_err(Problem::internal)?;
    let file = folder.0.join("script.sql");
    std::fs::write(&file, script.text).map_err(Problem::internal)?;
    let (port, seconds) = (cluster.port().to_string(), time.as_secs().max(1).to_string());
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &port, "-U", "mingzhang_app", "-n", "-M", "prepared", "-j", "2", "-c", &connections.to_string(), "-T", &seconds]);
    command.args(["-D", &format!("lines={}", script.lines), "--log", "--log-prefix=times", "-f"]).arg(&file).arg(database).current_dir(&folder.0).stdin(Stdio::null());
    let start = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output()).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    let took = start.elapsed();
    if !output.status.success() {
        return Err(Problem::internal(format!("pgbench: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))));
    }
    let mut times = times(&folder.0)?;
    times.sort_unstable();
    let p99 = times.len().saturating_mul(99).checked_div(100).and_then(|at| times.get(at)).copied().unwrap_or_default();
    Ok(Some(Load { done: times.len(), time: took.min(time.max(Duration::from_secs(1))), p99 }))
}

/// What each run of the script took, of pgbench's log: client, number, microseconds, …
fn times(folder: &Path) -> Result<Vec<Duration>, Problem> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Problem::internal)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("times") {
            let text = std::fs::read_to_string(entry.path()).map_err(Problem::internal)?;
            times.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok().map(Duration::from_micros)));
        }
    }
    Ok(times)
}

/// Runs a work on SQLite's one writer until the time is over.
///
/// # Errors
/// 500 where the database fails.
pub async fn one_writer(time: Duration, mut once: impl AsyncFnMut(usize) -> Result<(), Problem>) -> Result<Load, Problem> {
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < time {
        let begun = Instant::now();
        once(times.len()).await?;
        times.push(begun.elapsed());
    }
    let time = start.elapsed();
    times.sort_unstable();
    let p99 = times.len().saturating_mul(99).checked_div(100).and_then(|at| times.get(at)).copied().unwrap_or_default();
    Ok(Load { done: times.len(), time, p99 })
}

/// Milliseconds, for p99.
pub fn p99(load: &Load) -> Decimal {
    super::milliseconds(load.p99)
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

const CLAIM: Sql = Sql::both(
    "INSERT INTO claims (id, district_id, street_id, number, fiscal_year, budget_line_id, category_id, kind, title, payee_kind, payee_name, payee_account_sealed, payee_account_masked, payee_bank, payee_key, payment_method, paid_from, amount, tax, net, state, information_requested, chain, steps_done, next_capability, reserved, refunded, prepared_by, submitted_at, expires_on, version, created_at) \
     VALUES ($1, $2, $3, $4, 2017, $5, $6, 'other', 'bench', 'supplier', 'bench', 'aes-256-gcm:enc-1:0123456789abcdef:0123456789abcdef0123456789abcdef', '6222************789', 'bench', $4, 'transfer', 'cash', 12345, 0, 12345, 'submitted', $7, $8, 0, 'claim.review', 12345, 0, $9, $10, '2017-03-04', 2, $10)",
);
const LINE: Sql = Sql::both(
    "INSERT INTO claim_lines (id, district_id, street_id, claim_id, line_number, expense_item_id, description, quantities, amount, tax, net) VALUES ($1, $2, $3, $4, 1, $5, 'bench', '{}', 12345, 0, 12345)",
);
const DUTY: Sql = Sql::both("INSERT INTO duties (id, district_id, street_id, subject_type, subject_id, part, person, user_id, at) VALUES ($1, $2, $3, 'claim', $4, $5, $6, $7, $8)");
const EVENT: Sql = Sql::both("INSERT INTO claim_events (id, district_id, street_id, claim_id, kind, state, user_id, person, at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'bench', $8)");
const AUDIT: Sql = Sql::both(
    "INSERT INTO audit_events (id, district_id, street_id, at, business_date, action, subject_type, subject_id, user_id, request_id, before, after) VALUES ($1, $2, $3, $4, '2017-01-03', $5, 'claim', $6, $7, '', $8, $8)",
);
const QUEUE: Sql = Sql::both("INSERT INTO audit_queue (event_id) VALUES ($1)");
const KEY: Sql = Sql::both("INSERT INTO idempotency_keys (id, user_id, idempotency_key, fingerprint, status, body, created_at, expires_at) VALUES ($1, $2, $3, $3, 201, $4, $5, $6)");
const RESERVE: Sql = Sql::both("UPDATE budget_lines SET reserved = reserved + 12345, version = version + 1 WHERE id = $1 AND state = 'approved' AND reserved + 12345 + spent <= approved");
const STEP: Sql = Sql::both("UPDATE claims SET state = $3, version = version + 1 WHERE district_id = $1 AND id = $2 AND state = $4");
const PAY: Sql =
    Sql::both("UPDATE claims SET state = 'paid', reserved = 0, voucher_id = $3, paid_by = $4, paid_on = '2017-01-03', version = version + 1 WHERE district_id = $1 AND id = $2 AND state = 'approved'");
const CONSUME: Sql = Sql::both("UPDATE budget_lines SET reserved = reserved - 12345, spent = spent + 12345, version = version + 1 WHERE id = $1 AND reserved >= 12345");
const SPENT: Sql =
    Sql::both("UPDATE fiscal_years SET spent = spent + 12345, version = version + 1 WHERE street_id = $1 AND year = 2017 AND state = 'open' AND spent + 12345 <= carried_in + received - to_return");
const RECEIVED: Sql = Sql::both("UPDATE fiscal_years SET received = received + 12345, version = version + 1 WHERE street_id = $1 AND year = 2017 AND state = 'open'");
const HEAD: Sql = Sql::both("UPDATE ledger_heads SET seq = seq + 1 WHERE street_id = $1 RETURNING seq, hash");
const NUMBER: Sql = Sql::both(
    "INSERT INTO ledger_counters (district_id, street_id, month, last) VALUES ($1, $2, '2017-01', 1) ON CONFLICT (district_id, street_id, month) DO UPDATE SET last = ledger_counters.last + 1 RETURNING last",
);
const VOUCHER: Sql = Sql::both(
    "INSERT INTO vouchers (id, district_id, street_id, fiscal_year, month, word, number, seq, date, kind, source_type, source_id, summary, attachments_count, amount, prepared_by, recorded_at, algorithm, hash) \
     VALUES ($1, $2, $3, 2017, '2017-01', '记', $4, $5, '2017-01-03', $6, $7, $8, 'bench', 0, 12345, $9, $10, 'sha-256', $11)",
);
const VOUCHER_LINES: Sql = Sql::both(
    "INSERT INTO voucher_lines (id, district_id, street_id, voucher_id, line_number, account, debit, credit, category_id, red) VALUES ($1, $3, $4, $5, 1, $6, 12345, 0, $7, $9), ($2, $3, $4, $5, 2, $8, 0, 12345, $7, $9)",
);
const TURNOVERS: Sql = Sql::both(
    "INSERT INTO ledger_turnovers (district_id, street_id, account, category_key, community_key, month, closing, debit, credit) VALUES ($1, $2, $3, $5, $6, '2017-01', $7, 12345, 0), ($1, $2, $4, $5, $6, '2017-01', $7, 0, 12345) \
     ON CONFLICT (district_id, street_id, account, month, category_key, community_key, closing) DO UPDATE SET debit = ledger_turnovers.debit + excluded.debit, credit = ledger_turnovers.credit + excluded.credit",
);
const SET_HEAD: Sql = Sql::both("UPDATE ledger_heads SET hash = $2 WHERE street_id = $1");
const RECEIPT: Sql = Sql::both(
    "INSERT INTO receipts (id, district_id, street_id, fiscal_year, date, kind, document_number, amount, lines, voucher_id, recorded_by, version, created_at) \
     VALUES ($1, $2, $3, 2017, '2017-01-03', 'cash', $4, 12345, '[]', $5, $6, 1, $7)",
);

/// What a claim looks like in the audit trail.
fn seen(id: Uuid) -> serde_json::Value {
    let filled: serde_json::Map<String, serde_json::Value> = (0..30).map(|column| (format!("column_{column:02}"), serde_json::json!("0123456789abcdef"))).collect();
    serde_json::json!({"id": id, "claim": filled})
}

struct Steps<'a> {
    context: &'a Context,
    world: &'a World,
    street: &'a Street,
}

impl Steps<'_> {
    async fn begin(&self) -> Result<Tx, Problem> {
        self.context.db.write(Scope::of_place(self.street.place)).await
    }

    fn own(&self, id: Uuid) -> Vec<Value> {
        vec![id.into(), self.world.district.into(), self.street.id.into()]
    }

    async fn duty(&self, tx: &Tx, claim: Uuid, part: &str, user: Uuid) -> Result<(), Problem> {
        let rest = vec![claim.into(), part.into(), user.to_string().into(), user.into(), self.context.clocks.wall().into()];
        tx.execute(DUTY, [self.own(new_id()), rest].concat()).await.map(|_rows| ())
    }

    async fn event(&self, tx: &Tx, claim: Uuid, kind: &str, state: &str, user: Uuid) -> Result<(), Problem> {
        let rest = vec![claim.into(), kind.into(), state.into(), user.into(), self.context.clocks.wall().into()];
        tx.execute(EVENT, [self.own(new_id()), rest].concat()).await?;
        let audit = new_id();
        tx.execute(AUDIT, [self.own(audit), vec![self.context.clocks.wall().into(), format!("claim.{kind}").into(), claim.into(), user.into(), seen(claim).into()]].concat()).await?;
        tx.execute(QUEUE, vec![audit.into()]).await.map(|_rows| ())
    }

    async fn key(&self, tx: &Tx, claim: Uuid, user: Uuid) -> Result<(), Problem> {
        let now = self.context.clocks.wall();
        tx.execute(KEY, vec![new_id().into(), user.into(), claim.to_string().into(), seen(claim).into(), now.into(), now.into()]).await.map(|_rows| ())
    }

    /// The voucher with its lines, balances and head.
    async fn book(&self, tx: &Tx, voucher: Uuid, kind: &str, source: (&str, Uuid), accounts: (&str, &str)) -> Result<(), Problem> {
        let street: Value = self.street.id.into();
        let head = tx.query_one::<Head>(HEAD, vec![street.clone()]).await?.ok_or_else(|| Problem::internal("no head"))?;
        let number = tx.query_one::<Counter>(NUMBER, vec![self.world.district.into(), street.clone()]).await?.ok_or_else(|| Problem::internal("no counter"))?;
        let hash = hex::encode(Sha256::digest(&head.hash));
        let rest = vec![number.last.into(), head.seq.into(), kind.into(), source.0.into(), source.1.into(), self.street.accountant.user.into(), self.context.clocks.wall().into(), hash.clone().into()];
        tx.execute(VOUCHER, [self.own(voucher), rest].concat()).await?;
        let lines = vec![new_id().into(), new_id().into(), self.world.district.into(), street.clone(), voucher.into(), accounts.0.into(), self.world.category.into(), accounts.1.into(), false.into()];
        tx.execute(VOUCHER_LINES, lines).await?;
        let turnovers = vec![self.world.district.into(), street.clone(), accounts.0.into(), accounts.1.into(), self.world.category.into(), Uuid::nil().into(), false.into()];
        tx.execute(TURNOVERS, turnovers).await?;
        tx.execute(SET_HEAD, vec![street, hash.into()]).await.map(|_rows| ())
    }
}

/// A claim from draft to payment in its four transactions.
///
/// # Errors
/// 500 where the database fails.
pub async fn claim(context: &Context, world: &World, street: &Street, line: Uuid) -> Result<(), Problem> {
    let steps = Steps { context, world, street };
    let (claim, voucher, now) = (new_id(), new_id(), context.clocks.wall());
    let chain = serde_json::json!({"version": 0, "band": {"up_to": "2000.00", "approvers": ["claim.approve_small"], "collective_decision": false}, "expire_after_days": 60});
    let office = street.office.user;
    let tx = steps.begin().await?;
    let rest = vec![claim.to_string().into(), line.into(), world.category.into(), false.into(), chain.into(), office.into(), now.into()];
    tx.execute(CLAIM, [steps.own(claim), rest].concat()).await?;
    tx.execute(LINE, [steps.own(new_id()), vec![claim.into(), world.item.into()]].concat()).await?;
    steps.duty(&tx, claim, "prepare", office).await?;
    steps.event(&tx, claim, "draft", "draft", office).await?;
    steps.event(&tx, claim, "submit", "submitted", office).await?;
    steps.key(&tx, claim, office).await?;
    tx.execute(RESERVE, vec![line.into()]).await?;
    tx.commit().await?;
    let acts = [("review", "review", "submitted", "reviewed", street.accountant.user), ("approve", "approve", "reviewed", "approved", street.leader.user)];
    for (kind, part, from, to, user) in acts {
        let tx = steps.begin().await?;
        tx.execute(STEP, vec![world.district.into(), claim.into(), to.into(), from.into()]).await?;
        steps.duty(&tx, claim, part, user).await?;
        steps.event(&tx, claim, kind, to, user).await?;
        tx.commit().await?;
    }
    let cashier = street.cashier.user;
    let tx = steps.begin().await?;
    tx.execute(PAY, vec![world.district.into(), claim.into(), voucher.into(), cashier.into()]).await?;
    steps.duty(&tx, claim, "pay", cashier).await?;
    steps.event(&tx, claim, "pay", "paid", cashier).await?;
    steps.key(&tx, claim, cashier).await?;
    tx.execute(CONSUME, vec![line.into()]).await?;
    tx.execute(SPENT, vec![street.id.into()]).await?;
    steps.book(&tx, voucher, "claim_payment", ("claim", claim), ("5001", "1002")).await?;
    tx.commit().await
}

/// A receipt and its posting.
///
/// # Errors
/// 500 where the database fails.
pub async fn receipt(context: &Context, world: &World, street: &Street) -> Result<(), Problem> {
    let steps = Steps { context, world, street };
    let (receipt, voucher, audit, user) = (new_id(), new_id(), new_id(), street.accountant.user);
    let tx = steps.begin().await?;
    tx.execute(AUDIT, [steps.own(audit), vec![context.clocks.wall().into(), "receipt.record".into(), receipt.into(), user.into(), serde_json::json!({"amount": "123.45"}).into()]].concat()).await?;
    tx.execute(QUEUE, vec![audit.into()]).await?;
    steps.key(&tx, receipt, user).await?;
    tx.execute(RECEIVED, vec![street.id.into()]).await?;
    steps.book(&tx, voucher, "receipt", ("receipt", receipt), ("1002", "4001")).await?;
    tx.execute(RECEIPT, [steps.own(receipt), vec![receipt.to_string().into(), voucher.into(), user.into(), context.clocks.wall().into()]].concat()).await?;
    tx.commit().await
}
