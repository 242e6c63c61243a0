//! What somebody sends who errs or means ill: each is refused with its code, and nothing is written.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::process::Processes;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn import(app: &TestApp, token: &str, bytes: Vec<u8>, kind: &str) -> Answer {
    app.send_bytes(Method::POST, "/beneficiaries/import", token, Some(bytes), &[("Content-Type", kind), ("Idempotency-Key", &uuid::Uuid::now_v7().to_string())]).await
}

/// A workbook of people whose one name is this formula.
fn with_formula() -> Vec<u8> {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "姓名").unwrap().write_string(0, 1, "身份证号").unwrap();
    sheet.write_formula(1, 0, "=HYPERLINK(\"http://x\")").unwrap().write_string(1, 1, "440524188001010014").unwrap();
    workbook.save_to_buffer().unwrap()
}

/// A small file that unpacks to two gigabytes of zeros.
fn bomb() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let chunk = vec![0; 1 << 20];
    // Twenty members of 100 MiB each: a directory of many is as much as one that is long.
    for member in 0..20 {
        writer.start_file(if member == 0 { "xl/workbook.xml".to_owned() } else { format!("xl/worksheets/sheet{member}.xml") }, options).unwrap();
        for _ in 0..100 {
            writer.write_all(&chunk).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// A token with these parts, whatever they are.
fn token_of(header: &Value, claims: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

on_both_databases! {
    async fn a_file_that_is_no_table_of_people_is_refused(app: TestApp) {
        // First, since it takes a while: an idle connection would be closed meanwhile.
        let unpacked = bomb();
        let street = Street::open(app, "硚口区", "").await;
        let token = &street.party_office;
        assert_eq!(import(app, token, b"this is no workbook at all".to_vec(), XLSX).await.code(), (422, "import_refused"), "what it is counts, not what it is called");
        assert_eq!(import(app, token, b"%PDF-1.7 a document".to_vec(), XLSX).await.code(), (415, "unsupported_media_type"));
        let broken = import(app, token, [&b"PK\x03\x04"[..], &[7; 400]].concat(), XLSX).await;
        assert!([(422, "unreadable_file"), (415, "unsupported_media_type")].contains(&broken.code()), "{}", broken.text);
        let formula = import(app, token, with_formula(), XLSX).await;
        assert_eq!((formula.code(), formula.body["errors"][0]["pointer"].as_str()), ((422, "import_refused"), Some("/rows/2/name")), "{}", formula.text);
        assert!(unpacked.len() < 20 * 1024 * 1024, "{}", unpacked.len());
        let refused = import(app, token, unpacked, XLSX).await;
        assert!([(422, "file_too_large_unpacked"), (422, "unreadable_file"), (415, "unsupported_media_type")].contains(&refused.code()), "{}", refused.text);
        assert_eq!(import(app, token, vec![b'a'; 30_000_000], "text/csv").await.code(), (413, "body_too_large"));
        assert_eq!(app.send_bytes(Method::POST, "/users", &street.first, Some(vec![b' '; 30_000_000]), &[]).await.code(), (413, "body_too_large"));
        assert_eq!(ok(app.get(token, "/beneficiaries").await, 200)["data"], json!([]));
    }

    async fn a_token_that_is_not_good_opens_nothing(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first.split('.').nth(1).unwrap()).unwrap()).unwrap();
        let with = |field: &str, value: Value| { let mut claims = claims.clone(); claims[field] = value; claims };
        let keys = &app.context.keys;
        let now = app.context.clocks.wall().timestamp();
        assert_eq!(app.get(&keys.sign_token(&claims).unwrap(), "/me").await.status, 200, "the same claims with the right key");
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first.split('.').next().unwrap()).unwrap()).unwrap();
        let mut other_key = header.clone();
        other_key["kid"] = json!("jwt-unknown");
        let signature = first.split('.').nth(2).unwrap();
        let bad = [
            ("expired", keys.sign_token(&with("exp", json!(now - 3600))).unwrap()),
            ("for another audience", keys.sign_token(&with("aud", json!("somebody-else"))).unwrap()),
            ("of another issuer", keys.sign_token(&with("iss", json!("somebody-else"))).unwrap()),
            ("of another key", mingzhang::kernel::crypto::KeyRing::random().sign_token(&claims).unwrap()),
            ("of a key that nobody has", token_of(&other_key, &claims, signature)),
            ("alg none", token_of(&json!({"alg": "none", "typ": "JWT"}), &claims, "")),
            ("alg none with a signature", token_of(&json!({"alg": "none", "typ": "JWT", "kid": header["kid"]}), &claims, signature)),
            ("with other claims under the old signature", token_of(&header, &with("sub", json!(uuid::Uuid::now_v7())), signature)),
            ("of another login", keys.sign_token(&with("sid", json!(uuid::Uuid::now_v7()))).unwrap()),
        ];
        for (what, token) in bad {
            let refused = app.get(&token, "/me").await;
            assert_eq!(refused.code(), (401, "unauthenticated"), "{what}: {}", refused.text);
        }
        let unit = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let (user, token) = app.user(&first, "leaving", &unit).await;
        ok(app.get(&token, "/me").await, 200);
        let etag = app.get(&first, &format!("/users/{user}")).await.etag.unwrap();
        ok(app.act(&first, &format!("/users/{user}/disable"), &etag).await, 200);
        assert_eq!(app.get(&token, "/me").await.code(), (401, "unauthenticated"), "just disabled");
    }

    async fn a_text_with_the_character_nul_is_refused_wherever_it_comes(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let body = app.post(&first, "/expense-items", json!({"code": "F1", "name": "资料\u{0}费"})).await;
        assert_eq!(body.code(), (422, "wrong_type"), "{}", body.text);
        assert_eq!(app.get(&first, "/users?username=a%00b").await.code(), (400, "invalid_parameter"));
        assert_eq!(app.get(&first, "/users/a%00b").await.code(), (404, "not_found"));
        let login = app.post("", "/auth/login", json!({"username": "a\u{0}", "password": "b"})).await;
        assert_eq!(login.code(), (422, "wrong_type"), "{}", login.text);
        let people = "姓名,身份证号\r\n张\u{0}示例,440524188001010014\r\n".as_bytes().to_vec();
        let street = Street::open(app, "江汉区", "s-").await;
        let refused = import(app, &street.party_office, people, "text/csv").await;
        assert!([415, 422].contains(&refused.status.as_u16()), "{}", refused.text);
    }

    async fn a_refusal_does_not_repeat_what_was_sent(app: TestApp) {
        const NUMBER: &str = "420104199001010009";
        let street = Street::open(app, "硚口区", "").await;
        for body in [format!(r#"{{"username": {NUMBER}}}"#), format!(r#"{{"unit_id": "{NUMBER}"}}"#), format!(r#"{{"id_number": [{NUMBER}]}}"#), format!(r#"{{"username": {{"{NUMBER}": 1}}}}"#)] {
            let refused = app.send_text(Method::POST, "/users", &street.first, Some(body.clone()), &[]).await;
            assert_eq!(refused.code(), (422, "wrong_type"), "{body}: {}", refused.text);
            assert!(!refused.text.contains(NUMBER), "{}", refused.text);
        }
        let typed = app.send_text(Method::POST, "/users", &street.first, Some(format!(r#"{{"username": {NUMBER}}}"#)), &[]).await;
        assert_eq!(typed.body["errors"][0]["message"].as_str().map(|message| message.starts_with("expected a string")), Some(true), "{}", typed.text);
        let period = app.send_text(Method::POST, "/payout-runs", &street.party_office, Some(format!(r#"{{"scheme_id": "{}", "period": "{NUMBER}"}}"#, street.id)), &[]).await;
        assert_eq!((period.code(), period.text.contains(NUMBER)), ((422, "wrong_type"), false), "{}", period.text);
        for table in [format!("姓名,身份证号,社区,财政供养\n张示例,{NUMBER},{NUMBER},{NUMBER}\n"), format!("张示例,{NUMBER}\n李示例,{NUMBER}\n")] {
            let refused = import(app, &street.party_office, table.clone().into_bytes(), "text/csv").await;
            assert_eq!(refused.code(), (422, "import_refused"), "{table}");
            assert!(!refused.text.contains(NUMBER) && !refused.text.contains("示例"), "{}", refused.text);
        }
    }

    async fn a_foreign_id_in_a_filter_a_body_or_a_cursor_shows_nothing(app: TestApp) {
        let own = Street::open(app, "硚口区", "a-").await;
        let sister = Street::beside(app, &own, "s-").await;
        let other = Street::open(app, "江汉区", "b-").await;
        let random = uuid::Uuid::now_v7().to_string();
        for (foreign, whose) in [(&sister, "another street's"), (&other, "another district's")] {
            for filter in [format!("/plan-items?street_id={}", foreign.id), format!("/plan-items?community_id={}", foreign.community), format!("/org-units?parent_id={}", foreign.id)] {
                let nothing = filter.split_once('=').map(|(name, _)| format!("{name}={random}")).unwrap();
                let (there, nowhere) = (app.get(&own.leader, &filter).await, app.get(&own.leader, &nothing).await);
                assert_eq!((there.status.as_u16(), &there.body), (nowhere.status.as_u16(), &nowhere.body), "{whose}: {filter}");
                assert_eq!(there.body["data"], json!([]), "{whose}: {filter}");
            }
            for (path, field, value) in [("/plan-items", "street_id", &foreign.id), ("/plan-items", "community_id", &foreign.community)] {
                let body = |id: &str| json!({"fiscal_year": 2017, "title": "关心关爱", "objective": "按时", "targets": [{"name": "次数", "comparison": "at_least", "value": "4", "unit": "次"}], field: id});
                let (there, nowhere) = (app.post(&own.party_office, path, body(value)).await, app.post(&own.party_office, path, body(&random)).await);
                assert_eq!((there.code(), there.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some(format!("/{field}").as_str())), "{whose}: {}", there.text);
                assert_eq!((there.code(), &there.body["errors"]), (nowhere.code(), &nowhere.body["errors"]));
            }
            // A cursor that another was given shows what one may see oneself, and no row of its owner's.
            let theirs = app.get(&foreign.first, "/users?limit=2&sort=username").await;
            let cursor = theirs.body["next_cursor"].as_str().unwrap();
            let rows = ok(app.get(&own.leader, &format!("/users?limit=2&sort=username&cursor={cursor}")).await, 200);
            assert!(rows["data"].as_array().unwrap().iter().all(|user| user["username"].as_str().unwrap().starts_with("a-")), "{whose}: {rows}");
            let (head, tail) = cursor.split_at(1);
            let broken = format!("{}{tail}", if head == "A" { "B" } else { "A" });
            assert_eq!(app.get(&own.leader, &format!("/users?limit=2&sort=username&cursor={broken}")).await.code(), (400, "invalid_cursor"));
        }
    }
}

#[actix_web::test]
async fn a_voucher_line_or_a_balance_changed_by_hand_in_the_file_is_named_and_the_command_ends_with_1() {
    let (app, processes) = Processes::open(None).await;
    let street = Street::open(&app, "硚口区", "").await;
    ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
    for document in ["D1", "D2"] {
        ok(street.receive(&app, "100.00", document).await, 201);
    }
    let verify = |processes: &Processes| {
        let output = processes.run("2017-01-03T12:00:00+08:00", &["ledger", "verify", "--output", "json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), found)
    };
    assert_eq!(verify(&processes), (Some(0), json!({"vouchers": 2, "holds": true, "first_fault": null})));
    for (what, by_hand, voucher) in [
        ("a line", "UPDATE voucher_lines SET debit = debit + 1 WHERE debit > 0 AND voucher_id = (SELECT id FROM vouchers WHERE number = 2)", Some("2017-01-0002")),
        ("a balance", "UPDATE ledger_turnovers SET debit = debit + 1 WHERE account = '1002'", None),
    ] {
        let changed = processes.copy().await;
        let file = sea_orm::Database::connect(changed.url.as_str()).await.unwrap();
        let triggers = file
            .query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('voucher_lines', 'ledger_turnovers')"))
            .await
            .unwrap();
        for trigger in triggers {
            file.execute_unprepared(&format!("DROP TRIGGER {}", trigger.try_get::<String>("", "name").unwrap())).await.unwrap();
        }
        file.execute_unprepared(by_hand).await.unwrap();
        file.close().await.unwrap();
        let (code, found) = verify(&changed);
        assert_eq!((code, found["holds"].as_bool(), found["first_fault"]["street"].as_str()), (Some(1), Some(false), Some("韩家墩街")), "{what}: {found}");
        assert!(voucher.is_none_or(|voucher| found["first_fault"]["voucher"] == json!(voucher)), "{what}: {found}");
        assert!(what != "a balance" || found["first_fault"]["what"].as_str().unwrap().contains("1002"), "{found}");
    }
}
