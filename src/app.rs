//! The composition root: the only place that knows every folder.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::header::LOCATION;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, HttpServer, get, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use object_store::ObjectStore;
use tracing_actix_web::{RequestId, RootSpanBuilder, TracingLogger};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::funds::stipend::job::PayTimes;
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
use crate::platform::http::{
    Complete, Context, KnownPaths, Origins, Public, Purpose, RateGate, RateLimits, Routes, TrustedProxies, Whereabouts, errors_page, finish, keep_exports, limit, observe, ok,
};
use crate::platform::jobs::{self, Registry};
use crate::platform::notification;
use crate::platform::tasks::{self, TaskSources};
use crate::work::{activity, plan};

/// What the log keeps of a request: method, route, id and status; no address, no query, no words of a refusal, nothing personal.
struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> tracing::Span {
        let id = request.extensions().get::<RequestId>().map(ToString::to_string);
        tracing::info_span!("request", method = %request.method(), route = tracing::field::Empty, id, status = tracing::field::Empty)
    }

    fn on_request_end<B: MessageBody>(span: tracing::Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        let status = outcome.as_ref().map_or_else(|error| error.as_response_error().status_code(), ServiceResponse::status);
        if span.is_disabled() {
            return;
        }
        // The route is known once it was found.
        let route = outcome.as_ref().ok().and_then(|response| response.request().match_pattern());
        span.record("route", route.as_deref().unwrap_or("unmatched"));
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
    info(title = "Mingzhang 明账", description = "Open books for the funds of a district's communities. Amounts are strings of yuan with two decimals.\n\nA row is made in the unit that the body names (`street_id`, `community_id`), lists and figures are of the unit that the query names; both may be left out by who acts in one unit only. Who acts in several that do not lie within each other names one wherever no id in the path tells it: every operation takes `street_id` or `community_id` of one's own units in the query for this. `me/tasks` and `notifications` are of all one's units."),
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
    Context {
        db,
        clocks,
        keys,
        calendar: SharedCalendar::default(),
        authenticator,
        attempts,
        recipients,
        whereabouts: Arc::new(whereabouts()),
        objects,
        rates: Arc::new(RateGate::new(RateLimits::default())),
        origins: Origins::default(),
        proxies: TrustedProxies::default(),
    }
}

