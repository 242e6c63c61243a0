//! One throw-away PostgreSQL for the run of the tests, a database per test from a migrated template.

use mingzhang::bench::postgres::{Cluster, Durability};
use sea_orm::{ConnectionTrait, Database};
use tokio::sync::{Mutex, OnceCell};

static CLUSTER: OnceCell<Option<Cluster>> = OnceCell::const_new();
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn start() -> Option<Cluster> {
    let cluster = Cluster::start(Durability::Forgone).await.unwrap();
    if cluster.is_none() {
        assert!(std::env::var_os("MINGZHANG_REQUIRE_POSTGRES").is_none(), "PostgreSQL is required and its initdb was not found");
        // Straight to the terminal, past the capture of the test harness.
        let _ = std::fs::write("/dev/tty", "\n*** PostgreSQL (initdb) was not found: THE TESTS RUN ON SQLITE ONLY ***\n");
        eprintln!("*** PostgreSQL (initdb) was not found: THE TESTS RUN ON SQLITE ONLY ***");
    }
    cluster
}

/// A new database as the serving role reaches it; none where PostgreSQL is not on the machine.
pub async fn new_database() -> Option<String> {
    let cluster = CLUSTER.get_or_init(start).await.as_ref()?;
    let _one = ONE_AT_A_TIME.lock().await;
    Some(cluster.new_database(&format!("test_{}", uuid::Uuid::now_v7().simple()), None).await.unwrap())
}

/// A new database with what this one holds; who is connected to it is put out first, since a template must be alone.
pub async fn copy(url: &str) -> String {
    let (server, name) = url.rsplit_once('/').unwrap();
    let copy = format!("test_{}", uuid::Uuid::now_v7().simple());
    let superuser = format!("{}/postgres", server.replace("mingzhang_app@", "postgres@"));
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    let create = format!("CREATE DATABASE {copy} TEMPLATE {name} OWNER mingzhang_owner");
    let connection = Database::connect(superuser).await.unwrap();
    for statement in [&terminate, &create] {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection.close().await.unwrap();
    format!("{server}/{copy}")
}
