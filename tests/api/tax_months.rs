//! The tax of a person's month is reckoned on everything the street pays in it, whoever posts at the same moment.

use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::stipends::{Stipends, clock};
use crate::support::at_once::{both, let_go_when_two_wait};
use crate::support::street::ok;
use crate::support::{Answer, TestApp};

/// A second taxed scheme, of a kind of its own.
async fn another_scheme(app: &TestApp, stipends: &Stipends) -> String {
    let kind = ok(app.post(&stipends.street.first, "/scheme-kinds", json!({"code": "K2", "name": "讲解津贴", "frequency": "quarter"})).await, 201)["id"].clone();
    let rates = json!([{"from_month": "2017-01", "amount": "200.00"}]);
    let scheme = json!({"scheme_kind_id": kind, "category_id": stipends.street.category, "name": "讲解津贴", "first_period": "2017Q1", "tax_kind": "labour", "rates": rates});
    ok(app.post(&stipends.street.party_office, "/stipend-schemes", scheme).await, 201)["id"].as_str().unwrap().to_owned()
}

async fn enrol_known(app: &TestApp, stipends: &Stipends, scheme: &str, beneficiary: &Value, from: &str) -> Value {
    let body = json!({"scheme_id": scheme, "beneficiary_id": beneficiary, "from_date": from});
    let enrolled = ok(app.post(&stipends.street.party_office, "/enrolments", body).await, 201);
    ok(app.act(&stipends.street.leader, &format!("/enrolments/{}/confirm", enrolled["id"].as_str().unwrap()), "\"v1\"").await, 200)
}