/// Where the rows lie that requests name: of each noun that has an id after it in a path, and of what the body of a creation refers to where it names no unit.
#[must_use]
pub fn whereabouts() -> Whereabouts {
    let people = Whereabouts::of_units::<tenancy::org_unit::Entity>()
        .noun::<tenancy::org_unit::Entity>("org-units")
        .noun::<user::Entity>("users")
        .noun::<identity::role_assignment::Entity>("role-assignments")
        .reference::<tenancy::org_unit::Entity>("/unit_id")
        .reference::<tenancy::org_unit::Entity>("/parent_id");
    let platform = people
        .noun::<calendar::entity::calendar_year::Entity>("calendar-years")
        .noun::<notification::entity::notification::Entity>("notifications")
        .noun::<jobs::entity::job_slot::Entity>("job-slots")
        .noun::<jobs::entity::job_run::Entity>("job-runs")
        .noun::<attachment::attachment::Entity>("attachments")
        .noun::<attachment::attachment_link::Entity>("attachment-links");
    let work = platform
        .noun::<plan::plan_item::Entity>("plan-items")
        .noun::<activity::activity::Entity>("activities")
        .noun::<activity::activity_limit::Entity>("activity-limits")
        .reference::<activity::activity::Entity>("/subject_id");
    let spending = work
        .noun::<spending::category::Entity>("categories")
        .noun::<spending::expense_item::Entity>("expense-items")
        .noun::<spending::standard::Entity>("standards")
        .noun::<spending::tax_rule::Entity>("tax-rules")
        .noun::<spending::approval_chain::Entity>("approval-chains");
    let ledger = spending
        .noun::<ledger::fiscal_year::Entity>("fiscal-years")
        .noun::<ledger::voucher::Entity>("ledger/vouchers")
        .noun::<ledger::ledger_period::Entity>("ledger/periods")
        .noun::<ledger::opening_balance::Entity>("opening-balances")
        .noun::<ledger::tax_payment::Entity>("tax-payments")
        .noun::<ledger::account_map::row::Entity>("account-maps")
        .noun::<ledger::export::entity::voucher_export::Entity>("voucher-exports");
    let budget = ledger
        .noun::<budget::budget::Entity>("budgets")
        .noun::<budget::budget_line::Entity>("budget-lines")
        .noun::<budget::budget_adjustment::Entity>("budget-adjustments")
        .noun::<budget::receipt::Entity>("receipts")
        .noun::<budget::treasury_return::Entity>("treasury-returns")
        .reference::<budget::budget::Entity>("/budget_id")
        .no_unit("summary/district");
    let bank = budget
        .noun::<bank::bank_file_template::Entity>("bank-file-templates")
        .noun::<bank::statement_layout::Entity>("statement-layouts")
        .noun::<bank::bank_statement::Entity>("bank-statements")
        .noun::<bank::bank_match::Entity>("bank-matches");
    let claims = bank
        .noun::<commitment::commitment::Entity>("commitments")
        .noun::<claim::claim::Entity>("claims")
        .noun::<claim::payment_batch::Entity>("payment-batches")
        .noun::<claim::payee::Entity>("payees")
        .noun::<claim::papers::paper_rule::Entity>("paper-rules")
        .noun::<claim::invoice::invoice::Entity>("invoices")
        .no_unit("invoices/parse")
        .reference::<claim::claim::Entity>("/items/0/id")
        .reference::<claim::claim::Entity>("/subject_id")
        .reference::<claim::invoice::invoice::Entity>("/subject_id")
        .noun::<donation::donation::Entity>("donations")
        .noun::<donation::donation_use::Entity>("donation-uses");
    claims
        .noun::<stipend::scheme_kind::Entity>("scheme-kinds")
        .noun::<stipend::stipend_scheme::Entity>("stipend-schemes")
        .noun::<stipend::beneficiary::Entity>("beneficiaries")
        .noun::<stipend::enrolment::Entity>("enrolments")
        .noun::<stipend::payout_run::Entity>("payout-runs")
        .noun::<stipend::payout_item::Entity>("payout-items")
        .noun::<stipend::bank_file::Entity>("bank-files")
        .noun::<stipend::recovery::Entity>("recoveries")
        .reference::<stipend::stipend_scheme::Entity>("/scheme_id")
        .reference::<stipend::enrolment::Entity>("/enrolment_id")
        .reference::<stipend::payout_run::Entity>("/run_id")
}

/// The jobs of a deployment that says nothing of pay times.
#[must_use]
pub fn registry() -> Registry {
    registry_at(PayTimes::default())
}

/// The jobs of this deployment; what pays does so at these times, and whatever is held is tried again at the same hour.
#[must_use]
pub fn registry_at(times: PayTimes) -> Registry {
    let registry = Registry::new(vec![
        Arc::new(stipend::job::StipendsNotice(times)),
        Arc::new(stipend::job::StipendsPost(times)),
        Arc::new(stipend::expire::EnrolmentsExpiring),
        Arc::new(commitment::job::CommitmentsExpire),
        Arc::new(claim::job::ClaimsExpire),
        Arc::new(closing::job::LedgerVerify),
        Arc::new(tenancy::calendar_due::CalendarYearDue),
        Arc::new(AttachmentsClean::new(Arc::new(tenancy::FileUnits), attachment::GRACE)),
    ]);
    registry.with_pay_hour(times.hour)
}

