//! Pay days: what people are told before them, what they do beside the job, and what moves, names or hides a pay day.

use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::Sql;
use mingzhang::platform::jobs;
use mingzhang::platform::notification::deliver_once;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, sweep};
use crate::support::TestApp;
use crate::support::at_once::{both, waiting_for_a_lock};
use crate::support::street::ok;

async fn sweep_all(app: &TestApp) {
    jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
    deliver_once(&app.context).await.unwrap();
}

/// What somebody was told of a kind, the newest first.
async fn told(app: &TestApp, token: &str, kind: &str) -> Vec<String> {
    let notices = ok(app.get(token, &format!("/notifications?kind={kind}")).await, 200);
    notices["data"].as_array().unwrap().iter().map(|notice| notice["text"].as_str().unwrap_or_else(|| panic!("{notice}")).to_owned()).collect()
}

async fn slot(app: &TestApp, stipends: &Stipends, job: &str, period: &str) -> Vec<Value> {
    ok(app.get(&stipends.street.first, &format!("/job-slots?job={job}&period={period}")).await, 200)["data"].as_array().unwrap().clone()
}

async fn calculate(app: &TestApp, stipends: &Stipends, period: &str) -> Value {
    ok(app.post(&stipends.street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": period})).await, 201)
}

async fn step(app: &TestApp, token: &str, run: &Value, step: &str, body: Value) -> Value {
    let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
    let etag = app.get(token, &path).await.etag.unwrap();
    ok(app.send(Method::POST, &format!("{path}/{step}"), token, Some(body), &[("If-Match", &etag), ("Idempotency-Key", step)]).await, 200)
}

on_both_databases! {
    async fn two_bank_files_asked_for_at_once_hold_no_payment_twice(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "600.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        sweep(&app.context, None).await;
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let make = async |key: &str| app.money(&stipends.street.cashier, "/bank-files", json!({"run_id": run["id"], "template_id": stipends.template}), key).await;
        let lock = "UPDATE payout_runs SET version = version WHERE street_id = $1";
        let (one, other) = both(app, &stipends.street, lock, make("one"), make("other")).await;
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", one.text, other.text);
        assert_eq!(ok(app.get(&stipends.street.cashier, "/bank-files").await, 200)["data"].as_array().unwrap().len(), 1);
    }

    async fn a_stop_stands_whatever_else_the_job_finds(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-20T01:00:00Z");
        let run = calculate(app, &stipends, "2017Q1").await;
        let stop = step(app, &stipends.street.accountant, &run, "stop", json!({"reason": "名单有误"}));
        // Without an authorisation the job gives up; on PostgreSQL the stop comes between its try and its giving up.
        let reports = if app.context.db.is_postgres() {
            let (id, district): (uuid::Uuid, uuid::Uuid) = (stipends.street.id.parse().unwrap(), stipends.street.district.parse().unwrap());
            let scope = Scope::of_place(Place::street(district, id));
            let held = app.context.db.write(scope).await.unwrap();
            held.execute(Sql::both("UPDATE payout_runs SET version = version WHERE street_id = $1"), vec![id.into()]).await.unwrap();
            let stopping = async {
                waiting_for_a_lock(app, scope, 1).await;
                stop.await
            };
            let letting_go = async {
                waiting_for_a_lock(app, scope, 2).await;
                held.rollback().await.unwrap();
            };
            tokio::join!(sweep(&app.context, None), stopping, letting_go).0
        } else {
            stop.await;
            sweep(&app.context, None).await
        };
        assert_eq!(reports[0].outcome.as_deref(), Some("run_stopped"), "{reports:?}");
        let now = stipends.runs(app, "2017Q1").await[0].clone();
        assert_eq!((&now["state"], &now["held_code"], &now["held_reason"]), (&json!("held"), &json!("stopped"), &json!("名单有误")));
        deliver_once(&app.context).await.unwrap();
        let leader = told(app, &stipends.street.leader, "payout_run.held").await;
        assert!(leader.len() >= 2 && leader.iter().all(|text| text.contains("季度津贴") || text.contains("stopped")), "of the stop, and on pay day: {leader:?}");
    }

    async fn what_people_approved_themselves_stays_approved_when_the_job_may_not_pay(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-17T01:00:00Z");
        let run = calculate(app, &stipends, "2017Q1").await;
        step(app, &stipends.street.leader, &run, "approve", json!({})).await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("no_authorisation"));
        assert_eq!(stipends.runs(app, "2017Q1").await[0]["state"], json!("approved"));
        assert_eq!(step(app, &stipends.street.accountant, &run, "post", json!({})).await["state"], json!("posted"));
        clock(app, "2017-03-21T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("already_posted"));
    }

    async fn the_most_increase_is_held_against_what_was_posted_first_for_a_period_whatever_was_cancelled_before(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        let body = json!({"fiscal_year": 2017, "max_per_run": "2400.00", "max_per_year": "2400.00", "max_heads": 5, "max_increase_percent": 10});
        ok(app.send(Method::POST, &format!("/stipend-schemes/{}/authorisations", stipends.scheme), &stipends.street.leader, Some(body), &[("If-Match", "\"v1\"")]).await, 201);
        clock(app, "2017-03-17T01:00:00Z");
        let run = calculate(app, &stipends, "2017Q1").await;
        step(app, &stipends.street.party_office, &run, "cancel", json!({"reason": "试算"})).await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("posted"), "as the second run of its period");
        ok(app.post(&stipends.street.party_office, &format!("/stipend-schemes/{}/rates", stipends.scheme), json!({"from_month": "2017-04", "amount": "300.00"})).await, 201);
        clock(app, "2017-06-20T01:00:00Z");
        let reports = sweep(&app.context, None).await;
        assert_eq!(reports[0].outcome.as_deref(), Some("authorisation_exceeded"), "900.00 after 600.00: {reports:?}");
    }

    async fn a_street_that_is_renamed_keeps_its_slots(app: TestApp) {
        let stipends = Stipends::open(app).await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("nothing_due"));
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        let path = format!("/org-units/{}", stipends.street.id);
        let etag = app.get(&stipends.street.first, &path).await.etag.unwrap();
        let named = app.send(Method::PATCH, &path, &stipends.street.first, Some(json!({"name": "新名街道"})), &[("If-Match", &etag), ("Content-Type", "application/merge-patch+json")]).await;
        assert_eq!(named.status, 200, "{}", named.text);
        assert_eq!(sweep(&app.context, None).await, [], "the pay day is done");
        assert_eq!(slot(app, &stipends, "stipends.post", "2017Q1").await.len(), 1);
    }

    async fn a_pay_day_before_its_period_is_told_and_paid_in_time(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let kind = ok(app.post(&stipends.street.first, "/scheme-kinds", json!({"code": "K2", "name": "月津贴", "frequency": "month"})).await, 201)["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": stipends.street.category, "name": "每月津贴", "first_period": "2017-10", "pay_day": 5, "tax_kind": "exempt", "rates": [{"from_month": "2017-10", "amount": "100.00"}]});
        let scheme = ok(app.post(&stipends.street.party_office, "/stipend-schemes", scheme).await, 201)["id"].as_str().unwrap().to_owned();
        let monthly = Stipends { scheme, ..stipends };
        monthly.enrol(app, 1, "2017-10-01").await;
        monthly.authorise(app, "2000.00").await;
        let early = json!({"scheme_id": monthly.scheme, "period": "2017-10"});
        clock(app, "2017-09-26T02:00:00Z");
        assert_eq!(app.post(&monthly.street.party_office, "/payout-runs", early).await.code(), (422, "period_not_of_scheme"));
        // 1 to 8 October were holidays; 30 September 2017, a Saturday, was worked.
        clock(app, "2017-09-27T02:00:00Z");
        sweep_all(app).await;
        assert_eq!(slot(app, &monthly, "stipends.notice", "2017-10").await[0]["outcome"], json!("told"));
        clock(app, "2017-09-29T02:00:00Z");
        sweep_all(app).await;
        assert!(slot(app, &monthly, "stipends.post", "2017-10").await.is_empty());
        clock(app, "2017-09-30T02:00:00Z");
        sweep_all(app).await;
        let paid = slot(app, &monthly, "stipends.post", "2017-10").await[0].clone();
        assert_eq!((&paid["outcome"], &paid["posted_amount"]), (&json!("posted"), &json!("100.00")));
    }

    async fn a_year_whose_working_days_are_unknown_keeps_no_pay_day_before_it_and_is_asked_for(app: TestApp) {
        let stipends = Stipends::open(app).await;
        for year in 2018..=2027 {
            ok(app.post(&stipends.street.accountant, "/fiscal-years", json!({"year": year})).await, 201);
        }
        clock(app, "2027-01-04T02:00:00Z");
        sweep_all(app).await;
        assert_eq!(slot(app, &stipends, "stipends.post", "2026Q4").await.len(), 1, "paid on 18 December, which is known");
        assert!(slot(app, &stipends, "stipends.post", "2027Q1").await.is_empty());
        let asked = told(app, &stipends.street.first, "calendar.year_due").await;
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(asked[0].contains("2027"), "{asked:?}");
    }

    async fn a_pay_day_run_by_hand_waits_for_earlier_ones_that_have_no_slot_yet(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2400.00").await;
        clock(app, "2017-06-20T01:00:00Z");
        let jumped = sweep(&app.context, Some("2017Q2")).await;
        assert_eq!((jumped.len(), jumped[0].outcome.as_deref()), (1, Some("earlier_period_open")), "{jumped:?}");
        assert_eq!(sweep(&app.context, Some("2017Q1")).await[0].outcome.as_deref(), Some("posted"));
        assert_eq!(sweep(&app.context, Some("2017Q2")).await[0].outcome.as_deref(), Some("posted"));
    }

    async fn the_notice_names_the_scheme_who_is_left_out_and_what_pay_day_will_make_of_it(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.enrol_only(app, 2, "2017-01-01").await;
        clock(app, "2017-03-14T01:00:00Z");
        calculate(app, &stipends, "2017Q1").await;
        ok(app.post(&street.party_office, &format!("/stipend-schemes/{}/rates", stipends.scheme), json!({"from_month": "2017-03", "amount": "250.00"})).await, 201);
        clock(app, "2017-03-15T02:00:00Z");
        sweep_all(app).await;
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        assert_eq!((&run["state"], &run["heads"], &run["held_heads"], &run["gross"]), (&json!("calculated"), &json!(1), &json!(1), &json!("650.00")), "calculated anew");
        let notice = told(app, &street.leader, "payout_run.notice").await;
        assert!(notice[0].contains("季度津贴") && notice[0].contains("650.00") && notice[0].contains('1'), "{notice:?}");
        assert!(notice[0].contains("held on pay day") || notice[0].contains("发放日将被挂起"), "there is no authorisation: {notice:?}");
        assert_eq!(ok(app.get(&street.accountant, "/fiscal-years").await, 200)["data"][0]["spent"], json!("0.00"), "a forecast leaves nothing behind");
        let items = ok(app.get(&street.leader, &format!("/payout-runs/{}/items?state=held", run["id"].as_str().unwrap())).await, 200);
        assert_eq!((items["data"].as_array().unwrap().len(), items["data"][0]["beneficiary_name"].as_str()), (1, Some("示*")));
    }

    async fn a_run_of_nothing_is_not_made_and_nothing_is_told_of_it(app: TestApp) {
        let stipends = Stipends::open(app).await;
        clock(app, "2017-03-15T02:00:00Z");
        let body = json!({"scheme_id": stipends.scheme, "period": "2017Q1"});
        assert_eq!(app.post(&stipends.street.party_office, "/payout-runs", body).await.code(), (409, "run_empty"));
        sweep_all(app).await;
        let waiting = slot(app, &stipends, "stipends.notice", "2017Q1").await[0].clone();
        assert_eq!((&waiting["state"], &waiting["outcome"]), (&json!("held"), &json!("nothing_due")));
        assert!(stipends.runs(app, "2017Q1").await.is_empty());
        assert!(told(app, &stipends.street.leader, "payout_run.notice").await.is_empty());
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-17T02:00:00Z");
        sweep_all(app).await;
        assert_eq!(told(app, &stipends.street.leader, "payout_run.notice").await.len(), 1, "who was enrolled since is told of before the pay day");
    }

    async fn a_pay_day_that_waits_for_another_run_is_told_once(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2400.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("posted"));
        stipends.enrol(app, 2, "2017-01-01").await;
        let open = calculate(app, &stipends, "2017Q1").await;
        for day in ["2017-06-20T01:00:00Z", "2017-06-21T01:00:00Z"] {
            clock(app, day);
            assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("run_open"));
        }
        deliver_once(&app.context).await.unwrap();
        let held = told(app, &stipends.street.leader, "payout_run.held").await;
        assert_eq!(held.len(), 1, "{held:?}");
        assert!(held[0].contains("2017Q2") && held[0].contains("2017Q1"), "{held:?}");
        step(app, &stipends.street.party_office, &open, "cancel", json!({"reason": "并入下期"})).await;
        clock(app, "2017-06-22T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("posted"));
    }

    async fn nobody_alone_prolongs_what_ends_with_study(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let person = ok(app.post(&street.party_office, "/beneficiaries", json!({"name": "示例学生", "id_number": crate::stipends::id_number(7), "account": {"number": "6222020000000070", "bank_name": "示例银行"}})).await, 201);
        let until = json!({"scheme_id": stipends.scheme, "beneficiary_id": person["id"], "from_date": "2017-01-01", "study_until": "2017-06-30"});
        let enrolment = ok(app.post(&street.party_office, "/enrolments", until).await, 201);
        let path = format!("/enrolments/{}", enrolment["id"].as_str().unwrap());
        ok(app.act(&street.leader, &format!("{path}/confirm"), "\"v1\"").await, 200);
        let end = async |day: &str, etag: &str| app.send(Method::POST, &format!("{path}/end"), &street.party_office, Some(json!({"to_date": day, "reason": "延长"})), &[("If-Match", etag)]).await;
        assert_eq!(end("2025-12-31", "\"v2\"").await.code(), (409, "invalid_transition"));
        assert_eq!(end("2017-05-31", "\"v2\"").await.status, 200);
    }
}
