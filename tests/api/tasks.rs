//! Tasks, with the first documents there are: money roles that wait for their second administrator.

use mingzhang::kernel::access::{Capability, Place, Role};
use mingzhang::platform::tasks::{NextActors, next_actors, require_next_actors};
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;

on_both_databases! {
    async fn a_role_that_waits_is_a_task_of_who_may_confirm_it_and_did_not_grant_it(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let second = app.administrator("硚口区", "second").await;
        let stranger = app.administrator("江汉区", "stranger").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        let mut granted = Vec::new();
        for name in ["韩家墩街", "宗关街"] {
            let street = app.post(&first, "/org-units", json!({"parent_id": district, "name": name})).await.id();
            let (user, token) = app.user(&first, &format!("cashier{}", granted.len()), &street).await;
            let role = app.post(&first, "/role-assignments", json!({"user_id": user, "role": "cashier", "unit_id": street})).await.id();
            granted.push((role, token, street));
        }
        let ids = async |token: &str, query: &str| -> Vec<String> {
            let answer = app.get(token, &format!("/me/tasks{query}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            answer.body["data"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
        };
        let both = vec![granted[1].0.clone(), granted[0].0.clone()];
        assert_eq!(ids(&second, "?kind=to_do").await, both);
        assert_eq!(ids(&first, "?kind=to_do").await, Vec::<String>::new());
        assert_eq!(ids(&first, "?kind=started").await, both);
        for nobody in [&stranger, &granted[0].1] {
            assert_eq!(ids(nobody, "").await, Vec::<String>::new());
        }
        let page = app.get(&second, "/me/tasks?limit=1").await;
        assert_eq!((page.body["data"][0]["kind"].as_str(), page.body["data"][0]["action"].as_str(), page.body["data"][0]["due_on"].as_str()), (Some("role_assignment"), Some("confirm"), Some("2017-01-03")));
        let cursor = page.body["next_cursor"].as_str().unwrap();
        assert_eq!(ids(&second, &format!("?limit=1&cursor={cursor}")).await, [granted[0].0.clone()]);
        assert_eq!(app.get(&second, &format!("/me/tasks?kind=done&cursor={cursor}")).await.code(), (400, "invalid_cursor"));
        assert_eq!(app.get(&second, "/me/tasks?kind=x").await.code(), (400, "invalid_parameter"));
        let confirmed = app.act(&second, &format!("/role-assignments/{}/confirm", granted[0].0), "\"v1\"").await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text);
        assert_eq!(ids(&second, "").await, [granted[1].0.clone()]);
        assert_eq!(ids(&second, "?kind=done").await, [granted[0].0.clone()]);
        let csv = app.send(reqwest::Method::GET, "/me/tasks", &second, None, &[("Accept", "text/csv")]).await;
        assert!(csv.text.lines().count() == 2 && csv.text.contains("cashier1"), "{}", csv.text);
    }

    async fn who_could_act_next_is_counted_and_a_document_that_nobody_could_take_further_is_refused(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        app.administrator("硚口区", "second").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().parse().unwrap();
        let own = app.context.authenticator.actor(&first).await.unwrap().person();
        let street = Place::street(district, uuid::Uuid::now_v7());
        let recipients = app.context.recipients.as_ref();
        let two = next_actors(recipients, Capability::RoleConfirm, &street, &[]).await.unwrap();
        assert_eq!(two, [NextActors { role: Role::DistrictAdmin, people: 2 }]);
        let one = require_next_actors(recipients, Capability::RoleConfirm, &street, &[own]).await.unwrap();
        assert_eq!(one, [NextActors { role: Role::DistrictAdmin, people: 1 }]);
        let none = require_next_actors(recipients, Capability::RunApprove, &street, &[]).await.unwrap_err();
        assert_eq!((none.status, none.code), (422, "no_eligible_actor"));
    }
}
