//! What holds an item and how it is released: verification, expected ends, unusual arrears, the signer's own enrolments; and who is told to act next.

use std::sync::Arc;

use mingzhang::funds::stipend::expire::EnrolmentsExpiring;
use mingzhang::platform::jobs;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, id_number, sweep};
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

/// Runs the daily look at enrolments.
async fn look(app: &TestApp) {
    let registry = jobs::Registry::new(vec![Arc::new(EnrolmentsExpiring)]);
    let reports = jobs::sweep(&app.context, &registry).await.unwrap();
    assert_eq!((reports.len(), reports[0].outcome.as_deref()), (1, Some("swept")), "{reports:?}");
}

async fn on(app: &TestApp, token: &str, enrolment: &Value, action: &str, body: Value) -> Answer {
    let path = format!("/enrolments/{}", enrolment["id"].as_str().unwrap());
    let etag = app.get(token, &path).await.etag.unwrap();
    app.send(Method::POST, &format!("{path}/{action}"), token, Some(body), &[("If-Match", &etag)]).await
}

async fn read(app: &TestApp, token: &str, enrolment: &Value) -> Value {
    ok(app.get(token, &format!("/enrolments/{}", enrolment["id"].as_str().unwrap())).await, 200)
}

/// The actions that wait for somebody on an enrolment, with their days.
async fn tasks(app: &TestApp, token: &str, enrolment: &Value) -> Vec<(String, Option<String>)> {
    let list = ok(app.get(token, "/me/tasks").await, 200);
    let own = list["data"].as_array().unwrap().iter().filter(|task| task["id"] == enrolment["id"]);
    own.map(|task| (task["action"].as_str().unwrap().to_owned(), task["due_on"].as_str().map(str::to_owned))).collect()
}

async fn items(app: &TestApp, street: &Street, run: &Value) -> Vec<Value> {
    ok(app.get(&street.leader, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await, 200)["data"].as_array().unwrap().clone()
}

fn item_of<'a>(items: &'a [Value], enrolment: &Value) -> &'a Value {
    items.iter().find(|item| item["enrolment_id"] == enrolment["id"]).unwrap()
}

async fn calculate(app: &TestApp, street: &Street, scheme: &str, period: &str) -> Value {
    ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": scheme, "period": period})).await, 201)
}

