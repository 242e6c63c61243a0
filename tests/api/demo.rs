//! The demo year reproduces the source document's figures, once.

use mingzhang::demo;
use serde_json::json;

use crate::on_both_databases;
use crate::support::street::ok;
use crate::support::{Folder, TestApp};

/// Runs what the tutorial says, step by step, in the shell that it is written for; gives what it shows. None, and it says so on the terminal, where a tool that a reader needs is missing.
async fn tutorial(app: &TestApp) -> Option<String> {
    if let Some(tool) = ["bash", "curl", "jq"].into_iter().find(|tool| std::process::Command::new(tool).arg("--version").output().is_err()) {
        eprintln!("{tool} is not installed: the tutorial was NOT run");
        return None;
    }
    let mut script = "set -euo pipefail\ncurl() { command curl --fail-with-body --show-error \"$@\"; }\n".to_owned();
    let blocks = include_str!("../../docs/claims-tutorial.md").split("```sh\n").skip(1);
    for block in blocks.map(|block| block.split("```").next().unwrap()) {
        script.push_str(block);
        script.push('\n');
    }
    let script = script.replace("http://127.0.0.1:8080", app.address());
    assert!(script.matches("post $").count() > 10 && script.contains(app.address()), "the tutorial is not written as it was");
    let folder = Folder::new();
    let run = tokio::process::Command::new("bash").arg("-c").arg(&script).current_dir(folder.path()).output().await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "the tutorial fails:\n{told}");
    assert!(std::fs::read_to_string(folder.path().join("claim.html")).unwrap().contains("报销单"));
    Some(told)
}

on_both_databases! {
    async fn the_year_of_hanjiadun_is_played_once_and_its_figures_are_the_sources(app: TestApp) {
        let play = async || serde_json::to_value(demo::play(&app.context, &app.passwords, "test".to_owned()).await.unwrap()).unwrap();
        let result = play().await;
        let source: serde_json::Value = serde_json::from_str(include_str!("../../demo/hanjiadun-2017.json")).unwrap();
        for (shown, line) in result["categories"].as_array().unwrap().iter().zip(source["budget"]["lines"].as_array().unwrap()) {
            assert_eq!((&shown["name"], &shown["budget"], &shown["received"], &shown["spent"], &shown["final_accounts"]), (&line["category"], &line["amount"], &line["amount"], &line["amount"], &line["amount"]));
        }
        assert_eq!(result["total"], json!({"budget": "626380.00", "received": "626380.00", "spent": "626380.00", "final_accounts": "626380.00"}));
        assert_eq!(result["categories"][1]["spent_by_quarter"], json!(["4395.00", "4395.00", "4395.00", "4395.00"]));
        assert_eq!(result["categories"][2]["spent_by_quarter"], json!(["6000.00", "6600.00", "7200.00", "6600.00"]));
        assert_eq!(result["ledger"]["verified"], json!(true));
        let account = result["accounts"].as_array().unwrap().iter().find(|account| account["username"] == json!("hjd-accountant")).unwrap().clone();
        let accountant = app.log_in("hjd-accountant", account["password"].as_str().unwrap()).await;
        let list = async |path: &str| ok(app.get(&accountant, path).await, 200)["data"].as_array().unwrap().clone();
        let activities = list("/activities?limit=200").await;
        for kind in ["branch_assembly", "branch_committee", "party_group", "party_class", "theme_day", "study_group", "party_lecture", "volunteer_service", "performance"] {
            assert!(activities.iter().any(|activity| activity["kind"] == json!(kind)), "no {kind}");
        }
        assert_eq!(activities.iter().filter(|activity| activity["outside_town"] == json!(true)).count(), 1, "one journey out of town");
        let lecture = list("/claims?limit=200").await.into_iter().find(|claim| claim["kind"] == json!("lecture")).unwrap();
        assert!(activities.iter().any(|activity| activity["id"] == lecture["activity_id"] && activity["kind"] == json!("party_lecture")), "{lecture}");
        let electronic: Vec<_> = list("/invoices?code=042001700111").await.into_iter().filter(|invoice| invoice["electronic"] == json!(true)).collect();
        assert_eq!(electronic.len(), 1);
        let originals = list(&format!("/attachments?subject_type=invoice&subject_id={}", electronic[0]["id"].as_str().unwrap())).await;
        assert_eq!(originals[0]["links"][0]["paper_kind"], json!("invoice_original"));
        assert_eq!(play().await["ledger"], result["ledger"], "a second run changes nothing");
        let Some(told) = tutorial(app).await else {
            return;
        };
        for word in ["\"held\"", "\"approved\"", "\"from_commitment\": \"500.00\"", "\"reviewed\"", "\"paid\"", "\"5001\"", "\"reversed\"", "\"closed\""] {
            assert!(told.contains(word), "{word} is not in what the tutorial shows:\n{told}");
        }
    }

    async fn a_database_with_other_data_is_refused(app: TestApp) {
        app.administrator("硚口区", "first").await;
        assert_eq!(demo::play(&app.context, &app.passwords, "test".to_owned()).await.unwrap_err().code, "database_has_data");
    }
}
