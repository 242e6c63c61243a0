//! The detailed ledger 明细账.

use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::spending::Spending;
use crate::support::street::ok;

on_both_databases! {
    async fn each_entry_has_its_balance_and_months_and_year_their_totals(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "cash").await;
        Spending::day(app, "2017-02-05");
        books.paid(app, "300.00", "B1").await;
        books.paid(app, "200.00", "B2").await;
        Spending::day(app, "2017-04-05");
        books.paid(app, "50.00", "B3").await;
        let path = "/ledger/accounts/1002/detail";
        let all = ok(app.get(&books.street.accountant, &format!("{path}?year=2017&month_from=2017-02&month_to=12")).await, 200)["data"].clone();
        let told: Vec<_> = all.as_array().unwrap().iter().map(|row| ["kind", "debit", "credit", "side", "balance"].map(|name| row[name].as_str().unwrap().to_owned()).join(" ")).collect();
        let expected = [
            "opening 0.00 0.00 借 10000.00",
            "entry 0.00 300.00 借 9700.00",
            "entry 0.00 200.00 借 9500.00",
            "month_total 0.00 500.00 借 9500.00",
            "year_total 10000.00 500.00 借 9500.00",
            "entry 0.00 50.00 借 9450.00",
            "month_total 0.00 50.00 借 9450.00",
            "year_total 10000.00 550.00 借 9450.00",
        ];
        assert_eq!(told, expected);
        assert_eq!((all[1]["voucher"].as_str(), all[1]["date"].as_str()), (Some("2017-02-0001"), Some("2017-02-05")));
        let first = ok(app.get(&books.street.accountant, &format!("{path}?limit=3")).await, 200);
        let next = ok(app.get(&books.street.accountant, &format!("{path}?limit=200&cursor={}", first["next_cursor"].as_str().unwrap())).await, 200);
        let whole = ok(app.get(&books.street.accountant, &format!("{path}?limit=200")).await, 200)["data"].clone();
        assert_eq!((first["data"].as_array().unwrap().len() + next["data"].as_array().unwrap().len(), whole.as_array().unwrap().len()), (11, 11));
        assert_eq!(next["data"][0], whole[3]);
        let spent = ok(app.get(&books.street.accountant, &format!("/ledger/accounts/5001/detail?category_id={}", books.category)).await, 200)["data"].clone();
        assert_eq!((spent[1]["category"].as_str(), spent[1]["debit"].as_str()), (Some("基层党组织运行经费"), Some("300.00")));
        let nothing = ok(app.get(&books.street.accountant, &format!("/ledger/accounts/5001/detail?category_id={}", books.street.category)).await, 200)["data"].clone();
        assert_eq!((nothing.as_array().unwrap().len(), nothing[0]["side"].as_str()), (1, Some("平")));
        let csv = app.send(reqwest::Method::GET, path, &books.street.accountant, None, &[("Accept", "text/csv")]).await;
        assert!(csv.header("content-type").starts_with("text/csv") && csv.text.lines().count() == 12 && csv.text.contains("本年累计"), "{}", csv.text);
        let xlsx = app.send(reqwest::Method::GET, path, &books.street.accountant, None, &[("Accept", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]).await;
        assert_eq!((xlsx.status.as_u16(), xlsx.header("content-type")), (200, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"));
        let page = app.get(&books.street.leader, &format!("{path}/print?year=2017")).await;
        assert!(["明细账", "韩家墩街", "1002 银行存款", "上年结转", "本月合计", "本年累计", "9450.00", "2017-04-0001"].iter().all(|text| page.text.contains(text)), "{}", page.text);
    }

    async fn what_is_no_account_month_or_street_of_ones_own_is_refused(app: TestApp) {
        let books = Spending::open(app, "硚口区", "", "cash").await;
        let accountant = &books.street.accountant;
        assert_eq!(app.get(accountant, "/ledger/accounts/9999/detail").await.code(), (404, "not_found"));
        for query in ["year=1899", "month_from=13", "month_from=2016-03&year=2017", "month_from=5&month_to=2", "year=x"] {
            assert_eq!(app.get(accountant, &format!("/ledger/accounts/1002/detail?{query}")).await.code(), (400, "invalid_parameter"), "{query}");
        }
        assert_eq!(app.get(accountant, "/ledger/accounts/1002/detail?colour=red").await.code(), (400, "unknown_parameter"));
        assert_eq!(app.get(accountant, "/ledger/accounts/1002/detail?sort=date").await.code(), (400, "invalid_parameter"));
        let other = Spending::open(app, "江汉区", "o-", "cash").await;
        for path in ["detail", "detail/print"] {
            assert_eq!(app.get(&other.street.accountant, &format!("/ledger/accounts/1002/{path}?street_id={}", books.street.id)).await.code(), (422, "unknown_reference"));
            assert_eq!(app.get(&books.street.staff, &format!("/ledger/accounts/1002/{path}")).await.code(), (403, "forbidden"));
        }
        let foreign = ok(app.get(&other.street.accountant, &format!("/ledger/accounts/5001/detail?category_id={}", books.category)).await, 200);
        assert_eq!(foreign["data"].as_array().unwrap().len(), 1, "another district's category has no entry: {foreign}");
        assert_eq!(json!(other.balance(app, "1002").await), json!("10000.00"));
    }
}
