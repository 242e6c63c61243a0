//! Who takes another's part during leave or illness: documents and the audit trail show both names, and nobody's own acts are another's.

use reqwest::Method;
use serde_json::{Value, json};

use crate::claims::Claims;
use crate::on_both_databases;
use crate::stipends::Stipends;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

async fn id_of(app: &TestApp, token: &str) -> String {
    app.get(token, "/me").await.id()
}

/// A role in the street for an account, confirmed; for somebody who is away where one is named.
async fn grant(app: &TestApp, street: &Street, user: &str, role: &str, absent: Option<&str>) {
    let granted = app.post(&street.first, "/role-assignments", json!({"user_id": user, "role": role, "unit_id": street.id, "acting_for": absent})).await;
    assert_eq!(granted.status, 201, "{}", granted.text);
    if granted.body["state"] == json!("unconfirmed") {
        ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted.id()), "\"v1\"").await, 200);
    }
}

/// Whose part was taken in each act of an account on a document, by the audit trail.
async fn attributed(app: &TestApp, street: &Street, document: &str, user: &str) -> Vec<(String, Value)> {
    let events = ok(app.get(&street.first, &format!("/audit-events?subject_id={document}&user_id={user}")).await, 200);
    events["data"].as_array().unwrap().iter().map(|event| (event["action"].as_str().unwrap().to_owned(), event["acting_for"].clone())).collect()
}

/// The print view of the voucher of a document.
async fn voucher_of(app: &TestApp, street: &Street, source: &Value) -> String {
    let vouchers = ok(app.get(&street.accountant, "/ledger/vouchers").await, 200)["data"].clone();
    let found = vouchers.as_array().unwrap().iter().find(|voucher| voucher["source_id"] == *source).unwrap_or_else(|| panic!("{vouchers}"));
    app.get(&street.accountant, &format!("/ledger/vouchers/{}/print", found["id"].as_str().unwrap())).await.text
}

