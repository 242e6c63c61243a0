//! A person is not an account: whose an account is, is recorded once, and who holds a role that another excludes is known.

use mingzhang::people::identity::set_up::FirstAdministrator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::street::ok;
use crate::support::{Answer, PASSWORD, TestApp, next_id_number};

const FIRST: &str = "another horse battery staple";

/// A district's administrator, and a street.
async fn open(app: &TestApp) -> (String, String, String) {
    let first = app.administrator("硚口区", "first").await;
    let district = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().to_owned();
    let street = app.post(&first, "/org-units", json!({"parent_id": district, "name": "韩家墩街"})).await.id();
    (first, district, street)
}

/// An account of which it is not known whose it is.
async fn unknown(app: &TestApp, by: &str, username: &str, unit: &str) -> String {
    let made = ok(app.post(by, "/users", json!({"username": username, "display_name": "某人", "unit_id": unit, "first_password": FIRST})).await, 201);
    assert_eq!(made["person_known"], json!(false));
    made["id"].as_str().unwrap().to_owned()
}

async fn record(app: &TestApp, by: &str, user: &str, body: Value) -> Answer {
    let etag = app.get(by, &format!("/users/{user}")).await.etag.unwrap();
    app.send(Method::PATCH, &format!("/users/{user}"), by, Some(body), &[("If-Match", &etag), ("Content-Type", "application/merge-patch+json")]).await
}

on_both_databases! {
    async fn a_role_that_another_excludes_waits_until_it_is_known_whose_the_account_is(app: TestApp) {
        let (first, _, street) = open(app).await;
        let second = app.administrator("硚口区", "second").await;
        let user = unknown(app, &first, "someone", &street).await;
        let grant = |role: &'static str| app.post(&first, "/role-assignments", json!({"user_id": user, "role": role, "unit_id": street}));
        for role in ["cashier", "accountant", "party_office", "street_leader", "inspector", "street_admin"] {
            assert_eq!(grant(role).await.code(), (409, "person_unknown"), "{role}");
        }
        let community = app.post(&first, "/org-units", json!({"parent_id": street, "name": "古四社区"})).await.id();
        ok(app.post(&first, "/role-assignments", json!({"user_id": user, "role": "community_staff", "unit_id": community})).await, 201);
        let recorded = ok(record(app, &first, &user, json!({"id_number": next_id_number()})).await, 200);
        assert_eq!((&recorded["person_known"], &recorded["display_name"]), (&json!(true), &json!("某人")));
        let granted = ok(grant("cashier").await, 201);
        ok(app.act(&second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
    }

    async fn an_id_number_is_recorded_once_for_one_account_and_stands_nowhere(app: TestApp) {
        let (first, _, street) = open(app).await;
        let user = unknown(app, &first, "someone", &street).await;
        let bad = record(app, &first, &user, json!({"id_number": "110105194912310021"})).await;
        assert_eq!((bad.code(), &bad.body["errors"][0]["pointer"], &bad.body["errors"][0]["message"]), ((422, "validation_failed"), &json!("/id_number"), &json!("the check character of the ID number is wrong: check it")));
        let number = next_id_number();
        let recorded = record(app, &first, &user, json!({"id_number": number})).await;
        assert_eq!(recorded.status, 200, "{}", recorded.text);
        let trail = app.get(&first, &format!("/audit-events?subject_id={user}&action=user.identify")).await;
        assert_eq!((&trail.body["data"][0]["before"]["person_known"], &trail.body["data"][0]["after"]["person_known"]), (&json!(false), &json!(true)), "{}", trail.text);
        for answer in [&recorded, &trail] {
            assert!(!answer.text.contains(&number), "{}", answer.text);
        }
        ok(record(app, &first, &user, json!({"id_number": number.to_lowercase(), "display_name": "张三"})).await, 200);
        assert_eq!(record(app, &first, &user, json!({"id_number": next_id_number()})).await.code(), (409, "id_number_recorded"));
        ok(record(app, &first, &user, json!({"id_number": null})).await, 200);
        let other = unknown(app, &first, "beside", &street).await;
        assert_eq!(record(app, &first, &other, json!({"id_number": number})).await.code(), (409, "person_has_account"));
        let third = json!({"username": "third", "display_name": "某人", "unit_id": street, "id_number": number, "first_password": FIRST});
        assert_eq!(app.post(&first, "/users", third).await.code(), (409, "person_has_account"));
    }

    async fn nobody_says_of_their_own_account_whose_it_is_and_its_parts_in_documents_stay(app: TestApp) {
        let (first, district, _) = open(app).await;
        let third = unknown(app, &first, "third", &district).await;
        assert_eq!(app.post(&first, "/role-assignments", json!({"user_id": third, "role": "district_admin", "unit_id": district})).await.code(), (409, "person_unknown"));
        // One of the first two, made from the command line without a number.
        let second = FirstAdministrator { district: "硚口区".to_owned(), city: None, username: "second".to_owned(), display_name: "某人".to_owned(), id_number: None, password: PASSWORD.to_owned(), must_change_password: false };
        mingzhang::app::first_administrator(&app.context, &app.passwords, second).await.unwrap();
        let token = app.log_in("second", PASSWORD).await;
        let user = app.get(&token, "/me").await.id();
        assert_eq!(record(app, &token, &user, json!({"id_number": next_id_number()})).await.code(), (403, "separation_of_duties"));
        let before = app.context.authenticator.actor(&token).await.unwrap().person();
        ok(record(app, &first, &user, json!({"id_number": next_id_number()})).await, 200);
        assert_eq!(app.context.authenticator.actor(&token).await.unwrap().person(), before, "what was prepared before is not approved by the same person afterwards");
    }
}
