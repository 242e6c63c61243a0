//! The rules of spending as data: what ships and is adopted, standards with their dates, what a claim's lines must say, lecture fees with their tax.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

/// A street whose district adopted what ships, a category that allows most of it, a line of the street and everybody a claim needs.
struct Spending {
    street: Street,
    line: String,
}

impl Spending {
    async fn open(app: &TestApp) -> Self {
        let street = Street::open(app, "硚口区", "s-").await;
        ok(app.post(&street.first, "/standards/defaults", json!({"effective_from": "2017-01-01"})).await, 200);
        Self::open_in(app, street).await
    }

    async fn open_in(app: &TestApp, street: Street) -> Self {
        let mut spending = Self { street, line: String::new() };
        let mut allowed = Vec::new();
        for name in ["租车费", "伙食费", "住宿费", "场地费", "讲课费", "资料费"] {
            allowed.push(spending.item(app, name).await);
        }
        let category = json!({"code": "C01", "name": "基层党建专项", "carry_over": "returns", "allowed_item_ids": allowed});
        let category = ok(app.post(&spending.street.first, "/categories", category).await, 201);
        assert_eq!(category["forbidden_item_ids"].as_array().unwrap().len(), 6, "the bans are forbidden by default");
        let lines = json!([{"category_id": category["id"], "amount": "30000.00", "plan_item_ids": [spending.street.plan_item]}]);
        let budget = spending.street.budget(app, "30000.00", lines).await;
        spending.line = budget["lines"][0]["id"].as_str().unwrap().to_owned();
        let receipt = json!({"date": "2017-01-03", "document_number": "财预1号", "amount": "30000.00", "lines": [{"category_id": category["id"], "amount": "30000.00"}]});
        ok(app.money(&spending.street.accountant, "/receipts", receipt, "receipt").await, 201);
        spending
    }

    async fn item(&self, app: &TestApp, name: &str) -> String {
        let items = ok(app.get(&self.street.first, "/expense-items?limit=200").await, 200);
        let found = items["data"].as_array().unwrap().iter().find(|item| item["name"] == json!(name)).unwrap();
        found["id"].as_str().unwrap().to_owned()
    }

    /// A line of this item, with what else it says.
    async fn claim_line(&self, app: &TestApp, name: &str, more: Value) -> Value {
        let mut line = json!({"expense_item_id": self.item(app, name).await, "description": name});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    }

    fn claim(&self, lines: Value, submit: bool) -> Value {
        json!({"budget_line_id": self.line, "kind": "other", "title": "主题党日", "payment_method": "transfer", "lines": lines, "submit": submit,
            "payee": {"kind": "person", "name": "教授示例", "account_number": "6299990000001234", "bank_name": "示例银行"}})
    }

    async fn draft(&self, app: &TestApp, lines: Value) -> Answer {
        app.post(&self.street.party_office, "/claims", self.claim(lines, false)).await
    }

    async fn one(&self, app: &TestApp, name: &str, more: Value) -> Answer {
        let line = self.claim_line(app, name, more).await;
        self.draft(app, json!([line])).await
    }

