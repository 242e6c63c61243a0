//! Files as bodies, on a small server of its own with one operation that tells what came in.

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, post, web};
use mingzhang::kernel::access::{Actor, Capability};
use mingzhang::kernel::problem::Problem;
use mingzhang::platform::audit::{self, Event};
use mingzhang::platform::http::{Content, Done, Upload, UploadedFile, finish};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;

#[post("/files")]
async fn take_file(actor: Actor, upload: Upload) -> Result<HttpResponse, Problem> {
    upload
        .create_from_file(
            &actor,
            Capability::UnitRead,
            &[Content::Csv, Content::Pdf],
            |_| Ok(()),
            async |tx, act, (file, ()): (UploadedFile, ())| {
                audit::record(tx, act, Event { action: "file.take", subject_type: "file", place: Some(actor.home), ..Event::default() }).await?;
                Ok(Done::created("/files/1".to_owned(), None, json!({"name": file.name, "kind": file.content.extension(), "bytes": file.bytes.len(), "sha256": file.sha256()})))
            },
        )
        .await
}

/// The server's address.
fn serve(app: &TestApp) -> String {
    let context = web::Data::new(app.context.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/files", listener.local_addr().unwrap());
    let server = HttpServer::new(move || App::new().app_data(context.clone()).service(take_file).wrap(from_fn(finish))).workers(1).listen(listener).unwrap().run();
    actix_web::rt::spawn(server);
    address
}

async fn send(request: reqwest::RequestBuilder) -> (u16, Value, bool) {
    let response = request.send().await.unwrap();
    let (status, replayed) = (response.status().as_u16(), response.headers().contains_key("idempotent-replayed"));
    (status, response.json().await.unwrap(), replayed)
}

on_both_databases! {
    async fn a_file_comes_in_as_a_form_or_as_it_is_and_a_repeated_form_acts_once(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let address = serve(app);
        let post = || reqwest::Client::new().post(&address).bearer_auth(&token);
        let plain = send(post().header("Content-Type", "text/csv").body("姓名,金额\n")).await;
        assert_eq!((plain.0, &plain.1["kind"], &plain.1["name"]), (201, &json!("csv"), &Value::Null));
        let form = |text: &'static str| Form::new().part("file", Part::bytes(text.as_bytes()).file_name("../a/名单.pdf"));
        let first = send(post().header("Idempotency-Key", "k").multipart(form("姓名,金额\n"))).await;
        assert_eq!((first.0, &first.1["kind"], &first.1["name"], first.2), (201, &json!("csv"), &json!("名单.pdf"), false));
        assert_eq!(first.1["sha256"], plain.1["sha256"]);
        let again = send(post().header("Idempotency-Key", "k").multipart(form("姓名,金额\n"))).await;
        assert_eq!((again.0, again.2, &again.1), (201, true, &first.1));
        let other = send(post().header("Idempotency-Key", "k").multipart(form("姓名,数额\n"))).await;
        assert_eq!((other.0, &other.1["code"]), (422, &json!("idempotency_key_reused")));
    }

    async fn what_cannot_be_taken_is_refused_cleanly(app: TestApp) {
        let token = app.administrator("硚口区", "first").await;
        let address = serve(app);
        let post = || reqwest::Client::new().post(&address).bearer_auth(&token);
        let csv = |length: usize| Part::bytes(vec![b'a'; length]).file_name("a.csv");
        let largest = 20 * 1024 * 1024;
        assert_eq!(send(post().multipart(Form::new().part("file", csv(largest)))).await.0, 201);
        let cases: [(reqwest::RequestBuilder, u16, &str); 8] = [
            (post().body(vec![b'a'; 30_000_000]), 413, "body_too_large"),
            (post().multipart(Form::new().part("file", csv(30_000_000))), 413, "body_too_large"),
            (post().body(vec![b'a'; largest + 1]), 413, "body_too_large"),
            (post().header("Content-Type", "text/csv").body(&b"\x89PNG\r\n\x1a\n"[..]), 415, "unsupported_media_type"),
            (post().body(""), 422, "missing_field"),
            (post().multipart(Form::new().part("file", csv(3)).part("file", csv(3))), 422, "unknown_field"),
            (post().multipart(Form::new().part("other", csv(3))), 422, "unknown_field"),
            (post().header("Content-Type", "multipart/form-data; boundary=x").body("nothing of the kind"), 400, "malformed_form"),
        ];
        for (request, status, code) in cases {
            let answer = send(request).await;
            assert_eq!((answer.0, answer.1["code"].as_str()), (status, Some(code)), "{}", answer.1);
        }
    }
}