/// What papers can be linked to.
#[must_use]
pub fn paper_subjects(db: &Db) -> Subjects {
    Subjects::new(
        Arc::new(tenancy::FileUnits),
        vec![Arc::new(activity::ActivityPapers::new(db.clone())), Arc::new(commitment::CommitmentPapers), Arc::new(claim::ClaimPapers), Arc::new(claim::InvoicePapers)],
    )
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

/// Puts some operations in.
type Group = fn(&mut Routes<'_, '_>);

/// The routes of the API, in groups.
const GROUPS: [Group; 41] = [
    identity::routes::routes,
    identity::routes_users::routes,
    identity::routes_roles::routes,
    tenancy::routes::routes,
    audit::routes::routes,
    calendar::routes::routes,
    notification::routes::routes,
    tasks::routes::routes,
    attachment::routes::routes,
    plan::routes::routes,
    activity::routes::routes,
    spending::routes::routes,
    spending::routes_standards::routes,
    ledger::routes::routes,
    ledger::routes_export::routes,
    ledger::routes_detail::routes,
    bank::routes::routes,
    bank::routes_layouts::routes,
    bank::routes_statements::routes,
    budget::routes::routes,
    budget::routes_money::routes,
    commitment::routes::routes,
    claim::routes::routes,
    claim::routes_pay::routes,
    claim::routes_payees::routes,
    claim::invoice::routes::routes,
    claim::papers::routes::routes,
    donation::routes::routes,
    stipend::routes_scheme::routes,
    stipend::routes_import::routes,
    stipend::routes_counts::routes,
    stipend::routes_people::routes,
    stipend::routes_enrolments::routes,
    stipend::routes_own_rates::routes,
    stipend::routes_accounts::routes,
    stipend::routes_corrections::routes,
    stipend::routes_run::routes,
    stipend::routes_recovery::routes,
    stipend::routes_verify::routes,
    jobs::routes::routes,
    closing::routes::routes,
];

/// Groups with all their nouns (first segments of paths): those that share a noun are one, for a request is looked for in one only.
struct Cluster {
    nouns: BTreeSet<String>,
    /// Each with the nouns of its operations, in their order.
    groups: Vec<(Group, Vec<String>)>,
}

/// Where the API lies.
const BASE: &str = "/api/v1";
/// The paths outside it.
const OUTSIDE: [&str; 7] = ["/", "/health/live", "/health/ready", "/metrics", "/docs", "/docs/errors", "/openapi.json"];

fn served() -> &'static (Vec<Cluster>, KnownPaths) {
    static SERVED: OnceLock<(Vec<Cluster>, KnownPaths)> = OnceLock::new();
    SERVED.get_or_init(|| {
        let (mut clusters, mut known): (Vec<Cluster>, KnownPaths) = (Vec::new(), KnownPaths::default());
        for path in OUTSIDE {
            known.add(path, "GET");
        }
        for group in GROUPS {
            let mut own = Vec::new();
            let _unserved = App::new().into_utoipa_app().configure(|config| group(&mut Routes::new(config, Purpose::Name { nouns: &mut own, known: &mut known, base: BASE }, &[])));
            let nouns: BTreeSet<String> = own.iter().cloned().collect();
            let sharing: Vec<Cluster> = clusters.extract_if(.., |other| !other.nouns.is_disjoint(&nouns)).collect();
            let mut cluster = Cluster { nouns, groups: Vec::new() };
            for mut other in sharing {
                cluster.nouns.append(&mut other.nouns);
                cluster.groups.append(&mut other.groups);
            }
            cluster.groups.push((group, own));
            clusters.push(cluster);
        }
        (clusters, known)
    })
}

/// The noun that a request is about.
fn noun_of<'r>(request: &'r GuardContext<'_>) -> Option<&'r str> {
    request.head().uri.path().split('/').nth(3)
}

/// The routes of the API. A request is held against the patterns of its noun, not against those of all three hundred operations.
fn api(config: &mut ServiceConfig<'_>, purpose: fn(&'static str) -> Purpose<'static>) {
    let mut all = utoipa_actix_web::scope(BASE);
    for Cluster { nouns, groups } in &served().0 {
        let mut cluster = utoipa_actix_web::scope("").guard(fn_guard(|request| noun_of(request).is_some_and(|noun| nouns.contains(noun))));
        for noun in nouns {
            let own = utoipa_actix_web::scope("").guard(fn_guard(move |request| noun_of(request) == Some(noun.as_str())));
            let put = |scope: utoipa_actix_web::scope::Scope<_>, (group, nouns): &'static (Group, Vec<String>)| scope.configure(|config| group(&mut Routes::new(config, purpose(noun), nouns)));
            cluster = cluster.service(groups.iter().filter(|(_, nouns)| nouns.contains(noun)).fold(own, put));
        }
        all = all.service(cluster);
    }
    config.service(all);
}

