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
