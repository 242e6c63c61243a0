//! Every operation of the API's description, tried as a stranger: no token, a forged one. The list comes from the description, so that a new operation is covered by itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

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

    async fn an_id_of_another_district_is_answered_as_one_that_never_was(app: TestApp) {
        let description = app.get("", "/openapi.json").await.body;
        let (own, other) = (Street::open(app, "硚口区", "a-").await, Street::open(app, "江汉区", "b-").await);
        fill(app, &other).await;
        let mine = people(app, &own, "a-").await;
        let theirs = people(app, &other, "b-").await;
        let (mut tried, mut of_rows) = (0, 0);
        for (method, path) in operations(&description).into_iter().filter(|(_, path)| path.contains('{') && !NO_ID.iter().any(|(known, _)| known == path)) {
            let list = path.split("/{").next().unwrap().replace("/api/v1", "");
            let foreign = first_id(app, &theirs, &list).await;
            of_rows += usize::from(foreign.is_some());
            let foreign = foreign.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
            let mut reached = false;
            for token in &mine {
                let there = try_id(app, token, &method, &path, &foreign).await;
                let nowhere = try_id(app, token, &method, &path, &uuid::Uuid::now_v7().to_string()).await;
                assert_eq!(there, nowhere, "{method} {path}: a foreign id tells itself apart");
                assert!([403, 404].contains(&there.0), "{method} {path}: {there:?}");
                reached |= there.0 == 404;
            }
            assert!(reached, "{method} {path}: nobody of the street holds its capability, so it was not tried");
            tried += 1;
        }
        assert!(tried > 60 && of_rows > 40, "{tried} operations, {of_rows} with a row of another district");
    }
}

/// Paths whose parameter is no row's id, each with its reason.
const NO_ID: [(&str, &str); 1] = [("/api/v1/jobs/{name}/run", "the name of a job")];

/// Rows of most kinds.
async fn fill(app: &TestApp, street: &Street) {
    street.budget(app, "100.00", json!([{"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]}])).await;
    ok(street.receive(app, "100.00", "D1").await, 201);
    let item = ok(app.post(&street.first, "/expense-items", json!({"code": "F1", "name": "资料费"})).await, 201)["id"].clone();
    let category = json!({"allowed_item_ids": [item], "forbidden_item_ids": []});
    ok(app.send(Method::PATCH, &format!("/categories/{}", street.category), &street.first, Some(category), &[("If-Match", "\"v1\"")]).await, 200);
    let line = ok(app.get(&street.accountant, "/budget-lines").await, 200)["data"][0]["id"].clone();
    let claim = json!({"budget_line_id": line, "kind": "other", "title": "资料", "payee": {"kind": "supplier", "name": "示例"}, "payment_method": "official_card",
        "lines": [{"expense_item_id": item, "description": "资料", "amount": "10.00"}]});
    ok(app.post(&street.party_office, "/claims", claim).await, 201);
    ok(app.upload(&street.party_office, "/attachments", ("a.pdf", b"%PDF-1.7".to_vec()), &[]).await, 201);
    let invoice = json!({"kind": "paper_vat", "code": "4200171320", "number": "12345678", "seller_name": "示例", "issued_on": "2017-01-02", "total": "10.00"});
    ok(app.post(&street.party_office, "/invoices", invoice).await, 201);
    ok(app.post(&street.first, "/paper-rules", json!({"claim_kind": "lecture", "paper": "pay_list", "effective_from": "2018-01-01", "source": "示例"})).await, 201);
    ok(app.money(&street.accountant, "/donations", json!({"date": "2017-01-03", "amount": "5.00", "purpose": "红色基金"}), "don").await, 201);
    ok(app.post(&street.party_office, "/donation-uses", json!({"title": "慰问", "payee_name": "示例", "amount": "1.00"})).await, 201);
    let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "k", "name": "补助", "frequency": "quarter"})).await, 201)["id"].clone();
    let scheme = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "遗属补助", "line_scope": "street", "tax_kind": "exempt", "first_period": "2017Q1", "rates": [{"from_month": "2017-01", "amount": "10.00"}]});
    let scheme = ok(app.post(&street.party_office, "/stipend-schemes", scheme).await, 201)["id"].clone();
    let person = json!({"name": "张示例", "id_number": "11010519491231002X", "account": {"number": "6222021234567890128", "bank_name": "示例银行"}});
    let person = ok(app.post(&street.party_office, "/beneficiaries", person).await, 201)["id"].clone();
    ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": scheme, "beneficiary_id": person, "from_date": "2017-01-01"})).await, 201);
    ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": scheme, "period": "2017Q1"})).await, 201);
}

/// Tokens of everybody, one for each role.
async fn people(app: &TestApp, street: &Street, prefix: &str) -> Vec<String> {
    let secretary = street.person(app, &format!("{prefix}secretary"), "community_secretary").await;
    let inspector = street.person(app, &format!("{prefix}inspector"), "inspector").await;
    let administrator = street.person(app, &format!("{prefix}administrator"), "street_admin").await;
    let of_street = [&street.first, &street.party_office, &street.leader, &street.accountant, &street.cashier, &street.staff];
    of_street.into_iter().cloned().chain([secretary, inspector, administrator]).collect()
}

async fn first_id(app: &TestApp, tokens: &[String], list: &str) -> Option<String> {
    for token in tokens {
        if let Some(id) = app.get(token, list).await.body["data"][0]["id"].as_str() {
            return Some(id.to_owned());
        }
    }
    None
}

/// Status, code and words of an answer, without what is each request's own.
async fn try_id(app: &TestApp, token: &str, method: &Method, path: &str, id: &str) -> (u16, Value) {
    let mut concrete = path.replace("/api/v1", "").replacen("{id}", id, 1);
    while let (Some(from), Some(to)) = (concrete.find('{'), concrete.find('}')) {
        concrete.replace_range(from..=to, id);
    }
    let key = uuid::Uuid::now_v7().to_string();
    let body = (*method != Method::GET).then(|| json!({}));
    let answer = app.send(method.clone(), &concrete, token, body, &[("If-Match", "\"v1\""), ("Idempotency-Key", &key)]).await;
    let mut said = answer.body.clone();
    for own in ["instance", "request_id"] {
        if let Some(fields) = said.as_object_mut() {
            fields.remove(own);
        }
    }
    (answer.status.as_u16(), said)
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
