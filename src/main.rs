//! The command line. Exit codes: 0 done, 1 refused or not found true, 2 wrong usage.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use migration::{Migrator, MigratorTrait};
use mingzhang::funds::ledger::verify::KeptCheckpoint;
use mingzhang::kernel::clock::Clocks;
use mingzhang::kernel::identity_number::IdentityNumber;
use mingzhang::kernel::problem::Problem;
use mingzhang::people::identity::Passwords;
use mingzhang::people::identity::set_up::FirstAdministrator;
use mingzhang::platform::attachment::open_store;
use mingzhang::platform::audit;
use mingzhang::platform::calendar;
use mingzhang::platform::db::{Db, DbSettings, Reason, Sql};
use mingzhang::platform::http::{Context, RateLimits};
use mingzhang::platform::jobs::{self, Registry};
use mingzhang::settings::{LogFormat, MEANINGS, Settings};
use mingzhang::{app, bench, keys};
use tracing_subscriber::EnvFilter;

/// Mingzhang 明账 — open books for the funds of a district's communities.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API until told to stop.
    Serve,
    /// Ask the server at MINGZHANG_BIND whether it is ready: for a container's health check.
    Health,
    /// Bring the database's schema up to date.
    Migrate,
    /// Users.
    #[command(subcommand)]
    User(User),
    /// The audit trail.
    #[command(subcommand)]
    Audit(Audit),
    /// Keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Hanjiadun Street's 2017 in an empty database, then serve it at 2018-01-02.
    Demo(Demo),
    /// Scheduled jobs.
    #[command(subcommand)]
    Job(JobCommand),
    /// The books.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Measure speed and memory, each beside a reference, on databases of its own. Exit code 1 where a goal does not hold.
    Bench(Bench),
    /// Print the API's description (OpenAPI 3.1).
    Openapi,
    /// Print every setting with its meaning and default.
    Config {
        /// How to print.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

#[derive(Subcommand)]
enum User {
    /// Make one of the first two administrators of a district. The password is read from MINGZHANG_FIRST_PASSWORD, the ID number from MINGZHANG_FIRST_ID_NUMBER.
    Create(CreateUser),
}

#[derive(Args)]
struct CreateUser {
    /// The district's name; it is opened where it does not exist.
    #[arg(long)]
    district: String,
    /// The city's name.
    #[arg(long)]
    city: Option<String>,
    /// The login name.
    #[arg(long)]
    username: String,
    /// The name that colleagues see.
    #[arg(long)]
    name: String,
    /// The ID number, so that the person gets no second account in the district; only a keyed hash of it is kept. It can be recorded later.
    #[arg(long, env = "MINGZHANG_FIRST_ID_NUMBER", hide_env_values = true)]
    id_number: Option<String>,
    /// The first password, to be changed at the first login.
    #[arg(long, env = "MINGZHANG_FIRST_PASSWORD", hide_env_values = true)]
    password: String,
}

#[derive(Args)]
struct Demo {
    /// End after the table.
    #[arg(long)]
    no_serve: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Subcommand)]
enum Ledger {
    /// Recompute every street's books: chain, numbers, sums, balances, years, lines, checkpoints. Exit code 1 where something does not fit.
    Verify(VerifyLedger),
}

