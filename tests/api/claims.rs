//! Claims: from a community's draft to a paid, reversible voucher, and those who try to cheat.

use std::sync::Arc;

use mingzhang::funds::claim::job::ClaimsExpire;
use mingzhang::kernel::access::{Place, Scope};
use mingzhang::platform::db::Sql;
use mingzhang::platform::jobs::{self, Registry};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::at_once::waiting_for_a_lock;
use crate::support::street::{Street, ok};

/// A street with a category that allows one item and forbids another, a line of the community and one of the street, and everybody a claim needs.
pub(crate) struct Claims {
    pub street: Street,
    pub secretary: String,
    pub item: String,
    pub forbidden: String,
    pub unknown: String,
    pub community_line: String,
    pub street_line: String,
    pub community_activity: String,
    pub street_activity: String,
}

impl Claims {
    pub async fn open(app: &TestApp) -> Self {
        Self::open_in(app, "硚口区", "c-").await
    }

    /// As `open`, in a district of this name, with names prefixed.
    pub async fn open_in(app: &TestApp, district: &str, prefix: &str) -> Self {
        let street = Street::open(app, district, prefix).await;
        let mut items = Vec::new();
        for (code, name) in [("F05", "场地费"), ("F99", "旅游"), ("F06", "讲课费")] {
            items.push(ok(app.post(&street.first, "/expense-items", json!({"code": code, "name": name})).await, 201)["id"].as_str().unwrap().to_owned());
        }
        let category = json!({"code": "C01", "name": "基层党组织运行经费", "carry_over": "returns", "allowed_item_ids": [items[0]], "forbidden_item_ids": [items[1]]});
        let category = ok(app.post(&street.first, "/categories", category).await, 201)["id"].as_str().unwrap().to_owned();
        let lines = json!([
            {"category_id": category, "community_id": street.community, "amount": "1000.00", "plan_item_ids": [street.plan_item]},
            {"category_id": category, "amount": "30000.00", "plan_item_ids": [street.plan_item]}
        ]);
        let budget = street.budget(app, "31000.00", lines).await;
        let line = |community: bool| {
            let found = budget["lines"].as_array().unwrap().iter().find(|line| line["community_id"].is_string() == community).unwrap();
            found["id"].as_str().unwrap().to_owned()
        };
        let receipt = json!({"date": "2017-01-03", "document_number": "财预1号", "amount": "31000.00", "lines": [{"category_id": category, "amount": "31000.00"}]});
        ok(app.money(&street.accountant, "/receipts", receipt, "receipt").await, 201);
        let secretary = street.person(app, &format!("{prefix}secretary"), "community_secretary").await;
        let (community_line, street_line) = (line(true), line(false));
        let activity = json!({"kind": "theme_day", "title": "一月主题党日", "from_date": "2017-01-20", "place": "党员活动室", "planned_headcount": 30});
        let mut of_community = activity.clone();
        of_community["community_id"] = json!(street.community);
        let community_activity = ok(app.post(&street.staff, "/activities", of_community).await, 201)["id"].as_str().unwrap().to_owned();
        let street_activity = ok(app.post(&street.party_office, "/activities", activity).await, 201)["id"].as_str().unwrap().to_owned();
        let (item, forbidden, unknown) = (items[0].clone(), items[1].clone(), items[2].clone());
        Self { street, secretary, item, forbidden, unknown, community_line, street_line, community_activity, street_activity }
    }

    pub fn body(&self, community: bool, amount: &str) -> Value {
        let mut body = json!({"budget_line_id": if community { &self.community_line } else { &self.street_line }, "kind": "activity", "title": "主题党日场地费",
            "activity_id": if community { &self.community_activity } else { &self.street_activity },
            "payee": {"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"}, "payment_method": "transfer",
            "lines": [{"expense_item_id": self.item, "description": "场地半天", "amount": amount}], "submit": true});
        if community {
            body["community_id"] = json!(self.street.community);
        }
        body
    }

    pub async fn submitted(&self, app: &TestApp, community: bool, amount: &str) -> String {
        let who = if community { &self.street.staff } else { &self.street.party_office };
        ok(app.post(who, "/claims", self.body(community, amount)).await, 201)["id"].as_str().unwrap().to_owned()
    }

