//! The program killed (SIGKILL) in the middle of its work, again and again, and started anew.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};

use crate::claims::Claims;
use crate::stipends::Stipends;
use crate::support::process::{Processes, Served, kill_after};
use crate::support::street::ok;
use crate::support::{TestApp, postgres};

/// How many vouchers the file holds; none while it cannot be read yet. The connection is kept, so that looking is quick beside the work.
async fn vouchers(url: &str, file: &mut Option<DatabaseConnection>) -> Option<i64> {
    if file.is_none() {
        *file = Database::connect(url).await.ok();
    }
    let row = file.as_ref()?.query_one_raw(Statement::from_string(DbBackend::Sqlite, "SELECT COUNT(*) AS n FROM vouchers")).await.ok()??;
    row.try_get("", "n").ok()
}

fn demo(folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mingzhang"));
    command.args(["demo", "--no-serve", "--output", "json"]).env("MINGZHANG_DATA_DIR", folder).env_remove("DATABASE_URL").stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[actix_web::test]
async fn a_year_killed_again_and_again_ends_with_every_stipend_and_claim_paid_once() {
    let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite://{}?mode=ro", folder.join("mingzhang.db").display());
    let (mut kills, mut file) = (0, None);
    // The stipend job posts at about 45, 80, 130 and 210; the others lie among the claims.
    for most in [1, 12, 44, 47, 81, 130, 180, 212] {
        let mut child = demo(&folder).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            if vouchers(&url, &mut file).await.is_some_and(|count| count >= most) {
                child.kill().unwrap();
                kills += 1;
                break;
            }
        }
        child.wait().unwrap();
    }
    // On a busy machine a year may end before the next look.
    assert!(kills >= 2, "killed {kills} times");
    let output = demo(&folder).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["total"], json!({"budget": "626380.00", "received": "626380.00", "spent": "626380.00", "final_accounts": "626380.00"}));
    assert_eq!(result["categories"][2]["spent_by_quarter"], json!(["6000.00", "6600.00", "7200.00", "6600.00"]));
    assert_eq!(result["ledger"], json!({"vouchers": 228, "verified": true}));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Runs a sentence on databases for processes, SQLite's and PostgreSQL's.
macro_rules! with_processes {
    ($($(#[$doc:meta])* async fn $name:ident($app:ident: TestApp, $processes:ident: Processes) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn sentence($app: TestApp, $processes: Processes) $body

            #[actix_web::test]
            async fn on_sqlite() {
                let (app, processes) = Processes::open(None).await;
                sentence(app, processes).await;
            }

            #[actix_web::test]
            async fn on_postgresql() {
                if let Some(url) = postgres::new_database().await {
                    let (app, processes) = Processes::open(Some(url)).await;
                    sentence(app, processes).await;
                }
            }
        })*
    };
}

/// When the first quarter is paid: at nine on the 20th of March.
const PAY_TIME: &str = "2017-03-20T09:00:00+08:00";
const PAY: [&str; 6] = ["job", "run", "stipends.post", "--period", "2017Q1", "--output"];

fn pay(processes: &Processes) -> Command {
    processes.command(PAY_TIME, &[&PAY[..], &["json"]].concat())
}

async fn count(url: &str, sql: &str) -> i64 {
    // The owner reads past the scopes of the streets.
    let connection = Database::connect(url.replace("mingzhang_app@", "postgres@")).await.unwrap();
    let row = connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await.unwrap().unwrap();
    let n = row.try_get("", "n").unwrap();
    connection.close().await.unwrap();
    n
}

/// The lease of a process that is gone runs out.
async fn let_the_lease_run_out(url: &str) {
    let connection = Database::connect(url.replace("mingzhang_app@", "postgres@")).await.unwrap();
    connection.execute_unprepared("UPDATE job_slots SET lease_until = '2017-01-01 00:00:00+00:00' WHERE state = 'running'").await.unwrap();
    connection.close().await.unwrap();
}

