//! The composition root: the only place that knows every folder.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpMessage, HttpResponse, HttpServer, get, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_actix_web::{RequestId, RootSpanBuilder, TracingLogger};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::SwaggerUi;

use crate::funds::{bank, budget, claim, closing, donation, ledger, spending, stipend};
use crate::kernel::access::Scope;
use crate::kernel::calendar::SharedCalendar;
use crate::kernel::clock::Clocks;
use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::{Problem, ProblemBody};
use crate::people::identity::{self, Authenticator, Directory, Passwords};
use crate::people::tenancy;
use crate::platform::audit::{self, Attempts};
use crate::platform::calendar;
use crate::platform::db::{Db, Reason};
use crate::platform::http::{Complete, Context, Public, RateGate, RateLimits, errors_page, finish, limit, observe, ok};
use crate::platform::jobs::{self, Registry};
use crate::platform::notification;
use crate::platform::tasks::{self, TaskSources};
use crate::work::plan;

/// What the log keeps of a request: method, route, id and status; no address, no query, no words of a refusal, nothing personal.
struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> tracing::Span {
        let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
        let id = request.extensions().get::<RequestId>().map(ToString::to_string);
        tracing::info_span!("request", method = %request.method(), route, id, status = tracing::field::Empty)
    }

    fn on_request_end<B: MessageBody>(span: tracing::Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        let status = outcome.as_ref().map_or_else(|error| error.as_response_error().status_code(), ServiceResponse::status);
        span.record("status", status.as_u16());
        span.in_scope(|| tracing::info!("answered"));
    }
}

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build()));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Mingzhang 明账", description = "Open books for the funds of a district's communities. Amounts are strings of yuan with two decimals."),
    components(schemas(ProblemBody)),
    modifiers(&Security),
    security(("bearer" = []))
)]
struct Description;

/// Puts the parts together.
#[must_use]
pub fn context(db: Db, clocks: Clocks, keys: Arc<KeyRing>) -> Context {
    let authenticator = Arc::new(Authenticator::new(db.clone(), clocks.clone(), Arc::clone(&keys)));
    let attempts = Arc::new(Attempts::new(db.clone(), clocks.clone()));
    let recipients = Arc::new(Directory::new(db.clone(), clocks.clone()));
    Context { db, clocks, keys, calendar: SharedCalendar::default(), authenticator, attempts, recipients, rates: Arc::new(RateGate::new(RateLimits::default())) }
}

/// The jobs of this deployment.
#[must_use]
pub fn registry() -> Registry {
    Registry::new(vec![Arc::new(stipend::job::StipendsNotice), Arc::new(stipend::job::StipendsPost), Arc::new(closing::job::LedgerVerify), Arc::new(claim::job::ClaimsExpire)])
}

/// The views of open documents.
#[must_use]
pub fn task_sources() -> TaskSources {
    TaskSources::new([identity::TASKS].into_iter().chain(budget::TASKS).chain(claim::TASKS).chain(donation::TASKS).chain(stipend::TASKS).collect())
}

/// Verifies the books of every street, each under its own scope.
///
/// # Errors
/// 500 where the database fails.
pub async fn verify_all(context: &Context, kept: &[ledger::verify::KeptCheckpoint]) -> Result<closing::verify::Verification, Problem> {
    let mut all = closing::verify::Verification::empty();
    for street in tenancy::streets(&context.db).await? {
        let tx = context.db.snapshot(Scope::of_place(street.place())).await?;
        all.add(closing::verify::street(&tx, &context.keys, (street.id, &street.name), kept).await?);
    }
    Ok(all)
}

/// The routes of the API.
fn api(config: &mut utoipa_actix_web::service_config::ServiceConfig) {
    config.service(
        utoipa_actix_web::scope("/api/v1")
            .configure(identity::routes::routes)
            .configure(tenancy::routes::routes)
            .configure(audit::routes::routes)
            .configure(calendar::routes::routes)
            .configure(notification::routes::routes)
            .configure(tasks::routes::routes)
            .configure(plan::routes::routes)
            .configure(spending::routes::routes)
            .configure(ledger::routes::routes)
            .configure(bank::routes::routes)
            .configure(budget::routes::routes)
            .configure(budget::routes_money::routes)
            .configure(claim::routes::routes)
            .configure(claim::routes_pay::routes)
            .configure(donation::routes::routes)
            .configure(stipend::routes_scheme::routes)
            .configure(stipend::routes_import::routes)
            .configure(stipend::routes_people::routes)
            .configure(stipend::routes_run::routes)
            .configure(jobs::routes::routes)
            .configure(closing::routes::routes),
    );
}

/// The description of the API (OpenAPI 3.1).
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, mut description) = App::new().into_utoipa_app().openapi(Description::openapi()).configure(api).split_for_parts();
    Complete.modify(&mut description);
    description
}

/// The process answers.
#[get("/health/live")]
async fn live(_public: Public) -> HttpResponse {
    ok(&serde_json::json!({"status": "live"}))
}

/// The database answers; says so where the business clock is set.
#[get("/health/ready")]
async fn ready(_public: Public, context: web::Data<Context>) -> Result<HttpResponse, Problem> {
    let tx = context.db.read_as_system(Reason::Health).await?;
    tx.rollback().await?;
    let clock = context.clocks.is_set().then(|| context.clocks.business_now());
    Ok(ok(&serde_json::json!({"status": "ready", "business_clock_set_to": clock})))
}

/// Every refusal with its code: where `type` of a problem leads.
#[get("/docs/errors")]
async fn errors(_public: Public) -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(errors_page())
}

/// Prometheus metrics.
#[get("/metrics")]
async fn metrics(_public: Public, handle: web::Data<PrometheusHandle>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(handle.render())
}

/// Serves on a listener until it is told to stop; requests that are running are finished first.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve(listener: std::net::TcpListener, context: Context, passwords: Passwords, workers: usize) -> std::io::Result<actix_web::dev::Server> {
    serve_jobs(listener, context, passwords, registry(), workers)
}

/// As [`serve`], with these jobs to be started by hand.
///
/// # Errors
/// As [`serve`].
pub fn serve_jobs(listener: std::net::TcpListener, context: Context, passwords: Passwords, registry: Registry, workers: usize) -> std::io::Result<actix_web::dev::Server> {
    let (registry, sources) = (web::Data::new(registry), web::Data::new(task_sources()));
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = web::Data::new(recorder.handle());
    // In tests several servers run in one process; the first one's recorder counts for all.
    if ::metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("metrics are recorded already");
    }
    let (context, passwords) = (web::Data::new(context), web::Data::new(passwords));
    let server = HttpServer::new(move || {
        let (app, mut description) = App::new()
            .app_data(context.clone())
            .app_data(passwords.clone())
            .app_data(handle.clone())
            .app_data(registry.clone())
            .app_data(sources.clone())
            .into_utoipa_app()
            .openapi(Description::openapi())
            .configure(api)
            .split_for_parts();
        Complete.modify(&mut description);
        app.service(live)
            .service(ready)
            .service(metrics)
            .service(errors)
            .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", description))
            .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::not_found()) }))
            .wrap(from_fn(limit))
            .wrap(from_fn(observe))
            .wrap(from_fn(finish))
            .wrap(TracingLogger::<RequestSpan>::new())
    });
    Ok(server.workers(workers).shutdown_timeout(30).listen(listener)?.run())
}
