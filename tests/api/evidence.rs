//! Papers: what a claim is proved by.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use futures_util::TryStreamExt;
use mingzhang::people::tenancy::FileUnits;
use mingzhang::platform::attachment::AttachmentsClean;
use mingzhang::platform::jobs::{self, Registry};
use object_store::ObjectStoreExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::street::{Street, ok};
use crate::support::{Answer, TestApp};

/// Two streets of one district, each with a community and a budget for it and for itself.
pub struct World {
    pub own: Side,
    pub sister: Side,
}

/// One street, ready to claim.
pub struct Side {
    pub street: Street,
    pub item: String,
    pub secretary: String,
    pub line: String,
    pub street_line: String,
    pub activity: String,
}

pub const PDF: &[u8] = b"%PDF-1.4 example";

impl World {
    pub async fn open(app: &TestApp) -> Self {
        let street = Street::open(app, "硚口区", "e-").await;
        let item = ok(app.post(&street.first, "/expense-items", json!({"code": "F05", "name": "场地费"})).await, 201)["id"].as_str().unwrap().to_owned();
        let category = json!({"code": "C01", "name": "基层党组织运行经费", "carry_over": "returns", "allowed_item_ids": [item], "forbidden_item_ids": []});
        let category = ok(app.post(&street.first, "/categories", category).await, 201)["id"].as_str().unwrap().to_owned();
        // A second street of the same district.
        let id = app.post(&street.first, "/org-units", json!({"parent_id": street.district, "name": "宗关街"})).await.id();
        let community = app.post(&street.first, "/org-units", json!({"parent_id": id, "name": "水厂社区"})).await.id();
        let (none, first, other) = (String::new, street.first.clone(), street.second.clone());
        let mut second = Street {
            district: street.district.clone(),
            id,
            community,
            first,
            second: other,
            party_office: none(),
            leader: none(),
            accountant: none(),
            cashier: none(),
            staff: none(),
            category: none(),
            plan_item: none(),
        };
        second.party_office = second.person(app, "y-office", "party_office").await;
        second.leader = second.person(app, "y-leader", "street_leader").await;
        second.accountant = second.person(app, "y-accountant", "accountant").await;
        second.cashier = second.person(app, "y-cashier", "cashier").await;
        second.staff = second.person(app, "y-staff", "community_staff").await;
        let plan = json!({"fiscal_year": 2017, "title": "关心关爱", "objective": "按时", "targets": [{"name": "次数", "comparison": "at_least", "value": "4", "unit": "次"}]});
        second.plan_item = ok(app.post(&second.party_office, "/plan-items", plan).await, 201)["id"].as_str().unwrap().to_owned();
        Self { own: Side::furnish(app, street, &category, &item, "e-").await, sister: Side::furnish(app, second, &category, &item, "y-").await }
    }
}

impl Side {
    async fn furnish(app: &TestApp, street: Street, category: &str, item: &str, prefix: &str) -> Self {
        let lines = json!([
            {"category_id": category, "community_id": street.community, "amount": "5000.00", "plan_item_ids": [street.plan_item]},
            {"category_id": category, "amount": "5000.00", "plan_item_ids": [street.plan_item]}
        ]);
        let budget = street.budget(app, "10000.00", lines).await;
        let line = |community: bool| budget["lines"].as_array().unwrap().iter().find(|line| line["community_id"].is_string() == community).unwrap()["id"].as_str().unwrap().to_owned();
        let receipt = json!({"date": "2017-01-03", "document_number": "财预1号", "amount": "10000.00", "lines": [{"category_id": category, "amount": "10000.00"}]});
        ok(app.money(&street.accountant, "/receipts", receipt, &format!("{prefix}receipt")).await, 201);
        let secretary = street.person(app, &format!("{prefix}secretary"), "community_secretary").await;
        let (line, street_line) = (line(true), line(false));
        let activity = json!({"community_id": street.community, "kind": "theme_day", "title": "主题党日", "from_date": "2017-01-03", "place": "党员活动室", "planned_headcount": 30});
        let activity = ok(app.post(&street.staff, "/activities", activity).await, 201)["id"].as_str().unwrap().to_owned();
        Self { street, item: item.to_owned(), secretary, line, street_line, activity }
    }

