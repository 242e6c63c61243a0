//! Schemes that change: a wrong rate is put right, one is given up, and who signs signs what they read.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, sweep};
use crate::support::street::ok;
use crate::support::{Answer, TestApp};

async fn rate(app: &TestApp, stipends: &Stipends, month: &str, amount: &str) -> Answer {
    app.post(&stipends.street.party_office, &format!("/stipend-schemes/{}/rates", stipends.scheme), json!({"from_month": month, "amount": amount})).await
}

async fn change(app: &TestApp, stipends: &Stipends, body: Value) -> Answer {
    let path = format!("/stipend-schemes/{}", stipends.scheme);
    let etag = app.get(&stipends.street.party_office, &path).await.etag.unwrap();
    app.send(Method::PATCH, &path, &stipends.street.party_office, Some(body), &[("If-Match", &etag), ("Content-Type", "application/merge-patch+json")]).await
}

on_both_databases! {
    async fn a_wrong_rate_is_put_right_from_its_own_month_and_the_next_run_takes_the_difference(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        ok(rate(app, &stipends, "2017-01", "300.00").await, 201);
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].posted_amount.0, 90_000);
        ok(rate(app, &stipends, "2017-01", "200.00").await, 201);
        assert_eq!(rate(app, &stipends, "2017-01", "200.00").await.code(), (409, "already_exists"));
        clock(app, "2017-06-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].posted_amount.0, 30_000, "600.00 less 300.00 too much for the first quarter");
        let scheme = ok(app.get(&stipends.street.leader, &format!("/stipend-schemes/{}", stipends.scheme)).await, 200);
        let amounts: Vec<_> = scheme["rates"].as_array().unwrap().iter().map(|rate| rate["amount"].as_str().unwrap()).collect();
        assert_eq!(amounts, ["200.00", "300.00", "200.00"], "what was wrong stays to be read");
    }

    async fn who_signs_has_read_the_rates_and_who_plans_the_targets(app: TestApp) {
        let stipends = Stipends::open(app).await;
        ok(rate(app, &stipends, "2018-01", "9999.00").await, 201);
        let body = json!({"fiscal_year": 2017, "max_per_run": "2000.00", "max_per_year": "2400.00", "max_heads": 5, "max_increase_percent": 300});
        let sign = async |etag: &str| app.send(Method::POST, &format!("/stipend-schemes/{}/authorisations", stipends.scheme), &stipends.street.leader, Some(body.clone()), &[("If-Match", etag)]).await;
        assert_eq!(sign("\"v1\"").await.code(), (412, "precondition_failed"));
        ok(sign("\"v2\"").await, 201);
        let item = format!("/plan-items/{}", stipends.street.plan_item);
        let before = app.get(&stipends.street.party_office, &item).await.etag.unwrap();
        ok(app.post(&stipends.street.party_office, &format!("{item}/targets"), json!({"name": "走访", "comparison": "at_least", "value": "12", "unit": "次"})).await, 201);
        assert_ne!(app.get(&stipends.street.party_office, &item).await.etag.unwrap(), before);
    }

    async fn a_scheme_that_is_given_up_has_no_pay_day_after_its_last_period(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        assert_eq!(change(app, &stipends, json!({"last_period": "2016Q4"})).await.code(), (422, "period_not_of_scheme"));
        assert_eq!(change(app, &stipends, json!({"last_period": "2017-03"})).await.code(), (422, "period_not_of_scheme"));
        let changed = ok(change(app, &stipends, json!({"name": "季度津贴（停）", "last_period": "2017Q1"})).await, 200);
        assert_eq!((&changed["name"], &changed["last_period"]), (&json!("季度津贴（停）"), &json!("2017Q1")));
        clock(app, "2017-06-20T01:00:00Z");
        let reports = sweep(&app.context, None).await;
        assert_eq!((reports.len(), reports[0].posted_amount.0), (1, 60_000), "the first quarter only: {reports:?}");
        let second = json!({"scheme_id": stipends.scheme, "period": "2017Q2"});
        assert_eq!(app.post(&stipends.street.party_office, "/payout-runs", second).await.code(), (422, "period_not_of_scheme"));
        ok(change(app, &stipends, json!({"last_period": null})).await, 200);
        assert_eq!(sweep(&app.context, None).await[0].posted_amount.0, 60_000, "it goes on");
        assert_eq!(change(app, &stipends, json!({"last_period": "2017Q1"})).await.code(), (409, "period_has_run"));
    }

    async fn a_pay_day_that_is_held_when_its_scheme_is_given_up_is_over(app: TestApp) {
        let stipends = Stipends::open(app).await;
        stipends.enrol(app, 1, "2017-01-01").await;
        stipends.authorise(app, "700.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("posted"));
        ok(rate(app, &stipends, "2017-04", "300.00").await, 201);
        clock(app, "2017-06-20T01:00:00Z");
        assert_eq!(sweep(&app.context, None).await[0].outcome.as_deref(), Some("authorisation_exceeded"));
        let run = stipends.runs(app, "2017Q2").await[0].clone();
        let cancel = format!("/payout-runs/{}/cancel", run["id"].as_str().unwrap());
        ok(app.send(Method::POST, &cancel, &stipends.street.party_office, Some(json!({"reason": "方案终止"})), &[("If-Match", &format!("\"v{}\"", run["version"]))]).await, 200);
        ok(change(app, &stipends, json!({"last_period": "2017Q1"})).await, 200);
        clock(app, "2017-06-21T01:00:00Z");
        let over = sweep(&app.context, None).await;
        assert_eq!((over[0].state.as_str(), over[0].outcome.as_deref()), ("done", Some("given_up")), "{over:?}");
    }
}
