//! The audit trail as its readers see it, and its chain.

use mingzhang::platform::audit;
use mingzhang::platform::db::{Reason, Sql};
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;

on_both_databases! {
    async fn every_event_is_sealed_once_and_the_chain_holds(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let events = app.get(&token, "/audit-events").await;
        assert_eq!(events.status, 200, "{}", events.text);
        let actions: Vec<_> = events.body["data"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect();
        let (template, layout) = ("bank_file_template.create", "statement_layout.create");
        assert_eq!(actions, ["session.start", layout, layout, layout, template, template, template, "role.grant", "user.create", "org_unit.open"]);
        let db = &app.context.db;
        assert_eq!((audit::seal(db).await.unwrap(), audit::seal(db).await.unwrap()), (10, 0));
        assert_eq!(audit::verify(db).await.unwrap(), None);
        let found = app.get(&token, "/audit-events/verification").await;
        assert_eq!(found.body, json!({"sealed": 10, "waiting": 0, "holds": true, "first_fault": null}), "{}", found.text);
    }

    async fn who_may_not_read_the_trail_is_refused(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        let street = app.post(&first, "/org-units", json!({"parent_id": district, "name": "韩家墩街"})).await.id();
        let (user, token) = app.user(&first, "cashier", &street).await;
        app.post(&first, "/role-assignments", json!({"user_id": user, "role": "street_admin", "unit_id": street})).await;
        assert_eq!(app.get(&token, "/audit-events").await.code(), (403, "forbidden"));
    }
}

#[actix_web::test]
async fn an_event_written_past_the_chain_is_found() {
    let app = TestApp::on_sqlite().await;
    let token = app.administrator("硚口区", "first").await;
    let tx = app.context.db.write_as_system(Reason::SetUp).await.unwrap();
    tx.try_execute(Sql::both("DELETE FROM audit_queue WHERE event_id = (SELECT max(event_id) FROM audit_queue)"), Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    audit::seal(&app.context.db).await.unwrap();
    let found = app.get(&token, "/audit-events/verification").await.body;
    assert_eq!((&found["holds"], &found["first_fault"]["position"], &found["sealed"]), (&json!(false), &json!(10), &json!(9)));
}

#[actix_web::test]
async fn an_event_changed_by_hand_in_the_file_is_found_at_its_place() {
    let app = TestApp::on_sqlite().await;
    app.administrator("硚口区", "first").await;
    audit::seal(&app.context.db).await.unwrap();
    let tx = app.context.db.write_as_system(Reason::SetUp).await.unwrap();
    for sql in ["DROP TRIGGER audit_events_no_update", "UPDATE audit_events SET action = 'user.delete' WHERE action = 'user.create'"] {
        tx.try_execute(Sql::both(sql), Vec::new()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let fault = audit::verify(&app.context.db).await.unwrap().unwrap();
    assert_eq!(fault.position, 2);
}
