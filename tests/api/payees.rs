//! Payees that a unit keeps, chosen in claims by id; their accounts shown to who pays, and never unseen.

use serde_json::json;

use crate::claims::Claims;
use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::ok;

on_both_databases! {
    async fn a_kept_payee_is_chosen_by_id_until_it_is_retired(app: TestApp) {
        let claims = Claims::open(app).await;
        let kept = json!({"community_id": claims.street.community, "kind": "supplier", "name": "示例文化馆", "account_number": "6299 9900 0000 1234", "bank_name": "示例银行"});
        let payee = ok(app.post(&claims.street.staff, "/payees", kept.clone()).await, 201);
        assert_eq!(payee["account_masked"], json!("6299*********234"));
        assert!(!payee.to_string().contains("629999000000"), "{payee}");
        let again = app.post(&claims.street.staff, "/payees", kept).await;
        assert_eq!(again.code(), (409, "payee_exists"));
        assert_eq!(again.body["detail"], json!("The unit keeps a payee of this name and account: choose it, and restore it first where it was retired."));
        let mut body = claims.body(true, "100.00");
        let fields = body.as_object_mut().unwrap();
        fields.remove("payee");
        let neither = app.post(&claims.street.staff, "/claims", body.clone()).await;
        assert_eq!((neither.code(), neither.body["errors"][0]["code"].as_str()), ((422, "validation_failed"), Some("payee_required")));
        body["payee_id"] = payee["id"].clone();
        let claim = ok(app.post(&claims.street.staff, "/claims", body.clone()).await, 201);
        assert_eq!((claim["payee_name"].as_str(), claim["payee_account_masked"].as_str()), (Some("示例文化馆"), Some("6299*********234")));
        let mut of_street = claims.body(false, "100.00");
        of_street.as_object_mut().unwrap().remove("payee");
        of_street["payee_id"] = payee["id"].clone();
        let foreign = app.post(&claims.street.party_office, "/claims", of_street).await;
        assert_eq!((foreign.code(), foreign.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some("/payee_id")), "a payee of another unit");
        let path = format!("/payees/{}", payee["id"].as_str().unwrap());
        ok(app.act(&claims.street.staff, &format!("{path}/retire"), "\"v1\"").await, 200);
        let retired = app.post(&claims.street.staff, "/claims", body).await;
        assert_eq!((retired.code(), retired.body["errors"][0]["pointer"].as_str()), ((422, "unknown_reference"), Some("/payee_id")));
        assert_eq!(app.act(&claims.street.staff, &format!("{path}/retire"), "\"v2\"").await.code(), (409, "invalid_transition"));
        ok(app.act(&claims.street.staff, &format!("{path}/restore"), "\"v2\"").await, 200);
        let listed = ok(app.get(&claims.street.cashier, "/payees?active=true").await, 200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    }

    async fn a_person_who_is_paid_is_masked_everywhere_and_whole_for_the_bank_and_for_who_says_why(app: TestApp) {
        let claims = Claims::open(app).await;
        let street = &claims.street;
        let name = "欧阳示例";
        let kept = json!({"kind": "person", "name": name, "account_number": "6299990000001234", "bank_name": "示例银行"});
        let payee = ok(app.post(&street.party_office, "/payees", kept).await, 201);
        let mut body = claims.body(false, "100.00");
        body.as_object_mut().unwrap().remove("payee");
        body["payee_id"] = payee["id"].clone();
        let made = app.send(reqwest::Method::POST, "/claims", &street.party_office, Some(body.clone()), &[("Idempotency-Key", "person")]).await;
        let replayed = app.send(reqwest::Method::POST, "/claims", &street.party_office, Some(body), &[("Idempotency-Key", "person")]).await;
        assert!(replayed.replayed && !replayed.text.contains(name), "{}", replayed.text);
        let id = made.id();
        let copied = ok(app.post(&street.party_office, &format!("/claims/{id}/copy"), json!({})).await, 201)["id"].as_str().unwrap().to_owned();
        let mut seen = vec![payee.to_string(), made.text.clone()];
        for path in [format!("/claims/{id}"), format!("/claims/{copied}"), format!("/claims/{id}/print"), format!("/claims/{id}/checks"), "/claims".to_owned(), "/payees".to_owned(), format!("/payees/{}", payee["id"].as_str().unwrap())] {
            seen.push(app.get(&street.accountant, &path).await.text);
        }
        seen.push(app.send(reqwest::Method::GET, "/claims", &street.accountant, None, &[("Accept", "text/csv")]).await.text);
        seen.push(app.get(&street.first, "/audit-events?limit=200").await.text);
        for text in &seen {
            assert!(!text.contains(name), "{text}");
        }
        assert_eq!((&made.body["payee_name"], &payee["name"]), (&json!("欧*"), &json!("欧*")));

        let why = "unmasked=true&reason=%E6%A0%B8%E5%AF%B9";
        assert_eq!(app.get(&street.leader, &format!("/claims/{id}?{why}")).await.code(), (403, "forbidden"));
        assert_eq!(app.get(&street.party_office, &format!("/claims/{id}?unmasked=true")).await.code(), (422, "reason_required"));
        for claim in [&id, &copied] {
            assert_eq!(ok(app.get(&street.party_office, &format!("/claims/{claim}?{why}")).await, 200)["payee_name"], json!(name));
        }
        assert!(app.get(&street.party_office, &format!("/claims/{id}/print?{why}")).await.text.contains(name));
        assert_eq!(ok(app.get(&street.party_office, &format!("/payees/{}?{why}", payee["id"].as_str().unwrap())).await, 200)["name"], json!(name));
        let looks = |action: &str| { let path = format!("/audit-events?action={action}"); async move { ok(app.get(&street.first, &path).await, 200)["data"].as_array().unwrap().len() } };
        assert_eq!((looks("claim.unmask").await, looks("payee.unmask").await), (3, 1));

        claims.step(app, &street.accountant, &id, "review").await;
        claims.step(app, &street.leader, &id, "approve").await;
        let shown = ok(app.post(&street.cashier, &format!("/claims/{id}/payee-account"), json!({"reason": "网银"})).await, 200);
        assert_eq!(shown["payee_name"], json!(name));
        let templates = ok(app.get(&street.cashier, "/bank-file-templates").await, 200);
        let template = templates["data"].as_array().unwrap().iter().find(|row| row["definition"]["encoding"] == json!("utf8_bom")).unwrap()["id"].clone();
        let batch = ok(app.money(&street.cashier, "/payment-batches", json!({"template_id": template, "claim_ids": [id]}), "batch").await, 201);
        let file = app.get(&street.cashier, &format!("/payment-batches/{}/file", batch["id"].as_str().unwrap())).await;
        assert!(file.text.contains(name), "the bank is told whom it pays: {}", file.text);
    }

    async fn a_person_among_the_kept_payees_is_searched_by_the_whole_name_and_a_community_finds_its_own(app: TestApp) {
        let claims = Claims::open(app).await;
        let (office, staff) = (&claims.street.party_office, &claims.street.staff);
        let payee = ok(app.post(office, "/payees", json!({"kind": "person", "name": "欧阳示例", "account_number": "6299990000001234"})).await, 201);
        assert_eq!((&payee["name"], payee.get("name_key"), payee.get("name_sealed")), (&json!("欧*"), None, None));
        ok(app.post(office, "/payees", json!({"kind": "person", "name": "欧示例"})).await, 201);
        ok(app.post(office, "/payees", json!({"kind": "supplier", "name": "示例文化馆"})).await, 201);
        let found = async |who: &str, body: serde_json::Value| {
            let answer = app.post(who, "/payees/search", body).await;
            let rows = ok(answer, 200)["data"].clone();
            assert!(!rows.to_string().contains("欧阳"), "{rows}");
            rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found(office, json!({"name": " 欧阳 示例 "})).await, [payee["id"].as_str().unwrap()]);
        assert_eq!(found(office, json!({"name": "欧阳示例", "street_id": claims.street.id})).await.len(), 1);
        assert_eq!(found(office, json!({"name": "欧阳示例", "street_id": uuid::Uuid::now_v7()})).await.len(), 0);
        assert_eq!((found(office, json!({"name": "示例文化馆"})).await.len(), found(office, json!({"name": "欧*"})).await.len(), found(office, json!({"name": "欧阳"})).await.len()), (1, 0, 0));
        assert_eq!(found(staff, json!({"name": "欧阳示例"})).await.len(), 0, "the street's own is not its community's");
        assert_eq!(app.post(office, "/payees/search", json!({"name": ""})).await.status, 422);
    }

    async fn who_pays_sees_the_whole_account_with_a_reason_and_each_look_is_kept(app: TestApp) {
        let claims = Claims::open(app).await;
        let submitted = claims.submitted(app, true, "100.00").await;
        let early = app.post(&claims.street.cashier, &format!("/claims/{submitted}/payee-account"), json!({"reason": "网银单笔转账"})).await;
        assert_eq!(early.code(), (409, "invalid_transition"), "nobody pays it yet");
        let path = format!("/claims/{}/payee-account", claims.approved(app, true, "100.00").await);
        let why = json!({"reason": "网银单笔转账"});
        assert_eq!(app.post(&claims.street.leader, &path, why.clone()).await.code(), (403, "forbidden"));
        assert_eq!(app.post(&claims.street.cashier, &path, json!({"reason": " "})).await.code(), (422, "validation_failed"));
        let shown = ok(app.money(&claims.street.cashier, &path, why.clone(), "look").await, 200);
        let number = shown["account_number"].as_str().unwrap().to_owned();
        assert!(number.len() > 8 && !number.contains('*'), "{shown}");
        let replayed = app.money(&claims.street.cashier, &path, why, "look").await;
        assert!(replayed.replayed && replayed.body["account_number"].is_null(), "{}", replayed.text);
        let dry = ok(app.post(&claims.street.cashier, &format!("{path}?dry_run=true"), json!({"reason": "试算"})).await, 200);
        assert!(dry["account_number"].is_null(), "what leaves no trace shows nothing: {dry}");
        let events = ok(app.get(&claims.street.first, "/audit-events?action=claim.unmask").await, 200);
        assert_eq!((events["data"].as_array().unwrap().len(), events["data"][0]["reason"].as_str()), (1, Some("网银单笔转账")));
        assert!(!events.to_string().contains(&number), "{events}");
    }
}