#[derive(Args)]
struct VerifyLedger {
    /// Checkpoints kept elsewhere: a JSON list as `GET /api/v1/ledger/checkpoints` gives them.
    #[arg(long)]
    checkpoints: Option<std::path::PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// How a command prints its result.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Subcommand)]
enum Audit {
    /// Recompute the chain of the audit trail; exit code 1 where it does not hold.
    Verify {
        /// How the result is told on stdout.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Put a new current key in front: jwt, encryption or signing.
    Rotate {
        /// Which keys.
        kind: String,
    },
}

#[derive(Subcommand)]
enum JobCommand {
    /// Run the slots of a job and period now; a slot done before posts nothing again. Exit code 1 where a slot is not done.
    Run(RunJob),
}

#[derive(Args)]
struct RunJob {
    /// The job's name, such as stipends.post.
    name: String,
    /// The period: 2017, 2017Q1, 2017-03 or 2017-03-20.
    #[arg(long)]
    period: String,
    /// The form of what is reported.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Args)]
struct Bench {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Small sizes and one round: shows that it runs, not how fast.
    #[arg(long)]
    quick: bool,
    /// Only rows whose group contains one of these words: J1, read, J2, receipt, J3, memory, demo.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// People of the payout, in all streets.
    #[arg(long)]
    people: Option<usize>,
    /// Ledger entries of the larger database whose summaries are read.
    #[arg(long)]
    entries: Option<usize>,
    /// Only on this database.
    #[arg(long, value_enum)]
    database: Option<Database>,
    /// Interleaved rounds.
    #[arg(long)]
    rounds: Option<usize>,
}

/// A kind of database.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Database {
    /// The embedded one.
    Sqlite,
    /// PostgreSQL.
    Postgresql,
}

/// What a command could not do.
enum Failure {
    /// Exit code 1.
    Refused(String),
    /// Exit code 2.
    Usage(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(format!("{}\n{problem}", problem.detail.zh))
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(Failure::Refused(error.to_string())),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => tell(failure),
    }
}

fn tell(failure: Failure) -> ExitCode {
    let (text, code) = match failure {
        Failure::Refused(text) => (text, 1),
        Failure::Usage(text) => (text, 2),
    };
    eprintln!("{text}");
    ExitCode::from(code)
}

/// Writes a line on stdout. Whoever reads it may have had enough (`| head`): that is no failure.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(closed) if closed.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written.map_err(Problem::internal)?),
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    let settings = Settings::load().map_err(Failure::Usage)?;
    match command {
        Command::Openapi => {
            say(app::openapi().to_pretty_json().map_err(Problem::internal)?)?;
            Ok(())
        }
        Command::Config { output: Output::Json } => {
            let settings = MEANINGS.map(|(name, meaning, default)| serde_json::json!({"name": name, "meaning": meaning, "default": default}));
            say(serde_json::to_string_pretty(&serde_json::json!({ "settings": settings })).map_err(Problem::internal)?)
        }
        Command::Config { output: Output::Table } => {
            for (name, meaning, default) in MEANINGS {
                say(format_args!("{name:32} {meaning} [{default}]"))?;
            }
            Ok(())
        }
        Command::Keys(Keys::Rotate { kind }) => {
            say(keys::rotate(&settings, &kind).map_err(Failure::Usage)?)?;
            Ok(())
        }
        Command::Health => health(&settings),
        Command::Migrate => migrate(&settings).await,
        Command::Demo(arguments) => demo(&settings, arguments).await,
        Command::Bench(arguments) => measure(arguments).await,
        Command::Ledger(Ledger::Verify(arguments)) => verify_ledger(&settings, arguments).await,
        Command::User(User::Create(new)) => create_user(&settings, new).await,
        Command::Job(JobCommand::Run(run)) => run_job(&settings, run).await,
        Command::Audit(Audit::Verify { output }) => verify_audit(&settings, output).await,
        Command::Serve => serve(&settings).await,
    }
}

/// Asks `/health/ready` on this machine.
fn health(settings: &Settings) -> Result<(), Failure> {
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect(settings.bind.replace("0.0.0.0", "127.0.0.1"))?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(3)))?;
        stream.write_all(b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| Failure::Refused(error.to_string()))?;
    let status = answer.lines().next().unwrap_or_default().to_owned();
    if status.contains(" 200 ") { Ok(()) } else { Err(Failure::Refused(status)) }
}

