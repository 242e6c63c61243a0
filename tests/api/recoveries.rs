//! What was paid too much: shown, paid back in cash with its tax, written off by two people, and payments that the bank returns late.

use mingzhang::kernel::access::Scope;
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, sweep};
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

async fn recover(app: &TestApp, token: &str, enrolment: &Value, kind: &str, amount: &str, key: &str) -> Answer {
    let body = json!({"enrolment_id": enrolment["id"], "kind": kind, "amount": amount, "reason": "去世后多发"});
    app.money(token, "/recoveries", body, key).await
}

async fn decide(app: &TestApp, token: &str, recovery: &Value, action: &str) -> Answer {
    let path = format!("/recoveries/{}/{action}", recovery["id"].as_str().unwrap());
    app.send(Method::POST, &path, token, Some(json!({"reason": "家庭困难"})), &[("If-Match", "\"v1\"")]).await
}

async fn end(app: &TestApp, stipends: &Stipends, enrolment: &Value, to: &str) {
    let path = format!("/enrolments/{}", enrolment["id"].as_str().unwrap());
    let etag = app.get(&stipends.street.party_office, &path).await.etag.unwrap();
    let body = json!({"to_date": to, "reason": "去世"});
    ok(app.send(Method::POST, &format!("{path}/end"), &stipends.street.party_office, Some(body), &[("If-Match", &etag)]).await, 200);
}

async fn outstanding(app: &TestApp, stipends: &Stipends) -> Vec<Value> {
    ok(app.get(&stipends.street.leader, "/recoveries/outstanding").await, 200)["data"].as_array().unwrap().clone()
}

async fn year(app: &TestApp, stipends: &Stipends, year: i32) -> Value {
    let years = ok(app.get(&stipends.street.accountant, "/fiscal-years").await, 200);
    years["data"].as_array().unwrap().iter().find(|row| row["year"] == json!(year)).unwrap().clone()
}

async fn holds(app: &TestApp, stipends: &Stipends) {
    let verified = ok(app.get(&stipends.street.accountant, "/ledger/verify").await, 200);
    assert_eq!(verified["holds"], json!(true), "{verified}");
}

/// How many parts hold a period for a person.
async fn held(app: &TestApp, stipends: &Stipends, enrolment: &Value, period: &str) -> i64 {
    #[derive(sea_orm::FromQueryResult)]
    struct Found {
        n: i64,
    }
    let tx = app.context.db.read(Scope::Street(stipends.street.district.parse().unwrap(), stipends.street.id.parse().unwrap())).await.unwrap();
    let sql = Sql::both("SELECT COUNT(*) AS n FROM payout_parts WHERE enrolment_id = $1 AND period = $2 AND holds");
    let id: uuid::Uuid = enrolment["id"].as_str().unwrap().parse().unwrap();
    tx.query_one::<Found>(sql, vec![id.into(), period.to_owned().into()]).await.unwrap().unwrap().n
}

/// Two people; the second, confirmed late, was paid 1,200.00 with 80.00 of tax in June, and is then told to have died in January: 1,000.00 are outstanding.
async fn overpaid(app: &TestApp) -> (Stipends, Value) {
    let stipends = Stipends::open(app).await;
    stipends.enrol(app, 1, "2017-01-01").await;
    let late = stipends.enrol_only(app, 2, "2017-01-01").await;
    stipends.authorise(app, "2000.00").await;
    clock(app, "2017-03-20T01:00:00Z");
    sweep(&app.context, None).await;
    stipends.settle(app, stipends.runs(app, "2017Q1").await[0]["id"].as_str().unwrap(), &[]).await;
    ok(app.act(&stipends.street.leader, &format!("/enrolments/{}/confirm", late["id"].as_str().unwrap()), "\"v1\"").await, 200);
    clock(app, "2017-06-20T01:00:00Z");
    sweep(&app.context, None).await;
    (stipends, late)
}