async fn confirm_account(app: &TestApp, street: &Street, person: &Value) {
    let accounts = format!("/beneficiaries/{}/bank-accounts", person["id"].as_str().unwrap());
    let account = ok(app.get(&street.accountant, &accounts).await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
    ok(app.act(&street.accountant, &format!("{accounts}/{account}/confirm"), "\"v1\"").await, 200);
}

on_both_databases! {
    async fn a_verification_that_is_missing_holds_the_item_and_afterwards_it_is_paid_by_itself(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let (one, two) = (stipends.enrol(app, 1, "2017-01-01").await, stipends.enrol(app, 2, "2017-01-01").await);
        let evidence = json!({"evidence": "社区上门核验"});
        assert_eq!(on(app, &street.party_office, &one, "verify", evidence.clone()).await.code(), (409, "invalid_transition"), "its kind does not demand it");
        let kind = ok(app.get(&street.first, "/scheme-kinds").await, 200)["data"][0].clone();
        let path = format!("/scheme-kinds/{}", kind["id"].as_str().unwrap());
        let change = |months: i64| app.send(Method::PATCH, &path, &street.first, Some(json!({"verification_months": months})), &[("If-Match", "\"v1\"")]);
        assert_eq!(change(61).await.body["errors"][0]["pointer"], json!("/verification_months"));
        let changed = ok(change(4).await, 200);
        assert_eq!((changed["verification_months"].as_i64(), changed["name"].as_str()), (Some(4), Some("津贴")));
        assert_eq!(app.send(Method::PATCH, &path, &street.party_office, Some(json!({"verification_months": null})), &[("If-Match", "\"v2\"")]).await.code(), (403, "forbidden"));
        assert_eq!(read(app, &street.leader, &one).await["verify_by"], json!("2017-05-03"));
        clock(app, "2017-04-02T01:00:00Z");
        look(app).await;
        assert_eq!(tasks(app, &street.party_office, &one).await, [], "not yet within 30 days");
        clock(app, "2017-04-05T01:00:00Z");
        look(app).await;
        assert_eq!(tasks(app, &street.party_office, &one).await, [("verify".to_owned(), Some("2017-05-03".to_owned()))]);
        assert_eq!(tasks(app, &street.cashier, &one).await, []);
        assert_eq!(on(app, &street.party_office, &one, "verify", json!({"evidence": "x", "verified_on": "2017-04-06"})).await.code(), (422, "verification_in_future"));
        assert_eq!(on(app, &street.leader, &one, "verify", evidence.clone()).await.code(), (403, "forbidden"));
        let verified = ok(on(app, &street.party_office, &one, "verify", evidence.clone()).await, 200);
        assert_eq!((verified["verify_by"].as_str(), verified["verified_on"].as_str()), (Some("2017-08-05"), Some("2017-04-05")));
        assert_eq!(tasks(app, &street.party_office, &one).await, []);
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-06-20T01:00:00Z");
        sweep(&app.context, None).await;
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let shown = items(app, street, &run).await;
        let held = item_of(&shown, &two);
        assert_eq!((held["state"].as_str(), held["held_code"].as_str()), (Some("held"), Some("verification_missing")));
        assert!(held["held_reason_en"].as_str().unwrap().contains("verification is overdue") && held["held_reason_zh"].as_str().unwrap().contains("核验"), "{held}");
        assert_eq!((item_of(&shown, &one)["state"].as_str(), item_of(&shown, &one)["held_reason_en"].is_null()), (Some("posted"), true));
        clock(app, "2017-07-03T01:00:00Z");
        ok(on(app, &street.party_office, &two, "verify", evidence).await, 200);
        let run = calculate(app, street, &stipends.scheme, "2017Q2").await;
        let shown = items(app, street, &run).await;
        assert_eq!((shown.len(), item_of(&shown, &two)["gross"].as_str(), item_of(&shown, &two)["state"].as_str()), (1, Some("1200.00"), Some("calculated")));
    }

    async fn an_expected_end_is_warned_of_ends_by_itself_and_moves_by_a_proof_of_study(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let person = json!({"name": "示例", "id_number": id_number(15), "account": {"number": "6222020000000015", "bank_name": "示例银行"}});
        let person = ok(app.post(&street.party_office, "/beneficiaries", person).await, 201);
        confirm_account(app, &stipends.street, &person).await;
        let body = |age: i64| json!({"scheme_id": stipends.scheme, "beneficiary_id": person["id"], "from_date": "2017-01-01", "ends_at_age": age, "study_until": if age == 20 { json!(null) } else { json!("2017-02-20") },
            "survivor": {"deceased_name": "李已故", "relation": "child", "died_on": "2016-12-30"}});
        assert_eq!(app.post(&street.party_office, "/enrolments", body(20)).await.code(), (422, "date_before_start"), "20 was reached in 2010");
        let made = ok(app.post(&street.party_office, "/enrolments", body(27)).await, 201);
        assert_eq!((made["expected_end"].as_str(), made["deceased_masked"].as_str(), made["relation"].as_str()), (Some("2017-02-20"), Some("李*"), Some("child")));
        assert!(!made.to_string().contains("李已故"));
        assert_eq!(made["next_actors"], json!([{"role": "street_leader", "people": 1}]));
        ok(on(app, &street.leader, &made, "confirm", json!({})).await, 200);
        look(app).await;
        assert_eq!(tasks(app, &street.leader, &made).await, [("extend".to_owned(), Some("2017-02-20".to_owned()))]);
        assert_eq!(tasks(app, &street.party_office, &made).await, [], "who enrolled does not extend");
        mingzhang::platform::notification::deliver_once(&app.context).await.unwrap();
        let notices = ok(app.get(&street.leader, "/notifications").await, 200);
        assert!(notices.to_string().contains("enrolment.expiring"), "{notices}");
        clock(app, "2017-02-20T01:00:00Z");
        look(app).await;
        assert!(read(app, &street.leader, &made).await["to_date"].is_null(), "its last day is not over");
        clock(app, "2017-02-21T01:00:00Z");
        look(app).await;
        let ended = read(app, &street.leader, &made).await;
        assert_eq!((ended["to_date"].as_str(), ended["end_reason"].as_str()), (Some("2017-02-20"), Some("expected_end")));
        clock(app, "2017-03-20T01:00:00Z");
        let run = calculate(app, street, &stipends.scheme, "2017Q1").await;
        assert_eq!(run["gross"], json!("400.00"), "January and February");
        let proof = |until: &str| json!({"study_until": until, "evidence": "在读证明"});
        assert_eq!(on(app, &street.leader, &made, "extend", proof("2017-02-20")).await.code(), (422, "study_not_later"));
        assert_eq!(on(app, &street.party_office, &made, "extend", proof("2017-06-30")).await.code(), (403, "separation_of_duties"));
        let on_again = ok(on(app, &street.leader, &made, "extend", proof("2017-06-30")).await, 200);
        assert_eq!((on_again["to_date"].is_null(), on_again["expected_end"].as_str(), on_again["end_warned"].as_bool()), (true, Some("2017-06-30"), Some(false)));
        let path = format!("/payout-runs/{}/recalculate", run["id"].as_str().unwrap());
        assert_eq!(ok(app.act(&street.party_office, &path, "\"v1\"").await, 200)["gross"], json!("600.00"));
        ok(on(app, &street.party_office, &made, "end", json!({"to_date": "2017-05-31", "reason": "工作"})).await, 200);
        assert_eq!(on(app, &street.leader, &made, "extend", proof("2018-06-30")).await.code(), (409, "invalid_transition"), "people ended it");
    }

    async fn arrears_over_more_than_four_periods_wait_until_a_second_person_accepts_them(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "K2", "name": "月津贴", "frequency": "month"})).await, 201)["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "月津贴", "first_period": "2017-01", "rates": [{"from_month": "2017-01", "amount": "10.00"}]});
        let scheme = ok(app.post(&street.party_office, "/stipend-schemes", scheme).await, 201)["id"].as_str().unwrap().to_owned();
        let monthly = Stipends { street: street.clone(), scheme: scheme.clone(), template: stipends.template.clone() };
        let enrolled = monthly.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-06-20T01:00:00Z");
        let run = calculate(app, street, &scheme, "2017-06").await;
        let shown = items(app, street, &run).await;
        assert_eq!((shown[0]["held_code"].as_str(), run["heads"].as_i64()), (Some("arrears_unusual"), Some(0)));
        let accept = |through: &str| json!({"through": through, "reason": "补登记，材料齐全"});
        assert_eq!(on(app, &street.leader, &enrolled, "accept-arrears", accept("2017Q1")).await.code(), (422, "period_not_of_scheme"));
        assert_eq!(on(app, &street.party_office, &enrolled, "accept-arrears", accept("2017-05")).await.code(), (403, "separation_of_duties"));
        ok(on(app, &street.leader, &enrolled, "accept-arrears", accept("2017-05")).await, 200);
        let path = format!("/payout-runs/{}/recalculate", run["id"].as_str().unwrap());
        let again = ok(app.act(&street.party_office, &path, "\"v1\"").await, 200);
        assert_eq!((again["heads"].as_i64(), again["gross"].as_str(), &again["next_actors"]), (Some(1), Some("60.00"), &json!([{"role": "street_leader", "people": 1}])));
        let person = format!("/beneficiaries/{}", enrolled["beneficiary_id"].as_str().unwrap());
        let payroll = |on: bool, etag: &'static str| { let person = person.clone(); async move { app.send(Method::PATCH, &person, &street.party_office, Some(json!({"on_payroll": on})), &[("If-Match", etag)]).await } };
        assert_eq!(ok(payroll(true, "\"v1\"").await, 200)["on_payroll"], json!(true));
        ok(app.act(&street.party_office, &path, "\"v2\"").await, 200);
        assert_eq!(items(app, street, &run).await[0]["held_code"], json!("on_payroll"));
        ok(payroll(false, "\"v2\"").await, 200);
        ok(on(app, &street.party_office, &enrolled, "suspend", json!({"kind": "hold", "from_date": "2017-06-01", "to_date": "2017-06-30", "reason": "核查"})).await, 200);
        let held = ok(app.act(&street.party_office, &path, "\"v3\"").await, 200);
        assert_eq!((held["heads"].as_i64(), items(app, street, &run).await[0]["held_code"].as_str()), (Some(0), Some("on_hold")), "a hold with an end holds until then");
    }

    async fn an_enrolment_that_the_signer_wrote_is_left_out_of_what_the_authorisation_pays(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let free = stipends.enrol(app, 1, "2017-01-01").await;
        let both = street.person(app, "both", "street_leader").await;
        let body = json!({"fiscal_year": 2017, "max_per_run": "2000.00", "max_per_year": "2400.00", "max_heads": 5});
        ok(app.send(Method::POST, &format!("/stipend-schemes/{}/authorisations", stipends.scheme), &both, Some(body), &[("If-Match", "\"v1\"")]).await, 201);
        let user = ok(app.get(&both, "/me").await, 200)["id"].clone();
        let granted = ok(app.post(&street.first, "/role-assignments", json!({"user_id": user, "role": "party_office", "unit_id": street.id})).await, 201);
        ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
        let person = json!({"name": "示例", "id_number": id_number(2), "account": {"number": "6222020000000002", "bank_name": "示例银行"}});
        let person = ok(app.post(&both, "/beneficiaries", person).await, 201);
        confirm_account(app, street, &person).await;
        let own = ok(app.post(&both, "/enrolments", json!({"scheme_id": stipends.scheme, "beneficiary_id": person["id"], "from_date": "2017-01-01"})).await, 201);
        ok(on(app, &street.leader, &own, "confirm", json!({})).await, 200);
        clock(app, "2017-03-20T01:00:00Z");
        let swept = sweep(&app.context, None).await;
        assert_eq!((swept[0].posted_items, swept[0].posted_amount.0), (1, 60_000), "{swept:?}");
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let shown = items(app, street, &run).await;
        assert_eq!((item_of(&shown, &free)["state"].as_str(), item_of(&shown, &own)["held_code"].as_str()), (Some("posted"), Some("signer_is_author")));
        let people = calculate(app, street, &stipends.scheme, "2017Q1").await;
        assert_eq!((people["heads"].as_i64(), people["gross"].as_str()), (Some(1), Some("600.00")), "people pay it, another leader approving");
    }

    async fn whoever_submits_is_told_who_could_act_next_and_what_nobody_could_approve_is_refused(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let one = |role: &str| json!([{"role": role, "people": 1}]);
        // In another street, whose books have begun.
        let sister = Street::beside(app, &street, "y-").await;
        ok(app.post(&sister.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        ok(app.money(&sister.accountant, "/donations", json!({"date": "2017-01-03", "amount": "1.00", "purpose": "红色基金"}), "given").await, 201);
        let used = ok(app.post(&sister.party_office, "/donation-uses", json!({"title": "慰问", "payee_name": "示例", "amount": "1.00"})).await, 201);
        assert_eq!(used["next_actors"], one("accountant"));
        let step = async |token: &str, action: &str, etag: &str| ok(app.act(token, &format!("/donation-uses/{}/{action}", used["id"].as_str().unwrap()), etag).await, 200);
        assert_eq!(step(&sister.accountant, "review", "\"v1\"").await["next_actors"], one("street_leader"));
        assert_eq!(step(&sister.leader, "approve", "\"v2\"").await["next_actors"], one("cashier"));
        let opening = json!({"date": "2017-01-03", "lines": [{"category_id": street.category, "amount": "50.00"}], "donations": "7.00"});
        let recorded = ok(app.send(Method::POST, "/opening-balances?dry_run=true", &street.accountant, Some(opening.clone()), &[]).await, 200);
        assert_eq!(recorded["next_actors"], one("street_leader"));
        let leader = ok(app.get(&street.leader, "/me").await, 200)["id"].clone();
        let roles = ok(app.get(&street.first, &format!("/role-assignments?user_id={}", leader.as_str().unwrap())).await, 200)["data"][0].clone();
        ok(app.act(&street.first, &format!("/role-assignments/{}/end", roles["id"].as_str().unwrap()), &format!("\"v{}\"", roles["version"])).await, 200);
        let refused = app.post(&street.accountant, "/opening-balances", opening).await;
        assert_eq!(refused.code(), (422, "no_eligible_actor"));
        assert!(refused.body["detail"].as_str().unwrap().contains("opening.approve"), "{}", refused.text);
        assert_eq!(ok(app.get(&street.accountant, "/opening-balances").await, 200)["data"], json!([]), "nothing was written");
    }

    async fn an_end_told_by_mistake_is_put_right_by_somebody_else_within_what_was_confirmed(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let enrolment = stipends.enrol(app, 1, "2017-01-01").await;
        assert_eq!(on(app, &street.leader, &enrolment, "reinstate", json!({"reason": "未终止"})).await.code(), (409, "invalid_transition"));
        ok(on(app, &street.party_office, &enrolment, "end", json!({"to_date": "2017-02-28", "reason": "误报死亡"})).await, 200);
        let run = calculate(app, street, &stipends.scheme, "2017Q1").await;
        assert_eq!(run["gross"], json!("400.00"));
        assert_eq!(on(app, &street.party_office, &enrolment, "reinstate", json!({"reason": "核实"})).await.code(), (403, "separation_of_duties"));
        assert_eq!(on(app, &street.leader, &enrolment, "reinstate", json!({"to_date": "2017-02-28", "reason": "核实"})).await.code(), (422, "end_not_confirmed"));
        // Enrolled anew before anybody saw the mistake: that one is withdrawn first, as nothing was paid under it.
        let anew = ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": stipends.scheme, "beneficiary_id": enrolment["beneficiary_id"], "from_date": "2017-03-01"})).await, 201);
        assert_eq!(on(app, &street.leader, &enrolment, "reinstate", json!({"reason": "核实"})).await.code(), (409, "already_exists"));
        let withdrawn = ok(on(app, &street.party_office, &anew, "withdraw", json!({"reason": "重复登记"})).await, 200);
        assert_eq!(withdrawn["state"], json!("withdrawn"));
        assert_eq!(tasks(app, &street.leader, &anew).await, []);
        let right = ok(on(app, &street.leader, &enrolment, "reinstate", json!({"reason": "核实在世"})).await, 200);
        assert_eq!((&right["to_date"], &right["end_reason"]), (&Value::Null, &Value::Null));
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        let again = ok(app.act(&street.party_office, &format!("{path}/recalculate"), "\"v1\"").await, 200);
        assert_eq!((again["gross"].as_str(), again["heads"].as_i64()), (Some("600.00"), Some(1)));
        let read = items(app, street, &run).await;
        assert_eq!(read.len(), 1, "the withdrawn one has no item: {read:?}");
    }

    async fn an_enrolment_that_was_paid_is_not_withdrawn_and_its_end_not_moved_beyond_the_confirmed_one(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let paid = stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        sweep(&app.context, None).await;
        assert_eq!(on(app, &street.party_office, &paid, "withdraw", json!({"reason": "误登记"})).await.code(), (409, "enrolment_paid"));
        let until = json!({"scheme_id": stipends.scheme, "beneficiary_id": stipends.enrol(app, 2, "2017-01-01").await["beneficiary_id"], "from_date": "2018-01-01", "to_date": "2018-06-30"});
        let first = ok(app.get(&street.party_office, "/enrolments?sort=-from_date").await, 200)["data"].as_array().unwrap().iter().find(|row| row["beneficiary_id"] == until["beneficiary_id"]).unwrap().clone();
        ok(on(app, &street.party_office, &first, "end", json!({"to_date": "2017-12-31", "reason": "期满"})).await, 200);
        let dated = ok(app.post(&street.party_office, "/enrolments", until).await, 201);
        ok(app.act(&street.leader, &format!("/enrolments/{}/confirm", dated["id"].as_str().unwrap()), "\"v1\"").await, 200);
        ok(on(app, &street.party_office, &dated, "end", json!({"to_date": "2018-02-28", "reason": "误报"})).await, 200);
        let longer = on(app, &street.leader, &dated, "reinstate", json!({"to_date": "2018-07-31", "reason": "核实"})).await;
        assert_eq!(longer.code(), (422, "end_not_confirmed"));
        assert_eq!(on(app, &street.leader, &dated, "reinstate", json!({"reason": "核实"})).await.code(), (422, "end_not_confirmed"), "it was confirmed until a day");
        assert_eq!(ok(on(app, &street.leader, &dated, "reinstate", json!({"to_date": "2018-06-30", "reason": "核实"})).await, 200)["to_date"], json!("2018-06-30"));
    }

    async fn a_dated_stop_that_was_a_mistake_is_resumed_from_its_first_day_and_takes_nothing_out(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let enrolment = stipends.enrol(app, 1, "2017-01-01").await;
        ok(on(app, &street.party_office, &enrolment, "suspend", json!({"kind": "stop", "from_date": "2017-01-01", "to_date": "2017-02-28", "reason": "误停"})).await, 200);
        assert_eq!(calculate(app, street, &stipends.scheme, "2017Q1").await["gross"], json!("200.00"));
        assert_eq!(on(app, &street.party_office, &enrolment, "resume", json!({"from_date": "2017-03-01"})).await.code(), (409, "invalid_transition"), "over by then");
        ok(on(app, &street.party_office, &enrolment, "resume", json!({"from_date": "2017-01-01"})).await, 200);
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let again = ok(app.act(&street.party_office, &format!("/payout-runs/{}/recalculate", run["id"].as_str().unwrap()), "\"v1\"").await, 200);
        assert_eq!(again["gross"], json!("600.00"));
    }
}
