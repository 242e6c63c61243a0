//! Stipends: enrolled and confirmed by different people, computed, paid by the job under authority and exactly once, returned and paid again.

use mingzhang::funds::stipend::job::{PayTimes, StipendsPost};
use mingzhang::kernel::access::Scope;
use mingzhang::kernel::identity_number::check_character;
use mingzhang::platform::db::Sql;
use mingzhang::platform::jobs::{self, SlotReport};
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

/// An ID number that nobody has: its sequence is 000.
pub fn id_number(day: u32) -> String {
    let digits = format!("420104199001{day:02}000");
    format!("{digits}{}", char::from(check_character(digits.as_bytes())))
}

pub struct Stipends {
    pub street: Street,
    pub scheme: String,
    pub template: String,
}

impl Stipends {
    /// A street with a budget of 2,400.00, received, and a quarterly scheme of 200.00 a month.
    pub async fn open(app: &TestApp) -> Self {
        let street = Street::open(app, "硚口区", "").await;
        let line = json!({"category_id": street.category, "amount": "2400.00", "plan_item_ids": [street.plan_item]});
        street.budget(app, "2400.00", json!([line])).await;
        ok(street.receive(app, "2400.00", "D1").await, 201);
        let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "K1", "name": "津贴", "frequency": "quarter"})).await, 201)["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "季度津贴", "first_period": "2017Q1", "tax_kind": "labour", "rates": [{"from_month": "2017-01", "amount": "200.00"}]});
        let scheme = ok(app.post(&street.party_office, "/stipend-schemes", scheme).await, 201)["id"].as_str().unwrap().to_owned();
        let templates = ok(app.get(&street.cashier, "/bank-file-templates").await, 200);
        let template = templates["data"].as_array().unwrap().iter().find(|row| row["definition"]["encoding"] == json!("utf8_bom")).unwrap()["id"].as_str().unwrap().to_owned();
        Self { street, scheme, template }
    }

    /// A person with a confirmed account, enrolled from a day, confirmed by the leader.
    pub async fn enrol(&self, app: &TestApp, day: u32, from: &str) -> Value {
        let enrolment = self.enrol_only(app, day, from).await;
        ok(app.act(&self.street.leader, &format!("/enrolments/{}/confirm", enrolment["id"].as_str().unwrap()), "\"v1\"").await, 200)
    }

    pub async fn enrol_only(&self, app: &TestApp, day: u32, from: &str) -> Value {
        let body = json!({"name": format!("示例{day}"), "id_number": id_number(day), "account": {"number": format!("62220200000000{day:04}"), "bank_name": "示例银行"}});
        let person = ok(app.post(&self.street.party_office, "/beneficiaries", body).await, 201);
        assert!(person["name_sealed"].is_null() && person["id_number_masked"].as_str().unwrap().starts_with("4201**"), "{person}");
        let id = person["id"].as_str().unwrap();
        let accounts = ok(app.get(&self.street.accountant, &format!("/beneficiaries/{id}/bank-accounts")).await, 200);
        let confirm = format!("/beneficiaries/{id}/bank-accounts/{}/confirm", accounts["data"][0]["id"].as_str().unwrap());
        assert_eq!(app.act(&self.street.party_office, &confirm, "\"v1\"").await.code(), (403, "forbidden"));
        ok(app.act(&self.street.accountant, &confirm, "\"v1\"").await, 200);
        ok(app.post(&self.street.party_office, "/enrolments", json!({"scheme_id": self.scheme, "beneficiary_id": id, "from_date": from})).await, 201)
    }

    pub async fn authorise(&self, app: &TestApp, per_run: &str) -> Value {
        let body = json!({"fiscal_year": 2017, "max_per_run": per_run, "max_per_year": "2400.00", "max_heads": 5, "max_increase_percent": 300});
        ok(app.send(Method::POST, &format!("/stipend-schemes/{}/authorisations", self.scheme), &self.street.leader, Some(body), &[("If-Match", "\"v1\"")]).await, 201)
    }

    /// Makes the bank file of a run and imports the bank's answer, with some serials returned; gives the file as it is then.
    pub async fn settle(&self, app: &TestApp, run: &str, returned: &[u32]) -> Value {
        let file = ok(app.money(&self.street.cashier, "/bank-files", json!({"run_id": run, "template_id": self.template}), &format!("file-{run}")).await, 201);
        let path = format!("/bank-files/{}", file["id"].as_str().unwrap());
        let bytes = app.get(&self.street.cashier, &path).await.text;
        let result = result_of(&bytes, file["number"].as_str().unwrap(), returned);
        let headers = [("If-Match", "\"v1\""), ("Idempotency-Key", run), ("Content-Type", "text/csv")];
        ok(app.send_text(Method::POST, &format!("{path}/results"), &self.street.cashier, Some(result), &headers).await, 200)
    }

    pub async fn runs(&self, app: &TestApp, period: &str) -> Vec<Value> {
        let list = ok(app.get(&self.street.leader, &format!("/payout-runs?period={period}")).await, 200);
        list["data"].as_array().unwrap().clone()
    }
}