async fn migrate(settings: &Settings) -> Result<(), Failure> {
    settings.make_data_dir().map_err(Failure::Usage)?;
    let url = settings.migrate_database_url.clone().unwrap_or_else(|| settings.database_url());
    let connection = sea_orm::Database::connect(url).await.map_err(Problem::from)?;
    Migrator::up(&connection, None).await.map_err(Problem::from)?;
    connection.close().await.map_err(Problem::from)?;
    eprintln!("数据库结构已是最新 / the schema is up to date");
    Ok(())
}

/// Opens the database for a command; the embedded one is brought up to date by itself.
async fn open(settings: &Settings) -> Result<Context, Failure> {
    if !settings.is_postgres() {
        migrate(settings).await?;
    }
    let keys = keys::load(settings).map_err(Failure::Usage)?;
    let db = Db::connect(&DbSettings::of_url(&settings.database_url())).await?;
    if let Some(what) = db.too_strong().await? {
        return Err(Failure::Usage(format!("DATABASE_URL: 服务账号权限过大（{what}），请使用 mingzhang_app / the serving role is too strong ({what}): use mingzhang_app")));
    }
    let clocks = clocks(settings, &db).await?;
    let objects = open_store(&settings.objects()).map_err(Failure::Usage)?;
    let context = app::context(db, clocks, Arc::new(keys), objects);
    context.calendar.replace(calendar::load(&context.db).await?);
    Ok(context)
}

#[derive(sea_orm::FromQueryResult)]
struct Mark {
    kind: String,
    business_instant: Option<chrono::DateTime<chrono::Utc>>,
}

/// The clocks; the business clock is settable on demo and test databases only.
async fn clocks(settings: &Settings, db: &Db) -> Result<Clocks, Failure> {
    let tx = db.read_as_system(Reason::SetUp).await?;
    let mark = tx.query_one::<Mark>(Sql::both("SELECT kind, business_instant FROM database_marks"), Vec::new()).await?;
    let Some(instant) = settings.clock else {
        // A demo goes on from where it ended: else serving it would wake for all the years since.
        let last = mark.filter(|mark| mark.kind == "demo").and_then(|mark| mark.business_instant);
        return Ok(last.map_or_else(|| Clocks::real(settings.time_zone), |last| Clocks::ticking_from(last, settings.time_zone)));
    };
    if mark.is_none_or(|mark| mark.kind == "production") {
        return Err(Failure::Usage("MINGZHANG_CLOCK: 只能用于标记为 demo 或 test 的数据库 / only on a database marked demo or test".to_owned()));
    }
    Ok(Clocks::ticking_from(instant.to_utc(), settings.time_zone))
}

/// Plays the demo year, prints what it came to, and serves it.
async fn demo(settings: &Settings, arguments: Demo) -> Result<(), Failure> {
    let mut context = open(settings).await?;
    let instant = chrono::DateTime::parse_from_rfc3339("2017-01-03T09:00:00+08:00").map_err(Problem::internal)?;
    context.clocks = Clocks::manual(instant.to_utc(), settings.time_zone);
    // A year's steps come from one address within seconds.
    let context = app::context(context.db, context.clocks, context.keys, context.objects);
    eprintln!("韩家墩街 2017 …");
    let result = mingzhang::demo::play(&context, &Passwords::try_new()?, settings.database_name()).await?;
    match arguments.output {
        Output::Json => say(serde_json::to_string(&result).map_err(Problem::internal)?)?,
        Output::Table => say(mingzhang::demo::table(&result))?,
    }
    if arguments.no_serve {
        return Ok(());
    }
    let end = chrono::DateTime::parse_from_rfc3339(mingzhang::demo::END).map_err(Problem::internal)?;
    let clocks = Clocks::ticking_from(end.to_utc(), settings.time_zone);
    serve_context(settings, app::context(context.db, clocks, context.keys, context.objects)).await
}

