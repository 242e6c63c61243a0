//! Own rates that change while somebody is enrolled: written by one, confirmed by another, and the next run takes the difference.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, sweep};
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

async fn add(app: &TestApp, token: &str, enrolment: &Value, month: &str, amount: Option<&str>) -> Answer {
    app.post(token, &format!("/enrolments/{}/rates", enrolment["id"].as_str().unwrap()), json!({"from_month": month, "amount": amount, "reason": "等级调整"})).await
}

async fn decide(app: &TestApp, token: &str, rate: &Value, action: &str) -> Answer {
    let path = format!("/enrolments/{}/rates/{}", rate["enrolment_id"].as_str().unwrap(), rate["id"].as_str().unwrap());
    let etag = app.get(token, &path).await.etag.unwrap_or_default();
    app.act(token, &format!("{path}/{action}"), &etag).await
}

async fn waiting(app: &TestApp, token: &str) -> Vec<Value> {
    let tasks = ok(app.get(token, "/me/tasks").await, 200);
    tasks["data"].as_array().unwrap().iter().filter(|task| task["kind"] == json!("enrolment") && task["action"] == json!("confirm_rate")).map(|task| task["id"].clone()).collect()
}

async fn posted(app: &TestApp) -> i64 {
    sweep(&app.context, None).await[0].posted_amount.0
}

