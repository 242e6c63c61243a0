//! The working days that a deployment records.

use std::sync::Arc;

use chrono::NaiveDate;
use mingzhang::kernel::calendar::{UnknownYear, WorkingCalendar};
use mingzhang::platform::calendar;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::on_both_databases;
use crate::support::TestApp;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

async fn district_of(app: &TestApp, administrator: &str) -> Uuid {
    app.get(administrator, "/org-units?level=district").await.body["data"][0]["id"].as_str().unwrap().parse().unwrap()
}

/// What a district counts by now.
fn counts(app: &TestApp, district: Uuid) -> Arc<WorkingCalendar> {
    app.context.calendar.of(Some(district))
}

fn notice(year: i32, exceptions: Value) -> Value {
    json!({"year": year, "source": "国务院办公厅关于节假日安排的通知", "exceptions": exceptions})
}

on_both_databases! {
    async fn a_recorded_year_counts_at_once_and_is_there_after_a_restart(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let own = district_of(app, &token).await;
        assert_eq!(counts(app, own).is_working_day(day("2027-01-01")), Err(UnknownYear(2027)));
        let body = notice(2027, json!([{"date": "2027-01-01", "kind": "rest", "name": "元旦"}, {"date": "2027-01-03", "kind": "working", "name": "调休"}]));
        let dry = app.post(&token, "/calendar-years?dry_run=true", body.clone()).await;
        assert_eq!(dry.status, 200, "{}", dry.text);
        assert_eq!(counts(app, own).is_working_day(day("2027-01-01")), Err(UnknownYear(2027)), "a dry run changes no calendar");
        let made = app.send(Method::POST, "/calendar-years", &token, Some(body), &[("Idempotency-Key", "2027")]).await;
        assert_eq!((made.status.as_u16(), &made.body["in_force"]), (201, &json!(true)), "{}", made.text);
        let holds = |calendar: &WorkingCalendar| ["2027-01-01", "2027-01-03", "2027-01-04"].map(|text| calendar.is_working_day(day(text)).unwrap());
        assert_eq!(holds(&counts(app, own)), [false, true, true]);
        assert_eq!(holds(&calendar::load(&app.context.db).await.unwrap()[&own]), [false, true, true]);
        let read = app.get(&token, &format!("/calendar-years/{}", made.id())).await;
        assert_eq!(read.body["exceptions"][1], json!({"date": "2027-01-03", "kind": "working", "name": "调休"}));
    }

    async fn a_year_told_again_wins_over_the_earlier_one_and_over_the_program(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let own = district_of(app, &token).await;
        assert_eq!(counts(app, own).is_working_day(day("2020-10-01")), Ok(false), "as the program knows it");
        for last in ["2020-01-31", "2020-02-03"] {
            let made = app.post(&token, "/calendar-years", notice(2020, json!([{"date": last, "kind": "rest", "name": "春节延长"}]))).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
        let calendar = counts(app, own);
        assert_eq!(calendar.is_working_day(day("2020-10-01")), Ok(true), "the recorded year counts as a whole");
        assert_eq!((calendar.is_working_day(day("2020-01-31")), calendar.is_working_day(day("2020-02-03"))), (Ok(true), Ok(false)));
        let list = app.get(&token, "/calendar-years?year=2020").await;
        let in_force: Vec<_> = list.body["data"].as_array().unwrap().iter().map(|row| row["in_force"].as_bool().unwrap()).collect();
        assert_eq!(in_force, [true, false]);
    }

    async fn only_the_districts_administrator_records_a_year_and_it_counts_in_that_district_alone(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let other = app.administrator("江汉区", "other").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        let street = app.post(&first, "/org-units", json!({"parent_id": district, "name": "韩家墩街"})).await.id();
        let (user, token) = app.user(&first, "admin", &street).await;
        app.post(&first, "/role-assignments", json!({"user_id": user, "role": "street_admin", "unit_id": street})).await;
        let body = notice(2027, json!([{"date": "2027-01-01", "kind": "rest", "name": "元旦"}]));
        assert_eq!(app.post(&token, "/calendar-years", body.clone()).await.code(), (403, "forbidden"));
        assert_eq!(app.post(&first, "/calendar-years", body).await.status, 201);
        assert_eq!(app.get(&token, "/calendar-years").await.body["data"][0]["year"], json!(2027));
        assert_eq!(app.get(&other, "/calendar-years").await.body["data"], json!([]));
        let own = app.get(&first, "/calendar-years").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(app.get(&other, &format!("/calendar-years/{own}")).await.code(), (404, "not_found"));
        let (mine, elsewhere) = (district_of(app, &first).await, district_of(app, &other).await);
        assert_eq!(counts(app, mine).is_working_day(day("2027-01-01")), Ok(false));
        assert_eq!(counts(app, elsewhere).is_working_day(day("2027-01-01")), Err(UnknownYear(2027)), "nobody sets another district's pay days");
        let body = notice(2027, json!([{"date": "2027-01-04", "kind": "rest", "name": "元旦"}]));
        assert_eq!(app.post(&other, "/calendar-years", body).await.body["in_force"], json!(true));
        assert_eq!(app.get(&first, &format!("/calendar-years/{own}")).await.body["in_force"], json!(true), "another district's newer year puts none out of force");
        assert_eq!(counts(app, mine).is_working_day(day("2027-01-04")), Ok(true));
    }

    async fn all_faults_of_a_notice_are_told_at_once(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let rest = |date: &str| json!({"date": date, "kind": "rest", "name": "元旦"});
        let refused = app.post(&token, "/calendar-years", json!({"year": 2027, "source": "", "exceptions": [rest("2027-01-01"), rest("2027-01-01"), rest("2028-01-01")]})).await;
        assert_eq!(refused.code(), (422, "validation_failed"));
        let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/source", "/exceptions/1/date", "/exceptions/2/date"]);
        assert_eq!(app.post(&token, "/calendar-years", notice(2200, json!([]))).await.body["errors"].as_array().unwrap().len(), 2);
    }
}