/// Measures on databases of its own; the settings' database is not touched.
async fn measure(arguments: Bench) -> Result<(), Failure> {
    let (people, entries) = if arguments.quick { (400, 20_000) } else { (100_000, 2_000_000) };
    let plan = bench::Plan {
        quick: arguments.quick,
        rows: arguments.rows,
        people: arguments.people.unwrap_or(people),
        entries: arguments.entries.unwrap_or(entries),
        database: arguments.database.map(|database| match database {
            Database::Sqlite => "SQLite",
            Database::Postgresql => "PostgreSQL",
        }),
        rounds: arguments.rounds.map(|rounds| rounds.max(1)),
    };
    let rows = bench::run(&plan).await?;
    match arguments.output {
        Output::Json => say(serde_json::json!({ "rows": rows }))?,
        Output::Table => print!("{}", bench::table(&rows)),
    }
    if rows.iter().all(|row| row.holds != Some(false)) { Ok(()) } else { Err(Failure::Refused("有目标未达到（见 holds）/ a goal does not hold (see holds)".to_owned())) }
}

/// Verifies every street, each under its own scope.
async fn verify_ledger(settings: &Settings, arguments: VerifyLedger) -> Result<(), Failure> {
    let kept: Vec<KeptCheckpoint> = match &arguments.checkpoints {
        None => Vec::new(),
        Some(path) => {
            let usage = |error: &dyn std::fmt::Display| Failure::Usage(format!("--checkpoints {}: {error}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| usage(&error))?;
            let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| usage(&error))?;
            let list = value.get("data").cloned().unwrap_or(value);
            serde_json::from_value(list).map_err(|error| usage(&error))?
        }
    };
    let context = open(settings).await?;
    let found = app::verify_all(&context, &kept).await?;
    match arguments.output {
        Output::Json => say(serde_json::to_string(&found).map_err(Problem::internal)?)?,
        Output::Table => match &found.first_fault {
            None => say(format_args!("账目相符 / the books hold: {} 张凭证 / vouchers", found.vouchers))?,
            Some(fault) => say(format_args!("账目不符 / the books do not hold: {} {} {} / {}", fault.street, fault.voucher.as_deref().unwrap_or("-"), fault.what_zh, fault.what))?,
        },
    }
    if found.holds { Ok(()) } else { Err(Failure::Refused("账目不符 / the books do not hold".to_owned())) }
}

async fn create_user(settings: &Settings, new: CreateUser) -> Result<(), Failure> {
    let said = new.id_number.filter(|said| !said.is_empty());
    let id_number = said.as_deref().map(IdentityNumber::parse).transpose().map_err(|fault| Failure::Usage(format!("--id-number: {} / {fault}", fault.zh())))?;
    let context = open(settings).await?;
    let passwords = Passwords::try_new()?;
    let administrator = FirstAdministrator { district: new.district, city: new.city, username: new.username, display_name: new.name, id_number, password: new.password, must_change_password: true };
    let user = app::first_administrator(&context, &passwords, administrator).await?;
    say(format_args!("{} {}", user.id, user.username))?;
    Ok(())
}

async fn verify_audit(settings: &Settings, output: Output) -> Result<(), Failure> {
    let context = open(settings).await?;
    let found = audit::verification(&context.db).await?;
    if output == Output::Json {
        say(serde_json::to_string(&found).map_err(Problem::internal)?)?;
    } else {
        say(format_args!("已封存 / sealed: {} · 待封存 / waiting: {} · 完整 / holds: {}", found.sealed, found.waiting, found.holds))?;
    }
    match found.first_fault {
        None => Ok(()),
        Some(fault) => Err(Failure::Refused(format!("审计记录在第 {0} 位不符：{1} / the audit trail does not hold at {0}: {1}", fault.position, fault.event_id))),
    }
}

async fn serve(settings: &Settings) -> Result<(), Failure> {
    let context = open(settings).await?;
    serve_context(settings, context).await
}

async fn serve_context(settings: &Settings, context: Context) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log_filter).map_err(|error| Failure::Usage(format!("MINGZHANG_LOG_FILTER: {error}")))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Json => subscriber.json().init(),
        LogFormat::Text => subscriber.init(),
    }
    let limits = RateLimits { account: settings.rate_limit_per_minute, address: settings.rate_limit_anonymous_per_minute };
    let context = context.with_rate_limits(limits).with_origins(settings.cors_origins.clone()).with_trusted_proxies(settings.trusted_proxies.clone());
    // Before anything runs: a port that is taken ends it here.
    let listener = std::net::TcpListener::bind(&settings.bind).map_err(|error| Failure::Usage(format!("MINGZHANG_BIND {}: {error}", settings.bind)))?;
    let (stop, stopped) = jobs::stop_switch();
    let registry = app::registry_at(settings.pay_times());
    let following = tokio::spawn(calendar::follow_forever(context.clone()));
    let background = [
        tokio::spawn(jobs::seal_forever(context.clone(), stopped.clone())),
        tokio::spawn(jobs::deliver_forever(context.clone(), stopped.clone())),
        tokio::spawn(jobs::drop_keys_forever(context.clone(), stopped.clone())),
        tokio::spawn(schedule(context.clone(), registry.clone(), stopped)),
    ];
    eprintln!("http://{} · 文档 / documentation: http://{}/docs/", settings.bind, settings.bind);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let server = app::serve_jobs(listener, context, Passwords::try_new()?, registry, workers).map_err(Problem::internal)?;
    tokio::pin!(server);
    // The server hears the same signals, and finishes its requests meanwhile; from now on no slot begins.
    tokio::select! {
        ended = &mut server => ended.map_err(Problem::internal)?,
        () = told_to_stop() => {
            stop.send_replace(true);
            server.await.map_err(Problem::internal)?;
        }
    }
    following.abort();
    // Requests are finished; now the slots that are running.
    stop.send_replace(true);
    for work in background {
        work.await.map_err(Problem::internal)?;
    }
    Ok(())
}

