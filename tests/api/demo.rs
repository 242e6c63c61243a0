//! The demo year reproduces the source document's figures, once.

use mingzhang::demo;
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::guide::run_guide;
use crate::support::street::ok;

/// What the tutorial of claims shows, where its tools are there.
async fn tutorial(app: &TestApp) -> Option<String> {
    let (told, folder) = run_guide(app, include_str!("../../docs/claims-tutorial.md"), &[]).await?;
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