    async fn step(&self, app: &TestApp, who: &str, id: &str, action: &str, body: Value) -> Answer {
        let etag = app.get(&self.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        app.send(Method::POST, &format!("/claims/{id}/{action}"), who, Some(body), &[("If-Match", &etag), ("Idempotency-Key", &format!("{id}{action}"))]).await
    }

    async fn standard(&self, app: &TestApp, item: &str, more: Value) -> Answer {
        let mut body = json!({"expense_item_id": self.item(app, item).await, "name": item, "above": "refuse", "source": "区标准"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post(&self.street.first, "/standards", body).await
    }
}

/// Pointer and code of each fault.
fn faults(answer: &Answer) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    answer.body["errors"].as_array().unwrap().iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

on_both_databases! {
    async fn a_district_adopts_what_ships_once_and_all_below_read_it_and_no_other_district(app: TestApp) {
        let (street, other) = (Street::open(app, "硚口区", "a-").await, Street::open(app, "江汉区", "b-").await);
        let own = ok(app.post(&street.first, "/expense-items", json!({"code": "F01", "name": "办公费"})).await, 201);
        let lecture = ok(app.post(&street.first, "/expense-items", json!({"code": "L", "name": "讲课费"})).await, 201);
        let dry = ok(app.post(&street.first, "/standards/defaults?dry_run=true", json!({})).await, 200);
        assert_eq!(dry["standards"].as_array().unwrap().len(), 12);
        let adopted = ok(app.post(&street.first, "/standards/defaults", json!({"effective_from": "2017-01-01"})).await, 200);
        let codes: Vec<_> = adopted["expense_items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["F01-2", "F02", "F03", "F04", "F05", "L", "F07", "F08", "F91", "F92", "F93", "F94", "F95", "F97"], "a code in use stays, an item of the name is taken");
        assert_eq!((adopted["standards"].as_array().unwrap().len(), &adopted["tax_rule"]["to_be_confirmed"], &adopted["categories"]), (12, &json!(true), &json!([street.category])));
        let coach = adopted["standards"].as_array().unwrap().iter().find(|standard| standard["grade"] == json!("over_25_seats")).unwrap();
        assert_eq!((&coach["amount"], &coach["basis"], &coach["source"]), (&json!("1500.00"), &json!("vehicle_day"), &json!("财行〔2017〕324号")));
        assert_eq!(ok(app.get(&street.staff, &format!("/expense-items/{}", lecture["id"].as_str().unwrap())).await, 200)["labour_income"], json!(true));
        assert_eq!(ok(app.get(&street.staff, &format!("/expense-items/{}", own["id"].as_str().unwrap())).await, 200)["ban"], Value::Null);
        let again = ok(app.post(&street.first, "/standards/defaults", json!({})).await, 200);
        assert_eq!(again, json!({"expense_items": [], "standards": [], "tax_rule": null, "categories": []}));
        let path = format!("/standards/{}", coach["id"].as_str().unwrap());
        for token in [&street.staff, &street.party_office, &street.second] {
            assert_eq!(ok(app.get(token, "/standards").await, 200)["data"].as_array().unwrap().len(), 12);
            assert_eq!(ok(app.get(token, &path).await, 200)["last_day"], Value::Null);
        }
        assert_eq!(ok(app.get(&street.staff, "/tax-rules").await, 200)["data"].as_array().unwrap().len(), 1);
        assert_eq!(app.post(&street.party_office, "/standards/defaults", json!({})).await.code(), (403, "forbidden"));
        assert_eq!(ok(app.get(&other.first, "/standards").await, 200)["data"], json!([]));
        assert_eq!(app.get(&other.first, &path).await.code(), (404, "not_found"));
        let foreign = json!({"expense_item_id": coach["expense_item_id"], "name": "租车", "basis": "vehicle_day", "amount": "1.00", "above": "mark", "effective_from": "2017-01-01", "source": "x"});
        assert_eq!(app.post(&other.first, "/standards", foreign).await.code(), (422, "unknown_reference"));
        let events = ok(app.get(&street.first, "/audit-events?action=standard.set&limit=200").await, 200);
        assert_eq!(events["data"].as_array().unwrap().len(), 12);
    }

    async fn an_item_is_renamed_and_a_category_may_lift_a_ban_by_name_only(app: TestApp) {
        let spending = Spending::open(app).await;
        let id = spending.item(app, "固定资产购置费").await;
        let patch = async |path: String, body: Value, etag: &str| app.send(Method::PATCH, &path, &spending.street.first, Some(body), &[("If-Match", etag)]).await;
        let renamed = ok(patch(format!("/expense-items/{id}"), json!({"name": "设备购置费"}), "\"v2\"").await, 200);
        assert_eq!((&renamed["name"], &renamed["ban"], &renamed["version"]), (&json!("设备购置费"), &json!("fixed_assets"), &json!(3)));
        let category = ok(app.get(&spending.street.first, "/categories?code=C01").await, 200)["data"][0].clone();
        let path = format!("/categories/{}", category["id"].as_str().unwrap());
        let both = json!({"allowed_item_ids": [id], "forbidden_item_ids": [id]});
        assert_eq!(faults(&patch(path.clone(), both, "\"v1\"").await), pairs(&[("/forbidden_item_ids/0", "contradiction")]));
        let unknown = json!({"allowed_item_ids": [uuid::Uuid::now_v7()], "forbidden_item_ids": [uuid::Uuid::now_v7()]});
        assert_eq!(faults(&patch(path.clone(), unknown, "\"v1\"").await), pairs(&[("/allowed_item_ids/0", "unknown_reference"), ("/forbidden_item_ids/0", "unknown_reference")]));
        let changed = ok(patch(path, json!({"allowed_item_ids": [id], "forbidden_item_ids": []}), "\"v1\"").await, 200);
        assert_eq!((changed["allowed_item_ids"].as_array().unwrap().len(), changed["forbidden_item_ids"].as_array().unwrap().len()), (1, 5));
    }

    async fn every_line_at_fault_is_told_at_once(app: TestApp) {
        let spending = Spending::open(app).await;
        let tourism = spending.claim_line(app, "旅游费", json!({"amount": "10.00"})).await;
        let train = spending.claim_line(app, "城市间交通费", json!({"amount": "10.00"})).await;
        assert_eq!(spending.draft(app, json!([tourism])).await.code(), (422, "item_forbidden"));
        assert_eq!(spending.draft(app, json!([train])).await.code(), (422, "item_not_allowed"));
        let mut nowhere = train.clone();
        nowhere["expense_item_id"] = json!(uuid::Uuid::now_v7());
        assert_eq!(spending.draft(app, json!([nowhere])).await.code(), (422, "unknown_reference"));
        let all = spending.draft(app, json!([tourism, train, nowhere])).await;
        assert_eq!(all.code(), (422, "validation_failed"));
        assert_eq!(faults(&all), pairs(&[("/lines/0/expense_item_id", "item_forbidden"), ("/lines/1/expense_item_id", "item_not_allowed"), ("/lines/2/expense_item_id", "unknown_reference")]));
        let lines = json!([
            spending.claim_line(app, "伙食费", json!({"amount": "10.00"})).await,
            spending.claim_line(app, "伙食费", json!({"amount": "10.00", "quantities": {"person_day": 1, "person_meal": 1}})).await,
            spending.claim_line(app, "租车费", json!({"amount": "10.00", "quantities": {"vehicle_day": 1}})).await,
            spending.claim_line(app, "租车费", json!({"amount": "10.00", "quantities": {"vehicle_day": 1}, "grade": "tank"})).await,
            spending.claim_line(app, "住宿费", json!({"amount": "10.00", "quantities": {"person_night": 1}, "grade": "others", "place": "北京市"})).await,
            spending.claim_line(app, "资料费", json!({"amount": "10.00", "quantities": {"person_day": 1}})).await,
            spending.claim_line(app, "伙食费", json!({"amount": "100.01", "quantities": {"person_day": 1}})).await,
            spending.claim_line(app, "场地费", json!({"amount": "10.00", "tax": "1.00", "quantities": {"person_half_day": 1}, "date": "2017-01-04"})).await,
            spending.claim_line(app, "场地费", json!({"amount": "10.00", "date": "2016-12-31"})).await,
        ]);
        let all = spending.draft(app, lines).await;
        assert_eq!(all.code(), (422, "validation_failed"));
        assert_eq!(
            faults(&all),
            pairs(&[
                ("/lines/7/tax", "not_taxed"),
                ("/lines/0/quantities", "quantity_missing"),
                ("/lines/1/quantities", "one_basis_a_line"),
                ("/lines/2/grade", "grade_required"),
                ("/lines/3/grade", "unknown_grade"),
                ("/lines/4/place", "unknown_place"),
                ("/lines/5/quantities/person_day", "unknown_quantity"),
                ("/lines/6/amount", "over_standard"),
                ("/lines/7/date", "date_in_future"),
                ("/lines/8/date", "date_not_in_year"),
                ("/lines/8/date", "no_standard"),
            ])
        );
        assert!(all.text.contains("the item has a standard and needs its quantity: person_day or person_meal"), "{}", all.text);
        assert!(all.text.contains("the district has standards for: over_25_seats, up_to_25_seats"), "{}", all.text);
    }

    async fn above_a_standard_a_claim_is_refused_or_needs_a_reason_or_is_marked_as_the_standard_says(app: TestApp) {
        let spending = Spending::open(app).await;
        let refused = spending.one(app, "伙食费", json!({"amount": "400.01", "quantities": {"person_meal": 10}})).await;
        assert_eq!((refused.code(), faults(&refused)), ((422, "over_standard"), pairs(&[("/lines/0/amount", "over_standard")])));
        assert!(refused.text.contains("400.01 is above the 400.00 that the standard allows"), "{}", refused.text);
        ok(spending.one(app, "伙食费", json!({"amount": "400.00", "quantities": {"person_meal": 10}})).await, 201);
        let coach = json!({"amount": "3300.00", "quantities": {"vehicle_day": 2}, "grade": "over_25_seats"});
        let silent = spending.one(app, "租车费", coach.clone()).await;
        assert_eq!((silent.code(), faults(&silent)), ((422, "reason_required"), pairs(&[("/lines/0/reason", "reason_required")])));
        let mut reasoned = coach;
        reasoned["reason"] = json!("赴市外红色教育基地");
        let made = ok(spending.one(app, "租车费", reasoned).await, 201);
        let line = &made["lines"][0];
        assert_eq!((&line["allowed"], &line["quantity"], &line["over_standard"]), (&json!("3000.00"), &json!(2), &json!(true)));
        let checks = ok(app.get(&spending.street.leader, &format!("/claims/{}/checks", made["id"].as_str().unwrap())).await, 200);
        assert_eq!((&checks["over_standard"], &checks["line_available_after"], &checks["first_payee"]), (&json!(true), &json!("26700.00"), &json!(true)));
        let shown = &checks["lines"][0];
        assert_eq!((&shown["standard"]["amount"], &shown["standard"]["above"], &shown["quantity"], &shown["allowed"], &shown["difference"]), (&json!("1500.00"), &json!("needs_reason"), &json!(2), &json!("3000.00"), &json!("300.00")));
        assert_eq!((&shown["reason"], &shown["over_standard"]), (&json!("赴市外红色教育基地"), &json!(true)));
        ok(spending.standard(app, "租车费", json!({"basis": "vehicle_day", "grade": "minibus", "amount": "600.00", "above": "mark", "effective_from": "2017-01-01"})).await, 201);
        let marked = ok(spending.one(app, "租车费", json!({"amount": "600.01", "quantities": {"vehicle_day": 1}, "grade": "minibus"})).await, 201);
        assert_eq!(marked["lines"][0]["over_standard"], json!(true));
        let at_cost = ok(spending.one(app, "资料费", json!({"amount": "9999.00"})).await, 201);
        assert_eq!((&at_cost["lines"][0]["allowed"], &at_cost["lines"][0]["over_standard"], at_cost["lines"][0]["standard_id"].is_string()), (&Value::Null, &json!(false), true));
    }

    async fn a_later_standard_ends_the_one_before_and_what_was_claimed_stays_as_it_was_judged(app: TestApp) {
        let spending = Spending::open(app).await;
        let hall = |amount: &str| json!({"amount": amount, "quantities": {"person_half_day": 10}});
        let line = spending.claim_line(app, "场地费", hall("500.00")).await;
        let before = ok(app.post(&spending.street.party_office, "/claims", spending.claim(json!([line]), true)).await, 201);
        let draft = ok(spending.one(app, "场地费", hall("500.00")).await, 201);
        let new = |amount: &str, from: &str| json!({"basis": "person_half_day", "amount": amount, "effective_from": from});
        for from in ["2017-01-01", "2016-12-01", "2017-01-02"] {
            let refused = spending.standard(app, "场地费", new("45.00", from)).await;
            assert_eq!((refused.code(), faults(&refused)), ((409, "effective_date_taken"), pairs(&[("/effective_from", "effective_date_taken")])), "{from}");
        }
        let next = ok(spending.standard(app, "场地费", new("45.00", "2017-07-01")).await, 201);
        let next_path = format!("/standards/{}", next["id"].as_str().unwrap());
        let first_path = format!("/standards/{}", before["lines"][0]["standard_id"].as_str().unwrap());
        assert_eq!(ok(app.get(&spending.street.staff, &first_path).await, 200)["last_day"], json!("2017-06-30"));
        let patch = async |path: &str, etag: &str, body: Value| app.send(Method::PATCH, path, &spending.street.first, Some(body), &[("If-Match", etag)]).await;
        assert_eq!(patch(&first_path, "\"v1\"", json!({"amount": "60.00"})).await.code(), (409, "standard_in_force"));
        assert_eq!(faults(&patch(&next_path, "\"v1\"", json!({"amount": null})).await), pairs(&[("/amount", "required")]));
        assert_eq!(patch(&next_path, "\"v1\"", json!({"effective_from": "2017-01-01"})).await.code(), (409, "effective_date_taken"));
        assert_eq!(patch(&next_path, "\"v7\"", json!({"amount": "40.00"})).await.code(), (412, "precondition_failed"));
        assert_eq!(ok(patch(&next_path, "\"v1\"", json!({"amount": "40.00", "effective_from": "2017-06-01"})).await, 200)["amount"], json!("40.00"));
        assert_eq!(ok(app.get(&spending.street.staff, &first_path).await, 200)["last_day"], json!("2017-05-31"));
        app.context.clocks.set("2017-06-02T01:00:00Z".parse().unwrap());
        let late = spending.step(app, &spending.street.party_office, draft["id"].as_str().unwrap(), "submit", json!({})).await;
        assert_eq!((late.code(), faults(&late)), ((422, "over_standard"), pairs(&[("/lines/0/amount", "over_standard")])), "looked at again when it is submitted");
        let mut in_may = hall("500.00");
        in_may["date"] = json!("2017-05-31");
        assert_eq!(ok(spending.one(app, "场地费", in_may).await, 201)["lines"][0]["allowed"], json!("500.00"), "the standard of the day it was spent");
        let kept = ok(app.get(&spending.street.party_office, &format!("/claims/{}", before["id"].as_str().unwrap())).await, 200);
        assert_eq!((&kept["lines"][0]["allowed"], &kept["lines"][0]["standard_id"]), (&json!("500.00"), &before["lines"][0]["standard_id"]));
        let end = async |path: &str, etag: &str, day: &str| app.send(Method::POST, &format!("{path}/end"), &spending.street.first, Some(json!({"last_day": day})), &[("If-Match", etag)]).await;
        assert_eq!(end(&next_path, "\"v2\"", "2017-06-01").await.code(), (422, "end_in_the_past"));
        assert_eq!(end(&first_path, "\"v1\"", "2017-06-30").await.code(), (409, "standard_ended"));
        assert_eq!(ok(end(&next_path, "\"v2\"", "2017-06-30").await, 200)["last_day"], json!("2017-06-30"));
        let future = ok(spending.standard(app, "场地费", new("70.00", "2017-08-01")).await, 201);
        let future_path = format!("/standards/{}", future["id"].as_str().unwrap());
        assert_eq!(ok(end(&future_path, "\"v1\"", "2017-07-01").await, 200)["last_day"], json!("2017-07-01"), "called off before it began");
        assert_eq!(patch(&future_path, "\"v2\"", json!({"amount": "80.00"})).await.code(), (409, "standard_ended"));
        app.context.clocks.set("2017-08-02T01:00:00Z".parse().unwrap());
        let free = ok(spending.one(app, "场地费", json!({"amount": "500.00"})).await, 201);
        assert_eq!(free["lines"][0]["standard_id"], Value::Null, "none is in force: at cost");
        let sorted = ok(app.get(&spending.street.staff, "/standards?basis=person_half_day&sort=effective_from").await, 200);
        let dates: Vec<_> = sorted["data"].as_array().unwrap().iter().map(|row| row["effective_from"].as_str().unwrap()).collect();
        assert_eq!(dates, ["2017-01-01", "2017-06-01", "2017-08-01"], "the history is readable");
    }

    async fn no_day_that_a_line_says_takes_it_out_of_its_standard(app: TestApp) {
        let street = Street::open(app, "江岸区", "n-").await;
        ok(app.post(&street.first, "/standards/defaults", json!({"effective_from": "2017-02-01"})).await, 200);
        let spending = Spending::open_in(app, street).await;
        app.context.clocks.set("2017-03-10T01:00:00Z".parse().unwrap());
        let office = app.log_in("n-office", crate::support::PASSWORD).await;
        let hall = |amount: &str, more: Value| {
            let mut line = json!({"amount": amount, "quantities": {"person_half_day": 10}});
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            line
        };
        let early = spending.one(app, "场地费", json!({"amount": "3000.00", "date": "2017-01-31"})).await;
        assert_eq!((early.code(), faults(&early)), ((422, "validation_failed"), pairs(&[("/lines/0/date", "no_standard")])), "it is not at cost only because of its early day");
        assert!(early.text.contains("2017-02-01"), "{}", early.text);
        ok(spending.standard(app, "场地费", json!({"basis": "person_half_day", "amount": "40.00", "effective_from": "2017-03-12"})).await, 201);
        app.context.clocks.set("2017-03-20T01:00:00Z".parse().unwrap());
        let activity = |from: &str, to: &str| json!({"kind": "theme_day", "title": "主题党日", "from_date": from, "to_date": to, "place": "党员活动室", "planned_headcount": 10});
        let activity = ok(app.post(&office, "/activities", activity("2017-03-11", "2017-03-13")).await, 201);
        let claim = async |line: Value| {
            let line = spending.claim_line(app, "场地费", line).await;
            let mut body = spending.claim(json!([line]), false);
            body["activity_id"] = activity["id"].clone();
            app.post(&spending.street.party_office, "/claims", body).await
        };
        // The deposit was paid before the activity, the bill after it: its first day counts. A day within it counts itself.
        for (day, allowed) in [("2017-02-20", "500.00"), ("2017-03-11", "500.00"), ("2017-03-12", "400.00"), ("2017-03-19", "500.00"), ("2017-01-05", "500.00")] {
            assert_eq!(ok(claim(hall("400.00", json!({"date": day}))).await, 201)["lines"][0]["allowed"], json!(allowed), "{day}");
        }
        assert_eq!(ok(claim(hall("400.00", json!({}))).await, 201)["lines"][0]["allowed"], json!("500.00"));
        assert_eq!(claim(hall("400.01", json!({"date": "2017-03-12"}))).await.code(), (422, "over_standard"));
        assert_eq!(spending.one(app, "场地费", hall("400.01", json!({}))).await.code(), (422, "over_standard"), "without an activity today counts");
    }

    async fn a_lecture_is_compared_net_charged_gross_and_its_tax_is_withheld(app: TestApp) {
        let spending = Spending::open(app).await;
        let lecture = |more: Value| {
            let mut line = json!({"quantities": {"class_hour": 2}, "grade": "senior"});
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            line
        };
        let over = spending.one(app, "讲课费", lecture(json!({"net": "2000.01"}))).await;
        assert_eq!((over.code(), faults(&over)), ((422, "over_standard"), pairs(&[("/lines/0/net", "over_standard")])));
        let hours = spending.one(app, "讲课费", json!({"net": "2000.00", "quantities": {"class_hour": 5}, "grade": "senior"})).await;
        assert_eq!(faults(&hours), pairs(&[("/lines/0/quantities/class_hour", "above_maximum")]));
        assert_eq!(faults(&spending.one(app, "讲课费", lecture(json!({"net": "2000.00", "tax": "1.00"}))).await), pairs(&[("/lines/0/tax", "tax_differs")]));
        assert_eq!(faults(&spending.one(app, "讲课费", lecture(json!({"net": "2000.00", "amount": "2000.00"}))).await), pairs(&[("/lines/0/amount", "gross_differs")]));
        let mixed = json!([spending.claim_line(app, "讲课费", lecture(json!({"net": "100.00"}))).await, spending.claim_line(app, "讲课费", lecture(json!({"amount": "100.00"}))).await]);
        assert_eq!(faults(&spending.draft(app, mixed).await), pairs(&[("/lines/1/net", "net_or_gross")]));
        assert_eq!(faults(&spending.one(app, "资料费", json!({"amount": "5.00", "net": "4.00"})).await), pairs(&[("/lines/0/net", "not_taxed")]));
        let line = spending.claim_line(app, "讲课费", lecture(json!({"net": "2000.00"}))).await;
        let mut firm = spending.claim(json!([line]), false);
        firm["payee"]["kind"] = json!("supplier");
        assert_eq!(app.post(&spending.street.party_office, "/claims", firm).await.code(), (422, "payee_not_a_person"));
        let by_gross = ok(spending.one(app, "讲课费", lecture(json!({"amount": "2300.00"}))).await, 201);
        assert_eq!((&by_gross["tax"], &by_gross["net"]), (&json!("300.00"), &json!("2000.00")));
        let copied = ok(app.post(&spending.street.party_office, &format!("/claims/{}/copy", by_gross["id"].as_str().unwrap()), json!({})).await, 201);
        assert_eq!((&copied["amount"], &copied["lines"][0]["allowed"]), (&json!("2300.00"), &json!("2000.00")));
        let made = ok(app.post(&spending.street.party_office, "/claims", spending.claim(json!([line]), true)).await, 201);
        assert_eq!((&made["amount"], &made["tax"], &made["net"], &made["reserved"]), (&json!("2300.00"), &json!("300.00"), &json!("2000.00"), &json!("2300.00")));
        let shown = &made["lines"][0];
        assert_eq!((&shown["amount"], &shown["tax"], &shown["net"], &shown["allowed"], &shown["over_standard"]), (&json!("2300.00"), &json!("300.00"), &json!("2000.00"), &json!("2000.00"), &json!(false)));
        let id = made["id"].as_str().unwrap();
        ok(spending.step(app, &spending.street.accountant, id, "review", json!({})).await, 200);
        ok(spending.step(app, &spending.street.leader, id, "approve", json!({})).await, 200);
        let paid = ok(spending.step(app, &spending.street.cashier, id, "pay", json!({"bank_reference": "B1"})).await, 200);
        let lines = async |voucher: &Value| {
            let voucher = ok(app.get(&spending.street.accountant, &format!("/ledger/vouchers/{}", voucher.as_str().unwrap())).await, 200);
            voucher["lines"].as_array().unwrap().iter().map(|line| json!([line["account"], line["debit"], line["credit"]])).collect::<Vec<_>>()
        };
        assert_eq!(lines(&paid["voucher_id"]).await, [json!(["5001", "2300.00", "0.00"]), json!(["1002", "0.00", "2000.00"]), json!(["2307", "0.00", "300.00"])]);
        ok(spending.step(app, &spending.street.accountant, id, "refunds", json!({"amount": "1150.00", "reason": "课时减半"})).await, 201);
        let vouchers = ok(app.get(&spending.street.accountant, "/ledger/vouchers?limit=1").await, 200);
        assert_eq!(lines(&vouchers["data"][0]["id"]).await, [json!(["1002", "1000.00", "0.00"]), json!(["2307", "150.00", "0.00"]), json!(["5001", "0.00", "1150.00"])]);
        let held = ok(app.get(&spending.street.accountant, &format!("/ledger/verify?street_id={}", spending.street.id)).await, 200);
        assert_eq!(held["holds"], json!(true), "{held}");
    }

    async fn fees_of_one_payee_in_a_month_are_taxed_together_over_all_claims_of_the_street(app: TestApp) {
        let spending = Spending::open(app).await;
        let fee = async |more: Value| {
            let mut line = json!({"quantities": {"class_hour": 2}, "grade": "senior"});
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            spending.claim_line(app, "讲课费", line).await
        };
        let eight = fee(json!({"net": "800.00"})).await;
        let submit = async |body: Value| ok(app.post(&spending.street.party_office, "/claims", body).await, 201);
        let taxed = |claim: &Value| ["amount", "tax", "net"].map(|name| claim[name].as_str().unwrap().to_owned());
        let draft = ok(spending.draft(app, json!([eight])).await, 201);
        let first = submit(spending.claim(json!([eight]), true)).await;
        assert_eq!(taxed(&first), ["800.00", "0.00", "800.00"], "a draft counts for nothing");
        let second = submit(spending.claim(json!([eight]), true)).await;
        assert_eq!(taxed(&second), ["1000.00", "200.00", "800.00"], "1,600.00 net is 1,800.00 gross");
        let mut stranger = spending.claim(json!([eight]), true);
        stranger["payee"]["account_number"] = json!("6299990000004321");
        assert_eq!(taxed(&submit(stranger).await), ["800.00", "0.00", "800.00"], "another payee has a month of their own");
        let gross = submit(spending.claim(json!([fee(json!({"amount": "1000.00"})).await]), true)).await;
        assert_eq!(taxed(&gross), ["1000.00", "200.00", "800.00"]);
        let stale = spending.step(app, &spending.street.party_office, draft["id"].as_str().unwrap(), "submit", json!({})).await;
        assert_eq!((stale.code(), faults(&stale)), ((422, "validation_failed"), pairs(&[("/lines/0/tax", "tax_differs")])));
        let id = |claim: &Value| claim["id"].as_str().unwrap().to_owned();
        ok(spending.step(app, &spending.street.accountant, &id(&gross), "reject", json!({"reason": "重复"})).await, 200);
        let approve = async |claim: &str| {
            ok(spending.step(app, &spending.street.accountant, claim, "review", json!({})).await, 200);
            ok(spending.step(app, &spending.street.leader, claim, "approve", json!({})).await, 200);
        };
        for claim in [&second, &first] {
            approve(&id(claim)).await;
            ok(spending.step(app, &spending.street.cashier, &id(claim), "pay", json!({})).await, 200);
        }
        let third = submit(spending.claim(json!([fee(json!({"net": "2000.00"})).await]), true)).await;
        assert_eq!(taxed(&third), ["2485.71", "485.71", "2000.00"], "3,600.00 net is 4,285.71 gross with 685.71 of tax; 1,800.00 and 200.00 are there");
        ok(spending.step(app, &spending.street.party_office, &id(&third), "withdraw", json!({})).await, 200);
        ok(spending.step(app, &spending.street.accountant, &id(&second), "refunds", json!({"amount": "1000.00", "reason": "未讲"})).await, 201);
        assert_eq!(taxed(&submit(spending.claim(json!([eight]), true)).await), ["1000.00", "200.00", "800.00"], "of the first one only");
        app.context.clocks.set("2017-02-01T01:00:00Z".parse().unwrap());
        let february = ok(app.post(&spending.street.party_office, "/claims", spending.claim(json!([eight]), true)).await, 201);
        assert_eq!(taxed(&february), ["800.00", "0.00", "800.00"], "what is paid of January counts no more; the one on its way does, and withholds the 200.00 of both");
        assert_eq!(ok(app.get(&spending.street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn a_fee_is_not_paid_with_less_tax_than_its_month_asks_for(app: TestApp) {
        let spending = Spending::open(app).await;
        let line = spending.claim_line(app, "讲课费", json!({"net": "2000.00", "quantities": {"class_hour": 2}, "grade": "senior"})).await;
        let made = ok(app.post(&spending.street.party_office, "/claims", spending.claim(json!([line]), true)).await, 201);
        assert_eq!(made["tax"], json!("300.00"));
        let rule = json!({"effective_from": "2017-02-01", "flat_up_to": "4000.00", "flat_deduction": "400.00", "deduction_percent": 10, "source": "示例", "brackets": [{"over": "0.00", "rate_percent": 20, "deduction": "0.00"}]});
        ok(app.post(&spending.street.first, "/tax-rules", rule).await, 201);
        app.context.clocks.set("2017-02-01T01:00:00Z".parse().unwrap());
        let id = made["id"].as_str().unwrap();
        let approve = async || {
            ok(spending.step(app, &spending.street.accountant, id, "review", json!({})).await, 200);
            let etag = app.get(&spending.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
            ok(app.act(&spending.street.leader, &format!("/claims/{id}/approve"), &etag).await, 200);
        };
        approve().await;
        let refused = spending.step(app, &spending.street.cashier, id, "pay", json!({})).await;
        assert_eq!(refused.code(), (409, "labour_tax_short"));
        assert!(refused.text.contains("380.00") && refused.text.contains("300.00"), "{}", refused.text);
        ok(spending.step(app, &spending.street.leader, id, "return", json!({"reason": "重算税额"})).await, 200);
        let etag = app.get(&spending.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        ok(app.send(Method::PATCH, &format!("/claims/{id}"), &spending.street.party_office, Some(json!({"lines": [line]})), &[("If-Match", &etag)]).await, 200);
        ok(spending.step(app, &spending.street.party_office, id, "submit", json!({})).await, 200);
        let etag = app.get(&spending.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        ok(app.act(&spending.street.accountant, &format!("/claims/{id}/review"), &etag).await, 200);
        let etag = app.get(&spending.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        ok(app.act(&spending.street.leader, &format!("/claims/{id}/approve"), &etag).await, 200);
        let etag = app.get(&spending.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        let paid = app.send(Method::POST, &format!("/claims/{id}/pay"), &spending.street.cashier, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", "again")]).await;
        assert_eq!(ok(paid, 200)["net"], json!("2000.00"));
    }

    async fn a_line_that_pays_for_work_needs_a_pay_list_and_every_other_line_its_invoices_whatever_the_claim_is_called(app: TestApp) {
        let spending = Spending::open(app).await;
        ok(app.post(&spending.street.first, "/paper-rules/defaults", json!({})).await, 200);
        let fee = spending.claim_line(app, "讲课费", json!({"net": "1000.00", "quantities": {"class_hour": 2}, "grade": "senior"})).await;
        let books = spending.claim_line(app, "资料费", json!({"amount": "1500.00"})).await;
        let claim = async |kind: &str, lines: Value| {
            let mut body = spending.claim(lines, true);
            body["kind"] = json!(kind);
            app.post(&spending.street.party_office, "/claims", body).await
        };
        let refused = claim("lecture", json!([fee, books])).await;
        assert_eq!((refused.code(), faults(&refused)), ((422, "not_a_lecture_fee"), pairs(&[("/lines/1/expense_item_id", "not_a_lecture_fee")])));
        for kind in ["other", "procurement"] {
            let refused = claim(kind, json!([fee, books])).await;
            assert_eq!((refused.code(), faults(&refused)), ((422, "papers_missing"), pairs(&[("/papers/pay_list", "paper_missing"), ("/lines/1/draws", "invoice_missing")])), "{kind}");
        }
        assert_eq!(faults(&claim("lecture", json!([fee])).await), pairs(&[("/papers/pay_list", "paper_missing")]));
    }

    async fn the_tax_rule_is_the_districts_and_a_draft_under_an_older_one_is_worked_out_anew(app: TestApp) {
        let spending = Spending::open(app).await;
        let line = spending.claim_line(app, "讲课费", json!({"net": "2000.00", "quantities": {"class_hour": 2}, "grade": "senior"})).await;
        let draft = ok(spending.draft(app, json!([line])).await, 201);
        let rule = |from: &str| json!({"effective_from": from, "flat_up_to": "5000.00", "flat_deduction": "1000.00", "deduction_percent": 20, "source": "示例",
            "brackets": [{"over": "0.00", "rate_percent": 20, "deduction": "0.00"}]});
        assert_eq!(app.post(&spending.street.party_office, "/tax-rules", rule("2017-02-01")).await.code(), (403, "forbidden"));
        assert_eq!(app.post(&spending.street.first, "/tax-rules", rule("2017-01-01")).await.code(), (409, "effective_date_taken"));
        let mut jump = rule("2017-02-01");
        jump["flat_deduction"] = json!("900.00");
        assert_eq!(faults(&app.post(&spending.street.first, "/tax-rules", jump).await), pairs(&[("/flat_deduction", "not_continuous")]));
        let made = ok(app.post(&spending.street.first, "/tax-rules", rule("2017-02-01")).await, 201);
        assert_eq!(ok(app.get(&spending.street.staff, &format!("/tax-rules/{}", made["id"].as_str().unwrap())).await, 200)["flat_deduction"], json!("1000.00"));
        assert_eq!(ok(spending.draft(app, json!([line])).await, 201)["amount"], json!("2300.00"), "not in force yet");
        app.context.clocks.set("2017-02-01T01:00:00Z".parse().unwrap());
        let stale = spending.step(app, &spending.street.party_office, draft["id"].as_str().unwrap(), "submit", json!({})).await;
        assert_eq!((stale.code(), faults(&stale)), ((422, "validation_failed"), pairs(&[("/lines/0/tax", "tax_differs")])));
        let anew = app.send(Method::PATCH, &format!("/claims/{}", draft["id"].as_str().unwrap()), &spending.street.party_office, Some(json!({"lines": [line]})), &[("If-Match", "\"v1\"")]).await;
        assert_eq!(ok(anew, 200)["amount"], json!("2250.00"));
        ok(spending.step(app, &spending.street.party_office, draft["id"].as_str().unwrap(), "submit", json!({})).await, 200);
    }

    async fn a_standard_that_says_too_little_or_contradicts_itself_is_refused_with_every_fault(app: TestApp) {
        let spending = Spending::open(app).await;
        let bad = json!({"name": " ", "basis": "actual", "amount": "0.00", "season_from": "02-30", "max_per_day": 0, "effective_from": "2018-01-01"});
        let refused = spending.standard(app, "住宿费", bad).await;
        assert_eq!(refused.code(), (422, "validation_failed"));
        assert_eq!(
            faults(&refused),
            pairs(&[("/name", "required"), ("/amount", "out_of_range"), ("/max_per_day", "out_of_range"), ("/amount", "contradiction"), ("/season_to", "both_required"), ("/season_from", "invalid_value")])
        );
        let night = |from: &str, to: &str, amount: &str| json!({"basis": "person_night", "grade": "others", "place": "三亚市", "season_from": from, "season_to": to, "amount": amount, "effective_from": "2017-01-01"});
        ok(spending.standard(app, "住宿费", night("10-01", "04-30", "560.00")).await, 201);
        let stay = |amount: &str| json!({"amount": amount, "quantities": {"person_night": 2}, "grade": "others", "place": "三亚市"});
        assert_eq!(ok(spending.one(app, "住宿费", stay("1120.00")).await, 201)["lines"][0]["allowed"], json!("1120.00"));
        app.context.clocks.set("2017-06-01T01:00:00Z".parse().unwrap());
        assert_eq!(faults(&spending.one(app, "住宿费", stay("700.00")).await), pairs(&[("/lines/0/date", "no_standard")]));
    }
}