/// What became of the payout's slots.
pub async fn sweep(context: &mingzhang::platform::http::Context, by_hand: Option<&str>) -> Vec<SlotReport> {
    let registry = jobs::Registry::new(vec![std::sync::Arc::new(StipendsPost::default())]);
    match by_hand {
        None => jobs::sweep(context, &registry).await.unwrap(),
        Some(period) => jobs::run_by_hand(context, &registry, "stipends.post", period, None).await.unwrap(),
    }
}

pub fn clock(app: &TestApp, instant: &str) {
    app.context.clocks.set(instant.parse().unwrap());
}

/// The bank's answer to a file, with some serials returned.
pub fn result_of(file: &str, number: &str, returned: &[u32]) -> String {
    let mut reader = csv::ReaderBuilder::new().from_reader(file.trim_start_matches('\u{feff}').as_bytes());
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header.contains(name)).unwrap();
    let (account, amount) = (column("账号"), column("金额"));
    let rows: Vec<(String, String)> = reader.records().map(|row| row.unwrap()).map(|row| (row[account].to_owned(), row[amount].to_owned())).collect();
    let fen: i64 = rows.iter().map(|(_, amount)| amount.replace('.', "").parse::<i64>().unwrap()).sum();
    let mut text = format!("批次号,{number},笔数,{},金额,{}.{:02},日期,2017-03-27\r\n序号,账号后四位,金额,结果,原因\r\n", rows.len(), fen / 100, fen % 100);
    for (index, (account, amount)) in rows.iter().enumerate() {
        let serial = u32::try_from(index + 1).unwrap();
        let (result, reason) = if returned.contains(&serial) { ("退票", "账户已销户") } else { ("成功", "") };
        text.push_str(&format!("{serial},{},{amount},{result},{reason}\r\n", account.get(account.len() - 4..).unwrap()));
    }
    text
}

