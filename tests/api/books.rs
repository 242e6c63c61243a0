//! Plan, budget and ledger: what is planned, approved, received, booked, closed and verified.

use mingzhang::kernel::access::Scope;
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::at_once::both;
use crate::support::street::{Street, ok};

on_both_databases! {
    async fn a_budget_is_drafted_submitted_approved_and_received_by_different_people(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let line = json!({"category_id": street.category, "amount": "17580.00", "plan_item_ids": [street.plan_item]});
        let budget = street.budget(app, "17580.00", json!([line])).await;
        assert_eq!((budget["state"].as_str(), budget["lines"][0]["approved"].as_str(), budget["lines"][0]["available"].as_str()), (Some("approved"), Some("17580.00"), Some("17580.00")));
        let receipt = ok(street.receive(app, "17580.00", "D1").await, 201);
        let voucher = ok(app.get(&street.accountant, &format!("/ledger/vouchers/{}", receipt["voucher_id"].as_str().unwrap())).await, 200);
        assert_eq!((voucher["name"].as_str(), voucher["amount"].as_str(), voucher["lines"][0]["account"].as_str(), voucher["lines"][1]["credit"].as_str()), (Some("2017-01-0001"), Some("17580.00"), Some("1002"), Some("17580.00")));
        let summary = ok(app.get(&street.leader, "/summary/street?fiscal_year=2017").await, 200);
        assert_eq!((summary["total"]["approved"].as_str(), summary["total"]["received"].as_str()), (Some("17580.00"), Some("17580.00")));
        let unnamed = app.get(&street.first, "/summary/street?fiscal_year=2017").await;
        assert_eq!(unnamed.code(), (422, "street_required"));
        assert_eq!(unnamed.body["errors"][0], json!({"pointer": "/street_id", "code": "street_required", "message": "must name a street"}));
        let district = ok(app.get(&street.first, "/summary/district?fiscal_year=2017").await, 200);
        assert_eq!(district["streets"][0]["received"], json!("17580.00"));
        let verified = ok(app.get(&street.accountant, "/ledger/verify").await, 200);
        assert_eq!((verified["vouchers"].as_i64(), verified["holds"].as_bool(), verified["first_fault"].is_null()), (Some(1), Some(true), true));
    }

    async fn a_budget_whose_lines_do_not_sum_or_stand_on_no_plan_is_refused(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        assert_eq!(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await.code(), (409, "fiscal_year_exists"));
        let line = |amount: &str| json!({"category_id": street.category, "amount": amount, "plan_item_ids": [street.plan_item]});
        let draft = json!({"fiscal_year": 2017, "programme": "党建", "total": "100.00", "lines": [line("99.99")]});
        let id = ok(app.post(&street.party_office, "/budgets", draft.clone()).await, 201)["id"].as_str().unwrap().to_owned();
        assert_eq!(app.post(&street.party_office, "/budgets", draft).await.code(), (409, "budget_exists"));
        let short = app.act(&street.party_office, &format!("/budgets/{id}/submit"), "\"v1\"").await;
        assert_eq!((short.code(), short.body["errors"][0]["pointer"].as_str()), ((422, "lines_do_not_sum"), Some("/total")));
        let bare = json!({"lines": [{"category_id": street.category, "amount": "100.00"}]});
        ok(app.send(Method::PATCH, &format!("/budgets/{id}"), &street.party_office, Some(bare), &[("If-Match", "\"v1\"")]).await, 200);
        let unplanned = app.act(&street.party_office, &format!("/budgets/{id}/submit"), "\"v2\"").await;
        assert_eq!((unplanned.status.as_u16(), unplanned.body["errors"][0]["code"].as_str()), (422, Some("plan_item_required")));
        let twice = json!({"lines": [line("50.00"), line("50.00")]});
        assert_eq!(app.send(Method::PATCH, &format!("/budgets/{id}"), &street.party_office, Some(twice), &[("If-Match", "\"v2\"")]).await.code(), (422, "line_twice"));
        let good = json!({"lines": [line("100.00")]});
        ok(app.send(Method::PATCH, &format!("/budgets/{id}"), &street.party_office, Some(good), &[("If-Match", "\"v2\"")]).await, 200);
        ok(app.act(&street.party_office, &format!("/budgets/{id}/submit"), "\"v3\"").await, 200);
        let returned = app.send(Method::POST, &format!("/budgets/{id}/return"), &street.first, Some(json!({"reason": "补充说明"})), &[("If-Match", "\"v4\"")]).await;
        assert_eq!(ok(returned, 200)["return_reason"], json!("补充说明"));
        assert_eq!(ok(app.act(&street.party_office, &format!("/budgets/{id}/submit"), "\"v5\"").await, 200)["revision"], json!(2));
        assert_eq!(app.act(&street.party_office, &format!("/budgets/{id}/approve"), "\"v6\"").await.code(), (403, "forbidden"));
        ok(app.act(&street.second, &format!("/budgets/{id}/approve"), "\"v6\"").await, 200);
        assert_eq!(app.act(&street.second, &format!("/budgets/{id}/approve"), "\"v7\"").await.code(), (409, "invalid_transition"));
    }

    async fn receipts_that_do_not_sum_lie_in_the_future_or_come_twice_are_refused_and_write_nothing(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        assert_eq!(street.receive(app, "100.00", "D0").await.code(), (409, "fiscal_year_not_open"));
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let body = |date: &str, amount: &str| json!({"date": date, "document_number": "D1", "amount": amount, "lines": [{"category_id": street.category, "amount": "100.00"}]});
        assert_eq!(app.post(&street.accountant, "/receipts", body("2017-01-03", "100.00")).await.code(), (400, "idempotency_key_required"));
        assert_eq!(app.money(&street.accountant, "/receipts", body("2017-01-03", "100.01"), "a").await.code(), (422, "receipt_does_not_sum"));
        assert_eq!(app.money(&street.accountant, "/receipts", body("2017-01-04", "100.00"), "b").await.code(), (422, "date_in_future"));
        assert_eq!(app.money(&street.accountant, "/receipts", body("2016-12-30", "100.00"), "c").await.code(), (422, "date_not_in_year"));
        assert_eq!(app.money(&street.cashier, "/receipts", body("2017-01-03", "100.00"), "d").await.code(), (403, "forbidden"));
        let foreign = json!({"date": "2017-01-03", "document_number": "D1", "amount": "100.00", "lines": [{"category_id": uuid::Uuid::now_v7(), "amount": "100.00"}]});
        assert_eq!(app.money(&street.accountant, "/receipts", foreign, "e").await.code(), (422, "unknown_reference"));
        ok(street.receive(app, "100.00", "D1").await, 201);
        let again = street.receive(app, "100.00", "D1").await;
        assert!(again.replayed, "the same key replays");
        assert_eq!(app.money(&street.accountant, "/receipts", body("2017-01-03", "100.00"), "f").await.code(), (409, "document_recorded"));
        let vouchers = ok(app.get(&street.accountant, "/ledger/vouchers").await, 200);
        assert_eq!(vouchers["data"].as_array().unwrap().len(), 1);
        assert_eq!(ok(app.get(&street.accountant, "/fiscal-years").await, 200)["data"][0]["received"], json!("100.00"));
    }

    async fn adjustments_sum_to_zero_keep_earmarked_money_and_take_no_line_below_zero(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let earmarked = street.new_category(app, "C07", "基层党建专项", true).await;
        let line = |category: &str, amount: &str| json!({"category_id": category, "amount": amount, "plan_item_ids": [street.plan_item]});
        let budget = street.budget(app, "300.00", json!([line(&street.category, "100.00"), line(&earmarked, "200.00")])).await;
        let of = |category: &str| budget["lines"].as_array().unwrap().iter().find(|line| line["category_id"] == json!(category)).unwrap()["id"].clone();
        let (own, special) = (of(&street.category), of(&earmarked));
        let adjust = |kind: &str, lines: serde_json::Value| app.post(&street.party_office, "/budget-adjustments", json!({"budget_id": budget["id"], "kind": kind, "reason": "任务变化", "lines": lines}));
        let uneven = adjust("transfer", json!([{"budget_line_id": own, "amount": "-10.00"}, {"budget_line_id": special, "amount": "9.99"}])).await;
        assert_eq!(uneven.body["errors"][0]["code"], json!("transfer_not_zero_sum"));
        let out_of_earmarked = adjust("transfer", json!([{"budget_line_id": special, "amount": "-10.00"}, {"budget_line_id": own, "amount": "10.00"}])).await;
        assert_eq!(out_of_earmarked.code(), (422, "category_earmarked"));
        assert_eq!(adjust("reduction", json!([{"budget_line_id": own, "amount": "-100.01"}])).await.code(), (409, "line_short"));
        assert_eq!(adjust("supplement", json!([{"budget_line_id": own, "amount": "-1.00"}])).await.body["errors"][0]["code"], json!("wrong_sign"));
        let made = ok(adjust("transfer", json!([{"budget_line_id": own, "amount": "-40.00"}, {"budget_line_id": special, "amount": "40.00"}])).await, 201);
        let path = format!("/budget-adjustments/{}", made["id"].as_str().unwrap());
        assert_eq!(app.act(&street.first, &format!("{path}/approve"), "\"v1\"").await.code(), (403, "forbidden"), "a transfer is the leader's");
        ok(app.act(&street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
        let shown = ok(app.get(&street.party_office, &format!("/budget-lines/{}", special.as_str().unwrap())).await, 200);
        assert_eq!((shown["approved"].as_str(), shown["available"].as_str()), (Some("240.00"), Some("240.00")));
        let more = ok(adjust("supplement", json!([{"budget_line_id": own, "amount": "5.00"}])).await, 201);
        let path = format!("/budget-adjustments/{}", more["id"].as_str().unwrap());
        assert_eq!(app.act(&street.leader, &format!("{path}/approve"), "\"v1\"").await.code(), (403, "forbidden"), "a supplement is the district's");
        let reject = app.send(Method::POST, &format!("{path}/reject"), &street.first, Some(json!({"reason": "无财力"})), &[("If-Match", "\"v1\"")]).await;
        assert_eq!(ok(reject, 200)["state"], json!("rejected"));
    }

    async fn the_treasury_takes_back_no_more_than_a_category_received(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        ok(street.receive(app, "100.00", "D1").await, 201);
        let body = |amount: &str| json!({"document_number": "R1", "amount": amount, "lines": [{"category_id": street.category, "amount": amount}]});
        assert_eq!(app.money(&street.accountant, "/treasury-returns", body("100.01"), "a").await.code(), (409, "category_short"));
        ok(app.money(&street.accountant, "/treasury-returns", body("30.00"), "b").await, 201);
        let balances = ok(app.get(&street.accountant, "/ledger/balances").await, 200);
        let cash = balances["data"].as_array().unwrap().iter().find(|row| row["account"] == json!("1002")).unwrap();
        assert_eq!(cash["balance"], json!("70.00"));
        assert_eq!(app.money(&street.accountant, "/tax-payments", json!({"amount": "1.00", "document_number": "T1"}), "c").await.code(), (409, "tax_not_withheld"));
        assert_eq!(ok(app.get(&street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn months_close_in_order_and_the_year_carries_over_what_is_left(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let opening = json!({"date": "2017-01-03", "lines": [{"category_id": street.category, "amount": "50.00"}], "donations": "7.00"});
        let recorded = ok(app.post(&street.accountant, "/opening-balances", opening.clone()).await, 201);
        let approve = format!("/opening-balances/{}/approve", recorded["id"].as_str().unwrap());
        ok(app.send(Method::POST, &approve, &street.leader, Some(json!({})), &[("If-Match", "\"v1\""), ("Idempotency-Key", "o")]).await, 200);
        assert_eq!(app.post(&street.accountant, "/opening-balances", opening).await.code(), (409, "opening_not_first"));
        ok(street.receive(app, "100.00", "D1").await, 201);
        let periods = ok(app.get(&street.accountant, "/ledger/periods?sort=month").await, 200)["data"].clone();
        let street = &street;
        let close = |index: usize| { let path = format!("/ledger/periods/{}/close", periods[index]["id"].as_str().unwrap()); async move { app.act(&street.accountant, &path, "\"v1\"").await } };
        assert_eq!(close(0).await.code(), (409, "period_not_over"));
        app.context.clocks.set("2018-01-02T01:00:00Z".parse().unwrap());
        let token = app.log_in("accountant", crate::support::PASSWORD).await;
        let close = |index: usize| { let (token, path) = (token.clone(), format!("/ledger/periods/{}/close", periods[index]["id"].as_str().unwrap())); async move { app.act(&token, &path, "\"v1\"").await } };
        assert_eq!(close(1).await.code(), (409, "earlier_month_open"));
        for index in 0..11 {
            ok(close(index).await, 200);
        }
        assert_eq!(close(11).await.code(), (409, "december_closes_with_year"));
        let late = json!({"date": "2017-12-31", "document_number": "D9", "amount": "1.00", "lines": [{"category_id": street.category, "amount": "1.00"}]});
        assert_eq!(app.money(&token, "/receipts", late, "late").await.code(), (422, "date_not_in_year"));
        let year = app.get(&token, "/fiscal-years?year=2017").await.body["data"][0].clone();
        let path = format!("/fiscal-years/{}/close", year["id"].as_str().unwrap());
        let etag = format!("\"v{}\"", year["version"]);
        let close_year = |key: &'static str| { let (token, path, etag) = (token.clone(), path.clone(), etag.clone()); async move { app.send(Method::POST, &path, &token, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", key)]).await } };
        assert_eq!(close_year("y1").await.code(), (409, "next_year_not_open"));
        ok(app.post(&token, "/fiscal-years", json!({"year": 2018})).await, 201);
        ok(close_year("y2").await, 200);
        let next = app.get(&token, "/fiscal-years?year=2018").await.body["data"][0].clone();
        assert_eq!((next["carried_in"].as_str(), next["to_return"].as_str()), (Some("150.00"), Some("150.00")));
        let vouchers = ok(app.get(&token, "/ledger/vouchers?kind=closing").await, 200);
        assert_eq!((vouchers["data"][0]["date"].as_str(), vouchers["data"][0]["amount"].as_str()), (Some("2017-12-31"), Some("100.00")));
        let verified = ok(app.get(&token, "/ledger/verify").await, 200);
        assert_eq!(verified["holds"], json!(true), "{verified}");
        let before = ok(app.get(&token, "/ledger/balances?as_of=2017-01-03").await, 200);
        assert!(before["data"].as_array().unwrap().iter().any(|row| row["account"] == json!("4001") && row["balance"] == json!("100.00")), "{before}");
    }

    async fn another_street_sees_nothing_of_the_books_and_a_community_only_its_lines(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let line = json!({"category_id": street.category, "amount": "10.00", "plan_item_ids": [street.plan_item]});
        let of_community = json!({"category_id": street.category, "community_id": street.community, "amount": "5.00", "plan_item_ids": [street.plan_item]});
        let budget = street.budget(app, "15.00", json!([line, of_community])).await;
        let receipt = ok(street.receive(app, "15.00", "D1").await, 201);
        let other = Street::open(app, "江汉区", "other-").await;
        let paths = [format!("/budgets/{}", budget["id"].as_str().unwrap()), format!("/ledger/vouchers/{}", receipt["voucher_id"].as_str().unwrap()), format!("/receipts/{}", receipt["id"].as_str().unwrap()), format!("/plan-items/{}", street.plan_item), format!("/categories/{}", street.category)];
        for path in &paths {
            assert_eq!(app.get(&other.accountant, path).await.code(), (404, "not_found"), "{path}");
        }
        for list in ["/budgets", "/ledger/vouchers", "/receipts", "/budget-lines", "/fiscal-years"] {
            assert_eq!(ok(app.get(&other.accountant, &format!("{list}?street_id={}", street.id)).await, 200)["data"], json!([]), "{list}");
        }
        assert_eq!(app.get(&other.accountant, &format!("/summary/street?street_id={}", street.id)).await.code(), (422, "unknown_reference"));
        let seen = ok(app.get(&street.staff, "/budget-lines").await, 200);
        assert_eq!((seen["data"].as_array().unwrap().len(), seen["data"][0]["amount"].as_str()), (1, Some("5.00")));
        assert_eq!(ok(app.get(&street.staff, "/budgets").await, 200)["data"], json!([]));
        assert_eq!(ok(app.get(&street.staff, "/summary/street?fiscal_year=2017").await, 200)["total"]["approved"], json!("5.00"));
    }

    async fn a_change_by_hand_is_named_by_verifying_and_the_voucher_prints(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let receipt = ok(street.receive(app, "100.00", "D1").await, 201);
        let page = app.get(&street.accountant, &format!("/ledger/vouchers/{}/print", receipt["voucher_id"].as_str().unwrap())).await;
        assert!(page.text.contains("记账凭证") && page.text.contains("韩家墩街") && page.text.contains("100.00") && page.text.contains("遗属补助"), "{}", page.text);
        let tx = app.context.db.write(Scope::Street(street.district.parse().unwrap(), street.id.parse().unwrap())).await.unwrap();
        let refused = tx.execute(Sql::both("UPDATE voucher_lines SET debit = debit + 1 WHERE debit > 0"), Vec::new()).await;
        assert!(refused.is_err(), "the database refuses to change a voucher");
        tx.rollback().await.unwrap();
        let tx = app.context.db.write(Scope::Street(street.district.parse().unwrap(), street.id.parse().unwrap())).await.unwrap();
        tx.execute(Sql::both("UPDATE ledger_turnovers SET debit = debit + 1 WHERE account = '1002'"), Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
        let verified = ok(app.get(&street.accountant, "/ledger/verify").await, 200);
        assert_eq!((verified["holds"].as_bool(), verified["first_fault"]["voucher"].as_str(), verified["first_fault"]["street"].as_str()), (Some(false), Some("2017-01-0001"), Some("韩家墩街")), "{verified}");
        assert!(verified["first_fault"]["what"].as_str().unwrap().contains("1002"));
    }

    async fn two_who_return_the_same_money_at_once_return_it_once(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let other = street.new_category(app, "C09", "其他", false).await;
        let line = |category: &str, amount: &str| json!({"category_id": category, "amount": amount, "plan_item_ids": [street.plan_item]});
        street.budget(app, "1000.00", json!([line(&street.category, "100.00"), line(&other, "900.00")])).await;
        let lines = json!([{"category_id": street.category, "amount": "100.00"}, {"category_id": other, "amount": "900.00"}]);
        ok(app.money(&street.accountant, "/receipts", json!({"date": "2017-01-03", "document_number": "D1", "amount": "1000.00", "lines": lines}), "r").await, 201);
        let back = |document: &'static str| {
            let body = json!({"kind": "taken_back", "document_number": document, "amount": "100.00", "lines": [{"category_id": street.category, "amount": "100.00"}]});
            app.money(&street.accountant, "/treasury-returns", body, document)
        };
        let lock = "UPDATE fiscal_years SET version = version WHERE street_id = $1";
        let (one, two) = both(app, &street, lock, back("B1"), back("B2")).await;
        let mut codes = [one.status.as_u16(), two.status.as_u16()];
        codes.sort_unstable();
        assert_eq!(codes, [201, 409], "the category received 100.00: {} {}", one.text, two.text);
        let refused = if one.status.as_u16() == 409 { one } else { two };
        assert_eq!(refused.code(), (409, "category_short"));
        let again = json!({"kind": "taken_back", "document_number": "B3", "amount": "1.00", "lines": [{"category_id": other, "amount": "1.00"}]});
        ok(app.money(&street.accountant, "/treasury-returns", again.clone(), "again").await, 201);
        assert_eq!(app.money(&street.accountant, "/treasury-returns", again, "a retry under another key").await.code(), (409, "document_recorded"));
        assert_eq!(ok(app.get(&street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn an_opening_balance_beside_a_receipt_is_the_first_voucher_or_none(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let line = json!({"category_id": street.category, "amount": "100.00", "plan_item_ids": [street.plan_item]});
        street.budget(app, "100.00", json!([line])).await;
        let opening = json!({"date": "2017-01-03", "lines": [{"category_id": street.category, "amount": "50.00"}]});
        let recorded = ok(app.post(&street.accountant, "/opening-balances", opening).await, 201);
        let path = format!("/opening-balances/{}/approve", recorded["id"].as_str().unwrap());
        let headers = [("If-Match", "\"v1\""), ("Idempotency-Key", "o")];
        let approve = app.send(Method::POST, &path, &street.leader, Some(json!({})), &headers);
        let lock = "UPDATE fiscal_years SET version = version WHERE street_id = $1";
        let (approved, received) = both(app, &street, lock, approve, street.receive(app, "100.00", "D1")).await;
        ok(received, 201);
        let first = ok(app.get(&street.accountant, "/ledger/vouchers?sort=date").await, 200)["data"].as_array().unwrap().iter().find(|voucher| voucher["seq"] == json!(1)).unwrap().clone();
        match approved.status.as_u16() {
            200 => assert_eq!(first["kind"], json!("opening")),
            _ => assert_eq!((approved.code(), first["kind"].as_str()), ((409, "opening_not_first"), Some("receipt"))),
        }
        assert_eq!(ok(app.get(&street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn opening_balances_that_are_wrong_are_rejected_by_the_second_person_and_recorded_anew(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        let opening = |amount: &str| json!({"date": "2017-01-03", "lines": [{"category_id": street.category, "amount": amount}]});
        let wrong = ok(app.post(&street.accountant, "/opening-balances", opening("500.00")).await, 201);
        assert_eq!(app.post(&street.accountant, "/opening-balances", opening("50.00")).await.code(), (409, "opening_recorded"), "one at a time");
        let path = format!("/opening-balances/{}", wrong["id"].as_str().unwrap());
        let reject = async |token: &str, etag: &str| app.send(Method::POST, &format!("{path}/reject"), token, Some(json!({"reason": "与上年决算不符"})), &[("If-Match", etag)]).await;
        assert_eq!(reject(&street.accountant, "\"v1\"").await.code(), (403, "forbidden"));
        let rejected = ok(reject(&street.leader, "\"v1\"").await, 200);
        assert_eq!((rejected["state"].as_str(), rejected["rejection_reason"].as_str()), (Some("rejected"), Some("与上年决算不符")));
        assert_eq!(reject(&street.leader, "\"v2\"").await.code(), (409, "invalid_transition"));
        let right = ok(app.post(&street.accountant, "/opening-balances", opening("50.00")).await, 201);
        let headers = [("If-Match", "\"v1\""), ("Idempotency-Key", "o")];
        ok(app.send(Method::POST, &format!("/opening-balances/{}/approve", right["id"].as_str().unwrap()), &street.leader, Some(json!({})), &headers).await, 200);
        assert_eq!(ok(app.get(&street.accountant, "/fiscal-years").await, 200)["data"][0]["carried_in"], json!("50.00"));
    }
}
