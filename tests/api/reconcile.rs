//! Bank statements: imported whole or not at all, matched with the books by rules and by hand, reconciled, and needed to close a month.

use std::collections::BTreeSet;

use mingzhang::kernel::access::Scope;
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::clear::tables_with;
use crate::support::spending::Spending;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

fn faults(answer: &Answer) -> Vec<(String, String)> {
    let told = |error: &Value| (error["pointer"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned());
    answer.body["errors"].as_array().unwrap().iter().map(told).collect()
}

fn rules_of(report: &Value) -> Vec<String> {
    report["matches"].as_array().unwrap().iter().map(|found| found["rule"].as_str().unwrap().to_owned()).collect()
}

const JANUARY: (&str, &str) = ("2017-01-01", "2017-01-31");

on_both_databases! {
    async fn a_statement_is_imported_matched_and_reconciled_and_the_month_closes_with_it(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-01-05");
        bank.paid(app, "300.00", "B1").await;
        bank.paid(app, "200.00", "").await;
        Spending::day(app, "2017-01-31");
        bank.paid(app, "150.00", "B3").await;
        Spending::day(app, "2017-02-06");
        let lines = [
            ("2017-01-03", "S1", "", "财预1号 拨款", "10000.00"),
            ("2017-01-20", "S2", "B1", "转账", "-300.00"),
            ("2017-01-07", "S3", "", "转账", "-200.00"),
            ("2017-01-31", "S4", "", "结息", "1.23"),
        ];
        let query = format!("account=1002&layout_id={}&from_date=2017-01-01&to_date=2017-01-31", bank.layout);
        let checked = bank.upload(app, &bank.street.accountant, &format!("{query}&dry_run=true"), Spending::text("0.00", &lines).into_bytes()).await;
        assert_eq!((checked.status.as_u16(), checked.body["line_count"].as_i64()), (200, Some(4)), "{}", checked.text);
        assert_eq!(ok(app.get(&bank.street.accountant, "/bank-statements").await, 200)["data"], json!([]));
        let january = bank.statement(app, JANUARY, "0.00", &lines).await;
        assert_eq!((january.status.as_u16(), january.body["opening_balance"].as_str(), january.body["closing_balance"].as_str()), (201, Some("0.00"), Some("9501.23")), "{}", january.text);
        let id = january.id();
        let unmatched = bank.close_month(app, 2017, 1, json!({})).await;
        assert_eq!(unmatched.code(), (409, "reconciliation_missing"));
        assert!(unmatched.body["detail"].as_str().unwrap().contains("1002 fund on hand has a statement that was not matched"), "{}", unmatched.text);
        let report = bank.matched(app, &id).await;
        assert_eq!((rules_of(&report), report["open_lines"].as_i64()), (vec!["reference".to_owned(), "reference".to_owned(), "date".to_owned()], Some(1)));
        assert_eq!(bank.matched(app, &id).await["matches"], json!([]), "a second run finds nothing");
        let path = format!("/bank-statements/{id}");
        let open = ok(app.get(&bank.street.accountant, &format!("{path}/lines?open=true")).await, 200);
        assert_eq!((open["data"].as_array().unwrap().len(), open["data"][0]["summary"].as_str()), (1, Some("结息")));
        let of = |found: &Value, name: &str| found[name].as_str().or(found[name]["sum"].as_str()).unwrap().to_owned();
        let found = ok(app.get(&bank.street.accountant, &format!("{path}/reconciliation")).await, 200);
        let told = ["book_balance", "bank_received", "bank_paid", "adjusted_book", "bank_balance", "book_received", "book_paid", "adjusted_bank", "difference"].map(|name| of(&found, name));
        assert_eq!(told, ["9350.00", "1.23", "0.00", "9351.23", "9501.23", "0.00", "150.00", "9351.23", "0.00"]);
        let page = app.get(&bank.street.accountant, &format!("{path}/print")).await;
        assert!(["银行存款余额调节表", "韩家墩街", "9351.23", "调节后余额相符", "结息", "2017-01-0004"].iter().all(|text| page.text.contains(text)), "{}", page.text);
        ok(bank.close_month(app, 2017, 1, json!({})).await, 200);
        let matches = ok(app.get(&bank.street.accountant, "/bank-matches?rule=date").await, 200)["data"].clone();
        assert_eq!((matches.as_array().unwrap().len(), matches[0]["items"].as_array().unwrap().len(), matches[0]["amount"].as_str()), (1, 2, Some("-200.00")));
        let undo = bank.act(app, &bank.street.accountant, &format!("/bank-matches/{}", matches[0]["id"].as_str().unwrap()), "undo", json!({"reason": "误配"})).await;
        assert_eq!(undo.code(), (409, "period_closed"), "the reconciliation of a closed month stands");
        let february = bank.statement(app, ("2017-02-01", "2017-02-05"), "9501.23", &[("2017-02-02", "S5", "B3", "转账", "-150.00")]).await;
        assert_eq!(rules_of(&bank.matched(app, &february.id()).await), ["reference"]);
        let now = ok(app.get(&bank.street.accountant, &format!("/bank-statements/{}/reconciliation", february.id())).await, 200);
        assert_eq!(["adjusted_book", "book_paid", "difference"].map(|name| of(&now, name)), ["9351.23", "0.00", "0.00"]);
        assert_eq!(ok(app.get(&bank.street.accountant, &format!("{path}/reconciliation")).await, 200), found, "what was open at the end of January was open then");
        bank.books_hold(app).await;
    }

    async fn a_batch_is_one_line_of_the_bank_and_a_payment_never_made_cancels_its_reversal(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-01-05");
        bank.paid(app, "300.00", "ZF1").await;
        bank.paid(app, "200.00", "ZF1").await;
        let failed = bank.paid(app, "70.00", "B9").await;
        ok(bank.act(app, &bank.street.accountant, &format!("/claims/{}", failed["id"].as_str().unwrap()), "reverse", json!({"reason": "账号有误，银行未付"})).await, 200);
        Spending::day(app, "2017-02-06");
        let lines = [("2017-01-03", "S1", "", "财预1号 拨款", "10000.00"), ("2017-01-06", "S2", "", "代付业务", "-500.00")];
        let id = bank.statement(app, JANUARY, "0.00", &lines).await.id();
        let report = bank.matched(app, &id).await;
        assert_eq!((rules_of(&report), report["open_lines"].as_i64()), (vec!["reference".to_owned(), "group".to_owned(), "offset".to_owned()], Some(0)));
        let found = ok(app.get(&bank.street.accountant, &format!("/bank-statements/{id}/reconciliation")).await, 200);
        assert_eq!((found["adjusted_book"].as_str(), found["adjusted_bank"].as_str(), found["book_paid"]["sum"].as_str()), (Some("9500.00"), Some("9500.00"), Some("0.00")));
    }

    async fn what_the_rules_leave_is_matched_by_hand_once_and_undone_with_a_reason(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-01-05");
        let (one, two) = (bank.paid(app, "300.00", "").await, bank.paid(app, "150.00", "").await);
        Spending::day(app, "2017-01-25");
        let three = bank.paid(app, "50.00", "").await;
        let given = ok(app.money(&bank.street.accountant, "/donations", json!({"date": "2017-01-25", "amount": "5.00", "purpose": "红色基金"}), "don").await, 201);
        Spending::day(app, "2017-02-06");
        let lines = [("2017-01-03", "S1", "", "财预1号 拨款", "10000.00"), ("2017-01-12", "S2", "", "合并付款", "-450.00"), ("2017-01-13", "S3", "", "另付", "-49.00")];
        let id = bank.statement(app, JANUARY, "0.00", &lines).await.id();
        assert_eq!(bank.matched(app, &id).await["open_lines"], json!(2));
        let path = format!("/bank-statements/{id}");
        let rows = ok(app.get(&bank.street.accountant, &format!("{path}/lines?sort=line_number")).await, 200)["data"].clone();
        let vouchers = json!([one["voucher_id"], two["voucher_id"]]);
        let by_hand = async |who: &str, lines: Value, vouchers: Value| bank.act(app, who, &path, "matches", json!({"statement_line_ids": lines, "voucher_ids": vouchers})).await;
        let accountant = &bank.street.accountant;
        assert_eq!(by_hand(&bank.street.cashier, json!([rows[1]["id"]]), vouchers.clone()).await.code(), (403, "forbidden"), "who pays does not reconcile");
        let uneven = by_hand(accountant, json!([rows[2]["id"]]), json!([three["voucher_id"]])).await;
        assert_eq!(uneven.code(), (422, "match_does_not_sum"));
        assert!(uneven.text.contains("-49.00") && uneven.text.contains("-50.00"));
        let fund = by_hand(accountant, json!([rows[2]["id"]]), json!([given["voucher_id"]])).await;
        assert_eq!((fund.code(), fund.body["errors"][0]["pointer"].as_str()), ((422, "voucher_not_of_account"), Some("/voucher_ids/0")));
        let twice = by_hand(accountant, json!([rows[1]["id"], rows[1]["id"]]), json!([])).await;
        assert_eq!((twice.status.as_u16(), twice.body["errors"][0]["code"].as_str()), (422, Some("duplicate")));
        let made = ok(by_hand(accountant, json!([rows[1]["id"]]), vouchers.clone()).await, 201);
        assert_eq!((made["rule"].as_str(), made["amount"].as_str(), made["items"].as_array().unwrap().len()), (Some("hand"), Some("-450.00"), 3));
        let again = by_hand(accountant, json!([rows[1]["id"]]), vouchers.clone()).await;
        assert_eq!((again.code(), again.body["errors"][0]["pointer"].as_str()), ((409, "already_matched"), Some("/statement_line_ids/0")));
        assert_eq!(by_hand(accountant, json!([rows[2]["id"]]), json!([one["voucher_id"]])).await.body["errors"][0]["pointer"], json!("/voucher_ids/0"));
        let of_match = format!("/bank-matches/{}", made["id"].as_str().unwrap());
        assert_eq!(bank.act(app, accountant, &of_match, "undo", json!({"reason": ""})).await.status, 422);
        let undone = ok(bank.act(app, accountant, &of_match, "undo", json!({"reason": "付款对象不符"})).await, 200);
        assert_eq!((undone["state"].as_str(), undone["undo_reason"].as_str()), (Some("undone"), Some("付款对象不符")));
        assert_eq!(bank.act(app, accountant, &of_match, "undo", json!({"reason": "再撤"})).await.code(), (409, "invalid_transition"));
        let events = ok(app.get(&bank.street.first, "/audit-events?action=bank_match.undo").await, 200);
        assert_eq!(events["data"][0]["reason"], json!("付款对象不符"));
        // Two at the same moment with the version that both read: one of them matches.
        let etag = app.get(accountant, &path).await.etag.unwrap();
        let body = json!({"statement_line_ids": [rows[1]["id"]], "voucher_ids": vouchers});
        let target = format!("{path}/matches");
        let headers = [("If-Match", etag.as_str())];
        let tries: Vec<_> = (0..4).map(|_| app.send(Method::POST, &target, accountant, Some(body.clone()), &headers)).collect();
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.code() == (412, "precondition_failed")));
        // The database itself takes no line twice.
        let tx = app.context.db.write(Scope::Street(bank.street.district.parse().unwrap(), bank.street.id.parse().unwrap())).await.unwrap();
        assert!(tx.try_execute(Sql::both("UPDATE bank_match_items SET live = $1"), vec![true.into()]).await.is_err());
        drop(tx);
        let other = Spending::open(app, "江汉区", "o-", "cash").await;
        let foreign = other.statement(app, JANUARY, "0.00", &lines).await.id();
        let theirs = ok(app.get(&other.street.accountant, &format!("/bank-statements/{foreign}/lines")).await, 200)["data"][0]["id"].clone();
        let reached = by_hand(accountant, json!([theirs, rows[2]["id"]]), json!([])).await;
        assert_eq!((reached.code(), reached.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some("/statement_line_ids/0")));
        assert_eq!(app.get(&other.street.accountant, &path).await.code(), (404, "not_found"));
        assert_eq!(ok(app.get(&other.street.accountant, &format!("/bank-statements?street_id={}", bank.street.id)).await, 200)["data"], json!([]));
        assert_eq!(app.get(&bank.street.staff, &path).await.code(), (403, "forbidden"));
    }

    async fn a_file_that_is_wrong_altered_or_there_already_changes_nothing(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-03-06");
        let accountant = &bank.street.accountant;
        let query = |from: &str, to: &str| format!("account=1002&layout_id={}&from_date={from}&to_date={to}", bank.layout);
        let upload = async |query: String, text: &str| bank.upload(app, accountant, &query, text.as_bytes().to_vec()).await;
        let january = query(JANUARY.0, JANUARY.1);
        let lines = [("2017-01-03", "S1", "", "拨款", "100.00"), ("2017-01-05", "S2", "B1", "转账", "-30.00")];
        let good = Spending::text("0.00", &lines);
        for (file, status, code) in [(&b"\x89PNG\r\n\x1a\n"[..], 415, "unsupported_media_type"), (b"PK\x03\x04 and nothing else", 415, "unsupported_media_type"), (b"", 422, "missing_field"), (b"a,b\n1,2\n", 422, "import_refused")] {
            assert_eq!(bank.upload(app, accountant, &january, file.to_vec()).await.code(), (status, code));
        }
        let formula = upload(january.clone(), &good.replace("转账", "=HYPERLINK(\"http://x\")")).await;
        assert_eq!((formula.code(), faults(&formula)[0].1.as_str()), ((422, "import_refused"), "formula_in_cell"));
        let altered = upload(january.clone(), &good.replace(",30.00,", ",31.00,")).await;
        assert_eq!(faults(&altered), [("/rows/3/balance".to_owned(), "balance_differs".to_owned())]);
        let many = upload(january.clone(), &good.replace("2017-01-03", "昨天").replace("30.00", "x")).await;
        assert_eq!(faults(&many), [("/rows/2/date".to_owned(), "not_a_date".to_owned()), ("/rows/3/debit".to_owned(), "not_an_amount".to_owned())]);
        let short = upload(format!("{january}&closing_balance=71.00"), &good).await;
        assert_eq!((short.code(), short.body["errors"][0]["pointer"].as_str()), ((422, "balance_contradicts"), Some("/closing_balance")));
        let without: String = good.lines().map(|line| format!("{},\r\n", line.rsplit_once(',').unwrap().0)).collect::<String>().replacen("收入,", "收入,余额", 1);
        assert_eq!(upload(january.clone(), &without).await.code(), (422, "balance_missing"));
        assert_eq!(upload(format!("{january}&opening_balance=0.00&closing_balance=71.00"), &without).await.code(), (422, "statement_does_not_sum"));
        let wrong = bank.upload(app, accountant, &january.replace("account=1002", "account=4001"), good.clone().into_bytes()).await;
        assert_eq!(faults(&wrong), [("/account".to_owned(), "invalid_value".to_owned())]);
        let future = upload(query("2017-03-01", "2017-03-31"), &good).await;
        assert_eq!(faults(&future), [("/to_date".to_owned(), "date_in_future".to_owned())]);
        assert_eq!(upload(format!("{january}&colour=red"), &good).await.code(), (400, "invalid_parameter"));
        assert_eq!(upload(january.replace(&bank.layout, &uuid::Uuid::now_v7().to_string()), &good).await.code(), (422, "unknown_reference"));
        assert_eq!(bank.upload(app, &bank.street.cashier, &january, good.clone().into_bytes()).await.code(), (403, "forbidden"));
        assert_eq!(ok(app.get(accountant, "/bank-statements").await, 200)["data"], json!([]), "nothing was kept");
        let first = upload(january.clone(), &good).await;
        assert_eq!(first.status, 201, "{}", first.text);
        assert_eq!(upload(january, &good).await.code(), (409, "statement_imported"));
        let overlapping = upload(query("2017-01-31", "2017-02-28"), &Spending::text("70.00", &[("2017-02-01", "S3", "", "转账", "-1.00")])).await;
        assert_eq!((overlapping.code(), overlapping.body["errors"][0]["pointer"].as_str()), ((409, "statement_not_next"), Some("/from_date")));
        let gap = upload(query("2017-02-01", "2017-02-28"), &Spending::text("71.00", &[("2017-02-01", "S3", "", "转账", "-1.00")])).await;
        assert_eq!((gap.code(), gap.body["errors"][0]["pointer"].as_str()), ((409, "statement_gap"), Some("/opening_balance")));
        // The same next statement twice at the same moment is there once.
        let february = Spending::text("70.00", &[("2017-02-01", "S3", "", "转账", "-1.00")]);
        let tries: Vec<_> = (0..3).map(|_| upload(query("2017-02-01", "2017-02-28"), &february)).collect();
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.code().0 == 409));
        let void = async |id: &str| bank.act(app, accountant, &format!("/bank-statements/{id}"), "void", json!({"reason": "选错账户"})).await;
        assert_eq!(void(&first.id()).await.code(), (409, "statement_not_last"));
        let second = answers.iter().find(|answer| answer.status == 201).unwrap().id();
        let voided = ok(void(&second).await, 200);
        assert_eq!((voided["state"].as_str(), voided["void_reason"].as_str()), (Some("void"), Some("选错账户")));
        assert_eq!(void(&second).await.code(), (409, "invalid_transition"));
        assert_eq!(app.get(accountant, &format!("/bank-statements/{second}/print")).await.code(), (409, "invalid_transition"));
        assert_eq!(upload(query("2017-02-01", "2017-02-28"), &february).await.status, 201, "what was voided can be imported again");
        ok(bank.act(app, accountant, &format!("/bank-statements/{}", first.id()), "match", json!({})).await, 200);
        let days = bank.act(app, accountant, &format!("/bank-statements/{}", first.id()), "match", json!({"days": 32})).await;
        assert_eq!(faults(&days), [("/days".to_owned(), "out_of_range".to_owned())]);
    }

    async fn a_statement_with_a_match_or_in_a_closed_month_is_not_voided(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-02-06");
        let id = bank.statement(app, JANUARY, "0.00", &[("2017-01-03", "S1", "财预1号", "拨款", "10000.00")]).await.id();
        let path = format!("/bank-statements/{id}");
        assert_eq!(rules_of(&bank.matched(app, &id).await), ["reference"]);
        assert_eq!(bank.act(app, &bank.street.accountant, &path, "void", json!({"reason": "错"})).await.code(), (409, "statement_matched"));
        let found = ok(app.get(&bank.street.accountant, "/bank-matches").await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(bank.act(app, &bank.street.accountant, &format!("/bank-matches/{found}"), "undo", json!({"reason": "重来"})).await, 200);
        ok(bank.close_month(app, 2017, 1, json!({})).await, 200);
        assert_eq!(bank.act(app, &bank.street.accountant, &path, "void", json!({"reason": "错"})).await.code(), (409, "period_closed"));
    }

    async fn a_month_without_reconciliation_closes_only_with_a_signed_reason(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        ok(app.money(&bank.street.accountant, "/donations", json!({"date": "2017-01-03", "amount": "5.00", "purpose": "红色基金"}), "don").await, 201);
        Spending::day(app, "2017-04-06");
        ok(bank.close_month(app, 2017, 1, json!({})).await, 200);
        // From the first statement on, which is of February.
        let february = bank.statement(app, ("2017-02-01", "2017-02-28"), "10000.00", &[]).await;
        assert_eq!(february.body["line_count"], json!(null), "a statement without a line tells no balance: {}", february.text);
        assert_eq!(february.code(), (422, "balance_missing"));
        let query = format!("account=1002&layout_id={}&from_date=2017-02-01&to_date=2017-02-28&opening_balance=10000.00&closing_balance=10000.00", bank.layout);
        let february = bank.upload(app, &bank.street.accountant, &query, Spending::text("0.00", &[]).into_bytes()).await;
        assert_eq!(february.status, 201, "{}", february.text);
        bank.matched(app, &february.id()).await;
        let fund = bank.close_month(app, 2017, 2, json!({})).await;
        assert_eq!(fund.code(), (409, "reconciliation_missing"));
        assert!(fund.body["detail"].as_str().unwrap().contains("1003 donation fund on hand has no statement that covers 2017-02-28"), "{}", fund.text);
        assert_eq!(bank.close_month(app, 2017, 2, json!({"reason": " "})).await.status, 422, "a reason has words");
        let closed = ok(bank.close_month(app, 2017, 2, json!({"reason": "红色基金专户对账单下月取得"})).await, 200);
        assert_eq!(closed["close_reason"], json!("红色基金专户对账单下月取得"));
        let march = bank.upload(app, &bank.street.accountant, &query.replace("2017-02-01", "2017-03-01").replace("2017-02-28", "2017-03-31"), Spending::text("0.00", &[]).into_bytes()).await;
        assert_eq!(march.status, 201, "two months in which nothing moved have the same file: {}", march.text);
        let page = app.get(&bank.street.accountant, &format!("/bank-statements/{}/print", february.id())).await;
        assert!(page.text.contains("2017-02 结账说明：红色基金专户对账单下月取得"), "{}", page.text);
        let events = ok(app.get(&bank.street.first, "/audit-events?action=ledger_period.close").await, 200);
        assert!(events["data"].as_array().unwrap().iter().any(|event| event["reason"] == json!("红色基金专户对账单下月取得")), "{events}");
        // What bank and books differed by before the first statement is named until it is found.
        let other = Spending::open(app, "江汉区", "o-", "cash").await;
        let query = format!("account=1002&layout_id={}&from_date=2017-02-01&to_date=2017-02-28&opening_balance=9000.00&closing_balance=9000.00", other.layout);
        let short = other.upload(app, &other.street.accountant, &query, Spending::text("0.00", &[]).into_bytes()).await.id();
        other.matched(app, &short).await;
        ok(other.close_month(app, 2017, 1, json!({})).await, 200);
        let refused = other.close_month(app, 2017, 2, json!({})).await;
        assert!(refused.code() == (409, "reconciliation_missing") && refused.body["detail"].as_str().unwrap().contains("1002 fund on hand differs by 1000.00"), "{}", refused.text);
        let page = app.get(&other.street.accountant, &format!("/bank-statements/{short}/print")).await;
        assert!(page.text.contains("调节后余额相差 1000.00"), "{}", page.text);
    }

    async fn a_workbook_with_labelled_balances_is_read_by_its_layout(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        Spending::day(app, "2017-02-06");
        let layout = json!({"code": "x", "name": "示例银行", "definition": {"format": "xlsx", "date_format": "YYYY/MM/DD", "order": "newest_first", "opening_label": "期初余额", "closing_label": "期末余额", "skip_rows": ["合计"],
            "columns": [{"source": "date", "header": "日期"}, {"source": "direction", "header": "借贷"}, {"source": "amount", "header": "金额"}, {"source": "counterparty", "header": "对方"}]}});
        let made = ok(app.post(&street.first, "/statement-layouts", layout.clone()).await, 201);
        assert_eq!(app.post(&street.first, "/statement-layouts", layout.clone()).await.code(), (409, "code_taken"));
        assert_eq!(app.post(&street.accountant, "/statement-layouts", layout.clone()).await.code(), (403, "forbidden"));
        let mut bad = layout;
        bad["definition"]["columns"] = json!([{"source": "date", "header": "日期"}, {"source": "amount", "position": 2}]);
        let refused = app.post(&street.first, "/statement-layouts", bad).await;
        assert_eq!(faults(&refused), [("/definition/columns/1".to_owned(), "header_or_position".to_owned())]);
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet();
        for (row, cells) in (0_u32..).zip([
            &["期初余额", "1,000.00"][..],
            &["日期", "借贷", "金额", "对方"],
            &["2017/1/9", "贷", "5.50", "示例公司有限"],
            &["2017/1/5 10:00:01", "借", "300.00", "张三"],
            &["合计", "", "305.50"],
            &["期末余额：705.50"],
        ]) {
            for (column, cell) in (0_u16..).zip(cells) {
                sheet.write_string(row, column, *cell).unwrap();
            }
        }
        let path = format!("/bank-statements?account=1003&layout_id={}&from_date=2017-01-01&to_date=2017-01-31", made["id"].as_str().unwrap());
        let form_bytes = workbook.save_to_buffer().unwrap();
        let statement = app.send_bytes(Method::POST, &path, &street.accountant, Some(form_bytes), &[("Content-Type", "application/octet-stream")]).await;
        assert_eq!((statement.status.as_u16(), statement.body["opening_balance"].as_str(), statement.body["closing_balance"].as_str()), (201, Some("1000.00"), Some("705.50")), "{}", statement.text);
        let lines = ok(app.get(&street.accountant, &format!("/bank-statements/{}/lines?sort=line_number", statement.id())).await, 200)["data"].clone();
        assert_eq!((lines[0]["date"].as_str(), lines[0]["amount"].as_str(), lines[0]["counterparty"].as_str(), lines[0]["serial"].as_str()), (Some("2017-01-05"), Some("-300.00"), Some("张*"), Some("#1")), "{lines}");
        assert_eq!((lines[1]["amount"].as_str(), lines[1]["counterparty"].as_str()), (Some("5.50"), Some("示例公司有限")));
    }

    async fn the_banks_words_are_sealed_and_shown_to_who_reconciles_with_card_and_id_numbers_masked(app: TestApp) {
        let bank = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-01-05");
        let paid = bank.paid(app, "300.00", "2017010512345678901").await;
        Spending::day(app, "2017-02-06");
        let words = "代发 欧阳明月 6222021234567890128 420104199001010009 业务号2017010512345678901";
        let lines = [("2017-01-03", "S1", "财预1号", "拨款", "10000.00"), ("2017-01-20", "S2", "", words, "-300.00"), ("2017-01-21", "S3", "6222021234567890128", words, "-7.00")];
        let statement = bank.statement(app, JANUARY, "0.00", &lines).await;
        assert_eq!(statement.status, 201, "{}", statement.text);
        for secret in ["欧阳明月", "6222021234567890128 ", "420104199001010009"] {
            assert_eq!(tables_with(app, &bank.street, secret).await, BTreeSet::new(), "{secret}");
        }
        let path = format!("/bank-statements/{}", statement.id());
        let read = async |who: &str| ok(app.get(who, &format!("{path}/lines?sort=line_number")).await, 200)["data"].clone();
        let seen = read(&bank.street.accountant).await;
        let masked = "代发 欧阳明月 6222************128 4201**********0009 业务号2017010512345678901";
        assert_eq!((seen[1]["summary"].as_str(), seen[1]["counterparty"].as_str()), (Some(masked), Some("示例文化馆")));
        assert_eq!(seen[2]["bank_reference"].as_str(), Some("6222021234567890128"), "the bank's references stay readable");
        assert_eq!(seen[2]["summary"].as_str(), Some("代发 欧阳明月 6222021234567890128 4201**********0009 业务号2017010512345678901"));
        let others = read(&bank.street.leader).await;
        assert_eq!((&others[1]["summary"], &others[1]["counterparty"]), (&Value::Null, &json!("示例文化馆")));
        for (who, reconciles) in [(&bank.street.accountant, true), (&bank.street.leader, false)] {
            let csv = app.send(Method::GET, &format!("{path}/lines"), who, None, &[("Accept", "text/csv")]).await.text;
            let texts = [csv, app.get(who, &format!("{path}/reconciliation")).await.text, app.get(who, &format!("{path}/print")).await.text];
            for text in texts {
                assert!(text.contains("示例文化馆") && text.contains("欧阳明月") == reconciles && !text.contains("420104199001010009"), "{text}");
            }
        }
        let report = bank.matched(app, &statement.id()).await;
        assert_eq!(rules_of(&report), ["reference", "reference"], "the rules read the whole words: {}", paid["bank_reference"]);
    }
}