    /// An invoice of the community; gives its id.
    pub async fn invoice(&self, app: &TestApp, number: &str, total: &str) -> String {
        let body = json!({"community_id": self.street.community, "kind": "paper_vat", "code": "4200171320", "number": number, "seller_name": "示例文化馆", "issued_on": "2017-01-02", "total": total});
        ok(app.post(&self.street.staff, "/invoices", body).await, 201)["id"].as_str().unwrap().to_owned()
    }

    pub fn body(&self, amount: &str, draws: Value) -> Value {
        json!({"community_id": self.street.community, "budget_line_id": self.line, "kind": "activity", "activity_id": self.activity, "title": "主题党日场地费",
            "payee": {"kind": "supplier", "name": "示例文化馆", "account_number": "6299990000001234", "bank_name": "示例银行"}, "payment_method": "transfer",
            "lines": [{"expense_item_id": self.item, "description": "场地半天", "amount": amount, "draws": draws}], "submit": true})
    }

    /// Submits a claim that draws its whole amount on an invoice.
    pub async fn claim(&self, app: &TestApp, invoice: &str, amount: &str) -> Answer {
        app.post(&self.street.staff, "/claims", self.body(amount, json!([{"invoice_id": invoice, "amount": amount}]))).await
    }

    pub async fn etag(&self, app: &TestApp, id: &str) -> String {
        app.get(&self.street.accountant, &format!("/claims/{id}")).await.etag.unwrap()
    }

    pub async fn step(&self, app: &TestApp, who: &str, id: &str, action: &str, body: Value) -> Answer {
        let etag = self.etag(app, id).await;
        let key = uuid::Uuid::now_v7().to_string();
        app.send(Method::POST, &format!("/claims/{id}/{action}"), who, Some(body), &[("If-Match", &etag), ("Idempotency-Key", &key)]).await
    }

    pub async fn approved(&self, app: &TestApp, id: &str) {
        ok(self.step(app, &self.secretary, id, "endorse", json!({})).await, 200);
        ok(self.step(app, &self.street.accountant, id, "review", json!({})).await, 200);
        ok(self.step(app, &self.street.leader, id, "approve", json!({})).await, 200);
    }

    pub async fn left(&self, app: &TestApp, invoice: &str) -> Value {
        ok(app.get(&self.street.accountant, &format!("/invoices/{invoice}")).await, 200)["available"].clone()
    }

    /// Uploads a file of the community; gives its id.
    pub async fn paper(&self, app: &TestApp, bytes: &[u8]) -> String {
        ok(app.upload(&self.street.staff, "/attachments", ("a.pdf", bytes.to_vec()), &[]).await, 201)["id"].as_str().unwrap().to_owned()
    }
}

async fn objects(app: &TestApp) -> Vec<object_store::ObjectMeta> {
    app.context.objects.list(None).try_collect().await.unwrap()
}

pub fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

