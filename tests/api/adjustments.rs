//! What changes an approved budget: new lines, lines that get money for the first time, and what its preparer takes back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

async fn adjust(app: &TestApp, street: &Street, budget: &Value, kind: &str, lines: Value) -> Answer {
    app.post(&street.party_office, "/budget-adjustments", json!({"budget_id": budget["id"], "kind": kind, "reason": "任务变化", "lines": lines})).await
}

async fn act(app: &TestApp, token: &str, document: &Value, noun: &str, action: &str) -> Answer {
    let path = format!("/{noun}/{}", document["id"].as_str().unwrap());
    let etag = app.get(token, &path).await.etag.unwrap();
    app.act(token, &format!("{path}/{action}"), &etag).await
}

fn faults(answer: &Answer) -> Vec<(&str, &str)> {
    answer.body["errors"].as_array().unwrap().iter().map(|fault| (fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap())).collect()
}

async fn line(app: &TestApp, street: &Street, id: &Value) -> Value {
    ok(app.get(&street.party_office, &format!("/budget-lines/{}", id.as_str().unwrap())).await, 200)
}

on_both_databases! {
    async fn a_supplement_adds_a_line_that_the_budget_did_not_have_where_it_has_a_plan(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let foreign = Street::beside(app, &street, "s-").await;
        let budget = street.budget(app, "100.00", json!([{"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]}])).await;
        let own = budget["lines"][0]["id"].clone();
        let new = |community: &str, amount: &str| json!({"category_id": street.category, "community_id": community, "amount": amount, "plan_item_ids": [street.plan_item]});
        let bare = json!({"category_id": street.category, "community_id": street.community, "amount": "50.00"});
        assert_eq!(faults(&adjust(app, &street, &budget, "supplement", json!([bare])).await), [("/lines/0/plan_item_ids", "plan_item_required")]);
        assert_eq!(faults(&adjust(app, &street, &budget, "supplement", json!([{"amount": "5.00"}])).await), [("/lines/0/budget_line_id", "line_or_category")]);
        let both = json!([{"budget_line_id": own, "category_id": street.category, "amount": "5.00"}, {"budget_line_id": own, "community_id": street.community, "amount": "5.00"}]);
        let both = adjust(app, &street, &budget, "supplement", both).await;
        assert_eq!(faults(&both), [("/lines/0/budget_line_id", "line_or_category"), ("/lines/1/community_id", "line_or_category"), ("/lines/1/budget_line_id", "line_twice")]);
        assert_eq!(faults(&adjust(app, &street, &budget, "supplement", json!([new(&street.community, "1.00"), new(&street.community, "2.00")])).await), [("/lines/1/category_id", "line_twice")]);
        assert_eq!(faults(&adjust(app, &street, &budget, "reduction", json!([new(&street.community, "-1.00")])).await), [("/lines/0/amount", "wrong_sign")]);
        assert_eq!(faults(&adjust(app, &street, &budget, "supplement", json!([new(&foreign.community, "1.00")])).await), [("/lines/0/community_id", "unknown_reference")]);
        let streets_own = json!([{"category_id": street.category, "amount": "5.00", "plan_item_ids": [street.plan_item]}]);
        assert_eq!(faults(&adjust(app, &street, &budget, "supplement", streets_own).await), [("/lines/0/category_id", "line_twice")], "that line is there");
        let lines = json!([new(&street.community, "50.00"), {"budget_line_id": own, "amount": "7.00"}]);
        let made = ok(adjust(app, &street, &budget, "supplement", lines.clone()).await, 201);
        let again = ok(adjust(app, &street, &budget, "supplement", lines).await, 201);
        let approved = ok(act(app, &street.first, &made, "budget-adjustments", "approve").await, 200);
        let added = line(app, &street, &approved["lines"][0]["budget_line_id"]).await;
        assert_eq!((&added["community_id"], &added["amount"], &added["approved"], &added["available"], &added["state"]), (&json!(street.community), &json!("0.00"), &json!("50.00"), &json!("50.00"), &json!("approved")));
        assert_eq!(added["plan_item_ids"], json!([street.plan_item]));
        assert_eq!(act(app, &street.first, &again, "budget-adjustments", "approve").await.code(), (422, "line_twice"), "the first one has added it");
        assert_eq!(line(app, &street, &own).await["approved"], json!("107.00"), "nothing of the second is done");
        assert_eq!(ok(app.get(&street.party_office, &format!("/budgets/{}", budget["id"].as_str().unwrap())).await, 200)["lines"].as_array().unwrap().len(), 2);
    }

    async fn two_budgets_of_a_year_do_not_both_get_a_line_for_one_category_and_unit(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let other = street.new_category(app, "C07", "街道志编撰", false).await;
        let first = street.budget(app, "100.00", json!([{"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]}])).await;
        let lines = json!([{"category_id": street.category, "community_id": street.community, "amount": "10.00", "plan_item_ids": [street.plan_item]}]);
        let second = ok(app.post(&street.party_office, "/budgets", json!({"fiscal_year": 2017, "programme": "专项", "total": "10.00", "lines": lines})).await, 201);
        ok(act(app, &street.party_office, &second, "budgets", "submit").await, 200);
        let second = ok(act(app, &street.first, &second, "budgets", "approve").await, 200);
        let new = json!([{"category_id": other, "amount": "5.00", "plan_item_ids": [street.plan_item]}]);
        let (one, two) = (ok(adjust(app, &street, &first, "supplement", new.clone()).await, 201), ok(adjust(app, &street, &second, "supplement", new.clone()).await, 201));
        ok(act(app, &street.first, &one, "budget-adjustments", "approve").await, 200);
        assert_eq!(act(app, &street.first, &two, "budget-adjustments", "approve").await.code(), (422, "line_twice"));
        assert_eq!(adjust(app, &street, &second, "supplement", new).await.code(), (422, "line_twice"));
    }

    async fn the_leader_transfers_to_a_new_line_and_a_line_without_a_plan_gets_nothing(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let other = street.new_category(app, "C07", "街道志编撰", false).await;
        let lines = json!([{"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]}, {"category_id": other, "amount": "0.00"}]);
        let budget = street.budget(app, "100.00", lines).await;
        let of = |category: &str| budget["lines"].as_array().unwrap().iter().find(|line| line["category_id"] == json!(category)).unwrap()["id"].clone();
        let (own, empty) = (of(&street.category), of(&other));
        let to_empty = |items: Value| json!([{"budget_line_id": own, "amount": "-30.00"}, {"budget_line_id": empty, "amount": "30.00", "plan_item_ids": items}]);
        assert_eq!(faults(&adjust(app, &street, &budget, "transfer", to_empty(json!([]))).await), [("/lines/1/plan_item_ids", "plan_item_required")]);
        let made = ok(adjust(app, &street, &budget, "transfer", to_empty(json!([street.plan_item]))).await, 201);
        ok(act(app, &street.leader, &made, "budget-adjustments", "approve").await, 200);
        let filled = line(app, &street, &empty).await;
        assert_eq!((&filled["approved"], &filled["plan_item_ids"]), (&json!("30.00"), &json!([street.plan_item])));
        let on = json!([{"budget_line_id": own, "amount": "-20.00"}, {"category_id": street.category, "community_id": street.community, "amount": "20.00", "plan_item_ids": [street.plan_item]}]);
        let made = ok(adjust(app, &street, &budget, "transfer", on).await, 201);
        let approved = ok(act(app, &street.leader, &made, "budget-adjustments", "approve").await, 200);
        assert_eq!(line(app, &street, &approved["lines"][1]["budget_line_id"]).await["available"], json!("20.00"));
        assert_eq!(line(app, &street, &own).await["available"], json!("50.00"));
        // A plan item that the district has not approved comes with a supplement only, and another street's with none.
        let fresh = ok(app.post(&street.party_office, "/plan-items", json!({"fiscal_year": 2017, "title": "新项目", "objective": "示例"})).await, 201)["id"].as_str().unwrap().to_owned();
        let with = |item: &str| json!([{"budget_line_id": own, "amount": "-1.00", "plan_item_ids": [item]}, {"budget_line_id": empty, "amount": "1.00"}]);
        assert_eq!(faults(&adjust(app, &street, &budget, "transfer", with(&fresh)).await), [("/lines/0/plan_item_ids/0", "plan_item_required")]);
        ok(app.post(&street.party_office, &format!("/plan-items/{fresh}/targets"), json!({"name": "走访", "comparison": "at_least", "value": "12", "unit": "次"})).await, 201);
        assert_eq!(faults(&adjust(app, &street, &budget, "transfer", with(&fresh)).await), [("/lines/0/plan_item_ids/0", "plan_not_approved")]);
        assert_eq!(faults(&adjust(app, &street, &budget, "transfer", with(&uuid::Uuid::now_v7().to_string())).await), [("/lines/0/plan_item_ids/0", "unknown_reference")]);
        ok(adjust(app, &street, &budget, "supplement", json!([{"budget_line_id": empty, "amount": "1.00", "plan_item_ids": [fresh]}])).await, 201);
        // Again to the line that has its plan now.
        ok(adjust(app, &street, &budget, "supplement", json!([{"budget_line_id": empty, "amount": "1.00"}])).await, 201);
    }

    async fn what_is_submitted_is_taken_back_by_its_preparer_until_it_is_decided_on(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let line = json!({"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]});
        let draft = ok(app.post(&street.party_office, "/budgets", json!({"fiscal_year": 2017, "programme": "党建", "total": "100.00", "lines": [line]})).await, 201);
        assert_eq!(act(app, &street.party_office, &draft, "budgets", "withdraw").await.code(), (409, "invalid_transition"));
        ok(act(app, &street.party_office, &draft, "budgets", "submit").await, 200);
        assert_eq!(act(app, &street.first, &draft, "budgets", "withdraw").await.code(), (403, "forbidden"), "who approves returns it");
        assert_eq!(ok(act(app, &street.party_office, &draft, "budgets", "withdraw").await, 200)["state"], json!("draft"));
        assert_eq!(act(app, &street.first, &draft, "budgets", "approve").await.code(), (409, "invalid_transition"));
        assert_eq!(ok(act(app, &street.party_office, &draft, "budgets", "submit").await, 200)["revision"], json!(2));
        let budget = ok(act(app, &street.first, &draft, "budgets", "approve").await, 200);
        assert_eq!(act(app, &street.party_office, &draft, "budgets", "withdraw").await.code(), (409, "invalid_transition"));
        let made = ok(adjust(app, &street, &budget, "supplement", json!([{"budget_line_id": budget["lines"][0]["id"], "amount": "5.00"}])).await, 201);
        assert_eq!(act(app, &street.first, &made, "budget-adjustments", "withdraw").await.code(), (403, "forbidden"));
        assert_eq!(ok(act(app, &street.party_office, &made, "budget-adjustments", "withdraw").await, 200)["state"], json!("withdrawn"));
        assert_eq!(act(app, &street.first, &made, "budget-adjustments", "approve").await.code(), (409, "invalid_transition"));
        let reject = format!("/budget-adjustments/{}/reject", made["id"].as_str().unwrap());
        assert_eq!(app.send(Method::POST, &reject, &street.first, Some(json!({"reason": "撤回"})), &[("If-Match", "\"v2\"")]).await.code(), (409, "invalid_transition"));
        assert_eq!(ok(app.get(&street.leader, "/budget-adjustments?state=withdrawn").await, 200)["data"].as_array().unwrap().len(), 1);
    }
}