on_both_databases! {
    async fn what_was_paid_beyond_a_death_is_shown_and_comes_back_in_cash_with_its_tax(app: TestApp) {
        let (stipends, late) = overpaid(app).await;
        let street = &stipends.street;
        assert_eq!(outstanding(app, &stipends).await, Vec::<Value>::new());
        end(app, &stipends, &late, "2017-01-15").await;
        let owing = outstanding(app, &stipends).await;
        assert_eq!((owing.len(), &owing[0]["enrolment_id"], owing[0]["outstanding"].as_str(), owing[0]["ended_on"].as_str()), (1, &late["id"], Some("1000.00"), Some("2017-01-15")));
        let differences: Vec<_> = owing[0]["lines"].as_array().unwrap().iter().map(|line| line["difference"].as_str().unwrap().to_owned()).collect();
        assert_eq!(differences, ["-400.00", "-600.00"]);
        assert_eq!(recover(app, &street.cashier, &late, "cash", "500.00", "a").await.code(), (403, "forbidden"));
        assert_eq!(app.post(&street.accountant, "/recoveries", json!({})).await.code(), (400, "idempotency_key_required"));
        assert_eq!(recover(app, &street.accountant, &late, "cash", "0.00", "b").await.body["errors"][0]["code"], json!("amount_not_positive"));
        let unpaid = recover(app, &street.accountant, &late, "cash", "500.00", "c").await;
        assert_eq!(unpaid.code(), (409, "recovery_not_paid"), "the bank has not told the payment yet: {}", unpaid.text);
        let run = stipends.runs(app, "2017Q2").await[0].clone();
        stipends.settle(app, run["id"].as_str().unwrap(), &[]).await;
        let beyond = recover(app, &street.accountant, &late, "cash", "1000.01", "d").await;
        assert_eq!(beyond.code(), (409, "recovery_too_large"));
        assert!(beyond.body["detail"].as_str().unwrap().contains("1000.00 is outstanding"), "{}", beyond.text);
        let back = ok(recover(app, &street.accountant, &late, "cash", "500.00", "e").await, 201);
        assert_eq!((back["state"].as_str(), back["tax"].as_str(), back["net"].as_str(), back["next_actors"].is_null()), (Some("settled"), Some("80.00"), Some("420.00"), true));
        assert_eq!(back["parts"], json!([{"period": "2017Q1", "amount": "-400.00"}, {"period": "2017Q2", "amount": "-100.00"}]));
        assert_eq!((back["charges"][0]["month"].as_str(), back["charges"][0]["gross"].as_str(), back["charges"][0]["tax"].as_str()), (Some("2017-06"), Some("500.00"), Some("80.00")));
        let again = recover(app, &street.accountant, &late, "cash", "500.00", "e").await;
        assert!(again.replayed && again.body == back);
        assert_eq!(year(app, &stipends, 2017).await["spent"], json!("1900.00"));
        let line = ok(app.get(&street.accountant, "/budget-lines").await, 200)["data"][0].clone();
        assert_eq!(line["spent"], json!("1900.00"));
        let print = app.get(&street.leader, &format!("/ledger/vouchers/{}/print", back["voucher_id"].as_str().unwrap())).await.text;
        assert!(print.contains("收回多发补贴") && print.contains("420.00") && print.contains("80.00") && print.contains("500.00"), "{print}");
        let (one, two) = tokio::join!(recover(app, &street.accountant, &late, "cash", "300.00", "f"), recover(app, &street.accountant, &late, "cash", "300.00", "g"));
        let mut codes = [one.code().0, two.code().0];
        codes.sort_unstable();
        assert_eq!(codes, [201, 409], "only 500.00 were left: {} {}", one.text, two.text);
        assert_eq!(outstanding(app, &stipends).await[0]["outstanding"], json!("200.00"));
        assert_eq!(held(app, &stipends, &late, "2017Q2").await, 1, "200.00 of it are still settled");
        ok(recover(app, &street.accountant, &late, "cash", "200.00", "h").await, 201);
        assert_eq!((held(app, &stipends, &late, "2017Q1").await, held(app, &stipends, &late, "2017Q2").await), (1, 0), "all of it paid back, the period is free");
        assert_eq!(outstanding(app, &stipends).await, Vec::<Value>::new());
        let list = ok(app.get(&street.leader, &format!("/recoveries?enrolment_id={}&kind=cash", late["id"].as_str().unwrap())).await, 200);
        assert_eq!(list["data"].as_array().unwrap().len(), 3);
        holds(app, &stipends).await;
        let other = Street::open(app, "江汉区", "o-").await;
        assert_eq!(app.get(&other.accountant, &format!("/recoveries/{}", back["id"].as_str().unwrap())).await.code(), (404, "not_found"));
        assert_eq!(recover(app, &other.accountant, &late, "cash", "1.00", "x").await.code(), (422, "unknown_reference"));
        assert_eq!(app.get(&street.staff, "/recoveries/outstanding").await.code(), (403, "forbidden"));
    }

    async fn a_write_off_is_proposed_by_one_and_approved_by_the_leader_and_books_nothing(app: TestApp) {
        let (stipends, late) = overpaid(app).await;
        let street = &stipends.street;
        stipends.settle(app, stipends.runs(app, "2017Q2").await[0]["id"].as_str().unwrap(), &[]).await;
        end(app, &stipends, &late, "2017-01-15").await;
        let proposed = ok(recover(app, &street.accountant, &late, "written_off", "1000.00", "a").await, 201);
        assert_eq!((proposed["state"].as_str(), &proposed["next_actors"]), (Some("submitted"), &json!([{"role": "street_leader", "people": 1}])));
        assert_eq!(recover(app, &street.accountant, &late, "written_off", "1.00", "b").await.code(), (409, "recovery_open"));
        let tasks = ok(app.get(&street.leader, "/me/tasks").await, 200);
        assert!(tasks["data"].as_array().unwrap().iter().any(|task| task["kind"] == json!("recovery") && task["id"] == proposed["id"] && task["action"] == json!("approve")), "{tasks}");
        let row = outstanding(app, &stipends).await[0].clone();
        assert_eq!((row["outstanding"].as_str(), row["proposed_write_off"].as_str()), (Some("1000.00"), Some("1000.00")));
        assert_eq!(decide(app, &street.accountant, &proposed, "approve").await.code(), (403, "forbidden"));
        ok(recover(app, &street.accountant, &late, "cash", "100.00", "c").await, 201);
        assert_eq!(decide(app, &street.leader, &proposed, "approve").await.code(), (409, "recovery_too_large"), "part of it was paid back meanwhile");
        assert_eq!(ok(decide(app, &street.leader, &proposed, "reject").await, 200)["state"], json!("rejected"));
        let spent = year(app, &stipends, 2017).await["spent"].clone();
        let proposed = ok(recover(app, &street.accountant, &late, "written_off", "900.00", "d").await, 201);
        let written = ok(decide(app, &street.leader, &proposed, "approve").await, 200);
        assert_eq!((written["state"].as_str(), written["voucher_id"].is_null(), written["decision_reason"].as_str()), (Some("settled"), true, Some("家庭困难")));
        assert_eq!(written["parts"], json!([{"period": "2017Q1", "amount": "-300.00"}, {"period": "2017Q2", "amount": "-600.00"}]));
        let path = format!("/recoveries/{}/approve", proposed["id"].as_str().unwrap());
        let twice = app.send(Method::POST, &path, &street.leader, Some(json!({"reason": "x"})), &[("If-Match", "\"v2\"")]).await;
        assert_eq!(twice.code(), (409, "invalid_transition"));
        assert_eq!(decide(app, &street.leader, &proposed, "approve").await.code(), (412, "precondition_failed"));
        assert_eq!(outstanding(app, &stipends).await, Vec::<Value>::new());
        assert_eq!(held(app, &stipends, &late, "2017Q2").await, 1, "what is written off frees no period");
        assert_eq!(year(app, &stipends, 2017).await["spent"], spent);
        holds(app, &stipends).await;
    }

    async fn money_of_a_past_year_comes_back_as_carried_over(app: TestApp) {
        let (stipends, late) = overpaid(app).await;
        let street = &stipends.street;
        stipends.settle(app, stipends.runs(app, "2017Q2").await[0]["id"].as_str().unwrap(), &[]).await;
        clock(app, "2018-01-05T01:00:00Z");
        end(app, &stipends, &late, "2017-01-15").await;
        assert_eq!(recover(app, &street.accountant, &late, "cash", "1000.00", "a").await.code(), (409, "fiscal_year_not_open"));
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        let back = ok(recover(app, &street.accountant, &late, "cash", "1000.00", "b").await, 201);
        assert_eq!((back["tax"].as_str(), back["net"].as_str(), back["charges"][0]["fiscal_year"].as_i64()), (Some("80.00"), Some("920.00"), Some(2017)));
        assert_eq!((&year(app, &stipends, 2017).await["spent"], &year(app, &stipends, 2018).await["carried_in"]), (&json!("2400.00"), &json!("1000.00")));
        holds(app, &stipends).await;
    }

    async fn a_payment_that_the_bank_returns_after_it_told_it_as_paid_is_due_again(app: TestApp) {
        let (stipends, late) = overpaid(app).await;
        let street = &stipends.street;
        let run = stipends.runs(app, "2017Q2").await[0].clone();
        let items = ok(app.get(&street.leader, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await, 200);
        let item = items["data"].as_array().unwrap().iter().find(|item| item["enrolment_id"] == late["id"]).unwrap().clone();
        let give_back = async |token: &str, key: &str| -> Answer {
            let path = format!("/payout-items/{}/return", item["id"].as_str().unwrap());
            let etag = app.get(token, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await.body["data"].as_array().unwrap().iter().find(|row| row["id"] == item["id"]).unwrap()["version"].to_string();
            app.send(Method::POST, &path, token, Some(json!({"reason": "账户已销户"})), &[("If-Match", &format!("\"v{etag}\"")), ("Idempotency-Key", key)]).await
        };
        assert_eq!(give_back(&street.accountant, "a").await.code(), (409, "invalid_transition"), "it is not paid yet");
        stipends.settle(app, run["id"].as_str().unwrap(), &[]).await;
        assert_eq!(give_back(&street.cashier, "b").await.code(), (403, "forbidden"));
        let returned = ok(give_back(&street.accountant, "c").await, 200);
        assert_eq!((returned["state"].as_str(), returned["returned_reason"].as_str()), (Some("returned"), Some("账户已销户")));
        assert_eq!(give_back(&street.accountant, "d").await.code(), (409, "invalid_transition"));
        assert_eq!(year(app, &stipends, 2017).await["spent"], json!("1200.00"));
        holds(app, &stipends).await;
        let again = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q2"})).await, 201);
        assert_eq!((again["seq"].as_i64(), again["heads"].as_i64(), again["gross"].as_str(), again["tax"].as_str()), (Some(2), Some(1), Some("1200.00"), Some("80.00")));
        assert_eq!(again["next_actors"], json!([{"role": "street_leader", "people": 1}]));
        let path = format!("/payout-runs/{}", again["id"].as_str().unwrap());
        let approved = ok(app.act(&street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
        assert_eq!(approved["next_actors"], json!([{"role": "accountant", "people": 1}]));
        ok(app.send(Method::POST, &format!("{path}/post"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "p")]).await, 200);
        stipends.settle(app, again["id"].as_str().unwrap(), &[]).await;
        end(app, &stipends, &late, "2017-01-15").await;
        ok(recover(app, &street.accountant, &late, "cash", "10.00", "r").await, 201);
        let items = ok(app.get(&street.leader, &format!("{path}/items")).await, 200);
        let paid = items["data"][0].clone();
        let late_return = app
            .send(Method::POST, &format!("/payout-items/{}/return", paid["id"].as_str().unwrap()), &street.accountant, Some(json!({"reason": "x"})), &[("If-Match", &format!("\"v{}\"", paid["version"])), ("Idempotency-Key", "z")])
            .await;
        assert_eq!(late_return.code(), (409, "item_recovered"));
        let other = Street::open(app, "江汉区", "other-").await;
        let headers = [("If-Match", "\"v1\""), ("Idempotency-Key", "foreign")];
        let foreign = app.send(Method::POST, &format!("/payout-items/{}/return", paid["id"].as_str().unwrap()), &other.accountant, Some(json!({"reason": "x"})), &headers).await;
        assert_eq!(foreign.code(), (404, "not_found"), "another's item is one that never was");
        holds(app, &stipends).await;
    }
}
