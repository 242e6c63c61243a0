//! The end of a year: unused quota lapses, late results are booked where the bank paid, what is left is carried over by the category's rule, surplus goes back, and a closed year takes nothing.

use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::spending::Spending;
use crate::support::street::ok;

/// A batch of these claims; gives it with the bank's answer that it paid them on a day.
async fn batch(app: &TestApp, books: &Spending, claims: &[&str], day: &str) -> (Value, String) {
    let template = json!({"code": "bx", "name": "示例银行报销", "definition": {"format": "csv", "extension": "csv", "columns": [{"source": "serial"}, {"source": "account_number"}, {"source": "holder_name"}, {"source": "amount"}]}});
    let template = ok(app.post(&books.street.first, "/bank-file-templates", template).await, 201)["id"].clone();
    let ids: Vec<&str> = claims.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    let made = ok(app.money(&books.street.cashier, "/payment-batches", json!({"template_id": template, "claim_ids": ids}), "batch").await, 201);
    let file = app.get(&books.street.cashier, &format!("/payment-batches/{}/file", made["id"].as_str().unwrap())).await;
    let mut result = format!("批次号,{},笔数,{},金额,{},日期,{day}\r\n序号,账号后四位,金额,结果,原因\r\n", made["number"].as_str().unwrap(), made["count"], made["sum"].as_str().unwrap());
    for line in file.text.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        result.push_str(&format!("{},1234,{},成功,\r\n", cells[0], cells[3]));
    }
    (made, result)
}

async fn result(app: &TestApp, books: &Spending, batch: &Value, text: &str) -> crate::support::Answer {
    let path = format!("/payment-batches/{}/results", batch["id"].as_str().unwrap());
    app.send_text(Method::POST, &path, &books.street.cashier, Some(text.to_owned()), &[("If-Match", "\"v1\""), ("Idempotency-Key", "result"), ("Content-Type", "text/csv")]).await
}

async fn returned(app: &TestApp, books: &Spending, category: &str, amount: &str, key: &str) -> crate::support::Answer {
    let body = json!({"kind": "surplus", "document_number": key, "amount": amount, "lines": [{"category_id": category, "amount": amount}]});
    app.money(&books.street.accountant, "/treasury-returns", body, key).await
}

