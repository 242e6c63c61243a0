//! The composition root: the only place that knows every folder.

use std::sync::{Arc, OnceLock};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::LOCATION;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpMessage, HttpResponse, HttpServer, get, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use object_store::ObjectStore;
use tracing_actix_web::{RequestId, RootSpanBuilder, TracingLogger};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::SwaggerUi;

use crate::funds::{bank, budget, claim, closing, commitment, donation, ledger, spending, stipend};
use crate::kernel::access::Scope;
use crate::kernel::act::Performer;
use crate::kernel::calendar::SharedCalendar;
use crate::kernel::clock::Clocks;
use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::{Problem, ProblemBody};
use crate::people::identity::set_up::{self, FirstAdministrator};
use crate::people::identity::{self, Authenticator, Directory, Passwords, user};
use crate::people::tenancy;
use crate::platform::attachment::{self, AttachmentsClean, Subjects};
use crate::platform::audit::{self, Attempts};
use crate::platform::calendar;
use crate::platform::db::{Db, Reason};
use crate::platform::http::{Complete, Context, Public, RateGate, RateLimits, errors_page, finish, keep_exports, limit, observe, ok};
use crate::platform::jobs::{self, Registry};
use crate::platform::notification;
use crate::platform::tasks::{self, TaskSources};
use crate::work::{activity, plan};

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

/// Puts the parts together; `objects` is where files are kept.
#[must_use]
pub fn context(db: Db, clocks: Clocks, keys: Arc<KeyRing>, objects: Arc<dyn ObjectStore>) -> Context {
    let authenticator = Arc::new(Authenticator::new(db.clone(), clocks.clone(), Arc::clone(&keys)));
    let attempts = Arc::new(Attempts::new(db.clone(), clocks.clone()));
    let recipients = Arc::new(Directory::new(db.clone(), clocks.clone()));
    Context { db, clocks, keys, calendar: SharedCalendar::default(), authenticator, attempts, recipients, objects, rates: Arc::new(RateGate::new(RateLimits::default())) }
}

/// The jobs of this deployment.
#[must_use]
pub fn registry() -> Registry {
    Registry::new(vec![
        Arc::new(stipend::job::StipendsNotice),
        Arc::new(stipend::job::StipendsPost),
        Arc::new(stipend::expire::EnrolmentsExpiring),
        Arc::new(commitment::job::CommitmentsExpire),
        Arc::new(claim::job::ClaimsExpire),
        Arc::new(closing::job::LedgerVerify),
        Arc::new(AttachmentsClean::new(Arc::new(tenancy::FileUnits), attachment::GRACE)),
    ])
}

/// What papers can be linked to.
#[must_use]
pub fn paper_subjects() -> Subjects {
    Subjects::new(Arc::new(tenancy::FileUnits), vec![Arc::new(activity::ActivityPapers), Arc::new(claim::ClaimPapers), Arc::new(claim::InvoicePapers)])
}

/// The views of open documents.
#[must_use]
pub fn task_sources() -> TaskSources {
    TaskSources::new([identity::TASKS].into_iter().chain(ledger::TASKS).chain(budget::TASKS).chain(commitment::TASKS).chain(claim::TASKS).chain(donation::TASKS).chain(stipend::TASKS).collect())
}

/// Makes one of the first two administrators of a district, and gives the district what comes with the program: the layouts of bank files that it does not have yet.
///
/// # Errors
/// As [`set_up::first_administrator`].
pub async fn first_administrator(context: &Context, passwords: &Passwords, new: FirstAdministrator) -> Result<user::Model, Problem> {
    let act = context.act(Performer::Job { name: "user.create", authorisation: None }, "command-line".to_owned(), None);
    let tx = context.db.write_as_system(Reason::SetUp).await?;
    let user = set_up::first_administrator(&tx, &act, passwords, new).await?;
    tx.commit().await?;
    let tx = context.db.write(Scope::District(user.district_id)).await?;
    bank::seed(&tx, &act, user.district_id).await?;
    tx.commit().await?;
    Ok(user)
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
            .configure(attachment::routes::routes)
            .configure(plan::routes::routes)
            .configure(activity::routes::routes)
            .configure(spending::routes::routes)
            .configure(spending::routes_standards::routes)
            .configure(ledger::routes::routes)
            .configure(ledger::routes_export::routes)
            .configure(ledger::routes_detail::routes)
            .configure(bank::routes::routes)
            .configure(bank::routes_layouts::routes)
            .configure(bank::routes_statements::routes)
            .configure(budget::routes::routes)
            .configure(budget::routes_money::routes)
            .configure(commitment::routes::routes)
            .configure(claim::routes::routes)
            .configure(claim::routes_pay::routes)
            .configure(claim::routes_payees::routes)
            .configure(claim::invoice::routes::routes)
            .configure(claim::papers::routes::routes)
            .configure(donation::routes::routes)
            .configure(stipend::routes_scheme::routes)
            .configure(stipend::routes_import::routes)
            .configure(stipend::routes_people::routes)
            .configure(stipend::routes_run::routes)
            .configure(stipend::routes_recovery::routes)
            .configure(stipend::routes_verify::routes)
            .configure(jobs::routes::routes)
            .configure(closing::routes::routes),
    );
}

/// The description of the API (OpenAPI 3.1).
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    // The same for every worker of every server.
    static DESCRIPTION: OnceLock<utoipa::openapi::OpenApi> = OnceLock::new();
    let build = || {
        let (_, mut description) = App::new().into_utoipa_app().openapi(Description::openapi()).configure(api).split_for_parts();
        Complete.modify(&mut description);
        description
    };
    DESCRIPTION.get_or_init(build).clone()
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

/// The documentation lies in the folder below.
#[get("/docs")]
async fn docs(_public: Public) -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
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
    let (registry, sources, subjects) = (web::Data::new(registry), web::Data::new(task_sources()), web::Data::new(paper_subjects()));
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = web::Data::new(recorder.handle());
    // In tests several servers run in one process; the first one's recorder counts for all.
    if ::metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("metrics are recorded already");
    }
    let (context, passwords) = (web::Data::new(context), web::Data::new(passwords));
    let server = HttpServer::new(move || {
        let (app, _) = App::new()
            .app_data(context.clone())
            .app_data(passwords.clone())
            .app_data(handle.clone())
            .app_data(registry.clone())
            .app_data(sources.clone())
            .app_data(subjects.clone())
            .into_utoipa_app()
            .configure(api)
            .split_for_parts();
        app.service(live)
            .service(ready)
            .service(metrics)
            .service(errors)
            .service(docs)
            .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", openapi()))
            .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::not_found()) }))
            .wrap(from_fn(keep_exports))
            .wrap(from_fn(limit))
            .wrap(from_fn(observe))
            .wrap(from_fn(finish))
            .wrap(TracingLogger::<RequestSpan>::new())
    });
    Ok(server.workers(workers).shutdown_timeout(30).listen(listener)?.run())
}