/// A street with three people to be paid 600.00 each under a standing authorisation.
async fn before_pay_day(app: &TestApp) -> Stipends {
    let stipends = Stipends::open(app).await;
    for day in 1..=3 {
        stipends.enrol(app, day, "2017-01-01").await;
    }
    stipends.authorise(app, "2000.00").await;
    stipends
}

/// Each of the three is paid once, in one run with one voucher, and the books hold.
async fn everybody_is_paid_once(processes: &Processes) {
    assert_eq!(count(&processes.url, "SELECT CAST(SUM(posted_amount) AS BIGINT) AS n FROM job_slots WHERE job = 'stipends.post' AND state = 'done'").await, 180_000);
    assert_eq!(count(&processes.url, "SELECT COUNT(*) AS n FROM payout_runs").await, 1);
    assert_eq!(count(&processes.url, "SELECT COUNT(*) AS n FROM payout_items WHERE state = 'posted' AND gross = 60000").await, 3);
    assert_eq!(count(&processes.url, "SELECT COUNT(*) AS n FROM payout_items").await, 3);
    assert_eq!(count(&processes.url, "SELECT COUNT(*) AS n FROM vouchers WHERE source_type = 'payout_run'").await, 1);
    let verified = processes.run(PAY_TIME, &["ledger", "verify", "--output", "json"]);
    let found: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((verified.status.code(), found["holds"].as_bool()), (Some(0), Some(true)), "{found}");
}

/// What a process that paid says of its one slot: how it stands, and how many items this call posted.
fn told(output: &std::process::Output) -> (String, i64) {
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).expect(&said);
    (report["slots"][0]["state"].as_str().unwrap().to_owned(), report["slots"][0]["posted_items"].as_i64().unwrap())
}

