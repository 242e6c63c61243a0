//! Invoices, and those who would prove two claims with one.

use mingzhang::platform::jobs;
use reqwest::Method;
use serde_json::json;

use crate::evidence::{DIGITAL, PDF, World, id, ofd, pointers};
use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::street::ok;

on_both_databases! {
    async fn an_invoice_must_look_like_its_kind_and_an_electronic_one_needs_its_original(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let wrong = json!({"kind": "digital", "code": "123", "number": "16422000000012345678", "seller_name": "", "issued_on": "2017-01-02", "total": "0.00", "electronic": false, "lines": [{"name": "x", "amount": "1.00"}]});
        let refused = app.post(&side.street.staff, "/invoices", wrong).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "validation_failed"), ["/code", "/number", "/electronic", "/seller_name", "/total", "/lines"].map(str::to_owned).to_vec()));
        let body = |number: &str, original: Option<&str>| {
            json!({"community_id": side.street.community, "kind": "digital", "number": number, "seller_name": "示例公司", "issued_on": "2017-01-02", "total": "200.00", "original_attachment_id": original})
        };
        let photo = ok(app.upload(&side.street.staff, "/attachments", ("发票.xml", b"\xff\xd8\xff\xe0 photo".to_vec()), &[]).await, 201);
        assert_eq!(app.post(&side.street.staff, "/invoices", body("17422000000012345678", Some(&id(&photo)))).await.code(), (422, "paper_not_taken"));
        let invoice = id(&ok(app.post(&side.street.staff, "/invoices", body("17422000000012345678", None)).await, 201));
        let refused = side.claim(app, &invoice, "200.00").await;
        assert_eq!(refused.code(), (422, "invoice_original_missing"));
        let fields = [("subject_type", "invoice"), ("subject_id", invoice.as_str()), ("paper_kind", "invoice_original")];
        assert_eq!(app.upload(&side.street.staff, "/attachments", ("scan.png", b"\x89PNG\r\n\x1a\n scan".to_vec()), &fields).await.code(), (422, "paper_not_taken"));
        ok(app.upload(&side.street.staff, "/attachments", ("发票.xml", DIGITAL.as_bytes().to_vec()), &fields).await, 201);
        let claim = ok(side.claim(app, &invoice, "200.00").await, 201);
        assert_eq!(claim["draws"][0]["live"], json!(true));
        for kind in ["ticket", "quota", "pay_list"] {
            let other = json!({"community_id": side.street.community, "kind": kind, "number": "1742200000001234 5678", "seller_name": "示例公司", "issued_on": "2017-01-02", "total": "200.00"});
            let refused = app.post(&side.street.staff, "/invoices", other).await;
            assert_eq!((refused.code(), refused.body["errors"][0]["code"].as_str()), ((422, "validation_failed"), Some("invoice_of_another_kind")), "{kind}");
        }
        let future = json!({"community_id": side.street.community, "kind": "ticket", "number": "E1", "seller_name": "铁路", "issued_on": "2017-01-04", "total": "1.00"});
        let refused = app.post(&side.street.staff, "/invoices", future).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "date_in_future"), vec!["/issued_on".to_owned()]));
        assert!(refused.text.contains("The invoice is dated in the future"), "{}", refused.text);
        let by_code = json!({"community_id": side.street.community, "kind": "paper_vat", "code": "042001700111", "number": "12345678", "seller_name": "示例公司", "issued_on": "2017-01-02", "total": "200.00"});
        let by_code = ok(app.post(&side.street.staff, "/invoices", by_code).await, 201);
        assert_eq!(by_code["electronic"], json!(true), "its code is an electronic invoice's");
        assert_eq!(side.claim(app, &id(&by_code), "100.00").await.code(), (422, "invoice_original_missing"));
        let (one, other) = (side.invoice(app, "55555555", "10.00").await, side.invoice(app, "5555-5555", "10.00").await);
        let twice = app.post(&side.street.staff, "/claims", side.body("20.00", json!([{"invoice_id": one, "amount": "10.00"}, {"invoice_id": other, "amount": "10.00"}]))).await;
        assert_eq!(twice.code(), (409, "invoice_used_in_street"), "nor in one claim");
        // The same file under another number is the same original.
        let file = ok(app.upload(&side.street.staff, "/attachments", ("again.xml", DIGITAL.as_bytes().to_vec()), &[]).await, 201);
        let second = id(&ok(app.post(&side.street.staff, "/invoices", body("17422000000099999999", Some(&id(&file)))).await, 201));
        assert_eq!(side.claim(app, &second, "200.00").await.code(), (409, "invoice_used_in_street"));
        let original = [("subject_type", "claim"), ("subject_id", claim["id"].as_str().unwrap()), ("paper_kind", "invoice_original")];
        assert_eq!(app.upload(&side.street.staff, "/attachments", ("a.pdf", PDF.to_vec()), &original).await.code(), (422, "paper_not_taken"));
        // What a submitted claim draws on does not change.
        let path = format!("/invoices/{invoice}");
        assert_eq!(app.send(Method::PATCH, &path, &side.street.staff, Some(json!({"total": "100.00"})), &[("If-Match", "\"v1\"")]).await.code(), (409, "invoice_in_use"));
        assert_eq!(app.upload(&side.street.staff, "/attachments", ("b.pdf", PDF.to_vec()), &fields).await.code(), (409, "invoice_in_use"));
        let changed = ok(app.send(Method::PATCH, &format!("/invoices/{second}"), &side.street.staff, Some(json!({"total": "150.00"})), &[("If-Match", "\"v1\"")]).await, 200);
        assert_eq!((changed["total"].as_str(), changed["number"].as_str(), changed["version"].as_i64()), (Some("150.00"), Some("17422000000099999999"), Some(2)));
    }

    async fn an_invoice_is_used_once_in_the_district_and_another_street_learns_nothing_of_it(app: TestApp) {
        let world = World::open(app).await;
        let (own, sister) = (&world.own, &world.sister);
        let first = own.invoice(app, "12345678", "300.00").await;
        let claim = id(&ok(own.claim(app, &first, "300.00").await, 201));
        let again = own.invoice(app, "12345678", "300.00").await;
        assert_eq!(own.claim(app, &again, "100.00").await.code(), (409, "invoice_used_in_street"));
        let theirs = sister.invoice(app, "1234 5678", "300.00").await;
        for _ in 0..2 {
            let refused = sister.claim(app, &theirs, "100.00").await;
            assert_eq!(refused.code(), (409, "invoice_used_elsewhere"));
            assert!(refused.body["detail"].as_str().unwrap().contains("ask the district"));
            for secret in [&first, &claim, &own.street.id, &own.street.community, &"韩家墩".to_owned()] {
                assert!(!refused.text.contains(secret.as_str()), "{}", refused.text);
            }
        }
        let kept = ok(app.get(&own.street.first, "/audit-events?action=invoice.used_elsewhere").await, 200);
        let kept = kept["data"].as_array().unwrap();
        assert_eq!(kept.len(), 2, "every hit is kept, though everything else is rolled back");
        assert!(kept.iter().all(|event| event["subject_id"] == json!(theirs) && event["street_id"] == json!(sister.street.id)));
        assert_eq!(ok(app.get(&sister.street.accountant, "/claims").await, 200)["data"], json!([]), "nothing else is kept");
        assert_eq!(sister.left(app, &theirs).await, json!("300.00"));
        ok(own.step(app, &own.street.staff, &claim, "withdraw", json!({})).await, 200);
        ok(sister.claim(app, &theirs, "100.00").await, 201);
        assert_eq!(own.claim(app, &again, "100.00").await.code(), (409, "invoice_used_elsewhere"));
        for (number, kind) in [("12345678", "quota"), ("1234-5678", "ticket"), ("１２３４　５６７８", "quota"), ("1234\u{200b}5678", "ticket")] {
            let body = json!({"community_id": own.street.community, "kind": kind, "code": "4200171320", "number": number, "seller_name": "示例文化馆", "issued_on": "2017-01-02", "total": "300.00"});
            let made = ok(app.post(&own.street.staff, "/invoices", body).await, 201);
            assert_eq!(made["number"], json!(number), "shown as it was typed");
            assert_eq!(own.claim(app, &id(&made), "100.00").await.code(), (409, "invoice_used_elsewhere"), "another kind or another way to write it makes no other invoice: {number} {kind}");
        }
        let found = ok(app.get(&own.street.staff, "/invoices?number=12345678").await, 200);
        assert_eq!(found["data"].as_array().unwrap().len(), 6, "found however it was written");
        // A pay list is the street's own paper: its number is no other street's.
        for side in [own, sister] {
            let list = json!({"community_id": side.street.community, "kind": "pay_list", "number": "2017-01", "seller_name": "本社区", "issued_on": "2017-01-02", "total": "50.00"});
            let list = id(&ok(app.post(&side.street.staff, "/invoices", list).await, 201));
            ok(side.claim(app, &list, "50.00").await, 201);
        }
    }

    async fn one_invoice_submitted_in_two_streets_at_the_same_moment_is_taken_once(app: TestApp) {
        let world = World::open(app).await;
        let (own, sister) = (&world.own, &world.sister);
        for number in ["11111111", "22222222", "33333333"] {
            let (mine, theirs) = (own.invoice(app, number, "100.00").await, sister.invoice(app, number, "100.00").await);
            let (one, other) = futures_util::future::join(own.claim(app, &mine, "100.00"), sister.claim(app, &theirs, "100.00")).await;
            let codes = [one.code(), other.code()];
            assert!(codes.contains(&(201, "")) && codes.contains(&(409, "invoice_used_elsewhere")), "{codes:?}");
        }
    }

    async fn an_invoice_is_never_drawn_past_its_total_whoever_comes_at_the_same_moment(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let invoice = side.invoice(app, "12345678", "100.00").await;
        let tries: Vec<_> = (0..10).map(|_| side.claim(app, &invoice, "30.00")).collect();
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
        assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.code() == (409, "invoice_overdrawn") && answer.text.contains("10.00")));
        assert_eq!(side.left(app, &invoice).await, json!("10.00"));
        // One payee, one unit, at most the line's amount.
        let mut body = side.body("10.00", json!([{"invoice_id": invoice, "amount": "10.00"}]));
        body["payee"]["name"] = json!("另一商户");
        assert_eq!(app.post(&side.street.staff, "/claims", body).await.code(), (409, "invoice_for_another_payee"));
        let mut body = side.body("10.00", json!([{"invoice_id": invoice, "amount": "10.00"}]));
        (body["budget_line_id"], body["kind"]) = (json!(side.street_line), json!("other"));
        body.as_object_mut().unwrap().retain(|field, _| field != "community_id" && field != "activity_id");
        let refused = app.post(&side.street.party_office, "/claims", body).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "invoice_of_another_unit"), vec!["/lines/0/draws/0/invoice_id".to_owned()]));
        let twice = json!([{"invoice_id": invoice, "amount": "6.00"}, {"invoice_id": invoice, "amount": "6.00"}]);
        let refused = app.post(&side.street.staff, "/claims", side.body("10.00", twice)).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "validation_failed"), vec!["/lines/0/draws/1/invoice_id".to_owned(), "/lines/0/draws".to_owned()]));
    }

    async fn every_way_out_gives_the_invoice_back(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let invoice = side.invoice(app, "12345678", "100.00").await;
        for (who, action) in [(&side.secretary, "return"), (&side.secretary, "reject"), (&side.street.staff, "withdraw")] {
            let claim = id(&ok(side.claim(app, &invoice, "100.00").await, 201));
            assert_eq!(side.left(app, &invoice).await, json!("0.00"));
            let body = if action == "withdraw" { json!({}) } else { json!({"reason": "须更正"}) };
            let out = ok(side.step(app, who, &claim, action, body).await, 200);
            assert_eq!((side.left(app, &invoice).await, &out["draws"][0]["live"]), (json!("100.00"), &json!(false)), "{action}");
        }
        // Another record of the same invoice can be used now, then is in the way.
        let again = side.invoice(app, "12345678", "100.00").await;
        let claim = id(&ok(side.claim(app, &again, "100.00").await, 201));
        side.approved(app, &claim).await;
        ok(side.step(app, &side.street.cashier, &claim, "pay", json!({})).await, 200);
        assert_eq!(side.claim(app, &invoice, "1.00").await.code(), (409, "invoice_used_in_street"));
        ok(side.step(app, &side.street.accountant, &claim, "reverse", json!({"reason": "账户有误"})).await, 200);
        assert_eq!(side.left(app, &again).await, json!("100.00"));
        ok(side.claim(app, &invoice, "100.00").await, 201);
        app.context.clocks.set("2017-06-01T01:00:00Z".parse().unwrap());
        jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        assert_eq!(side.left(app, &invoice).await, json!("100.00"), "expired");
        // Returned, a claim keeps what it says and draws again when it is submitted again.
        let claim = id(&ok(side.claim(app, &invoice, "100.00").await, 201));
        ok(side.step(app, &side.secretary, &claim, "return", json!({"reason": "须更正"})).await, 200);
        ok(side.step(app, &side.street.staff, &claim, "submit", json!({})).await, 200);
        assert_eq!(side.left(app, &invoice).await, json!("0.00"));
    }

    async fn a_red_lettered_invoice_pays_nothing(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let invoice = side.invoice(app, "12345678", "100.00").await;
        let claim = id(&ok(side.claim(app, &invoice, "60.00").await, 201));
        side.approved(app, &claim).await;
        let path = format!("/invoices/{invoice}/red-letter");
        let reason = || Some(json!({"reason": "已由 4200171320/99999999 红冲"}));
        let mark = async |who: &str, etag: &str| app.send(Method::POST, &path, who, reason(), &[("If-Match", etag)]).await;
        assert_eq!(mark(&side.street.staff, "\"v1\"").await.code(), (403, "forbidden"));
        assert_eq!(ok(mark(&side.street.accountant, "\"v1\"").await, 200)["red_lettered"], json!(true));
        assert_eq!(mark(&side.street.accountant, "\"v2\"").await.code(), (409, "invoice_red_lettered"));
        assert_eq!(side.step(app, &side.street.cashier, &claim, "pay", json!({})).await.code(), (409, "invoice_red_lettered"));
        assert_eq!(side.claim(app, &invoice, "40.00").await.code(), (409, "invoice_red_lettered"));
        let checks = ok(app.get(&side.street.leader, &format!("/claims/{claim}/checks")).await, 200);
        assert_eq!(checks["evidence"]["red_lettered"], json!(["12345678"]));
        assert_eq!(ok(app.get(&side.street.leader, "/invoices?red_lettered=true").await, 200)["data"].as_array().unwrap().len(), 1);
    }

    async fn an_electronic_invoice_is_read_and_a_hostile_one_is_not(app: TestApp) {
        let world = World::open(app).await;
        let staff = &world.own.street.staff;
        let parse = async |bytes: Vec<u8>| app.upload(staff, "/invoices/parse", ("发票.xml", bytes), &[]).await;
        let read = ok(parse(DIGITAL.as_bytes().to_vec()).await, 200);
        assert_eq!(read["invoice"], json!({"kind": "digital", "number": "17422000000012345678", "electronic": true, "seller_name": "示例公司", "issued_on": "2017-01-02", "total": "200.00",
            "lines": [{"name": "*场地*", "amount": "200.00"}]}));
        let mut body = read["invoice"].clone();
        body["community_id"] = json!(world.own.street.community);
        ok(app.post(staff, "/invoices", body).await, 201);
        let embedded = parse(ofd(&[("OFD.xml", b"<x/>"), ("Doc_0/Attachs/invoice.xml", DIGITAL.as_bytes())])).await;
        assert_eq!(ok(embedded, 200)["read_from"], json!("ofd_xml"));
        let hostile = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x><InvoiceNumber>&e;</InvoiceNumber></x>";
        assert_eq!(parse(hostile.as_bytes().to_vec()).await.code(), (422, "xml_unsafe"));
        let harmless = ("OFD.xml", b"<?xml version=\"1.0\"?><x/>".as_slice());
        for (name, bytes) in [("发票.xml", hostile.as_bytes().to_vec()), ("发票.pdf", hostile.to_lowercase().into_bytes()), ("发票.ofd", ofd(&[harmless, ("Doc_0/Document.bin", hostile.as_bytes())]))] {
            assert_eq!(app.upload(staff, "/attachments", (name, bytes), &[]).await.code(), (422, "xml_unsafe"), "a paper is not taken either: {name}");
        }
        assert_eq!(app.upload(staff, "/attachments", ("发票.ofd", ofd(&[harmless])), &[]).await.status, 201);
        let bomb = ofd(&[("OFD.xml", b"<x/>"), ("Doc_0/Attachs/invoice.xml", &vec![b' '; 80 * 1024 * 1024])]);
        assert!(bomb.len() < 1024 * 1024);
        assert_eq!(parse(bomb).await.code(), (422, "file_too_large_unpacked"));
        assert_eq!(parse(b"<?xml version=\"1.0\"?><x/>".to_vec()).await.code(), (422, "invoice_unreadable"));
        assert_eq!(parse(PDF.to_vec()).await.code(), (415, "unsupported_media_type"));
    }
}
