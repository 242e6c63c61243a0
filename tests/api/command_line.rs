//! The commands of the README, as a newcomer types them.

use std::process::{Command, Output};

fn mingzhang(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mingzhang"))
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env("MINGZHANG_DATA_DIR", folder)
        .env("MINGZHANG_FIRST_PASSWORD", super::support::PASSWORD)
        .output()
        .unwrap()
}

#[test]
fn two_administrators_are_made_and_a_third_is_refused() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    let create = |username: &str| mingzhang(&folder, &["user", "create", "--district", "硚口区", "--username", username, "--name", "管理员"]);
    let outputs = ["first", "second", "third"].map(create);
    let codes: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
    assert_eq!(codes, [Some(0), Some(0), Some(1)], "{}", String::from_utf8_lossy(&outputs[0].stderr));
    assert!(String::from_utf8_lossy(&outputs[2].stderr).contains("administrators_exist"));
    let mode = |path: &str| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder.join(path)).unwrap().permissions()) & 0o777;
    assert_eq!((mode("keys"), mode("keys/jwt"), mode("keys/encryption")), (0o700, 0o600, 0o600));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_administrators_id_number_is_checked_and_makes_one_account_only() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    let create = |username: &str, number: &str| mingzhang(&folder, &["user", "create", "--district", "硚口区", "--username", username, "--name", "管理员", "--id-number", number]);
    let outputs = [("first", "110105194912310021"), ("first", "11010519491231002X"), ("second", "11010519491231002X"), ("second", "")].map(|(username, number)| create(username, number));
    let codes: Vec<_> = outputs.iter().map(|output| output.status.code()).collect();
    assert_eq!(codes, [Some(2), Some(0), Some(1), Some(0)], "{}", String::from_utf8_lossy(&outputs[1].stderr));
    assert!(String::from_utf8_lossy(&outputs[2].stderr).contains("person_has_account"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[actix_web::test]
async fn the_audit_trail_is_verified_from_the_command_line() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    mingzhang(&folder, &["user", "create", "--district", "硚口区", "--username", "first", "--name", "管理员"]);
    let output = mingzhang(&folder, &["audit", "verify", "--output", "json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), found), (Some(0), serde_json::json!({"sealed": 0, "waiting": 9, "holds": true, "first_fault": null})));
    let by_hand = sea_orm::Database::connect(format!("sqlite://{}", folder.join("mingzhang.db").display())).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&by_hand, "DELETE FROM audit_queue").await.unwrap();
    by_hand.close().await.unwrap();
    assert_eq!(mingzhang(&folder, &["audit", "verify"]).status.code(), Some(1), "an event that nobody will seal");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_unknown_job_is_refused_and_wrong_usage_is_told_apart() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    let unknown = mingzhang(&folder, &["job", "run", "toy.none", "--period", "2017Q1", "--output", "json"]);
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!((unknown.status.code(), told.contains("stipends.post")), (Some(2), true), "{told}");
    assert_eq!(mingzhang(&folder, &["job", "run", "toy.none"]).status.code(), Some(2));
    assert_eq!(mingzhang(&folder, &["job", "run", "stipends.post", "--period", "2017Q7"]).status.code(), Some(2));
    let nothing = mingzhang(&folder, &["job", "run", "stipends.post", "--period", "2017", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&nothing.stdout).unwrap();
    assert_eq!((nothing.status.code(), told["slots"].as_array().map(Vec::len)), (Some(1), Some(0)), "who mistypes a period must not read success");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_wrong_setting_is_refused_by_its_name() {
    for (setting, value) in [
        ("TIME_ZONE", "Mars/Base"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://desk.example.org/app"),
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", "10.0.0.1 proxy"),
        ("PAY_HOUR", "25:00"),
        ("NOTICE_DAYS", "0"),
        ("CLOCK", "yesterday"),
        ("BIND", "abc"),
        ("LOG_FILTER", "a=b=c"),
        ("MIGRATE_DATABASE_URL", "mysql://x"),
        ("LOG_FORMAT", "xml"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_mingzhang")).arg("config").env(format!("MINGZHANG_{setting}"), value).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{setting}");
        assert!(told.to_uppercase().contains(setting), "{told}");
    }
}

#[test]
fn every_setting_is_listed_and_a_wrong_one_is_told_with_its_form() {
    let run = |command: &[&str], settings: &[(&str, &str)]| Command::new(env!("CARGO_BIN_EXE_mingzhang")).args(command).envs(settings.iter().copied()).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&run(&["config", "--output", "json"], &[]).stdout).unwrap();
    let names: Vec<&str> = listed["settings"].as_array().unwrap().iter().map(|setting| setting["name"].as_str().unwrap()).collect();
    for name in ["DATABASE_URL", "MINGZHANG_CONFIG", "MINGZHANG_PAY_HOUR", "MINGZHANG_NOTICE_DAYS", "MINGZHANG_JWT_KEYS", "MINGZHANG_LOOKUP_KEY", "MINGZHANG_FIRST_PASSWORD"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for (setting, value, form) in [
        ("MINGZHANG_CLOCK", "yesterday", "RFC 3339"),
        ("MINGZHANG_PAY_HOUR", "25:00", "hh:mm"),
        ("DATABASE_URL", "mysql://x", "postgres://"),
        ("MINGZHANG_DATA_DIR", "/dev/null/x", "MINGZHANG_DATA_DIR"),
    ] {
        let refused = run(&["ledger", "verify"], &[(setting, value)]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!((refused.status.code(), told.contains(setting) && told.contains(form)), (Some(2), true), "{told}");
    }
}

#[test]
fn postgresql_without_keys_in_the_environment_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_mingzhang")).arg("serve").env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MINGZHANG_JWT_KEYS"));
}
