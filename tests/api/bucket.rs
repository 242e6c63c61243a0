//! Papers in a bucket of S3: one as far as it is needed, with signed requests, objects by path, lists by prefix.

use std::collections::BTreeMap;
use std::sync::Mutex;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::TryStreamExt;
use mingzhang::platform::attachment::{ObjectSettings, open_store};
use object_store::ObjectStoreExt;

type Objects = web::Data<Mutex<BTreeMap<String, Vec<u8>>>>;

async fn answer(request: HttpRequest, body: web::Bytes, objects: Objects) -> HttpResponse {
    let signed = request.headers().get("authorization").and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential=key/"));
    if !signed {
        return HttpResponse::Forbidden().finish();
    }
    let mut objects = objects.lock().unwrap();
    let (path, query) = (request.path().trim_start_matches("/papers/").to_owned(), request.query_string().to_owned());
    let text = String::from_utf8_lossy(&body).into_owned();
    match request.method().as_str() {
        "PUT" => {
            objects.insert(path, body.to_vec());
            HttpResponse::Ok().insert_header(("etag", "\"e\"")).finish()
        }
        "POST" => {
            let keys: Vec<&str> = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
            for key in &keys {
                objects.remove(*key);
            }
            let deleted: String = keys.iter().map(|key| format!("<Deleted><Key>{key}</Key></Deleted>")).collect();
            HttpResponse::Ok().content_type("application/xml").body(format!("<DeleteResult>{deleted}</DeleteResult>"))
        }
        "DELETE" => {
            objects.remove(&path);
            HttpResponse::NoContent().finish()
        }
        _ if query.contains("list-type=2") => {
            let contents: String = objects
                .iter()
                .map(|(key, bytes)| format!("<Contents><Key>{key}</Key><Size>{}</Size><LastModified>2017-01-03T01:00:00.000Z</LastModified><ETag>\"e\"</ETag></Contents>", bytes.len()))
                .collect();
            HttpResponse::Ok().content_type("application/xml").body(format!("<ListBucketResult>{contents}</ListBucketResult>"))
        }
        _ => match objects.get(&path) {
            Some(bytes) => HttpResponse::Ok().insert_header(("etag", "\"e\"")).insert_header(("last-modified", "Tue, 03 Jan 2017 01:00:00 GMT")).body(bytes.clone()),
            None => HttpResponse::NotFound().finish(),
        },
    }
}

#[actix_web::test]
async fn papers_can_lie_in_a_bucket_of_any_s3() {
    let objects: Objects = web::Data::new(Mutex::new(BTreeMap::new()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let kept = objects.clone();
    actix_web::rt::spawn(HttpServer::new(move || App::new().app_data(kept.clone()).default_service(web::to(answer))).workers(1).listen(listener).unwrap().run());
    let settings = ObjectSettings {
        url: Some("s3://papers/mingzhang".to_owned()),
        endpoint: Some(endpoint),
        region: Some("cn-test-1".to_owned()),
        access_key: Some(("key".to_owned(), "secret".to_owned())),
        ..ObjectSettings::default()
    };
    let store = open_store(&settings).unwrap();
    let path = object_store::path::Path::from("district/street/hash");
    assert!(matches!(store.head(&path).await, Err(object_store::Error::NotFound { .. })));
    store.put(&path, b"sealed".to_vec().into()).await.unwrap();
    assert_eq!(objects.lock().unwrap().keys().collect::<Vec<_>>(), ["mingzhang/district/street/hash"]);
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap().as_ref(), b"sealed");
    let listed: Vec<_> = store.list(Some(&object_store::path::Path::from("district/street"))).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|meta| meta.location.as_ref()).collect::<Vec<_>>(), ["district/street/hash"]);
    store.delete(&path).await.unwrap();
    assert!(objects.lock().unwrap().is_empty());
    assert!(open_store(&ObjectSettings { url: Some("ftp://x".to_owned()), ..ObjectSettings::default() }).is_err());
}
