//! `mingzhang bench`: what the goals of speed and memory are measured by. Each row sets a reference beside ours, in interleaved rounds of one run, and
//! only the ratio counts: the same machine varies by a factor of two within an hour.

mod by_hand;
mod claims;
mod load;
mod payout;
pub mod postgres;
mod processes;
mod read;
mod summary;
mod world;

use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;

use postgres::{Cluster, Durability};
use world::Base;

/// How much is measured, and which rows.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Small sizes and short rounds: to see that it runs, not how fast.
    pub quick: bool,
    /// Only the rows whose name contains one of these; all where there is none.
    pub rows: Vec<String>,
    /// People of the payout, in all streets.
    pub people: usize,
    /// Ledger entries of the larger summary.
    pub entries: usize,
    /// Only on this database, as its row is told; on both where there is none.
    pub database: Option<&'static str>,
    /// Interleaved rounds; 5 unless told, 1 where it is quick.
    pub rounds: Option<usize>,
}

impl Plan {
    /// Whether a group of rows is asked for.
    fn wants(&self, group: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| group.contains(row.as_str()))
    }

    /// Interleaved rounds.
    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    fn is_on(&self, database: &str) -> bool {
        self.database.is_none_or(|only| only == database)
    }
}

/// One measured row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// On which database.
    pub database: &'static str,
    /// What ours came to, with its unit.
    pub ours: String,
    /// What the reference came to, with its unit; null where there is none on this machine.
    pub reference: Option<String>,
    /// Ours by the reference's; null where there is none.
    pub ratio: Option<f64>,
    /// What the ratio is to be.
    pub goal: String,
    /// Whether it is; null where it could not be measured.
    pub holds: Option<bool>,
}

/// What a ratio is to be.
#[derive(Clone, Copy, Debug)]
enum Goal {
    AtMost(Decimal),
    AtLeast(Decimal),
}

impl Goal {
    fn at_most(hundredths: i64) -> Self {
        Self::AtMost(Decimal::new(hundredths, 2))
    }

    fn at_least(hundredths: i64) -> Self {
        Self::AtLeast(Decimal::new(hundredths, 2))
    }

    fn words(self) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
        }
    }

    fn holds(self, ratio: Decimal) -> bool {
        match self {
            Self::AtMost(bound) => ratio <= bound,
            Self::AtLeast(bound) => ratio >= bound,
        }
    }
}

impl Row {
    /// A row of two quantities of one unit.
    fn of(name: impl Into<String>, database: &'static str, (ours, reference): (Decimal, Decimal), unit: &str, goal: Goal) -> Self {
        let ratio = ours.checked_div(reference).unwrap_or(Decimal::MAX);
        let show = |value: Decimal| format!("{} {unit}", value.round_sf(4).unwrap_or(value).normalize());
        let holds = Some(goal.holds(ratio));
        Self { name: name.into(), database, ours: show(ours), reference: Some(show(reference)), ratio: ratio.round_dp(3).to_f64(), goal: goal.words(), holds }
    }

    /// A row that lacks what it would be measured by.
    fn missing(name: impl Into<String>, database: &'static str, what: &str, goal: Goal) -> Self {
        Self { name: name.into(), database, ours: what.to_owned(), reference: None, ratio: None, goal: goal.words(), holds: None }
    }
}

/// Progress, for who waits.
fn tell(what: &str) {
    eprintln!("bench: {what}");
}

/// Milliseconds of a time.
fn milliseconds(time: Duration) -> Decimal {
    Decimal::from(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).checked_div(Decimal::from(1_000)).unwrap_or_default()
}

/// The middle of what was measured.
fn median(mut values: Vec<Decimal>) -> Decimal {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How long a work takes, in milliseconds.
async fn timed(work: impl Future<Output = Result<(), Problem>>) -> Result<Decimal, Problem> {
    let start = Instant::now();
    work.await?;
    Ok(milliseconds(start.elapsed()))
}

/// Pairs of what ours and the reference took, one a round.
#[derive(Default)]
struct Rounds {
    ours: Vec<Decimal>,
    reference: Vec<Decimal>,
}

impl Rounds {
    fn medians(self) -> (Decimal, Decimal) {
        (median(self.ours), median(self.reference))
    }
}

/// A folder that goes away with the bench.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a folder of the bench was not removed");
        }
    }
}

/// Measures the rows that the plan asks for, on both databases where there are both.
///
/// # Errors
/// 500 where something could not be measured.
pub async fn run(plan: &Plan) -> Result<Vec<Row>, Problem> {
    let folder = Folder(std::env::temp_dir().join(format!("mingzhang-bench-{}", new_id())));
    std::fs::create_dir_all(&folder.0).map_err(Problem::internal)?;
    let mut bases = vec![Base::Sqlite(folder.0.clone())];
    if plan.is_on("PostgreSQL") {
        match Cluster::start(Durability::Kept).await? {
            Some(cluster) => bases.push(Base::Postgres(cluster)),
            None => tell("PostgreSQL's initdb is not on this machine: its rows are left out"),
        }
    }
    bases.retain(|base| plan.is_on(base.name()));
    let mut rows = Vec::new();
    for base in &bases {
        if plan.wants("J1 payout") {
            rows.extend(payout::measure(base, plan).await?);
        }
        if plan.wants("read by id") {
            rows.extend(read::measure(base, plan).await?);
        }
        if plan.wants("J2") || plan.wants("receipt") {
            rows.extend(claims::measure(base, plan).await?);
        }
        if plan.wants("J3 summary") {
            rows.extend(summary::measure(base, plan).await?);
        }
    }
    if plan.wants("memory") {
        rows.extend(processes::memory_rows(plan).await?);
    }
    if plan.wants("demo") {
        rows.extend(processes::demo_rows().await?);
    }
    Ok(rows)
}

/// The rows as a table for people.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<72} {:<10} {:>16} {:>16} {:>8} {:>9}  holds\n", "row", "database", "ours", "reference", "ratio", "goal");
    for row in rows {
        let ratio = row.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.3}"));
        let holds = row.holds.map_or("–", |holds| if holds { "yes" } else { "NO" });
        text.push_str(&format!("{:<72} {:<10} {:>16} {:>16} {ratio:>8} {:>9}  {holds}\n", row.name, row.database, row.ours, row.reference.as_deref().unwrap_or("–"), row.goal));
    }
    text
}
