//! Applications beforehand: from the draft to the end, what claims under them take and give back, and those who try to cheat.

use reqwest::Method;
use serde_json::{Value, json};

use crate::claims::Claims;
use crate::on_both_databases;
use crate::support::street::ok;
use crate::support::{Answer, PASSWORD, TestApp};

/// A street ready for claims, and what is done to applications there.
struct Applications {
    claims: Claims,
}

impl Applications {
    async fn open(app: &TestApp) -> Self {
        Self { claims: Claims::open(app).await }
    }

    fn who(&self, community: bool) -> &str {
        if community { &self.claims.street.staff } else { &self.claims.street.party_office }
    }

    fn body(&self, community: bool, amount: &str) -> Value {
        let claims = &self.claims;
        let mut body = json!({"budget_line_id": if community { &claims.community_line } else { &claims.street_line }, "activity_id": if community { &claims.community_activity } else { &claims.street_activity },
            "title": "一月主题党日", "valid_until": "2017-03-31", "lines": [{"expense_item_id": claims.item, "description": "场地", "quantity": 2, "amount": amount}], "submit": true});
        if community {
            body["community_id"] = json!(claims.street.community);
        }
        body
    }

    async fn submitted(&self, app: &TestApp, community: bool, amount: &str) -> String {
        ok(app.post(self.who(community), "/commitments", self.body(community, amount)).await, 201)["id"].as_str().unwrap().to_owned()
    }

    async fn read(&self, app: &TestApp, id: &str) -> Value {
        ok(app.get(&self.claims.street.accountant, &format!("/commitments/{id}")).await, 200)
    }

    /// Does something to an application at the version that is there.
    async fn act(&self, app: &TestApp, who: &str, id: &str, action: &str) -> Answer {
        let etag = app.get(&self.claims.street.accountant, &format!("/commitments/{id}")).await.etag.unwrap();
        let body = if ["return", "reject"].contains(&action) { json!({"reason": "请更正"}) } else { json!({}) };
        app.send(Method::POST, &format!("/commitments/{id}/{action}"), who, Some(body), &[("If-Match", &etag)]).await
    }

    async fn approved(&self, app: &TestApp, community: bool, amount: &str) -> String {
        let id = self.submitted(app, community, amount).await;
        ok(self.act(app, &self.claims.street.accountant, &id, "review").await, 200);
        assert_eq!(ok(self.act(app, &self.claims.street.leader, &id, "approve").await, 200)["state"], json!("approved"));
        id
    }

    /// Submits a claim under an application.
    async fn claim(&self, app: &TestApp, community: bool, amount: &str, application: &str) -> Answer {
        let mut body = self.claims.body(community, amount);
        body["commitment_id"] = json!(application);
        app.post(self.who(community), "/claims", body).await
    }

    /// Reserved, of it committed, spent, available.
    async fn line(&self, app: &TestApp, community: bool) -> [String; 4] {
        let line = self.claims.line(app, community).await;
        ["reserved", "committed", "spent", "available"].map(|name| line[name].as_str().unwrap().to_owned())
    }

    async fn held(&self, app: &TestApp, id: &str) -> String {
        self.read(app, id).await["held"].as_str().unwrap().to_owned()
    }

    async fn paid(&self, app: &TestApp, claim: &str, key: &str) -> Value {
        let claims = &self.claims;
        if ok(app.get(&claims.street.accountant, &format!("/claims/{claim}")).await, 200)["community_id"].is_string() {
            claims.step(app, &claims.secretary, claim, "endorse").await;
        }
        claims.step(app, &claims.street.accountant, claim, "review").await;
        claims.step(app, &claims.street.leader, claim, "approve").await;
        ok(claims.money(app, &claims.street.cashier, claim, "pay", json!({}), key).await, 200)
    }

    async fn sweep(&self, app: &TestApp, now: &str) {
        app.context.clocks.set(now.parse().unwrap());
        mingzhang::platform::jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
    }
}