/// Returns when the process is asked to end (SIGTERM, or Ctrl-C).
async fn told_to_stop() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn schedule(context: Context, registry: Registry, stop: jobs::Stop) {
    if let Err(problem) = jobs::forever(context, registry, stop).await {
        tracing::error!(%problem, "the scheduler ended");
    }
}

/// Runs the slots of a job and period, wherever they are; refused where one is not done, or where there is none.
async fn run_job(settings: &Settings, run: RunJob) -> Result<(), Failure> {
    let registry = app::registry_at(settings.pay_times());
    if registry.job(&run.name).is_none() {
        let known = registry.names().join(", ");
        return Err(Failure::Usage(format!("没有任务 {0}。可用：{known} / there is no job {0}; known: {known}", run.name)));
    }
    jobs::require_period(&run.period).map_err(|problem| Failure::Usage(format!("--period: {} / {}", problem.detail.zh, problem.detail.en)))?;
    let context = open(settings).await?;
    let slots = jobs::run_by_hand(&context, &registry, &run.name, &run.period, None).await?;
    match run.output {
        Output::Json => {
            let report = serde_json::json!({"job": run.name, "period": run.period, "slots": slots});
            say(serde_json::to_string_pretty(&report).map_err(Problem::internal)?)?;
        }
        Output::Table => {
            say(format_args!("{:<38} {:<8} {:<24} {:>8} {:>16}", "scope", "state", "outcome", "items", "amount"))?;
            for slot in &slots {
                say(format_args!("{:<38} {:<8} {:<24} {:>8} {:>16}", slot.scope, slot.state, slot.outcome.as_deref().unwrap_or("-"), slot.posted_items, slot.posted_amount.to_string()))?;
            }
        }
    }
    if slots.is_empty() {
        return Err(Failure::Refused(format!("任务 {0} 在 {1} 没有到期的时段 / {0} has nothing due for {1}", run.name, run.period)));
    }
    if slots.iter().all(|slot| slot.state == "done") { Ok(()) } else { Err(Failure::Refused("有任务未完成（见 state）/ a slot is not done (see state)".to_owned())) }
}
