//! Every operation of the API's description, tried as a stranger: no token, a forged one. The list comes from the description, so that a new operation is covered by itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;

/// Operations that need no account, each with its reason.
const OPEN: [(&str, &str); 2] = [("/api/v1/auth/login", "one logs in with it"), ("/api/v1/auth/refresh", "the refresh token is its own proof")];

fn operations(description: &Value) -> Vec<(Method, String)> {
    let paths = description["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().keys().filter_map(move |method| Some((method.to_uppercase().parse().ok()?, path.clone()))));
    each.filter(|(method, _): &(Method, String)| [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE].contains(method)).collect()
}

on_both_databases! {
    async fn no_operation_answers_without_a_token_or_with_a_forged_one(app: TestApp) {
        let description = app.get("", "/openapi.json").await.body;
        let all = operations(&description);
        assert!(all.len() >= 15, "{}", all.len());
        let stranger = TestApp::on_sqlite().await;
        let forged = stranger.administrator("硚口区", "first").await;
        for (method, path) in &all {
            let concrete = path.replace("/api/v1", "").replace("{id}", &uuid::Uuid::now_v7().to_string()).replace("{name}", "none");
            for token in ["", "x", forged.as_str(), "eyJhbGciOiJub25lIn0.e30."] {
                let answer = app.send(method.clone(), &concrete, token, Some(json!({})), &[]).await;
                let open = OPEN.iter().any(|(known, _)| known == path);
                let expected = if open { 422 } else { 401 };
                assert_eq!(answer.status.as_u16(), expected, "{method} {path}: {}", answer.text);
            }
        }
    }
}

#[test]
fn every_operation_describes_its_errors_and_its_answer() {
    let description = serde_json::to_value(mingzhang::app::openapi()).unwrap();
    for (method, path) in operations(&description) {
        let operation = &description["paths"][&path][method.as_str().to_lowercase()];
        let responses = operation["responses"].as_object().unwrap();
        for status in ["401", "403", "404", "422", "500"] {
            assert!(responses.contains_key(status), "{method} {path}: {status} is missing");
        }
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}: no success");
        assert!(operation["description"].is_string() || operation["summary"].is_string(), "{method} {path}: no text");
    }
}

#[test]
fn the_committed_description_is_what_the_code_says() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json")).unwrap_or_default();
    let now = mingzhang::app::openapi().to_pretty_json().unwrap();
    assert_eq!(committed.trim(), now.trim(), "run: cargo run -- openapi > openapi/openapi.json");
}
