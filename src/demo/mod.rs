//! The demo year: Hanjiadun Street's 2017, played month by month over HTTP by the people who would do it, under the business clock, the scheduled job included.
//! Every request carries an idempotency key of its own, so that a demo killed in the middle goes on where it was, and one that is done changes nothing.

mod activities;
mod books;
mod claims;
mod evidence;
mod statements;
mod year;

use chrono::{DateTime, Utc};
use reqwest::header::{ETAG, IF_MATCH};
use reqwest::{Client, Method};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app;
use crate::funds::closing::verify::Verification;
use crate::kernel::identity_number::{IdentityNumber, invented};
use crate::kernel::ids::new_id;
use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;
use crate::people::identity::Passwords;
use crate::people::identity::set_up::FirstAdministrator;
use crate::platform::db::{Reason, Sql};
use crate::platform::http::Context;

/// The password of every account of the demo. They exist on a database marked demo only.
pub const PASSWORD: &str = "mingzhang-demo-2017-open-books";
/// Where the demo ends, and where a demo database goes on.
pub const END: &str = "2018-01-02T01:00:00Z";
const SOURCE: &str = include_str!("../../demo/hanjiadun-2017.json");

/// The figures of the source document that the demo reproduces.
#[derive(Debug, Deserialize)]
struct Source {
    district: String,
    city: String,
    street: String,
    fiscal_year: i32,
    programme: String,
    communities_named: Vec<String>,
    budget: SourceBudget,
}

#[derive(Debug, Deserialize)]
struct SourceBudget {
    total: Fen,
    lines: Vec<SourceLine>,
}

#[derive(Debug, Deserialize)]
struct SourceLine {
    category: String,
    amount: Fen,
}

/// An account to log in with.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The login name.
    pub username: String,
    /// The password.
    pub password: &'static str,
    /// The roles.
    pub roles: Vec<String>,
    /// The unit.
    pub unit: String,
}

/// A category of the result.
#[derive(Debug, Serialize)]
pub struct CategoryResult {
    name: String,
    budget: Fen,
    received: Fen,
    spent: Fen,
    final_accounts: Option<Fen>,
    spent_by_quarter: Vec<Fen>,
}

/// What the demo came to.
#[derive(Debug, Serialize)]
pub struct DemoResult {
    /// The street.
    pub street: String,
    /// The year.
    pub fiscal_year: i32,
    /// By category.
    pub categories: Vec<CategoryResult>,
    /// In all.
    pub total: Total,
    /// The books.
    pub ledger: Books,
    /// Where the data are, without a password.
    pub database: String,
    /// Who can log in.
    pub accounts: Vec<Account>,
}

/// The totals.
#[derive(Debug, Serialize)]
pub struct Total {
    /// Budgeted.
    pub budget: Fen,
    /// Received.
    pub received: Fen,
    /// Spent.
    pub spent: Fen,
    /// Final accounts; null until the year is closed.
    pub final_accounts: Option<Fen>,
}

/// The books.
#[derive(Debug, Serialize)]
pub struct Books {
    /// Vouchers of the whole database.
    pub vouchers: i64,
    /// Whether verifying holds.
    pub verified: bool,
}

#[derive(FromQueryResult)]
struct Mark {
    kind: String,
    business_instant: Option<DateTime<Utc>>,
}

#[derive(FromQueryResult)]
struct Count {
    n: i64,
}

/// Who plays: a client of the served API, with the tokens of those who have logged in.
pub(crate) struct Player {
    context: Context,
    base: String,
    client: Client,
    tokens: std::collections::BTreeMap<String, String>,
    /// How many people have been given accounts: each has an ID number of their own.
    people: u32,
}

/// What an answer said, and the version it came with.
#[derive(Debug)]
pub(crate) struct Said {
    /// Whether the step had been done before.
    replayed: bool,
    body: Value,
    etag: String,
}