on_both_databases! {
    async fn unused_quota_lapses_but_not_what_an_open_batch_still_needs(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "quota").await;
        Spending::day(app, "2017-12-20");
        let paid = books.approved(app, "1000.00", "quota").await;
        ok(books.act(app, &books.street.cashier, &paid, "pay", json!({})).await, 200);
        let waiting = books.approved(app, "400.00", "quota").await;
        let (made, answer) = batch(app, &books, &[&waiting], "2017-12-29").await;
        assert_eq!(books.on_year(app, 2017, "lapse-quota", json!({})).await.code(), (409, "period_not_over"));
        Spending::day(app, "2018-01-03");
        let lapsed = ok(books.on_year(app, 2017, "lapse-quota", json!({})).await, 200);
        assert_eq!((lapsed["received"].as_str(), books.balance(app, "1011").await.as_str()), (Some("1400.00"), "400.00"));
        assert_eq!(books.on_year(app, 2017, "lapse-quota", json!({})).await.code(), (409, "no_quota_unused"));
        let voucher = ok(app.get(&books.street.accountant, "/ledger/vouchers?kind=quota_lapse").await, 200)["data"][0].clone();
        assert_eq!((voucher["date"].as_str(), voucher["amount"].as_str(), voucher["lines"][0]["account"].as_str(), voucher["lines"][1]["account"].as_str()), (Some("2017-12-31"), Some("8600.00"), Some("4001"), Some("1011")));
        for month in 1..=11 {
            ok(books.close_month(app, 2017, month, json!({})).await, 200);
        }
        ok(app.post(&books.street.accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        assert_eq!(books.on_year(app, 2017, "close", json!({})).await.code(), (409, "claims_open"), "the year waits for the bank's result");
        ok(result(app, &books, &made, &answer).await, 200);
        let late = ok(app.get(&books.street.accountant, &waiting).await, 200);
        assert_eq!((late["state"].as_str(), late["paid_on"].as_str()), (Some("paid"), Some("2017-12-29")), "booked where the bank paid");
        ok(books.on_year(app, 2017, "close", json!({})).await, 200);
        let closing = ok(app.get(&books.street.accountant, "/ledger/vouchers?fiscal_year=2017&sort=-seq").await, 200)["data"].clone();
        assert_eq!((closing[0]["kind"].as_str(), closing[0]["date"].as_str()), (Some("closing"), Some("2017-12-31")), "the transfer is the year's last voucher");
        let (old, new) = (books.year(app, 2017).await, books.year(app, 2018).await);
        assert_eq!((old["received"].as_str(), old["spent"].as_str(), new["carried_in"].as_str()), (Some("1400.00"), Some("1400.00"), Some("0.00")));
        assert_eq!(books.balance(app, "1011").await, "0.00");
        books.books_hold(app).await;
    }

    async fn closing_a_year_lets_quota_lapse_by_itself_and_a_result_of_a_closed_month_is_booked_in_its_year(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "quota").await;
        let cash = json!({"date": "2017-01-03", "kind": "cash", "document_number": "财预2号", "amount": "100.00", "lines": [{"category_id": books.category, "amount": "100.00"}]});
        ok(app.money(&books.street.accountant, "/receipts", cash, "cash").await, 201);
        Spending::day(app, "2017-11-20");
        let claim = books.approved(app, "250.00", "quota").await;
        let (made, answer) = batch(app, &books, &[&claim], "2017-11-21").await;
        Spending::day(app, "2018-01-03");
        for month in 1..=11 {
            ok(books.close_month(app, 2017, month, json!({})).await, 200);
        }
        ok(result(app, &books, &made, &answer).await, 200);
        let paid = ok(app.get(&books.street.accountant, &claim).await, 200);
        assert_eq!((paid["value_date"].as_str(), paid["paid_on"].as_str()), (Some("2017-11-21"), Some("2017-12-31")), "November is closed, the year is not");
        ok(app.post(&books.street.accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        let next = json!({"date": "2018-01-03", "kind": "quota", "document_number": "财预3号", "amount": "300.00", "lines": [{"category_id": books.category, "amount": "300.00"}]});
        ok(app.money(&books.street.accountant, "/receipts", next, "next").await, 201);
        ok(books.on_year(app, 2017, "close", json!({})).await, 200);
        let (old, new) = (books.year(app, 2017).await, books.year(app, 2018).await);
        assert_eq!((old["received"].as_str(), new["carried_in"].as_str(), new["to_return"].as_str()), (Some("350.00"), Some("100.00"), Some("100.00")));
        assert_eq!((new["received"].as_str(), books.balance(app, "1011").await.as_str()), (Some("300.00"), "300.00"), "the next year's quota is not the old one's to lapse");
        books.books_hold(app).await;
    }

    async fn surplus_goes_back_to_the_treasury_and_cannot_be_spent_before(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "cash").await;
        let (accountant, office) = (&books.street.accountant, &books.street.party_office);
        Spending::day(app, "2017-12-01");
        let paid = books.paid(app, "1000.00", "B1").await;
        Spending::day(app, "2018-01-03");
        ok(books.close_year(app, 2017).await, 200);
        let open = books.year(app, 2018).await;
        assert_eq!((open["carried_in"].as_str(), open["to_return"].as_str()), (Some("9000.00"), Some("9000.00")));
        assert_eq!(returned(app, &books, &books.category, "9000.01", "r1").await.code(), (409, "surplus_exceeded"));
        let other = returned(app, &books, &books.street.category, "1.00", "r2").await;
        assert_eq!((other.code(), other.body["errors"][0]["pointer"].as_str()), ((409, "category_short"), Some("/lines/0/amount")));
        let quota = json!({"kind": "surplus", "paid_from": "quota", "document_number": "r3", "amount": "1.00", "lines": [{"category_id": books.category, "amount": "1.00"}]});
        assert_eq!(app.money(accountant, "/treasury-returns", quota, "r3").await.body["errors"][0]["pointer"], json!("/paid_from"));
        // A budget of 2018 has a line, but the money on hand is to be returned.
        let item = json!({"fiscal_year": 2018, "title": "组织生活", "objective": "按计划", "targets": [{"name": "次数", "comparison": "at_least", "value": "4", "unit": "次"}]});
        let item = ok(app.post(office, "/plan-items", item).await, 201)["id"].clone();
        let budget = json!({"fiscal_year": 2018, "programme": "党建", "total": "500.00", "lines": [{"category_id": books.category, "amount": "500.00", "plan_item_ids": [item]}]});
        let budget = format!("/budgets/{}", ok(app.post(office, "/budgets", budget).await, 201)["id"].as_str().unwrap());
        ok(app.act(office, &format!("{budget}/submit"), "\"v1\"").await, 200);
        let approved = ok(app.act(&books.street.first, &format!("{budget}/approve"), "\"v2\"").await, 200);
        let next = Spending { line: approved["lines"][0]["id"].as_str().unwrap().to_owned(), ..books };
        let claim = next.approved(app, "100.00", "cash").await;
        assert_eq!(next.act(app, &next.street.cashier, &claim, "pay", json!({})).await.code(), (409, "funds_not_received"), "what is to be returned is not spent");
        let back = ok(returned(app, &next, &next.category, "6000.00", "r4").await, 201);
        assert_eq!((back["kind"].as_str(), back["fiscal_year"].as_i64()), (Some("surplus"), Some(2018)));
        let voucher = ok(app.get(&next.street.accountant, &format!("/ledger/vouchers/{}", back["voucher_id"].as_str().unwrap())).await, 200);
        assert_eq!((voucher["kind"].as_str(), voucher["lines"][0]["account"].as_str(), voucher["lines"][1]["account"].as_str()), (Some("surplus_return"), Some("3001"), Some("1002")));
        let row = next.year(app, 2018).await;
        assert_eq!((row["carried_in"].as_str(), row["to_return"].as_str(), next.balance(app, "1002").await.as_str()), (Some("3000.00"), Some("3000.00"), "3000.00"));
        assert_eq!(returned(app, &next, &next.category, "3000.01", "r5").await.code(), (409, "surplus_exceeded"));
        // Money of a claim of the closed year comes back: it is carried-in money of this one (E4p).
        let path = format!("/claims/{}", paid["id"].as_str().unwrap());
        ok(next.act(app, &next.street.accountant, &path, "refunds", json!({"amount": "120.00", "reason": "退场地费"})).await, 201);
        let refund = ok(app.get(&next.street.accountant, "/ledger/vouchers?kind=claim_refund").await, 200)["data"][0].clone();
        assert_eq!((refund["fiscal_year"].as_i64(), refund["lines"][1]["account"].as_str(), refund["lines"][1]["category_id"].as_str()), (Some(2018), Some("3001"), Some(next.category.as_str())));
        assert_eq!(next.year(app, 2018).await["carried_in"], json!("3120.00"));
        ok(next.act(app, &next.street.cashier, &claim, "pay", json!({})).await, 200);
        next.books_hold(app).await;
    }

    async fn what_lies_for_two_years_is_proposed_for_return_and_what_nobody_returned_stays_put_aside(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "cash").await;
        let keeps = json!({"code": "C77", "name": "基层党建专项", "carry_over": "stays_with_unit"});
        let keeps = ok(app.post(&books.street.first, "/categories", keeps).await, 201)["id"].as_str().unwrap().to_owned();
        let receipt = json!({"date": "2017-01-03", "document_number": "财预2号", "amount": "700.00", "lines": [{"category_id": keeps, "amount": "700.00"}]});
        ok(app.money(&books.street.accountant, "/receipts", receipt, "second").await, 201);
        let page = app.get(&books.street.accountant, &format!("/fiscal-years/{}/final-accounts/print", books.year(app, 2017).await["id"].as_str().unwrap())).await;
        assert!(page.text.contains("本年度尚未结账") && page.text.contains("10700.00"), "{}", page.text);
        Spending::day(app, "2018-01-03");
        ok(books.close_year(app, 2017).await, 200);
        let open = books.year(app, 2018).await;
        assert_eq!((open["carried_in"].as_str(), open["to_return"].as_str()), (Some("10700.00"), Some("10000.00")));
        Spending::day(app, "2019-01-03");
        ok(books.close_year(app, 2018).await, 200);
        let open = books.year(app, 2019).await;
        assert_eq!((open["carried_in"].as_str(), open["to_return"].as_str()), (Some("10700.00"), Some("10000.00")), "nobody returned it, so it stays put aside");
        let finals = async |year: i32| {
            let id = books.year(app, year).await["id"].as_str().unwrap().to_owned();
            let rows = ok(app.get(&books.street.accountant, &format!("/fiscal-years/{id}/final-accounts")).await, 200)["data"].clone();
            rows.as_array().unwrap().iter().find(|row| row["category_id"] == json!(keeps)).unwrap().clone()
        };
        let (first, second) = (finals(2017).await, finals(2018).await);
        assert_eq!((first["received"].as_str(), first["carried_over"].as_str(), first["surplus_proposed"].as_str()), (Some("700.00"), Some("700.00"), Some("0.00")));
        assert_eq!((second["carried_in"].as_str(), second["carried_over"].as_str(), second["surplus_proposed"].as_str(), second["to_return"].as_str()), (Some("700.00"), Some("700.00"), Some("700.00"), Some("0.00")));
        let page = app.get(&books.street.leader, &format!("/fiscal-years/{}/final-accounts/print", books.year(app, 2018).await["id"].as_str().unwrap())).await;
        assert!(["决算表", "韩家墩街", "拟作结余", "红色基金", "700.00"].iter().all(|text| page.text.contains(text)) && !page.text.contains("尚未结账"), "{}", page.text);
        books.books_hold(app).await;
    }

    async fn what_years_and_receipts_say_is_recomputed_from_the_books(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2018-01-03");
        ok(books.close_year(app, 2017).await, 200);
        ok(returned(app, &books, &books.category, "400.00", "back").await, 201);
        books.books_hold(app).await;
        let (district, street): (uuid::Uuid, uuid::Uuid) = (books.street.district.parse().unwrap(), books.street.id.parse().unwrap());
        let change = async |sql: &'static str| {
            let tx = app.context.db.write(Scope::of_place(Place::street(district, street))).await.unwrap();
            assert!(tx.execute(Sql::both(sql), vec![street.into()]).await.unwrap() > 0, "{sql}");
            tx.commit().await.unwrap();
        };
        for (by_hand, back, voucher, what, zh) in [
            ("UPDATE fiscal_years SET to_return = to_return - 1 WHERE street_id = $1 AND year = 2018", "UPDATE fiscal_years SET to_return = to_return + 1 WHERE street_id = $1 AND year = 2018", "", "the year 2018 says carried in 9600.00 to return 9599.99", "应上缴 9600.00"),
            ("UPDATE fiscal_years SET carried_in = carried_in + 1 WHERE street_id = $1 AND year = 2017", "UPDATE fiscal_years SET carried_in = carried_in - 1 WHERE street_id = $1 AND year = 2017", "", "the year 2017 says carried in 0.01", "2017 年度登记为上年结转 0.01"),
            ("UPDATE receipts SET amount = amount + 1 WHERE street_id = $1", "UPDATE receipts SET amount = amount - 1 WHERE street_id = $1", "2017-01-0001", "the receipt 财预1号 says 10000.01, its lines 10000.00, its voucher books 10000.00", "登记金额 10000.01"),
            ("UPDATE treasury_returns SET amount = amount + 1 WHERE street_id = $1", "UPDATE treasury_returns SET amount = amount - 1 WHERE street_id = $1", "2018-01-0001", "the return to the treasury back says 400.01", "上缴或收回文件 back"),
            ("UPDATE receipts SET lines = '[]' WHERE street_id = $1", "", "2017-01-0001", "its lines 0.00, its voucher books 10000.00", "分类合计 0.00"),
        ] {
            change(by_hand).await;
            let verified = ok(app.get(&books.street.accountant, "/ledger/verify").await, 200);
            let fault = &verified["first_fault"];
            assert_eq!((verified["holds"].as_bool(), fault["voucher"].as_str().unwrap_or_default()), (Some(false), voucher), "{by_hand}: {verified}");
            assert!(fault["what"].as_str().unwrap().contains(what) && fault["what_zh"].as_str().unwrap().contains(zh), "{by_hand}: {verified}");
            if !back.is_empty() {
                change(back).await;
                books.books_hold(app).await;
            }
        }
    }

    async fn a_closed_year_refuses_everything(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "cash").await;
        let (accountant, office) = (&books.street.accountant, &books.street.party_office);
        let budget = ok(app.get(office, "/budgets").await, 200)["data"][0]["id"].clone();
        let draft = json!({"fiscal_year": 2017, "programme": "另一项目", "total": "1.00", "lines": [{"category_id": books.category, "amount": "1.00", "plan_item_ids": [books.street.plan_item]}]});
        let drafted = format!("/budgets/{}", ok(app.post(office, "/budgets", draft.clone()).await, 201)["id"].as_str().unwrap());
        let adjustment = json!({"budget_id": budget, "kind": "supplement", "reason": "任务增加", "lines": [{"budget_line_id": books.line, "amount": "1.00"}]});
        let waiting = format!("/budget-adjustments/{}", ok(app.post(office, "/budget-adjustments", adjustment.clone()).await, 201)["id"].as_str().unwrap());
        Spending::day(app, "2017-12-20");
        let paid = books.paid(app, "100.00", "B1").await;
        Spending::day(app, "2018-01-03");
        ok(books.close_year(app, 2017).await, 200);
        let states = |list: &Value| list["data"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>();
        let (closed, left) = (ok(app.get(office, "/budgets?state=closed").await, 200), ok(app.get(office, "/budgets?state=draft").await, 200));
        assert_eq!((closed["data"].as_array().unwrap().len(), &closed["data"][0]["id"], left["data"].as_array().unwrap().len()), (1, &budget, 1), "the approved budget closed with its year");
        assert_eq!(states(&ok(app.get(office, &format!("/budget-lines?fiscal_year=2017&category_id={}", books.category)).await, 200)), ["approved".to_owned(), "draft".to_owned()].into(), "lines stay what they are");
        let trail = ok(app.get(&books.street.first, &format!("/audit-events?subject_id={}&action=budget.close", budget.as_str().unwrap())).await, 200);
        assert_eq!((trail["data"].as_array().unwrap().len(), trail["data"][0]["before"]["state"].as_str(), trail["data"][0]["after"]["state"].as_str()), (1, Some("approved"), Some("closed")));
        assert_eq!(ok(app.get(office, "/summary/street?fiscal_year=2017").await, 200)["total"]["approved"], json!("10000.00"));
        let seq = async || ok(app.get(accountant, "/ledger/vouchers?sort=-seq&limit=1").await, 200)["data"][0]["seq"].as_i64();
        let before = seq().await;
        assert_eq!(books.on_year(app, 2017, "close", json!({})).await.code(), (409, "invalid_transition"));
        assert_eq!(books.on_year(app, 2017, "lapse-quota", json!({})).await.code(), (409, "invalid_transition"));
        assert_eq!(books.close_month(app, 2017, 12, json!({})).await.code().0, 412, "December closed with its year");
        let receipt = json!({"date": "2017-12-31", "document_number": "财预9号", "amount": "1.00", "lines": [{"category_id": books.category, "amount": "1.00"}]});
        assert_eq!(app.money(accountant, "/receipts", receipt, "late").await.code(), (422, "date_not_in_year"));
        assert_eq!(app.money(accountant, "/donations", json!({"date": "2017-12-31", "amount": "1.00", "purpose": "红色基金"}), "don").await.code(), (422, "date_not_in_year"));
        assert_eq!(app.post(office, "/budget-adjustments", adjustment).await.code(), (409, "fiscal_year_not_open"));
        assert_eq!(app.act(&books.street.first, &format!("{waiting}/approve"), "\"v1\"").await.code(), (409, "fiscal_year_not_open"));
        assert_eq!(app.act(office, &format!("{drafted}/submit"), "\"v1\"").await.code(), (409, "fiscal_year_not_open"));
        let other = json!({"programme": "再一项目", "fiscal_year": 2017, "total": "1.00", "lines": draft["lines"]});
        assert_eq!(app.post(office, "/budgets", other).await.code(), (409, "fiscal_year_not_open"));
        let claim = json!({"budget_line_id": books.line, "kind": "other", "title": "迟到的单据", "payee": {"kind": "supplier", "name": "示例"}, "payment_method": "official_card",
            "lines": [{"expense_item_id": books.item, "description": "用品", "amount": "1.00"}]});
        assert_eq!(app.post(office, "/claims", claim).await.code(), (409, "line_not_open"));
        let reversed = books.act(app, accountant, &format!("/claims/{}", paid["id"].as_str().unwrap()), "reverse", json!({"reason": "付错"})).await;
        assert_eq!(reversed.code(), (409, "not_reversible"));
        assert_eq!(seq().await, before, "nothing was booked");
        books.books_hold(app).await;
    }
}
