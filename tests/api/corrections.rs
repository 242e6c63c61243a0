//! What is corrected about beneficiaries: a misspelt name with a second person, and where somebody moved to.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock};
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

async fn patch(app: &TestApp, token: &str, person: &str, body: Value) -> Answer {
    let etag = app.get(token, person).await.etag.unwrap();
    app.send(Method::PATCH, person, token, Some(body), &[("If-Match", &etag), ("Content-Type", "application/merge-patch+json")]).await
}

async fn confirm(app: &TestApp, token: &str, person: &str) -> Answer {
    let etag = app.get(token, person).await.etag.unwrap();
    app.act(token, &format!("{person}/confirm-name"), &etag).await
}

async fn unmasked(app: &TestApp, token: &str, person: &str) -> Value {
    ok(app.get(token, &format!("{person}?unmasked=true&reason=%E6%A0%B8%E5%AF%B9")).await, 200)
}

/// What waits for somebody on a beneficiary.
async fn waiting(app: &TestApp, token: &str) -> Vec<String> {
    let list = ok(app.get(token, "/me/tasks").await, 200);
    let own = list["data"].as_array().unwrap().iter().filter(|task| task["kind"] == json!("beneficiary"));
    own.map(|task| format!("{} {}", task["action"].as_str().unwrap(), task["title"].as_str().unwrap())).collect()
}