on_both_databases! {
    async fn what_a_deputy_approves_shows_both_names_on_claim_timeline_voucher_and_audit_trail(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (deputy, token) = app.user(&street.first, "deputy", &street.id).await;
        let absent = id_of(app, &street.leader).await;
        // Their own role comes first, and has nothing to do with approving.
        grant(app, street, &deputy, "inspector", None).await;
        grant(app, street, &deputy, "street_leader", Some(&absent)).await;
        let id = claims.submitted(app, false, "300.00").await;
        claims.step(app, &street.accountant, &id, "review").await;
        claims.step(app, &token, &id, "approve").await;
        let paid = ok(claims.money(app, &street.cashier, &id, "pay", json!({"bank_reference": "B1"}), "pay").await, 200);
        assert_eq!(attributed(app, street, &id, &deputy).await, [("claim.approve".to_owned(), json!(absent))]);
        let timeline = ok(app.get(&street.accountant, &format!("/claims/{id}/timeline?kind=approve")).await, 200)["data"][0].clone();
        assert_eq!((&timeline["user_id"], &timeline["acting_for"]), (&json!(deputy), &json!(absent)));
        let review = ok(app.get(&street.accountant, &format!("/claims/{id}/timeline?kind=review")).await, 200)["data"][0].clone();
        assert_eq!(review["acting_for"], json!(null));
        let page = app.get(&street.accountant, &format!("/claims/{id}/print")).await.text;
        assert!(page.contains("<td>deputy（代c-leader）</td>") && page.contains("<td>c-accountant</td>"), "{page}");
        let voucher = app.get(&street.accountant, &format!("/ledger/vouchers/{}/print", paid["voucher_id"].as_str().unwrap())).await.text;
        assert!(voucher.contains("制单：c-accountant<") && voucher.contains("审核：deputy（代c-leader）<") && voucher.contains("出纳：c-cashier<"), "{voucher}");
    }

    async fn what_a_deputy_does_in_their_own_right_is_nobody_elses(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (deputy, token) = app.user(&street.first, "deputy", &street.id).await;
        let (absent, leader) = (id_of(app, &street.party_office).await, id_of(app, &street.leader).await);
        grant(app, street, &deputy, "street_leader", Some(&leader)).await;
        grant(app, street, &deputy, "party_office", Some(&absent)).await;
        grant(app, street, &deputy, "party_office", None).await;
        let made = ok(app.post(&token, "/claims", claims.body(false, "300.00")).await, 201);
        let id = made["id"].as_str().unwrap();
        let events = attributed(app, street, id, &deputy).await;
        assert!(!events.is_empty() && events.iter().all(|(_, absent)| absent.is_null()), "{events:?}");
        let timeline = ok(app.get(&street.accountant, &format!("/claims/{id}/timeline")).await, 200);
        assert!(timeline["data"].as_array().unwrap().iter().all(|event| event["acting_for"].is_null()), "{timeline}");
        let page = app.get(&street.accountant, &format!("/claims/{id}/print")).await.text;
        assert!(page.contains("<td>deputy</td>") && !page.contains("（代"), "{page}");
    }

    async fn who_returns_a_claim_does_it_in_the_part_whose_step_was_next(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (deputy, token) = app.user(&street.first, "deputy", &street.id).await;
        let absent = id_of(app, &street.leader).await;
        // An accountant in their own right may return as well, at another step.
        grant(app, street, &deputy, "accountant", None).await;
        grant(app, street, &deputy, "street_leader", Some(&absent)).await;
        for action in ["return", "reject", "request-info"] {
            let id = claims.submitted(app, false, "10.00").await;
            claims.step(app, &street.accountant, &id, "review").await;
            assert_eq!(claims.reasoned(app, &token, &id, action).await.status, 200, "{action}");
            let kept = ok(app.get(&street.accountant, &format!("/claims/{id}/timeline")).await, 200);
            let own = kept["data"].as_array().unwrap().iter().find(|event| event["user_id"] == json!(deputy)).unwrap();
            assert_eq!(own["acting_for"], json!(absent), "{action}: {own}");
            assert!(attributed(app, street, &id, &deputy).await.iter().all(|(_, part)| *part == json!(absent)), "{action}");
        }
    }

    async fn a_receipt_that_a_deputy_records_shows_both_names_on_its_voucher(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (deputy, token) = app.user(&street.first, "deputy", &street.id).await;
        let absent = id_of(app, &street.accountant).await;
        grant(app, street, &deputy, "accountant", Some(&absent)).await;
        let category = app.get(&street.accountant, &format!("/budget-lines/{}", claims.street_line)).await.body["category_id"].clone();
        let body = json!({"date": "2017-01-03", "document_number": "财预2号", "amount": "1.00", "lines": [{"category_id": category, "amount": "1.00"}]});
        let receipt = ok(app.money(&token, "/receipts", body, "r").await, 201);
        let page = voucher_of(app, street, &receipt["id"]).await;
        assert!(page.contains("制单：deputy（代c-accountant）<"), "{page}");
    }

    async fn a_roster_and_the_vouchers_of_its_bank_file_show_both_names_too(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let (deputy, token) = app.user(&street.first, "deputy", &street.id).await;
        let absent = id_of(app, &street.leader).await;
        grant(app, street, &deputy, "street_leader", Some(&absent)).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        crate::stipends::clock(app, "2017-03-20T01:00:00Z");
        let run = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q1"})).await, 201);
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        ok(app.act(&token, &format!("{path}/approve"), "\"v1\"").await, 200);
        ok(app.send(Method::POST, &format!("{path}/post"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "p")]).await, 200);
        let roster = app.get(&street.accountant, &format!("{path}/print")).await.text;
        assert!(roster.contains("审批：deputy（代leader）<") && roster.contains("会计：accountant<"), "{roster}");
        let file = stipends.settle(app, run["id"].as_str().unwrap(), &[]).await;
        for source in [&run["id"], &file["id"]] {
            let page = voucher_of(app, street, source).await;
            assert!(page.contains("审核：deputy（代leader）<"), "{page}");
        }
    }
}
