//! One throw-away PostgreSQL for the run of the tests, a database per test from a migrated template.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database};
use tokio::sync::OnceCell;

static CLUSTER: OnceCell<Option<Cluster>> = OnceCell::const_new();
static WATCHDOG: Mutex<Option<Child>> = Mutex::new(None);

struct Cluster {
    port: u16,
}

/// The folder of PostgreSQL's programs: on PATH or in Debian's place.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut found: Vec<_> = debian.chain(on_path).filter(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists()).collect();
    found.dedup();
    found.into_iter().next()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// A program of PostgreSQL, which refuses to run as root: then under an unprivileged user.
fn as_unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = if users.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" };
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

fn start() -> Option<Cluster> {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("MINGZHANG_REQUIRE_POSTGRES").is_none(), "PostgreSQL is required and its initdb was not found");
        // Straight to the terminal, past the capture of the test harness.
        let _ = std::fs::write("/dev/tty", "\n*** PostgreSQL (initdb) was not found: THE TESTS RUN ON SQLITE ONLY ***\n");
        eprintln!("*** PostgreSQL (initdb) was not found: THE TESTS RUN ON SQLITE ONLY ***");
        return None;
    };
    let folder = std::env::temp_dir().join(format!("mingzhang-postgres-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    // Another user runs the server when this is root.
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let data = folder.join("data");
    run(as_unprivileged(&programs.join("initdb")).arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]).current_dir(&folder));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c max_connections=400");
    run(as_unprivileged(&programs.join("pg_ctl")).arg("-D").arg(&data).args(["-w", "-o", &options, "-l"]).arg(folder.join("log")).arg("start").current_dir(&folder));
    // When this process ends, however it ends, the pipe closes and the server is stopped.
    let stop = as_unprivileged(&programs.join("pg_ctl"));
    let stop = std::iter::once(stop.get_program()).chain(stop.get_args()).map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let script = format!("read _; cd /; {stop} -D {data} -m immediate stop; rm -rf {folder}", data = data.display(), folder = folder.display());
    let child = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    *WATCHDOG.lock().unwrap() = Some(child);
    Some(Cluster { port })
}

async fn execute(url: &str, statements: &[&str]) {
    let connection = Database::connect(url).await.unwrap();
    for statement in statements {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn cluster() -> Option<&'static Cluster> {
    CLUSTER
        .get_or_init(|| async {
            let cluster = start()?;
            let at = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{}/{database}", cluster.port);
            execute(&at("postgres", "postgres"), &["CREATE ROLE mingzhang_owner LOGIN", "CREATE ROLE mingzhang_app LOGIN", "CREATE DATABASE template_mingzhang OWNER mingzhang_owner"]).await;
            let owner = Database::connect(at("mingzhang_owner", "template_mingzhang")).await.unwrap();
            Migrator::up(&owner, None).await.unwrap();
            owner.close().await.unwrap();
            Some(cluster)
        })
        .await
        .as_ref()
}

/// A new database as the serving role reaches it; none where PostgreSQL is not on the machine.
pub async fn new_database() -> Option<String> {
    let cluster = cluster().await?;
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE_AT_A_TIME.lock().await;
    let create = format!("CREATE DATABASE {name} TEMPLATE template_mingzhang OWNER mingzhang_owner");
    execute(&format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port), &[&create]).await;
    Some(format!("postgres://mingzhang_app@127.0.0.1:{}/{name}", cluster.port))
}

/// A new database with what this one holds; who is connected to it is put out first, since a template must be alone.
pub async fn copy(url: &str) -> String {
    let (server, name) = url.rsplit_once('/').unwrap();
    let copy = format!("test_{}", uuid::Uuid::now_v7().simple());
    let superuser = format!("{}/postgres", server.replace("mingzhang_app@", "postgres@"));
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    let create = format!("CREATE DATABASE {copy} TEMPLATE {name} OWNER mingzhang_owner");
    execute(&superuser, &[&terminate, &create]).await;
    format!("{server}/{copy}")
}
