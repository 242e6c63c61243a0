//! Refusals that no other test meets.

use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::{Street, ok};

on_both_databases! {
    async fn what_is_there_already_is_not_made_again(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let item = |title: &str| json!({"community_id": street.community, "fiscal_year": 2017, "title": title, "objective": "一社区一品牌", "brand_project": true,
            "targets": [{"name": "场次", "comparison": "at_least", "value": "4", "unit": "次"}]});
        ok(app.post(&street.party_office, "/plan-items", item("品牌")).await, 201);
        assert_eq!(app.post(&street.party_office, "/plan-items", item("另一品牌")).await.code(), (409, "brand_project_taken"));
        let target = json!({"name": "发放次数", "comparison": "at_least", "value": "4", "unit": "次"});
        assert_eq!(app.post(&street.party_office, &format!("/plan-items/{}/targets", street.plan_item), target).await.code(), (409, "target_exists"));
        let user = |name: &str| json!({"username": name, "display_name": "某人", "unit_id": street.id, "first_password": "another horse battery staple", "id_number": "11010519491231002X"});
        assert_eq!(app.post(&street.first, "/users", json!({"username": "office", "display_name": "某人", "unit_id": street.id, "first_password": "another horse battery staple"})).await.code(), (409, "username_taken"));
        ok(app.post(&street.first, "/users", user("one")).await, 201);
        assert_eq!(app.post(&street.first, "/users", user("two")).await.code(), (409, "person_has_account"));
        assert_eq!(app.post(&street.first, "/org-units", json!({"parent_id": street.community, "name": "某组"})).await.code(), (422, "no_level_below"));
        assert_eq!(app.send(Method::DELETE, "/categories", &street.first, None, &[]).await.code(), (405, "method_not_allowed"));
    }

    async fn a_closed_month_takes_no_receipt_and_a_receipt_is_above_zero(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        assert_eq!(street.receive(app, "0.00", "D0").await.body["errors"][0]["code"], json!("amount_not_positive"));
        app.context.clocks.set("2017-02-03T01:00:00Z".parse().unwrap());
        let january = ok(app.get(&street.accountant, "/ledger/periods?sort=month").await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(app.act(&street.accountant, &format!("/ledger/periods/{january}/close"), "\"v1\"").await, 200);
        assert_eq!(street.receive(app, "10.00", "D1").await.code(), (409, "period_closed"));
    }

    async fn a_scheme_needs_a_category_that_pays_people(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let category = json!({"code": "C09", "name": "纪检小组", "pays_individuals": false, "carry_over": "returns"});
        let category = ok(app.post(&street.first, "/categories", category).await, 201)["id"].clone();
        let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "k", "name": "补助", "frequency": "quarter"})).await, 201)["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": category, "name": "补助", "line_scope": "street", "tax_kind": "exempt", "first_period": "2017Q1", "rates": [{"from_month": "2017-01", "amount": "10.00"}]});
        assert_eq!(app.post(&street.party_office, "/stipend-schemes", scheme).await.code(), (422, "category_pays_no_individuals"));
    }

    async fn submitting_says_who_could_act_next_and_refuses_what_nobody_could(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let budget = street.budget(app, "100.00", json!([{"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]}])).await;
        let line = budget["lines"][0]["id"].clone();
        let supplement = json!({"budget_id": budget["id"], "kind": "supplement", "reason": "追加", "lines": [{"budget_line_id": line, "amount": "10.00"}]});
        let made = ok(app.post(&street.party_office, "/budget-adjustments", supplement).await, 201);
        assert_eq!(made["next_actors"], json!([{"role": "district_admin", "people": 2}]));
        let accounts = ok(app.get(&street.first, "/role-assignments?limit=200").await, 200);
        let accountant = accounts["data"].as_array().unwrap().iter().find(|held| held["role"] == json!("accountant")).unwrap().clone();
        let (id, version) = (accountant["id"].as_str().unwrap(), accountant["version"].as_i64().unwrap());
        ok(app.act(&street.first, &format!("/role-assignments/{id}/end"), &format!("\"v{version}\"")).await, 200);
        let person = ok(app.post(&street.party_office, "/beneficiaries", json!({"name": "张示例", "id_number": "11010519491231002X"})).await, 201)["id"].as_str().unwrap().to_owned();
        let account = json!({"number": "6222021234567890128", "bank_name": "示例银行"});
        assert_eq!(app.post(&street.party_office, &format!("/beneficiaries/{person}/bank-accounts"), account).await.code(), (422, "no_eligible_actor"));
    }
}
