//! A served API with a database of its own, and a client.

pub mod at_once;
pub mod clear;
pub mod dice;
pub mod guide;
pub mod postgres;
pub mod process;
pub mod spending;
pub mod street;
pub mod trail;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use migration::{Migrator, MigratorTrait};
use mingzhang::app;
use mingzhang::kernel::clock::Clocks;
use mingzhang::kernel::crypto::KeyRing;
use mingzhang::kernel::identity_number::{self, IdentityNumber};
use mingzhang::people::identity::Passwords;
use mingzhang::people::identity::set_up::FirstAdministrator;
use mingzhang::platform::db::{Db, DbSettings};
use mingzhang::platform::http::{Context, RateLimits};
use mingzhang::platform::jobs::Registry;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The ID number of an invented person, another one each time in this process.
pub fn next_id_number() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1_000);
    identity_number::invented(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A password that the rules take.
pub const PASSWORD: &str = "correct horse battery staple";

/// Runs a test on both databases; without PostgreSQL's `initdb` it says so on the terminal, and fails where PostgreSQL is required.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* async fn $name:ident($app:ident: TestApp) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn sentence($app: &TestApp) $body

            #[actix_web::test]
            async fn on_sqlite() {
                sentence(&TestApp::on_sqlite().await).await;
            }

            #[actix_web::test]
            async fn on_postgresql() {
                if let Some(app) = TestApp::on_postgresql().await {
                    sentence(&app).await;
                }
            }
        })*
    };
}

/// A served API.
pub struct TestApp {
    pub context: Context,
    pub passwords: Passwords,
    address: String,
    client: reqwest::Client,
    _folder: Option<Folder>,
}

/// A folder that goes away with its test.
pub struct Folder(std::path::PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("mingzhang-test-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub replayed: bool,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().expect(&self.text).to_owned()
    }
}

impl TestApp {
    pub async fn on_sqlite() -> Self {
        let folder = Folder::new();
        let url = Self::new_file(&folder).await;
        Self::start(&url, Some(folder)).await
    }

    /// A migrated database in a folder; gives its URL.
    async fn new_file(folder: &Folder) -> String {
        let url = format!("sqlite://{}?mode=rwc", folder.0.join("test.db").display());
        let owner = sea_orm::Database::connect(url.as_str()).await.unwrap();
        Migrator::up(&owner, None).await.unwrap();
        owner.close().await.unwrap();
        url
    }

    pub async fn on_postgresql() -> Option<Self> {
        let url = postgres::new_database().await?;
        Some(Self::start(&url, None).await)
    }

    /// A served API on a database of PostgreSQL that the test keeps a way of its own to.
    pub async fn on(url: &str) -> Self {
        Self::start(url, None).await
    }

    /// The same database behind limits on requests; without it a test is never limited.
    pub async fn limited(&self, limits: RateLimits) -> Self {
        Self::serve(self.context.clone().with_rate_limits(limits), None)
    }

    /// The same database, which pages of these other sites may ask.
    pub async fn asked_from(&self, origins: &str) -> Self {
        Self::serve(self.context.clone().with_origins(origins.parse().unwrap()), None)
    }

    /// The same database behind these proxies.
    pub async fn behind(&self, proxies: &str) -> Self {
        Self::serve(self.context.clone().with_trusted_proxies(proxies.parse().unwrap()), None)
    }

    /// Where it is served.
    pub fn address(&self) -> &str {
        &self.address
    }

    async fn start(url: &str, folder: Option<Folder>) -> Self {
        Self::start_with(url, folder, KeyRing::random()).await
    }

    /// Serves a database with these keys.
    async fn start_with(url: &str, folder: Option<Folder>, keys: KeyRing) -> Self {
        let db = Db::connect(&DbSettings { url: url.to_owned(), write_connections: if url.starts_with("sqlite") { 1 } else { 4 }, read_connections: 4 }).await.unwrap();
        let clocks = Clocks::manual("2017-01-03T01:00:00Z".parse().unwrap(), chrono_tz::Asia::Shanghai);
        Self::serve(app::context(db, clocks, Arc::new(keys), mingzhang::platform::attachment::in_memory()), folder)
    }

    fn serve(context: Context, folder: Option<Folder>) -> Self {
        let passwords = Passwords::try_new().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = app::serve(listener, context.clone(), passwords.clone(), 1).unwrap();
        actix_web::rt::spawn(server);
        Self { context, passwords, address, client: reqwest::Client::new(), _folder: folder }
    }

    /// The same database, served by a process of its own at this address.
    pub fn at(&self, address: &str) -> Self {
        Self { context: self.context.clone(), passwords: self.passwords.clone(), address: address.to_owned(), client: reqwest::Client::new(), _folder: None }
    }

