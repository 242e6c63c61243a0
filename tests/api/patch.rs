//! PATCH: JSON Merge Patch on what stands, never on what changed since it was read.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::{Answer, TestApp};

async fn patch(app: &TestApp, token: &str, path: &str, etag: &str, body: Value) -> Answer {
    app.send(Method::PATCH, path, token, Some(body), &[("If-Match", etag), ("Content-Type", "application/merge-patch+json")]).await
}

on_both_databases! {
    async fn a_unit_is_renamed_on_the_version_that_was_read_and_the_trail_has_both_names(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let district = app.get(&token, "/org-units").await.body["data"][0]["id"].clone();
        let mut streets = Vec::new();
        for name in ["甲街", "乙街"] {
            streets.push(app.post(&token, "/org-units", json!({"parent_id": district, "name": name})).await.id());
        }
        let path = format!("/org-units/{}", streets[0]);
        assert_eq!(app.send(Method::PATCH, &path, &token, Some(json!({"name": "丙街"})), &[]).await.code(), (428, "precondition_required"));
        assert_eq!(patch(app, &token, &path, "\"v7\"", json!({"name": "丙街"})).await.code(), (412, "precondition_failed"));
        assert_eq!(patch(app, &token, &path, "\"v1\"", json!({"name": "乙街"})).await.code(), (409, "name_taken"));
        let changed = patch(app, &token, &path, "\"v1\"", json!({"name": "丙街"})).await;
        assert_eq!((changed.status.as_u16(), changed.etag.as_deref(), &changed.body["name"]), (200, Some("\"v2\""), &json!("丙街")), "{}", changed.text);
        let events = app.get(&token, &format!("/audit-events?action=org_unit.rename&subject_id={}", streets[0])).await;
        let event = &events.body["data"][0];
        assert_eq!((&event["before"]["name"], &event["after"]["name"]), (&json!("甲街"), &json!("丙街")));
    }

    async fn a_users_shown_name_is_changed_and_nothing_else_can_be(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let path = format!("/users/{}", app.get(&token, "/me").await.id());
        let refused = async |body: Value| {
            let answer = patch(app, &token, &path, "\"v1\"", body).await;
            (answer.status.as_u16(), answer.body["code"].as_str().unwrap().to_owned(), answer.body["errors"][0]["pointer"].as_str().unwrap().to_owned())
        };
        assert_eq!(refused(json!({"username": "x"})).await, (422, "unknown_field".to_owned(), "/username".to_owned()));
        assert_eq!(refused(json!({"display_name": null})).await, (422, "missing_field".to_owned(), "/display_name".to_owned()));
        assert_eq!(refused(json!({"display_name": 1})).await, (422, "wrong_type".to_owned(), "/display_name".to_owned()));
        assert_eq!(refused(json!({"display_name": " "})).await, (422, "validation_failed".to_owned(), "/display_name".to_owned()));
        let changed = patch(app, &token, &path, "\"v1\"", json!({"display_name": "张三"})).await;
        assert_eq!((changed.status.as_u16(), &changed.body["display_name"], &changed.body["version"]), (200, &json!("张三"), &json!(2)), "{}", changed.text);
        let same = patch(app, &token, &path, "\"v2\"", json!({})).await;
        assert_eq!((same.status.as_u16(), &same.body["display_name"]), (200, &json!("张三")));
    }
}
