//! A throw-away PostgreSQL from the programs on this machine: the bench measures on one that keeps its promises on disk, the tests use one that need not.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database};
use uuid::Uuid;

use crate::kernel::problem::Problem;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Kept,
    /// For tests of rules: quicker, and lost with the machine.
    Forgone,
}

/// A cluster of its own folder and port. It ends with this value, and with this process however that ends.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    port: u16,
    watchdog: Child,
}

/// The folder of PostgreSQL's programs: on PATH or in Debian's place.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    debian.chain(on_path).find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

/// A program of PostgreSQL, which refuses to run as root: then under an unprivileged user.
fn as_unprivileged(program: &Path) -> Command {
    if !std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return Command::new(program);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = if users.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" };
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]).arg(program);
    command
}

fn run(command: &mut Command) -> Result<(), Problem> {
    let output = command.stdin(Stdio::null()).output().map_err(Problem::internal)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Problem::internal(format!("{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
}

/// Runs statements on a connection of their own.
///
/// # Errors
/// 500 where the database refuses one.
pub async fn execute(url: &str, statements: &[&str]) -> Result<(), Problem> {
    let connection = Database::connect(url).await?;
    for statement in statements {
        connection.execute_unprepared(statement).await?;
    }
    Ok(connection.close().await?)
}

impl Cluster {
    /// Makes and starts a cluster with the two roles and a migrated template; none where PostgreSQL is not on this machine.
    ///
    /// # Errors
    /// 500 where it is there and does not start.
    pub async fn start(durability: Durability) -> Result<Option<Self>, Problem> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = std::env::temp_dir().join(format!("mingzhang-postgres-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).map_err(Problem::internal)?;
        // Another user runs the server when this is root.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).map_err(Problem::internal)?;
        let data = folder.join("data");
        run(as_unprivileged(&programs.join("initdb")).arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]).current_dir(&folder))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(Problem::internal)?.port();
        let disk = match durability {
            Durability::Kept => "-c max_wal_size=4GB",
            Durability::Forgone => "-c fsync=off -c full_page_writes=off",
        };
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=400 {disk}");
        run(as_unprivileged(&programs.join("pg_ctl")).arg("-D").arg(&data).args(["-w", "-o", &options, "-l"]).arg(folder.join("log")).arg("start").current_dir(&folder))?;
        let stop = as_unprivileged(&programs.join("pg_ctl"));
        let stop = std::iter::once(stop.get_program()).chain(stop.get_args()).map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
        // When this process ends, however it ends, the pipe closes and the server is stopped.
        let script = format!("read _; cd /; {stop} -D {data} -m immediate stop; rm -rf {folder}", data = data.display(), folder = folder.display());
        let watchdog = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(Problem::internal)?;
        let cluster = Self { programs, port, watchdog };
        let make = ["CREATE ROLE mingzhang_owner LOGIN", "CREATE ROLE mingzhang_app LOGIN", "CREATE DATABASE template_mingzhang OWNER mingzhang_owner"];
        execute(&cluster.url("postgres", "postgres"), &make).await?;
        let owner = Database::connect(cluster.url("mingzhang_owner", "template_mingzhang")).await?;
        Migrator::up(&owner, None).await?;
        owner.close().await?;
        Ok(Some(cluster))
    }

    /// The address of a database for a role.
    #[must_use]
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database like another one that nobody is connected to, by default the migrated template; gives its address for the serving role.
    ///
    /// # Errors
    /// 500 where it cannot be made.
    pub async fn new_database(&self, name: &str, like: Option<&str>) -> Result<String, Problem> {
        let create = format!("CREATE DATABASE {name} TEMPLATE {} OWNER mingzhang_owner", like.unwrap_or("template_mingzhang"));
        execute(&self.url("postgres", "postgres"), &[&create]).await?;
        Ok(self.url("mingzhang_app", name))
    }

    /// A client program of this PostgreSQL, where it is installed.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        Some(self.programs.join(name)).filter(|program| program.exists())
    }

    /// Its port on this machine.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Its folder is gone when the watchdog has ended.
        if let Err(error) = self.watchdog.wait() {
            tracing::warn!(%error, "the throw-away PostgreSQL was not waited for");
        }
    }
}