    /// Takes the next step as whoever's it is, with the version that is there.
    pub async fn step(&self, app: &TestApp, who: &str, id: &str, action: &str) -> Value {
        let etag = app.get(&self.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        ok(app.act(who, &format!("/claims/{id}/{action}"), &etag).await, 200)
    }

    pub async fn reasoned(&self, app: &TestApp, who: &str, id: &str, action: &str) -> crate::support::Answer {
        let etag = app.get(&self.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        app.send(reqwest::Method::POST, &format!("/claims/{id}/{action}"), who, Some(json!({"reason": "须更正"})), &[("If-Match", &etag)]).await
    }

    pub async fn approved(&self, app: &TestApp, community: bool, amount: &str) -> String {
        let id = self.submitted(app, community, amount).await;
        if community {
            self.step(app, &self.secretary, &id, "endorse").await;
        }
        self.step(app, &self.street.accountant, &id, "review").await;
        self.step(app, &self.street.leader, &id, "approve").await;
        id
    }

    /// A claim of the street with this body, approved; gives its id.
    pub async fn approved_of(&self, app: &TestApp, body: Value) -> String {
        let id = ok(app.post(&self.street.party_office, "/claims", body).await, 201)["id"].as_str().unwrap().to_owned();
        self.step(app, &self.street.accountant, &id, "review").await;
        self.step(app, &self.street.leader, &id, "approve").await;
        id
    }

    pub async fn money(&self, app: &TestApp, who: &str, id: &str, action: &str, body: Value, key: &str) -> crate::support::Answer {
        let etag = app.get(&self.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        app.send(reqwest::Method::POST, &format!("/claims/{id}/{action}"), who, Some(body), &[("If-Match", &etag), ("Idempotency-Key", key)]).await
    }

    pub async fn paid(&self, app: &TestApp, community: bool, amount: &str, key: &str) -> String {
        let id = self.approved(app, community, amount).await;
        ok(self.money(app, &self.street.cashier, &id, "pay", json!({"bank_reference": key}), key).await, 200);
        id
    }

    pub async fn line(&self, app: &TestApp, community: bool) -> Value {
        let id = if community { &self.community_line } else { &self.street_line };
        ok(app.get(&self.street.accountant, &format!("/budget-lines/{id}")).await, 200)
    }

    pub async fn books_hold(&self, app: &TestApp) {
        let answer = ok(app.get(&self.street.accountant, &format!("/ledger/verify?street_id={}", self.street.id)).await, 200);
        assert_eq!(answer["holds"], json!(true), "{answer}");
    }
}

on_both_databases! {
    async fn a_communitys_claim_goes_through_five_hands_and_becomes_one_voucher(app: TestApp) {
        let claims = Claims::open(app).await;
        let made = ok(app.post(&claims.street.staff, "/claims", claims.body(true, "300.00")).await, 201);
        assert_eq!((made["state"].as_str(), made["next_capability"].as_str()), (Some("submitted"), Some("claim.endorse")));
        assert_eq!(made["next_actors"], json!([{"role": "community_secretary", "people": 1}]));
        assert_eq!(made["payee_account_masked"], json!("6299*********234"));
        assert!(!made.to_string().contains("6299990000001234"));
        assert_eq!(claims.line(app, true).await["reserved"], json!("300.00"));
        let id = made["id"].as_str().unwrap().to_owned();
        let tasks = ok(app.get(&claims.secretary, "/me/tasks").await, 200);
        assert!(tasks["data"].as_array().unwrap().iter().any(|task| task["id"] == json!(id) && task["action"] == json!("endorse")));
        assert_eq!(claims.step(app, &claims.secretary, &id, "endorse").await["state"], json!("endorsed"));
        assert_eq!(claims.step(app, &claims.street.accountant, &id, "review").await["state"], json!("reviewed"));
        assert_eq!(claims.step(app, &claims.street.leader, &id, "approve").await["state"], json!("approved"));
        let paid = ok(claims.money(app, &claims.street.cashier, &id, "pay", json!({"bank_reference": "B1"}), "pay").await, 200);
        assert_eq!((paid["state"].as_str(), paid["reserved"].as_str()), (Some("paid"), Some("0.00")));
        let line = claims.line(app, true).await;
        assert_eq!((line["reserved"].as_str(), line["spent"].as_str(), line["available"].as_str()), (Some("0.00"), Some("300.00"), Some("700.00")));
        let voucher = ok(app.get(&claims.street.accountant, &format!("/ledger/vouchers/{}", paid["voucher_id"].as_str().unwrap())).await, 200);
        assert_eq!((voucher["prepared_by"].clone(), voucher["reviewed_by"].clone(), voucher["cashier"].clone()), (paid["reviewed_by"].clone(), paid["approved_by"].clone(), paid["paid_by"].clone()));
        assert!(voucher["prepared_by"].is_string());
        let timeline = ok(app.get(&claims.street.staff, &format!("/claims/{id}/timeline?sort=at")).await, 200);
        let kinds: Vec<_> = timeline["data"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["draft", "submit", "endorse", "review", "approve", "pay"]);
        let page = app.get(&claims.street.accountant, &format!("/claims/{id}/print")).await;
        assert!(page.text.contains("报销单") && page.text.contains("300.00") && !page.text.contains("6299990000001234"));
        claims.books_hold(app).await;
    }

    async fn every_way_out_releases_what_was_reserved(app: TestApp) {
        let claims = Claims::open(app).await;
        for action in ["return", "reject"] {
            let id = claims.submitted(app, true, "1000.00").await;
            assert_eq!(claims.line(app, true).await["available"], json!("0.00"));
            let out = ok(claims.reasoned(app, &claims.secretary, &id, action).await, 200);
            assert_eq!(out["reserved"], json!("0.00"));
            assert_eq!(claims.line(app, true).await["available"], json!("1000.00"), "{action}");
        }
        let id = claims.submitted(app, true, "1000.00").await;
        assert_eq!(claims.step(app, &claims.street.staff, &id, "withdraw").await["state"], json!("withdrawn"));
        let id = claims.approved(app, true, "1000.00").await;
        assert_eq!(ok(claims.reasoned(app, &claims.street.leader, &id, "return").await, 200)["state"], json!("draft"));
        assert_eq!(claims.step(app, &claims.street.staff, &id, "submit").await["state"], json!("submitted"));
        app.context.clocks.set("2017-06-01T01:00:00Z".parse().unwrap());
        jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        assert_eq!(ok(app.get(&claims.street.accountant, &format!("/claims/{id}")).await, 200)["state"], json!("expired"));
        assert_eq!(claims.line(app, true).await["available"], json!("1000.00"));
        claims.books_hold(app).await;
    }

    async fn what_expires_holds_no_line_while_it_waits_for_a_claim(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (first, second) = (claims.submitted(app, true, "300.00").await, claims.submitted(app, true, "200.00").await);
        app.context.clocks.set("2017-06-01T01:00:00Z".parse().unwrap());
        let expire = Registry::new(vec![Arc::new(ClaimsExpire)]);
        let scope = Scope::of_place(Place::street(street.district.parse().unwrap(), street.id.parse().unwrap()));
        if app.context.db.is_postgres() {
            // Somebody has the second claim, as a payment does, and comes to its line while the job waits for that claim.
            let paying = app.context.db.write(scope).await.unwrap();
            let (claim, line): (uuid::Uuid, uuid::Uuid) = (second.parse().unwrap(), claims.community_line.parse().unwrap());
            paying.execute(Sql::both("UPDATE claims SET urged_on = urged_on WHERE id = $1"), vec![claim.into()]).await.unwrap();
            let meanwhile = async {
                waiting_for_a_lock(app, scope, 1).await;
                paying.execute(Sql::both("UPDATE budget_lines SET version = version WHERE id = $1"), vec![line.into()]).await.unwrap();
                paying.rollback().await.unwrap();
            };
            tokio::join!(jobs::sweep(&app.context, &expire), meanwhile).0.unwrap();
        } else {
            jobs::sweep(&app.context, &expire).await.unwrap();
        }
        for id in [first, second] {
            assert_eq!(ok(app.get(&street.accountant, &format!("/claims/{id}")).await, 200)["state"], json!("expired"));
        }
        assert_eq!(claims.line(app, true).await["reserved"], json!("0.00"));
        claims.books_hold(app).await;
    }

    async fn what_does_not_fit_the_line_is_refused_with_what_is_left(app: TestApp) {
        let claims = Claims::open(app).await;
        claims.submitted(app, true, "900.00").await;
        let refused = app.post(&claims.street.staff, "/claims", claims.body(true, "100.01")).await;
        assert_eq!(refused.code(), (409, "line_short"));
        assert!(refused.text.contains("100.00"));
        ok(app.post(&claims.street.staff, "/claims", claims.body(true, "100.00")).await, 201);
    }

    async fn two_hundred_at_the_last_hundred_get_exactly_what_fits(app: TestApp) {
        let claims = Claims::open(app).await;
        claims.submitted(app, true, "900.00").await;
        let mut people = Vec::new();
        for number in 0..10 {
            people.push(claims.street.person(app, &format!("c-staff-{number}"), "community_staff").await);
        }
        // All two hundred are asked before any is answered.
        let tries: Vec<_> = (0..200).map(|number| app.post(&people[number % people.len()], "/claims", claims.body(true, "0.70"))).collect();
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 142, "142 times 0.70 is 99.40");
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 201).collect();
        assert!(refused.len() == 58 && refused.iter().all(|answer| answer.code() == (409, "line_short") && answer.text.contains("0.60")), "{}", refused[0].text);
        assert_eq!(claims.line(app, true).await["available"], json!("0.60"));
        claims.books_hold(app).await;
    }

    async fn items_that_the_category_forbids_or_does_not_allow_are_refused(app: TestApp) {
        let claims = Claims::open(app).await;
        for (item, code) in [(&claims.forbidden, "item_forbidden"), (&claims.unknown, "item_not_allowed")] {
            let mut body = claims.body(true, "10.00");
            body["lines"][0]["expense_item_id"] = json!(item);
            assert_eq!(app.post(&claims.street.staff, "/claims", body).await.code(), (422, code));
        }
        let mut body = claims.body(true, "10.00");
        body["budget_line_id"] = json!(claims.street_line);
        let refused = app.post(&claims.street.staff, "/claims", body).await;
        assert_eq!(refused.code(), (422, "unknown_reference"), "a community does not see the street's lines");
        let mut body = claims.body(false, "10.00");
        body["budget_line_id"] = json!(claims.community_line);
        assert_eq!(app.post(&claims.street.party_office, "/claims", body).await.code(), (422, "line_of_another_unit"));
    }

    async fn nobody_holds_two_parts_and_nothing_is_approved_that_changed_since(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.submitted(app, false, "500.00").await;
        claims.step(app, &claims.street.accountant, &id, "review").await;
        let etag = app.get(&claims.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        let own = app.act(&claims.street.party_office, &format!("/claims/{id}/approve"), &etag).await;
        assert_eq!(own.code(), (403, "separation_of_duties"));
        assert_eq!(app.act(&claims.street.leader, &format!("/claims/{id}/approve"), "\"v1\"").await.code(), (412, "precondition_failed"));
        claims.step(app, &claims.street.leader, &id, "approve").await;
        assert_eq!(app.act(&claims.street.leader, &format!("/claims/{id}/approve"), &etag).await.code(), (412, "precondition_failed"));
        assert_eq!(claims.reasoned(app, &claims.street.accountant, &id, "return").await.code(), (403, "forbidden"));
        let etag = app.get(&claims.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        assert_eq!(app.act(&claims.street.party_office, &format!("/claims/{id}/withdraw"), &etag).await.code(), (409, "invalid_transition"));
    }

    async fn a_payee_neither_approves_nor_pays(app: TestApp) {
        let claims = Claims::open(app).await;
        let leader = ok(app.get(&claims.street.leader, "/me").await, 200);
        let second = claims.street.person(app, "c-leader-2", "street_leader").await;
        let mut body = claims.body(false, "500.00");
        body["payee"]["user_id"] = leader["id"].clone();
        let id = ok(app.post(&claims.street.party_office, "/claims", body).await, 201)["id"].as_str().unwrap().to_owned();
        claims.step(app, &claims.street.accountant, &id, "review").await;
        let etag = app.get(&claims.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        assert_eq!(app.act(&claims.street.leader, &format!("/claims/{id}/approve"), &etag).await.code(), (403, "separation_of_duties"));
        claims.step(app, &second, &id, "approve").await;
    }

    async fn a_streets_own_chain_says_from_where_on_the_minutes_are_attached(app: TestApp) {
        let claims = Claims::open(app).await;
        let minutes = ok(app.upload(&claims.street.party_office, "/attachments", ("纪要.pdf", b"%PDF-1 minutes".to_vec()), &[]).await, 201);
        let low = json!({"street_id": claims.street.id, "effective_from": "2017-01-01", "expire_after_days": 30, "bands": [{"up_to": "100.00", "approvers": ["claim.approve"]}, {"approvers": ["claim.approve"], "collective_decision": true}]});
        ok(app.post(&claims.street.first, "/approval-chains", low).await, 201);
        let mut small = claims.body(false, "150.00");
        small["decision_reference"] = json!("无");
        assert_eq!(app.post(&claims.street.party_office, "/claims", small.clone()).await.code(), (422, "collective_decision_missing"), "the street's own chain says from where on");
        small["papers"] = json!([{"attachment_id": minutes["id"], "paper_kind": "decision_minutes"}]);
        let made = ok(app.post(&claims.street.party_office, "/claims", small).await, 201);
        let checks = ok(app.get(&claims.street.leader, &format!("/claims/{}/checks", made["id"].as_str().unwrap())).await, 200);
        assert_eq!(checks["collective_decision_missing"], json!(false));
    }

    async fn above_ten_thousand_the_minutes_are_needed_and_a_street_can_have_a_chain_of_two(app: TestApp) {
        let claims = Claims::open(app).await;
        let refused = app.post(&claims.street.party_office, "/claims", claims.body(false, "10000.01")).await;
        assert_eq!(refused.code(), (422, "collective_decision_missing"));
        let mut body = claims.body(false, "10000.01");
        body["decision_reference"] = json!("党工委会议纪要〔2017〕3号");
        let refused = app.post(&claims.street.party_office, "/claims", body.clone()).await;
        assert_eq!((refused.code(), refused.body["errors"][0]["pointer"].as_str()), ((422, "collective_decision_missing"), Some("/papers/decision_minutes")), "words are no minutes");
        let minutes = ok(app.upload(&claims.street.party_office, "/attachments", ("纪要.pdf", b"%PDF-1 minutes".to_vec()), &[]).await, 201);
        body["papers"] = json!([{"attachment_id": minutes["id"], "paper_kind": "decision_minutes"}]);
        ok(app.post(&claims.street.party_office, "/claims?dry_run=true", body.clone()).await, 200);
        let chain = json!({"street_id": claims.street.id, "effective_from": "2017-01-01", "expire_after_days": 30,
            "bands": [{"approvers": ["claim.approve_small", "claim.approve"], "collective_decision": false}]});
        let shipped = ok(app.get(&claims.street.staff, "/approval-chains/in-force").await, 200);
        assert_eq!((&shipped["chain_version"], &shipped["effective_from"], &shipped["bands"][0]["up_to"]), (&json!(0), &json!(null), &json!("2000.00")), "the shipped default can be read");
        assert_eq!(app.get(&claims.street.first, "/approval-chains/in-force").await.code(), (422, "street_required"), "the district says whose");
        let sister = Street::beside(app, &claims.street, "s-").await;
        let foreign = async |id: &str| app.get(&claims.street.leader, &format!("/approval-chains/in-force?street_id={id}")).await;
        let (theirs, random) = (foreign(&sister.id).await, foreign(&uuid::Uuid::now_v7().to_string()).await);
        assert_eq!((theirs.code(), &theirs.body["detail"]), ((422, "unknown_reference"), &random.body["detail"]), "another street's is as none");
        ok(app.post(&claims.street.first, "/approval-chains", chain).await, 201);
        assert_eq!(ok(app.get(&claims.street.first, &format!("/approval-chains/in-force?street_id={}", claims.street.id)).await, 200)["chain_version"], json!(1));
        let short = app.post(&claims.street.party_office, "/claims", claims.body(false, "20000.00")).await;
        assert_eq!(short.code(), (422, "no_eligible_actor"), "one leader cannot give both approvals");
        let office = claims.street.person(app, "c-office-2", "party_office").await;
        let id = claims.submitted(app, false, "20000.00").await;
        claims.step(app, &claims.street.accountant, &id, "review").await;
        assert_eq!(claims.step(app, &office, &id, "approve").await["state"], json!("reviewed"));
        let etag = app.get(&claims.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        assert_eq!(app.act(&office, &format!("/claims/{id}/approve"), &etag).await.code(), (403, "forbidden"));
        assert_eq!(claims.step(app, &claims.street.leader, &id, "approve").await["state"], json!("approved"));
    }

    async fn papers_asked_for_stop_every_step_and_keep_the_reservation(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.submitted(app, true, "300.00").await;
        claims.step(app, &claims.secretary, &id, "endorse").await;
        assert_eq!(ok(claims.reasoned(app, &claims.street.accountant, &id, "request-info").await, 200)["next_capability"], Value::Null, "nobody's step until the papers are there");
        assert_eq!(claims.line(app, true).await["reserved"], json!("300.00"));
        let etag = app.get(&claims.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        assert_eq!(app.act(&claims.street.accountant, &format!("/claims/{id}/review"), &etag).await.code(), (409, "information_requested"));
        assert_eq!(ok(claims.reasoned(app, &claims.street.staff, &id, "provide-info").await, 200)["next_capability"], json!("claim.review"));
        assert_eq!(claims.reasoned(app, &claims.street.staff, &id, "provide-info").await.code(), (409, "nothing_requested"));
        assert_eq!(claims.step(app, &claims.street.accountant, &id, "review").await["state"], json!("reviewed"));
    }

    async fn a_claim_is_paid_once_also_with_two_keys_at_once(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.approved(app, false, "500.00").await;
        claims.submitted(app, false, "900.00").await;
        let etag = app.get(&claims.street.accountant, &format!("/claims/{id}")).await.etag.unwrap();
        let path = format!("/claims/{id}/pay");
        let pay = async |key: &str| app.send(reqwest::Method::POST, &path, &claims.street.cashier, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", key)]).await;
        let answers = futures_util::future::join_all([pay("a"), pay("b"), pay("c"), pay("d")]).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert!(answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.status == 412));
        let line = claims.line(app, false).await;
        assert_eq!((line["spent"].as_str(), line["reserved"].as_str()), (Some("500.00"), Some("900.00")));
        claims.books_hold(app).await;
    }

    async fn refunds_give_back_at_most_what_was_paid_and_a_reversal_is_whole(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.paid(app, false, "500.00", "p1").await;
        ok(claims.money(app, &claims.street.accountant, &id, "refunds", json!({"amount": "120.00", "reason": "退场地费"}), "r1").await, 201);
        assert_eq!(claims.line(app, false).await["spent"], json!("380.00"));
        let too_much = claims.money(app, &claims.street.accountant, &id, "refunds", json!({"amount": "380.01", "reason": "退"}), "r2").await;
        assert_eq!(too_much.code(), (409, "refund_too_large"));
        let reversed = claims.money(app, &claims.street.accountant, &id, "reverse", json!({"reason": "错"}), "r3").await;
        assert_eq!(reversed.code(), (409, "not_reversible"));
        let second = claims.paid(app, false, "700.00", "p2").await;
        assert_eq!(claims.money(app, &claims.street.cashier, &second, "reverse", json!({"reason": "错"}), "r4").await.code(), (403, "forbidden"));
        let reversed = ok(claims.money(app, &claims.street.accountant, &second, "reverse", json!({"reason": "付错"}), "r5").await, 200);
        assert_eq!(reversed["state"], json!("reversed"));
        assert_eq!(claims.line(app, false).await["spent"], json!("380.00"));
        let red = ok(app.get(&claims.street.accountant, &format!("/ledger/vouchers/{}", reversed["reversal_voucher_id"].as_str().unwrap())).await, 200);
        assert_eq!(red["reverses_id"], reversed["voucher_id"]);
        assert!(red["lines"].as_array().unwrap().iter().any(|line| line["debit"] == json!("-700.00")));
        claims.books_hold(app).await;
    }

    async fn a_batch_takes_transfers_of_one_fund_and_a_payment_has_a_date_of_its_year(app: TestApp) {
        let claims = Claims::open(app).await;
        let templates = ok(app.get(&claims.street.cashier, "/bank-file-templates").await, 200);
        let template = templates["data"][0]["id"].clone();
        let one = claims.approved(app, false, "500.00").await;
        let mut by = claims.body(false, "5.00");
        by["payment_method"] = json!("cash");
        by["payment_reason"] = json!("无转账条件");
        let cash = claims.approved_of(app, by).await;
        let mut by = claims.body(false, "6.00");
        by["paid_from"] = json!("quota");
        let quota = claims.approved_of(app, by).await;
        for (other, code) in [(&cash, "not_by_transfer"), (&quota, "mixed_funds")] {
            let mixed = app.money(&claims.street.cashier, "/payment-batches", json!({"template_id": template, "claim_ids": [one, other]}), code).await;
            assert_eq!(mixed.code(), (422, code), "{}", mixed.text);
        }
        for day in ["2017-01-04", "2016-12-31"] {
            assert_eq!(claims.money(app, &claims.street.cashier, &cash, "pay", json!({"value_date": day}), day).await.code(), (422, "value_date_out_of_range"), "{day}");
        }
        app.context.clocks.set("2018-01-02T01:00:00Z".parse().unwrap());
        let late = app.money(&claims.street.cashier, "/payment-batches", json!({"template_id": template, "claim_ids": [one]}), "late").await;
        assert_eq!(late.code(), (409, "paid_in_another_year"), "the bank's result could not be booked any more");
    }

    async fn a_batch_pays_by_the_banks_result_and_what_comes_back_can_be_paid_again(app: TestApp) {
        let claims = Claims::open(app).await;
        let template = json!({"code": "bx", "name": "示例银行报销", "definition": {"format": "csv", "extension": "csv", "columns": [{"source": "serial"}, {"source": "account_number"}, {"source": "holder_name"}, {"source": "amount"}]}});
        let template = ok(app.post(&claims.street.first, "/bank-file-templates", template).await, 201)["id"].as_str().unwrap().to_owned();
        let (one, two) = (claims.approved(app, false, "500.00").await, claims.approved(app, true, "200.00").await);
        let batch = ok(app.money(&claims.street.cashier, "/payment-batches", json!({"template_id": template, "claim_ids": [one, two]}), "batch").await, 201);
        assert_eq!((batch["count"].as_i64(), batch["sum"].as_str()), (Some(2), Some("700.00")));
        let tasks = ok(app.get(&claims.street.cashier, "/me/tasks?kind=to_do").await, 200);
        let kinds: Vec<_> = tasks["data"].as_array().unwrap().iter().map(|task| (task["kind"].as_str().unwrap(), task["action"].as_str().unwrap(), task["id"].clone())).collect();
        assert_eq!(kinds, [("payment_batch", "results", batch["id"].clone())], "the claims are the bank's until it answers");
        assert_eq!(claims.money(app, &claims.street.cashier, &one, "pay", json!({}), "again").await.code(), (409, "in_batch"));
        let to_pay = async || ok(app.get(&claims.street.cashier, "/claims?next_capability=claim.pay").await, 200)["data"].as_array().unwrap().iter().map(|claim| claim["id"].clone()).collect::<Vec<_>>();
        assert_eq!(to_pay().await, Vec::<Value>::new(), "nor do they stand in the list of what is to be paid");
        let path = format!("/payment-batches/{}", batch["id"].as_str().unwrap());
        let file = app.get(&claims.street.cashier, &format!("{path}/file")).await;
        assert!(file.text.contains("6299990000001234") && file.text.contains("示例文化馆"));
        assert_eq!(file.text, app.get(&claims.street.cashier, &format!("{path}/file")).await.text);
        assert_eq!(app.send(reqwest::Method::POST, &format!("{path}/void"), &claims.street.cashier, Some(json!({"reason": "x"})), &[("If-Match", "\"v1\"")]).await.code(), (403, "separation_of_duties"));
        let other_hands = app.post(&claims.street.accountant, &format!("{path}/void?dry_run=true"), json!({"reason": "户名有误"})).await;
        assert_eq!(other_hands.code(), (428, "precondition_required"));
        let voided = app.send(reqwest::Method::POST, &format!("{path}/void?dry_run=true"), &claims.street.accountant, Some(json!({"reason": "户名有误"})), &[("If-Match", "\"v1\"")]).await;
        assert_eq!(ok(voided, 200)["state"], json!("void"), "where there is one cashier somebody else voids it");
        assert_eq!(claims.line(app, false).await["reserved"], json!("500.00"));
        app.context.clocks.set("2017-02-06T01:00:00Z".parse().unwrap());
        let rows: Vec<Vec<String>> = file.text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        let mut result = format!("批次号,{},笔数,2,金额,700.00,日期,2017-02-03\r\n序号,账号后四位,金额,结果,原因\r\n", batch["number"].as_str().unwrap());
        for row in &rows {
            let (outcome, reason) = if row[3] == "200.00" { ("退票", "账户已销户") } else { ("成功", "") };
            result.push_str(&format!("{},1234,{},{outcome},{reason}\r\n", row[0], row[3]));
        }
        let import = async |text: String, key: &str, etag: &str| app.send_text(reqwest::Method::POST, &format!("{path}/results"), &claims.street.cashier, Some(text), &[("If-Match", etag), ("Idempotency-Key", key), ("Content-Type", "text/csv")]).await;
        assert_eq!(import(result.replace("700.00", "701.00"), "i1", "\"v1\"").await.code(), (422, "result_mismatch"));
        assert_eq!(import(result.replace("2017-02-03", "2017-01-02"), "i0", "\"v1\"").await.code(), (422, "value_date_before_batch"), "the bank cannot have paid before it was asked to");
        ok(import(result.clone(), "i2", "\"v1\"").await, 200);
        assert_eq!(import(result, "i3", "\"v2\"").await.code(), (409, "invalid_transition"), "a result is imported once");
        let paid = ok(app.get(&claims.street.accountant, &format!("/claims/{one}")).await, 200);
        assert_eq!((paid["state"].as_str(), paid["paid_on"].as_str(), paid["value_date"].as_str()), (Some("paid"), Some("2017-02-03"), Some("2017-02-03")));
        let back = ok(app.get(&claims.street.accountant, &format!("/claims/{two}")).await, 200);
        assert_eq!((back["state"].as_str(), back["batch_id"].is_null(), back["bank_returned"].as_str()), (Some("approved"), true, Some("账户已销户")));
        assert_eq!(to_pay().await, [json!(two)], "what came back does");
        ok(claims.money(app, &claims.street.cashier, &two, "pay", json!({}), "two").await, 200);
        let print = app.get(&claims.street.accountant, &format!("/claims/{two}/print")).await.text;
        assert!(print.contains("银行退票") && print.contains("账户已销户"), "{print}");
        claims.books_hold(app).await;
    }

    async fn the_printed_claim_says_how_it_went(app: TestApp) {
        let claims = Claims::open(app).await;
        let print = async |id: &str| app.get(&claims.street.accountant, &format!("/claims/{id}/print")).await.text;
        let row = |page: &str, word: &str, who: &str| page.contains(&format!("<tr><td>{word}</td><td>{who}</td><td>2017-01-03</td><td>须更正</td></tr>"));
        let id = claims.submitted(app, true, "300.00").await;
        ok(claims.reasoned(app, &claims.secretary, &id, "request-info").await, 200);
        ok(claims.reasoned(app, &claims.street.staff, &id, "provide-info").await, 200);
        ok(claims.reasoned(app, &claims.secretary, &id, "reject").await, 200);
        let page = print(&id).await;
        assert!(row(&page, "要求补正", "c-secretary") && row(&page, "补正", "c-staff") && row(&page, "驳回", "c-secretary"), "{page}");
        let id = claims.submitted(app, true, "300.00").await;
        claims.step(app, &claims.street.staff, &id, "withdraw").await;
        assert!(print(&id).await.contains("<tr><td>撤回</td><td>c-staff</td>"));
        let id = claims.submitted(app, true, "300.00").await;
        app.context.clocks.set("2017-06-01T01:00:00Z".parse().unwrap());
        jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        let page = print(&id).await;
        assert!(page.contains("<tr><td>逾期</td><td>claims.expire</td><td>2017-06-01</td><td>逾期未办结</td></tr>"), "{page}");
    }

    async fn bulk_approval_tells_an_outcome_for_each_and_checks_show_what_matters(app: TestApp) {
        let claims = Claims::open(app).await;
        let (one, two) = (claims.submitted(app, false, "3000.00").await, claims.submitted(app, false, "500.00").await);
        claims.step(app, &claims.street.accountant, &one, "review").await;
        let stranger = "0190a0b0-0000-7000-8000-000000000009";
        let body = json!({"items": [{"id": one, "version": 3}, {"id": two, "version": 2}, {"id": stranger, "version": 1}]});
        let outcomes = ok(app.post(&claims.street.leader, "/claims/approve", body.clone()).await, 200);
        let told: Vec<_> = outcomes["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["outcome"].as_str().unwrap().to_owned()).collect();
        assert_eq!(told, ["approved", "invalid_transition", "not_found"]);
        assert_eq!(ok(app.post(&claims.street.leader, "/claims/approve", body).await, 200)["outcomes"][0]["outcome"], json!("precondition_failed"));
        let checks = ok(app.get(&claims.street.leader, &format!("/claims/{one}/checks")).await, 200);
        assert_eq!((checks["line_available_after"].as_str(), checks["first_payee"].as_bool(), checks["round_sum"].as_bool(), checks["same_payee_recently"].as_i64()), (Some("26500.00"), Some(true), Some(true), Some(1)));
    }

    async fn who_acts_for_another_stands_with_both_names_and_who_acts_in_their_own_right_with_one(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let deputy = street.person(app, "deputy", "party_office").await;
        let (user, leader) = (ok(app.get(&deputy, "/me").await, 200)["id"].clone(), ok(app.get(&street.leader, "/me").await, 200)["id"].clone());
        let acting = json!({"user_id": user, "role": "street_leader", "unit_id": street.id, "acting_for": leader, "to": "2017-01-31"});
        let granted = ok(app.post(&street.first, "/role-assignments", acting).await, 201);
        ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
        let mut approvals = Vec::new();
        for (amount, key) in [("2500.00", "large"), ("50.00", "small")] {
            let id = claims.submitted(app, false, amount).await;
            claims.step(app, &street.accountant, &id, "review").await;
            claims.step(app, &deputy, &id, "approve").await;
            let paid = ok(claims.money(app, &street.cashier, &id, "pay", json!({"bank_reference": key}), key).await, 200);
            let timeline = ok(app.get(&street.accountant, &format!("/claims/{id}/timeline")).await, 200);
            let approval = timeline["data"].as_array().unwrap().iter().find(|event| event["kind"] == json!("approve")).unwrap()["acting_for"].clone();
            let trail = ok(app.get(&street.first, &format!("/audit-events?action=claim.approve&subject_id={id}")).await, 200)["data"][0]["acting_for"].clone();
            let print = app.get(&street.accountant, &format!("/claims/{id}/print")).await.text;
            let voucher = app.get(&street.accountant, &format!("/ledger/vouchers/{}/print", paid["voucher_id"].as_str().unwrap())).await.text;
            approvals.push((approval, trail, print.contains("deputy（代c-leader）"), voucher.contains("deputy（代c-leader）")));
        }
        assert_eq!(approvals, [(leader.clone(), leader, true, true), (json!(null), json!(null), false, false)], "a small claim the party office approves itself");
    }

    async fn a_null_takes_a_field_of_a_draft_off_and_the_whole_is_judged_again(app: TestApp) {
        let claims = Claims::open(app).await;
        let mut draft = claims.body(true, "50.00");
        draft["submit"] = json!(false);
        draft["purpose"] = json!("党员活动室一次");
        draft["decision_reference"] = json!("纪要1号");
        let id = ok(app.post(&claims.street.staff, "/claims", draft).await, 201)["id"].as_str().unwrap().to_owned();
        let path = format!("/claims/{id}");
        let patch = async |etag: &str, body: Value| app.send(reqwest::Method::PATCH, &path, &claims.street.staff, Some(body), &[("If-Match", etag)]).await;
        let refused = patch("\"v1\"", json!({"payment_method": "cash", "title": null, "lines": []})).await;
        assert_eq!((refused.code(), refused.body["errors"][0]["pointer"].as_str()), ((422, "missing_field"), Some("/title")), "{}", refused.text);
        let refused = patch("\"v1\"", json!({"payment_method": "cash", "purpose": "长".repeat(1001)})).await;
        let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
        assert_eq!((refused.code(), pointers), ((422, "validation_failed"), vec!["/purpose", "/payment_reason"]), "cash needs its reason also when a draft is changed");
        let changed = ok(patch("\"v1\"", json!({"purpose": null, "activity_id": null, "payment_method": "cash", "payment_reason": "乡镇集市无转账条件"})).await, 200);
        assert_eq!((&changed["purpose"], &changed["activity_id"], &changed["payment_method"], &changed["decision_reference"]), (&json!(null), &json!(null), &json!("cash"), &json!("纪要1号")));
        assert_eq!((&changed["amount"], &changed["payee_name"], changed["lines"].as_array().unwrap().len()), (&json!("50.00"), &json!("示例文化馆"), 1), "what was left out stays");
        assert_eq!(patch("\"v2\"", json!({"payment_reason": null})).await.code(), (422, "validation_failed"));
    }

    async fn a_draft_is_changed_copied_commented_and_urged_once_a_day(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.submitted(app, true, "300.00").await;
        let path = format!("/claims/{id}");
        let patch = |etag: &'static str| { let (path, token) = (path.clone(), claims.street.staff.clone()); async move { app.send(reqwest::Method::PATCH, &path, &token, Some(json!({"title": "更正"})), &[("If-Match", etag)]).await } };
        assert_eq!(patch("\"v2\"").await.code(), (409, "invalid_transition"));
        assert_eq!(app.act(&claims.street.staff, &format!("{path}/urge"), "\"v2\"").await.status, 200);
        assert_eq!(app.act(&claims.street.staff, &format!("{path}/urge"), "\"v3\"").await.code(), (409, "urged_today"));
        let kinds = ok(app.get(&claims.street.staff, &format!("{path}/timeline?sort=at")).await, 200);
        let kinds: Vec<_> = kinds["data"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["draft", "submit", "urge"], "who urges changes nothing");
        assert_eq!(ok(app.get(&claims.street.first, "/audit-events?action=claim.urge").await, 200)["data"].as_array().unwrap().len(), 1);
        ok(app.post(&claims.secretary, &format!("{path}/comments"), json!({"text": "请附签到表。"})).await, 201);
        let copy = ok(app.post(&claims.street.staff, &format!("{path}/copy"), json!({})).await, 201);
        assert_eq!((copy["state"].as_str(), copy["copied_from"].as_str(), copy["amount"].as_str(), copy["reserved"].as_str()), (Some("draft"), Some(id.as_str()), Some("300.00"), Some("0.00")));
        let path = format!("/claims/{}", copy["id"].as_str().unwrap());
        let lines = json!({"title": "更正", "lines": [{"expense_item_id": claims.item, "description": "场地一天", "amount": "400.00"}]});
        let changed = ok(app.send(reqwest::Method::PATCH, &path, &claims.street.staff, Some(lines), &[("If-Match", "\"v1\"")]).await, 200);
        assert_eq!((changed["title"].as_str(), changed["amount"].as_str(), changed["lines"].as_array().unwrap().len()), (Some("更正"), Some("400.00"), 1));
        let cash = json!({"payment_method": "cash", "title": "", "lines": []});
        let mut body = claims.body(true, "0.00");
        body["payment_method"] = cash["payment_method"].clone();
        let faults = app.post(&claims.street.staff, "/claims", body).await;
        assert_eq!(faults.code().0, 422);
        let pointers: Vec<_> = faults.body["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect();
        assert!(pointers.contains(&"/payment_reason".to_owned()) && pointers.contains(&"/lines/0/amount".to_owned()), "{pointers:?}");
        assert_eq!(app.post(&claims.street.staff, "/claims", { let mut body = claims.body(true, "1.00"); body["payee"].as_object_mut().unwrap().remove("account_number"); body }).await.code(), (422, "payee_account_missing"));
    }

    async fn a_sister_streets_people_see_no_claim(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.submitted(app, true, "300.00").await;
        let other = Street::open(app, "江汉区", "o-").await;
        for token in [&other.accountant, &other.leader, &other.first] {
            assert_eq!(app.get(token, &format!("/claims/{id}")).await.code(), (404, "not_found"));
            assert_eq!(ok(app.get(token, "/claims").await, 200)["data"], json!([]));
        }
        let street_claim = claims.submitted(app, false, "300.00").await;
        assert_eq!(app.get(&claims.street.staff, &format!("/claims/{street_claim}")).await.code(), (404, "not_found"), "a community does not see the street's claims");
        assert_eq!(app.act(&other.leader, &format!("/claims/{id}/approve"), "\"v2\"").await.code(), (404, "not_found"));
        let mut body = claims.body(false, "1.00");
        body["street_id"] = json!(other.id);
        assert_eq!(app.post(&claims.street.party_office, "/claims", body).await.code(), (422, "unknown_reference"));
    }

    async fn what_was_not_received_is_not_paid(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.approved(app, false, "500.00").await;
        let line = claims.line(app, false).await;
        let back = json!({"document_number": "收回1号", "amount": "30800.00", "lines": [{"category_id": line["category_id"], "amount": "30800.00"}]});
        ok(app.money(&claims.street.accountant, "/treasury-returns", back, "back").await, 201);
        assert_eq!(claims.money(app, &claims.street.cashier, &id, "pay", json!({}), "p").await.code(), (409, "funds_not_received"));
        let other = claims.approved(app, false, "150.00").await;
        let quota = ok(app.get(&claims.street.accountant, &format!("/claims/{other}")).await, 200);
        assert_eq!(quota["paid_from"], json!("cash"));
        let mut body = claims.body(false, "100.00");
        body["paid_from"] = json!("quota");
        let by_quota = ok(app.post(&claims.street.party_office, "/claims", body).await, 201)["id"].as_str().unwrap().to_owned();
        claims.step(app, &claims.street.accountant, &by_quota, "review").await;
        claims.step(app, &claims.street.leader, &by_quota, "approve").await;
        assert_eq!(claims.money(app, &claims.street.cashier, &by_quota, "pay", json!({}), "q").await.code(), (409, "fund_short"));
        claims.books_hold(app).await;
    }

    async fn a_year_with_open_claims_does_not_close_and_takes_no_payment_of_the_next(app: TestApp) {
        let claims = Claims::open(app).await;
        let id = claims.approved(app, false, "500.00").await;
        app.context.clocks.set("2018-01-02T01:00:00Z".parse().unwrap());
        let (accountant, cashier, office) = (app.log_in("c-accountant", crate::support::PASSWORD).await, app.log_in("c-cashier", crate::support::PASSWORD).await, app.log_in("c-office", crate::support::PASSWORD).await);
        let etag = app.get(&accountant, &format!("/claims/{id}")).await.etag.unwrap();
        let paid = app.send(reqwest::Method::POST, &format!("/claims/{id}/pay"), &cashier, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", "p")]).await;
        assert_eq!(paid.code(), (409, "paid_in_another_year"));
        assert_eq!(app.post(&office, "/claims", claims.body(false, "1.00")).await.code(), (409, "line_not_open"));
        let periods = ok(app.get(&accountant, "/ledger/periods?sort=month").await, 200)["data"].clone();
        for period in periods.as_array().unwrap().iter().take(11) {
            ok(app.act(&accountant, &format!("/ledger/periods/{}/close", period["id"].as_str().unwrap()), "\"v1\"").await, 200);
        }
        ok(app.post(&accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        let year = app.get(&accountant, "/fiscal-years?year=2017").await.body["data"][0].clone();
        let (path, etag) = (format!("/fiscal-years/{}/close", year["id"].as_str().unwrap()), format!("\"v{}\"", year["version"]));
        let close = async |key: &str| app.send(reqwest::Method::POST, &path, &accountant, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", key)]).await;
        assert_eq!(close("y1").await.code(), (409, "claims_open"));
        jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        assert_eq!(ok(app.get(&accountant, &format!("/claims/{id}")).await, 200)["state"], json!("draft"), "unpaid claims of a past year go back");
        ok(close("y2").await, 200);
        let finals = ok(app.get(&accountant, &format!("/fiscal-years/{}/final-accounts", year["id"].as_str().unwrap())).await, 200);
        assert_eq!((finals["data"][0]["budget"].as_str(), finals["data"][0]["spent"].as_str(), finals["data"][0]["carried_over"].as_str()), (Some("31000.00"), Some("0.00"), Some("31000.00")));
    }

    async fn a_paid_claim_that_its_voucher_does_not_book_is_named(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        claims.paid(app, true, "100.00", "k").await;
        let scope = Scope::of_place(Place::street(street.district.parse().unwrap(), street.id.parse().unwrap()));
        let id: uuid::Uuid = street.id.parse().unwrap();
        for (by_hand, voucher, what) in [("amount = amount + 1, net = net + 1", json!("2017-01-0002"), "it charges 100.00 for the claim"), ("amount = amount - 1, net = net - 2, tax = tax + 1", Value::Null, "account 2307 says 0.00, what was withheld")] {
            let tx = app.context.db.write(scope).await.unwrap();
            let text = format!("UPDATE claims SET {by_hand} WHERE street_id = $1");
            tx.execute(Sql::both(Box::leak(text.into_boxed_str())), vec![id.into()]).await.unwrap();
            tx.commit().await.unwrap();
            let verified = ok(app.get(&street.accountant, "/ledger/verify").await, 200);
            assert_eq!((verified["holds"].as_bool(), &verified["first_fault"]["voucher"]), (Some(false), &voucher), "{verified}");
            assert!(verified["first_fault"]["what"].as_str().unwrap().contains(what), "{verified}");
        }
    }
}