on_both_databases! {
    async fn an_own_rate_counts_when_a_second_person_has_confirmed_it_and_the_next_run_takes_the_difference(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let (office, leader) = (&stipends.street.party_office, &stipends.street.leader);
        let enrolled = stipends.enrol(app, 1, "2017-01-01").await;
        let path = format!("/enrolments/{}", enrolled["id"].as_str().unwrap());
        stipends.authorise(app, "2000.00").await;
        let before = app.get(office, &path).await.etag.unwrap();
        let rate = ok(add(app, office, &enrolled, "2017-02", Some("300.00")).await, 201);
        assert_eq!((&rate["state"], &rate["next_actors"][0]["role"]), (&json!("unconfirmed"), &json!("street_leader")));
        assert_ne!(app.get(office, &path).await.etag.unwrap(), before, "who changes the enrolment has to read it again");
        assert_eq!(add(app, office, &enrolled, "2017-02", Some("310.00")).await.code(), (409, "already_exists"), "one waits from that month");
        assert_eq!((waiting(app, leader).await, waiting(app, office).await), (vec![enrolled["id"].clone()], Vec::new()));
        assert_eq!(decide(app, office, &rate, "confirm").await.code(), (403, "separation_of_duties"));
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(posted(app).await, 60_000, "what waits does not count");
        let confirmed = ok(decide(app, leader, &rate, "confirm").await, 200);
        assert_eq!((&confirmed["state"], &confirmed["amount"]), (&json!("confirmed"), &json!("300.00")));
        assert_eq!(decide(app, leader, &rate, "confirm").await.code(), (409, "invalid_transition"));
        assert_eq!(decide(app, office, &rate, "withdraw").await.code(), (409, "invalid_transition"), "a confirmed one is put right by another");
        clock(app, "2017-06-20T01:00:00Z");
        assert_eq!(posted(app).await, 90_000 + 20_000, "the quarter, and February and March");
        // The scheme's rate again, and one that was a mistake.
        let back = ok(add(app, office, &enrolled, "2017-07", None).await, 201);
        ok(decide(app, leader, &back, "confirm").await, 200);
        let mistaken = ok(add(app, office, &enrolled, "2017-07", Some("999.00")).await, 201);
        ok(decide(app, office, &mistaken, "withdraw").await, 200);
        clock(app, "2017-09-20T01:00:00Z");
        assert_eq!(posted(app).await, 60_000);
        let shown = ok(app.get(leader, &path).await, 200);
        let told: Vec<_> = shown["own_rates"].as_array().unwrap().iter().map(|rate| (rate["from_month"].as_str().unwrap(), rate["amount"].as_str(), rate["state"].as_str().unwrap())).collect();
        assert_eq!(told, [("2017-02", Some("300.00"), "confirmed"), ("2017-07", None, "confirmed"), ("2017-07", Some("999.00"), "withdrawn")]);
        let listed = ok(app.get(leader, &format!("{path}/rates?state=confirmed")).await, 200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 2);
        assert!(ok(app.get(office, &format!("{path}?unmasked=true&reason=%E6%A0%B8%E5%AF%B9")).await, 200)["own_rates"].is_array());
    }

    async fn an_own_rate_is_refused_out_of_bounds_of_another_enrolment_and_of_a_withdrawn_one(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let (office, leader) = (&stipends.street.party_office, &stipends.street.leader);
        let (one, other) = (stipends.enrol(app, 1, "2017-01-01").await, stipends.enrol(app, 2, "2017-01-01").await);
        let path = format!("/enrolments/{}/rates", one["id"].as_str().unwrap());
        let refused = app.post(office, &path, json!({"from_month": "2017-02", "amount": "1000000000.01", "reason": ""})).await;
        let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!((refused.status.as_u16(), pointers), (422, vec!["/amount", "/reason"]));
        let rate = ok(add(app, office, &one, "2017-02", Some("300.00")).await, 201);
        let elsewhere = format!("/enrolments/{}/rates/{}", other["id"].as_str().unwrap(), rate["id"].as_str().unwrap());
        assert_eq!(app.get(leader, &elsewhere).await.code(), (404, "not_found"));
        assert_eq!(app.act(leader, &format!("{elsewhere}/confirm"), "\"v1\"").await.code(), (404, "not_found"));
        let foreign = Street::beside(app, &stipends.street, "s-").await;
        assert_eq!(decide(app, &foreign.leader, &rate, "confirm").await.code(), (404, "not_found"));
        assert_eq!(add(app, &foreign.party_office, &one, "2017-02", Some("300.00")).await.code(), (404, "not_found"));
        let enrolment = format!("/enrolments/{}", one["id"].as_str().unwrap());
        let etag = app.get(office, &enrolment).await.etag.unwrap();
        ok(app.send(reqwest::Method::POST, &format!("{enrolment}/withdraw"), office, Some(json!({"reason": "误登"})), &[("If-Match", &etag)]).await, 200);
        assert_eq!(decide(app, leader, &rate, "confirm").await.code(), (409, "invalid_transition"));
        assert!(waiting(app, leader).await.is_empty(), "nobody is asked for it");
        assert_eq!(add(app, office, &one, "2017-03", Some("300.00")).await.code(), (409, "invalid_transition"));
    }

    async fn who_signs_has_written_no_own_rate(app: TestApp) {
        let mut stipends = Stipends::open(app).await;
        let enrolled = stipends.enrol(app, 1, "2017-01-01").await;
        let second = stipends.street.person(app, "second-office", "party_office").await;
        let id = ok(app.get(&second, "/me").await, 200)["id"].clone();
        let granted = ok(app.post(&stipends.street.first, "/role-assignments", json!({"user_id": id, "role": "street_leader", "unit_id": stipends.street.id})).await, 201);
        ok(app.act(&stipends.street.second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
        let rate = ok(add(app, &second, &enrolled, "2017-01", Some("100.00")).await, 201);
        let first = std::mem::replace(&mut stipends.street.leader, second.clone());
        let limits = json!({"fiscal_year": 2017, "max_per_run": "2000.00", "max_per_year": "2400.00", "max_heads": 5, "max_increase_percent": 300});
        let path = format!("/stipend-schemes/{}/authorisations", stipends.scheme);
        let refused = app.send(reqwest::Method::POST, &path, &second, Some(limits), &[("If-Match", "\"v1\"")]).await;
        assert_eq!(refused.code(), (403, "separation_of_duties"));
        ok(decide(app, &second, &rate, "withdraw").await, 200);
        stipends.authorise(app, "2000.00").await;
        // Signed first, and the rate written then: the job holds the item.
        let rate = ok(add(app, &second, &enrolled, "2017-01", Some("100.00")).await, 201);
        ok(decide(app, &first, &rate, "confirm").await, 200);
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(posted(app).await, 0);
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let items = ok(app.get(&first, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await, 200);
        assert_eq!(items["data"][0]["held_code"], json!("signer_is_author"));
    }
}
