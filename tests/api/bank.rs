//! Bank-file templates.

use mingzhang::funds::bank;
use mingzhang::kernel::access::Scope;
use mingzhang::kernel::act::Performer;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock, sweep};
use crate::support::TestApp;
use crate::support::street::ok;

fn template(code: &str) -> Value {
    json!({"code": code, "name": "汉口银行代发", "definition": {
        "format": "csv", "extension": "txt", "encoding": "gb18030", "delimiter": "|",
        "columns": [{"source": "account_number", "max_length": 32}, {"source": "amount"}],
        "total": {"place": "first", "columns": ["batch_number", "count", "sum"]}}})
}

async fn open_street(app: &TestApp, token: &str, name: &str) -> String {
    let district = app.get(token, "/org-units?level=district").await.body["data"][0]["id"].clone();
    app.post(token, "/org-units", json!({"parent_id": district, "name": name})).await.id()
}

/// Somebody of a street who reads and changes nothing.
async fn of_street(app: &TestApp, first: &str, username: &str, street: &str) -> String {
    let (user, token) = app.user(first, username, street).await;
    let granted = app.post(first, "/role-assignments", json!({"user_id": user, "role": "inspector", "unit_id": street})).await;
    assert_eq!(granted.status, 201, "{}", granted.text);
    token
}