impl Said {
    fn id(&self) -> String {
        self.body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Player {
    /// Sets the business clock to nine in the morning (Shanghai) of a day.
    fn day(&self, day: &str) -> Result<(), Problem> {
        self.context.clocks.set(format!("{day}T01:00:00Z").parse().map_err(Problem::internal)?);
        Ok(())
    }

    async fn request(&self, method: Method, path: &str, token: &str, body: Option<String>, headers: &[(&str, &str)]) -> Result<(u16, Said, String), Problem> {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(Problem::internal)?;
        let status = response.status().as_u16();
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let text = response.text().await.map_err(Problem::internal)?;
        Ok((status, Said { replayed, body: serde_json::from_str(&text).unwrap_or(Value::Null), etag }, text))
    }

    async fn log_in(&mut self, username: &str, password: &str) -> Result<bool, Problem> {
        let body = json!({"username": username, "password": password}).to_string();
        let (status, said, _) = self.request(Method::POST, "/auth/login", "", Some(body), &[("Content-Type", "application/json")]).await?;
        if status != 200 {
            return Ok(false);
        }
        let token = said.body.get("access_token").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.tokens.insert(username.to_owned(), token);
        Ok(true)
    }

    fn token(&self, who: &str) -> &str {
        self.tokens.get(who).map_or("", String::as_str)
    }

    async fn get(&self, who: &str, path: &str) -> Result<Said, Problem> {
        let (status, said, text) = self.request(Method::GET, path, self.token(who), None, &[]).await?;
        if status == 200 { Ok(said) } else { Err(Problem::internal(format!("demo: GET {path} as {who}: {status} {text}"))) }
    }

    async fn text(&self, who: &str, path: &str) -> Result<String, Problem> {
        let (status, _, text) = self.request(Method::GET, path, self.token(who), None, &[]).await?;
        if status == 200 { Ok(text) } else { Err(Problem::internal(format!("demo: GET {path} as {who}: {status} {text}"))) }
    }

    /// One step of the year: a request whose key is its name, so that it happens once.
    async fn step(&self, key: &str, who: &str, path: &str, body: Value) -> Result<Said, Problem> {
        self.step_on(key, who, path, "", body).await
    }

    /// One step on a row at the version that was read.
    async fn step_on(&self, key: &str, who: &str, path: &str, etag: &str, body: Value) -> Result<Said, Problem> {
        self.send_step(key, who, path, etag, "application/json", body.to_string()).await
    }

    async fn send_step(&self, key: &str, who: &str, path: &str, etag: &str, content_type: &str, body: String) -> Result<Said, Problem> {
        let key = format!("demo:{key}");
        let mut headers = vec![("Content-Type", content_type), ("Idempotency-Key", key.as_str())];
        if !etag.is_empty() {
            headers.push((IF_MATCH.as_str(), etag));
        }
        let (status, said, text) = self.request(Method::POST, path, self.token(who), Some(body), &headers).await?;
        if (200..300).contains(&status) { Ok(said) } else { Err(Problem::internal(format!("demo: {key}: POST {path} as {who}: {status} {text}"))) }
    }

    /// The ID number of the next person who gets an account; the same each time the year is played.
    fn next_id_number(&mut self) -> String {
        self.people = self.people.saturating_add(1);
        // Beneficiaries count from 0.
        invented(self.people.saturating_add(100_000))
    }

    /// A first administrator of a district, where not there yet.
    async fn administrator(&mut self, passwords: &Passwords, district: &str, city: &str, username: &str, name: &str) -> Result<(), Problem> {
        let id_number = IdentityNumber::parse(&self.next_id_number()).map_err(Problem::internal)?;
        if self.log_in(username, PASSWORD).await? {
            return Ok(());
        }
        let new = FirstAdministrator {
            district: district.to_owned(),
            city: Some(city.to_owned()),
            username: username.to_owned(),
            display_name: name.to_owned(),
            id_number: Some(id_number),
            password: PASSWORD.to_owned(),
            must_change_password: false,
        };
        app::first_administrator(&self.context, passwords, new).await?;
        if self.log_in(username, PASSWORD).await? { Ok(()) } else { Err(Problem::internal(format!("demo: {username} cannot log in"))) }
    }

    /// A person of a unit with a role, granted by the first administrator and confirmed by the second where money asks for it.
    async fn person(&mut self, administrators: (&str, &str), username: &str, name: &str, role: &str, unit: &str) -> Result<(), Problem> {
        let first = format!("{PASSWORD}-first");
        let (one, two) = administrators;
        let account = json!({"username": username, "display_name": name, "unit_id": unit, "id_number": self.next_id_number(), "first_password": first});
        let made = self.step(&format!("user:{username}"), one, "/users", account).await?;
        let granted = self.step(&format!("role:{username}"), one, "/role-assignments", json!({"user_id": made.id(), "role": role, "unit_id": unit})).await?;
        if granted.body.get("state").and_then(Value::as_str) == Some("unconfirmed") {
            self.step_on(&format!("confirm:{username}"), two, &format!("/role-assignments/{}/confirm", granted.id()), "\"v1\"", json!({})).await?;
        }
        if made.replayed && self.log_in(username, PASSWORD).await? {
            return Ok(());
        }
        self.log_in(username, &first).await?;
        let body = json!({"old_password": first, "new_password": PASSWORD}).to_string();
        let (status, _, text) = self.request(Method::POST, "/auth/password", self.token(username), Some(body), &[("Content-Type", "application/json")]).await?;
        // The login that changed the password goes on.
        if status == 204 { Ok(()) } else { Err(Problem::internal(format!("demo: password of {username}: {status} {text}"))) }
    }
}

/// Plays the year where it has not been played; refuses a database with other data.
///
/// # Errors
/// 409 `database_has_data`; 500 where a step is refused.
pub async fn play(context: &Context, passwords: &Passwords, database: String) -> Result<DemoResult, Problem> {
    let source: Source = serde_json::from_str(SOURCE).map_err(Problem::internal)?;
    if mark(context).await? != Some(true) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(Problem::internal)?;
        let base = format!("http://{}", listener.local_addr().map_err(Problem::internal)?);
        let serving = app::context(context.db.reconnect().await?, context.clocks.clone(), std::sync::Arc::clone(&context.keys), std::sync::Arc::clone(&context.objects));
        let server = app::serve(listener, serving, passwords.clone(), 1).map_err(Problem::internal)?;
        let handle = server.handle();
        let running = tokio::spawn(server);
        let mut player = Player { context: context.clone(), base, client: Client::new(), tokens: std::collections::BTreeMap::new(), people: 0 };
        let played = year::play(&mut player, passwords, &source).await;
        handle.stop(true).await;
        running.await.map_err(Problem::internal)?.map_err(Problem::internal)?;
        played?;
        let tx = context.db.write_as_system(Reason::SetUp).await?;
        tx.execute(Sql::both("UPDATE database_marks SET business_instant = $1"), vec![END.parse::<DateTime<Utc>>().map_err(Problem::internal)?.into()]).await?;
        tx.commit().await?;
    }
    result(context, &source, database).await
}

/// Marks an empty database as a demo; gives whether the year has been played to its end.
async fn mark(context: &Context) -> Result<Option<bool>, Problem> {
    let tx = context.db.write_as_system(Reason::SetUp).await?;
    let mark = tx.query_one::<Mark>(Sql::both("SELECT kind, business_instant FROM database_marks"), Vec::new()).await?;
    if let Some(mark) = mark {
        if mark.kind != "demo" {
            return Err(other_data());
        }
        return Ok(Some(mark.business_instant.is_some()));
    }
    let users = tx.query_one::<Count>(Sql::both("SELECT COUNT(*) AS n FROM users"), Vec::new()).await?;
    if users.is_some_and(|users| users.n > 0) {
        return Err(other_data());
    }
    let insert = Sql::both("INSERT INTO database_marks (id, kind, created_at) VALUES ($1, 'demo', $2)");
    tx.execute(insert, vec![new_id().into(), context.clocks.wall().into()]).await?;
    tx.commit().await?;
    Ok(None)
}

fn other_data() -> Problem {
    Problem::new(409, "database_has_data", "数据库中已有其他数据", "The database holds other data")
        .detail("演示只能装入空数据库。请换一个数据目录（MINGZHANG_DATA_DIR）或数据库。", "The demo goes into an empty database only. Name another data folder (MINGZHANG_DATA_DIR) or database.")
}

#[derive(FromQueryResult)]
struct CategoryRow {
    id: uuid::Uuid,
    name: String,
    budget: Fen,
}

async fn result(context: &Context, source: &Source, database: String) -> Result<DemoResult, Problem> {
    use sea_orm::{ColumnTrait, QueryFilter};

    use crate::funds::closing::final_account;
    use crate::funds::ledger::{Account as Books5001, turnover_of_year};
    let verified: Verification = app::verify_all(context, &[]).await?;
    let streets = crate::people::tenancy::streets(&context.db).await?;
    let street = streets.iter().find(|street| street.name == source.street).ok_or_else(|| Problem::internal("demo: the street is missing"))?;
    let tx = context.db.read(crate::kernel::access::Scope::of_place(street.place())).await?;
    let rows = tx
        .query::<CategoryRow>(
            Sql::both("SELECT c.id AS id, c.name AS name, CAST(SUM(l.approved) AS bigint) AS budget FROM budget_lines l JOIN categories c ON c.id = l.category_id WHERE l.street_id = $1 AND l.fiscal_year = $2 AND l.state = 'approved' GROUP BY c.id, c.name, c.code ORDER BY c.code"),
            vec![street.id.into(), source.fiscal_year.into()],
        )
        .await?;
    let finals = tx.all(tx.select::<final_account::Entity>().filter(final_account::Column::StreetId.eq(street.id)).filter(final_account::Column::FiscalYear.eq(source.fiscal_year))).await?;
    let income = turnover_of_year(&tx, street.id, Books5001::Appropriation, source.fiscal_year).await?;
    let mut categories = Vec::new();
    for row in rows {
        let received =
            Fen::checked_sum(income.iter().filter(|turnover| turnover.category_key == row.id).map(|turnover| Fen(turnover.credit.0.saturating_sub(turnover.debit.0)))).map_err(Problem::internal)?;
        let mut quarters = Vec::new();
        for quarter in 0..4 {
            let sum = Sql::both(
                "SELECT CAST(COALESCE(SUM(debit - credit), 0) AS bigint) AS budget, category_key AS id, '' AS name FROM ledger_turnovers WHERE street_id = $1 AND account = '5001' AND category_key = $2 AND NOT closing AND month BETWEEN $3 AND $4 GROUP BY category_key",
            );
            let month = |number: i32| format!("{}-{number:02}", source.fiscal_year);
            let spent = tx.query_one::<CategoryRow>(sum, vec![street.id.into(), row.id.into(), month(quarter * 3 + 1).into(), month(quarter * 3 + 3).into()]).await?;
            quarters.push(spent.map_or(Fen::ZERO, |row| row.budget));
        }
        let spent = Fen::checked_sum(quarters.iter().copied()).map_err(Problem::internal)?;
        let final_accounts = finals.iter().find(|found| found.category_id == row.id).map(|found| found.spent);
        categories.push(CategoryResult { name: row.name, budget: row.budget, received, spent, final_accounts, spent_by_quarter: quarters });
    }
    let sum = |field: fn(&CategoryResult) -> Fen| Fen::checked_sum(categories.iter().map(field)).map_err(Problem::internal);
    let final_total = Fen::checked_sum(categories.iter().filter_map(|row| row.final_accounts)).map_err(Problem::internal)?;
    let final_accounts = categories.iter().all(|row| row.final_accounts.is_some()).then_some(final_total);
    let total = Total { budget: sum(|row| row.budget)?, received: sum(|row| row.received)?, spent: sum(|row| row.spent)?, final_accounts };
    Ok(DemoResult {
        street: source.street.clone(),
        fiscal_year: source.fiscal_year,
        categories,
        total,
        ledger: Books { vouchers: verified.vouchers, verified: verified.holds },
        database,
        accounts: year::accounts(source),
    })
}

fn shown(amount: Option<Fen>) -> String {
    amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string())
}

/// The result as a table for people.
#[must_use]
pub fn table(result: &DemoResult) -> String {
    use std::fmt::Write;
    let mut text = format!("{} {}\n", result.street, result.fiscal_year);
    for row in &result.categories {
        let _ = writeln!(text, "  {}\t预算 {}\t到位 {}\t支出 {}\t决算 {}", row.name, row.budget, row.received, row.spent, shown(row.final_accounts));
    }
    let _ = writeln!(text, "  合计 total\t预算 {}\t到位 {}\t支出 {}\t决算 {}", result.total.budget, result.total.received, result.total.spent, shown(result.total.final_accounts));
    let _ = writeln!(text, "  凭证 vouchers {}\t账目相符 verified {}", result.ledger.vouchers, result.ledger.verified);
    let _ = writeln!(text, "  密码 password: {PASSWORD}");
    for account in &result.accounts {
        let _ = writeln!(text, "    {}\t{}\t{}", account.username, account.roles.join(", "), account.unit);
    }
    text
}
