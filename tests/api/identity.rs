//! Logins and roles.

use mingzhang::kernel::access::Scope;
use mingzhang::platform::db::Sql;
use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::support::{Answer, PASSWORD, TestApp};

/// The code that a phone shows now.
fn code_of(app: &TestApp, secret: &serde_json::Value) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.as_str().unwrap()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).with_account_name("x").build().unwrap();
    totp.generate(u64::try_from(app.context.clocks.wall().timestamp()).unwrap()).to_string()
}

on_both_databases! {
    async fn a_wrong_password_and_an_unknown_user_get_the_same_answer(app: TestApp) {
        app.administrator("硚口区", "first").await;
        let mut answers = Vec::new();
        for username in ["first", "nobody"] {
            let answer = app.send(Method::POST, "/auth/login", "", Some(json!({"username": username, "password": "wrong"})), &[]).await;
            answers.push((answer.status.as_u16(), answer.body["code"].clone(), answer.body["detail"].clone()));
        }
        assert_eq!(answers[0], (401, json!("invalid_credentials"), json!("The user name or password is wrong, or the account is closed. Check and try again.")));
        assert_eq!(answers[0], answers[1]);
    }

    async fn after_three_failures_the_next_attempt_must_wait(app: TestApp) {
        app.administrator("硚口区", "first").await;
        for _ in 0..3 {
            app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": "wrong"})), &[]).await;
        }
        let answer = app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": PASSWORD})), &[]).await;
        assert_eq!(answer.code(), (429, "login_delayed"));
    }

    async fn attempts_sent_at_once_wait_as_those_sent_one_after_another(app: TestApp) {
        app.administrator("硚口区", "first").await;
        for username in ["first", "nobody"] {
            let attempts = (0..30).map(|_| app.send(Method::POST, "/auth/login", "", Some(json!({"username": username, "password": "wrong"})), &[]));
            let answers = futures_util::future::join_all(attempts).await;
            let looked_at = answers.iter().filter(|answer| answer.code() == (401, "invalid_credentials")).count();
            assert!((3..=8).contains(&looked_at), "{looked_at} of 30 passwords were tried");
            assert_eq!(answers.iter().filter(|answer| answer.code() == (429, "login_delayed")).count(), 30 - looked_at, "{username}");
        }
    }

    async fn right_passwords_sent_at_once_do_not_count_against_each_other(app: TestApp) {
        app.administrator("硚口区", "first").await;
        let attempts = (0..8).map(|_| app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": PASSWORD})), &[]));
        let answers = futures_util::future::join_all(attempts).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers.iter().map(Answer::code).collect::<Vec<_>>());
    }

    async fn who_has_a_login_has_no_more_attempts_at_its_password_or_second_factor(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let second = app.administrator("硚口区", "second").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let (_, third) = app.user(&first, "third", &district).await;
        let change = |old: &str| json!({"old_password": old, "new_password": "a wholly other phrase of words"});
        for _ in 0..3 {
            assert_eq!(app.post(&first, "/auth/password", change("wrong")).await.code(), (401, "invalid_credentials"));
            assert_eq!(app.post(&second, "/auth/totp", json!({"password": "wrong"})).await.code(), (401, "invalid_credentials"));
        }
        let begun = app.post(&third, "/auth/totp", json!({"password": PASSWORD})).await;
        assert_eq!(begun.status, 201, "{}", begun.text);
        assert_eq!(app.post(&third, "/auth/totp/confirm", json!({"code": code_of(app, &begun.body["secret"])})).await.status, 200);
        for _ in 0..3 {
            assert_eq!(app.post(&third, "/auth/totp/disable", json!({"code": "000000x"})).await.code(), (422, "wrong_totp_code"));
        }
        assert_eq!(app.post(&first, "/auth/password", change(PASSWORD)).await.code(), (429, "login_delayed"));
        assert_eq!(app.post(&second, "/auth/totp", json!({"password": PASSWORD})).await.code(), (429, "login_delayed"));
        assert_eq!(app.post(&third, "/auth/totp/disable", json!({"code": "000000x"})).await.code(), (429, "login_delayed"));
        let log_in = app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": PASSWORD})), &[]).await;
        assert_eq!(log_in.code(), (429, "login_delayed"), "it is one count");
        assert_eq!(app.get(&first, "/me").await.status, 200, "the login itself goes on");
    }

    async fn what_has_no_dry_run_is_not_done_for_real_instead(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let own = app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": PASSWORD})), &[]).await.body;
        let change = json!({"old_password": PASSWORD, "new_password": "a wholly other phrase of words"});
        let tries = [("logout", json!({})), ("password", change), ("totp", json!({"password": PASSWORD})), ("login", json!({"username": "first", "password": PASSWORD})), ("refresh", json!({"refresh_token": own["refresh_token"]}))];
        for (operation, body) in tries {
            for asked in ["true", "1"] {
                let refused = app.post(&token, &format!("/auth/{operation}?dry_run={asked}"), body.clone()).await;
                assert_eq!(refused.code(), (400, "invalid_parameter"), "{operation}: {}", refused.text);
                assert!(refused.text.contains("dry_run"), "{}", refused.text);
            }
        }
        assert_eq!(app.get(&token, "/me").await.status, 200);
        app.log_in("first", PASSWORD).await;
        assert_eq!(app.post("", "/auth/refresh?dry_run=false", json!({"refresh_token": own["refresh_token"]})).await.status, 200, "it was not used up");
    }

    async fn a_code_that_is_still_to_be_sent_is_no_failure(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let begun = app.post(&first, "/auth/totp", json!({"password": PASSWORD})).await;
        let recovery = app.post(&first, "/auth/totp/confirm", json!({"code": code_of(app, &begun.body["secret"])})).await.body["recovery_codes"][0].clone();
        let log_in = |body: serde_json::Value| app.send(Method::POST, "/auth/login", "", Some(body), &[]);
        for _ in 0..5 {
            assert_eq!(log_in(json!({"username": "first", "password": PASSWORD})).await.code(), (401, "totp_required"));
        }
        assert_eq!(log_in(json!({"username": "first", "password": PASSWORD, "totp": recovery})).await.status, 200);
    }

    async fn using_a_refresh_token_twice_ends_the_whole_login(app: TestApp) {
        app.administrator("硚口区", "first").await;
        let first = app.send(Method::POST, "/auth/login", "", Some(json!({"username": "first", "password": PASSWORD})), &[]).await.body;
        let use_it = || app.send(Method::POST, "/auth/refresh", "", Some(json!({"refresh_token": first["refresh_token"]})), &[]);
        let second = use_it().await;
        assert_eq!(second.status, 200, "{}", second.text);
        let access = second.body["access_token"].as_str().unwrap();
        assert_eq!(app.get(access, "/me").await.status, 200);
        assert_eq!(use_it().await.code(), (401, "invalid_refresh_token"));
        assert_eq!(app.get(access, "/me").await.code(), (401, "unauthenticated"));
    }

    async fn a_first_password_must_be_changed_before_anything_else(app: TestApp) {
        let administrator = app.administrator("硚口区", "first").await;
        let district = app.get(&administrator, "/org-units").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let made = app.post(&administrator, "/users", json!({"username": "second", "display_name": "second", "unit_id": district, "first_password": "another horse battery staple"})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let token = app.log_in("second", "another horse battery staple").await;
        assert_eq!(app.get(&token, "/users").await.code(), (403, "password_change_required"));
        let same = app.post(&token, "/auth/password", json!({"old_password": "another horse battery staple", "new_password": "another horse battery staple"})).await;
        assert_eq!(same.code(), (422, "weak_password"));
        assert_eq!(app.get(&token, "/me").await.body["must_change_password"], json!(true));
    }

    async fn a_money_role_takes_effect_only_once_a_second_administrator_confirmed_it(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let second = app.administrator("硚口区", "second").await;
        let street = open_street(app, &first, "韩家墩街").await;
        let (user, token) = app.user(&first, "accountant", &street).await;
        let granted = app.post(&first, "/role-assignments", json!({"user_id": user, "role": "accountant", "unit_id": street})).await;
        assert_eq!((granted.status.as_u16(), granted.body["state"].as_str()), (201, Some("unconfirmed")));
        assert_eq!(app.get(&token, "/me").await.body["capabilities"], json!([]));
        let path = format!("/role-assignments/{}/confirm", granted.id());
        let own = app.act(&first, &path, "\"v1\"").await;
        assert_eq!(own.code(), (403, "separation_of_duties"));
        assert_eq!(app.post(&second, &path, json!({})).await.code(), (428, "precondition_required"));
        assert_eq!(app.act(&second, &path, "\"v9\"").await.code(), (412, "precondition_failed"));
        let confirmed = app.act(&second, &path, "\"v1\"").await;
        assert_eq!((confirmed.status.as_u16(), confirmed.etag.as_deref()), (200, Some("\"v2\"")));
        assert!(app.get(&token, "/me").await.body["capabilities"].as_array().unwrap().contains(&json!("receipt.record")));
        assert_eq!(app.act(&second, &path, "\"v2\"").await.code(), (409, "invalid_transition"));
    }

    async fn who_loses_a_role_or_the_account_loses_it_on_the_next_request(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let street = open_street(app, &first, "韩家墩街").await;
        let (user, token) = app.user(&first, "inspector", &street).await;
        let granted = app.post(&first, "/role-assignments", json!({"user_id": user, "role": "inspector", "unit_id": street})).await;
        assert_eq!(app.get(&token, "/users").await.status, 200);
        app.act(&first, &format!("/role-assignments/{}/end", granted.id()), "\"v1\"").await;
        assert_eq!(app.get(&token, "/users").await.code(), (403, "forbidden"));
        let read = app.get(&first, &format!("/users/{user}")).await;
        let disabled = app.act(&first, &format!("/users/{user}/disable"), &read.etag.unwrap()).await;
        assert_eq!(disabled.body["disabled"], json!(true), "{}", disabled.text);
        assert_eq!(app.get(&token, "/me").await.code(), (401, "unauthenticated"));
    }

    async fn what_one_server_remembers_of_a_login_holds_only_as_long_as_the_database_says_so(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let street = open_street(app, &first, "韩家墩街").await;
        let (user, token) = app.user(&first, "inspector", &street).await;
        let other = mingzhang::app::context(app.context.db.clone(), app.context.clocks.clone(), app.context.keys.clone(), mingzhang::platform::attachment::in_memory());
        let held = async || other.authenticator.actor(&token).await.map(|actor| actor.assignments);
        assert_eq!(held().await.unwrap().len(), 0);
        let grant = json!({"user_id": user, "role": "inspector", "unit_id": street, "to": "2017-01-03"});
        app.post(&first, "/role-assignments", grant).await.id();
        let assignments = held().await.unwrap();
        assert_eq!((assignments.len(), assignments[0].unit_name.as_str()), (1, "韩家墩街"), "granted through another server");
        let district = assignments[0].place.district;
        let tx = app.context.db.write(Scope::District(district)).await.unwrap();
        tx.execute(Sql::both("UPDATE org_units SET name = '汉家墩街' WHERE district_id = $1 AND level = 'street'"), vec![district.into()]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(held().await.unwrap()[0].unit_name, "汉家墩街");
        app.context.clocks.set("2017-01-04T01:00:00Z".parse().unwrap());
        assert_eq!(held().await.unwrap().len(), 0, "held to the day before");
        app.context.clocks.set("2017-01-03T02:00:00Z".parse().unwrap());
        assert_eq!(held().await.unwrap().len(), 1);
        assert_eq!(app.post(&token, "/auth/logout", json!({})).await.status, 204);
        assert_eq!(held().await.unwrap_err().status, 401, "the login was ended through another server");
    }

    async fn incompatible_roles_wrong_levels_and_grants_to_oneself_are_refused(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let street = open_street(app, &first, "韩家墩街").await;
        let (user, _) = app.user(&first, "someone", &street).await;
        let grant = |role: &str, unit: &str| app.post(&first, "/role-assignments", json!({"user_id": user, "role": role, "unit_id": unit}));
        assert_eq!(grant("cashier", &street).await.status, 201);
        assert_eq!(grant("accountant", &street).await.code(), (409, "incompatible_roles"));
        assert_eq!(grant("community_staff", &street).await.code(), (422, "wrong_level"));
        let me = app.get(&first, "/me").await.id();
        let own = app.post(&first, "/role-assignments", json!({"user_id": me, "role": "cashier", "unit_id": street})).await;
        assert_eq!(own.code(), (403, "separation_of_duties"));
    }

    async fn the_same_key_replays_the_answer_and_another_request_with_it_is_refused(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        let send = |name: &'static str| app.send(Method::POST, "/org-units", &first, Some(json!({"parent_id": district, "name": name})), &[("Idempotency-Key", "k1")]);
        let made = send("韩家墩街").await;
        let again = send("韩家墩街").await;
        assert_eq!((again.status.as_u16(), again.replayed, again.id()), (201, true, made.id()));
        assert_eq!(send("宗关街").await.code(), (422, "idempotency_key_reused"));
        assert_eq!(app.get(&first, "/org-units?level=street").await.body["data"].as_array().unwrap().len(), 1);
    }

    async fn a_dry_run_answers_with_the_effect_and_writes_nothing(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let district = app.get(&first, "/org-units").await.body["data"][0]["id"].clone();
        for unclear in ["dry_run=1", "dry_run=True", "dry_run", "dry_run=true&dry_run=false", "dry_run=yes"] {
            let refused = app.post(&first, &format!("/org-units?{unclear}"), json!({"parent_id": district, "name": "韩家墩街"})).await;
            assert_eq!(refused.code(), (400, "invalid_parameter"), "{unclear} must not be taken for a real write");
        }
        let dry = app.post(&first, "/org-units?dry_run=true", json!({"parent_id": district, "name": "韩家墩街"})).await;
        assert_eq!((dry.status.as_u16(), dry.body["name"].as_str()), (200, Some("韩家墩街")));
        assert_eq!(app.get(&first, "/org-units?level=street").await.body["data"], json!([]));
    }

    async fn a_list_goes_page_by_page_and_its_cursor_holds_for_it_alone(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        for name in ["甲街", "乙街", "丙街"] {
            open_street(app, &first, name).await;
        }
        let page = app.get(&first, "/org-units?level=street&limit=2&sort=name").await;
        let cursor = page.body["next_cursor"].as_str().unwrap().to_owned();
        let rest = app.get(&first, &format!("/org-units?level=street&limit=2&sort=name&cursor={cursor}")).await;
        let names: Vec<_> = [&page, &rest].iter().flat_map(|answer| answer.body["data"].as_array().unwrap()).map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!((names.len(), &rest.body["next_cursor"]), (3, &json!(null)));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert_eq!(app.get(&first, &format!("/org-units?limit=2&sort=name&cursor={cursor}")).await.code(), (400, "invalid_cursor"));
        assert_eq!(app.get(&first, "/org-units?color=red").await.code(), (400, "unknown_parameter"));
        assert_eq!(app.get(&first, "/org-units?limit=201").await.code(), (400, "invalid_parameter"));
        let csv = app.send(Method::GET, "/org-units?level=street&columns=name", &first, None, &[("Accept", "text/csv")]).await;
        assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
        assert!(csv.text.starts_with("\u{feff}name\r\n"));
    }

    async fn a_second_factor_takes_each_code_once_and_a_recovery_code_once(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        assert_eq!(app.post(&token, "/auth/totp", json!({"password": "wrong"})).await.code(), (401, "invalid_credentials"));
        let begun = app.post(&token, "/auth/totp", json!({"password": PASSWORD})).await;
        assert_eq!(begun.status, 201, "{}", begun.text);
        let secret = totp_rs::Secret::try_from_base32(begun.body["secret"].as_str().unwrap()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).with_account_name("x").build().unwrap();
        let now = u64::try_from(app.context.clocks.wall().timestamp()).unwrap();
        let code = totp.generate(now).to_string();
        let log_in = |code: Option<String>| {
            let mut body = json!({"username": "first", "password": PASSWORD});
            if let Some(code) = code {
                body["totp"] = json!(code);
            }
            app.send(Method::POST, "/auth/login", "", Some(body), &[])
        };
        assert_eq!(log_in(None).await.status, 200, "it does not count before its confirmation");
        let confirmed = app.post(&token, "/auth/totp/confirm", json!({"code": code})).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.text);
        let recovery: Vec<String> = serde_json::from_value(confirmed.body["recovery_codes"].clone()).unwrap();
        assert_eq!(recovery.len(), 10);
        assert_eq!(log_in(None).await.code(), (401, "totp_required"));
        assert_eq!(log_in(Some(code)).await.code(), (401, "invalid_credentials"), "the code was used to confirm");
        assert_eq!(log_in(Some(totp.generate(now + 30).to_string())).await.status, 200);
        assert_eq!(log_in(Some(recovery[0].clone())).await.status, 200);
        assert_eq!(log_in(Some(recovery[0].clone())).await.code(), (401, "invalid_credentials"));
        assert_eq!(app.post(&token, "/auth/totp", json!({"password": PASSWORD})).await.code(), (409, "totp_already_on"));
        assert_eq!(app.post(&token, "/auth/totp/disable", json!({"code": "000000x"})).await.code(), (422, "wrong_totp_code"));
        assert_eq!(app.post(&token, "/auth/totp/disable", json!({"code": recovery[1]})).await.status, 204);
        assert_eq!(log_in(None).await.status, 200);
    }

    async fn bad_bodies_are_refused_in_order_and_whole(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let send = |text: &str| app.send_text(Method::POST, "/users", &first, Some(text.to_owned()), &[]);
        assert_eq!(send("{").await.code(), (400, "malformed_json"));
        assert_eq!(send(r#"{"username": 1}"#).await.code(), (422, "wrong_type"));
        assert_eq!(send(r#"{"colour": 1}"#).await.code(), (422, "unknown_field"));
        let id = uuid::Uuid::now_v7();
        let many = send(&format!(r#"{{"username": "", "display_name": "", "unit_id": "{id}", "id_number": "1", "first_password": "x"}}"#)).await;
        assert_eq!((many.code(), many.body["errors"].as_array().unwrap().len()), ((422, "validation_failed"), 4));
        let unknown = send(&format!(r#"{{"username": "abc", "display_name": "abc", "unit_id": "{id}", "first_password": "{PASSWORD}"}}"#)).await;
        assert_eq!((unknown.code(), unknown.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some("/unit_id")));
        let large = send(&" ".repeat(2 * 1024 * 1024)).await;
        assert_eq!(large.code(), (413, "body_too_large"));
    }
}

async fn open_street(app: &TestApp, token: &str, name: &str) -> String {
    let units = app.get(token, "/org-units?level=district").await;
    let made = app.post(token, "/org-units", json!({"parent_id": units.body["data"][0]["id"], "name": name})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.id()
}

on_both_databases! {
    async fn a_forgotten_password_is_reset_and_money_roles_are_confirmed_anew(app: TestApp) {
        let street = crate::support::street::Street::open(app, "硚口区", "").await;
        let leader = app.get(&street.leader, "/me").await.id();
        let path = format!("/users/{leader}");
        let version = app.get(&street.first, &path).await.etag.unwrap();
        let reset = |token: &str, password: &str, version: &str| {
            let (path, token, version, body) = (format!("{path}/reset"), token.to_owned(), version.to_owned(), json!({"first_password": password}));
            async move { app.send(Method::POST, &path, &token, Some(body), &[("If-Match", &version)]).await }
        };
        assert_eq!(reset(&street.first, "leader leader leader", &version).await.code(), (422, "weak_password"));
        assert_eq!(reset(&street.accountant, "a wholly other phrase of words", &version).await.code(), (403, "forbidden"));
        let own = app.get(&street.first, "/me").await.id();
        let version_of_own = app.get(&street.first, &format!("/users/{own}")).await.etag.unwrap();
        let body = json!({"first_password": "a wholly other phrase of words"});
        let of_own = app.send(Method::POST, &format!("/users/{own}/reset"), &street.first, Some(body), &[("If-Match", &version_of_own)]).await;
        assert_eq!(of_own.code(), (403, "separation_of_duties"));
        assert_eq!(reset(&street.first, "a wholly other phrase of words", &version).await.status, 200);
        assert_eq!(app.get(&street.leader, "/me").await.code(), (401, "unauthenticated"), "every login ends");
        let anew = app.log_in("leader", "a wholly other phrase of words").await;
        let changed = app.post(&anew, "/auth/password", json!({"old_password": "a wholly other phrase of words", "new_password": PASSWORD})).await;
        assert_eq!(changed.code(), (422, "weak_password"), "the password before the reset is remembered");
        let changed = app.post(&anew, "/auth/password", json!({"old_password": "a wholly other phrase of words", "new_password": "yet another phrase of words"})).await;
        assert_eq!(changed.status, 204);
        assert_eq!(app.get(&anew, "/me").await.body["assignments"], json!([]), "who knows the first password is not the leader");
        let roles = app.get(&street.second, &format!("/role-assignments?user_id={leader}")).await;
        let (role, state) = (roles.body["data"][0]["id"].as_str().unwrap().to_owned(), roles.body["data"][0]["state"].clone());
        assert_eq!(state, json!("unconfirmed"));
        let confirm = |token: &str| { let (path, token) = (format!("/role-assignments/{role}/confirm"), token.to_owned()); async move { app.act(&token, &path, "\"v3\"").await } };
        assert_eq!(confirm(&street.first).await.code(), (403, "separation_of_duties"), "who reset it does not confirm");
        assert_eq!(confirm(&street.second).await.status, 200);
        assert_eq!(app.get(&anew, "/me").await.body["assignments"][0]["role"], json!("street_leader"));
    }

    async fn a_closed_account_is_opened_again(app: TestApp) {
        let first = app.administrator("硚口区", "first").await;
        let unit = app.get(&first, "/org-units").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let (user, _) = app.user(&first, "zhang.san", &unit).await;
        let path = format!("/users/{user}");
        let etag = || async { app.get(&first, &path).await.etag.unwrap() };
        assert_eq!(app.act(&first, &format!("{path}/enable"), &etag().await).await.code(), (409, "invalid_transition"));
        assert_eq!(app.act(&first, &format!("{path}/disable"), &etag().await).await.status, 200);
        let body = json!({"first_password": "a wholly other phrase of words"});
        let of_closed = app.send(Method::POST, &format!("{path}/reset"), &first, Some(body), &[("If-Match", &etag().await)]).await;
        assert_eq!(of_closed.code(), (409, "invalid_transition"));
        assert_eq!(app.act(&first, &format!("{path}/enable"), &etag().await).await.body["disabled"], json!(false));
        app.log_in("zhang.san", PASSWORD).await;
    }
}
