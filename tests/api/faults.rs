//! The program killed (SIGKILL) in the middle of its work, again and again, and started anew.

use std::process::{Command, Stdio};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};

/// How many vouchers the file holds; none while it cannot be read yet. The connection is kept, so that looking is quick beside the work.
async fn vouchers(url: &str, file: &mut Option<DatabaseConnection>) -> Option<i64> {
    if file.is_none() {
        *file = Database::connect(url).await.ok();
    }
    let row = file.as_ref()?.query_one_raw(Statement::from_string(DbBackend::Sqlite, "SELECT COUNT(*) AS n FROM vouchers")).await.ok()??;
    row.try_get("", "n").ok()
}

fn demo(folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mingzhang"));
    command.args(["demo", "--no-serve", "--output", "json"]).env("MINGZHANG_DATA_DIR", folder).env_remove("DATABASE_URL").stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[actix_web::test]
async fn a_year_killed_again_and_again_ends_with_every_stipend_and_claim_paid_once() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite://{}?mode=ro", folder.join("mingzhang.db").display());
    let (mut kills, mut file) = (0, None);
    // The stipend job posts at about 45, 80, 130 and 210; the others lie among the claims.
    for most in [1, 12, 44, 47, 81, 130, 180, 212] {
        let mut child = demo(&folder).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            if vouchers(&url, &mut file).await.is_some_and(|count| count >= most) {
                child.kill().unwrap();
                kills += 1;
                break;
            }
        }
        child.wait().unwrap();
    }
    // On a busy machine a year may end before the next look.
    assert!(kills >= 2, "killed {kills} times");
    let output = demo(&folder).output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["total"], json!({"budget": "626380.00", "received": "626380.00", "spent": "626380.00", "final_accounts": "626380.00"}));
    assert_eq!(result["categories"][2]["spent_by_quarter"], json!(["6000.00", "6600.00", "7200.00", "6600.00"]));
    assert_eq!(result["ledger"], json!({"vouchers": 226, "verified": true}));
    std::fs::remove_dir_all(&folder).unwrap();
}
