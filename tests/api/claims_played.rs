//! Claims, applications, invoices, batches and the bank's results, played at random by people at once: whatever happens, in whatever order, every invariant holds. A failing play prints its seed
//! and what was done; `MINGZHANG_PLAY_SEED` plays another.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::claims::Claims;
use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::dice::Dice;
use crate::support::street::ok;

const ROUNDS: usize = 60;
const AT_ONCE: usize = 6;
const ACTIONS: [&str; 14] = ["submit", "endorse", "review", "approve", "pay", "return", "reject", "withdraw", "request-info", "provide-info", "refunds", "reverse", "copy", "urge"];
/// What must have happened in all plays together, else they say too little.
const MUST: [&str; 21] = [
    "claim new",
    "claim endorse",
    "claim review",
    "claim approve",
    "claim pay",
    "claim refunds",
    "claim reverse",
    "claim return",
    "claim reject",
    "claim withdraw",
    "claim request-info",
    "claim provide-info",
    "claim from application",
    "claim with invoice",
    "application new",
    "application approve",
    "application close",
    "bulk approved",
    "batch made",
    "result paid",
    "result returned",
];

/// A request to be sent.
struct Asked {
    what: String,
    who: String,
    path: String,
    body: String,
    version: Option<i64>,
}

struct Play<'a> {
    app: &'a TestApp,
    claims: Claims,
    dice: Dice,
    seed: u64,
    template: String,
    /// Invoices of the community, and of the street.
    invoices: [Vec<String>; 2],
    counter: u32,
    log: Vec<String>,
    done: BTreeMap<String, usize>,
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MINGZHANG_PLAY_SEED={} failed after:\n{}", self.seed, self.log.join("\n"));
        }
    }
}

fn text<'v>(row: &'v Value, name: &str) -> &'v str {
    row[name].as_str().unwrap_or_default()
}

