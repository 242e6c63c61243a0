//! Activities: planned, changed, held, cancelled; and the limits on trips, which flag and do not refuse.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

fn body(street: &Street, title: &str, day: &str) -> Value {
    json!({"community_id": street.community, "kind": "theme_day", "title": title, "from_date": day, "place": "党员活动室", "planned_headcount": 30})
}

async fn act(app: &TestApp, who: &str, path: &str, etag: &str, body: Value) -> Answer {
    app.send(Method::POST, path, who, Some(body), &[("If-Match", etag)]).await
}

async fn trip(app: &TestApp, street: &Street, day: &str, province: bool) -> Value {
    let mut body = body(street, "外出参观学习", day);
    body[if province { "outside_province" } else { "outside_town" }] = json!(true);
    ok(app.post(&street.staff, "/activities", body).await, 201)
}

fn over(activity: &Value, kind: &str) -> Option<bool> {
    activity["trips"].as_array().unwrap().iter().find(|trip| trip["trip"] == json!(kind)).map(|trip| trip["over_limit"].as_bool().unwrap())
}

on_both_databases! {
    async fn an_activity_is_planned_changed_held_and_corrected(app: TestApp) {
        let street = Street::open(app, "硚口区", "a-").await;
        let made = ok(app.post(&street.staff, "/activities", body(&street, "一月主题党日", "2017-01-10")).await, 201);
        assert_eq!((made["state"].as_str(), made["kind_name"].as_str(), made["to_date"].as_str(), made["trips"].as_array().map(Vec::len)), (Some("planned"), Some("主题党日"), Some("2017-01-10"), Some(0)));
        let path = format!("/activities/{}", made["id"].as_str().unwrap());
        let changed = app.send(Method::PATCH, &path, &street.staff, Some(json!({"to_date": "2017-01-11", "planned_headcount": 25, "outside_province": true})), &[("If-Match", "\"v1\"")]).await;
        let changed = ok(changed, 200);
        assert_eq!((changed["planned_headcount"].as_i64(), changed["outside_town"].as_bool(), changed["title"].as_str()), (Some(25), Some(true), Some("一月主题党日")), "out of the province is out of town; what is left out stays");
        let held = json!({"actual_headcount": 22, "minutes": "学习党章，22 人签到。"});
        assert_eq!(act(app, &street.staff, &format!("{path}/hold"), "\"v2\"", held.clone()).await.code(), (409, "activity_not_over"));
        app.context.clocks.set("2017-01-12T01:00:00Z".parse().unwrap());
        assert_eq!(act(app, &street.staff, &format!("{path}/hold"), "\"v1\"", held.clone()).await.code(), (412, "precondition_failed"));
        let later = json!({"actual_headcount": 22, "minutes": "学习党章，22 人签到。", "from_date": "2017-01-11"});
        let held = ok(act(app, &street.staff, &format!("{path}/hold"), "\"v2\"", later).await, 200);
        assert_eq!((held["state"].as_str(), held["actual_headcount"].as_i64(), held["from_date"].as_str(), held["to_date"].as_str()), (Some("held"), Some(22), Some("2017-01-11"), Some("2017-01-12")), "it took as many days as planned");
        let corrected = ok(act(app, &street.staff, &format!("{path}/hold"), "\"v3\"", json!({"actual_headcount": 21, "minutes": "21 人签到。"})).await, 200);
        assert_eq!((corrected["actual_headcount"].as_i64(), corrected["minutes"].as_str()), (Some(21), Some("21 人签到。")));
        let patch = app.send(Method::PATCH, &path, &street.staff, Some(json!({"title": "改"})), &[("If-Match", "\"v4\"")]).await;
        assert_eq!(patch.code(), (409, "invalid_transition"));
        assert_eq!(act(app, &street.staff, &format!("{path}/cancel"), "\"v4\"", json!({"reason": "改期"})).await.code(), (409, "invalid_transition"));
        let listed = ok(app.get(&street.accountant, "/activities?state=held&year=2017&kind=theme_day").await, 200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(ok(app.get(&street.accountant, "/activities?year=2016").await, 200)["data"], json!([]));
        let csv = app.send(Method::GET, "/activities", &street.accountant, None, &[("Accept", "text/csv")]).await;
        assert!(csv.text.contains("主题党日") && csv.text.contains("21 人签到。"), "{}", csv.text);
        let audit = ok(app.get(&street.first, &format!("/audit-events?subject_id={}", made["id"].as_str().unwrap())).await, 200);
        let actions: Vec<_> = audit["data"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect();
        assert_eq!(actions, ["activity.hold", "activity.hold", "activity.change", "activity.plan"]);
    }

    async fn every_wrong_value_is_told_at_once_and_references_must_fit(app: TestApp) {
        let street = Street::open(app, "硚口区", "a-").await;
        let wrong = json!({"community_id": street.community, "kind": "theme_day", "title": " ", "from_date": "2017-01-10", "to_date": "2017-01-09", "place": "", "planned_headcount": 0});
        let told = app.post(&street.staff, "/activities", wrong).await;
        assert_eq!(told.code(), (422, "validation_failed"));
        let pointers: Vec<_> = told.body["errors"].as_array().unwrap().iter().map(|fault| (fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap())).collect();
        assert_eq!(pointers, [("/title", "required"), ("/place", "required"), ("/planned_headcount", "out_of_range"), ("/to_date", "date_before_start")]);
        let mut unknown = body(&street, "游玩", "2017-01-10");
        unknown["kind"] = json!("sightseeing");
        assert_eq!(app.post(&street.staff, "/activities", unknown).await.status, 422);
        let mut other_year = json!({"kind": "study_group", "title": "中心组学习", "from_date": "2018-01-10", "place": "会议室", "planned_headcount": 9, "plan_item_id": street.plan_item});
        assert_eq!(app.post(&street.party_office, "/activities", other_year.clone()).await.code(), (422, "plan_item_of_another_year"));
        other_year["from_date"] = json!("2017-02-10");
        let made = ok(app.post(&street.party_office, "/activities", other_year).await, 201);
        let path = format!("/activities/{}", made["id"].as_str().unwrap());
        let off = app.send(Method::PATCH, &path, &street.party_office, Some(json!({"plan_item_id": null})), &[("If-Match", "\"v1\"")]).await;
        assert!(ok(off, 200)["plan_item_id"].is_null(), "null takes it off");
        let mut streets_item = body(&street, "一月主题党日", "2017-01-10");
        streets_item["plan_item_id"] = json!(street.plan_item);
        assert_eq!(app.post(&street.staff, "/activities", streets_item).await.code(), (422, "unknown_reference"), "a community does not see its street's plan");
        assert_eq!(app.post(&street.accountant, "/activities", body(&street, "会", "2017-01-10")).await.code(), (403, "forbidden"));
        assert_eq!(app.get(&street.staff, &path).await.code(), (404, "not_found"), "nor its activities");
        let cancelled = ok(act(app, &street.party_office, &format!("{path}/cancel"), "\"v2\"", json!({"reason": "讲师不能到场"})).await, 200);
        assert_eq!((cancelled["state"].as_str(), cancelled["cancel_reason"].as_str()), (Some("cancelled"), Some("讲师不能到场")));
        assert_eq!(act(app, &street.party_office, &format!("{path}/hold"), "\"v3\"", json!({"actual_headcount": 1, "minutes": "x"})).await.code(), (409, "invalid_transition"));
        let turned = json!({"actual_headcount": 1, "minutes": "x", "to_date": "2016-12-31"});
        let made = ok(app.post(&street.staff, "/activities", body(&street, "一月主题党日", "2017-01-02")).await, 201);
        let told = act(app, &street.staff, &format!("/activities/{}/hold", made["id"].as_str().unwrap()), "\"v1\"", turned).await;
        assert_eq!((told.code().0, told.body["errors"][0]["code"].as_str()), (422, Some("date_before_start")));
    }

    async fn trips_beyond_the_limit_are_flagged_by_the_districts_own_rule_or_the_shipped_one(app: TestApp) {
        let street = Street::open(app, "硚口区", "a-").await;
        let shipped = ok(app.get(&street.staff, "/activity-limits/in-force").await, 200)["data"].clone();
        assert_eq!(shipped.as_array().unwrap().len(), 4);
        assert!(shipped.as_array().unwrap().iter().all(|limit| limit["effective_from"].is_null() && !limit["source"].as_str().unwrap().is_empty()));
        let first = trip(app, &street, "2017-03-10", false).await;
        let second = trip(app, &street, "2017-05-10", true).await;
        let third = trip(app, &street, "2017-09-10", false).await;
        assert_eq!((over(&first, "outside_town"), over(&first, "outside_province")), (Some(false), None));
        assert_eq!((over(&second, "outside_town"), over(&second, "outside_province")), (Some(false), Some(false)));
        assert_eq!(over(&third, "outside_town"), Some(true), "the third of the year");
        let next_year = trip(app, &street, "2018-05-10", true).await;
        assert_eq!((over(&next_year, "outside_town"), over(&next_year, "outside_province")), (Some(false), Some(true)), "two a year, but one in two years out of the province");
        ok(act(app, &street.staff, &format!("/activities/{}/cancel", second["id"].as_str().unwrap()), "\"v1\"", json!({"reason": "改期"})).await, 200);
        let again = ok(app.get(&street.staff, &format!("/activities/{}", third["id"].as_str().unwrap())).await, 200);
        assert_eq!(over(&again, "outside_town"), Some(false), "what was cancelled does not count");
        let mut streets = body(&street, "街道外出", "2017-10-10");
        streets["outside_town"] = json!(true);
        streets.as_object_mut().unwrap().remove("community_id");
        assert_eq!(over(&ok(app.post(&street.party_office, "/activities", streets).await, 201), "outside_town"), Some(false), "each unit has its own count");
        let limit = json!({"unit_level": "community", "trip": "outside_town", "most": 0, "years": 1, "effective_from": "2017-07-01", "source": "区委组织部 2017 年第 5 号文"});
        assert_eq!(app.post(&street.party_office, "/activity-limits", limit.clone()).await.code(), (403, "forbidden"));
        ok(app.post(&street.first, "/activity-limits", limit.clone()).await, 201);
        assert_eq!(app.post(&street.first, "/activity-limits", limit).await.code(), (409, "limit_exists"));
        let third = ok(app.get(&street.staff, &format!("/activities/{}", third["id"].as_str().unwrap())).await, 200);
        assert_eq!((over(&third, "outside_town"), third["trips"][0]["source"].as_str()), (Some(true), Some("区委组织部 2017 年第 5 号文")), "from its day on");
        let first = ok(app.get(&street.staff, &format!("/activities/{}", first["id"].as_str().unwrap())).await, 200);
        assert_eq!(over(&first, "outside_town"), Some(false), "not before it");
        let wrong = app.post(&street.first, "/activity-limits", json!({"unit_level": "street", "trip": "outside_town", "most": -1, "years": 11, "effective_from": "2017-07-01", "source": ""})).await;
        assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 3, "{}", wrong.text);
        let other = Street::open(app, "江汉区", "o-").await;
        assert_eq!(ok(app.get(&other.first, "/activity-limits").await, 200)["data"], json!([]), "another district keeps its own");
    }

    async fn a_sister_district_sees_no_activity(app: TestApp) {
        let street = Street::open(app, "硚口区", "a-").await;
        let other = Street::open(app, "江汉区", "o-").await;
        let made = ok(app.post(&street.staff, "/activities", body(&street, "一月主题党日", "2017-01-02")).await, 201);
        let path = format!("/activities/{}", made["id"].as_str().unwrap());
        for token in [&other.first, &other.party_office, &other.staff] {
            assert_eq!(app.get(token, &path).await.code(), (404, "not_found"));
            assert_eq!(ok(app.get(token, "/activities").await, 200)["data"], json!([]));
        }
        assert_eq!(act(app, &other.party_office, &format!("{path}/cancel"), "\"v1\"", json!({"reason": "x"})).await.code(), (404, "not_found"));
        let mut there = body(&street, "一月主题党日", "2017-01-02");
        there["street_id"] = json!(street.id);
        assert_eq!(app.post(&other.party_office, "/activities", there).await.code(), (422, "unknown_reference"));
    }
}
