//! A street that has received money and pays claims with it, and a district's layout of bank statements.

use reqwest::Method;
use serde_json::{Value, json};

use super::street::{Street, ok};
use super::{Answer, TestApp};

/// A street with a line to claim on.
pub struct Spending {
    pub street: Street,
    pub category: String,
    pub item: String,
    pub line: String,
    pub layout: String,
}

impl Spending {
    /// Opens it with 10,000.00 budgeted, and as much received: `kind` is `cash` or `quota`.
    pub async fn open(app: &TestApp, district: &str, prefix: &str, kind: &str) -> Self {
        let street = Street::open(app, district, prefix).await;
        let item = ok(app.post(&street.first, "/expense-items", json!({"code": "F11", "name": "其他费用"})).await, 201)["id"].as_str().unwrap().to_owned();
        let category = json!({"code": "C01", "name": "基层党组织运行经费", "carry_over": "returns", "allowed_item_ids": [item], "forbidden_item_ids": []});
        let category = ok(app.post(&street.first, "/categories", category).await, 201)["id"].as_str().unwrap().to_owned();
        let budget = street.budget(app, "10000.00", json!([{"category_id": category, "amount": "10000.00", "plan_item_ids": [street.plan_item]}])).await;
        let line = budget["lines"][0]["id"].as_str().unwrap().to_owned();
        let receipt = json!({"date": "2017-01-03", "kind": kind, "document_number": "财预1号", "amount": "10000.00", "lines": [{"category_id": category, "amount": "10000.00"}]});
        ok(app.money(&street.accountant, "/receipts", receipt, "receipt").await, 201);
        let columns =
            [("date", "交易日期"), ("serial", "流水号"), ("reference", "凭证号"), ("summary", "摘要"), ("counterparty", "对方户名"), ("debit", "支出"), ("credit", "收入"), ("balance", "余额")];
        let columns: Vec<Value> = columns.iter().map(|(source, header)| json!({"source": source, "header": header})).collect();
        let layout = json!({"code": "bank", "name": "示例银行对账单", "definition": {"format": "csv", "encoding": "utf8", "columns": columns, "skip_rows": ["合计"]}});
        let layout = ok(app.post(&street.first, "/statement-layouts", layout).await, 201)["id"].as_str().unwrap().to_owned();
        Self { street, category, item, line, layout }
    }

    /// Nine in the morning of a day.
    pub fn day(app: &TestApp, day: &str) {
        app.context.clocks.set(format!("{day}T01:00:00Z").parse().unwrap());
    }

    async fn etag(&self, app: &TestApp, path: &str) -> String {
        app.get(&self.street.accountant, path).await.etag.expect(path)
    }

    /// A request on a row at its version, with a key of its own.
    pub async fn act(&self, app: &TestApp, who: &str, path: &str, action: &str, body: Value) -> Answer {
        let (etag, key) = (self.etag(app, path).await, uuid::Uuid::now_v7().to_string());
        app.send(Method::POST, &format!("{path}/{action}"), who, Some(body), &[("If-Match", &etag), ("Idempotency-Key", &key)]).await
    }

    /// An approved claim of the street; gives its path.
    pub async fn approved(&self, app: &TestApp, amount: &str, paid_from: &str) -> String {
        let claim = json!({"budget_line_id": self.line, "kind": "other", "title": "小组会议", "payee": {"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"},
            "payment_method": "transfer", "paid_from": paid_from, "lines": [{"expense_item_id": self.item, "description": "会议用品", "amount": amount}], "submit": true});
        let path = format!("/claims/{}", ok(app.post(&self.street.party_office, "/claims", claim).await, 201)["id"].as_str().unwrap());
        ok(self.act(app, &self.street.accountant, &path, "review", json!({})).await, 200);
        ok(self.act(app, &self.street.leader, &path, "approve", json!({})).await, 200);
        path
    }

    /// A claim paid today; gives it.
    pub async fn paid(&self, app: &TestApp, amount: &str, reference: &str) -> Value {
        let path = self.approved(app, amount, "cash").await;
        let body = if reference.is_empty() { json!({}) } else { json!({"bank_reference": reference}) };
        ok(self.act(app, &self.street.cashier, &path, "pay", body).await, 200)
    }