fn fen(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

impl<'a> Play<'a> {
    async fn open(app: &'a TestApp, seed: u64) -> Self {
        app.context.clocks.set("2017-01-03T01:00:00Z".parse().unwrap());
        let claims = Claims::open_in(app, &format!("演练{seed}区"), &format!("p{seed}-")).await;
        let template =
            json!({"code": "bx", "name": "示例银行报销", "definition": {"format": "csv", "extension": "csv", "columns": [{"source": "serial"}, {"source": "account_number"}, {"source": "amount"}]}});
        let template = ok(app.post(&claims.street.first, "/bank-file-templates", template).await, 201)["id"].as_str().unwrap().to_owned();
        let mut invoices = [Vec::new(), Vec::new()];
        for (community, number) in [(true, 1), (true, 2), (false, 3), (false, 4)] {
            let mut body = json!({"kind": "paper_vat", "code": "4200171320", "number": format!("{number:08}"), "seller_name": "示例文化馆", "issued_on": "2017-01-02", "total": if community { "150.00" } else { "9000.00" }});
            if community {
                body["community_id"] = json!(claims.street.community);
            }
            let who = if community { &claims.street.staff } else { &claims.street.party_office };
            invoices[usize::from(!community)].push(ok(app.post(who, "/invoices", body).await, 201)["id"].as_str().unwrap().to_owned());
        }
        Self { app, claims, dice: Dice(seed), seed, template, invoices, counter: 0, log: Vec::new(), done: BTreeMap::new() }
    }

    fn preparer(&self, community: bool) -> String {
        if community { self.claims.street.staff.clone() } else { self.claims.street.party_office.clone() }
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        ok(self.app.get(&self.claims.street.accountant, path).await, 200)["data"].as_array().unwrap().clone()
    }

    fn new_claim(&mut self, applications: &[Value]) -> Asked {
        let community = self.dice.one_in(2);
        let amount = yuan(1_000 + self.dice.int(if community { 6_000 } else { 240_000 }));
        let mut body = self.claims.body(community, &amount);
        let mut what = "claim new".to_owned();
        if self.dice.one_in(2) {
            let invoice = self.dice.choose(&self.invoices[usize::from(!community)]).unwrap();
            body["lines"][0]["draws"] = json!([{"invoice_id": invoice, "amount": amount}]);
            what = "claim with invoice".to_owned();
        }
        let open: Vec<_> = applications.iter().filter(|row| text(row, "state") == "approved" && row["community_id"].is_string() == community).collect();
        if let Some(application) = self.dice.choose(&open).filter(|_| body["lines"][0]["draws"].is_null()) {
            body["commitment_id"] = application["id"].clone();
            what = "claim from application".to_owned();
        }
        Asked { what, who: self.preparer(community), path: "/claims".to_owned(), body: body.to_string(), version: None }
    }

    fn application(&mut self, applications: &[Value]) -> Asked {
        let waiting: Vec<_> = applications.iter().filter(|row| ["submitted", "approved"].contains(&text(row, "state"))).collect();
        if let Some(row) = self.dice.choose(&waiting).filter(|row| text(row, "state") == "submitted" || waiting.len() > 2) {
            let (action, who) = match text(row, "next_capability") {
                "claim.review" => ("review", self.claims.street.accountant.clone()),
                "" => ("close", self.preparer(row["community_id"].is_string())),
                _ => ("approve", self.claims.street.leader.clone()),
            };
            return Asked { what: format!("application {action}"), who, path: format!("/commitments/{}/{action}", text(row, "id")), body: "{}".to_owned(), version: row["version"].as_i64() };
        }
        let (community, claims) = (self.dice.one_in(2), &self.claims);
        let mut body = json!({"budget_line_id": if community { &claims.community_line } else { &claims.street_line }, "activity_id": if community { &claims.community_activity } else { &claims.street_activity },
            "title": "一月主题党日", "valid_until": "2017-03-31", "lines": [{"expense_item_id": claims.item, "description": "场地", "amount": yuan(5_000 + self.dice.int(15_000))}], "submit": true});
        if community {
            body["community_id"] = json!(claims.street.community);
        }
        Asked { what: "application new".to_owned(), who: self.preparer(community), path: "/commitments".to_owned(), body: body.to_string(), version: None }
    }

    /// Claims of one batch: a file of up to three.
    fn batch(&mut self, claims: &[Value]) -> Option<Asked> {
        let ready: Vec<_> = claims.iter().filter(|row| text(row, "next_capability") == "claim.pay").take(3).map(|row| row["id"].clone()).collect();
        let body = json!({"template_id": self.template, "claim_ids": ready}).to_string();
        (!ready.is_empty()).then(|| Asked { what: "batch made".to_owned(), who: self.claims.street.cashier.clone(), path: "/payment-batches".to_owned(), body, version: None })
    }

    /// What the bank says of an open batch: some of it paid, some returned.
    fn result(&mut self, batches: &[Value], claims: &[Value]) -> Option<Asked> {
        let open: Vec<_> = batches.iter().filter(|row| text(row, "state") == "made").collect();
        let batch = *self.dice.choose(&open)?;
        let mut rows: Vec<_> = claims.iter().filter(|row| row["batch_id"] == batch["id"]).collect();
        rows.sort_by_key(|row| row["batch_serial"].as_i64());
        let mut file = format!("批次号,{},笔数,{},金额,{},日期,2017-01-03\r\n序号,账号后四位,金额,结果,原因\r\n", text(batch, "number"), batch["count"], text(batch, "sum"));
        let mut paid = false;
        for row in rows {
            let returned = self.dice.one_in(3);
            paid |= !returned;
            file.push_str(&format!("{},1234,{},{}\r\n", row["batch_serial"], text(row, "net"), if returned { "退票,账户已销户" } else { "成功," }));
        }
        let what = if paid { "result paid" } else { "result returned" }.to_owned();
        Some(Asked { what, who: self.claims.street.cashier.clone(), path: format!("/payment-batches/{}/results", text(batch, "id")), body: file, version: batch["version"].as_i64() })
    }

    fn bulk(&self, claims: &[Value]) -> Option<Asked> {
        let items: Vec<_> = claims.iter().filter(|row| text(row, "state") == "reviewed").take(4).map(|row| json!({"id": row["id"], "version": row["version"]})).collect();
        let body = json!({"items": items}).to_string();
        (!items.is_empty()).then(|| Asked { what: "bulk approved".to_owned(), who: self.claims.street.leader.clone(), path: "/claims/approve".to_owned(), body, version: None })
    }

    /// Mostly a claim's next step by whose it is, so that claims get far; else anything by anybody.
    fn step(&mut self, claims: &[Value]) -> Option<Asked> {
        let row = self.dice.choose(claims)?;
        let street = &self.claims.street;
        let (community, version) = (row["community_id"].is_string(), row["version"].as_i64());
        let people = [&street.staff, &self.claims.secretary, &street.party_office, &street.accountant, &street.leader, &street.cashier];
        let next = match text(row, "state") {
            _ if row["information_requested"] == json!(true) => Some(("provide-info", if community { &street.staff } else { &street.party_office })),
            "draft" => Some(("submit", if community { &street.staff } else { &street.party_office })),
            "submitted" if community => Some(("endorse", &self.claims.secretary)),
            "submitted" | "endorsed" => Some(("review", &street.accountant)),
            "reviewed" => Some(("approve", &street.leader)),
            "approved" => Some(("pay", &street.cashier)),
            "paid" if self.dice.one_in(3) => Some((if self.dice.one_in(2) { "refunds" } else { "reverse" }, &street.accountant)),
            _ => None,
        };
        let anything = (ACTIONS[usize::try_from(self.dice.below(14)).unwrap()], people[usize::try_from(self.dice.below(6)).unwrap()]);
        // Sometimes whose step is next sends it back, asks for papers or rejects it, or its preparer withdraws it.
        let exit = match (next, self.dice.below(12)) {
            (Some((action, who)), 0..=2) if !["submit", "refunds", "reverse", "provide-info"].contains(&action) => {
                let who = if action == "pay" { &street.leader } else { who };
                Some((["return", "reject", "request-info"][usize::try_from(self.dice.below(3)).unwrap()], who))
            }
            (Some(("endorse" | "review" | "approve", _)), 3) => Some(("withdraw", if community { &street.staff } else { &street.party_office })),
            _ => None,
        };
        let (action, who) = exit.or(next.filter(|_| !self.dice.one_in(3))).unwrap_or(anything);
        let body = match action {
            "return" | "reject" | "request-info" | "provide-info" | "reverse" => json!({"reason": "随机"}),
            "refunds" => json!({"amount": "5.00", "reason": "随机"}),
            _ => json!({}),
        };
        Some(Asked { what: format!("claim {action}"), who: who.clone(), path: format!("/claims/{}/{action}", text(row, "id")), body: body.to_string(), version })
    }

    async fn round(&mut self) {
        let (claims, applications, batches) = (self.list("/claims?limit=200").await, self.list("/commitments?limit=200").await, self.list("/payment-batches?limit=200").await);
        let mut asked = Vec::new();
        for _ in 0..AT_ONCE {
            let chosen = match self.dice.below(14) {
                0..=2 => Some(self.new_claim(&applications)),
                3 | 4 => Some(self.application(&applications)),
                5 => self.batch(&claims),
                6 => self.result(&batches, &claims),
                7 => self.bulk(&claims),
                _ => self.step(&claims),
            };
            asked.extend(chosen);
        }
        let (app, seed, first) = (self.app, self.seed, self.counter);
        self.counter += u32::try_from(asked.len()).unwrap();
        let sent = asked.iter().zip(first..).map(|(asked, number)| async move {
            let (etag, key) = (format!("\"v{}\"", asked.version.unwrap_or_default()), format!("p{seed}-{number}"));
            let mut headers = vec![("Idempotency-Key", key.as_str()), ("Content-Type", if asked.body.starts_with('{') { "application/json" } else { "text/csv" })];
            headers.extend(asked.version.map(|_| ("If-Match", etag.as_str())));
            app.send_text(Method::POST, &asked.path, &asked.who, Some(asked.body.clone()), &headers).await
        });
        let answers = futures_util::future::join_all(sent).await;
        for (asked, answer) in asked.iter().zip(answers) {
            self.log.push(format!("{} {} {} {:?}", asked.what, asked.path, answer.status.as_u16(), answer.code().1));
            assert!([200, 201, 403, 404, 409, 412, 422].contains(&answer.status.as_u16()), "{}: {}", asked.what, answer.text);
            let happened = answer.status.is_success() && (asked.what != "bulk approved" || answer.text.contains("\"outcome\":\"approved\""));
            if happened {
                *self.done.entry(asked.what.clone()).or_default() += 1;
                if asked.body.contains("退票") {
                    *self.done.entry("result returned".to_owned()).or_default() += 1;
                }
            }
        }
    }

    /// Every invariant, by what the API shows.
    async fn check(&self) {
        self.claims.books_hold(self.app).await;
        let (claims, applications) = (self.list("/claims?limit=200").await, self.list("/commitments?limit=200").await);
        for line in self.list("/budget-lines?limit=200").await {
            let of_line = |rows: &[Value], name: &str| rows.iter().filter(|row| row["budget_line_id"] == line["id"]).map(|row| fen(&row[name])).sum::<i64>();
            assert_eq!(fen(&line["reserved"]), of_line(&claims, "reserved") + of_line(&applications, "held"), "{line}: what is reserved is held by claims and applications");
            let spent: i64 = claims.iter().filter(|row| row["budget_line_id"] == line["id"] && text(row, "state") == "paid").map(|row| fen(&row["amount"]) - fen(&row["refunded"])).sum();
            assert_eq!(fen(&line["spent"]), spent, "{line}: what is spent was paid and did not come back");
            assert!(fen(&line["available"]) >= 0, "{line}");
        }
        let paid: Vec<_> = claims.iter().filter(|row| ["paid", "reversed"].contains(&text(row, "state"))).map(|row| text(row, "voucher_id")).collect();
        assert!(!paid.contains(&"") && paid.iter().collect::<BTreeSet<_>>().len() == paid.len(), "each payment has its own voucher");
        for invoice in self.list("/invoices?limit=200").await {
            let live: i64 = invoice["draws"].as_array().unwrap().iter().filter(|draw| draw["live"] == json!(true)).map(|draw| fen(&draw["amount"])).sum();
            assert_eq!(fen(&invoice["drawn"]), live, "{invoice}");
            assert!(live <= fen(&invoice["total"]), "{invoice}");
        }
    }
}

async fn play(app: &TestApp, seed: u64) -> BTreeMap<String, usize> {
    let mut play = Play::open(app, seed).await;
    for round in 0..ROUNDS {
        play.round().await;
        if round % 20 == 19 {
            play.check().await;
        }
    }
    // What nobody took further expires.
    let waiting = play.claims.submitted(app, false, "1.00").await;
    app.context.clocks.set("2017-03-25T01:00:00Z".parse().unwrap());
    mingzhang::platform::jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
    assert_eq!(ok(app.get(&play.claims.street.accountant, &format!("/claims/{waiting}")).await, 200)["state"], json!("expired"));
    play.check().await;
    std::mem::take(&mut play.done)
}

on_both_databases! {
    async fn random_actions_by_random_people_at_once_leave_every_invariant_holding(app: TestApp) {
        if let Ok(seed) = std::env::var("MINGZHANG_PLAY_SEED") {
            play(app, seed.parse().unwrap()).await;
            return;
        }
        let mut done: BTreeMap<String, usize> = BTreeMap::new();
        let missing = |done: &BTreeMap<String, usize>| MUST.into_iter().filter(|what| !done.contains_key(*what)).collect::<Vec<_>>();
        for seed in 1..=15 {
            // Three plays, and more where a rare action met its moment in none: who comes first of two at once is not the dice's.
            if seed > 3 && missing(&done).is_empty() {
                break;
            }
            for (what, times) in play(app, seed).await {
                *done.entry(what).or_insert(0) += times;
            }
        }
        assert!(missing(&done).is_empty(), "never played: {:?} of {done:?}", missing(&done));
    }
}
