//! The bench measures what it says, in sizes that show nothing but that it does.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_quick_bench_gives_every_row_with_a_reference_beside_it() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mingzhang")).args(["bench", "--quick", "--output", "json"]).env("TMPDIR", &folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    // How fast a busy machine is here proves nothing: a goal that does not hold is exit code 1.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{told}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let rows = result["rows"].as_array().unwrap();
    for row in rows {
        let (name, measured) = (row["name"].as_str().unwrap(), row["holds"].is_boolean());
        assert!(["SQLite", "PostgreSQL"].contains(&row["database"].as_str().unwrap()), "{row}");
        assert!(row["ours"].is_string() && row["goal"].is_string() && row["reference"].is_string() == measured && row["ratio"].is_number() == measured, "{name}: {row}");
    }
    for group in [
        "J1 payout job, ",
        "J1 payout job again",
        "read by id",
        "J2 claims over HTTP, 16 connections, one hot line",
        "J2 claims over HTTP, 16 connections, 20 lines",
        "receipt",
        "J3 summary of a street",
        "J3 summary of a district",
    ] {
        let on_postgres = told.contains("PostgreSQL: ");
        let databases = rows.iter().filter(|row| row["name"].as_str().is_some_and(|name| name.starts_with(group) && !name.ends_with("p99"))).count();
        assert_eq!(databases, if on_postgres { 2 } else { 1 }, "{group}: {told}");
    }
    for group in ["memory of the server", "memory of the payout job at its most", "memory of the payout job above idle", "demo year"] {
        assert_eq!(rows.iter().filter(|row| row["name"].as_str().is_some_and(|name| name.starts_with(group))).count(), 1, "{group}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "what it made is gone");
    std::fs::remove_dir_all(folder).unwrap();
}
