//! Why a run is not paid: each reason that holds it, told in the slot and to people, and what lets it go on.

use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, sweep};
use crate::support::at_once::waiting_for_a_lock;
use crate::support::street::ok;
use crate::support::{PASSWORD, TestApp};

/// The state and outcome of the only slot that a sweep looked at.
async fn outcome(app: &TestApp) -> (String, String) {
    let reports = sweep(&app.context, None).await;
    assert_eq!(reports.len(), 1, "{reports:?}");
    (reports[0].state.clone(), reports[0].outcome.clone().unwrap_or_default())
}

fn held(code: &str) -> (String, String) {
    ("held".to_owned(), code.to_owned())
}

/// A run that people make for a period.
async fn calculate(app: &TestApp, stipends: &Stipends, period: &str) -> Value {
    ok(app.post(&stipends.street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": period})).await, 201)
}

async fn post(app: &TestApp, stipends: &Stipends, run: &Value, etag: &str, key: &str) -> crate::support::Answer {
    let path = format!("/payout-runs/{}/post", run["id"].as_str().unwrap());
    app.send(Method::POST, &path, &stipends.street.accountant, Some(json!({})), &[("If-Match", etag), ("Idempotency-Key", key)]).await
}

on_both_databases! {
    async fn who_signed_may_not_have_written_what_is_paid(app: TestApp) {
        let mut stipends = Stipends::open(app).await;
        // A second one of the party office, who leads the street as well, signs for the scheme that the first one wrote, and then enrols somebody.
        let second = stipends.street.person(app, "second-office", "party_office").await;
        let id = ok(app.get(&second, "/me").await, 200)["id"].clone();
        let leads = json!({"user_id": id, "role": "street_leader", "unit_id": stipends.street.id});
        let granted = ok(app.post(&stipends.street.first, "/role-assignments", leads).await, 201);
        ok(app.act(&stipends.street.second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
        let limits = json!({"fiscal_year": 2017, "max_per_run": "2000.00", "max_per_year": "2400.00", "max_heads": 5, "max_increase_percent": 300});
        let path = format!("/stipend-schemes/{}/authorisations", stipends.scheme);
        ok(app.send(Method::POST, &path, &second, Some(limits), &[("If-Match", "\"v1\"")]).await, 201);
        let first = std::mem::replace(&mut stipends.street.party_office, second);
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(outcome(app).await, held("run_empty"), "the only item is held");
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let items = ok(app.get(&stipends.street.leader, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await, 200);
        assert_eq!((items["data"][0]["state"].as_str(), items["data"][0]["held_code"].as_str()), (Some("held"), Some("signer_is_author")));
        mingzhang::platform::notification::deliver_once(&app.context).await.unwrap();
        for token in [&stipends.street.leader, &stipends.street.accountant, &first] {
            let told = ok(app.get(token, "/notifications").await, 200);
            assert!(told["data"].as_array().unwrap().iter().any(|notice| notice["kind"] == json!("payout_run.held") && notice.to_string().contains("No item is free to be posted.")), "{told}");
        }
        assert_eq!(ok(app.get(&stipends.street.accountant, "/fiscal-years").await, 200)["data"][0]["spent"], json!("0.00"));
    }

    async fn without_exactly_one_line_of_the_category_nothing_is_paid(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let other = stipends.street.new_category(app, "C09", "慰问金", false).await;
        let kind = ok(app.get(&stipends.street.first, "/scheme-kinds").await, 200)["data"][0]["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": other, "name": "无预算方案", "first_period": "2017Q1", "tax_kind": "exempt", "rates": [{"from_month": "2017-01", "amount": "10.00"}]});
        let scheme = ok(app.post(&stipends.street.party_office, "/stipend-schemes", scheme).await, 201);
        let without = Stipends { scheme: scheme["id"].as_str().unwrap().to_owned(), ..stipends };
        without.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-17T01:00:00Z");
        let run = calculate(app, &without, "2017Q1").await;
        ok(app.act(&without.street.leader, &format!("/payout-runs/{}/approve", run["id"].as_str().unwrap()), "\"v1\"").await, 200);
        let refused = post(app, &without, &run, "\"v2\"", "p1").await;
        assert_eq!(refused.code(), (409, "no_budget_line"));
        assert_eq!(refused.body["detail"], json!("There must be exactly one approved line of the category for the unit."));
    }

    async fn a_run_waits_for_the_earlier_period_and_for_the_run_that_is_open(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(outcome(app).await, held("no_authorisation"));
        let again = app.post(&stipends.street.party_office, "/payout-runs", json!({"scheme_id": stipends.scheme, "period": "2017Q1"})).await;
        assert_eq!(again.code(), (409, "run_open"));
        assert_eq!(again.body["detail"], json!("The run for 2017Q1 is neither posted nor cancelled. Finish it first."));
        clock(app, "2017-06-20T01:00:00Z");
        let mut outcomes: Vec<String> = sweep(&app.context, None).await.into_iter().map(|report| report.outcome.unwrap_or_default()).collect();
        outcomes.sort();
        assert_eq!(outcomes, ["earlier_period_open", "no_authorisation"]);
        assert_eq!(ok(app.get(&stipends.street.accountant, "/fiscal-years").await, 200)["data"][0]["spent"], json!("0.00"));
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-06-21T01:00:00Z");
        let paid: i64 = sweep(&app.context, None).await.into_iter().map(|report| report.posted_amount.0).sum();
        assert_eq!(paid, 120_000, "the earlier period first, then its own");
    }

    async fn what_was_approved_is_what_is_posted_or_nothing(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-03-17T01:00:00Z");
        let run = calculate(app, &stipends, "2017Q1").await;
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        ok(app.act(&stipends.street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
        stipends.enrol(app, 2, "2017-01-01").await;
        let tried = app.send(Method::POST, &format!("{path}/post?dry_run=true"), &stipends.street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "dry")]).await;
        assert_eq!(tried.code(), (409, "run_stale"));
        assert_eq!(ok(app.get(&stipends.street.leader, &path).await, 200)["state"], json!("approved"), "a dry run changes nothing");
        let stale = post(app, &stipends, &run, "\"v2\"", "p1").await;
        assert_eq!(stale.code(), (409, "run_stale"));
        assert_eq!(stale.body["detail"], json!("People, rates, accounts or tax have changed since it was approved. The run has been calculated anew: approve it again."));
        let now = ok(app.get(&stipends.street.leader, &path).await, 200);
        let anew = ok(app.act(&stipends.street.party_office, &format!("{path}/recalculate"), &format!("\"v{}\"", now["version"])).await, 200);
        assert_eq!((anew["state"].as_str(), anew["gross"].as_str()), (Some("calculated"), Some("1200.00")));
    }

    async fn a_run_without_anybody_is_not_approved_and_an_open_one_keeps_its_year_open(app: TestApp) {
        let stipends = &Stipends::open(app).await;
        stipends.enrol_only(app, 1, "2017-01-01").await;
        clock(app, "2017-12-18T01:00:00Z");
        let run = calculate(app, stipends, "2017Q4").await;
        let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
        let empty = app.act(&stipends.street.leader, &format!("{path}/approve"), "\"v1\"").await;
        assert_eq!(empty.code(), (409, "run_empty"), "{}", empty.text);
        clock(app, "2018-01-02T01:00:00Z");
        ok(app.post(&stipends.street.accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        let months = ok(app.get(&stipends.street.accountant, "/ledger/periods?fiscal_year=2017&sort=month&limit=20").await, 200);
        for month in months["data"].as_array().unwrap().iter().take(11) {
            ok(app.act(&stipends.street.accountant, &format!("/ledger/periods/{}/close", month["id"].as_str().unwrap()), "\"v1\"").await, 200);
        }
        let year = ok(app.get(&stipends.street.accountant, "/fiscal-years?year=2017").await, 200)["data"][0].clone();
        let close = format!("/fiscal-years/{}/close", year["id"].as_str().unwrap());
        let etag = format!("\"v{}\"", year["version"]);
        let close_year = |key: &'static str| {
            let (close, etag) = (close.clone(), etag.clone());
            async move { app.send(Method::POST, &close, &stipends.street.accountant, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", key)]).await }
        };
        assert_eq!(close_year("c1").await.code(), (409, "runs_open"));
        let cancelled = json!({"reason": "无人应发"});
        ok(app.send(Method::POST, &format!("{path}/cancel"), &stipends.street.party_office, Some(cancelled), &[("If-Match", "\"v1\"")]).await, 200);
        ok(close_year("c2").await, 200);
    }

    async fn one_account_of_two_people_is_held_unless_one_holder_is_recorded_for_both(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let held_codes = async |holders: [&str; 2], number: &str, days: [u32; 2]| {
            for (holder, day) in holders.into_iter().zip(days) {
                let account = json!({"number": number, "bank_name": "示例银行", "holder_name": holder, "holder_relation": "guardian"});
                let person = ok(app.post(&street.party_office, "/beneficiaries", json!({"name": format!("示例{day}"), "id_number": crate::stipends::id_number(day), "account": account})).await, 201);
                let id = person["id"].as_str().unwrap();
                let accounts = ok(app.get(&street.accountant, &format!("/beneficiaries/{id}/bank-accounts")).await, 200);
                ok(app.act(&street.accountant, &format!("/beneficiaries/{id}/bank-accounts/{}/confirm", accounts["data"][0]["id"].as_str().unwrap()), "\"v1\"").await, 200);
                let enrolment = ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": stipends.scheme, "beneficiary_id": id, "from_date": "2017-01-01"})).await, 201);
                ok(app.act(&street.leader, &format!("/enrolments/{}/confirm", enrolment["id"].as_str().unwrap()), "\"v1\"").await, 200);
            }
            let run = calculate(app, &stipends, "2017Q1").await;
            let items = ok(app.get(&street.accountant, &format!("/payout-runs/{}/items", run["id"].as_str().unwrap())).await, 200)["data"].clone();
            let cancel = format!("/payout-runs/{}/cancel", run["id"].as_str().unwrap());
            ok(app.send(Method::POST, &cancel, &street.party_office, Some(json!({"reason": "试算"})), &[("If-Match", &format!("\"v{}\"", run["version"]))]).await, 200);
            items.as_array().unwrap().iter().filter(|item| item["held_code"] == json!("shared_account")).count()
        };
        assert_eq!(held_codes(["监护人示例", "监护人示例"], "6222020000000099", [1, 2]).await, 0, "one guardian of both");
        assert_eq!(held_codes(["李示例", "王示例"], "6222020000000077", [3, 4]).await, 2, "an account has one holder");
    }

    async fn a_notice_waits_while_an_earlier_run_is_open(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        clock(app, "2017-06-15T01:00:00Z");
        let open = calculate(app, &stipends, "2017Q1").await;
        let reports = mingzhang::platform::jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        assert!(reports.iter().any(|report| report.outcome.as_deref() == Some("earlier_period_open")), "{reports:?}");
        assert_eq!(stipends.runs(app, "2017Q1").await[0]["id"], open["id"]);
        let waiting = ok(app.get(&stipends.street.first, "/job-slots?job=stipends.notice&period=2017Q2").await, 200)["data"][0].clone();
        assert_eq!((&waiting["state"], &waiting["outcome"]), (&json!("held"), &json!("earlier_period_open")), "nobody was told, so it is not done");
    }

    async fn years_are_opened_one_after_the_other(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let open = async |year: i32| app.post(&stipends.street.accountant, "/fiscal-years", json!({"year": year})).await;
        assert_eq!(open(2016).await.code(), (409, "not_the_next_year"), "an earlier one could never be closed");
        assert_eq!(open(2019).await.code(), (409, "not_the_next_year"));
        assert_eq!(open(2017).await.code(), (409, "fiscal_year_exists"));
        assert_eq!(open(2018).await.status, 201);
    }

    async fn an_authorisation_is_signed_for_a_year_that_is_open_and_not_over(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let path = format!("/stipend-schemes/{}/authorisations", stipends.scheme);
        let sign = async |leader: &str, year: i32| {
            let limits = json!({"fiscal_year": year, "max_per_run": "2000.00", "max_per_year": "2400.00", "max_heads": 5});
            app.send(Method::POST, &path, leader, Some(limits), &[("If-Match", "\"v1\"")]).await
        };
        for year in [2016, 2018, 2035] {
            assert_eq!(sign(&stipends.street.leader, year).await.code(), (409, "fiscal_year_not_open"), "{year}");
        }
        ok(app.post(&stipends.street.accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        ok(sign(&stipends.street.leader, 2018).await, 201);
        clock(app, "2018-01-02T01:00:00Z");
        let leader = app.log_in("leader", PASSWORD).await;
        assert_eq!(sign(&leader, 2017).await.code(), (409, "fiscal_year_not_open"), "it is over, though not closed yet");
        assert_eq!(ok(app.get(&leader, &path).await, 200)["data"].as_array().unwrap().len(), 1);
    }

    async fn what_authorisations_are_kept_as_having_used_is_recomputed_from_the_books(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        for day in [1, 2] {
            stipends.enrol(app, day, "2017-01-01").await;
        }
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        sweep(&app.context, None).await;
        let scope = Scope::of_place(Place::street(street.district.parse().unwrap(), street.id.parse().unwrap()));
        let id: uuid::Uuid = street.id.parse().unwrap();
        let change = async |sql: &'static str| {
            let tx = app.context.db.write(scope).await.unwrap();
            assert_eq!(tx.execute(Sql::both(sql), vec![id.into()]).await.unwrap(), 1, "{sql}");
            tx.commit().await.unwrap();
        };
        let found = async || ok(app.get(&street.accountant, "/ledger/verify").await, 200);
        assert_eq!(found().await["holds"], json!(true));
        change("UPDATE authorisation_sums SET used = used - 1 WHERE street_id = $1").await;
        let verified = found().await;
        assert_eq!(verified["holds"], json!(false));
        let fault = &verified["first_fault"];
        assert!(fault["what"].as_str().unwrap().contains("in 2017 are kept as having used 1199.99, the ledger says 1200.00"), "{verified}");
        assert!(fault["what_zh"].as_str().unwrap().contains("登记为已用 1199.99，账上为 1200.00"), "{verified}");
        change("UPDATE authorisation_sums SET used = used + 1 WHERE street_id = $1").await;
        // What the bank returned is not used.
        let run = stipends.runs(app, "2017Q1").await[0]["id"].as_str().unwrap().to_owned();
        let file = stipends.settle(app, &run, &[2]).await;
        let (confirm, etag) = (format!("/bank-files/{}/results/confirm", file["id"].as_str().unwrap()), format!("\"v{}\"", file["version"]));
        ok(app.send(Method::POST, &confirm, &street.accountant, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", "returned")]).await, 200);
        assert_eq!(found().await["holds"], json!(true));
        change("UPDATE authorisation_sums SET used = used + 60000 WHERE street_id = $1").await;
        assert!(found().await["first_fault"]["what"].as_str().unwrap().contains("having used 1200.00, the ledger says 600.00"));
    }

    async fn a_file_of_the_only_cashier_is_voided_by_who_does_not_pay(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "600.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        sweep(&app.context, None).await;
        let run = stipends.runs(app, "2017Q1").await[0].clone();
        let file = ok(app.money(&street.cashier, "/bank-files", json!({"run_id": run["id"], "template_id": stipends.template}), "file").await, 201);
        let void = async |who: &str| app.send(Method::POST, &format!("/bank-files/{}/void", file["id"].as_str().unwrap()), who, Some(json!({"reason": "户名有误"})), &[("If-Match", &format!("\"v{}\"", file["version"]))]).await;
        assert_eq!(void(&street.cashier).await.code(), (403, "separation_of_duties"));
        assert_eq!(void(&street.party_office).await.code(), (403, "forbidden"));
        assert_eq!(ok(void(&street.accountant).await, 200)["state"], json!("void"));
    }

    async fn a_payout_that_has_begun_pays_nobody_under_an_authorisation_revoked_before_it_ends(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        stipends.enrol(app, 1, "2017-01-01").await;
        let signed = stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        let path = format!("/stipend-schemes/{}/authorisations/{}/revoke", stipends.scheme, signed["id"].as_str().unwrap());
        let revoke = async || ok(app.act(&street.leader, &path, "\"v1\"").await, 200);
        let reports = if app.context.db.is_postgres() {
            let scope = Scope::of_place(Place::street(street.district.parse().unwrap(), street.id.parse().unwrap()));
            let lines = app.context.db.write(scope).await.unwrap();
            let id: uuid::Uuid = street.id.parse().unwrap();
            lines.execute(Sql::both("UPDATE budget_lines SET spent = spent WHERE street_id = $1"), vec![id.into()]).await.unwrap();
            let meanwhile = async {
                waiting_for_a_lock(app, scope, 1).await;
                revoke().await;
                lines.rollback().await.unwrap();
            };
            tokio::join!(sweep(&app.context, None), meanwhile).0
        } else {
            revoke().await;
            sweep(&app.context, None).await
        };
        assert_eq!(reports[0].outcome.as_deref(), Some("no_authorisation"), "{reports:?}");
        assert_eq!(ok(app.get(&street.accountant, "/fiscal-years").await, 200)["data"][0]["spent"], json!("0.00"));
    }
}
