//! An authenticated read by id, beside a bare actix handler that sends the same two statements through sqlx by hand.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use sea_orm::FromQueryResult;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, Row as _, SqlitePool};
use uuid::Uuid;

use super::load::{AsyncWork, Client, for_a_while, get};
use super::world::{self, Base, Size, World};
use super::{Goal, Plan, Rounds, Row};
use crate::app;
use crate::kernel::access::Place;
use crate::kernel::problem::Problem;
use crate::people::identity::{Passwords, STANDING};

const CONNECTIONS: usize = 16;

#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

/// Reads one after the other of some ids.
#[derive(Clone)]
struct Reads {
    requests: Arc<Vec<Vec<u8>>>,
    next: usize,
}

impl AsyncWork for Reads {
    async fn once(&mut self, client: &mut Client) -> Result<(), Problem> {
        let request = self.requests.get(self.next % self.requests.len().max(1)).ok_or_else(|| Problem::internal("nothing to read"))?;
        self.next = self.next.wrapping_add(7);
        let answer = client.send(request).await?;
        if answer.status == 200 { Ok(()) } else { Err(Problem::internal(format!("a read answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)))) }
    }
}

/// A port of this machine, listened on.
pub(super) fn listen() -> Result<(TcpListener, SocketAddr), Problem> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Problem::internal)?;
    let address = listener.local_addr().map_err(Problem::internal)?;
    Ok((listener, address))
}

/// As many workers as production takes.
pub(super) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Measures the read by id on a database.
pub(super) async fn measure(base: &Base, plan: &Plan) -> Result<Vec<Row>, Problem> {
    let streets = if plan.quick { 2 } else { 10 };
    let size = Size { streets, people: if plan.quick { 50 } else { 1_000 }, lines: 0 };
    let world = World::load(base, "read", size).await?;
    let context = world::open(base, "read").await?;
    let street = world.streets.first().ok_or_else(|| Problem::internal("no street"))?.clone();
    let tx = context.db.read(crate::kernel::access::Scope::of_place(street.place)).await?;
    let ids = tx.query::<Id>(crate::platform::db::Sql::both("SELECT id FROM beneficiaries WHERE district_id = $1 AND street_id = $2"), vec![world.district.into(), street.id.into()]).await?;
    drop(tx);
    let token = world::token(&context, &street.accountant)?;
    let requests = Arc::new(ids.iter().map(|row| get(&format!("/api/v1/beneficiaries/{}", row.id), &token)).collect::<Vec<_>>());
    let (listener, ours) = listen()?;
    let server = app::serve(listener, context.clone(), Passwords::try_new()?, workers()).map_err(Problem::internal)?;
    let handle = server.handle();
    tokio::spawn(server);
    let bare = bare(base, street.place, street.accountant.user).await?;
    let time = Duration::from_millis(if plan.quick { 200 } else { 2_000 });
    let work = move |number: usize| Reads { requests: Arc::clone(&requests), next: number };
    let mut rounds = Rounds::default();
    // One round to warm up, which does not count.
    for round in 0..=plan.rounds() {
        let our = for_a_while(CONNECTIONS, ours, time, work.clone()).await?.per_second();
        let theirs = for_a_while(CONNECTIONS, bare.address, time, work.clone()).await?.per_second();
        super::tell(&format!("{}: read round {round}: {} requests/s, bare {}", base.name(), our.round(), theirs.round()));
        if round > 0 {
            rounds.ours.push(our);
            rounds.reference.push(theirs);
        }
    }
    handle.stop(false).await;
    bare.handle.stop(false).await;
    context.db.close().await?;
    base.drop("read").await?;
    Ok(vec![Row::of("read by id over HTTP, beside a bare actix + sqlx handler that sends the same two statements", base.name(), rounds.medians(), "requests/s", Goal::at_least(75))])
}

struct Bare {
    address: SocketAddr,
    handle: actix_web::dev::ServerHandle,
}

const COLUMNS: &str = "id, district_id, street_id, community_id, name_masked, proposed_name_masked, proposed_name_by, id_number_masked, on_payroll, version, created_at";

fn shown(id: Uuid, text: (Uuid, Uuid, Option<Uuid>), masked: (&str, &str), proposed: (Option<&str>, Option<Uuid>), rest: (bool, i64, chrono::DateTime<chrono::Utc>)) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"id": id, "district_id": text.0, "street_id": text.1, "community_id": text.2, "name_masked": masked.0, "proposed_name_masked": proposed.0, "proposed_name_by": proposed.1, "id_number_masked": masked.1,
        "on_payroll": rest.0, "version": rest.1, "created_at": rest.2}))
}

