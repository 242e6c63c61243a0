//! Who acts in several units that do not lie within each other: in each of them, in none silently, and nowhere else.

use std::collections::BTreeSet;

use mingzhang::app as composed;
use mingzhang::kernel::access::{Capability, Place, Scope};
use mingzhang::kernel::act::Performer;
use mingzhang::platform::notification::{Notice, deliver_once, notify};
use reqwest::Method;
use serde_json::{Value, json};

use crate::claims::Claims;
use crate::on_both_databases;
use crate::stipends::id_number;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

/// Somebody of the district, or of the street where the roles are its communities', with these roles at these units, granted in their order; gives a token.
async fn holder(app: &TestApp, street: &Street, username: &str, roles: &[(&str, &str)]) -> String {
    let home = if roles[0].0.starts_with("community") { &street.id } else { &street.district };
    let (user, token) = app.user(&street.first, username, home).await;
    for (role, unit) in roles {
        let granted = ok(app.post(&street.first, "/role-assignments", json!({"user_id": user, "role": role, "unit_id": unit})).await, 201);
        if granted["state"] == json!("unconfirmed") {
            ok(app.act(&street.second, &format!("/role-assignments/{}/confirm", granted["id"].as_str().unwrap()), "\"v1\"").await, 200);
        }
    }
    token
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// The values of a field in a list's rows.
fn each(list: &Value, field: &str) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

/// A refusal of a list or figure that tells which units can be named.
fn asks_for(answer: &Answer, parameter: &str, units: &[&str]) {
    let told = answer.body["detail"].as_str().unwrap();
    assert_eq!(answer.code(), (400, "invalid_parameter"), "{}", answer.text);
    assert!(told.contains(&format!("with the parameter {parameter}.")) && units.iter().all(|unit| told.contains(&format!("{parameter}={unit} ("))), "{told}");
}

on_both_databases! {
    async fn an_accountant_of_two_streets_keeps_the_books_of_each_and_of_no_third(app: TestApp) {
        let one = Street::open(app, "硚口区", "").await;
        let sister = Street::beside(app, &one, "b").await;
        let third = Street::named_beside(app, &one, "宗关街", "c").await;
        let of_third = id(&ok(app.post(&third.accountant, "/fiscal-years", json!({"year": 2017})).await, 201));
        let both = holder(app, &one, "both", &[("accountant", &one.id), ("accountant", &sister.id)]).await;
        let unnamed = app.post(&both, "/fiscal-years", json!({"year": 2017})).await;
        assert_eq!((unnamed.code(), unnamed.body["errors"][0]["pointer"].as_str()), ((422, "street_required"), Some("/street_id")), "{}", unnamed.text);
        assert!([&one.id, &sister.id].iter().all(|street| unnamed.text.contains(street.as_str())) && !unnamed.text.contains(&third.id), "{}", unnamed.text);
        assert_eq!(app.post(&both, "/fiscal-years", json!({"year": 2018, "street_id": third.id})).await.code(), (422, "unknown_reference"));
        for path in ["/fiscal-years", "/receipts", "/budgets", "/ledger/vouchers", "/ledger/balances", "/ledger/accounts/1002/detail", "/ledger/verify", "/summary/street?fiscal_year=2017", "/claims", "/users", "/org-units", "/plan-items", "/bank-file-templates"] {
            asks_for(&app.get(&both, path).await, "street_id", &[&one.id, &sister.id]);
        }
        for (street, amount) in [(&one, "100.00"), (&sister, "200.00")] {
            let named = format!("street_id={}", street.id);
            let year = id(&ok(app.post(&both, "/fiscal-years", json!({"year": 2017, "street_id": street.id})).await, 201));
            let line = json!({"category_id": street.category, "amount": amount, "plan_item_ids": [street.plan_item]});
            let budget = street.budget_of_open_year(app, amount, json!([line])).await;
            let receipt = json!({"street_id": street.id, "date": "2017-01-03", "document_number": "财预1号", "amount": amount, "lines": [{"category_id": street.category, "amount": amount}]});
            let receipt = ok(app.money(&both, "/receipts", receipt, &format!("receipt-{amount}")).await, 201);
            assert_eq!((each(&ok(app.get(&both, &format!("/fiscal-years?{named}")).await, 200), "id"), each(&ok(app.get(&both, &format!("/receipts?{named}")).await, 200), "id")), (vec![year.clone()], vec![id(&receipt)]));
            for path in [format!("/fiscal-years/{year}"), format!("/receipts/{}", id(&receipt)), format!("/budgets/{}", id(&budget)), format!("/budgets/{}/lines", id(&budget)), format!("/ledger/vouchers/{}/print", receipt["voucher_id"].as_str().unwrap()), format!("/org-units/{}", street.id), format!("/org-units/{}", street.community)] {
                let answer = app.get(&both, &path).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            }
            let summary = ok(app.get(&both, &format!("/summary/street?fiscal_year=2017&{named}")).await, 200);
            assert_eq!((summary["total"]["received"].as_str(), ok(app.get(&both, &format!("/ledger/verify?{named}")).await, 200)["vouchers"].as_i64()), (Some(amount), Some(1)));
            assert!(!ok(app.get(&both, &format!("/ledger/balances?{named}")).await, 200)["data"].as_array().unwrap().is_empty());
            assert_eq!(ok(app.get(&both, &format!("/ledger/accounts/1002/detail?{named}")).await, 200)["data"][1]["debit"].as_str(), Some(amount));
            let templates = ok(app.get(&both, &format!("/bank-file-templates?{named}")).await, 200)["data"].as_array().unwrap().len();
            assert_eq!((templates > 0, Some(templates)), (true, ok(app.get(&street.accountant, "/bank-file-templates").await, 200)["data"].as_array().map(Vec::len)), "what the district keeps for its streets");
            let units = each(&ok(app.get(&both, &format!("/org-units?{named}&sort=name")).await, 200), "id");
            assert_eq!(units.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&street.id, &street.community]));
        }
        for path in [format!("/fiscal-years/{of_third}"), format!("/org-units/{}", third.id), format!("/plan-items/{}", third.plan_item), format!("/fiscal-years/{}", one.id), "/fiscal-years/x".to_owned()] {
            assert_eq!(app.get(&both, &path).await.code(), (404, "not_found"), "{path}");
            // The same in a unit that is named, whichever it is.
            assert_eq!(app.get(&both, &format!("{path}?street_id={}", third.id)).await.code(), (404, "not_found"), "{path}");
        }
        for path in ["/fiscal-years", "/budgets", "/org-units"] {
            assert_eq!(ok(app.get(&both, &format!("{path}?street_id={}", third.id)).await, 200)["data"], json!([]), "{path}");
        }
        let close = app.send(Method::POST, &format!("/fiscal-years/{of_third}/close"), &both, Some(json!({})), &[("If-Match", "\"v1\""), ("Idempotency-Key", "close")]).await;
        assert_eq!(close.code(), (404, "not_found"));
        for path in ["/categories", "/expense-items", "/scheme-kinds", "/calendar-years", "/activity-limits/in-force", "/ledger/accounts", "/me", "/auth/sessions"] {
            assert_eq!(app.get(&both, path).await.status, 200, "{path}");
        }
        assert_eq!(app.get(&both, "/summary/district").await.code(), app.get(&one.accountant, "/summary/district").await.code());
    }

    async fn the_second_streets_claim_is_reviewed_and_its_stipends_are_prepared_by_who_serves_two(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let sister = Street::beside(app, street, "b").await;
        let accountant = holder(app, &sister, "two-accountant", &[("accountant", &sister.id), ("accountant", &street.id)]).await;
        let claim = claims.submitted(app, false, "100.00").await;
        let read = app.get(&accountant, &format!("/claims/{claim}")).await;
        assert_eq!(ok(app.get(&accountant, &format!("/claims?street_id={}", street.id)).await, 200)["data"][0]["id"].as_str(), Some(claim.as_str()));
        assert_eq!(ok(app.get(&accountant, &format!("/claims?street_id={}", sister.id)).await, 200)["data"], json!([]));
        let etag = read.etag.clone().unwrap();
        assert_eq!(app.act(&accountant, &format!("/claims/{claim}/review?street_id={}", sister.id), &etag).await.code(), (404, "not_found"), "what is named counts");
        let reviewed = ok(app.act(&accountant, &format!("/claims/{claim}/review"), &etag).await, 200);
        assert_eq!(reviewed["next_capability"], json!("claim.approve_small"), "{reviewed}");
        let office = holder(app, &sister, "two-office", &[("party_office", &sister.id), ("party_office", &street.id)]).await;
        let kind = ok(app.post(&street.first, "/scheme-kinds", json!({"code": "K1", "name": "津贴", "frequency": "quarter"})).await, 201)["id"].clone();
        let scheme = json!({"street_id": street.id, "scheme_kind_id": kind, "category_id": street.category, "name": "季度津贴", "first_period": "2017Q1", "tax_kind": "labour", "rates": [{"from_month": "2017-01", "amount": "200.00"}]});
        let scheme = id(&ok(app.post(&office, "/stipend-schemes", scheme).await, 201));
        let beneficiary = json!({"name": "示例一", "id_number": id_number(1), "account": {"number": "622202000000000001", "bank_name": "示例银行"}});
        assert_eq!(app.post(&office, "/beneficiaries", beneficiary.clone()).await.code(), (422, "street_required"));
        let mut named = beneficiary;
        named["street_id"] = json!(street.id);
        let beneficiary = id(&ok(app.post(&office, "/beneficiaries", named).await, 201));
        let enrolment = |scheme: &str| json!({"scheme_id": scheme, "beneficiary_id": beneficiary, "from_date": "2017-01-01"});
        assert_eq!(app.post(&office, "/enrolments", enrolment(&beneficiary)).await.code(), (422, "unknown_reference"));
        let enrolled = ok(app.post(&office, "/enrolments", enrolment(&scheme)).await, 201);
        assert_eq!(enrolled["street_id"].as_str(), Some(street.id.as_str()), "the scheme tells the street");
        let leader = holder(app, &sister, "two-leader", &[("street_leader", &sister.id), ("street_leader", &street.id)]).await;
        ok(app.act(&leader, &format!("/enrolments/{}/confirm", id(&enrolled)), "\"v1\"").await, 200);
        let etag = app.get(&leader, &format!("/claims/{claim}")).await.etag.unwrap();
        let version: i64 = etag.trim_matches(['"', 'v']).parse().unwrap();
        let approved = ok(app.post(&leader, "/claims/approve", json!({"items": [{"id": claim, "version": version}]})).await, 200);
        assert_eq!(approved["outcomes"][0]["outcome"], json!("approved"), "{approved}");
        let verify = json!({"period": "2017-01-03"});
        asks_for(&app.post(&accountant, "/jobs/ledger.verify/run", verify.clone()).await, "street_id", &[&street.id, &sister.id]);
        let verified = ok(app.post(&accountant, &format!("/jobs/ledger.verify/run?street_id={}", street.id), verify).await, 200);
        assert_eq!((verified["slots"].as_array().unwrap().len(), verified["slots"][0]["scope"].as_str()), (1, Some(street.id.as_str())), "{verified}");
        let of_sister = ok(app.post(&street.first, &format!("/jobs/ledger.verify/run?street_id={}", sister.id), json!({"period": "2017-01-03"})).await, 200);
        assert_eq!((of_sister["slots"].as_array().unwrap().len(), of_sister["slots"][0]["scope"].as_str()), (1, Some(sister.id.as_str())), "a district's administrator names one too: {of_sister}");
        let run = ok(app.get(&accountant, &format!("/job-runs?street_id={}", street.id)).await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(app.get(&accountant, &format!("/job-runs/{run}")).await, 200);
        let template = app.upload(&office, "/beneficiaries/import", ("名单.csv", "姓名".into()), &[]).await;
        asks_for(&template, "street_id", &[&street.id, &sister.id]);
        let read = app.upload(&office, &format!("/beneficiaries/import?street_id={}", street.id), ("名单.csv", "姓名".into()), &[]).await;
        assert_eq!(read.status, 422, "{}", read.text);
    }

    async fn a_capability_that_is_held_in_one_street_only_is_not_usable_in_the_other(app: TestApp) {
        let one = Street::open(app, "硚口区", "").await;
        let sister = Street::beside(app, &one, "b").await;
        let year = id(&ok(app.post(&one.accountant, "/fiscal-years", json!({"year": 2017})).await, 201));
        let of_sister = id(&ok(app.post(&sister.accountant, "/fiscal-years", json!({"year": 2017})).await, 201));
        let mixed = holder(app, &one, "mixed", &[("inspector", &one.id), ("accountant", &sister.id)]).await;
        ok(app.get(&mixed, &format!("/fiscal-years/{year}")).await, 200);
        ok(app.get(&mixed, &format!("/fiscal-years/{of_sister}")).await, 200);
        for path in ["close", "lapse-quota"] {
            let closed = app.send(Method::POST, &format!("/fiscal-years/{year}/{path}"), &mixed, Some(json!({})), &[("If-Match", "\"v1\""), ("Idempotency-Key", "close")]).await;
            assert_eq!(closed.code(), (404, "not_found"), "{}", closed.text);
        }
        let receipt = |street: Option<&str>| json!({"street_id": street, "date": "2017-01-03", "document_number": "D1", "amount": "1.00", "lines": [{"category_id": one.category, "amount": "1.00"}]});
        assert_eq!(app.money(&mixed, "/receipts", receipt(Some(&one.id)), "r1").await.code(), (422, "unknown_reference"));
        let recorded = ok(app.money(&mixed, "/receipts", receipt(None), "r2").await, 201);
        assert_eq!(recorded["street_id"].as_str(), Some(sister.id.as_str()), "recorded in one street only, it need not be named");
        assert_eq!(ok(app.get(&mixed, &format!("/audit-events?action=fiscal_year.open&street_id={}", one.id)).await, 200)["data"].as_array().unwrap().len(), 1);
        assert_eq!(ok(app.get(&mixed, "/audit-events?action=fiscal_year.open").await, 200)["data"].as_array().unwrap().len(), 1, "the trail is read in one street only");
        assert_eq!(app.post(&mixed, "/budgets", json!({"street_id": one.id, "fiscal_year": 2017, "programme": "党建", "total": "1.00", "lines": []})).await.code(), (403, "forbidden"));
    }

    async fn staff_of_two_communities_work_in_each_and_name_it(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let (mine, alien) = (id(&ok(app.post(&street.first, "/org-units", json!({"parent_id": street.id, "name": "古五社区"})).await, 201)), id(&ok(app.post(&street.first, "/org-units", json!({"parent_id": street.id, "name": "古六社区"})).await, 201)));
        let staff = holder(app, street, "two", &[("community_staff", &mine), ("community_staff", &street.community)]).await;
        let activity = |community: Option<&str>| json!({"community_id": community, "kind": "theme_day", "title": "二月主题党日", "from_date": "2017-02-20", "place": "党员活动室", "planned_headcount": 30});
        let unnamed = app.post(&staff, "/activities", activity(None)).await;
        assert_eq!((unnamed.code(), unnamed.body["errors"][0]["pointer"].as_str()), ((422, "community_required"), Some("/community_id")), "{}", unnamed.text);
        assert!(unnamed.text.contains(&mine) && unnamed.text.contains(&street.community), "{}", unnamed.text);
        let mut street_only = activity(None);
        street_only["street_id"] = json!(street.id);
        assert_eq!(app.post(&staff, "/activities", street_only).await.code(), (422, "community_required"));
        assert_eq!(app.post(&staff, "/activities", activity(Some(&alien))).await.code(), (422, "unknown_reference"));
        for community in [&mine, &street.community] {
            let made = id(&ok(app.post(&staff, "/activities", activity(Some(community))).await, 201));
            let path = format!("/activities/{made}");
            let read = app.get(&staff, &path).await;
            assert_eq!(ok(app.get(&staff, &format!("/activities?community_id={community}&sort=title")).await, 200)["data"].as_array().unwrap().iter().filter(|row| row["id"] == json!(made)).count(), 1);
            let cancelled = app.send(Method::POST, &format!("{path}/cancel"), &staff, Some(json!({"reason": "改期"})), &[("If-Match", &read.etag.unwrap())]).await;
            assert_eq!(cancelled.status, 200, "{}", cancelled.text);
            let paper = app.upload(&staff, "/attachments", ("签到表.pdf", format!("%PDF-1.7 {community}").into_bytes()), &[("community_id", community)]).await;
            let paper = id(&ok(paper, 201));
            assert_eq!(app.get(&staff, &format!("/attachments/{paper}/content")).await.status, 200);
            assert_eq!(each(&ok(app.get(&staff, &format!("/attachments?community_id={community}")).await, 200), "id"), [paper]);
            assert_eq!(ok(app.get(&staff, &format!("/summary/street?fiscal_year=2017&community_id={community}")).await, 200)["total"]["approved"].as_str(), Some(if *community == mine { "0.00" } else { "1000.00" }));
            assert_eq!(app.get(&staff, &format!("/approval-chains?community_id={community}")).await.status, 200);
        }
        assert_eq!(app.upload(&staff, "/attachments", ("签到表.pdf", b"%PDF-1.7".to_vec()), &[]).await.code(), (422, "community_required"));
        for path in ["/claims", "/activities", &format!("/claims?street_id={}", street.id), &format!("/summary/street?street_id={}", street.id)] {
            asks_for(&app.get(&staff, path).await, "community_id", &[&mine, &street.community]);
        }
        let claim = id(&ok(app.post(&staff, "/claims", claims.body(true, "10.00")).await, 201));
        ok(app.get(&staff, &format!("/claims/{claim}/timeline")).await, 200);
        assert_eq!(ok(app.get(&staff, &format!("/claims?community_id={mine}")).await, 200)["data"], json!([]));
        let of_street = claims.submitted(app, false, "20.00").await;
        assert_eq!(app.get(&staff, &format!("/claims/{of_street}")).await.code(), (404, "not_found"));
        assert_eq!(app.get(&staff, &format!("/approval-chains?community_id={alien}")).await.code(), (400, "unknown_parameter"), "it is no filter of this list");
        assert_eq!(app.get(&staff, &format!("/summary/street?community_id={alien}")).await.code(), (400, "invalid_parameter"));
        // With the street's role besides, only what that does not allow is each community's.
        let user = ok(app.get(&staff, "/me").await, 200)["id"].clone();
        ok(app.post(&street.first, "/role-assignments", json!({"user_id": user, "role": "street_admin", "unit_id": street.id})).await, 201);
        assert_eq!(ok(app.get(&staff, "/activities").await, 200)["data"].as_array().unwrap().len(), 4);
        ok(app.get(&staff, &format!("/claims/{claim}")).await, 200);
        asks_for(&app.get(&staff, "/claims").await, "community_id", &[&mine, &street.community]);
    }

    async fn what_somebody_takes_out_of_a_street_is_kept_where_that_street_reads_it(app: TestApp) {
        let one = Street::open(app, "硚口区", "").await;
        let sister = Street::beside(app, &one, "b").await;
        let (of_one, of_sister) = (one.person(app, "oneinspector", "inspector").await, sister.person(app, "sisterinspector", "inspector").await);
        let both = holder(app, &one, "both", &[("accountant", &one.id), ("accountant", &sister.id)]).await;
        let csv = app.send(Method::GET, &format!("/claims?street_id={}", sister.id), &both, None, &[("Accept", "text/csv")]).await;
        assert_eq!(csv.status, 200, "{}", csv.text);
        let exports = async |who: &str| ok(app.get(who, "/audit-events?action=export").await, 200)["data"].as_array().unwrap().len();
        assert_eq!((exports(&of_sister).await, exports(&of_one).await), (1, 0));
    }

    async fn tasks_and_notices_of_all_units_stand_in_one_order_and_one_streets_alone_where_it_is_named(app: TestApp) {
        let one = Street::open(app, "硚口区", "").await;
        let sister = Street::beside(app, &one, "b").await;
        let third = Street::named_beside(app, &one, "宗关街", "c").await;
        let both = holder(app, &one, "both", &[("street_admin", &one.id), ("street_admin", &sister.id)]).await;
        let mut waiting = Vec::new();
        for (number, street) in [&one, &sister, &third, &one, &sister].into_iter().enumerate() {
            let (user, _) = app.user(&one.first, &format!("cashier{number}"), &street.id).await;
            let role = id(&ok(app.post(&one.second, "/role-assignments", json!({"user_id": user, "role": "cashier", "unit_id": street.id})).await, 201));
            let place = Place::street(one.district.parse().unwrap(), street.id.parse().unwrap());
            let act = app.context.act(Performer::Job { name: "toy", authorisation: None }, "test".to_owned(), None);
            let tx = app.context.db.write(Scope::of_place(place)).await.unwrap();
            let (zh, en) = (number.to_string(), number.to_string());
            notify(&tx, &act, Notice { place, capability: Capability::RoleConfirm, kind: "toy.told", subject_type: "toy", subject_id: role.parse().unwrap(), zh, en }).await.unwrap();
            tx.commit().await.unwrap();
            deliver_once(&app.context).await.unwrap();
            waiting.push(role);
        }
        let all = [&waiting[4], &waiting[3], &waiting[1], &waiting[0]];
        for (path, field) in [("/me/tasks", "id"), ("/notifications", "subject_id")] {
            let subjects = async |query: &str| each(&ok(app.get(&both, &format!("{path}?{query}")).await, 200), field).into_iter().filter(|subject| waiting.contains(subject)).collect::<Vec<_>>();
            let kind = if path == "/notifications" { "kind=toy.told&" } else { "" };
            assert_eq!(subjects(kind).await.iter().collect::<Vec<_>>(), all, "{path}");
            assert_eq!(subjects(&format!("{kind}street_id={}", sister.id)).await, [waiting[4].clone(), waiting[1].clone()]);
            assert_eq!(subjects(&format!("{kind}street_id={}", third.id)).await, Vec::<String>::new());
            let (mut paged, mut query) = (Vec::new(), format!("{kind}limit=1"));
            loop {
                let page = ok(app.get(&both, &format!("{path}?{query}")).await, 200);
                assert!(page["data"].as_array().unwrap().len() == 1, "{page}");
                paged.extend(each(&page, field));
                match page["next_cursor"].as_str() {
                    Some(cursor) => query = format!("{kind}limit=1&cursor={cursor}"),
                    None => break,
                }
            }
            assert_eq!(paged.iter().collect::<Vec<_>>(), all, "{path}");
            let csv = app.send(Method::GET, &format!("{path}?{}", kind.trim_end_matches('&')), &both, None, &[("Accept", "text/csv")]).await;
            assert_eq!((csv.status.as_u16(), csv.text.lines().count()), (200, 5), "{}", csv.text);
        }
        let oldest = each(&ok(app.get(&both, "/notifications?kind=toy.told&sort=created_at&limit=3").await, 200), "subject_id");
        assert_eq!(oldest, [waiting[0].clone(), waiting[1].clone(), waiting[3].clone()]);
        let notice = ok(app.get(&both, &format!("/notifications?street_id={}", sister.id)).await, 200)["data"][0]["id"].as_str().unwrap().to_owned();
        ok(app.post(&both, &format!("/notifications/{notice}/read"), json!({})).await, 200);
        ok(app.act(&both, &format!("/role-assignments/{}/confirm", waiting[1]), "\"v1\"").await, 200);
        ok(app.act(&both, &format!("/role-assignments/{}/confirm", waiting[3]), "\"v1\"").await, 200);
        assert_eq!(app.act(&both, &format!("/role-assignments/{}/confirm", waiting[2]), "\"v1\"").await.code(), (404, "not_found"));
        assert_eq!(each(&ok(app.get(&both, "/me/tasks?kind=done").await, 200), "id"), [waiting[3].clone(), waiting[1].clone()]);
        assert_eq!(each(&ok(app.get(&both, "/me/tasks").await, 200), "id"), [waiting[4].clone(), waiting[0].clone()]);
        let made = app.post(&both, "/users", json!({"username": "new", "display_name": "new", "unit_id": sister.id, "id_number": crate::support::next_id_number(), "first_password": "another horse battery staple"})).await;
        ok(app.get(&both, &format!("/users/{}", made.id())).await, 200);
        ok(app.post(&both, "/org-units", json!({"parent_id": sister.id, "name": "长丰社区"})).await, 201);
        assert_eq!(app.post(&both, "/org-units", json!({"parent_id": third.id, "name": "长丰社区"})).await.code(), (422, "unknown_reference"));
        ok(app.post(&both, "/role-assignments", json!({"user_id": made.id(), "role": "inspector", "unit_id": sister.id})).await, 201);
        assert_eq!(ok(app.get(&one.second, "/me/tasks?kind=started").await, 200)["data"].as_array().unwrap().len(), 3);
    }

    async fn who_acts_in_one_unit_is_asked_for_none_and_may_name_none_where_it_is_no_filter(app: TestApp) {
        let street = Street::open(app, "硚口区", "").await;
        for path in ["/fiscal-years", "/users", "/org-units", "/me/tasks", "/notifications", "/ledger/balances"] {
            assert_eq!(app.get(&street.accountant, path).await.status, 200, "{path}");
        }
        // Two roles, of which one lies above the other.
        let two = holder(app, &street, "two", &[("accountant", &street.id), ("community_secretary", &street.community)]).await;
        for path in ["/fiscal-years", "/claims", "/ledger/balances"] {
            assert_eq!(app.get(&two, path).await.status, 200, "{path}");
        }
        for (who, community) in [(&street.accountant, &street.community), (&street.staff, &street.community), (&two, &street.community)] {
            assert_eq!(app.get(who, &format!("/approval-chains?community_id={community}")).await.code(), (400, "unknown_parameter"));
        }
        let activity = json!({"kind": "theme_day", "title": "二月主题党日", "from_date": "2017-02-20", "place": "党员活动室", "planned_headcount": 30});
        assert_eq!(ok(app.post(&street.staff, "/activities", activity).await, 201)["community_id"].as_str(), Some(street.community.as_str()), "the only community need not be named");
    }
}

