//! Notices: to whoever holds the capability at the unit, once, and to nobody where the act was undone.

use mingzhang::kernel::access::{Capability, Place, Scope};
use mingzhang::kernel::act::Performer;
use mingzhang::platform::notification::{Notice, deliver_once, notify};
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;

async fn leave(app: &TestApp, place: Place, commits: bool) {
    let act = app.context.act(Performer::Job { name: "toy", authorisation: None }, "test".to_owned(), None);
    let tx = app.context.db.write(Scope::of_place(place)).await.unwrap();
    let subject_id = uuid::Uuid::now_v7();
    let notice = Notice { place, capability: Capability::RoleConfirm, kind: "toy.told", subject_type: "toy", subject_id, zh: "请确认".to_owned(), en: "Please confirm".to_owned() };
    notify(&tx, &act, notice).await.unwrap();
    if commits { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
}

on_both_databases! {
    async fn a_notice_reaches_each_holder_once_and_is_read_by_its_owner_only(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let second = app.administrator("硚口区", "second").await;
        let stranger = app.administrator("江汉区", "stranger").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        let street = app.post(&first, "/org-units", json!({"parent_id": district, "name": "韩家墩街"})).await.id();
        let (inspector, token) = app.user(&first, "inspector", &street).await;
        app.post(&first, "/role-assignments", json!({"user_id": inspector, "role": "inspector", "unit_id": street})).await;
        let place = Place::street(district.as_str().unwrap().parse().unwrap(), street.parse().unwrap());
        leave(app, place, false).await;
        assert_eq!(deliver_once(&app.context).await.unwrap(), 0, "what was undone is told to nobody");
        leave(app, place, true).await;
        let (one, two) = tokio::join!(deliver_once(&app.context), deliver_once(&app.context));
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        let inbox = app.get(&first, "/notifications?unread=true").await;
        assert_eq!((inbox.body["data"].as_array().unwrap().len(), inbox.body["data"][0]["text"].as_str()), (1, Some("Please confirm")), "{}", inbox.text);
        assert_eq!(app.get(&second, "/notifications").await.body["data"].as_array().unwrap().len(), 1);
        for other in [&token, &stranger] {
            assert_eq!(app.get(other, "/notifications").await.body["data"], json!([]));
        }
        let path = format!("/notifications/{}/read", inbox.body["data"][0]["id"].as_str().unwrap());
        assert_eq!(app.post(&second, &path, json!({})).await.code(), (404, "not_found"));
        assert_eq!(app.post(&stranger, &path, json!({})).await.code(), (404, "not_found"));
        let read = app.post(&first, &path, json!({})).await;
        assert_eq!((read.status.as_u16(), read.body["read_at"].is_string()), (200, true), "{}", read.text);
        assert_eq!(app.get(&first, "/notifications?unread=true").await.body["data"], json!([]));
    }
}