on_both_databases! {
    async fn an_application_is_reviewed_approved_claimed_under_paid_and_closed(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let made = ok(app.post(&street.staff, "/commitments", all.body(true, "600.00")).await, 201);
        assert_eq!((made["state"].as_str(), made["next_capability"].as_str(), made["amount"].as_str(), made["held"].as_str()), (Some("submitted"), Some("claim.review"), Some("600.00"), Some("0.00")));
        assert_eq!(made["next_actors"], json!([{"role": "accountant", "people": 1}]));
        assert!(made["number"].as_str().unwrap().starts_with("SQ20170103-") && made["approver_persons"].is_null());
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "0.00", "1000.00"], "nothing is held before the approval");
        let id = made["id"].as_str().unwrap().to_owned();
        let waits = async |who: &str, action: &str| ok(app.get(who, "/me/tasks").await, 200)["data"].as_array().unwrap().iter().any(|task| task["id"] == json!(id) && task["action"] == json!(action));
        assert!(waits(&street.accountant, "review").await && !waits(&street.leader, "approve").await && !waits(&street.staff, "review").await);
        let checks = ok(app.get(&street.leader, &format!("/commitments/{id}/checks")).await, 200);
        assert_eq!((checks["line_available_after"].as_str(), checks["per_head"].as_str(), checks["in_plan"].as_bool(), checks["approvals"].clone()), (Some("400.00"), Some("20.00"), Some(false), json!(["claim.approve_small"])));
        let reviewed = ok(all.act(app, &street.accountant, &id, "review").await, 200);
        assert_eq!((reviewed["state"].as_str(), reviewed["next_capability"].as_str()), (Some("submitted"), Some("claim.approve_small")));
        assert!(waits(&street.leader, "approve").await);
        let approved = ok(all.act(app, &street.leader, &id, "approve").await, 200);
        assert_eq!((approved["state"].as_str(), approved["held"].as_str(), approved["approved_on"].as_str()), (Some("approved"), Some("600.00"), Some("2017-01-03")));
        assert_eq!(all.line(app, true).await, ["600.00", "600.00", "0.00", "400.00"]);
        let summary = ok(app.get(&street.accountant, &format!("/summary/street?street_id={}&fiscal_year=2017", street.id)).await, 200);
        assert_eq!((summary["total"]["committed"].as_str(), summary["total"]["reserved"].as_str()), (Some("600.00"), Some("600.00")));
        let claim = ok(all.claim(app, true, "500.00", &id).await, 201);
        assert_eq!((claim["reserved"].as_str(), claim["from_commitment"].as_str(), claim["activity_id"].as_str()), (Some("500.00"), Some("500.00"), Some(all.claims.community_activity.as_str())));
        assert_eq!(all.line(app, true).await, ["600.00", "100.00", "0.00", "400.00"], "the claim takes what is held already");
        let claim = claim["id"].as_str().unwrap().to_owned();
        let checks = ok(app.get(&street.leader, &format!("/claims/{claim}/checks")).await, 200);
        assert_eq!((checks["activity"]["planned_headcount"].as_i64(), checks["activity"]["not_approved_beforehand"].as_bool(), checks["commitment"]["beyond"].as_str()), (Some(30), Some(false), Some("0.00")));
        all.paid(app, &claim, "p1").await;
        assert_eq!(all.line(app, true).await, ["100.00", "100.00", "500.00", "400.00"]);
        let listed = ok(app.get(&street.accountant, &format!("/claims?commitment_id={id}")).await, 200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        let closed = ok(all.act(app, &street.staff, &id, "close").await, 200);
        assert_eq!((closed["state"].as_str(), closed["held"].as_str()), (Some("closed"), Some("0.00")));
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "500.00", "500.00"]);
        let audit = ok(app.get(&street.first, &format!("/audit-events?subject_id={id}")).await, 200);
        let actions: Vec<_> = audit["data"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect();
        assert_eq!(actions, ["commitment.close", "commitment.take", "commitment.approve", "commitment.review", "commitment.submit", "commitment.draft"]);
        all.claims.books_hold(app).await;
    }

    async fn a_claim_takes_from_its_application_first_and_only_the_rest_from_the_line(app: TestApp) {
        let all = Applications::open(app).await;
        let id = all.approved(app, true, "600.00").await;
        all.claims.submitted(app, true, "300.00").await;
        let refused = all.claim(app, true, "700.01", &id).await;
        assert_eq!(refused.code(), (409, "line_short"));
        assert!(refused.text.contains("100.00") && refused.text.contains("100.01"), "{}", refused.text);
        assert_eq!((all.held(app, &id).await.as_str(), all.line(app, true).await), ("600.00", ["900.00", "600.00", "0.00", "100.00"].map(str::to_owned)), "a refusal takes nothing");
        let claim = ok(all.claim(app, true, "650.00", &id).await, 201);
        assert_eq!((claim["reserved"].as_str(), claim["from_commitment"].as_str()), (Some("650.00"), Some("600.00")));
        assert_eq!(all.line(app, true).await, ["950.00", "0.00", "0.00", "50.00"]);
        let other = ok(all.claim(app, true, "50.00", &id).await, 201);
        assert_eq!(other["from_commitment"], json!("0.00"), "nothing is left to take, the line pays");
        all.paid(app, claim["id"].as_str().unwrap(), "p1").await;
        assert_eq!(all.line(app, true).await, ["350.00", "0.00", "650.00", "0.00"]);
        all.claims.books_hold(app).await;
    }

    async fn every_way_out_of_a_claim_gives_back_to_the_open_application(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let id = all.approved(app, true, "600.00").await;
        let before = ["600.00", "600.00", "0.00", "400.00"].map(str::to_owned);
        for action in ["return", "reject"] {
            let claim = ok(all.claim(app, true, "700.00", &id).await, 201)["id"].as_str().unwrap().to_owned();
            assert_eq!(all.line(app, true).await, ["700.00", "0.00", "0.00", "300.00"]);
            let out = ok(all.claims.reasoned(app, &all.claims.secretary, &claim, action).await, 200);
            assert_eq!((out["reserved"].as_str(), out["from_commitment"].as_str()), (Some("0.00"), Some("0.00")));
            assert_eq!((all.held(app, &id).await.as_str(), all.line(app, true).await), ("600.00", before.clone()), "{action}");
            if action == "return" {
                let again = all.claims.step(app, &street.staff, &claim, "submit").await;
                assert_eq!(again["from_commitment"], json!("600.00"), "submitted again, it takes again");
                all.claims.step(app, &street.staff, &claim, "withdraw").await;
                assert_eq!((all.held(app, &id).await.as_str(), all.line(app, true).await), ("600.00", before.clone()));
            }
        }
        let claim = ok(all.claim(app, true, "700.00", &id).await, 201)["id"].as_str().unwrap().to_owned();
        all.sweep(app, "2017-03-10T01:00:00Z").await;
        assert_eq!(ok(app.get(&street.accountant, &format!("/claims/{claim}")).await, 200)["state"], json!("expired"));
        assert_eq!((all.held(app, &id).await.as_str(), all.line(app, true).await), ("600.00", before));
        all.claims.books_hold(app).await;
    }

    async fn a_reversed_payment_is_held_by_the_open_application_again_and_a_closed_one_takes_nothing_back(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let id = all.approved(app, true, "600.00").await;
        let claim = ok(all.claim(app, true, "700.00", &id).await, 201)["id"].as_str().unwrap().to_owned();
        let paid = all.paid(app, &claim, "p1").await;
        assert_eq!(paid["from_commitment"], json!("600.00"), "what it came from stays known");
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "700.00", "300.00"]);
        let reversed = ok(all.claims.money(app, &street.accountant, &claim, "reverse", json!({"reason": "账户有误"}), "r1").await, 200);
        assert_eq!((reversed["state"].as_str(), reversed["from_commitment"].as_str()), (Some("reversed"), Some("0.00")));
        assert_eq!((all.held(app, &id).await.as_str(), all.line(app, true).await), ("600.00", ["600.00", "600.00", "0.00", "400.00"].map(str::to_owned)));
        let (out, stays) = (ok(all.claim(app, true, "200.00", &id).await, 201), ok(all.claim(app, true, "300.00", &id).await, 201));
        let (out, stays) = (out["id"].as_str().unwrap(), stays["id"].as_str().unwrap());
        ok(all.act(app, &street.staff, &id, "close").await, 200);
        assert_eq!(all.line(app, true).await, ["500.00", "0.00", "0.00", "500.00"], "claims under way keep what they took");
        ok(all.claims.reasoned(app, &all.claims.secretary, out, "reject").await, 200);
        assert_eq!(all.line(app, true).await, ["300.00", "0.00", "0.00", "700.00"]);
        assert_eq!(all.held(app, &id).await, "0.00");
        all.paid(app, stays, "p2").await;
        ok(all.claims.money(app, &street.accountant, stays, "reverse", json!({"reason": "账户有误"}), "r2").await, 200);
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "0.00", "1000.00"]);
        let late = all.claim(app, true, "10.00", &id).await;
        assert_eq!(late.code(), (409, "commitment_not_open"));
        let mut body = all.claims.body(true, "10.00");
        (body["commitment_id"], body["submit"]) = (json!(id), json!(false));
        let draft = app.post(&street.staff, "/claims", body).await;
        let path = format!("/claims/{}", draft.id());
        assert_eq!(app.act(&street.staff, &format!("{path}/submit"), "\"v1\"").await.code(), (409, "commitment_not_open"));
        let off = ok(app.send(Method::PATCH, &path, &street.staff, Some(json!({"commitment_id": null})), &[("If-Match", "\"v1\"")]).await, 200);
        assert!(off["commitment_id"].is_null() && off["activity_id"].is_string());
        ok(app.act(&street.staff, &format!("{path}/submit"), "\"v2\"").await, 200);
        all.claims.books_hold(app).await;
    }

    async fn what_the_line_does_not_have_is_refused_with_what_is_left_at_submission_and_at_approval(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let refused = app.post(&street.staff, "/commitments", all.body(true, "1000.01")).await;
        assert_eq!(refused.code(), (409, "line_short"));
        assert!(refused.text.contains("1000.00"));
        let id = all.submitted(app, true, "600.00").await;
        all.claims.submitted(app, true, "500.00").await;
        ok(all.act(app, &street.accountant, &id, "review").await, 200);
        let refused = all.act(app, &street.leader, &id, "approve").await;
        assert_eq!(refused.code(), (409, "line_short"));
        assert!(refused.text.contains("500.00"));
        assert_eq!(all.read(app, &id).await["state"], json!("submitted"));
        all.claims.books_hold(app).await;
    }

    async fn applications_approved_at_once_hold_exactly_what_fits(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let id = all.submitted(app, true, "400.00").await;
            ok(all.act(app, &street.accountant, &id, "review").await, 200);
            waiting.push(id);
        }
        let answers = futures_util::future::join_all(waiting.iter().map(|id| all.act(app, &street.leader, id, "approve"))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 2);
        assert!(answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.code() == (409, "line_short") && answer.text.contains("200.00")));
        assert_eq!(all.line(app, true).await, ["800.00", "800.00", "0.00", "200.00"]);
        all.claims.books_hold(app).await;
    }

    async fn claims_at_once_under_the_last_money_of_an_application_take_it_once(app: TestApp) {
        let all = Applications::open(app).await;
        let id = all.approved(app, true, "100.00").await;
        all.claims.submitted(app, true, "900.00").await;
        let answers = futures_util::future::join_all((0..10).map(|_| all.claim(app, true, "30.00", &id))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
        assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.code() == (409, "line_short")), "{:?}", answers.iter().map(Answer::code).collect::<Vec<_>>());
        assert_eq!((all.held(app, &id).await.as_str(), all.line(app, true).await), ("10.00", ["1000.00", "10.00", "0.00", "0.00"].map(str::to_owned)));
        all.claims.books_hold(app).await;
    }

    async fn claims_and_the_closing_at_once_leave_nothing_held_twice(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let id = all.approved(app, true, "300.00").await;
        let (claims, closing) = tokio::join!(futures_util::future::join_all((0..5).map(|_| all.claim(app, true, "80.00", &id))), all.act(app, &street.staff, &id, "close"));
        assert!(claims.iter().all(|answer| answer.status == 201 || answer.code() == (409, "commitment_not_open")), "{:?}", claims.iter().map(Answer::code).collect::<Vec<_>>());
        assert!(closing.status == 200 || closing.code() == (412, "precondition_failed"), "{}", closing.text);
        all.claims.books_hold(app).await;
        if closing.status != 200 {
            ok(all.act(app, &street.staff, &id, "close").await, 200);
        }
        let accepted = claims.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(all.line(app, true).await[..2], [format!("{}.00", accepted * 80), "0.00".to_owned()]);
        all.claims.books_hold(app).await;
    }

    async fn a_person_holds_one_part_whatever_roles_they_have(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let office = ok(app.get(&street.party_office, "/me").await, 200)["id"].clone();
        let id = all.submitted(app, false, "500.00").await;
        let granted = app.post(&street.first, "/role-assignments", json!({"user_id": office, "role": "accountant", "unit_id": street.id})).await;
        ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted.id()), "\"v1\"").await, 200);
        for (action, who) in [("review", &street.party_office), ("return", &street.party_office), ("reject", &street.party_office)] {
            assert_eq!(all.act(app, who, &id, action).await.code(), (403, "separation_of_duties"), "{action}");
        }
        ok(all.act(app, &street.accountant, &id, "review").await, 200);
        assert_eq!(all.act(app, &street.party_office, &id, "approve").await.code(), (403, "separation_of_duties"), "nobody approves what they prepared");
        assert_eq!(all.act(app, &street.accountant, &id, "return").await.code(), (403, "forbidden"), "the next step is not the accountant's any more");
        ok(all.act(app, &street.leader, &id, "approve").await, 200);
        assert_eq!(all.act(app, &street.staff, &id, "close").await.code(), (404, "not_found"), "a community does not see the street's");
        let second = street.person(app, "c-office-2", "party_office").await;
        ok(all.act(app, &second, &id, "close").await, 200);
        let colleague = all.submitted(app, false, "400.00").await;
        ok(all.act(app, &street.accountant, &colleague, "review").await, 200);
        ok(all.act(app, &second, &colleague, "approve").await, 200);
        assert_eq!(all.act(app, &second, &colleague, "close").await.code(), (403, "separation_of_duties"), "who approved does not close");
    }

    async fn a_chain_of_two_takes_two_people_and_above_the_bound_the_minutes(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        assert_eq!(app.post(&street.party_office, "/commitments", all.body(false, "10000.01")).await.code(), (422, "collective_decision_missing"));
        let mut body = all.body(false, "10000.01");
        body["decision_reference"] = json!("党工委会议纪要〔2017〕3号");
        assert_eq!(app.post(&street.party_office, "/commitments", body.clone()).await.code(), (422, "collective_decision_missing"), "words are no minutes");
        let minutes = ok(app.upload(&street.party_office, "/attachments", ("纪要.pdf", b"%PDF-1 minutes".to_vec()), &[]).await, 201);
        let mut named = body.clone();
        named["papers"] = json!([{"attachment_id": minutes["id"], "paper_kind": "pay_list"}]);
        assert_eq!(app.post(&street.party_office, "/commitments", named.clone()).await.code(), (422, "paper_not_taken"));
        named["papers"] = json!([{"attachment_id": minutes["id"], "paper_kind": "decision_minutes"}]);
        let large = ok(app.post(&street.party_office, "/commitments", named).await, 201)["id"].as_str().unwrap().to_owned();
        let checks = ok(app.get(&street.leader, &format!("/commitments/{large}/checks")).await, 200);
        assert_eq!(checks["collective_decision_missing"], json!(false));
        assert_eq!(ok(app.get(&street.leader, &format!("/attachments?subject_type=commitment&subject_id={large}")).await, 200)["data"].as_array().unwrap().len(), 1, "who approves reads them");
        let link = json!({"subject_type": "commitment", "subject_id": large, "paper_kind": "photo"});
        let path = format!("/attachments/{}", minutes["id"].as_str().unwrap());
        assert_eq!(app.post(&street.party_office, &format!("{path}/links"), link.clone()).await.code(), (409, "papers_fixed"));
        assert_eq!(app.send(Method::DELETE, &path, &street.party_office, None, &[]).await.code(), (409, "papers_fixed"));
        ok(all.act(app, &street.accountant, &large, "return").await, 200);
        ok(app.post(&street.party_office, &format!("{path}/links"), link.clone()).await, 201);
        let foreign = json!({"subject_type": "commitment", "subject_id": uuid::Uuid::now_v7(), "paper_kind": "photo"});
        assert_eq!(app.post(&street.party_office, &format!("{path}/links"), foreign).await.code(), (422, "unknown_reference"));
        ok(all.act(app, &street.party_office, &large, "submit").await, 200);
        ok(all.act(app, &street.accountant, &large, "review").await, 200);
        ok(all.act(app, &street.leader, &large, "approve").await, 200);
        ok(all.claim(app, false, "10000.01", &large).await, 201);
        let chain = json!({"street_id": street.id, "effective_from": "2017-01-01", "expire_after_days": 30, "bands": [{"approvers": ["claim.approve", "claim.approve"]}]});
        ok(app.post(&street.first, "/approval-chains", chain).await, 201);
        assert_eq!(app.post(&street.party_office, "/commitments", all.body(false, "500.00")).await.code(), (422, "no_eligible_actor"), "one leader cannot give both approvals");
        let second = street.person(app, "c-leader-2", "street_leader").await;
        let id = all.submitted(app, false, "500.00").await;
        ok(all.act(app, &street.accountant, &id, "review").await, 200);
        let half = ok(all.act(app, &street.leader, &id, "approve").await, 200);
        assert_eq!((half["state"].as_str(), half["held"].as_str(), half["steps_done"].as_i64()), (Some("submitted"), Some("0.00"), Some(2)));
        assert_eq!(all.act(app, &street.leader, &id, "approve").await.code(), (403, "separation_of_duties"));
        assert_eq!(ok(all.act(app, &second, &id, "approve").await, 200)["state"], json!("approved"));
    }

    async fn what_an_activity_says_is_fixed_by_what_was_asked_for_it_and_by_the_closing_of_its_year(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let path = format!("/activities/{}", all.claims.community_activity);
        let change = async |body: Value, etag: &str| app.send(Method::PATCH, &path, &street.staff, Some(body), &[("If-Match", etag)]).await;
        let hold = async |who: &str, body: Value, etag: &str| app.send(Method::POST, &format!("{path}/hold"), who, Some(body), &[("If-Match", etag)]).await;
        let id = all.submitted(app, true, "600.00").await;
        for body in [json!({"from_date": "2017-01-19"}), json!({"place": "景区"}), json!({"planned_headcount": 300}), json!({"outside_province": true})] {
            assert_eq!(change(body, "\"v1\"").await.code(), (409, "activity_fixed"));
        }
        ok(all.act(app, &street.accountant, &id, "return").await, 200);
        ok(change(json!({"planned_headcount": 29}), "\"v1\"").await, 200);
        ok(all.act(app, &street.staff, &id, "submit").await, 200);
        assert_eq!(change(json!({"planned_headcount": 31}), "\"v2\"").await.code(), (409, "activity_fixed"));
        app.context.clocks.set("2017-01-22T01:00:00Z".parse().unwrap());
        let (staff, accountant) = (app.log_in("c-staff", PASSWORD).await, app.log_in("c-accountant", PASSWORD).await);
        let held = |headcount: i32| json!({"actual_headcount": headcount, "minutes": "28 人签到。"});
        let mut later = held(28);
        later["from_date"] = json!("2017-01-21");
        ok(hold(&staff, later.clone(), "\"v2\"").await, 200);
        ok(hold(&staff, held(27), "\"v3\"").await, 200);
        let claim = ok(app.post(&staff, "/claims", all.claims.body(true, "100.00")).await, 201)["id"].as_str().unwrap().to_owned();
        for body in [held(999), later] {
            assert_eq!(hold(&staff, body, "\"v4\"").await.code(), (409, "activity_fixed"), "a claim was judged by it");
        }
        all.claims.step(app, &staff, &claim, "withdraw").await;
        ok(hold(&staff, held(26), "\"v4\"").await, 200);
        // The day has passed, the claim came first: what happened is recorded once.
        let planned = json!({"community_id": street.community, "kind": "theme_day", "title": "二月", "from_date": "2017-01-21", "place": "党员活动室", "planned_headcount": 30});
        let planned = ok(app.post(&staff, "/activities", planned).await, 201)["id"].as_str().unwrap().to_owned();
        let mut body = all.claims.body(true, "100.00");
        body["activity_id"] = json!(planned);
        ok(app.post(&staff, "/claims", body).await, 201);
        let path = format!("/activities/{planned}");
        let hold = async |body: Value, etag: &str| app.send(Method::POST, &format!("{path}/hold"), &staff, Some(body), &[("If-Match", etag)]).await;
        let mut moved = held(20);
        moved["from_date"] = json!("2017-01-20");
        assert_eq!(hold(moved, "\"v1\"").await.code(), (409, "activity_fixed"));
        ok(hold(held(20), "\"v1\"").await, 200);
        assert_eq!(hold(held(21), "\"v2\"").await.code(), (409, "activity_fixed"));
        // The year is over and closed.
        app.context.clocks.set("2018-01-02T01:00:00Z".parse().unwrap());
        let (staff, accountant) = (app.log_in("c-staff", PASSWORD).await, { drop(accountant); app.log_in("c-accountant", PASSWORD).await });
        let new = |day: &str| json!({"community_id": street.community, "kind": "theme_day", "title": "补记", "from_date": day, "place": "党员活动室", "planned_headcount": 30});
        let late = ok(app.post(&staff, "/activities", new("2017-12-30")).await, 201)["id"].as_str().unwrap().to_owned();
        ok(app.post(&accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        mingzhang::platform::jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        for period in ok(app.get(&accountant, "/ledger/periods?sort=month&fiscal_year=2017").await, 200)["data"].as_array().unwrap().iter().take(11) {
            ok(app.act(&accountant, &format!("/ledger/periods/{}/close", period["id"].as_str().unwrap()), "\"v1\"").await, 200);
        }
        let year = app.get(&accountant, "/fiscal-years?year=2017").await.body["data"][0].clone();
        let (closing, etag) = (format!("/fiscal-years/{}/close", year["id"].as_str().unwrap()), format!("\"v{}\"", year["version"]));
        ok(app.send(Method::POST, &closing, &accountant, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", "close")]).await, 200);
        let refused = app.post(&staff, "/activities", new("2017-03-01")).await;
        assert_eq!(refused.code(), (409, "year_closed"));
        assert!(refused.text.contains("The year is closed"), "{}", refused.text);
        for (method, path, body) in [
            (Method::PATCH, format!("/activities/{late}"), json!({"from_date": "2018-01-05", "to_date": "2018-01-05"})),
            (Method::POST, format!("/activities/{late}/hold"), held(999)),
            (Method::POST, format!("/activities/{late}/cancel"), json!({"reason": "未办"})),
        ] {
            assert_eq!(app.send(method, &path, &staff, Some(body), &[("If-Match", "\"v1\"")]).await.code(), (409, "year_closed"), "{path}");
        }
        for id in [planned.as_str(), late.as_str()] {
            let linked = [("subject_type", "activity"), ("subject_id", id), ("paper_kind", "photo")];
            assert_eq!(app.upload(&staff, "/attachments", ("a.pdf", b"%PDF-1.4 late".to_vec()), &linked).await.code(), (409, "year_closed"), "a paper of an activity of that year");
        }
        ok(app.post(&staff, "/activities", new("2018-01-02")).await, 201);
    }

    async fn each_wrong_state_and_each_stale_version_is_refused(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let id = all.submitted(app, true, "100.00").await;
        for (action, who) in [("submit", &street.staff), ("close", &street.staff), ("approve", &street.leader)] {
            assert_eq!(all.act(app, who, &id, action).await.code(), (409, "invalid_transition"), "{action}");
        }
        assert_eq!(app.act(&street.accountant, &format!("/commitments/{id}/review"), "\"v1\"").await.code(), (412, "precondition_failed"));
        assert_eq!(app.post(&street.accountant, &format!("/commitments/{id}/review"), json!({})).await.code(), (428, "precondition_required"));
        let returned = ok(all.act(app, &street.accountant, &id, "return").await, 200);
        assert_eq!((returned["state"].as_str(), returned["reason"].as_str(), returned["chain"].is_null()), (Some("draft"), Some("请更正"), true));
        let path = format!("/commitments/{id}");
        let etag = app.get(&street.staff, &path).await.etag.unwrap();
        let lines = json!({"purpose": "改小", "lines": [{"expense_item_id": all.claims.item, "description": "场地半天", "amount": "80.00"}]});
        let changed = ok(app.send(Method::PATCH, &path, &street.staff, Some(lines), &[("If-Match", &etag)]).await, 200);
        assert_eq!((changed["amount"].as_str(), changed["purpose"].as_str(), changed["lines"][0]["quantity"].as_i64(), changed["title"].as_str()), (Some("80.00"), Some("改小"), Some(1), Some("一月主题党日")));
        ok(all.act(app, &street.staff, &id, "submit").await, 200);
        let etag = app.get(&street.staff, &path).await.etag.unwrap();
        assert_eq!(app.send(Method::PATCH, &path, &street.staff, Some(json!({"title": "改"})), &[("If-Match", &etag)]).await.code(), (409, "invalid_transition"));
        assert_eq!(ok(all.act(app, &street.staff, &id, "withdraw").await, 200)["state"], json!("withdrawn"));
        let other = all.submitted(app, true, "100.00").await;
        assert_eq!(ok(all.act(app, &street.accountant, &other, "reject").await, 200)["state"], json!("rejected"));
        for (action, who) in [("submit", &street.staff), ("review", &street.accountant), ("return", &street.accountant), ("withdraw", &street.staff), ("close", &street.staff)] {
            assert_eq!(all.act(app, who, &other, action).await.code(), (409, "invalid_transition"), "{action}");
        }
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "0.00", "1000.00"]);
    }

    async fn unit_line_activity_items_and_last_day_must_fit(app: TestApp) {
        let all = Applications::open(app).await;
        let (claims, street) = (&all.claims, &all.claims.street);
        let with = |community: bool, field: &str, value: Value| {
            let mut body = all.body(community, "10.00");
            body[field] = value;
            body
        };
        let line = |item: &str| json!([{"expense_item_id": item, "description": "x", "amount": "10.00"}]);
        for (body, code) in [
            (with(false, "activity_id", json!(claims.community_activity)), "activity_of_another_unit"),
            (with(false, "budget_line_id", json!(claims.community_line)), "line_of_another_unit"),
            (with(false, "lines", line(&claims.forbidden)), "item_forbidden"),
            (with(false, "lines", line(&claims.unknown)), "item_not_allowed"),
            (with(false, "valid_until", json!("2018-01-01")), "valid_until_out_of_range"),
            (with(false, "valid_until", json!("2017-01-02")), "valid_until_out_of_range"),
            (with(false, "lines", json!([])), "validation_failed"),
        ] {
            assert_eq!(app.post(&street.party_office, "/commitments", body).await.code(), (422, code));
        }
        for body in [with(true, "activity_id", json!(claims.street_activity)), with(true, "budget_line_id", json!(claims.street_line))] {
            assert_eq!(app.post(&street.staff, "/commitments", body).await.code(), (422, "unknown_reference"), "a community does not see its street's");
        }
        let community = all.approved(app, true, "100.00").await;
        let mut body = claims.body(false, "10.00");
        (body["commitment_id"], body["activity_id"]) = (json!(community), Value::Null);
        assert_eq!(app.post(&street.party_office, "/claims", body).await.code(), (422, "commitment_does_not_fit"), "of another unit");
        let mut activity = json!({"kind": "other", "title": "另一次", "from_date": "2017-01-20", "place": "x", "planned_headcount": 3, "community_id": street.community});
        let another = ok(app.post(&street.staff, "/activities", activity.take()).await, 201)["id"].clone();
        let mut body = claims.body(true, "10.00");
        (body["commitment_id"], body["activity_id"]) = (json!(community), another.clone());
        assert_eq!(app.post(&street.staff, "/claims", body).await.code(), (422, "commitment_does_not_fit"), "of another activity");
        let mut body = claims.body(true, "10.00");
        (body["commitment_id"], body["activity_id"], body["kind"]) = (json!(community), Value::Null, json!("other"));
        assert_eq!(ok(app.post(&street.staff, "/claims", body).await, 201)["activity_id"], json!(claims.community_activity), "the application names it");
        let mut body = claims.body(true, "10.00");
        body["activity_id"] = Value::Null;
        assert_eq!(app.post(&street.staff, "/claims", body.clone()).await.code(), (422, "activity_missing"));
        body["submit"] = json!(false);
        ok(app.post(&street.staff, "/claims", body).await, 201);
        let draft = all.submitted(app, true, "20.00").await;
        assert_eq!(all.claim(app, true, "10.00", &draft).await.code(), (409, "commitment_not_open"), "not approved");
        ok(app.send(Method::POST, &format!("/activities/{}/cancel", claims.community_activity), &street.staff, Some(json!({"reason": "改期"})), &[("If-Match", "\"v1\"")]).await, 200);
        assert_eq!(all.claim(app, true, "10.00", &community).await.code(), (409, "activity_cancelled"));
        assert_eq!(app.post(&street.staff, "/commitments", all.body(true, "10.00")).await.code(), (409, "activity_cancelled"));
        ok(all.act(app, &street.accountant, &draft, "review").await, 200);
        assert_eq!(all.act(app, &street.leader, &draft, "approve").await.code(), (409, "activity_cancelled"));
        let tasks = ok(app.get(&street.staff, "/me/tasks").await, 200);
        assert!(tasks["data"].as_array().unwrap().iter().any(|task| task["id"] == json!(community) && task["action"] == json!("close")), "{tasks}");
    }

    async fn a_trip_beyond_the_limit_is_marked_and_not_refused(app: TestApp) {
        let all = Applications::open(app).await;
        let street = &all.claims.street;
        let mut last = Value::Null;
        for day in ["2017-01-15", "2017-01-16", "2017-01-17"] {
            let trip = json!({"kind": "training", "title": "外出培训", "from_date": day, "place": "外地", "planned_headcount": 10, "outside_town": true});
            last = ok(app.post(&street.party_office, "/activities", trip).await, 201)["id"].clone();
        }
        let mut body = all.body(false, "500.00");
        body["activity_id"] = last.clone();
        let made = ok(app.post(&street.party_office, "/commitments", body).await, 201);
        assert_eq!(made["over_limit"], json!(true));
        let id = made["id"].as_str().unwrap();
        let checks = ok(app.get(&street.leader, &format!("/commitments/{id}/checks")).await, 200);
        assert_eq!((checks["over_limit"].as_bool(), checks["trips"][0]["earlier"].as_i64(), checks["trips"][0]["most"].as_i64()), (Some(true), Some(2), Some(2)));
        ok(all.act(app, &street.accountant, id, "review").await, 200);
        let approved = ok(all.act(app, &street.leader, id, "approve").await, 200);
        assert_eq!((approved["state"].as_str(), approved["over_limit"].as_bool()), (Some("approved"), Some(true)));
        assert_eq!(ok(app.get(&street.accountant, "/commitments?over_limit=true").await, 200)["data"].as_array().unwrap().len(), 1);
        let mut claim = all.claims.body(false, "100.00");
        claim["activity_id"] = last;
        let claim = ok(app.post(&street.party_office, "/claims", claim).await, 201);
        let checks = ok(app.get(&street.leader, &format!("/claims/{}/checks", claim["id"].as_str().unwrap())).await, 200);
        assert_eq!((checks["activity"]["over_limit"].as_bool(), checks["activity"]["not_approved_beforehand"].as_bool(), checks["commitment"].is_null()), (Some(true), Some(true), true));
    }

    async fn an_application_ends_by_itself_after_its_last_day_or_when_nobody_decides(app: TestApp) {
        let all = Applications::open(app).await;
        let approved = all.approved(app, true, "600.00").await;
        let mut body = all.body(true, "100.00");
        body["valid_until"] = json!("2017-12-31");
        let undecided = ok(app.post(&all.claims.street.staff, "/commitments", body).await, 201)["id"].as_str().unwrap().to_owned();
        let claim = ok(all.claim(app, true, "250.00", &approved).await, 201)["id"].as_str().unwrap().to_owned();
        all.sweep(app, "2017-02-20T01:00:00Z").await;
        assert_eq!((all.read(app, &approved).await["state"].as_str(), all.read(app, &undecided).await["state"].as_str()), (Some("approved"), Some("submitted")));
        all.sweep(app, "2017-03-06T01:00:00Z").await;
        assert_eq!(all.read(app, &undecided).await["state"], json!("expired"), "60 days");
        assert_eq!(ok(app.get(&all.claims.street.accountant, &format!("/claims/{claim}")).await, 200)["state"], json!("expired"));
        assert_eq!(all.held(app, &approved).await, "600.00");
        app.context.clocks.set("2017-04-01T00:30:00Z".parse().unwrap());
        assert_eq!(all.claim(app, true, "10.00", &approved).await.code(), (409, "commitment_not_open"), "its last day is over, before any job");
        all.sweep(app, "2017-04-01T01:00:00Z").await;
        let ended = all.read(app, &approved).await;
        assert_eq!((ended["state"].as_str(), ended["held"].as_str(), ended["ended_on"].as_str()), (Some("expired"), Some("0.00"), Some("2017-04-01")));
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "0.00", "1000.00"]);
        while mingzhang::platform::notification::deliver_once(&app.context).await.unwrap() > 0 {}
        let inbox = ok(app.get(&all.claims.street.staff, "/notifications").await, 200);
        assert!(inbox["data"].as_array().unwrap().iter().any(|notice| notice["kind"] == json!("commitment.expired")), "{inbox}");
        all.claims.books_hold(app).await;
    }

    async fn on_the_first_of_january_applications_and_claims_are_released_and_the_year_closes(app: TestApp) {
        let all = Applications::open(app).await;
        let mut body = all.body(false, "800.00");
        body["valid_until"] = json!("2017-12-31");
        let id = ok(app.post(&all.claims.street.party_office, "/commitments", body.clone()).await, 201)["id"].as_str().unwrap().to_owned();
        ok(all.act(app, &all.claims.street.accountant, &id, "review").await, 200);
        ok(all.act(app, &all.claims.street.leader, &id, "approve").await, 200);
        let submitted = ok(app.post(&all.claims.street.party_office, "/commitments", body).await, 201)["id"].as_str().unwrap().to_owned();
        let mut claim = all.claims.body(false, "300.00");
        claim["commitment_id"] = json!(id);
        app.context.clocks.set("2017-12-29T01:00:00Z".parse().unwrap());
        let claim = ok(app.post(&all.claims.street.party_office, "/claims", claim).await, 201)["id"].as_str().unwrap().to_owned();
        app.context.clocks.set("2018-01-01T01:00:00Z".parse().unwrap());
        let accountant = app.log_in("c-accountant", PASSWORD).await;
        let periods = ok(app.get(&accountant, "/ledger/periods?sort=month").await, 200)["data"].clone();
        for period in periods.as_array().unwrap().iter().take(11) {
            ok(app.act(&accountant, &format!("/ledger/periods/{}/close", period["id"].as_str().unwrap()), "\"v1\"").await, 200);
        }
        ok(app.post(&accountant, "/fiscal-years", json!({"year": 2018})).await, 201);
        let year = app.get(&accountant, "/fiscal-years?year=2017").await.body["data"][0].clone();
        let (path, etag) = (format!("/fiscal-years/{}/close", year["id"].as_str().unwrap()), format!("\"v{}\"", year["version"]));
        let close = async |key: &str| app.send(Method::POST, &path, &accountant, Some(json!({})), &[("If-Match", &etag), ("Idempotency-Key", key)]).await;
        assert_eq!(close("y1").await.code(), (409, "claims_open"));
        ok(all.claims.reasoned(app, &all.claims.street.accountant, &claim, "reject").await, 200);
        assert_eq!(all.held(app, &id).await, "800.00");
        assert_eq!(close("y2").await.code(), (409, "commitments_open"));
        all.sweep(app, "2018-01-01T02:00:00Z").await;
        assert_eq!((all.read(app, &id).await["state"].as_str(), all.read(app, &submitted).await["state"].as_str()), (Some("expired"), Some("expired")));
        assert_eq!(all.line(app, false).await, ["0.00", "0.00", "0.00", "30000.00"]);
        all.claims.books_hold(app).await;
        ok(close("y3").await, 200);
    }

    async fn the_year_job_releases_claims_and_applications_in_either_order(app: TestApp) {
        let all = Applications::open(app).await;
        let mut body = all.body(true, "800.00");
        body["valid_until"] = json!("2017-12-31");
        let id = ok(app.post(&all.claims.street.staff, "/commitments", body).await, 201)["id"].as_str().unwrap().to_owned();
        ok(all.act(app, &all.claims.street.accountant, &id, "review").await, 200);
        ok(all.act(app, &all.claims.street.leader, &id, "approve").await, 200);
        app.context.clocks.set("2017-12-29T01:00:00Z".parse().unwrap());
        let claim = ok(all.claim(app, true, "900.00", &id).await, 201)["id"].as_str().unwrap().to_owned();
        assert_eq!(all.line(app, true).await, ["900.00", "0.00", "0.00", "100.00"]);
        all.sweep(app, "2018-01-01T01:00:00Z").await;
        let returned = ok(app.get(&all.claims.street.accountant, &format!("/claims/{claim}")).await, 200);
        assert_eq!((returned["state"].as_str(), returned["reserved"].as_str(), returned["from_commitment"].as_str()), (Some("draft"), Some("0.00"), Some("0.00")));
        assert_eq!((all.read(app, &id).await["state"].as_str(), all.held(app, &id).await.as_str()), (Some("expired"), "0.00"));
        assert_eq!(all.line(app, true).await, ["0.00", "0.00", "0.00", "1000.00"]);
        all.claims.books_hold(app).await;
    }

    async fn a_sister_district_sees_no_application_and_claims_under_none(app: TestApp) {
        let all = Applications::open(app).await;
        let id = all.approved(app, false, "100.00").await;
        let other = Claims::open_in(app, "江汉区", "o-").await;
        for token in [&other.street.accountant, &other.street.leader, &other.street.first] {
            assert_eq!(app.get(token, &format!("/commitments/{id}")).await.code(), (404, "not_found"));
            assert_eq!(ok(app.get(token, "/commitments").await, 200)["data"], json!([]));
        }
        assert_eq!(app.get(&all.claims.street.staff, &format!("/commitments/{id}")).await.code(), (404, "not_found"), "nor does the street's own community");
        let mut claim = other.body(false, "10.00");
        claim["commitment_id"] = json!(id);
        assert_eq!(app.post(&other.street.party_office, "/claims", claim.clone()).await.code(), (422, "unknown_reference"));
        claim["commitment_id"] = json!(uuid::Uuid::now_v7());
        assert_eq!(app.post(&other.street.party_office, "/claims", claim).await.code(), (422, "unknown_reference"));
        let mut body = all.body(false, "10.00");
        body["budget_line_id"] = json!(other.street_line);
        assert_eq!(app.post(&other.street.party_office, "/commitments", body).await.code(), (422, "unknown_reference"), "the activity of another district");
        assert_eq!(app.act(&other.street.leader, &format!("/commitments/{id}/approve"), "\"v3\"").await.code(), (404, "not_found"));
    }
}