    /// Imports a statement of 1002; `lines` are date, serial, reference, words, and the amount (negative: paid).
    pub async fn statement(&self, app: &TestApp, (from, to): (&str, &str), opening: &str, lines: &[(&str, &str, &str, &str, &str)]) -> Answer {
        self.upload(app, &self.street.accountant, &format!("account=1002&layout_id={}&from_date={from}&to_date={to}", self.layout), Self::text(opening, lines).into_bytes()).await
    }

    /// The file of a statement, with its running balance.
    pub fn text(opening: &str, lines: &[(&str, &str, &str, &str, &str)]) -> String {
        let fen = |text: &str| text.parse::<mingzhang::kernel::money::Fen>().unwrap().0;
        let mut balance = fen(opening);
        let mut text = "交易日期,流水号,凭证号,摘要,对方户名,支出,收入,余额\r\n".to_owned();
        for (date, serial, reference, words, amount) in lines {
            balance += fen(amount);
            let (paid, received) = amount.strip_prefix('-').map_or(("", *amount), |paid| (paid, ""));
            text.push_str(&format!("{date},{serial},{reference},{words},示例文化馆,{paid},{received},{}\r\n", mingzhang::kernel::money::Fen(balance)));
        }
        text
    }

    pub async fn upload(&self, app: &TestApp, who: &str, query: &str, bytes: Vec<u8>) -> Answer {
        app.send_bytes(Method::POST, &format!("/bank-statements?{query}"), who, Some(bytes), &[("Content-Type", "application/octet-stream")]).await
    }

    /// Runs the rules over a statement.
    pub async fn matched(&self, app: &TestApp, statement: &str) -> Value {
        ok(self.act(app, &self.street.accountant, &format!("/bank-statements/{statement}"), "match", json!({})).await, 200)
    }

    /// Closes a month (from 1) of a year.
    pub async fn close_month(&self, app: &TestApp, year: i32, month: usize, body: Value) -> Answer {
        let periods = ok(app.get(&self.street.accountant, &format!("/ledger/periods?fiscal_year={year}&sort=month")).await, 200)["data"].clone();
        let path = format!("/ledger/periods/{}/close", periods[month - 1]["id"].as_str().unwrap());
        app.send(Method::POST, &path, &self.street.accountant, Some(body), &[("If-Match", "\"v1\"")]).await
    }

    /// The year's row.
    pub async fn year(&self, app: &TestApp, year: i32) -> Value {
        ok(app.get(&self.street.accountant, &format!("/fiscal-years?year={year}")).await, 200)["data"][0].clone()
    }

    /// Acts on a year at its version.
    pub async fn on_year(&self, app: &TestApp, year: i32, action: &str, body: Value) -> Answer {
        let row = self.year(app, year).await;
        let (path, etag) = (format!("/fiscal-years/{}/{action}", row["id"].as_str().unwrap()), format!("\"v{}\"", row["version"]));
        app.send(Method::POST, &path, &self.street.accountant, Some(body), &[("If-Match", &etag), ("Idempotency-Key", &uuid::Uuid::now_v7().to_string())]).await
    }

    /// Closes January to November, opens the year after, and closes the year.
    pub async fn close_year(&self, app: &TestApp, year: i32) -> Answer {
        for month in 1..=11 {
            ok(self.close_month(app, year, month, json!({})).await, 200);
        }
        ok(app.post(&self.street.accountant, "/fiscal-years", json!({"year": year + 1})).await, 201);
        self.on_year(app, year, "close", json!({})).await
    }

    /// The balance of an account, over all its dimensions.
    pub async fn balance(&self, app: &TestApp, account: &str) -> String {
        let rows = ok(app.get(&self.street.accountant, "/ledger/balances").await, 200)["data"].clone();
        let sum: i64 =
            rows.as_array().unwrap().iter().filter(|row| row["account"] == json!(account)).map(|row| row["balance"].as_str().unwrap().parse::<mingzhang::kernel::money::Fen>().unwrap().0).sum();
        mingzhang::kernel::money::Fen(sum).to_string()
    }

    pub async fn books_hold(&self, app: &TestApp) {
        let answer = ok(app.get(&self.street.accountant, "/ledger/verify").await, 200);
        assert_eq!(answer["holds"], json!(true), "{answer}");
    }
}
