//! What administrators cannot do by themselves, nor by accounts of their own making.

use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::street::ok;
use crate::support::{Answer, PASSWORD, TestApp};

const RESET: &str = "a wholly other phrase of words";

struct District {
    id: String,
    street: String,
    first: String,
    second: String,
}

impl District {
    async fn open(app: &TestApp) -> Self {
        let (first, second) = (app.administrator("硚口区", "first").await, app.administrator("硚口区", "second").await);
        let id = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let street = app.post(&first, "/org-units", json!({"parent_id": id, "name": "韩家墩街"})).await.id();
        Self { id, street, first, second }
    }

    /// A role of the street or the district, granted by somebody.
    async fn grant(&self, app: &TestApp, by: &str, user: &str, role: &str) -> Answer {
        let unit = if role.starts_with("district") { &self.id } else { &self.street };
        app.post(by, "/role-assignments", json!({"user_id": user, "role": role, "unit_id": unit})).await
    }

    /// An administrator of the street, made by somebody.
    async fn street_admin(&self, app: &TestApp, by: &str, username: &str) -> (String, String) {
        let (user, token) = app.user(by, username, &self.street).await;
        assert_eq!(self.grant(app, by, &user, "street_admin").await.status, 201);
        (user, token)
    }

    /// A money role for a new account, granted by somebody; gives the path at which it is confirmed.
    async fn money_role(&self, app: &TestApp, by: &str, username: &str) -> String {
        let (user, _) = app.user(by, username, &self.street).await;
        let granted = self.grant(app, by, &user, "accountant").await;
        assert_eq!(granted.body["state"], json!("unconfirmed"), "{}", granted.text);
        format!("/role-assignments/{}/confirm", granted.id())
    }
}

async fn on_user(app: &TestApp, by: &str, user: &str, action: &str, body: serde_json::Value) -> Answer {
    let etag = app.get(by, &format!("/users/{user}")).await.etag.unwrap();
    app.send(Method::POST, &format!("/users/{user}/{action}"), by, Some(body), &[("If-Match", &etag)]).await
}

on_both_databases! {
    async fn who_confirms_is_not_the_making_of_who_granted(app: TestApp) {
        let district = District::open(app).await;
        let (_, one) = district.street_admin(app, &district.first, "one").await;
        let (_, two) = district.street_admin(app, &one, "two").await;
        let (_, three) = district.street_admin(app, &two, "three").await;
        let granted = district.money_role(app, &one, "ghost").await;
        for puppet in [&two, &three] {
            assert_eq!(app.act(puppet, &granted, "\"v1\"").await.code(), (403, "separation_of_duties"), "an administrator of the granter's own making");
        }
        let by_puppet = district.money_role(app, &two, "spectre").await;
        assert_eq!(app.act(&one, &by_puppet, "\"v1\"").await.code(), (403, "separation_of_duties"), "who made the granter confirms it only from above");
        assert_eq!(ok(app.act(&district.first, &granted, "\"v1\"").await, 200)["state"], json!("active"), "who made the granter is nobody's puppet");
        let above = district.money_role(app, &district.first, "colleague").await;
        assert_eq!(app.act(&one, &above, "\"v1\"").await.code(), (403, "separation_of_duties"));
        assert_eq!(app.act(&district.second, &above, "\"v1\"").await.status, 200);
    }

    async fn whose_password_the_granter_gave_anew_does_not_confirm_either(app: TestApp) {
        let district = District::open(app).await;
        let (_, one) = district.street_admin(app, &district.first, "one").await;
        let (beside, _) = district.street_admin(app, &district.second, "beside").await;
        assert_eq!(on_user(app, &one, &beside, "reset", json!({"first_password": RESET})).await.status, 200);
        let taken = app.log_in("beside", RESET).await;
        assert_eq!(app.post(&taken, "/auth/password", json!({"old_password": RESET, "new_password": "yet another phrase of mine"})).await.status, 204);
        let granted = district.money_role(app, &one, "ghost").await;
        assert_eq!(app.act(&taken, &granted, "\"v1\"").await.code(), (403, "separation_of_duties"));
        let (_, free) = district.street_admin(app, &district.second, "free").await;
        assert_eq!(app.act(&free, &granted, "\"v1\"").await.status, 200, "an administrator whom somebody else made");
    }

    async fn nobody_takes_over_an_account_that_acts_beyond_their_units(app: TestApp) {
        let district = District::open(app).await;
        let (_, one) = district.street_admin(app, &district.first, "one").await;
        let (auditor, token) = app.user(&district.first, "auditor", &district.street).await;
        assert_eq!(district.grant(app, &district.first, &auditor, "district_auditor").await.status, 201);
        for (action, body) in [("reset", json!({"first_password": RESET})), ("disable", json!({}))] {
            assert_eq!(on_user(app, &one, &auditor, action, body).await.code(), (403, "forbidden"), "{action}");
        }
        let etag = app.get(&one, &format!("/users/{auditor}")).await.etag.unwrap();
        let renamed = app.send(Method::PATCH, &format!("/users/{auditor}"), &one, Some(json!({"display_name": "somebody else"})), &[("If-Match", &etag)]).await;
        assert_eq!(renamed.code(), (403, "forbidden"), "documents of the district show the name");
        assert_eq!(app.get(&token, "/me").await.status, 200);
        app.log_in("auditor", PASSWORD).await;
        assert_eq!(on_user(app, &district.first, &auditor, "disable", json!({})).await.status, 200);
        assert_eq!(on_user(app, &one, &auditor, "enable", json!({})).await.code(), (403, "forbidden"));
    }

    async fn roles_exclude_each_other_in_either_order_and_across_levels(app: TestApp) {
        let district = District::open(app).await;
        let (_, one) = district.street_admin(app, &district.first, "one").await;
        let (cashier, _) = app.user(&district.first, "cashier", &district.street).await;
        assert_eq!(district.grant(app, &district.first, &cashier, "cashier").await.status, 201);
        assert_eq!(district.grant(app, &district.first, &cashier, "district_auditor").await.code(), (409, "incompatible_roles"));
        let (auditor, _) = app.user(&district.first, "auditor", &district.street).await;
        assert_eq!(district.grant(app, &district.first, &auditor, "district_auditor").await.status, 201);
        assert_eq!(district.grant(app, &one, &auditor, "cashier").await.code(), (409, "incompatible_roles"), "the street's administrator does not see the district's role, and it counts");
    }
}
