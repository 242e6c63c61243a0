//! Pages of other sites: none may ask unless its site is named.

use reqwest::Method;

use crate::on_both_databases;
use crate::support::{Answer, TestApp};

const DESK: &str = "https://desk.example.org";
const ALLOWED: &str = "access-control-allow-origin";

async fn preflight(app: &TestApp, origin: &str) -> Answer {
    let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization,if-match,idempotency-key,content-type")];
    app.send(Method::OPTIONS, "/claims", "", None, &headers).await
}

on_both_databases! {
    async fn a_page_of_a_named_site_may_ask_and_no_other(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let asked = app.asked_from(DESK).await;
        let before = preflight(&asked, DESK).await;
        assert_eq!((before.status.as_u16(), before.header(ALLOWED)), (200, DESK), "{}", before.text);
        assert!(before.header("access-control-allow-headers").to_lowercase().contains("idempotency-key"));
        assert_eq!(before.header("access-control-allow-credentials"), "");
        let own = asked.send(Method::GET, "/me", &token, None, &[("Origin", DESK)]).await;
        assert_eq!((own.status.as_u16(), own.header(ALLOWED)), (200, DESK));
        assert!(own.header("access-control-expose-headers").to_lowercase().contains("etag"));
        let refused = asked.send(Method::GET, "/me", "", None, &[("Origin", DESK)]).await;
        assert_eq!((refused.code(), refused.header(ALLOWED)), ((401, "unauthenticated"), DESK), "a page can read why it was refused");
        assert_eq!(preflight(&asked, "https://elsewhere.example.org").await.header(ALLOWED), "");
        assert_eq!(asked.send(Method::GET, "/me", &token, None, &[("Origin", "https://elsewhere.example.org")]).await.header(ALLOWED), "");
    }

    async fn unless_it_is_configured_no_page_of_another_site_may_ask(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        assert_eq!(preflight(app, DESK).await.header(ALLOWED), "");
        let answer = app.send(Method::GET, "/me", &token, None, &[("Origin", DESK)]).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (200, ""));
    }
}