macro_rules! row_shown {
    ($row:expr) => {{
        let row = $row;
        let (name, number): (&str, &str) = (row.get("name_masked"), row.get("id_number_masked"));
        let proposed = (row.get("proposed_name_masked"), row.get("proposed_name_by"));
        shown(row.get("id"), (row.get("district_id"), row.get("street_id"), row.get("community_id")), (name, number), proposed, (row.get("on_payroll"), row.get("version"), row.get("created_at")))
    }};
}

/// The same read without a framework: the statement that tells whether who asks still stands as remembered (and on PostgreSQL sets the scope), then the row.
async fn bare(base: &Base, place: Place, user: Uuid) -> Result<Bare, Problem> {
    let (listener, address) = listen()?;
    let url = base.url("read");
    let failed = actix_web::error::ErrorInternalServerError::<sqlx::Error>;
    let server = match base {
        Base::Postgres(_) => {
            let pool = PgPoolOptions::new().max_connections(16).test_before_acquire(false).connect(&url).await.map_err(Problem::internal)?;
            let street = place.street;
            HttpServer::new(move || {
                let handler = move |pool: web::Data<PgPool>, id: web::Path<Uuid>| async move {
                    let mut connection = pool.acquire().await.map_err(failed)?;
                    let first = sqlx::query(STANDING.postgres).bind(user).bind("street").bind(place.district.to_string()).bind(street.map(|id| id.to_string())).bind("");
                    first.fetch_one(&mut *connection).await.map_err(failed)?;
                    let text = format!("SELECT {COLUMNS} FROM beneficiaries WHERE district_id = $1 AND street_id = $2 AND id = $3");
                    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(place.district).bind(street).bind(*id).fetch_one(&mut *connection).await.map_err(failed)?;
                    Ok::<_, actix_web::Error>(row_shown!(row))
                };
                App::new().app_data(web::Data::new(pool.clone())).route("/api/v1/beneficiaries/{id}", web::get().to(handler))
            })
            .workers(workers())
            .listen(listener)
            .map(HttpServer::run)
        }
        Base::Sqlite(_) => {
            let pool = SqlitePoolOptions::new().max_connections(8).test_before_acquire(false).connect(&url).await.map_err(Problem::internal)?;
            let street = place.street;
            HttpServer::new(move || {
                let handler = move |pool: web::Data<SqlitePool>, id: web::Path<Uuid>| async move {
                    let mut connection = pool.acquire().await.map_err(failed)?;
                    sqlx::query(STANDING.sqlite).bind(user).fetch_one(&mut *connection).await.map_err(failed)?;
                    let text = format!("SELECT {COLUMNS} FROM beneficiaries WHERE district_id = $1 AND street_id = $2 AND id = $3");
                    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(place.district).bind(street).bind(*id).fetch_one(&mut *connection).await.map_err(failed)?;
                    Ok::<_, actix_web::Error>(row_shown!(row))
                };
                App::new().app_data(web::Data::new(pool.clone())).route("/api/v1/beneficiaries/{id}", web::get().to(handler))
            })
            .workers(workers())
            .listen(listener)
            .map(HttpServer::run)
        }
    };
    let server = server.map_err(Problem::internal)?;
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Bare { address, handle })
}
