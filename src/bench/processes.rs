//! What a process of its own needs: the server's memory, the payout job's, and a newcomer's wait.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use tokio::process::{Child, Command};

use super::load::{AsyncWork, Client, for_a_while, get};
use super::read::listen;
use super::world::{self, Base, Size, World};
use super::{Folder, Goal, Plan, Row};
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::keys;
use crate::settings::Settings;

/// So many connections read while the server's memory is looked at.
const CONNECTIONS: usize = 64;

/// This program, with a data folder of its own and nothing of the caller's settings.
fn program(folder: &Path, arguments: &[&str]) -> Result<Command, Problem> {
    let mut command = Command::new(std::env::current_exe().map_err(Problem::internal)?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name == "DATABASE_URL" || name.to_string_lossy().starts_with("MINGZHANG_")) {
        command.env_remove(name);
    }
    command.args(arguments).env("MINGZHANG_DATA_DIR", folder).env("MINGZHANG_RATE_LIMIT_PER_MINUTE", "0").env("MINGZHANG_LOG_FILTER", "warn");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// A line of `/proc/PID/status`, in MiB.
fn memory(child: &Child, line: &str) -> Option<Decimal> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()?)).ok()?;
    let kib: u64 = status.lines().find_map(|found| found.strip_prefix(line))?.trim().trim_end_matches("kB").trim().parse().ok()?;
    Decimal::from(kib).checked_div(Decimal::from(1_024))
}

async fn folder_with(size: Size) -> Result<(Folder, World), Problem> {
    let folder = Folder(std::env::temp_dir().join(format!("mingzhang-bench-{}", new_id())));
    std::fs::create_dir_all(&folder.0).map_err(Problem::internal)?;
    let world = World::load(&Base::Sqlite(folder.0.clone()), "mingzhang", size).await?;
    Ok((folder, world))
}

#[derive(Clone)]
struct Reads(Vec<u8>);

impl AsyncWork for Reads {
    async fn once(&mut self, client: &mut Client) -> Result<(), Problem> {
        client.send(&self.0).await?.json().map(|_read| ())
    }
}

/// The server's resident memory while 64 connections read.
async fn serving(plan: &Plan) -> Result<(Row, Decimal), Problem> {
    let (folder, world) = folder_with(Size { streets: 4, people: 100, lines: 10 }).await?;
    let (listener, address) = listen()?;
    drop(listener);
    let settings = Settings { data_dir: folder.0.clone(), ..Settings::default() };
    let ring = keys::load(&settings).map_err(Problem::internal)?;
    let base = Base::Sqlite(folder.0.clone());
    let context = world::open_with(&base, "mingzhang", ring).await?;
    let street = world.streets.first().ok_or_else(|| Problem::internal("no street"))?;
    let token = world::token(&context, &street.accountant)?;
    context.db.close().await?;
    let clock = "2017-01-03T10:00:00+08:00";
    let mut child = program(&folder.0, &["serve"])?.env("MINGZHANG_BIND", address.to_string()).env("MINGZHANG_CLOCK", clock).spawn().map_err(Problem::internal)?;
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if begun.elapsed() > Duration::from_secs(30) || child.try_wait().map_err(Problem::internal)?.is_some() {
            return Err(Problem::internal("the server did not start"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let idle = memory(&child, "VmRSS:").unwrap_or_default();
    let request = get("/api/v1/enrolments?limit=50", &token);
    let time = Duration::from_millis(if plan.quick { 500 } else { 5_000 });
    for_a_while(CONNECTIONS, address, time, move |_number| Reads(request.clone())).await?;
    let resident = memory(&child, "VmRSS:").unwrap_or_default();
    child.kill().await.map_err(Problem::internal)?;
    let name = format!("memory of the server at {CONNECTIONS} connections that read lists, beside 64 MiB");
    Ok((Row::of(name, "SQLite", (resident, Decimal::from(64)), "MiB", Goal::at_most(100)), idle))
}

/// The most memory that the payout job takes.
async fn paying(people: usize, a_street: usize) -> Result<Decimal, Problem> {
    super::tell(&format!("SQLite: the payout of {people} people in a process of its own"));
    let (folder, _world) = folder_with(Size { streets: people.checked_div(a_street).unwrap_or(1).max(1), people: a_street, lines: 0 }).await?;
    let mut command = program(&folder.0, &["job", "run", "stipends.post", "--period", "2017-01"])?;
    let mut child = command.env("MINGZHANG_CLOCK", "2017-01-20T12:00:00+08:00").spawn().map_err(Problem::internal)?;
    let mut most = Decimal::ZERO;
    loop {
        most = most.max(memory(&child, "VmHWM:").unwrap_or_default());
        if let Some(status) = child.try_wait().map_err(Problem::internal)? {
            return if status.success() { Ok(most) } else { Err(Problem::internal("the payout job was refused")) };
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Measures the memory of the server and of the payout.
pub(super) async fn memory_rows(plan: &Plan) -> Result<Vec<Row>, Problem> {
    let (row, idle) = serving(plan).await?;
    // A street at a time: the memory goes with the largest street, so both have as many people a street.
    let (few, many) = if plan.quick { (200, 400) } else { (plan.people / 10, plan.people) };
    let a_street = if plan.quick { few } else { few.min(1_000) };
    let (small, large) = (paying(few, a_street).await?, paying(many, a_street).await?);
    Ok(vec![
        row,
        Row::of(format!("memory of the payout job at its most, {many} people beside {few}, {a_street} a street"), "SQLite", (large, small), "MiB", Goal::at_most(120)),
        Row::of(
            format!("memory of the payout job above idle, {many} people, beside 64 MiB"),
            "SQLite",
            (large.checked_sub(idle).unwrap_or_default().max(Decimal::ZERO), Decimal::from(64)),
            "MiB",
            Goal::at_most(100),
        ),
    ])
}

/// Measures the wait from an empty folder to the end of the demo year.
pub(super) async fn demo_rows() -> Result<Vec<Row>, Problem> {
    let folder = Folder(std::env::temp_dir().join(format!("mingzhang-bench-{}", new_id())));
    std::fs::create_dir_all(&folder.0).map_err(Problem::internal)?;
    let begun = Instant::now();
    let status = program(&folder.0, &["demo", "--no-serve"])?.status().await.map_err(Problem::internal)?;
    let took = super::milliseconds(begun.elapsed());
    if !status.success() {
        return Err(Problem::internal("the demo was refused"));
    }
    let build = if cfg!(debug_assertions) { " (a debug build: the goal is a release build's)" } else { "" };
    Ok(vec![Row::of(format!("demo year from an empty folder, beside 10 s{build}"), "SQLite", (took, Decimal::from(10_000)), "ms", Goal::at_most(100))])
}
