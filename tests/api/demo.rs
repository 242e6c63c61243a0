//! The demo year reproduces the source document's figures, once.

use mingzhang::demo;
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;

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
        assert_eq!(play().await["ledger"], result["ledger"], "a second run changes nothing");
    }

    async fn a_database_with_other_data_is_refused(app: TestApp) {
        app.administrator("硚口区", "first").await;
        assert_eq!(demo::play(&app.context, &app.passwords, "test".to_owned()).await.unwrap_err().code, "database_has_data");
    }
}
