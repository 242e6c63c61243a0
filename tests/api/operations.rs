//! Every operation of the API's description, tried as a stranger: without a token, with a forged one, with ids of another district and of another street; and that each takes its own example.
//! The list comes from the description, so that a new operation is covered by itself.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{PASSWORD, TestApp, trail};

/// Operations that need no account, each with its reason.
const OPEN: [(&str, &str); 2] = [("/api/v1/auth/login", "one logs in with it"), ("/api/v1/auth/refresh", "the refresh token is its own proof")];

/// Paths whose parameter is no row's id, each with its reason.
const NO_ID: [(&str, &str); 3] =
    [("/api/v1/jobs/{name}/run", "the name of a job"), ("/api/v1/ledger/accounts/{code}/detail", "the code of an account"), ("/api/v1/ledger/accounts/{code}/detail/print", "the code of an account")];

/// Lists whose rows are the district's: its streets share them, so only another district's id is foreign.
const OF_DISTRICT: [(&str, &str); 7] = [
    ("/categories", "the district names what is spent on"),
    ("/expense-items", "the district names what is bought"),
    ("/paper-rules", "the district says which papers a claim needs"),
    ("/scheme-kinds", "the district names what is paid out regularly"),
    ("/standards", "the district says how much is spent on what"),
    ("/statement-layouts", "the district knows its banks' statements"),
    ("/tax-rules", "the district keeps the tax rule"),
];

/// Paths of which a street has no row in these tests, each with its reason: there only random ids are tried.
const NO_ROW: [(&str, &str); 5] = [
    ("/attachment-links", "no list has them: they stand in their paper; tests/api/evidence.rs tries another's"),
    ("/calendar-years", "every district reads every year"),
    ("/notifications", "nobody is told of anything here; tests/api/notification.rs tries another's"),
    ("/payout-items", "they are listed under their run; tests/api/recoveries.rs tries another's"),
    ("/tax-payments", "nothing was withheld in January"),
];