/// Paths whose parameter is no row's id, or is the caller's own login's.
const NO_ROWS: [&str; 3] = ["jobs", "ledger/accounts", "auth/sessions"];

#[test]
fn of_every_id_in_a_path_it_is_known_where_its_row_lies() {
    let (described, known) = (composed::openapi(), composed::whereabouts());
    let unknown: BTreeSet<&str> =
        described.paths.paths.keys().filter_map(|path| path.strip_prefix("/api/v1/")?.split_once("/{")).map(|(noun, _)| noun).filter(|noun| !known.knows(noun) && !NO_ROWS.contains(noun)).collect();
    assert!(unknown.is_empty(), "tell `app::whereabouts` where the rows of {unknown:?} lie");
}

#[test]
fn every_creation_names_its_unit_or_refers_to_a_row_of_it() {
    let described = serde_json::to_value(composed::openapi()).unwrap();
    let known = composed::whereabouts();
    let mut lost = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        let post = &item["post"];
        let noun = path.strip_prefix("/api/v1/").unwrap_or_default();
        if post.is_null() || path.contains('{') || noun.starts_with("auth/") || known.is_of_no_unit(noun) {
            continue;
        }
        let in_query = post["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == json!("street_id")));
        let contents = post["requestBody"]["content"].as_object().unwrap();
        let schema = contents.values().next().unwrap()["schema"]["$ref"].as_str().unwrap();
        let fields = &described["components"]["schemas"][schema.rsplit('/').next().unwrap()]["properties"];
        let in_body = fields
            .as_object()
            .is_some_and(|fields| fields.contains_key("items") && known.refers("/items/0/id") || fields.keys().any(|field| field == "street_id" || known.refers(&format!("/{field}"))));
        if !in_query && !in_body {
            lost.push(path);
        }
    }
    assert!(lost.is_empty(), "who acts in several units cannot say where: {lost:?}");
}