on_both_databases! {
    async fn a_template_of_the_district_is_read_by_its_streets_and_one_of_a_street_by_no_sister(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let (own, sister) = (open_street(app, &first, "韩家墩街").await, open_street(app, &first, "长丰街").await);
        let made = app.post(&first, "/bank-file-templates", template("hankou")).await;
        assert_eq!((made.status.as_u16(), made.etag.as_deref()), (201, Some("\"v1\"")), "{}", made.text);
        assert_eq!(made.body["definition"]["delimiter"], json!("|"));
        assert_eq!(made.body["definition"]["line_ending"], json!("crlf"));
        let mut body = template("hankou");
        body["street_id"] = json!(own);
        let street_own = app.post(&first, "/bank-file-templates", body).await;
        assert_eq!(street_own.status, 201, "{}", street_own.text);
        let (here, there) = (of_street(app, &first, "here", &own).await, of_street(app, &first, "there", &sister).await);
        let path = |id: &str| format!("/bank-file-templates/{id}");
        assert_eq!(app.get(&here, &path(&made.id())).await.body, made.body);
        assert_eq!(app.get(&here, &path(&street_own.id())).await.status, 200);
        assert_eq!(app.get(&there, &path(&street_own.id())).await.code(), (404, "not_found"));
        for (token, count) in [(&here, 2), (&there, 1), (&first, 2)] {
            assert_eq!(app.get(token, "/bank-file-templates?code=hankou").await.body["data"].as_array().unwrap().len(), count);
        }
        let elsewhere = app.administrator("江汉区", "other").await;
        assert_eq!(app.get(&elsewhere, &path(&made.id())).await.code(), (404, "not_found"));
        assert_eq!(app.get(&elsewhere, "/bank-file-templates?code=hankou").await.body["data"], json!([]));
        assert_eq!(app.get(&elsewhere, "/bank-file-templates").await.body["data"].as_array().unwrap().len(), 3, "those that come with the program");
    }

    async fn a_bank_that_asks_for_its_branch_gets_the_branch_of_each_account(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let street = &stipends.street;
        let layout = json!({"code": "branch", "name": "跨行代发", "definition": {"format": "csv", "extension": "csv", "encoding": "utf8", "columns": [{"source": "account_number"}, {"source": "bank_code"}, {"source": "amount"}]}});
        let layout = ok(app.post(&street.first, "/bank-file-templates", layout).await, 201)["id"].clone();
        let person = |code: Value| json!({"name": "示例甲", "id_number": crate::stipends::id_number(1), "account": {"number": "6222020000000001", "bank_name": "示例银行", "bank_code": code}});
        let refused = app.post(&street.party_office, "/beneficiaries", person(json!("4025"))).await;
        assert_eq!((refused.code(), refused.body["errors"][0]["pointer"].as_str()), ((422, "validation_failed"), Some("/account/bank_code")));
        let person = ok(app.post(&street.party_office, "/beneficiaries", person(json!("402521000032"))).await, 201)["id"].as_str().unwrap().to_owned();
        let accounts = format!("/beneficiaries/{person}/bank-accounts");
        let account = ok(app.get(&street.accountant, &accounts).await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(app.act(&street.accountant, &format!("{accounts}/{account}/confirm"), "\"v1\"").await, 200);
        let enrolment = ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": stipends.scheme, "beneficiary_id": person, "from_date": "2017-01-01"})).await, 201);
        ok(app.act(&street.leader, &format!("/enrolments/{}/confirm", enrolment["id"].as_str().unwrap()), "\"v1\"").await, 200);
        stipends.enrol(app, 2, "2017-01-01").await;
        stipends.authorise(app, "2000.00").await;
        clock(app, "2017-03-20T01:00:00Z");
        sweep(&app.context, None).await;
        let run = stipends.runs(app, "2017Q1").await[0]["id"].clone();
        let without = app.money(&street.cashier, "/bank-files", json!({"run_id": run, "template_id": layout}), "file").await;
        assert_eq!(without.code(), (422, "bank_file_refused"), "the second account has no branch: {}", without.text);
        assert!(without.text.contains("missing_value"), "{}", without.text);
        let second = app.get(&street.party_office, "/beneficiaries").await.body["data"].as_array().unwrap().iter().find(|row| row["id"] != json!(person)).unwrap()["id"].as_str().unwrap().to_owned();
        let accounts = format!("/beneficiaries/{second}/bank-accounts");
        let better = ok(app.post(&street.party_office, &accounts, json!({"number": "622202000000000002", "bank_name": "示例银行", "bank_code": "402521000033"})).await, 201)["id"].as_str().unwrap().to_owned();
        assert_eq!(ok(app.act(&street.accountant, &format!("{accounts}/{better}/confirm"), "\"v1\"").await, 200)["bank_code"], json!("402521000033"));
    }

    async fn what_is_no_layout_or_not_ones_to_make_is_refused(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let street = open_street(app, &first, "韩家墩街").await;
        let here = of_street(app, &first, "here", &street).await;
        assert_eq!(app.post(&here, "/bank-file-templates", template("hankou")).await.code(), (403, "forbidden"));
        assert_eq!(app.post(&first, "/bank-file-templates", template("hankou")).await.status, 201);
        assert_eq!(app.post(&first, "/bank-file-templates", template("hankou")).await.code(), (409, "code_taken"));
        let mut bad = template("Han kou");
        bad["definition"]["delimiter"] = json!("..");
        bad["definition"]["columns"] = json!([{"source": "serial"}, {"source": "serial"}]);
        let refused = app.post(&first, "/bank-file-templates", bad).await;
        let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
        assert_eq!((refused.code(), pointers.len()), ((422, "validation_failed"), 5), "{}", refused.text);
        assert!(pointers.contains(&"/definition/columns/1/source".to_owned()));
        let mut unknown = template("other");
        unknown["definition"]["columns"][0]["source"] = json!("password");
        assert_eq!(app.post(&first, "/bank-file-templates", unknown).await.status, 422);
        let elsewhere = app.administrator("江汉区", "other").await;
        let mut foreign = template("foreign");
        foreign["street_id"] = json!(street);
        assert_eq!(app.post(&elsewhere, "/bank-file-templates", foreign.clone()).await.code(), (422, "unknown_reference"));
        foreign["street_id"] = json!(app.get(&first, "/org-units?level=district").await.body["data"][0]["id"]);
        assert_eq!(app.post(&first, "/bank-file-templates", foreign).await.code(), (422, "unknown_reference"));
    }

    async fn a_district_gets_the_templates_of_the_program_once_each_with_its_event(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().parse().unwrap();
        let mut made = Vec::new();
        for _ in 0..2 {
            let tx = app.context.db.write(Scope::District(district)).await.unwrap();
            let act = app.context.act(Performer::Job { name: "demo", authorisation: None }, "test".to_owned(), None);
            made.push(bank::seed(&tx, &act, district).await.unwrap());
            tx.commit().await.unwrap();
        }
        assert_eq!(made, [0, 0], "the district has them since it was opened");
        let list = app.get(&first, "/bank-file-templates?sort=code").await;
        let codes: Vec<_> = list.body["data"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect();
        assert_eq!(codes, ["csv_gb18030_total", "csv_utf8_header", "xlsx"]);
        let layouts = app.get(&first, "/statement-layouts?sort=code").await;
        let codes: Vec<_> = layouts.body["data"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect();
        assert_eq!(codes, ["csv_gb18030", "csv_utf8", "xlsx"]);
        let events = app.get(&first, "/audit-events?action=bank_file_template.create").await;
        assert_eq!(events.body["data"].as_array().unwrap().len(), 3);
    }
}