fn operations(description: &Value) -> Vec<(Method, String)> {
    let paths = description["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().keys().filter_map(move |method| Some((method.to_uppercase().parse().ok()?, path.clone()))));
    each.filter(|(method, _): &(Method, String)| [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE].contains(method)).collect()
}

/// The list that a path's last id is of: `/plan-items/{id}` of `/api/v1/plan-items/{id}/targets`.
fn list_of(path: &str) -> String {
    let path = path.strip_prefix("/api/v1").unwrap();
    path.rsplit_once("/{").map_or(path, |(list, _)| list).to_owned()
}

fn of_rows(description: &Value) -> Vec<(Method, String)> {
    operations(description).into_iter().filter(|(_, path)| path.contains('{') && !NO_ID.iter().any(|(known, _)| known == path)).collect()
}

fn full(message: &str, method: &Method, path: &str) -> String {
    format!("{method} {path}: {message}. src/funds/claim/routes.rs does it right: read by tx.load_text in the actor's scope, write by Write::on, which finds the row before anything else is judged")
}

on_both_databases! {
    async fn no_operation_answers_without_a_token_or_with_a_forged_one(app: TestApp) {
        let description = app.get("", "/openapi.json").await.body;
        let all = operations(&description);
        assert!(all.len() >= 15, "{}", all.len());
        let stranger = TestApp::on_sqlite().await;
        let forged = stranger.administrator("硚口区", "first").await;
        for (method, path) in &all {
            let concrete = path.replace("/api/v1", "").replace("{id}", &uuid::Uuid::now_v7().to_string()).replace("{name}", "none");
            for token in ["", "x", forged.as_str(), "eyJhbGciOiJub25lIn0.e30."] {
                let answer = app.send(method.clone(), &concrete, token, Some(json!({})), &[]).await;
                let open = OPEN.iter().any(|(known, _)| known == path);
                let expected = if open { 422 } else { 401 };
                assert_eq!(answer.status.as_u16(), expected, "{}", full(&format!("it answers without a good token: {}", answer.text), method, path));
            }
        }
    }

    async fn an_id_of_another_district_or_street_is_answered_as_one_that_never_was_and_changes_nothing(app: TestApp) {
        let description = app.get("", "/openapi.json").await.body;
        let (own, other) = (Street::open(app, "硚口区", "a-").await, Street::open(app, "江汉区", "b-").await);
        let sister = Street::beside(app, &own, "s-").await;
        for (street, code) in [(&own, "F1"), (&sister, "F2"), (&other, "F1")] {
            fill(app, street, code).await;
        }
        sweep_and_deliver(app).await;
        let mine = people(app, &own, "a-").await;
        let of_street: Vec<String> = mine.iter().filter(|token| **token != own.first).cloned().collect();
        let mut theirs = Finder::new(app, people(app, &other, "b-").await);
        // The district's administrator is everybody's.
        let mut sisters = Finder::new(app, people(app, &sister, "s-").await.into_iter().filter(|token| *token != own.first).collect());
        let (mut without_row, mut shared, mut faults) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (method, path) in of_rows(&description) {
            let of_district = OF_DISTRICT.iter().any(|(known, _)| *known == list_of(&path));
            let mut reached = false;
            for (whose, finder, strangers) in [("another district's", &mut theirs, &mine), ("another street's", &mut sisters, &of_street)] {
                let foreign = finder.find(&path).await;
                if foreign.is_none() {
                    without_row.insert(list_of(&path));
                }
                if whose == "another street's" && of_district {
                    if let Some(foreign) = foreign && seen(app, &of_street, &foreign).await {
                        shared.insert(list_of(&path));
                    }
                    continue;
                }
                let concrete = foreign.as_ref().map_or_else(|| random(&path), |foreign| foreign.path.clone());
                let before = snapshot(app, foreign.as_ref()).await;
                for token in strangers {
                    let there = try_path(app, token, &method, &concrete, &json!({})).await;
                    let nowhere = try_path(app, token, &method, &random(&path), &json!({})).await;
                    if there != nowhere || ![403, 404].contains(&there.0) {
                        faults.insert(full(&format!("{whose} id is answered with {} {}, one that never was with {}", there.0, there.1["code"], nowhere.0), &method, &path));
                    }
                    reached |= there.0 == 404;
                }
                if before != snapshot(app, foreign.as_ref()).await {
                    faults.insert(full(&format!("something changed at {whose} row"), &method, &path));
                }
            }
            if !reached {
                faults.insert(full("nobody of the street holds its capability, so it was not tried: give one of `people` the role", &method, &path));
            }
        }
        assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
        assert_eq!(without_row, names(&NO_ROW), "make rows of these in `fill`; what stands in NO_ROW needlessly goes out");
        assert_eq!(shared, names(&OF_DISTRICT), "these stand in OF_DISTRICT needlessly, or have no row");
    }

    async fn every_operation_takes_its_own_example_and_no_unknown_field(app: TestApp) {
        let description = app.get("", "/openapi.json").await.body;
        let own = Street::open(app, "硚口区", "a-").await;
        fill(app, &own, "F1").await;
        sweep_and_deliver(app).await;
        let mine = people(app, &own, "a-").await;
        let mut untried = BTreeSet::new();
        for (method, path) in operations(&description) {
            let body = &description["paths"][&path][method.as_str().to_lowercase()]["requestBody"]["content"];
            let Some(example) = ["application/json", "application/merge-patch+json"].iter().find_map(|kind| body.get(kind)).map(|content| content["example"].clone()) else { continue };
            let of_login = path.starts_with("/api/v1/auth/");
            let tokens = if of_login { vec![own.person(app, &format!("a-{}", uuid::Uuid::now_v7().simple()), "party_office").await] } else { mine.clone() };
            let mut taken = false;
            for token in &tokens {
                let concrete = if path.contains("/{id}") { Finder::new(app, vec![token.clone()]).find(&path).await.map(|own| own.path) } else { Some(path.replace("/api/v1", "").replace("{name}", "stipends.post")) };
                let Some(concrete) = concrete else { continue };
                let concrete = if of_login { concrete } else { format!("{concrete}?dry_run=true") };
                let mut unknown = example.clone();
                unknown["no_such_field"] = json!(1);
                let refused = try_path(app, token, &method, &concrete, &unknown).await;
                if [403, 404].contains(&refused.0) {
                    continue;
                }
                assert_eq!((refused.0, refused.1["code"].as_str()), (422, Some("unknown_field")), "{}", full("a field that nobody knows is taken: #[serde(deny_unknown_fields)]", &method, &path));
                let demands = |name: &str| description["paths"][&path][method.as_str().to_lowercase()]["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == json!(name) && parameter["required"] == json!(true));
                for (kept, left_out, code) in [(("Idempotency-Key", "k"), "If-Match", "precondition_required"), (("If-Match", "\"v1\""), "Idempotency-Key", "idempotency_key_required")] {
                    let without = app.send(method.clone(), &concrete, token, Some(unknown.clone()), &[kept]).await;
                    assert_eq!(without.body["code"] == json!(code), demands(left_out), "{}", full(&format!("{left_out} stands otherwise in the description than in its Rules (src/platform/http/description.rs): {}", without.body), &method, &path));
                }
                let (status, said) = try_path(app, token, &method, &concrete, &example).await;
                let code = said["code"].as_str().unwrap_or_default();
                assert!(status != 400 && status != 415 && status < 500 && !["unknown_field", "missing_field", "wrong_type", "validation_failed", "id_number_invalid"].contains(&code), "{}", full(&format!("its example {example} is refused: {said}; give the type a better one by #[schema(example = …)]"), &method, &path));
                taken = true;
                break;
            }
            if !taken {
                untried.insert(format!("{method} {path}"));
            }
        }
        assert_eq!(untried, names(&UNTRIED_EXAMPLES), "the examples of these could not be tried (no row of the street in `fill`, or nobody with the capability), or stand in UNTRIED_EXAMPLES needlessly");
    }
}

/// Each operation that leaves another number of events than one is met here doing so: `trail::check` looks at every answer.
#[actix_web::test]
async fn every_exception_of_the_trail_is_needed() {
    let app = &TestApp::on_sqlite().await;
    let street = Street::open(app, "硚口区", "a-").await;
    fill(app, &street, "F1").await;
    let login = ok(app.post("", "/auth/login", json!({"username": "a-leader", "password": PASSWORD})).await, 200);
    ok(app.post("", "/auth/refresh", json!({"refresh_token": login["refresh_token"]})).await, 200);
    ok(app.post(&street.staff, "/auth/totp", json!({"password": PASSWORD})).await, 201);
    let none = json!({"items": [{"id": uuid::Uuid::now_v7(), "version": 1}]});
    ok(app.post(&street.leader, "/claims/approve", none).await, 200);
    ok(app.post(&street.leader, "/beneficiaries/search", json!({"id_number": "11010519491231002X"})).await, 200);
    ok(app.post(&street.leader, "/payees/search", json!({"name": "示例"})).await, 200);
    let import = async |path: &str, token: &str, text: &str| {
        let headers = [("Content-Type", "text/csv"), ("Idempotency-Key", path), ("If-Match", "\"v1\"")];
        app.send_text(Method::POST, path, token, Some(text.to_owned()), &headers).await
    };
    let people = "姓名,身份证号,银行账号,开户银行\r\n李示例,440524188001010014,6222021234567890128,示例银行\r\n";
    ok(import("/beneficiaries/import", &street.party_office, people).await, 202);
    let enrolments = "身份证号,补贴方案,开始日期,已发至\r\n440524188001010014,遗属补助,2017-01-01,2016Q4\r\n11010519491231002X,遗属补助,2016-01-01,2016Q4\r\n";
    assert_eq!(import("/enrolments/import", &street.party_office, enrolments).await.code(), (422, "import_refused"), "the first of `fill` is enrolled already");
    let two = "姓名,身份证号\r\n王示例,420104199001010009\r\n";
    ok(import("/beneficiaries/import?dry_run=false", &street.party_office, two).await, 202);
    let enrolments = "身份证号,补贴方案,开始日期,已发至\r\n440524188001010014,遗属补助,2017-01-01,2016Q4\r\n420104199001010009,遗属补助,2017-01-01,2016Q4\r\n";
    ok(import("/enrolments/import", &street.party_office, enrolments).await, 202);
    let leader = app.get(&street.leader, "/me").await.id();
    let etag = app.get(&street.first, &format!("/users/{leader}")).await.etag.unwrap();
    let password = json!({"first_password": "a wholly other phrase of words"});
    ok(app.send(Method::POST, &format!("/users/{leader}/reset"), &street.first, Some(password), &[("If-Match", &etag)]).await, 200);
    let batch = ok(app.get(&street.cashier, "/payment-batches").await, 200)["data"][0].clone();
    let result = format!("批次号,{},笔数,1,金额,10.00,日期,2017-01-03\r\n序号,账号后四位,金额,结果,原因\r\n1,1234,10.00,成功,\r\n", batch["number"].as_str().unwrap());
    ok(import(&format!("/payment-batches/{}/results", batch["id"].as_str().unwrap()), &street.cashier, &result).await, 200);
    let other = Street::open(app, "江汉区", "b-").await;
    ok(app.post(&other.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
    app.context.clocks.set("2018-01-02T01:00:00Z".parse().unwrap());
    let accountant = app.log_in("b-accountant", PASSWORD).await;
    for period in ok(app.get(&accountant, "/ledger/periods?sort=month").await, 200)["data"].as_array().unwrap().iter().take(11) {
        ok(app.act(&accountant, &format!("/ledger/periods/{}/close", period["id"].as_str().unwrap()), "\"v1\"").await, 200);
    }
    ok(app.post(&accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
    let year = ok(app.get(&accountant, "/fiscal-years?year=2017").await, 200)["data"][0].clone();
    let (close, etag) = (format!("/fiscal-years/{}/close", year["id"].as_str().unwrap()), format!("\"v{}\"", year["version"]));
    ok(app.send(Method::POST, &close, &accountant, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", "close")]).await, 200);
    ok(app.upload(&street.staff, "/invoices/parse", ("发票.xml", crate::evidence::DIGITAL.as_bytes().to_vec()), &[]).await, 200);
    ok(app.post(&street.first, "/paper-rules/defaults", json!({})).await, 200);
    let met = trail::met().lock().unwrap().clone();
    let needless: Vec<_> = trail::OTHERWISE.iter().filter(|(_, path, ..)| !met.contains(path)).map(|(_, path, reason, _)| format!("{path} ({reason})")).collect();
    assert!(needless.is_empty(), "these leave one event as every write does, or are not tried here: {needless:?}");
}

/// Operations whose example is not tried, each with its reason.
const UNTRIED_EXAMPLES: [(&str, &str); 2] = [("DELETE /api/v1/attachment-links/{id}", "no list has its rows"), ("POST /api/v1/payout-items/{id}/return", "its rows are listed under their run")];

fn names(told: &[(&str, &str)]) -> BTreeSet<String> {
    told.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// A row that somebody may read.
#[derive(Clone)]
struct Found {
    /// The operation's path with its id.
    path: String,
    /// The list that has it.
    list: String,
    id: String,
    /// Who reads it there.
    reader: String,
}

/// Finds rows in the lists of some people.
struct Finder<'app> {
    app: &'app TestApp,
    people: Vec<String>,
    known: BTreeMap<String, Option<Found>>,
}

impl<'app> Finder<'app> {
    fn new(app: &'app TestApp, people: Vec<String>) -> Self {
        Self { app, people, known: BTreeMap::new() }
    }

    /// The path of an operation with ids that one of the people finds.
    async fn find(&mut self, path: &str) -> Option<Found> {
        let (of_row, rest) = path.rsplit_once('}').unwrap();
        if !self.known.contains_key(of_row) {
            let row = self.look(of_row).await;
            self.known.insert(of_row.to_owned(), row);
        }
        self.known[of_row].clone().map(|row| Found { path: format!("{}{rest}", row.path), ..row })
    }

    async fn look(&self, of_row: &str) -> Option<Found> {
        for reader in &self.people {
            let (mut path, mut row) = (String::new(), None);
            for segment in of_row.strip_prefix("/api/v1/").unwrap().split('/') {
                let next = if segment.starts_with('{') {
                    let page = self.app.get(reader, &path).await.body;
                    let Some(id) = page["data"][0]["id"].as_str().map(str::to_owned) else { break };
                    row = Some((path.clone(), id.clone()));
                    id
                } else {
                    row = None;
                    segment.to_owned()
                };
                path = format!("{path}/{next}");
            }
            if let Some((list, id)) = row {
                return Some(Found { path, list, id, reader: reader.clone() });
            }
        }
        None
    }
}

/// Whether one of these people sees the row in the same list.
async fn seen(app: &TestApp, people: &[String], row: &Found) -> bool {
    for token in people {
        let page = app.get(token, &format!("{}?limit=200", row.list)).await.body;
        if page["data"].as_array().is_some_and(|rows| rows.iter().any(|own| own["id"] == json!(row.id))) {
            return true;
        }
    }
    false
}

/// The path with ids that nothing has.
fn random(path: &str) -> String {
    let segments = path.strip_prefix("/api/v1").unwrap().split('/');
    segments.map(|segment| if segment.starts_with('{') { uuid::Uuid::now_v7().to_string() } else { segment.to_owned() }).collect::<Vec<_>>().join("/")
}

/// What its owner reads.
async fn snapshot(app: &TestApp, row: Option<&Found>) -> Value {
    match row {
        None => Value::Null,
        Some(row) => ok(app.get(&row.reader, &format!("{}?limit=200", row.list)).await, 200)["data"].clone(),
    }
}

/// Status, code and words of an answer, without what is each request's own.
async fn try_path(app: &TestApp, token: &str, method: &Method, path: &str, body: &Value) -> (u16, Value) {
    let key = uuid::Uuid::now_v7().to_string();
    let body = (*method != Method::GET).then(|| body.clone());
    let answer = app.send(method.clone(), path, token, body, &[("If-Match", "\"v1\""), ("Idempotency-Key", &key)]).await;
    let mut said = answer.body.clone();
    for own in ["instance", "request_id"] {
        if let Some(fields) = said.as_object_mut() {
            fields.remove(own);
        }
    }
    (answer.status.as_u16(), said)
}

/// What happens by itself: slots are run, notices delivered.
async fn sweep_and_deliver(app: &TestApp) {
    mingzhang::platform::jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
    mingzhang::platform::notification::deliver_once(&app.context).await.unwrap();
}

/// Rows of most kinds. A code tells two streets of one district apart.
async fn fill(app: &TestApp, street: &Street, code: &str) {
    let opening = json!({"date": "2017-01-03", "lines": [{"category_id": street.category, "amount": "10.00"}]});
    ok(app.post(&street.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
    ok(app.post(&street.accountant, "/opening-balances", opening).await, 201);
    let line = |community: Option<&String>, amount: &str| json!({"category_id": street.category, "community_id": community, "amount": amount, "plan_item_ids": [street.plan_item]});
    let budget = street.budget_of_open_year(app, "120.00", json!([line(None, "100.00"), line(Some(&street.community), "20.00")])).await;
    ok(street.receive(app, "120.00", "D1").await, 201);
    let back = json!({"document_number": "收回1号", "amount": "1.00", "lines": [{"category_id": street.category, "amount": "1.00"}]});
    ok(app.money(&street.accountant, "/treasury-returns", back, "back").await, 201);
    let item = ok(app.post(&street.first, "/expense-items", json!({"code": code, "name": "资料费"})).await, 201)["id"].clone();
    let category = format!("/categories/{}", street.category);
    let etag = app.get(&street.first, &category).await.etag.unwrap();
    ok(app.send(Method::PATCH, &category, &street.first, Some(json!({"allowed_item_ids": [item], "forbidden_item_ids": []})), &[("If-Match", &etag)]).await, 200);
    let lines = budget["lines"].as_array().unwrap();
    let [line, of_community] = [false, true].map(|community| lines.iter().find(|line| line["community_id"].is_string() == community).unwrap()["id"].clone());
    let supplement = json!({"budget_id": budget["id"], "kind": "supplement", "reason": "追加", "lines": [{"budget_line_id": line, "amount": "10.00"}]});
    ok(app.post(&street.party_office, "/budget-adjustments", supplement).await, 201);
    // The street's own layout.
    let layout = json!({"format": "csv", "extension": "csv", "encoding": "utf8_bom", "delimiter": ",", "columns": [{"source": "account_number", "max_length": 32}, {"source": "amount"}]});
    let template = ok(app.post(&street.first, "/bank-file-templates", json!({"street_id": street.id, "code": code.to_lowercase(), "name": "代发", "definition": layout})).await, 201)["id"].clone();
    let claim = json!({"community_id": street.community, "budget_line_id": of_community, "kind": "other", "title": "资料", "payee": {"kind": "supplier", "name": "示例"}, "payment_method": "official_card",
        "lines": [{"expense_item_id": item, "description": "资料", "amount": "10.00"}], "submit": false});
    ok(app.post(&street.staff, "/claims", claim).await, 201);
    fill_claims(app, street, (&line, &item), &template).await;
    fill_stipends(app, street, code, &template).await;
    fill_the_rest(app, street, code, (&line, &item)).await;
    ok(app.money(&street.accountant, "/donations", json!({"date": "2017-01-03", "amount": "5.00", "purpose": "红色基金"}), "don").await, 201);
    ok(app.post(&street.party_office, "/donation-uses", json!({"title": "慰问", "payee_name": "示例", "amount": "1.00"})).await, 201);
}

/// An activity with an application beforehand, a payee, what the district rules, a bank statement that is matched, an export of the books.
async fn fill_the_rest(app: &TestApp, street: &Street, code: &str, (line, item): (&Value, &Value)) {
    ok(app.post(&street.party_office, "/payees", json!({"kind": "supplier", "name": "示例"})).await, 201);
    let activity = json!({"kind": "other", "title": "培训", "from_date": "2017-01-10", "place": "会议室", "planned_headcount": 5});
    let activity = ok(app.post(&street.party_office, "/activities", activity).await, 201)["id"].clone();
    let application = json!({"budget_line_id": line, "activity_id": activity, "title": "培训", "valid_until": "2017-12-31", "lines": [{"expense_item_id": item, "description": "资料", "amount": "10.00"}], "submit": true});
    ok(app.post(&street.party_office, "/commitments", application).await, 201);
    if code == "F1" {
        ok(app.post(&street.first, "/standards/defaults", json!({})).await, 200);
    }
    let paper = ok(app.upload(&street.party_office, "/attachments", ("a.pdf", b"%PDF-1.7".to_vec()), &[]).await, 201)["id"].as_str().unwrap().to_owned();
    let link = json!({"subject_type": "activity", "subject_id": activity, "paper_kind": "notice"});
    ok(app.post(&street.party_office, &format!("/attachments/{paper}/links"), link).await, 201);
    let number = if code == "F1" { "12345678" } else { "12345679" };
    let invoice = json!({"kind": "paper_vat", "code": "4200171320", "number": number, "seller_name": "示例", "issued_on": "2017-01-02", "total": "10.00"});
    ok(app.post(&street.party_office, "/invoices", invoice).await, 201);
    if code == "F1" {
        ok(app.post(&street.first, "/paper-rules", json!({"claim_kind": "lecture", "paper": "pay_list", "effective_from": "2017-02-01", "source": "示例"})).await, 201);
    }
    let chain = json!({"street_id": street.id, "effective_from": "2017-01-01", "expire_after_days": 30, "bands": [{"approvers": ["claim.approve"]}]});
    ok(app.post(&street.first, "/approval-chains", chain).await, 201);
    let layout = json!({"code": code.to_lowercase(), "name": "示例银行对账单", "definition": {"format": "csv", "columns": [{"source": "date", "header": "日期"}, {"source": "reference", "header": "凭证号"}, {"source": "amount", "header": "金额"}]}});
    let layout = ok(app.post(&street.first, "/statement-layouts", layout).await, 201)["id"].as_str().unwrap().to_owned();
    let path = format!("/bank-statements?account=1002&layout_id={layout}&from_date=2017-01-01&to_date=2017-01-03&opening_balance=0.00&closing_balance=120.00");
    let statement = app.send_text(Method::POST, &path, &street.accountant, Some("日期,凭证号,金额\n2017-01-03,D1,120.00\n".to_owned()), &[("Content-Type", "text/csv")]).await;
    ok(app.act(&street.accountant, &format!("/bank-statements/{}/match", ok(statement, 201)["id"].as_str().unwrap()), "\"v1\"").await, 200);
    let entries: Vec<Value> = ["1002", "1003", "2302", "2307", "3001", "4001", "4101", "5001"].into_iter().map(|code| json!({"account": code, "financial": {"code": code, "name": code}})).collect();
    ok(app.post(&street.accountant, "/account-maps", json!({"effective_year": 2017, "entries": entries})).await, 201);
    ok(app.post(&street.accountant, "/voucher-exports", json!({"fiscal_year": 2017, "format": "u8_text"})).await, 201);
}

/// A claim in a batch, and a draft.
async fn fill_claims(app: &TestApp, street: &Street, (line, item): (&Value, &Value), template: &Value) {
    let claim = |submit: bool| {
        json!({"budget_line_id": line, "kind": "other", "title": "资料", "payee": {"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"}, "payment_method": "transfer",
            "lines": [{"expense_item_id": item, "description": "资料", "amount": "10.00"}], "submit": submit})
    };
    let id = ok(app.post(&street.party_office, "/claims", claim(true)).await, 201)["id"].clone();
    let path = format!("/claims/{}", id.as_str().unwrap());
    ok(app.act(&street.accountant, &format!("{path}/review"), "\"v2\"").await, 200);
    ok(app.act(&street.leader, &format!("{path}/approve"), "\"v3\"").await, 200);
    ok(app.money(&street.cashier, "/payment-batches", json!({"template_id": template, "claim_ids": [id]}), "batch").await, 201);
    ok(app.post(&street.party_office, "/claims", claim(false)).await, 201);
}

/// A scheme with an authorisation, a person with an account, an enrolment, a run that is posted, its bank file.
async fn fill_stipends(app: &TestApp, street: &Street, code: &str, template: &Value) {
    let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": code, "name": "补助", "frequency": "quarter"})).await, 201)["id"].clone();
    let scheme = json!({"scheme_kind_id": kind, "category_id": street.category, "name": "遗属补助", "line_scope": "street", "tax_kind": "exempt", "first_period": "2017Q1", "rates": [{"from_month": "2017-01", "amount": "10.00"}]});
    let scheme = ok(app.post(&street.party_office, "/stipend-schemes", scheme).await, 201)["id"].clone();
    let limits = json!({"fiscal_year": 2017, "max_per_run": "50.00", "max_per_year": "100.00", "max_heads": 5, "max_increase_percent": 30});
    ok(app.send(Method::POST, &format!("/stipend-schemes/{}/authorisations", scheme.as_str().unwrap()), &street.leader, Some(limits), &[("If-Match", "\"v1\"")]).await, 201);
    let number = if code == "F1" { "11010519491231002X" } else { "440524188001010014" };
    let person = json!({"name": "张示例", "id_number": number, "account": {"number": "6222021234567890128", "bank_name": "示例银行"}});
    let person = ok(app.post(&street.party_office, "/beneficiaries", person).await, 201)["id"].as_str().unwrap().to_owned();
    let accounts = format!("/beneficiaries/{person}/bank-accounts");
    let account = ok(app.get(&street.accountant, &accounts).await, 200)["data"][0]["id"].clone();
    ok(app.act(&street.accountant, &format!("{accounts}/{}/confirm", account.as_str().unwrap()), "\"v1\"").await, 200);
    let enrolment = ok(app.post(&street.party_office, "/enrolments", json!({"scheme_id": scheme, "beneficiary_id": person, "from_date": "2017-01-01"})).await, 201)["id"].clone();
    ok(app.act(&street.leader, &format!("/enrolments/{}/confirm", enrolment.as_str().unwrap()), "\"v1\"").await, 200);
    let run = ok(app.post(&street.party_office, "/payout-runs", json!({"scheme_id": scheme, "period": "2017Q1"})).await, 201)["id"].clone();
    let path = format!("/payout-runs/{}", run.as_str().unwrap());
    ok(app.act(&street.leader, &format!("{path}/approve"), "\"v1\"").await, 200);
    ok(app.send(Method::POST, &format!("{path}/post"), &street.accountant, Some(json!({})), &[("If-Match", "\"v2\""), ("Idempotency-Key", "post")]).await, 200);
    ok(app.money(&street.cashier, "/bank-files", json!({"run_id": run, "template_id": template}), "file").await, 201);
    let end = json!({"to_date": "2017-01-02", "reason": "去世"});
    ok(app.send(Method::POST, &format!("/enrolments/{}/end", enrolment.as_str().unwrap()), &street.party_office, Some(end), &[("If-Match", "\"v2\"")]).await, 200);
    let write_off = json!({"enrolment_id": enrolment, "kind": "written_off", "amount": "20.00", "reason": "去世"});
    ok(app.money(&street.accountant, "/recoveries", write_off, "recovery").await, 201);
    let rate = json!({"from_month": "2017-07", "amount": "20.00", "reason": "调整"});
    ok(app.post(&street.party_office, &format!("/enrolments/{}/rates", enrolment.as_str().unwrap()), rate).await, 201);
}

/// Tokens of everybody, one for each role.
async fn people(app: &TestApp, street: &Street, prefix: &str) -> Vec<String> {
    let secretary = street.person(app, &format!("{prefix}secretary"), "community_secretary").await;
    let inspector = street.person(app, &format!("{prefix}inspector"), "inspector").await;
    let administrator = street.person(app, &format!("{prefix}administrator"), "street_admin").await;
    let of_street = [&street.first, &street.party_office, &street.leader, &street.accountant, &street.cashier, &street.staff];
    of_street.into_iter().cloned().chain([secretary, inspector, administrator]).collect()
}

#[test]
fn every_operation_describes_its_errors_and_its_answer_and_has_examples() {
    let description = serde_json::to_value(mingzhang::app::openapi()).unwrap();
    for (method, path) in operations(&description) {
        let operation = &description["paths"][&path][method.as_str().to_lowercase()];
        let responses = operation["responses"].as_object().unwrap();
        for status in ["401", "403", "404", "422", "500"] {
            assert!(responses.contains_key(status), "{method} {path}: {status} is missing");
        }
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}: no success");
        assert!(operation["description"].is_string() || operation["summary"].is_string(), "{method} {path}: no text");
        let answers = responses.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer);
        for content in answers.chain([&operation["requestBody"]]).filter_map(|part| part["content"].as_object()).flatten() {
            let bytes = ["application/octet-stream", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"].contains(&content.0.as_str());
            assert!(bytes || !content.1["example"].is_null(), "{method} {path}: {} has no example; src/platform/http/examples.rs builds one of its schema", content.0);
        }
    }
}

#[test]
fn the_committed_description_is_what_the_code_says() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json")).unwrap_or_default();
    let now = mingzhang::app::openapi().to_pretty_json().unwrap();
    let differs = committed.lines().zip(now.lines()).enumerate().find(|(_, (committed, now))| committed != now);
    assert!(committed.trim() == now.trim(), "openapi/openapi.json is not what the code says (first: {differs:?}); run: cargo run -- openapi > openapi/openapi.json");
}
