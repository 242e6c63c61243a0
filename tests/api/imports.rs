//! Beneficiaries and enrolments from a table.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

async fn import(app: &TestApp, token: &str, path: &str, text: &str, key: &str) -> Answer {
    app.send_text(Method::POST, path, token, Some(text.to_owned()), &[("Content-Type", "text/csv"), ("Idempotency-Key", key)]).await
}

const PEOPLE: &str = "姓名*,身份证号*,社区,财政供养,银行账号,开户银行,监护人姓名\r\n张示例,11010519491231002X,古四社区,否,6222021234567890128,示例银行,\r\n李示例,440524188001010014,,是,,,\r\n";

on_both_databases! {
    async fn a_table_of_people_is_taken_whole_and_once(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let checked = import(app, &street.party_office, "/beneficiaries/import?dry_run=true", PEOPLE, "dry").await;
        assert_eq!((checked.status.as_u16(), checked.body["result"]["imported"].as_i64()), (200, Some(2)), "{}", checked.text);
        assert_eq!(ok(app.get(&street.party_office, "/beneficiaries").await, 200)["data"], json!([]));
        let run = import(app, &street.party_office, "/beneficiaries/import", PEOPLE, "k").await;
        assert_eq!((run.status.as_u16(), run.body["state"].as_str(), run.body["done"].as_i64().or(run.body["done_count"].as_i64())), (202, Some("done"), Some(2)), "{}", run.text);
        assert!(import(app, &street.party_office, "/beneficiaries/import", PEOPLE, "k").await.replayed);
        let kept = ok(app.get(&street.party_office, &format!("/job-runs/{}", run.body["id"].as_str().unwrap())).await, 200);
        assert_eq!(kept["state"], json!("done"));
        let people = ok(app.get(&street.party_office, "/beneficiaries").await, 200);
        assert_eq!(people["data"].as_array().unwrap().len(), 2);
        assert!(!people.to_string().contains("张示例"));
        let again = import(app, &street.party_office, "/beneficiaries/import", PEOPLE, "other").await;
        assert_eq!((again.code(), again.body["errors"][0]["code"].as_str()), ((422, "import_refused"), Some("already_exists")));
        for format in ["csv", "xlsx"] {
            assert_eq!(app.get(&street.party_office, &format!("/beneficiaries/import/template?format={format}")).await.status, 200);
            assert_eq!(app.get(&street.party_office, &format!("/enrolments/import/template?format={format}")).await.status, 200);
        }
        assert_eq!(import(app, &street.accountant, "/beneficiaries/import", PEOPLE, "a").await.code(), (403, "forbidden"));
    }

    async fn every_fault_is_told_by_row_and_column_and_nothing_is_written(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let text = "姓名,身份证号,社区,财政供养,银行账号,开户银行\r\n张示例,110105194912310021,某社区,也许,12,示例银行\r\n李示例,440524188001010014,,,,\r\n王示例,440524188001010014,,,,示例银行\r\n";
        let refused = import(app, &street.party_office, "/beneficiaries/import", text, "k").await;
        let faults: Vec<(String, String)> = refused.body["errors"].as_array().unwrap().iter().map(|fault| (fault["pointer"].as_str().unwrap().to_owned(), fault["code"].as_str().unwrap().to_owned())).collect();
        for expected in [("/rows/2/id_number", "id_number_invalid"), ("/rows/2/community", "unknown_reference"), ("/rows/2/on_payroll", "invalid_value"), ("/rows/2/account_number", "account_number_invalid"), ("/rows/4/id_number", "duplicate"), ("/rows/4/account_number", "required")] {
            assert!(faults.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{expected:?} in {faults:?}");
        }
        assert_eq!(ok(app.get(&street.party_office, "/beneficiaries").await, 200)["data"], json!([]));
        let formula = "姓名,身份证号\r\n=HYPERLINK(\"http://x\"),440524188001010014\r\n";
        assert_eq!(import(app, &street.party_office, "/beneficiaries/import", formula, "f").await.code(), (422, "import_refused"));
    }

    async fn what_cannot_be_read_hides_no_other_fault(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let told = |answer: &Answer| -> Vec<(String, String)> {
            answer.body["errors"].as_array().unwrap().iter().map(|fault| (fault["pointer"].as_str().unwrap().to_owned(), fault["code"].as_str().unwrap().to_owned())).collect()
        };
        let expected = |faults: &[(&str, &str)]| -> Vec<(String, String)> { faults.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect() };
        let people = "姓名,身份证号,社区,财政供养,银行账号,开户银行\r\n=1+1,x,x,x,x,\r\n张,,,,,\r\n";
        let refused = import(app, &street.party_office, "/beneficiaries/import?dry_run=true", people, "p").await;
        let mut faults = told(&refused);
        faults.sort();
        let all = [("/rows/2/account_number", "account_number_invalid"), ("/rows/2/bank_name", "required"), ("/rows/2/community", "unknown_reference"), ("/rows/2/id_number", "id_number_invalid"), ("/rows/2/name", "formula_in_cell"), ("/rows/2/on_payroll", "invalid_value"), ("/rows/3/id_number", "required")];
        assert_eq!((refused.code(), faults), ((422, "import_refused"), expected(&all)));
        let enrolments = "身份证号,补贴方案,开始日期,结束日期,已发至,个人标准\r\n420104199001010009,遗属补助,bad,bad,bad,bad\r\n";
        let refused = import(app, &street.party_office, "/enrolments/import?dry_run=true", enrolments, "e").await;
        let mut faults = told(&refused);
        faults.sort();
        let all = [("/rows/2/from_date", "not_a_date"), ("/rows/2/id_number", "unknown_reference"), ("/rows/2/own_rate", "not_an_amount"), ("/rows/2/paid_through", "not_a_period"), ("/rows/2/scheme", "unknown_reference"), ("/rows/2/to_date", "not_a_date")];
        assert_eq!(faults, expected(&all));
        let headless = import(app, &street.party_office, "/beneficiaries/import?dry_run=true", "姓名,财政供养\r\n张示例,也许\r\n", "h").await;
        assert_eq!(told(&headless), expected(&[("/rows/1/id_number", "missing_column"), ("/rows/2/on_payroll", "invalid_value")]));
        let one = app.post(&street.party_office, "/beneficiaries", json!({"name": "", "id_number": "420104199001010001", "account": {"number": "1", "bank_name": ""}})).await;
        let mut faults = told(&one);
        faults.sort();
        assert_eq!(faults, expected(&[("/account/bank_name", "required"), ("/account/number", "account_number_invalid"), ("/id_number", "id_number_invalid"), ("/name", "required")]), "{}", one.text);
    }

    async fn a_card_number_whose_check_digit_does_not_fit_is_told_and_taken(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        let people = "姓名,身份证号,银行账号,开户银行\r\n张示例,11010519491231002X,4111111111111111,示例银行\r\n李示例,440524188001010014,4111111111111112,示例银行\r\n";
        for (path, status) in [("/beneficiaries/import?dry_run=true", 200), ("/beneficiaries/import", 202)] {
            let run = ok(import(app, &street.party_office, path, people, "k").await, status);
            let warnings = run["result"]["warnings"].as_array().unwrap();
            assert_eq!((warnings.len(), &warnings[0]["pointer"], &warnings[0]["code"]), (1, &json!("/rows/3/account_number"), &json!("luhn_failed")), "{run}");
            assert!(!run.to_string().contains("4111111111111112"));
        }
    }

    async fn enrolments_are_imported_by_id_number_and_wait_for_a_second_person(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        assert_eq!(import(app, &street.party_office, "/beneficiaries/import", PEOPLE, "k").await.status, 202);
        let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "k", "name": "补助", "frequency": "quarter"})).await, 201)["id"].clone();
        let scheme = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "遗属补助", "line_scope": "street", "tax_kind": "exempt", "first_period": "2017Q1", "rates": [{"from_month": "2017-01", "amount": "10.00"}]});
        ok(app.post(&street.party_office, "/stipend-schemes", scheme).await, 201);
        let bad = "身份证号,补贴方案,开始日期,结束日期,已发至,逝者姓名,逝世日期,与逝者关系,止发年龄\r\n11010519491231002X,遗属补助,2016-05-01,2016-04-01,去年,,2016-04-12,,200\r\n440524188001010014,某方案,2016-05-01,,2016-12,王示例,,同乡,\r\n";
        let refused = import(app, &street.party_office, "/enrolments/import", bad, "b").await;
        let faults: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
        let expected = ["/rows/2/paid_through", "/rows/2/to_date", "/rows/2/deceased_name", "/rows/2/ends_at_age", "/rows/3/relation", "/rows/3/scheme"];
        assert_eq!((refused.code(), faults.iter().collect::<BTreeSet<_>>(), faults.len()), ((422, "import_refused"), expected.iter().collect(), 6), "every fault of every row: {}", refused.text);
        let good = "身份证号,补贴方案,开始日期,结束日期,已发至,个人标准,逝者姓名,逝世日期,与逝者关系,止发年龄,在读证明至\r\n11010519491231002X,遗属补助,2016-05-01,,2016Q4,,王示例,2016-04-12,配偶,,\r\n440524188001010014,遗属补助,2017-01-01,2017-06-30,2016Q4,12.00,,,,18,\r\n";
        assert_eq!(import(app, &street.party_office, "/enrolments/import", good, "g").await.status, 202);
        let enrolments = ok(app.get(&street.party_office, "/enrolments").await, 200)["data"].clone();
        assert!(enrolments.as_array().unwrap().iter().all(|row| row["state"] == json!("unconfirmed") && row["paid_through"] == json!("2016Q4")), "{enrolments}");
        assert_eq!(enrolments.as_array().unwrap().len(), 2);
        let survivor = enrolments.as_array().unwrap().iter().find(|row| row["relation"] == json!("spouse")).unwrap();
        assert_eq!((&survivor["deceased_masked"], &survivor["died_on"]), (&json!("王*"), &json!("2016-04-12")));
        assert!(enrolments.as_array().unwrap().iter().any(|row| row["ends_at_age"] == json!(18)));
        let path = format!("/enrolments/{}?unmasked=true", survivor["id"].as_str().unwrap());
        assert_eq!(app.get(&street.leader, &path).await.code(), (403, "forbidden"));
        assert_eq!(app.get(&street.party_office, &path).await.code(), (422, "reason_required"));
        assert_eq!(ok(app.get(&street.party_office, &format!("{path}&reason=%E6%A0%B8%E5%AF%B9")).await, 200)["deceased_name"], json!("王示例"));
        let seen = ok(app.get(&street.first, "/audit-events?action=enrolment.unmask").await, 200)["data"].clone();
        assert_eq!((seen.as_array().unwrap().len(), &seen[0]["reason"]), (1, &json!("核对")));
        let again = import(app, &street.party_office, "/enrolments/import", good, "h").await;
        assert_eq!(again.body["errors"][0]["code"], json!("already_exists"));
    }
}