on_both_databases! {
    async fn the_job_pays_a_quarter_by_itself_exactly_once_and_a_late_enrolment_as_arrears(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        let late = stipends.enrol_only(app, 2, "2017-01-01").await;
        let tasks = ok(app.get(&stipends.street.leader, "/me/tasks?kind=to_do").await, 200);
        assert!(tasks["data"].as_array().unwrap().iter().any(|task| task["kind"] == json!("enrolment") && task["id"] == late["id"]), "{tasks}");
        let own = ok(app.get(&stipends.street.party_office, "/me/tasks?kind=to_do").await, 200);
        assert!(own["data"].as_array().unwrap().iter().all(|task| task["kind"] != json!("enrolment")), "who wrote it does not confirm it: {own}");
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-19T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await, [], "not before pay day");
        clock(app, "2017-03-20T01:00:00Z");
        let (one, two) = tokio::join!(sweep(&app.context, None), sweep(&app.context, None));
        let reports: Vec<_> = one.into_iter().chain(two).collect();
        assert_eq!(reports.iter().filter(|report| report.posted_items > 0).count(), 1, "{reports:?}");
        assert_eq!(reports.iter().map(|report| report.posted_amount.0).sum::<i64>(), 60_000, "the unconfirmed enrolment is left out");
        let again = sweep(&app.context, Some("2017Q1")).await;
        assert_eq!((again.len(), again[0].state.as_str(), again[0].posted_items), (1, "done", 0));
        ok(app.act(&stipends.street.leader, &format!("/enrolments/{}/confirm", late["id"].as_str().unwrap()), "\"v1\"").await, 200);
        clock(app, "2017-06-20T01:00:00Z");
        let second = sweep(&app.context, None).await;
        assert_eq!((second[0].posted_items, second[0].posted_amount.0), (2, 180_000), "{second:?}");
        let runs = stipends.runs(app, "2017Q2").await;
        assert_eq!((runs[0]["gross"].as_str(), runs[0]["tax"].as_str(), runs[0]["net"].as_str()), (Some("1800.00"), Some("80.00"), Some("1720.00")));
        let items = ok(app.get(&stipends.street.leader, &format!("/payout-runs/{}/items", runs[0]["id"].as_str().unwrap())).await, 200);
        let arrears = items["data"].as_array().unwrap().iter().find(|item| item["gross"] == json!("1200.00")).unwrap();
        assert_eq!((arrears["explanation"][0]["period"].as_str(), arrears["explanation"][0]["taken"].as_str(), arrears["tax"].as_str()), (Some("2017Q1"), Some("600.00"), Some("80.00")));
        let roster = app.get(&stipends.street.leader, &format!("/payout-runs/{}/print", runs[0]["id"].as_str().unwrap())).await.text;
        assert!(roster.contains("发放花名册") && roster.contains("签字") && roster.contains("1720.00") && !roster.contains("示例1"), "{roster}");
        clock(app, "2017-09-20T01:00:00Z");
        let held = sweep(&app.context, None).await;
        assert_eq!((held[0].state.as_str(), held[0].outcome.as_deref()), ("held", Some("authorisation_exceeded")), "only 0.00 of the year is left");
        let verified = ok(app.get(&stipends.street.accountant, "/ledger/verify").await, 200);
        assert_eq!(verified["holds"], json!(true), "{verified}");
        let year = ok(app.get(&stipends.street.accountant, "/fiscal-years").await, 200);
        assert_eq!(year["data"][0]["spent"], json!("2400.00"));
    }

    async fn without_authority_nothing_is_paid_and_a_stopped_run_waits_for_the_leader(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-20T01:00:00Z");
        let held = sweep(&app.context, None).await;
        assert_eq!((held[0].state.as_str(), held[0].outcome.as_deref()), ("held", Some("no_authorisation")));
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        assert_eq!((run["state"].as_str(), run["held_code"].as_str()), (Some("held"), Some("no_authorisation")));
        let signed = stipends.authorise(app, "599.99").await;
        assert_eq!(sweep(&app.context, None).await, [], "a held slot is tried again the next day");
        clock(app, "2017-03-21T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("authorisation_exceeded"));
        let path = format!("/stipend-schemes/{}/authorisations/{}/revoke", stipends.scheme, signed["id"].as_str().unwrap());
        ok(app.act(&stipends.street.leader, &path, "\"v1\"").await, 200);
        let signed = stipends.authorise(app, "600.00").await;
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let etag = format!("\"v{}\"", run["version"]);
        let stop = format!("/payout-runs/{}/stop", run["id"].as_str().unwrap());
        ok(app.send(Method::POST, &stop, &stipends.street.accountant, Some(json!({"reason": "核对名单"})), &[("If-Match", &etag)]).await, 200);
        clock(app, "2017-03-22T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("run_stopped"));
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let cancel = format!("/payout-runs/{}/cancel", run["id"].as_str().unwrap());
        let cancelled = app.send(Method::POST, &cancel, &stipends.street.party_office, Some(json!({"reason": "重算"})), &[("If-Match", &format!("\"v{}\"", run["version"]))]).await;
        assert_eq!(cancelled.code(), (409, "run_stopped"), "a stop does not go away with the run that it stopped");
        ok(app.act(&stipends.street.leader, &format!("/payout-runs/{}/resume", run["id"].as_str().unwrap()), &format!("\"v{}\"", run["version"])).await, 200);
        let path = format!("/stipend-schemes/{}/authorisations/{}/revoke", stipends.scheme, signed["id"].as_str().unwrap());
        ok(app.act(&stipends.street.leader, &path, "\"v1\"").await, 200);
        clock(app, "2017-03-23T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("no_authorisation"), "revoked a moment before");
        stipends.authorise(app, "600.00").await;
        clock(app, "2017-03-24T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].posted_items, 1);
    }

    async fn an_authorisation_ends_with_its_signers_role_and_does_not_come_back_with_a_new_one(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "600.00").await;
        let leader = ok(app.get(&street.leader, "/me").await, 200)["id"].clone();
        let role = ok(app.get(&street.first, &format!("/role-assignments?user_id={}", leader.as_str().unwrap())).await, 200)["data"][0].clone();
        ok(app.act(&street.first, &format!("/role-assignments/{}/end", role["id"].as_str().unwrap()), &format!("\"v{}\"", role["version"])).await, 200);
        let granted = ok(app.post(&street.first, "/role-assignments", json!({"user_id": leader, "role": "street_leader", "unit_id": street.id})).await, 201);
        ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("no_authorisation"));
    }

    async fn a_period_that_a_recovery_had_freed_is_held_again_when_that_payment_comes_back(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let enrolment = stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].posted_amount.0, 60_000);
        // The first quarter turns out not to be due, and is netted out of the second, which pays more.
        let stop = json!({"kind": "stop", "from_date": "2017-01-01", "to_date": "2017-03-31", "reason": "核查不符"});
        ok(app.send(Method::POST, &format!("/enrolments/{}/suspend", enrolment["id"].as_str().unwrap()), &street.party_office, Some(stop), &[("If-Match", "\"v2\"")]).await, 200);
        ok(app.post(&street.party_office, &format!("/stipend-schemes/{}/rates", stipends.scheme), json!({"from_month": "2017-04", "amount": "300.00"})).await, 201);
        clock(app, "2017-06-20T01:00:00Z");
        let run = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q2"})).await, 201);
        assert_eq!(run["gross"], json!("300.00"));
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        ok(app.act(&street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
        ok(app.send(Method::POST, &format!("{path}/post"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "post")]).await, 200);
        let file = ok(app.money(&street.cashier, "/bank-files", json!({"run_id": run["id"], "template_id": stipends.template}), "file").await, 201);
        let file_path = format!("/bank-files/{}", file["id"].as_str().unwrap());
        let result = result_of(&app.get(&street.cashier, &file_path).await.text, file["number"].as_str().unwrap(), &[1]);
        clock(app, "2017-06-27T01:00:00Z");
        let headers = [("If-Match", "\"v1\""), ("Idempotency-Key", "result"), ("Content-Type", "text/csv")];
        ok(app.send_text(Method::POST, &format!("{file_path}/results"), &street.cashier, Some(result), &headers).await, 200);
        ok(app.send(Method::POST, &format!("{file_path}/results/confirm"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "confirm")]).await, 200);
        // The first quarter's money is with the person again: no other scheme of the kind pays it.
        let kind = ok(app.get(&street.leader, &format!("/stipend-schemes/{}", stipends.scheme)).await, 200)["scheme_kind_id"].clone();
        let other = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "另一津贴", "first_period": "2017Q1", "tax_kind": "exempt", "rates": [{"from_month": "2017-01", "amount": "200.00"}]});
        let other = ok(app.post(&street.party_office, "/stipend-schemes", other).await, 201)["id"].clone();
        let second = ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": other, "beneficiary_id": enrolment["beneficiary_id"], "from_date": "2017-01-01"})).await, 201);
        ok(app.act(&street.leader, &format!("/enrolments/{}/confirm", second["id"].as_str().unwrap()), "\"v1\"").await, 200);
        let run = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": other, "period": "2017Q1"})).await, 201);
        let items = ok(app.get(&street.leader, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await, 200)["data"].clone();
        assert_eq!((run["heads"].as_i64(), items[0]["held_code"].as_str()), (Some(0), Some("duplicate_person")), "{items}");
    }

    async fn an_end_that_was_planned_can_come_earlier_and_never_later(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let enrolment = stipends.enrol(app, 1, "2017-01-01").await;
        let path = format!("/enrolments/{}", enrolment["id"].as_str().unwrap());
        let on = async |action: &str, etag: &str, body: Value| app.send(Method::POST, &format!("{path}/{action}"), &street.party_office, Some(body), &[("If-Match", etag)]).await;
        ok(on("end", "\"v2\"", json!({"to_date": "2017-12-31", "reason": "期满"})).await, 200);
        assert_eq!(on("end", "\"v3\"", json!({"to_date": "2018-01-31", "reason": "续期"})).await.code(), (409, "invalid_transition"), "longer would be paid without a second person");
        let ended = ok(on("end", "\"v3\"", json!({"to_date": "2017-02-01", "reason": "死亡"})).await, 200);
        assert_eq!((&ended["to_date"], &ended["end_reason"]), (&json!("2017-02-01"), &json!("死亡")));
        ok(on("suspend", "\"v4\"", json!({"kind": "stop", "from_date": "2017-01-15", "reason": "核查"})).await, 200);
        assert_eq!(on("resume", "\"v5\"", json!({"from_date": "2017-01-14"})).await.code(), (422, "date_before_start"));
        ok(on("resume", "\"v5\"", json!({"from_date": "2017-01-20"})).await, 200);
    }

    async fn a_returned_payment_is_confirmed_and_paid_again_by_people(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.enrol(app, 2, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        sweep(&app.context, None).await;
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let make = json!({"run_id": run["id"], "template_id": stipends.template});
        assert_eq!(app.money(&street.accountant, "/bank-files", make.clone(), "f").await.code(), (403, "forbidden"));
        let file = ok(app.money(&street.cashier, "/bank-files", make.clone(), "f").await, 201);
        assert_eq!(app.money(&street.cashier, "/bank-files", make, "g").await.code(), (409, "invalid_transition"), "nothing is left to export");
        let path = format!("/bank-files/{}", file["id"].as_str().unwrap());
        let bytes = app.get(&street.cashier, &path).await.text;
        assert_eq!(app.get(&street.cashier, &path).await.text, bytes);
        assert_eq!(app.get(&street.leader, &path).await.code(), (403, "forbidden"));
        let result = result_of(&bytes, file["number"].as_str().unwrap(), &[2]);
        clock(app, "2017-03-27T01:00:00Z");
        let import = |text: String, key: &'static str, etag: &'static str| { let (path, token) = (format!("{path}/results"), street.cashier.clone()); async move { app.send_text(Method::POST, &path, &token, Some(text), &[("If-Match", etag), ("Idempotency-Key", key), ("Content-Type", "text/csv")]).await } };
        let altered = import(result.replace("600.00", "601.00"), "r1", "\"v1\"").await;
        assert_eq!(altered.code(), (422, "result_mismatch"), "{}", altered.text);
        let other = import(result.replace(file["number"].as_str().unwrap(), "other"), "r2", "\"v1\"").await;
        assert_eq!(other.code(), (422, "result_mismatch"));
        ok(import(result.clone(), "r3", "\"v1\"").await, 200);
        assert_eq!(import(result, "r4", "\"v2\"").await.code(), (409, "invalid_transition"), "a result is imported once");
        let confirm = |token: String, key: &'static str| { let path = format!("{path}/results/confirm"); async move { app.send(Method::POST, &path, &token, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", key)]).await } };
        assert_eq!(confirm(street.cashier.clone(), "c1").await.code(), (403, "forbidden"));
        ok(confirm(street.accountant.clone(), "c2").await, 200);
        let year = ok(app.get(&street.accountant, "/fiscal-years").await, 200);
        assert_eq!(year["data"][0]["spent"], json!("600.00"));
        let again = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q1"})).await, 201);
        assert_eq!((again["seq"].as_i64(), again["heads"].as_i64(), again["gross"].as_str()), (Some(2), Some(1), Some("600.00")));
        let run = format!("/payout-runs/{}", again["id"].as_str().unwrap());
        assert_eq!(app.act(&street.party_office, &format!("{run}/approve"), "\"v1\"").await.code(), (403, "forbidden"));
        ok(app.act(&street.leader, &format!("{run}/approve"), "\"v1\"").await, 200);
        let posted = app.send(Method::POST, &format!("{run}/post"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "p")]).await;
        assert_eq!(ok(posted, 200)["state"], json!("posted"));
        let verified = ok(app.get(&street.accountant, "/ledger/verify").await, 200);
        assert_eq!(verified["holds"], json!(true), "{verified}");
        let balances = ok(app.get(&street.accountant, "/ledger/balances").await, 200);
        let of = |account: &str| balances["data"].as_array().unwrap().iter().find(|row| row["account"] == json!(account)).unwrap()["balance"].clone();
        assert_eq!((of("1002"), of("2302"), of("5001")), (json!("1800.00"), json!("600.00"), json!("1200.00")));
    }

    async fn a_community_sees_how_many_of_its_people_are_enrolled_and_none_of_them(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        clock(app, "2017-03-01T01:00:00Z");
        let own = |count: i64| json!([{"street_id": street.id, "community_id": street.community, "enrolments": count}]);
        assert_eq!(ok(app.get(&street.staff, "/enrolments/counts").await, 200)["data"], own(0));
        for (day, community, confirmed) in [(1, true, true), (2, true, true), (3, true, false), (4, false, true)] {
            let person = json!({"name": "示例", "id_number": id_number(day), "community_id": community.then_some(&street.community)});
            let person = ok(app.post(&street.party_office, "/beneficiaries", person).await, 201);
            let enrolment = ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": stipends.scheme, "beneficiary_id": person["id"], "from_date": "2017-01-01"})).await, 201);
            if confirmed {
                ok(app.act(&street.leader, &format!("/enrolments/{}/confirm", enrolment["id"].as_str().unwrap()), "\"v1\"").await, 200);
            }
        }
        assert_eq!(ok(app.get(&street.staff, "/enrolments/counts").await, 200)["data"], own(2));
        assert_eq!(app.get(&street.staff, "/enrolments").await.code(), (403, "forbidden"));
        let all = ok(app.get(&street.leader, "/enrolments/counts").await, 200)["data"].clone();
        let sum: i64 = all.as_array().unwrap().iter().map(|row| row["enrolments"].as_i64().unwrap()).sum();
        assert_eq!((all.as_array().unwrap().len(), sum), (2, 3));
        let sister = Street::beside(app, street, "s").await;
        assert_eq!(app.get(&street.staff, &format!("/enrolments/counts?street_id={}", sister.id)).await.code(), (422, "unknown_reference"));
    }

    async fn notice_and_payout_keep_the_times_that_are_set(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        let registry = mingzhang::app::registry_at(PayTimes { hour: "14:00:00".parse().unwrap(), notice_days: 1 });
        let slots = async |at: &str, job: &str| {
            clock(app, at);
            jobs::sweep(&app.context, &registry).await.unwrap();
            ok(app.get(&stipends.street.leader, &format!("/job-slots?job={job}")).await, 200)["data"].as_array().unwrap().iter().map(|slot| slot["due_at"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        // Pay day is Monday the 20th; the working day before it is Friday the 17th. Noon of Shanghai is 04:00 UTC.
        assert_eq!(slots("2017-03-17T05:59:00Z", "stipends.notice").await, Vec::<String>::new());
        assert_eq!(slots("2017-03-17T06:00:00Z", "stipends.notice").await, ["2017-03-17T06:00:00Z"]);
        assert_eq!(slots("2017-03-20T05:59:00Z", "stipends.post").await, Vec::<String>::new());
        assert_eq!(slots("2017-03-20T06:00:00Z", "stipends.post").await, ["2017-03-20T06:00:00Z"]);
    }

    async fn bad_numbers_foreign_schemes_and_categories_that_pay_nobody_are_refused(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let wrong = json!({"name": "示例", "id_number": "420104199001010001"});
        let refused = app.post(&street.party_office, "/beneficiaries", wrong).await;
        assert_eq!((refused.code(), &refused.body["errors"][0]["code"]), ((422, "validation_failed"), &json!("id_number_invalid")));
        let person = json!({"name": "示例", "id_number": id_number(9)});
        let made = ok(app.post(&street.party_office, "/beneficiaries", person.clone()).await, 201);
        assert_eq!(app.post(&street.party_office, "/beneficiaries", person).await.code(), (409, "already_exists"));
        let found = ok(app.post(&street.leader, "/beneficiaries/search", json!({"id_number": id_number(9)})).await, 200);
        assert_eq!(found["data"][0]["id"], made["id"]);
        let path = format!("/beneficiaries/{}", made["id"].as_str().unwrap());
        assert_eq!(app.get(&street.leader, &format!("{path}?unmasked=true&reason=x")).await.code(), (403, "forbidden"));
        assert_eq!(app.get(&street.party_office, &format!("{path}?unmasked=true")).await.code(), (422, "reason_required"));
        let shown = ok(app.get(&street.party_office, &format!("{path}?unmasked=true&reason=%E6%A0%B8%E5%AF%B9")).await, 200);
        assert_eq!((shown["name"].as_str(), shown["id_number"].as_str()), (Some("示例"), Some(id_number(9).as_str())));
        let rate = app.post(&street.party_office, &format!("/stipend-schemes/{}/rates", stipends.scheme), json!({"from_month": "2017-05", "amount": "1000000000.01"})).await;
        assert_eq!(rate.body["errors"][0]["code"], json!("rate_out_of_bound"));
        assert_eq!(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017-03"})).await.code(), (422, "period_not_of_scheme"));
        assert_eq!(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q5"})).await.code(), (422, "wrong_type"));
        let other = Street::open(app, "江汉区", "other-").await;
        assert_eq!(app.post(&other.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q1"})).await.code(), (422, "unknown_reference"));
        for path in [format!("/beneficiaries/{}", made["id"].as_str().unwrap()), format!("/stipend-schemes/{}", stipends.scheme)] {
            assert_eq!(app.get(&other.leader, &path).await.code(), (404, "not_found"));
            assert_eq!(app.get(&street.staff, &path).await.code(), (403, "forbidden"), "a community does not see who is paid");
        }
        let tx = app.context.db.read(Scope::Street(street.district.parse().unwrap(), street.id.parse().unwrap())).await.unwrap();
        #[derive(sea_orm::FromQueryResult)]
        struct Found { n: i64 }
        let kept = tx.query_one::<Found>(Sql::both("SELECT COUNT(*) AS n FROM beneficiaries WHERE name_sealed LIKE '%示例%' OR id_number_sealed LIKE '%420104%'"), Vec::new()).await.unwrap().unwrap();
        assert_eq!(kept.n, 0, "names and numbers are encrypted");
    }
}