/// Calculates and approves a run; gives its path.
async fn approved_run(app: &TestApp, stipends: &Stipends, scheme: &str, period: &str) -> String {
    let run = ok(app.post(&stipends.street.party_office, "/payout-runs", json!({"scheme_id": scheme, "period": period})).await, 201);
    let path = format!("/payout-runs/{}", run["id"].as_str().unwrap());
    ok(app.act(&stipends.street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
    path
}

async fn post_run(app: &TestApp, stipends: &Stipends, path: &str) -> Answer {
    app.send(Method::POST, &format!("{path}/post"), &stipends.street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", path)]).await
}

/// One person in two taxed schemes on pay day; gives the first enrolment, the second scheme and its enrolment.
async fn in_two_schemes(app: &TestApp) -> (Stipends, Value, String, Value) {
    let stipends = Stipends::open(app).await;
    let first = stipends.enrol(app, 1, "2017-01-01").await;
    let other = another_scheme(app, &stipends).await;
    let second = enrol_known(app, &stipends, &other, &first["beneficiary_id"], "2017-01-01").await;
    clock(app, "2017-03-20T01:00:00Z");
    (stipends, first, other, second)
}

/// Posts the first quarter of each scheme, one after the other.
async fn post_both(app: &TestApp, stipends: &Stipends, other: &str) -> [String; 2] {
    let one = approved_run(app, stipends, &stipends.scheme, "2017Q1").await;
    ok(post_run(app, stipends, &one).await, 200);
    let two = approved_run(app, stipends, other, "2017Q1").await;
    ok(post_run(app, stipends, &two).await, 200);
    [one, two]
}

/// One person, paid 600.00 by each of two schemes in a month, 80.00 of tax withheld with the second: the first was an error and came back in cash with the month's tax, then the bank returned the
/// second. Gives the second scheme and its enrolment.
async fn returned_after_recovery(app: &TestApp) -> (Stipends, String, Value) {
    let (stipends, first, other, second) = in_two_schemes(app).await;
    let street = &stipends.street;
    let mut paid = Vec::new();
    for run in post_both(app, &stipends, &other).await {
        stipends.settle(app, run.rsplit('/').next().unwrap(), &[]).await;
        paid.push(ok(app.get(&street.leader, &format!("{run}/items")).await, 200)["data"][0].clone());
    }
    assert_eq!((paid[0]["tax"].as_str(), paid[1]["tax"].as_str()), (Some("0.00"), Some("80.00")));
    // The first scheme paid in error: 600.00 come back in cash, with the month's tax of 80.00.
    let stop = json!({"kind": "stop", "from_date": "2017-01-01", "to_date": "2017-03-31", "reason": "误发"});
    ok(app.send(Method::POST, &format!("/enrolments/{}/suspend", first["id"].as_str().unwrap()), &street.party_office, Some(stop), &[("If-Match", "\"v2\"")]).await, 200);
    let recovery = json!({"enrolment_id": first["id"], "kind": "cash", "amount": "600.00", "reason": "误发"});
    let back = ok(app.money(&street.accountant, "/recoveries", recovery, "recovery").await, 201);
    assert_eq!((back["tax"].as_str(), back["net"].as_str()), (Some("80.00"), Some("520.00")));
    // Then the bank returns the other payment: its 520.00 come back, and of its tax there is nothing left.
    let path = format!("/payout-items/{}/return", paid[1]["id"].as_str().unwrap());
    let version = format!("\"v{}\"", paid[1]["version"]);
    let returned = ok(app.send(Method::POST, &path, &street.accountant, Some(json!({"reason": "账户已销户"})), &[("If-Match", &version), ("Idempotency-Key", "return")]).await, 200);
    assert_eq!((returned["state"].as_str(), returned["kept"].as_str()), (Some("returned"), Some("80.00")));
    (stipends, other, second)
}

on_both_databases! {
    async fn two_schemes_that_post_at_once_withhold_what_the_month_as_a_whole_owes(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let first = stipends.enrol(app, 1, "2017-01-01").await;
        let other = another_scheme(app, &stipends).await;
        enrol_known(app, &stipends, &other, &first["beneficiary_id"], "2017-01-01").await;
        clock(app, "2017-03-20T01:00:00Z");
        let (one, two) = (approved_run(app, &stipends, &stipends.scheme, "2017Q1").await, approved_run(app, &stipends, &other, "2017Q1").await);
        let (street, district): (uuid::Uuid, uuid::Uuid) = (stipends.street.id.parse().unwrap(), stipends.street.district.parse().unwrap());
        let scope = Scope::of_place(Place::street(district, street));
        let (first, second) = if app.context.db.is_postgres() {
            let lines = app.context.db.write(scope).await.unwrap();
            lines.execute(Sql::both("UPDATE budget_lines SET spent = spent WHERE street_id = $1"), vec![street.into()]).await.unwrap();
            let (first, second, ()) = tokio::join!(post_run(app, &stipends, &one), post_run(app, &stipends, &two), let_go_when_two_wait(app, lines, scope));
            (first, second)
        } else {
            tokio::join!(post_run(app, &stipends, &one), post_run(app, &stipends, &two))
        };
        let (posted, stale, stale_run) = if first.status == 200 { (first, second, two) } else { (second, first, one) };
        assert_eq!(ok(posted, 200)["tax"], json!("0.00"));
        assert_eq!(stale.code(), (409, "run_stale"), "its tax is not the one that was approved");
        let again = ok(app.get(&stipends.street.leader, &stale_run).await, 200);
        assert_eq!((again["state"].as_str(), again["tax"].as_str(), again["approved_by"].is_null()), (Some("calculated"), Some("80.00"), true), "600.00 and 600.00 in one month: (1,200.00 - 800.00) x 20 %");
        let etag = format!("\"v{}\"", again["version"]);
        let approved = ok(app.act(&stipends.street.leader, &format!("{stale_run}/approve"), &etag).await, 200);
        let headers = [("If-Match", &*format!("\"v{}\"", approved["version"])), ("Idempotency-Key", "anew")];
        let posted = ok(app.send(Method::POST, &format!("{stale_run}/post"), &stipends.street.accountant, Some(json!({})), &headers).await, 200);
        assert_eq!((posted["tax"].as_str(), posted["net"].as_str()), (Some("80.00"), Some("520.00")));
        assert_eq!(ok(app.get(&stipends.street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn two_items_of_one_person_in_one_run_are_taxed_together(app: TestApp) {
        let stipends = Stipends::open(app).await;
        let first = stipends.enrol_only(app, 1, "2017-01-01").await;
        let path = format!("/enrolments/{}", first["id"].as_str().unwrap());
        clock(app, "2017-04-03T01:00:00Z");
        ok(app.act(&stipends.street.leader, &format!("{path}/confirm"), "\"v1\"").await, 200);
        let end = json!({"to_date": "2017-03-31", "reason": "届满"});
        ok(app.send(Method::POST, &format!("{path}/end"), &stipends.street.party_office, Some(end), &[("If-Match", "\"v2\"")]).await, 200);
        enrol_known(app, &stipends, &stipends.scheme, &first["beneficiary_id"], "2017-04-01").await;
        clock(app, "2017-06-20T01:00:00Z");
        let run = approved_run(app, &stipends, &stipends.scheme, "2017Q2").await;
        let calculated = ok(app.get(&stipends.street.leader, &run).await, 200);
        assert_eq!((calculated["heads"].as_i64(), calculated["gross"].as_str(), calculated["tax"].as_str()), (Some(2), Some("1200.00"), Some("80.00")));
        let posted = ok(post_run(app, &stipends, &run).await, 200);
        assert_eq!((posted["tax"].as_str(), posted["net"].as_str()), (Some("80.00"), Some("1120.00")));
        assert_eq!(ok(app.get(&stipends.street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn tax_that_a_recovery_gave_back_does_not_leave_again_with_a_returned_payment(app: TestApp) {
        let (stipends, other, _) = returned_after_recovery(app).await;
        let street = &stipends.street;
        let balances = ok(app.get(&street.accountant, "/ledger/balances").await, 200);
        let of = |account: &str| balances["data"].as_array().unwrap().iter().find(|row| row["account"] == json!(account)).map(|row| row["balance"].clone());
        assert_eq!((of("2307"), of("5001")), (Some(json!("0.00")), Some(json!("80.00"))), "what the person has of it stays spent: {balances}");
        // And so much less is due: the person has 600.00 in all, as entitled.
        let run = approved_run(app, &stipends, &other, "2017Q1").await;
        let posted = ok(post_run(app, &stipends, &run).await, 200);
        assert_eq!((posted["gross"].as_str(), posted["tax"].as_str()), (Some("520.00"), Some("0.00")));
        assert_eq!(ok(app.get(&street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }

    async fn withheld_tax_is_paid_over_once_by_two_who_do_so_at_once_and_a_document_is_recorded_once(app: TestApp) {
        let (stipends, _, other, _) = in_two_schemes(app).await;
        let street = &stipends.street;
        post_both(app, &stipends, &other).await;
        let pay = |amount: &'static str, document: &'static str, key: &'static str| app.money(&street.accountant, "/tax-payments", json!({"amount": amount, "document_number": document}), key);
        ok(pay("10.00", "T0", "a").await, 201);
        assert_eq!(pay("10.00", "T0", "b").await.code(), (409, "document_recorded"), "a retry under another key");
        let (one, two) = both(app, street, "UPDATE ledger_heads SET seq = seq WHERE street_id = $1", pay("70.00", "T1", "c"), pay("70.00", "T2", "d")).await;
        let mut codes = [one.status.as_u16(), two.status.as_u16()];
        codes.sort_unstable();
        assert_eq!(codes, [201, 409], "70.00 were withheld: {} {}", one.text, two.text);
        let refused = if one.status.as_u16() == 409 { one } else { two };
        assert_eq!(refused.code(), (409, "tax_not_withheld"));
    }

    async fn what_was_changed_by_hand_beside_the_vouchers_is_named_too(app: TestApp) {
        let (stipends, _, other, _) = in_two_schemes(app).await;
        let street = &stipends.street;
        for run in post_both(app, &stipends, &other).await {
            stipends.settle(app, run.rsplit('/').next().unwrap(), &[]).await;
        }
        let scope = Scope::of_place(Place::street(street.district.parse().unwrap(), street.id.parse().unwrap()));
        let id: uuid::Uuid = street.id.parse().unwrap();
        let change = async |sql: &'static str| {
            let tx = app.context.db.write(scope).await.unwrap();
            assert!(tx.execute(Sql::both(sql), vec![id.into()]).await.unwrap() > 0, "{sql}");
            tx.commit().await.unwrap();
        };
        let found = async || ok(app.get(&street.accountant, "/ledger/verify").await, 200);
        assert_eq!(found().await["holds"], json!(true));
        for (by_hand, back, voucher, what) in [
            ("UPDATE ledger_counters SET last = last + 1 WHERE street_id = $1 AND month = '2017-03'", "UPDATE ledger_counters SET last = last - 1 WHERE street_id = $1 AND month = '2017-03'", "2017-03-0004", "the counter of 2017-03"),
            ("UPDATE ledger_heads SET seq = seq + 1 WHERE street_id = $1", "UPDATE ledger_heads SET seq = seq - 1 WHERE street_id = $1", "", "the head says"),
            ("UPDATE payout_parts SET amount = amount + 1 WHERE street_id = $1", "UPDATE payout_parts SET amount = amount - 1 WHERE street_id = $1", "2017-03-0001", "paid 600.00, its parts make 600.01"),
            ("UPDATE payout_items SET tax = tax + 100, net = net - 100 WHERE street_id = $1 AND tax = 0", "UPDATE payout_items SET tax = tax - 100, net = net + 100 WHERE street_id = $1 AND tax = 100", "", "account 2307 says 80.00"),
        ] {
            change(by_hand).await;
            let verified = found().await;
            assert_eq!(verified["holds"], json!(false), "{by_hand}");
            assert!(verified["first_fault"]["what"].as_str().unwrap().contains(what), "{verified}");
            assert_eq!(verified["first_fault"]["voucher"].as_str().unwrap_or_default(), voucher, "{verified}");
            change(back).await;
        }
        assert_eq!(found().await["holds"], json!(true));
    }

    async fn what_is_kept_of_a_returned_payment_comes_back_in_cash_where_nothing_is_due_any_more(app: TestApp) {
        let (stipends, _, second) = returned_after_recovery(app).await;
        let street = &stipends.street;
        let stop = json!({"kind": "stop", "from_date": "2017-01-01", "to_date": "2017-03-31", "reason": "误发"});
        ok(app.send(Method::POST, &format!("/enrolments/{}/suspend", second["id"].as_str().unwrap()), &street.party_office, Some(stop), &[("If-Match", "\"v2\"")]).await, 200);
        let recovery = json!({"enrolment_id": second["id"], "kind": "cash", "amount": "80.00", "reason": "误发"});
        let back = ok(app.money(&street.accountant, "/recoveries", recovery, "the rest").await, 201);
        assert_eq!((back["tax"].as_str(), back["net"].as_str()), (Some("0.00"), Some("80.00")));
        let balances = ok(app.get(&street.accountant, "/ledger/balances").await, 200);
        assert!(balances["data"].as_array().unwrap().iter().filter(|row| row["account"] == json!("5001")).all(|row| row["balance"] == json!("0.00")), "{balances}");
        assert_eq!(ok(app.get(&street.accountant, "/ledger/verify").await, 200)["holds"], json!(true));
    }
}
