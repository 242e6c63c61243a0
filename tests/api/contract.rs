//! What a client may rely on whatever it asks for: methods, headers, forms of bodies, references.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

/// The pointers of a refusal, sorted, each with its code.
fn told(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut told: Vec<_> = answer.body["errors"].as_array().unwrap().iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect();
    told.sort();
    told
}

fn unknown(pointers: &[&str]) -> Vec<(String, String)> {
    let mut all: Vec<_> = pointers.iter().map(|pointer| ((*pointer).to_owned(), "unknown_reference".to_owned())).collect();
    all.sort();
    all
}

on_both_databases! {
    async fn a_path_tells_which_methods_it_takes(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let wrong = app.send(Method::DELETE, "/claims", &first, None, &[]).await;
        assert_eq!((wrong.code(), wrong.header("allow")), ((405, "method_not_allowed"), "GET, HEAD, OPTIONS, POST"));
        assert_eq!(app.send(Method::PUT, "/nothing", &first, None, &[]).await.code(), (404, "not_found"));
        let asked = app.send(Method::OPTIONS, &format!("/claims/{}", Uuid::now_v7()), "", None, &[]).await;
        assert_eq!((asked.status.as_u16(), asked.header("allow"), asked.text.as_str()), (204, "GET, HEAD, OPTIONS, PATCH", ""));
        let outside = app.send(Method::POST, "/health/live", "", None, &[]).await;
        assert_eq!((outside.code(), outside.header("allow")), ((405, "method_not_allowed"), "GET, HEAD, OPTIONS"));
    }

    async fn a_head_is_answered_as_the_get_without_its_content(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let district = app.get(&first, "/org-units?level=district").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        for (path, token) in [(format!("/org-units/{district}"), first.as_str()), ("/org-units".to_owned(), &first), ("/health/live".to_owned(), ""), ("/me".to_owned(), "")] {
            let get = app.get(token, &path).await;
            let head = app.send(Method::HEAD, &path, token, None, &[]).await;
            assert_eq!((head.status, head.header("content-type"), head.header("etag"), head.text.as_str()), (get.status, get.header("content-type"), get.header("etag"), ""), "{path}");
        }
        let file = app.send(Method::HEAD, "/org-units", &first, None, &[("Accept", "text/csv")]).await;
        assert_eq!((file.status.as_u16(), file.header("content-type"), file.text.as_str()), (200, "text/csv; charset=utf-8", ""));
    }

    async fn who_is_not_known_learns_how_to_say_who_it_is(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let refused = app.get("", "/me").await;
        assert_eq!((refused.code(), refused.header("www-authenticate")), ((401, "unauthenticated"), "Bearer"));
        for scheme in ["bearer", "BEARER"] {
            assert_eq!(app.send(Method::GET, "/me", "", None, &[("Authorization", &format!("{scheme} {first}"))]).await.status, 200, "{scheme}");
        }
        assert_eq!(app.send(Method::GET, "/me", "", None, &[("Authorization", &format!("Basic {first}"))]).await.status, 401);
    }

    async fn every_answer_says_how_long_it_may_be_kept(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        for path in ["/health/live", "/health/ready", "/metrics", "/me", "/nothing"] {
            assert_eq!(app.get(&first, path).await.header("cache-control"), "no-store", "{path}");
        }
        for path in ["/openapi.json", "/docs/", "/docs/errors"] {
            assert_eq!(app.get("", path).await.header("cache-control"), "no-cache", "{path}");
        }
    }

    async fn references_that_lead_nowhere_are_told_at_once(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        street.budget(app, "100.00", json!([{"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]}])).await;
        let id = Uuid::now_v7;
        let claim = json!({"community_id": street.community, "budget_line_id": id(), "kind": "other", "title": "场地", "plan_item_id": id(), "activity_id": id(), "commitment_id": id(),
            "payee_id": id(), "payment_method": "transfer", "papers": [{"attachment_id": id(), "paper_kind": "other"}],
            "lines": [{"expense_item_id": id(), "description": "场地", "amount": "10.00", "draws": [{"invoice_id": id(), "amount": "10.00"}]}, {"expense_item_id": id(), "description": "场地", "amount": "10.00"}]});
        let refused = app.post(&street.staff, "/claims", claim).await;
        assert_eq!(refused.code(), (422, "unknown_reference"), "{}", refused.text);
        let expected = ["/budget_line_id", "/plan_item_id", "/activity_id", "/commitment_id", "/payee_id", "/papers/0/attachment_id", "/lines/0/expense_item_id", "/lines/0/draws/0/invoice_id", "/lines/1/expense_item_id"];
        assert_eq!(told(&refused), unknown(&expected));
        let budget = json!({"fiscal_year": 2017, "programme": "另一项目", "total": "1.00", "lines": [
            {"category_id": id(), "amount": "1.00", "plan_item_ids": [street.plan_item, id(), id()]}, {"category_id": street.category, "community_id": id(), "amount": "0.00"}]});
        let refused = app.post(&street.party_office, "/budgets", budget).await;
        assert_eq!(told(&refused), unknown(&["/lines/0/category_id", "/lines/0/plan_item_ids/1", "/lines/0/plan_item_ids/2", "/lines/1/community_id"]), "{}", refused.text);
        let receipt = json!({"date": "2017-01-03", "document_number": "1", "amount": "2.00", "lines": [{"category_id": id(), "amount": "1.00"}, {"category_id": id(), "amount": "1.00"}]});
        let refused = app.money(&street.accountant, "/receipts", receipt, "r").await;
        assert_eq!(told(&refused), unknown(&["/lines/0/category_id", "/lines/1/category_id"]), "{}", refused.text);
        assert_eq!(app.get(&street.accountant, &format!("/ledger/verify?street_id={}", id())).await.code(), (422, "unknown_reference"));
    }

    async fn an_array_is_no_object_and_what_is_no_json_is_told_first(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let item = format!("/plan-items/{}", street.plan_item);
        let patched = app.send_text(Method::PATCH, &item, &street.party_office, Some(r#"["x","y",["a"],true]"#.to_owned()), &[("If-Match", "\"v1\"")]).await;
        assert_eq!((patched.code(), told(&patched)), ((422, "wrong_type"), vec![(String::new(), "wrong_type".to_owned())]), "{}", patched.text);
        let nested = json!({"fiscal_year": 2017, "programme": "党建", "total": "1.00", "lines": [[street.category, null, "1.00", [], null]]});
        assert_eq!(told(&app.post(&street.party_office, "/budgets", nested).await), [("/lines/0".to_owned(), "wrong_type".to_owned())]);
        assert_eq!(app.post("", "/auth/login", json!(["first", crate::support::PASSWORD, null])).await.code(), (422, "wrong_type"));
        for text in ["{\"street_id\":1", "{\"a\":1", "{\"fiscal_year\":\"x\",", "[1"] {
            assert_eq!(app.send_text(Method::POST, "/budgets", &street.party_office, Some(text.to_owned()), &[]).await.code(), (400, "malformed_json"), "{text}");
        }
    }

    async fn a_refusal_is_told_in_the_language_that_is_liked_best(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let post = async |body: &str, language: &str| app.send_text(Method::POST, "/budgets", &street.party_office, Some(body.to_owned()), &[("Accept-Language", language)]).await;
        for body in ["{", "[]", "{\"foo\":1}", "{}", "{\"fiscal_year\":\"x\"}", "{\"street_id\":\"x\"}", "{\"fiscal_year\":2017,\"programme\":\"a\",\"total\":\"1\"}"] {
            let refused = post(body, "zh-CN").await;
            let messages: Vec<&Value> = refused.body["errors"].as_array().unwrap().iter().map(|error| &error["message"]).collect();
            let words = format!("{} {messages:?}", refused.body["detail"]).to_lowercase();
            assert!(!["expected", "invalid", "missing", "struct", "at line", "found", "an amount"].iter().any(|word| words.contains(word)), "{body}: {words}");
        }
        let query = app.send(Method::GET, "/summary/street?fiscal_year=x", &street.leader, None, &[("Accept-Language", "zh")]).await;
        assert_eq!((query.code(), query.body["detail"].as_str()), ((400, "invalid_parameter"), Some("参数 fiscal_year：须为整数")));
        assert_eq!(post("{}", "zh;q=0.1,en;q=0.9").await.body["title"], json!("The content lacks a field"));
    }

    async fn a_query_names_each_thing_once(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        for path in ["/claims?limit=1&limit=2", "/claims?state=paid&state=draft", "/claims?columns=id&columns=title", "/summary/street?fiscal_year=2017&fiscal_year=2016"] {
            assert_eq!(app.get(&street.leader, path).await.code(), (400, "invalid_parameter"), "{path}");
        }
    }

    async fn a_dry_run_names_no_row_that_never_was(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let unit = json!({"parent_id": street.id, "name": "另一社区"});
        let dry = app.post(&street.first, "/org-units?dry_run=true", unit.clone()).await;
        assert_eq!((dry.status.as_u16(), dry.header("location"), dry.header("etag")), (200, "", ""), "{}", dry.text);
        let made = app.post(&street.first, "/org-units", unit).await;
        assert_eq!((made.status.as_u16(), made.header("location").is_empty()), (201, false));
    }

    async fn what_is_made_can_be_read_where_its_answer_says(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let (user, _) = app.user(&street.first, "helper", &street.id).await;
        let granted = app.post(&street.first, "/role-assignments", json!({"user_id": user, "role": "inspector", "unit_id": street.id})).await;
        let read = app.get(&street.first, granted.header("location").trim_start_matches("/api/v1")).await;
        assert_eq!((read.status.as_u16(), &read.body, read.header("etag")), (200, &granted.body, granted.header("etag")), "{}", read.text);
        assert_eq!(app.get(&street.first, &format!("/role-assignments/{}", Uuid::now_v7())).await.code(), (404, "not_found"));
        let person = json!({"name": "张示例", "id_number": "420104199001010009", "account": {"number": "6222021234567890128", "bank_name": "示例银行"}});
        let person = ok(app.post(&street.party_office, "/beneficiaries", person).await, 201)["id"].as_str().unwrap().to_owned();
        let account = json!({"number": "4111111111111112", "bank_name": "示例银行", "holder_name": "李监护", "holder_relation": "guardian"});
        let added = app.post(&street.party_office, &format!("/beneficiaries/{person}/bank-accounts"), account).await;
        let path = added.header("location").trim_start_matches("/api/v1").to_owned();
        let masked = app.get(&street.accountant, &path).await;
        assert_eq!((masked.status.as_u16(), masked.header("etag"), &masked.body["luhn_holds"]), (200, "\"v1\"", &json!(false)), "{}", masked.text);
        assert!(!masked.text.contains("4111111111111112") && !masked.text.contains("李监护"));
        assert_eq!(app.get(&street.accountant, &format!("{path}?unmasked=true")).await.code(), (422, "reason_required"));
        assert_eq!(app.get(&street.leader, &format!("{path}?unmasked=true&reason=x")).await.code(), (403, "forbidden"));
        let whole = ok(app.get(&street.accountant, &format!("{path}?unmasked=true&reason=%E6%A0%B8%E5%AF%B9")).await, 200);
        assert_eq!((&whole["number"], &whole["holder_name"]), (&json!("4111111111111112"), &json!("李监护")));
        let kept = ok(app.get(&street.first, "/audit-events?action=bank_account.unmask").await, 200)["data"].clone();
        assert_eq!((kept.as_array().unwrap().len(), &kept[0]["reason"]), (1, &json!("核对")));
    }
}
