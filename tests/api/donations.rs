//! Donations received and used.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

async fn step(app: &TestApp, token: &str, id: &str, action: &str, version: u32) -> crate::support::Answer {
    let etag = format!("\"v{version}\"");
    app.send(Method::POST, &format!("/donation-uses/{id}/{action}"), token, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", &format!("{id}{action}{version}"))]).await
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
        let ask = async |who: &str, more: Value| {
            let mut body = json!({"title": "慰问困难党员", "payee_name": "示例超市"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            app.post(who, "/donation-uses", body).await
        };
        let short = ask(&street.party_office, json!({"amount": "1000.01"})).await;
        assert_eq!((short.code(), short.body["errors"][0]["pointer"].as_str()), ((409, "fund_short"), Some("/amount")));
        assert!(short.text.contains("The donation fund holds less"), "{}", short.text);
        assert_eq!(ask(&street.staff, json!({"amount": "1000.01", "community_id": street.community})).await.code(), (409, "fund_short"), "a community learns no more than that");
        ok(ask(&street.staff, json!({"amount": "1000.00", "community_id": street.community})).await, 201);
        let open = ok(app.get(&street.accountant, "/donation-uses").await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(ask(&street.party_office, json!({"amount": "0.01"})).await.code(), (409, "fund_short"), "what is on its way is not free");
        assert_eq!(ok(step(app, &street.staff, &open, "withdraw", 1).await, 200)["state"], json!("withdrawn"));
        assert_eq!(step(app, &street.staff, &open, "withdraw", 2).await.code(), (409, "invalid_transition"));
        // Until it is paid a use can be rejected, also one that was approved by mistake.
        for before in [&[][..], &[("accountant", "review"), ("leader", "approve")][..]] {
            let mut version = 1;
            let id = prepare("1000.00").await["id"].as_str().unwrap().to_owned();
            for (who, action) in before {
                ok(step(app, if *who == "leader" { &street.leader } else { &street.accountant }, &id, action, version).await, 200);
                version += 1;
            }
            let headers = [("If-Match", format!("\"v{version}\""))];
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let rejected = ok(app.send(Method::POST, &format!("/donation-uses/{id}/reject"), &street.leader, Some(json!({"reason": "误批"})), &headers).await, 200);
            assert_eq!((rejected["state"].as_str(), rejected["reason"].as_str()), (Some("rejected"), Some("误批")));
        }
        let id = prepare("1000.00").await["id"].as_str().unwrap().to_owned();
        assert_eq!(step(app, &street.leader, &id, "approve", 1).await.code(), (409, "invalid_transition"));
        ok(step(app, &street.accountant, &id, "review", 1).await, 200);
        assert_eq!(step(app, &street.party_office, &id, "approve", 2).await.code(), (403, "forbidden"));
        ok(step(app, &street.leader, &id, "approve", 2).await, 200);
        assert_eq!(step(app, &street.party_office, &id, "withdraw", 3).await.code(), (409, "invalid_transition"), "what is approved is the leader's to reject");
        let headers = [("If-Match", "\"v3\"")];
        ok(app.send(Method::POST, &format!("/donation-uses/{id}/reject"), &street.leader, Some(json!({"reason": "改小"})), &headers).await, 200);
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