with_processes! {
    async fn the_paying_job_killed_at_any_moment_pays_everybody_once(app: TestApp, processes: Processes) {
        before_pay_day(&app).await;
        // How long it takes when nobody kills it, and that it does pay.
        let whole = processes.copy().await;
        let started = Instant::now();
        assert_eq!(told(&pay(&whole).output().unwrap()), ("done".to_owned(), 3));
        let takes = started.elapsed();
        everybody_is_paid_once(&whole).await;
        // The machine may have been busy just then.
        let another = processes.copy().await;
        let started = Instant::now();
        assert_eq!(told(&pay(&another).output().unwrap()), ("done".to_owned(), 3));
        let takes = takes.min(started.elapsed());
        let mut kills = 0;
        // Moments spread over its time, the later the denser: it works at its end.
        for moment in [30, 50, 60, 68, 75, 80, 85, 89, 93, 97] {
            let trial = processes.copy().await;
            for again in [0, 3] {
                kills += u32::from(kill_after(pay(&trial).spawn().unwrap(), takes * (moment + again) / 100));
                let_the_lease_run_out(&trial.url).await;
            }
            assert_eq!(told(&pay(&trial).output().unwrap()).0, "done", "killed at {moment} %");
            everybody_is_paid_once(&trial).await;
            assert_eq!(told(&pay(&trial).output().unwrap()), ("done".to_owned(), 0), "a slot that is done posts nothing again");
        }
        assert!(kills >= 2, "killed {kills} times");
    }

    async fn two_processes_that_pay_at_once_pay_everybody_once(app: TestApp, processes: Processes) {
        before_pay_day(&app).await;
        let both = [pay(&processes).spawn().unwrap(), pay(&processes).spawn().unwrap()];
        let items: Vec<i64> = both.into_iter().map(|child| told(&child.wait_with_output().unwrap()).1).collect();
        assert_eq!(items.iter().sum::<i64>(), 3, "{items:?}");
        everybody_is_paid_once(&processes).await;
    }

    async fn two_servers_on_pay_day_make_one_run_and_end_when_told(app: TestApp, processes: Processes) {
        before_pay_day(&app).await;
        let both = [processes.serve(PAY_TIME), processes.serve(PAY_TIME)];
        let waited = Instant::now();
        while count(&processes.url, "SELECT COUNT(*) AS n FROM job_slots WHERE job = 'stipends.post' AND state = 'done'").await == 0 {
            assert!(waited.elapsed() < Duration::from_secs(120), "the scheduler did not pay");
        }
        for served in &both {
            served.tell_to_stop();
        }
        assert_eq!(both.map(Served::end), [Some(0), Some(0)]);
        everybody_is_paid_once(&processes).await;
    }

    async fn an_authorisation_revoked_a_second_before_pay_day_pays_nobody_and_people_are_told(app: TestApp, processes: Processes) {
        let stipends = before_pay_day(&app).await;
        app.context.clocks.set("2017-03-20T00:59:59Z".parse().unwrap());
        let signed = ok(app.get(&stipends.street.leader, &format!("/stipend-schemes/{}/authorisations", stipends.scheme)).await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(app.act(&stipends.street.leader, &format!("/stipend-schemes/{}/authorisations/{signed}/revoke", stipends.scheme), "\"v1\"").await, 200);
        let output = pay(&processes).output().unwrap();
        assert_eq!((output.status.code(), told(&output)), (Some(1), ("held".to_owned(), 0)));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["slots"][0]["outcome"], json!("no_authorisation"));
        assert_eq!(count(&processes.url, "SELECT COUNT(*) AS n FROM vouchers WHERE source_type = 'payout_run'").await, 0);
        assert_eq!(count(&processes.url, "SELECT COUNT(*) AS n FROM payout_items WHERE state = 'posted'").await, 0);
        mingzhang::platform::notification::deliver_once(&app.context).await.unwrap();
        for token in [&stipends.street.leader, &stipends.street.accountant, &stipends.street.party_office] {
            let told = ok(app.get(token, "/notifications").await, 200)["data"].clone();
            let held = told.as_array().unwrap().iter().find(|notice| notice["kind"] == json!("payout_run.held"));
            assert!(held.is_some(), "{told}");
        }
    }

    async fn a_server_told_to_stop_finishes_the_request_that_it_has_begun(app: TestApp, processes: Processes) {
        let token = app.administrator("硚口区", "first").await;
        let served = processes.serve("2017-01-03T09:00:00+08:00");
        let address = served.address.strip_prefix("http://").unwrap();
        let body = json!({"code": "F1", "name": "资料费"}).to_string();
        let (one, other) = body.split_at(5);
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!("POST /api/v1/expense-items HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(one.as_bytes())).unwrap();
        // A second request, answered whole, shows that the first one has been taken up.
        assert_eq!(app.at(&served.address).get(&token, "/me").await.status, 200);
        served.tell_to_stop();
        let told = Instant::now();
        while std::net::TcpStream::connect(address).is_ok() {
            assert!(told.elapsed() < Duration::from_secs(20), "it still takes new requests");
        }
        stream.write_all(other.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        assert_eq!(served.end(), Some(0));
        assert_eq!(ok(app.get(&token, "/expense-items").await, 200)["data"][0]["code"], json!("F1"));
    }

    async fn random_actions_on_claims_with_the_server_killed_between_leave_every_invariant_holding(app: TestApp, processes: Processes) {
        let claims = Claims::open(&app).await;
        let mut ids = Vec::new();
        for index in 0..6 {
            let (community, amount) = if index % 2 == 0 { (true, "120.00") } else { (false, "2500.00") };
            // Some wait for the cashier already, so that payments are among what is broken off.
            ids.push(if index < 2 { claims.approved(&app, community, amount).await } else { claims.submitted(&app, community, amount).await });
        }
        let mut seed = 20_170_104_u64;
        let mut next = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % most
        };
        let street = &claims.street;
        let by: [(&str, &String); 12] = [("endorse", &claims.secretary), ("review", &street.accountant), ("approve", &street.leader), ("pay", &street.cashier), ("endorse", &claims.secretary), ("review", &street.accountant),
            ("approve", &street.leader), ("pay", &street.cashier), ("return", &street.accountant), ("submit", &street.party_office), ("refunds", &street.accountant), ("reverse", &street.accountant)];
        const PAID: &str = "SELECT COUNT(*) AS n FROM claims WHERE paid_on IS NOT NULL AND state IN ('paid', 'reversed')";
        let (mut done, mut broken, mut round) = (0, 0, 0);
        // At least eight times, and until somebody was paid.
        while round < 8 || (round < 40 && count(&processes.url, PAID).await == 0) {
            let served = processes.serve("2017-01-03T09:00:00+08:00");
            let remote = app.at(&served.address);
            let mut asked = Vec::new();
            for _ in 0..24 {
                let (id, (action, who)) = (ids[next(ids.len())].clone(), by[next(by.len())]);
                asked.push((id, action, who, uuid::Uuid::now_v7().to_string()));
            }
            let (remote, accountant, finished) = (&remote, &street.accountant, &AtomicUsize::new(0));
            let all = futures_util::future::join_all(asked.into_iter().map(|(id, action, who, key)| async move {
                let _counted = Counted(finished);
                let read = remote.try_send(Method::GET, &format!("/claims/{id}"), accountant, None, &[]).await.ok()?;
                let body = match action {
                    "return" | "reverse" => json!({"reason": "随机"}),
                    "refunds" => json!({"amount": "10.00", "reason": "随机"}),
                    _ => json!({}),
                };
                let etag = read.etag.unwrap_or_default();
                let answer = remote.try_send(Method::POST, &format!("/claims/{id}/{action}"), who, Some(body.to_string().into_bytes()), &[("If-Match", &etag), ("Idempotency-Key", &key)]).await.ok()?;
                assert!([200, 201, 403, 404, 409, 412, 422, 503].contains(&answer.status.as_u16()), "{action}: {}", answer.text);
                Some(answer.status.is_success())
            }));
            // Killed while the others are asked, earlier and later.
            let killer = async move {
                while finished.load(Ordering::SeqCst) < (8 + 2 * round).min(22) {
                    tokio::task::yield_now().await;
                }
                served.kill();
            };
            let ((), answers) = tokio::join!(killer, all);
            done += answers.iter().filter(|answer| **answer == Some(true)).count();
            broken += answers.iter().filter(|answer| answer.is_none()).count();
            round += 1;
        }
        assert!(done > 5 && broken > 5, "{done} actions done, {broken} broken off");
        claims.books_hold(&app).await;
        let all = ok(app.get(&street.accountant, "/claims?limit=200").await, 200)["data"].clone();
        for line in ok(app.get(&street.accountant, "/budget-lines").await, 200)["data"].as_array().unwrap() {
            let sum = |field: &str| all.as_array().unwrap().iter().filter(|claim| claim["budget_line_id"] == line["id"]).map(|claim| fen(&claim[field])).sum::<i64>();
            assert_eq!(fen(&line["reserved"]), sum("reserved"), "{line}: what is reserved is the claims' own");
            assert!(fen(&line["available"]) >= 0 && fen(&line["spent"]) >= 0, "{line}");
        }
        // A claim that is paid has its voucher, one that is not has none.
        let paid = count(&processes.url, PAID).await;
        let vouchers = count(&processes.url, "SELECT COUNT(*) AS n FROM (SELECT source_id FROM vouchers WHERE kind = 'claim_payment' GROUP BY source_id HAVING COUNT(*) = 1) AS once").await;
        assert_eq!(paid, vouchers);
        assert!(paid > 0, "nobody was paid in {round} rounds");
    }
}

/// Counts one more when it goes.
struct Counted<'all>(&'all AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// An amount of the API in fen.
fn fen(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}
