//! A list as a file: all its rows, each once, in the order of its pages.

use std::io::Cursor;

use calamine::{Reader as _, Xlsx};
use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::Street;

/// More than two of the pieces in which a file is read from the database.
const MANY: usize = 430;
const LIST: &str = "/expense-items?sort=-code&columns=code,name";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn codes_by_page(app: &TestApp, token: &str) -> Vec<String> {
    let (mut codes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(token, &format!("{LIST}&limit=200{cursor}")).await;
        codes.extend(page.body["data"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap().to_owned()));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return codes,
        }
    }
}

on_both_databases! {
    async fn a_long_list_leaves_as_a_file_with_each_row_once_in_the_order_of_its_pages(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        for number in 0..MANY {
            let name = if number == 7 { "=HYPERLINK(\"http://example.org\")".to_owned() } else { format!("第{number}项") };
            let made = app.post(&token, "/expense-items", json!({"code": format!("item_{number:03}"), "name": name})).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
        let codes = codes_by_page(app, &token).await;
        assert_eq!(codes.len(), MANY);

        let csv = app.send(Method::GET, LIST, &token, None, &[("Accept", "text/csv")]).await;
        assert_eq!((csv.header("content-length"), csv.header("content-type")), ("", "text/csv; charset=utf-8"), "it is sent while it is read");
        let lines: Vec<&str> = csv.text.lines().collect();
        assert_eq!(lines[0], "\u{feff}code,name");
        assert_eq!(lines[1..].iter().map(|line| line.split(',').next().unwrap()).collect::<Vec<_>>(), codes);
        assert!(csv.text.contains("item_007,\"'=HYPERLINK("), "a cell that a spreadsheet would run is neutralised");

        let workbook = app.send(Method::GET, LIST, &token, None, &[("Accept", XLSX)]).await;
        assert_eq!(workbook.header("content-length"), workbook.bytes.len().to_string());
        let sheet = Xlsx::new(Cursor::new(workbook.bytes)).unwrap().worksheet_range_at(0).unwrap().unwrap();
        assert_eq!(sheet.rows().skip(1).map(|row| row[0].to_string()).collect::<Vec<_>>(), codes);
    }

    async fn an_empty_list_is_a_file_with_its_heads_and_a_wrong_column_is_told_before_it_begins(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let csv = app.send(Method::GET, LIST, &token, None, &[("Accept", "text/csv")]).await;
        assert_eq!(csv.text, "\u{feff}code,name\r\n");
        let refused = app.send(Method::GET, "/expense-items?columns=code,secret", &token, None, &[("Accept", "text/csv")]).await;
        assert_eq!(refused.code(), (400, "invalid_parameter"));
    }

    async fn a_value_that_a_filter_cannot_have_is_refused_and_each_that_it_can_have_is_taken(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let people = [&street.accountant, &street.leader, &street.cashier, &street.first];
        let description = app.get("", "/openapi.json").await.body;
        let mut tried = 0;
        for (path, operations) in description["paths"].as_object().unwrap().iter().filter(|(path, _)| !path.contains('{')) {
            let parameters = operations["get"]["parameters"].as_array().into_iter().flatten();
            for (name, values) in parameters.filter_map(|parameter| Some((parameter["name"].as_str()?, parameter["schema"]["enum"].as_array()?))) {
                let path = path.strip_prefix("/api/v1").unwrap();
                let ask = async |value: &str| {
                    for token in people {
                        let answer = app.get(token, &format!("{path}?{name}={value}")).await;
                        if answer.status != 403 {
                            return answer;
                        }
                    }
                    panic!("{path}: nobody of these may read it");
                };
                assert_eq!(ask("no-such").await.code(), (400, "invalid_parameter"), "{path}?{name}");
                for value in values {
                    assert_eq!(ask(value.as_str().unwrap()).await.status, 200, "{path}?{name}={value}");
                }
                tried += 1;
            }
        }
        assert!(tried > 30, "{tried}");
        for wrong in ["/payout-runs?period=2017Q9", "/ledger/vouchers?month=2017-13", "/ledger/vouchers?kind=gift", "/role-assignments?role=emperor"] {
            assert_eq!(app.get(&street.leader, wrong).await.code().0, 400, "{wrong}");
        }
    }

    async fn a_list_that_lies_in_memory_goes_by_pages_and_files_like_any_other(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        for path in ["/ledger/accounts", "/ledger/balances", "/auth/sessions", "/activity-limits/in-force"] {
            let whole = app.get(&street.accountant, &format!("{path}?limit=200")).await;
            let whole = whole.body["data"].as_array().unwrap_or_else(|| panic!("{path}: {}", whole.text)).clone();
            let (mut walked, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = app.get(&street.accountant, &format!("{path}?limit=2{cursor}")).await;
                walked.extend(page.body["data"].as_array().unwrap().clone());
                match page.body["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(walked, whole, "{path}");
            let csv = app.send(Method::GET, path, &street.accountant, None, &[("Accept", "text/csv")]).await;
            assert_eq!((csv.header("content-type"), csv.text.lines().count()), ("text/csv; charset=utf-8", whole.len() + 1), "{path}");
            for wrong in ["limit=0", "color=red", "sort=code", "columns=none"] {
                assert_eq!(app.get(&street.accountant, &format!("{path}?{wrong}")).await.status, 400, "{path}?{wrong}");
            }
        }
    }
}
