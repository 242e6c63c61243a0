//! Whose address counts behind a proxy.

use mingzhang::kernel::access::Scope;
use mingzhang::platform::db::Sql;
use mingzhang::platform::http::RateLimits;
use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::{Answer, PASSWORD, TestApp};

const PROXY: &str = "127.0.0.1";
const CLIENT: &str = "203.0.113.9";
const OTHER: &str = "203.0.113.10";

/// A login as a proxy passes it on.
async fn log_in(app: &TestApp, password: &str, forwarded: &str) -> Answer {
    app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": password})), &[("X-Forwarded-For", forwarded)]).await
}

#[derive(sea_orm::FromQueryResult)]
struct Seen {
    address: Option<String>,
}

async fn audited(app: &TestApp, action: &str) -> Option<String> {
    let tx = app.context.db.read(Scope::System).await.unwrap();
    let sql = Sql::both("SELECT address FROM audit_events WHERE action = $1 ORDER BY id DESC LIMIT 1");
    tx.query_one::<Seen>(sql, vec![action.into()]).await.unwrap().unwrap().address
}

on_both_databases! {
    async fn behind_a_trusted_proxy_logins_and_the_audit_trail_go_by_the_clients_address(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        let behind = app.behind(PROXY).await;
        for _ in 0..3 {
            assert_eq!(log_in(&behind, "wrong", &format!("198.51.100.1, {CLIENT}")).await.code(), (401, "invalid_credentials"));
        }
        assert_eq!(log_in(&behind, PASSWORD, &format!("198.51.100.2, {CLIENT}")).await.code(), (429, "login_delayed"), "what the client wrote itself changes nothing");
        let own = log_in(&behind, PASSWORD, OTHER).await;
        assert_eq!(own.status, 200, "nobody else waits: {}", own.text);
        let token = own.body["access_token"].as_str().unwrap();
        let sessions = behind.get(token, "/auth/sessions").await;
        assert_eq!(sessions.body["data"][0]["address"], json!(OTHER));
        assert_eq!(audited(&behind, "session.start").await.as_deref(), Some(OTHER));
        let opened = behind.send(Method::POST, "/org-units", token, Some(json!({"parent_id": district, "name": "韩家墩街"})), &[("X-Forwarded-For", CLIENT)]).await;
        assert_eq!(opened.status, 201, "{}", opened.text);
        assert_eq!(audited(&behind, "org_unit.open").await.as_deref(), Some(CLIENT));
        let file = behind.send(Method::GET, "/users", token, None, &[("Accept", "text/csv"), ("X-Forwarded-For", CLIENT)]).await;
        assert_eq!((file.status.as_u16(), audited(&behind, "export").await.as_deref()), (200, Some(CLIENT)));
    }

    async fn a_header_that_no_trusted_proxy_sent_is_not_looked_at(app: TestApp) {
        app.administrator("硚口区", "first").await;
        for proxies in ["", "198.51.100.1"] {
            let direct = app.behind(proxies).await;
            let own = log_in(&direct, PASSWORD, CLIENT).await;
            assert_eq!((own.status.as_u16(), audited(&direct, "session.start").await.as_deref()), (200, Some(PROXY)));
        }
        for made_up in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            assert_eq!(log_in(app, "wrong", made_up).await.code(), (401, "invalid_credentials"));
        }
        assert_eq!(log_in(app, PASSWORD, "203.0.113.4").await.code(), (429, "login_delayed"), "whoever writes another address each time waits all the same");
    }

    async fn behind_a_trusted_proxy_each_client_has_its_own_share_of_requests(app: TestApp) {
        let limited = app.behind(PROXY).await.limited(RateLimits { account: 0, address: 1 }).await;
        let mut answers = Vec::new();
        for client in [CLIENT, CLIENT, OTHER] {
            answers.push(limited.send(Method::GET, "/me", "", None, &[("X-Forwarded-For", client)]).await.status.as_u16());
        }
        assert_eq!(answers, [401, 429, 401]);
    }
}
