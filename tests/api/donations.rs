//! Donations received and used.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

async fn step(app: &TestApp, token: &str, id: &str, action: &str, version: u32) -> crate::support::Answer {
    let etag = format!("\"v{version}\"");
    app.send(Method::POST, &format!("/donation-uses/{id}/{action}"), token, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", &format!("{id}{action}"))]).await
}

on_both_databases! {
    async fn a_donation_is_used_by_four_hands_and_never_beyond_the_fund(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let body = json!({"date": "2017-01-03", "amount": "1000.00", "purpose": "红色基金", "donor_name": "张三丰"});
        let given = ok(app.money(&street.accountant, "/donations", body, "d1").await, 201);
        assert_eq!(given["donor_masked"], json!("张*"));
        assert!(!given.to_string().contains("张三丰"));
        let late = json!({"date": "2017-01-04", "amount": "1.00", "purpose": "红色基金"});
        assert_eq!(app.money(&street.accountant, "/donations", late, "d2").await.code(), (422, "date_in_future"));
        let prepare = async |amount: &str| -> Value { ok(app.post(&street.party_office, "/donation-uses", json!({"title": "慰问困难党员", "payee_name": "示例超市", "amount": amount})).await, 201) };
        let id = prepare("1000.01").await["id"].as_str().unwrap().to_owned();
        assert_eq!(step(app, &street.leader, &id, "approve", 1).await.code(), (409, "invalid_transition"));
        ok(step(app, &street.accountant, &id, "review", 1).await, 200);
        assert_eq!(step(app, &street.party_office, &id, "approve", 2).await.code(), (403, "forbidden"));
        ok(step(app, &street.leader, &id, "approve", 2).await, 200);
        assert_eq!(step(app, &street.cashier, &id, "pay", 3).await.code(), (409, "fund_short"));
        let id = prepare("400.00").await["id"].as_str().unwrap().to_owned();
        let tasks = ok(app.get(&street.accountant, "/me/tasks").await, 200);
        assert!(tasks["data"].as_array().unwrap().iter().any(|task| task["id"] == json!(id) && task["action"] == json!("review")));
        ok(step(app, &street.accountant, &id, "review", 1).await, 200);
        ok(step(app, &street.leader, &id, "approve", 2).await, 200);
        let paid = ok(step(app, &street.cashier, &id, "pay", 3).await, 200);
        assert_eq!((paid["state"].as_str(), paid["voucher_id"].is_string()), (Some("paid"), true));
        let balances = ok(app.get(&street.accountant, "/ledger/balances?as_of=2017-01-03").await, 200);
        assert!(balances["data"].as_array().unwrap().iter().any(|row| row["account"] == json!("1003") && row["balance"] == json!("600.00")), "{balances}");
        assert_eq!(ok(app.get(&street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
        let other = Street::open(app, "江汉区", "o-").await;
        assert_eq!(app.get(&other.accountant, &format!("/donations/{}", given["id"].as_str().unwrap())).await.code(), (404, "not_found"));
        assert_eq!(app.get(&other.accountant, &format!("/donation-uses/{id}")).await.code(), (404, "not_found"));
    }
}