    /// The same database, served with these jobs as well.
    pub fn serving(&self, registry: Registry) -> Self {
        let (context, passwords) = (self.context.clone(), self.passwords.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        actix_web::rt::spawn(app::serve_jobs(listener, context.clone(), passwords.clone(), registry, 1).unwrap());
        Self { context, passwords, address, client: reqwest::Client::new(), _folder: None }
    }

    /// One of the first administrators of a district, whose password needs no change.
    pub async fn administrator(&self, district: &str, username: &str) -> String {
        let new = FirstAdministrator {
            district: district.to_owned(),
            city: None,
            username: username.to_owned(),
            display_name: username.to_owned(),
            id_number: Some(IdentityNumber::parse(&next_id_number()).unwrap()),
            password: PASSWORD.to_owned(),
            must_change_password: false,
        };
        app::first_administrator(&self.context, &self.passwords, new).await.unwrap();
        self.log_in(username, PASSWORD).await
    }

    pub async fn log_in(&self, username: &str, password: &str) -> String {
        let answer = self.send(Method::POST, "/auth/login", "", Some(json!({"username": username, "password": password})), &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// An account made by an administrator, its first password changed; gives its id and an access token.
    pub async fn user(&self, administrator: &str, username: &str, unit: &str) -> (String, String) {
        let first = "another horse battery staple";
        let account = json!({"username": username, "display_name": username, "unit_id": unit, "id_number": next_id_number(), "first_password": first});
        let made = self.post(administrator, "/users", account).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let token = self.log_in(username, first).await;
        let changed = self.post(&token, "/auth/password", json!({"old_password": first, "new_password": PASSWORD})).await;
        assert_eq!(changed.status, 204, "{}", changed.text);
        (made.id(), token)
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(Method::GET, path, token, None, &[]).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, token, Some(body), &[]).await
    }

    /// A request that moves money, with its key.
    pub async fn money(&self, token: &str, path: &str, body: Value, key: &str) -> Answer {
        self.send(Method::POST, path, token, Some(body), &[("Idempotency-Key", key)]).await
    }

    /// A file as a form, with fields beside it.
    pub async fn upload(&self, token: &str, path: &str, file: (&str, Vec<u8>), fields: &[(&str, &str)]) -> Answer {
        let part = reqwest::multipart::Part::bytes(file.1).file_name(file.0.to_owned());
        let form = fields.iter().fold(reqwest::multipart::Form::new(), |form, (name, text)| form.text((*name).to_owned(), (*text).to_owned()));
        let request = self.client.post(format!("{}/api/v1{path}", self.address)).header("Accept-Language", "en").bearer_auth(token).multipart(form.part("file", part));
        let answer = Self::answer(request).await.unwrap();
        let said: serde_json::Map<String, Value> = fields.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        trail::check(&self.context.db, (&Method::POST, path), &Value::Object(said).to_string(), &answer).await;
        answer
    }

    async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, replayed) = (header("etag"), header("idempotent-replayed").is_some());
        let bytes = response.bytes().await?.to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status, etag, replayed, headers, bytes, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    pub async fn act(&self, token: &str, path: &str, etag: &str) -> Answer {
        self.send(Method::POST, path, token, Some(json!({})), &[("If-Match", etag)]).await
    }

    pub async fn send(&self, method: Method, path: &str, token: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let text = body.map(|body| body.to_string());
        self.send_text(method, path, token, text, headers).await
    }

    pub async fn send_text(&self, method: Method, path: &str, token: &str, body: Option<String>, headers: &[(&str, &str)]) -> Answer {
        self.send_bytes(method, path, token, body.map(String::into_bytes), headers).await
    }

    pub async fn send_bytes(&self, method: Method, path: &str, token: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Answer {
        let text = String::from_utf8_lossy(body.as_deref().unwrap_or_default()).into_owned();
        let answer = self.try_send(method.clone(), path, token, body, headers).await.unwrap();
        trail::check(&self.context.db, (&method, path), &text, &answer).await;
        answer
    }

    /// As [`TestApp::send_bytes`]; an error where the server went away.
    pub async fn try_send(&self, method: Method, path: &str, token: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> reqwest::Result<Answer> {
        let base = if path.starts_with("/openapi") || path.starts_with("/health") || path == "/metrics" || path.starts_with("/docs") { "" } else { "/api/v1" };
        let mut request = self.client.request(method, format!("{}{base}{path}", self.address));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept-language")) {
            request = request.header("Accept-Language", "en");
        }
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            request = if named { request } else { request.header("Content-Type", "application/json") }.body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::answer(request).await
    }
}