pub fn pointers(answer: &Answer) -> Vec<String> {
    answer.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

pub fn ofd(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub const DIGITAL: &str = "<?xml version=\"1.0\"?><EInvoice><EInvoiceData><SellerInformation><SellerName>示例公司</SellerName></SellerInformation><BasicInformation><TotalTax-includedAmount>200.00</TotalTax-includedAmount>\
    </BasicInformation><IssuItemInformation><ItemName>*场地*</ItemName><Amount>188.68</Amount><ComTaxAm>11.32</ComTaxAm></IssuItemInformation></EInvoiceData>\
    <TaxSupervisionInfo><InvoiceNumber>17422000000012345678</InvoiceNumber><IssueTime>2017-01-02 10:11:12</IssueTime></TaxSupervisionInfo></EInvoice>";

on_both_databases! {
    async fn a_paper_is_kept_once_encrypted_and_given_back_as_it_was_within_reach_only(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let bytes: Vec<u8> = PDF.iter().copied().chain((0..150_000_u32).map(|index| u8::try_from(index % 251).unwrap())).collect();
        let made = ok(app.upload(&side.street.staff, "/attachments", ("../党日/签到表 1.pdf", bytes.clone()), &[]).await, 201);
        assert_eq!((made["media_type"].as_str(), made["file_name"].as_str(), made["size"].as_u64()), (Some("application/pdf"), Some("签到表 1.pdf"), u64::try_from(bytes.len()).ok()));
        assert_eq!(made["community_id"], json!(side.street.community));
        let again = ok(app.upload(&side.street.staff, "/attachments", ("other.pdf", bytes.clone()), &[]).await, 201);
        assert_eq!(again["sha256"], made["sha256"]);
        let kept = objects(app).await;
        assert_eq!(kept.len(), 1, "the same bytes are one object");
        assert_eq!(kept[0].location.as_ref(), format!("{}/{}/{}", side.street.district, side.street.id, made["sha256"].as_str().unwrap()));
        let stored = app.context.objects.get(&kept[0].location).await.unwrap().bytes().await.unwrap();
        assert!(!stored.windows(12).any(|window| window == &bytes[..12]), "encrypted at rest");
        let path = format!("/attachments/{}/content", id(&made));
        let back = app.get(&side.secretary, &path).await;
        assert_eq!((back.status.as_u16(), back.header("content-type"), back.header("content-length")), (200, "application/pdf", bytes.len().to_string().as_str()));
        assert_eq!(back.header("content-disposition"), "attachment; filename*=UTF-8''%E7%AD%BE%E5%88%B0%E8%A1%A8%201.pdf");
        assert!(back.text.starts_with("%PDF-1.4 example"));
        let seen = ok(app.get(&side.street.first, "/audit-events?action=attachment.download").await, 200);
        assert_eq!(seen["data"].as_array().unwrap().len(), 1, "who had a paper is kept");
        for stranger in [&world.sister.street.staff, &world.sister.street.accountant] {
            assert_eq!(app.get(stranger, &path).await.code(), (404, "not_found"));
            assert_eq!(ok(app.get(stranger, &format!("/attachments?sha256={}", made["sha256"].as_str().unwrap())).await, 200)["data"], json!([]));
        }
        ok(app.upload(&world.sister.street.staff, "/attachments", ("a.pdf", bytes), &[]).await, 201);
        assert_eq!(objects(app).await.len(), 2, "each street has its own");
        app.context.objects.delete(&kept[0].location).await.unwrap();
        assert_eq!(app.get(&side.street.staff, &path).await.code(), (503, "store_unavailable"));
    }

    async fn what_is_no_paper_is_refused_by_its_bytes_and_by_its_fields(app: TestApp) {
        let world = World::open(app).await;
        let staff = &world.own.street.staff;
        let file = |bytes: &[u8]| ("通知.pdf", bytes.to_vec());
        let html: [&[u8]; 4] = [b"<!doctype html><script>alert(1)</script>", b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"/>", b"MZ\x90\x00", b"a,b\n1,2"];
        for bytes in html {
            let refused = app.upload(staff, "/attachments", file(bytes), &[]).await;
            assert_eq!(refused.code(), (415, "unsupported_media_type"), "{}", refused.text);
        }
        let hostile = b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>";
        assert_eq!(app.upload(staff, "/attachments", file(hostile), &[]).await.code(), (422, "xml_unsafe"));
        assert_eq!(app.upload(staff, "/attachments", file(b""), &[]).await.code(), (422, "missing_field"));
        assert_eq!(app.upload(staff, "/attachments", file(&vec![b'a'; 21 * 1024 * 1024]), &[]).await.code(), (413, "body_too_large"));
        let half = app.upload(staff, "/attachments", file(PDF), &[("paper_kind", "notice")]).await;
        assert_eq!((half.code(), pointers(&half)), ((422, "validation_failed"), vec!["/subject_type".to_owned(), "/subject_id".to_owned()]));
        let random = uuid::Uuid::now_v7().to_string();
        let subject = |kind: &'static str| vec![("subject_type", kind), ("subject_id", random.as_str()), ("paper_kind", "notice")];
        assert_eq!(app.upload(staff, "/attachments", file(PDF), &subject("user")).await.code(), (422, "unknown_subject_type"));
        let unknown = app.upload(staff, "/attachments", file(PDF), &subject("claim")).await;
        assert_eq!((unknown.code(), pointers(&unknown)), ((422, "unknown_reference"), vec!["/subject_id".to_owned()]));
        assert_eq!(app.upload(staff, "/attachments", file(PDF), &[("colour", "red")]).await.code(), (422, "unknown_field"));
        assert_eq!(app.upload(staff, "/attachments", file(PDF), &[("paper_kind", "virus")]).await.code().0, 422);
        assert_eq!(app.upload(&world.own.street.cashier, "/attachments", file(PDF), &[]).await.code(), (403, "forbidden"));
        assert_eq!(ok(app.get(staff, "/attachments").await, 200)["data"], json!([]));
    }

    async fn a_claim_without_its_papers_and_invoices_is_refused_with_all_that_is_missing(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        assert_eq!(app.post(&side.street.party_office, "/paper-rules/defaults", json!({})).await.code(), (403, "forbidden"));
        let adopted = ok(app.post(&side.street.first, "/paper-rules/defaults", json!({})).await, 200);
        assert_eq!(adopted["data"].as_array().unwrap().len(), 11);
        assert_eq!(ok(app.post(&side.street.first, "/paper-rules/defaults", json!({})).await, 200)["data"], json!([]));
        let invoice = side.invoice(app, "00000001", "300.00").await;
        let refused = app.post(&side.street.staff, "/claims", side.body("300.00", json!([{"invoice_id": invoice, "amount": "299.99"}]))).await;
        assert_eq!(refused.code(), (422, "papers_missing"));
        assert_eq!(pointers(&refused), ["/papers/approved_plan", "/papers/notice", "/papers/sign_in_sheet", "/lines/0/draws"]);
        assert!(refused.text.contains("0.01") && refused.text.contains("财行〔2017〕324号"));
        let (plan, notice, sheet) = (side.paper(app, b"%PDF-1 plan").await, side.paper(app, b"%PDF-1 notice").await, side.paper(app, b"%PDF-1 sheet").await);
        let mut body = side.body("300.00", json!([{"invoice_id": invoice, "amount": "300.00"}]));
        body["papers"] = json!([{"attachment_id": plan, "paper_kind": "approved_plan"}, {"attachment_id": notice, "paper_kind": "notice"}]);
        body["submit"] = json!(false);
        let claim = id(&ok(app.post(&side.street.staff, "/claims", body).await, 201));
        let refused = side.step(app, &side.street.staff, &claim, "submit", json!({})).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "papers_missing"), vec!["/papers/sign_in_sheet".to_owned()]));
        let checks = ok(app.get(&side.street.accountant, &format!("/claims/{claim}/checks")).await, 200);
        assert_eq!(checks["evidence"]["missing"], json!(["/papers/sign_in_sheet"]));
        let link = json!({"subject_type": "claim", "subject_id": claim, "paper_kind": "sign_in_sheet"});
        ok(app.post(&side.street.staff, &format!("/attachments/{sheet}/links"), link.clone()).await, 201);
        ok(app.post(&side.street.staff, &format!("/attachments/{sheet}/links"), link.clone()).await, 201);
        ok(side.step(app, &side.street.staff, &claim, "submit", json!({})).await, 200);
        assert_eq!(ok(app.get(&side.secretary, &format!("/attachments?subject_type=claim&subject_id={claim}")).await, 200)["data"].as_array().unwrap().len(), 3);
        // The claim is under way: papers are fixed until they are asked for, and then only come.
        let links = ok(app.get(&side.street.staff, &format!("/attachments/{sheet}")).await, 200)["links"][0]["id"].as_str().unwrap().to_owned();
        let fields = [("subject_type", "claim"), ("subject_id", claim.as_str()), ("paper_kind", "photo")];
        let (photo, remove) = (("p.png", b"\x89PNG\r\n\x1a\n".to_vec()), format!("/attachments/{sheet}"));
        assert_eq!(app.upload(&side.street.staff, "/attachments", photo.clone(), &fields).await.code(), (409, "papers_fixed"));
        assert_eq!(app.send(Method::DELETE, &remove, &side.street.staff, None, &[]).await.code(), (409, "papers_fixed"));
        assert_eq!(app.send(Method::DELETE, &format!("/attachment-links/{links}"), &side.street.staff, None, &[]).await.code(), (409, "papers_fixed"));
        ok(side.step(app, &side.secretary, &claim, "request-info", json!({"reason": "请补照片"})).await, 200);
        ok(app.upload(&side.street.staff, "/attachments", photo, &fields).await, 201);
        assert_eq!(app.send(Method::DELETE, &remove, &side.street.staff, None, &[]).await.code(), (409, "papers_fixed"));
        ok(side.step(app, &side.street.staff, &claim, "provide-info", json!({"reason": "已补"})).await, 200);
        side.approved(app, &claim).await;
        let paid = ok(side.step(app, &side.street.cashier, &claim, "pay", json!({})).await, 200);
        let voucher = ok(app.get(&side.street.accountant, &format!("/ledger/vouchers/{}", paid["voucher_id"].as_str().unwrap())).await, 200);
        assert_eq!(voucher["attachments_count"], json!(5), "four papers and an invoice");
        // A copy has neither invoices nor papers; the same file elsewhere is seen.
        let copy = ok(app.post(&side.street.staff, &format!("/claims/{claim}/copy"), json!({})).await, 201);
        assert_eq!(copy["draws"], json!([]));
        assert_eq!(side.step(app, &side.street.staff, &id(&copy), "submit", json!({})).await.code(), (422, "papers_missing"));
        let other = json!({"subject_type": "claim", "subject_id": copy["id"], "paper_kind": "sign_in_sheet"});
        ok(app.post(&side.street.staff, &format!("/attachments/{sheet}/links"), other).await, 201);
        let checks = ok(app.get(&side.street.accountant, &format!("/claims/{}/checks", id(&copy))).await, 200);
        assert_eq!(checks["evidence"]["same_file_elsewhere"][0]["subject_id"], json!(claim));
        ok(app.send(Method::PATCH, &format!("/claims/{}", id(&copy)), &side.street.staff, Some(json!({"papers": [{"attachment_id": notice, "paper_kind": "notice"}]})), &[("If-Match", "\"v1\"")]).await, 200);
        let draft = ok(app.get(&side.street.staff, &format!("/attachments?subject_id={}", id(&copy))).await, 200)["data"][0].clone();
        let link = draft["links"].as_array().unwrap().iter().find(|link| link["subject_id"] == copy["id"]).unwrap()["id"].as_str().unwrap().to_owned();
        ok(app.send(Method::DELETE, &format!("/attachment-links/{link}"), &side.street.staff, None, &[]).await, 200);
    }

    async fn a_claim_that_names_an_activity_needs_its_papers_and_a_plan_that_was_approved(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let (office, street) = (&side.street.party_office, &side.street);
        ok(app.post(&street.first, "/paper-rules/defaults", json!({})).await, 200);
        let invoice = side.invoice(app, "00000005", "300.00").await;
        let mut other = side.body("300.00", json!([{"invoice_id": invoice, "amount": "300.00"}]));
        other["kind"] = json!("other");
        let refused = app.post(&street.staff, "/claims", other).await;
        assert_eq!((refused.code(), pointers(&refused)), ((422, "papers_missing"), ["/papers/approved_plan", "/papers/notice", "/papers/sign_in_sheet"].map(str::to_owned).to_vec()), "whatever it is called");
        let item = |year: i32, community: Option<&str>| {
            json!({"fiscal_year": year, "community_id": community, "title": "临时加项", "objective": "按时", "targets": [{"name": "次数", "comparison": "at_least", "value": "4", "unit": "次"}]})
        };
        let new_item = async |year: i32, community: Option<&str>| id(&ok(app.post(office, "/plan-items", item(year, community)).await, 201));
        let activity = async |plan_item: Option<&str>| {
            let body = json!({"kind": "theme_day", "title": "街道主题党日", "from_date": "2017-01-03", "place": "会议室", "planned_headcount": 30, "plan_item_id": plan_item});
            id(&ok(app.post(office, "/activities", body).await, 201))
        };
        let (plain, planned) = (activity(None).await, activity(Some(&street.plan_item)).await);
        let claim = async |activity: &str, more: Value| {
            let mut body = side.body("300.00", json!([]));
            body.as_object_mut().unwrap().remove("community_id");
            (body["budget_line_id"], body["activity_id"]) = (json!(side.street_line), json!(activity));
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            app.post(office, "/claims", body).await
        };
        let lacks_plan = |answer: &Answer| {
            assert_eq!(answer.code(), (422, "papers_missing"), "{}", answer.text);
            pointers(answer).contains(&"/papers/approved_plan".to_owned())
        };
        assert!(lacks_plan(&claim(&plain, json!({})).await));
        assert!(!lacks_plan(&claim(&plain, json!({"plan_item_id": street.plan_item})).await), "it stands in the approved budget");
        assert!(!lacks_plan(&claim(&planned, json!({})).await), "so does the activity's");
        let beside = new_item(2017, None).await;
        assert!(lacks_plan(&claim(&plain, json!({"plan_item_id": beside})).await), "one made a moment before is no approved plan");
        assert!(lacks_plan(&claim(&activity(Some(&beside)).await, json!({})).await));
        assert_eq!(claim(&plain, json!({"plan_item_id": new_item(2018, None).await})).await.code(), (422, "plan_item_of_another_year"));
        assert_eq!(claim(&plain, json!({"plan_item_id": new_item(2017, Some(&street.community)).await})).await.code(), (422, "unknown_reference"), "a community's is not the street's");
        let application = json!({"budget_line_id": side.street_line, "activity_id": plain, "title": "申请", "valid_until": "2017-03-31", "lines": [{"expense_item_id": side.item, "description": "场地", "amount": "300.00"}], "submit": true});
        let mut application = app.post(office, "/commitments", application).await;
        let path = format!("/commitments/{}", application.id());
        assert_eq!(claim(&plain, json!({"commitment_id": application.id()})).await.code(), (409, "commitment_not_open"));
        for (who, action) in [(&street.accountant, "review"), (&street.leader, "approve")] {
            application = app.act(who, &format!("{path}/{action}"), &application.etag.clone().unwrap()).await;
            assert_eq!(application.status, 200, "{}", application.text);
        }
        assert!(!lacks_plan(&claim(&plain, json!({"commitment_id": application.id()})).await), "an extra activity has its own approval");
    }

    async fn one_scan_behind_two_invoices_is_seen_by_who_reviews(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let scan = b"\x89PNG\r\n\x1a\n scan".to_vec();
        let mut invoices = Vec::new();
        for number in ["00000006", "00000007", "00000008"] {
            let invoice = side.invoice(app, number, "100.00").await;
            ok(app.upload(&side.street.staff, "/attachments", ("a.png", scan.clone()), &[("subject_type", "invoice"), ("subject_id", invoice.as_str()), ("paper_kind", "photo")]).await, 201);
            invoices.push(invoice);
        }
        let claim = id(&ok(side.claim(app, &invoices[0], "100.00").await, 201));
        let checks = ok(app.get(&side.street.accountant, &format!("/claims/{claim}/checks")).await, 200);
        let mut seen: Vec<_> = checks["evidence"]["same_file_elsewhere"].as_array().unwrap().iter().map(|file| (file["subject_type"].as_str().unwrap(), file["subject_id"].as_str().unwrap())).collect();
        seen.sort_unstable();
        let mut expected = vec![("invoice", invoices[1].as_str()), ("invoice", invoices[2].as_str())];
        expected.sort_unstable();
        assert_eq!(seen, expected);
        let own = side.invoice(app, "00000009", "100.00").await;
        let file = side.paper(app, b"%PDF-1 own").await;
        ok(app.post(&side.street.staff, &format!("/attachments/{file}/links"), json!({"subject_type": "invoice", "subject_id": own, "paper_kind": "photo"})).await, 201);
        let mut body = side.body("100.00", json!([{"invoice_id": own, "amount": "100.00"}]));
        body["papers"] = json!([{"attachment_id": file, "paper_kind": "other"}]);
        let claim = id(&ok(app.post(&side.street.staff, "/claims", body).await, 201));
        let checks = ok(app.get(&side.street.accountant, &format!("/claims/{claim}/checks")).await, 200);
        assert_eq!(checks["evidence"]["same_file_elsewhere"], json!([]), "at the claim and at its own invoice it is no other record's");
    }

    async fn a_rule_of_papers_is_the_districts_with_its_days(app: TestApp) {
        let world = World::open(app).await;
        let (side, first) = (&world.own, &world.own.street.first);
        let rule = json!({"claim_kind": "activity", "paper": "notice", "above": "200.00", "effective_from": "2017-01-01", "source": "区办〔2017〕1号"});
        let made = ok(app.post(first, "/paper-rules", rule.clone()).await, 201);
        assert_eq!(app.post(first, "/paper-rules", rule).await.code(), (409, "paper_rule_exists"));
        let wrong = app.post(first, "/paper-rules", json!({"claim_kind": "party", "paper": "x", "above": "-1.00", "effective_from": "2017-01-01", "source": ""})).await;
        assert_eq!((wrong.code(), pointers(&wrong)), ((422, "validation_failed"), ["/claim_kind", "/paper", "/above", "/source"].map(str::to_owned).to_vec()));
        let invoice = side.invoice(app, "00000002", "500.00").await;
        ok(side.claim(app, &invoice, "200.00").await, 201);
        assert_eq!(side.claim(app, &invoice, "200.01").await.code(), (422, "papers_missing"));
        let path = format!("/paper-rules/{}", id(&made));
        let early = app.send(Method::PATCH, &path, first, Some(json!({"effective_to": "2016-12-31"})), &[("If-Match", "\"v1\"")]).await;
        assert_eq!((early.code(), pointers(&early)), ((422, "validation_failed"), vec!["/effective_to".to_owned()]));
        ok(app.send(Method::PATCH, &path, first, Some(json!({"effective_to": "2017-01-02"})), &[("If-Match", "\"v1\"")]).await, 200);
        ok(side.claim(app, &invoice, "200.01").await, 201);
    }

    async fn anothers_paper_or_invoice_is_unknown_in_path_body_and_filter(app: TestApp) {
        let world = World::open(app).await;
        let (own, sister) = (&world.own, &world.sister);
        let (paper, invoice) = (sister.paper(app, PDF).await, sister.invoice(app, "12345678", "100.00").await);
        let random = uuid::Uuid::now_v7().to_string();
        for who in [&own.street.staff, &own.street.party_office] {
            for (path, foreign) in [("/attachments", &paper), ("/invoices", &invoice)] {
                assert_eq!(app.get(who, &format!("{path}/{foreign}")).await.code(), (404, "not_found"));
            }
            assert_eq!(app.send(Method::DELETE, &format!("/attachments/{paper}"), who, None, &[]).await.code(), (404, "not_found"));
            assert_eq!(ok(app.get(who, &format!("/attachments?street_id={}", sister.street.id)).await, 200)["data"], json!([]));
            assert_eq!(ok(app.get(who, &format!("/invoices?community_id={}", sister.street.community)).await, 200)["data"], json!([]));
        }
        for foreign in [&invoice, &random] {
            let refused = app.post(&own.street.staff, "/claims", own.body("10.00", json!([{"invoice_id": foreign, "amount": "10.00"}]))).await;
            assert_eq!((refused.code(), pointers(&refused)), ((422, "unknown_reference"), vec!["/lines/0/draws/0/invoice_id".to_owned()]));
        }
        for foreign in [&paper, &random] {
            let mut body = own.body("10.00", json!([]));
            body["papers"] = json!([{"attachment_id": foreign, "paper_kind": "notice"}]);
            let refused = app.post(&own.street.staff, "/claims", body).await;
            assert_eq!((refused.code(), pointers(&refused)), ((422, "unknown_reference"), vec!["/papers/0/attachment_id".to_owned()]));
            let new = json!({"kind": "ticket", "number": "E1", "seller_name": "铁路", "issued_on": "2017-01-02", "total": "1.00", "original_attachment_id": foreign});
            let refused = app.post(&own.street.party_office, "/invoices", new).await;
            assert_eq!((refused.code(), pointers(&refused)), ((422, "unknown_reference"), vec!["/original_attachment_id".to_owned()]));
        }
        let mut draft = own.body("10.00", json!([]));
        draft["submit"] = json!(false);
        let claim = id(&ok(app.post(&own.street.staff, "/claims", draft).await, 201));
        let link = json!({"subject_type": "claim", "subject_id": claim, "paper_kind": "notice"});
        assert_eq!(app.post(&sister.street.staff, &format!("/attachments/{paper}/links"), link.clone()).await.code(), (422, "unknown_reference"));
        let fields = [("subject_type", "claim"), ("subject_id", claim.as_str()), ("paper_kind", "notice")];
        let linked = ok(app.upload(&own.street.staff, "/attachments", ("b.pdf", b"%PDF-1 linked".to_vec()), &fields).await, 201);
        for foreign in [linked["links"][0]["id"].as_str().unwrap(), &random] {
            let refused = app.send(Method::DELETE, &format!("/attachment-links/{foreign}"), &sister.street.staff, None, &[]).await;
            assert_eq!(refused.code(), (404, "not_found"), "another street's link is one that never was");
        }
        let of_street = ok(app.upload(&own.street.party_office, "/attachments", ("a.pdf", PDF.to_vec()), &[]).await, 201);
        assert_eq!(app.post(&own.street.party_office, &format!("/attachments/{}/links", id(&of_street)), link).await.code(), (422, "attachment_of_another_unit"));
    }

    async fn what_nothing_refers_to_is_removed_by_the_job(app: TestApp) {
        let world = World::open(app).await;
        let side = &world.own;
        let mut draft = side.body("10.00", json!([]));
        draft["submit"] = json!(false);
        let claim = id(&ok(app.post(&side.street.staff, "/claims", draft).await, 201));
        let fields = [("subject_type", "claim"), ("subject_id", claim.as_str()), ("paper_kind", "notice")];
        let linked = ok(app.upload(&side.street.staff, "/attachments", ("a.pdf", b"%PDF-1 linked".to_vec()), &fields).await, 201);
        let dropped = ok(app.upload(&side.street.staff, "/attachments", ("b.pdf", b"%PDF-1 dropped".to_vec()), &fields).await, 201);
        side.paper(app, b"%PDF-1 never linked").await;
        ok(app.send(Method::DELETE, &format!("/attachments/{}", id(&dropped)), &side.street.staff, None, &[]).await, 200);
        // Rolled back: its object has no row at all.
        ok(app.upload(&side.street.staff, "/attachments?dry_run=true", ("c.pdf", b"%PDF-1 rolled back".to_vec()), &[]).await, 200);
        assert_eq!(objects(app).await.len(), 4);
        jobs::sweep(&app.context, &mingzhang::app::registry()).await.unwrap();
        assert_eq!(objects(app).await.len(), 4, "what is young stays");
        app.context.clocks.set("2017-01-04T01:00:00Z".parse().unwrap());
        let registry = Registry::new(vec![Arc::new(AttachmentsClean::new(Arc::new(FileUnits), chrono::TimeDelta::zero()).at_most(1))]);
        jobs::sweep(&app.context, &registry).await.unwrap();
        assert_eq!(objects(app).await.len(), 2, "one whose row is unused, and one without a row");
        app.context.clocks.set("2017-01-05T01:00:00Z".parse().unwrap());
        jobs::sweep(&app.context, &registry).await.unwrap();
        let kept = objects(app).await;
        assert_eq!(kept.len(), 1);
        assert!(kept[0].location.as_ref().ends_with(linked["sha256"].as_str().unwrap()));
        assert_eq!(ok(app.get(&side.street.staff, "/attachments").await, 200)["data"].as_array().unwrap().len(), 1);
        let cleaned = ok(app.get(&side.street.first, "/audit-events?action=attachment.clean").await, 200)["data"].clone();
        assert_eq!((&cleaned[0]["after"], &cleaned[1]["after"]), (&json!({"files": 0, "objects": 1}), &json!({"files": 1, "objects": 2})), "what one day leaves, the next removes");
        // The same bytes can come again.
        side.paper(app, b"%PDF-1 rolled back").await;
        assert_eq!(objects(app).await.len(), 2);
        assert_eq!(app.get(&side.street.staff, &format!("/attachments/{}/content", id(&linked))).await.text, "%PDF-1 linked");
    }
}