on_both_databases! {
    async fn a_misspelt_name_is_corrected_by_two_people(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let made = ok(app.post(&street.party_office, "/beneficiaries", json!({"name": "张示例", "id_number": "11010519491231002X"})).await, 201);
        let person = format!("/beneficiaries/{}", made["id"].as_str().unwrap());
        assert_eq!(confirm(app, &street.leader, &person).await.code(), (409, "invalid_transition"));
        assert_eq!(patch(app, &street.party_office, &person, json!({"name": " "})).await.body["errors"][0]["pointer"], json!("/name"));
        assert_eq!(patch(app, &street.cashier, &person, json!({"name": "章示例"})).await.code(), (403, "forbidden"));
        let proposed = patch(app, &street.party_office, &person, json!({"name": "章示例"})).await;
        assert_eq!(proposed.status, 200, "{}", proposed.text);
        assert_eq!((&proposed.body["name_masked"], &proposed.body["proposed_name_masked"]), (&json!("张*"), &json!("章*")));
        assert_eq!(proposed.body["next_actors"], json!([{"role": "street_leader", "people": 1}]));
        assert_eq!(unmasked(app, &street.party_office, &person).await["proposed_name"], json!("章示例"));
        assert_eq!((waiting(app, &street.leader).await, waiting(app, &street.party_office).await), (vec!["confirm_name 张* 章*".to_owned()], Vec::new()));
        let again = ok(patch(app, &street.party_office, &person, json!({"name": "章示例"})).await, 200);
        assert!(again["next_actors"].is_null(), "it waits already");
        assert_eq!(confirm(app, &street.party_office, &person).await.code(), (403, "separation_of_duties"));
        let confirmed = ok(confirm(app, &street.leader, &person).await, 200);
        assert_eq!((&confirmed["name_masked"], &confirmed["proposed_name_masked"]), (&json!("章*"), &json!(null)));
        let shown = unmasked(app, &street.party_office, &person).await;
        assert_eq!((&shown["name"], &shown["proposed_name"], &shown["id_number"]), (&json!("章示例"), &json!(null), &json!("11010519491231002X")));
        let trail = app.get(&street.first, &format!("/audit-events?subject_id={}&action=beneficiary.confirm_name", made["id"].as_str().unwrap())).await;
        assert_eq!((&trail.body["data"][0]["before"]["name_masked"], &trail.body["data"][0]["after"]["name_masked"]), (&json!("张*"), &json!("章*")), "{}", trail.text);
        assert!(!trail.text.contains("示例"), "{}", trail.text);
    }

    async fn a_correction_is_taken_back_and_who_confirmed_one_may_write_the_next(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let other = street.person(app, "office2", "party_office").await;
        let made = ok(app.post(&street.party_office, "/beneficiaries", json!({"name": "张示例", "id_number": "11010519491231002X"})).await, 201);
        let person = format!("/beneficiaries/{}", made["id"].as_str().unwrap());
        ok(patch(app, &street.party_office, &person, json!({"name": "章示例"})).await, 200);
        let back = ok(patch(app, &other, &person, json!({"name": "张示例"})).await, 200);
        assert_eq!((&back["proposed_name_masked"], &back["next_actors"]), (&json!(null), &json!(null)));
        assert_eq!(confirm(app, &street.leader, &person).await.code(), (409, "invalid_transition"));
        ok(patch(app, &street.party_office, &person, json!({"name": "章示例"})).await, 200);
        ok(confirm(app, &other, &person).await, 200);
        ok(patch(app, &other, &person, json!({"name": "彰示例"})).await, 200);
        assert_eq!(confirm(app, &other, &person).await.code(), (403, "separation_of_duties"));
        ok(confirm(app, &street.party_office, &person).await, 200);
        assert_eq!(unmasked(app, &street.party_office, &person).await["name"], json!("彰示例"));
    }

    async fn who_moved_is_charged_to_the_new_communitys_line_and_what_was_approved_before_is_stale(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let foreign = Street::beside(app, &street, "s-").await;
        let second = app.post(&street.first, "/org-units", json!({"parent_id": street.id, "name": "新合社区"})).await.id();
        let line = |community: &str| json!({"category_id": street.category, "community_id": community, "amount": "1200.00", "plan_item_ids": [street.plan_item]});
        let budget = street.budget(app, "2400.00", json!([line(&street.community), line(&second)])).await;
        ok(street.receive(app, "2400.00", "D1").await, 201);
        let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "K1", "name": "津贴", "frequency": "quarter"})).await, 201)["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "季度津贴", "line_scope": "community", "first_period": "2017Q1", "rates": [{"from_month": "2017-01", "amount": "200.00"}]});
        let scheme = ok(app.post(&street.party_office, "/stipend-schemes", scheme).await, 201)["id"].as_str().unwrap().to_owned();
        let stipends = Stipends { street: street.clone(), scheme: scheme.clone(), template: String::new() };
        let enrolled = stipends.enrol(app, 1, "2017-01-01").await;
        let person = format!("/beneficiaries/{}", enrolled["beneficiary_id"].as_str().unwrap());
        assert_eq!(ok(patch(app, &street.party_office, &person, json!({"community_id": street.community})).await, 200)["community_id"], json!(street.community));
        for elsewhere in [&foreign.community, &street.id, &uuid::Uuid::now_v7().to_string()] {
            let refused = patch(app, &street.party_office, &person, json!({"community_id": elsewhere})).await;
            assert_eq!((refused.code(), &refused.body["errors"][0]["pointer"]), ((422, "unknown_reference"), &json!("/community_id")));
        }
        clock(app, "2017-03-20T01:00:00Z");
        let run = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": scheme, "period": "2017Q1"})).await, 201);
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        ok(app.act(&street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
        let moved = ok(patch(app, &street.party_office, &person, json!({"community_id": second})).await, 200);
        assert_eq!(moved["community_id"], json!(second));
        let of_enrolment = ok(app.get(&street.leader, &format!("/enrolments/{}", enrolled["id"].as_str().unwrap())).await, 200);
        assert_eq!(of_enrolment["community_id"], json!(second), "the new community counts the person");
        let post = async |etag: &str, key: &str| app.send(Method::POST, &format!("{path}/post"), &street.accountant, Some(json!({})), &[("If-Match", etag), ("Idempotency-Key", key)]).await;
        assert_eq!(post("\"v2\"", "p1").await.code(), (409, "run_stale"), "another line than what was approved");
        let etag = app.get(&street.leader, &path).await.etag.unwrap();
        let approved = app.act(&street.leader, &format!("{path}/approve"), &etag).await;
        ok(post(approved.etag.as_deref().unwrap(), "p2").await, 200);
        let mut spent = Vec::new();
        for line in budget["lines"].as_array().unwrap() {
            let line = ok(app.get(&street.leader, &format!("/budget-lines/{}", line["id"].as_str().unwrap())).await, 200);
            spent.push((line["community_id"].clone(), line["spent"].clone()));
        }
        spent.sort_by_key(|(_, spent)| spent.to_string());
        assert_eq!(spent, [(json!(street.community), json!("0.00")), (json!(second), json!("600.00"))]);
    }
}