fn describe() -> utoipa::openapi::OpenApi {
    let (_, mut description) = App::new().into_utoipa_app().openapi(Description::openapi()).configure(|config| api(config, Purpose::Describe)).split_for_parts();
    Complete.modify(&mut description);
    description
}

/// The description of the API (OpenAPI 3.1).
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    static DESCRIPTION: OnceLock<utoipa::openapi::OpenApi> = OnceLock::new();
    DESCRIPTION.get_or_init(describe).clone()
}

/// The description as a client reads it. A server keeps its text once, made when it is first asked for, and not the tree it is made from.
#[get("/openapi.json")]
async fn describe_api(_public: Public) -> Result<HttpResponse, Problem> {
    static TEXT: OnceLock<web::Bytes> = OnceLock::new();
    let text = match TEXT.get() {
        Some(text) => text.clone(),
        None => {
            let made = web::block(|| describe().to_json()).await.map_err(Problem::internal)?.map_err(Problem::internal)?;
            TEXT.get_or_init(|| made.into()).clone()
        }
    };
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}

/// What no operation takes.
async fn no_operation(_public: Public, request: HttpRequest) -> HttpResponse {
    served().1.answer(&request)
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

/// Who opens the address that a server tells when it starts is led to the documentation.
#[get("/")]
async fn root(_public: Public) -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, "/docs/")).finish()
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

/// Sums up the times of requests, which would else be kept one by one until somebody asks for `/metrics`.
async fn sum_up(handle: Arc<PrometheusHandle>) {
    loop {
        tokio::time::sleep(SUM_UP_EVERY).await;
        handle.run_upkeep();
    }
}

/// How often times of requests are summed up.
const SUM_UP_EVERY: Duration = Duration::from_secs(5);

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
    let (registry, sources, subjects) = (web::Data::new(registry), web::Data::new(task_sources()), web::Data::new(paper_subjects(&context.db)));
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = web::Data::new(recorder.handle());
    // In tests several servers run in one process; the first one's recorder counts for all.
    if ::metrics::set_global_recorder(recorder).is_ok() {
        tokio::spawn(sum_up(handle.clone().into_inner()));
    } else {
        tracing::debug!("metrics are recorded already");
    }
    let (context, passwords) = (web::Data::new(context), web::Data::new(passwords));
    let origins = context.origins.clone();
    let app = move || {
        let (app, _) = App::new()
            .app_data(context.clone())
            .app_data(passwords.clone())
            .app_data(handle.clone())
            .app_data(registry.clone())
            .app_data(sources.clone())
            .app_data(subjects.clone())
            .into_utoipa_app()
            .configure(|config| api(config, Purpose::Serve))
            .split_for_parts();
        app.service(live)
            .service(ready)
            .service(metrics)
            .service(errors)
            .service(root)
            .service(docs)
            .service(describe_api)
            .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")))
            .default_service(web::to(no_operation))
            .wrap(from_fn(keep_exports))
            .wrap(from_fn(limit))
            .wrap(from_fn(observe))
            .wrap(from_fn(finish))
            .wrap(TracingLogger::<RequestSpan>::new())
    };
    // Nobody pays for what is off. It stands outside all else, so that a page of another site can also read why it was refused.
    if origins.is_empty() {
        return Ok(HttpServer::new(app).workers(workers).shutdown_timeout(30).listen(listener)?.run());
    }
    Ok(HttpServer::new(move || app().wrap(origins.cors())).workers(workers).shutdown_timeout(30).listen(listener)?.run())
}
