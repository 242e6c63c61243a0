//! `auth` and `me`.

use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::login::{self, Origin, Tokens};
use super::passwords::Passwords;
use super::totp::{self, RecoveryCodes, TotpSecret};
use crate::kernel::access::{Actor, Capability, Role};
use crate::kernel::problem::Problem;
use crate::platform::db::{Reason, Sql};
use crate::platform::http::{Body, Context, ListPage, ListRequest, Public, Refusals, Routes, ok, read_json, refuse_dry_run, request_id};

/// A login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "leader", "password": "correct horse battery staple"}))]
pub struct Login {
    /// The login name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The code of the second factor, or a recovery code, where the account has one.
    #[serde(default)]
    pub totp: Option<String>,
}

impl Body for Login {}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "R2V0IG9uZSBmcm9tIGF1dGgvbG9naW4"}))]
pub struct Refresh {
    /// The refresh token, good for one use.
    pub refresh_token: String,
}

impl Body for Refresh {}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"old_password": "correct horse battery staple", "new_password": "a much longer secret phrase 2"}))]
pub struct PasswordChange {
    /// The password until now.
    pub old_password: String,
    /// The new one: 12 to 128 characters, hard to guess, not a recent one.
    pub new_password: String,
}

impl Body for PasswordChange {}

/// Where a request comes from.
///
/// # Errors
/// 400 where it asks for a dry run.
fn origin(context: &Context, request: &HttpRequest) -> Result<Origin, Problem> {
    refuse_dry_run(request)?;
    Ok(Origin {
        address: context.client_text(request).unwrap_or_default(),
        user_agent: request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).map(|text| text.chars().take(200).collect()),
        request_id: request_id(request),
    })
}

/// Logs in.
#[utoipa::path(tag = "auth", request_body = Login, responses((status = 200, body = Tokens), Refusals), security(()))]
#[post("/auth/login")]
async fn log_in(_public: Public, context: web::Data<Context>, passwords: web::Data<Passwords>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body: Login = read_json(&request, payload).await?;
    Ok(ok(&login::log_in(&context, &passwords, &body.username, &body.password, body.totp.as_deref(), origin(&context, &request)?).await?))
}

/// Gives new tokens for a refresh token, which is used up by it. Using one twice ends the login.
#[utoipa::path(tag = "auth", request_body = Refresh, responses((status = 200, body = Tokens), Refusals), security(()))]
#[post("/auth/refresh")]
async fn refresh(_public: Public, context: web::Data<Context>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body: Refresh = read_json(&request, payload).await?;
    refuse_dry_run(&request)?;
    Ok(ok(&login::refresh(&context, &body.refresh_token).await?))
}

/// Ends this login.
#[utoipa::path(tag = "auth", responses((status = 204, description = "The login is ended"), Refusals))]
#[post("/auth/logout")]
async fn log_out(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    end_login(&context, &actor, actor.session_id, "logout", origin(&context, &request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn end_login(context: &Context, actor: &Actor, session: Uuid, reason: &'static str, origin: Origin) -> Result<(), Problem> {
    let tx = context.db.write_as_system(Reason::Login).await?;
    if login::end_sessions(&tx, actor.user_id, Some(session), reason, context.clocks.wall()).await? == 0 {
        return Err(Problem::not_found());
    }
    let act = context.act(crate::kernel::act::Performer::Person(actor.clone()), origin.request_id, Some(origin.address));
    crate::platform::audit::record(&tx, &act, crate::platform::audit::Event::new("session.end", "session", session, actor.home)).await?;
    tx.commit().await
}

/// Changes one's own password and ends all one's other logins.
#[utoipa::path(tag = "auth", request_body = PasswordChange, responses((status = 204, description = "The password is changed"), Refusals))]
#[post("/auth/password")]
async fn change_password(actor: Actor, context: web::Data<Context>, passwords: web::Data<Passwords>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body: PasswordChange = read_json(&request, payload).await?;
    login::change_password(&context, &passwords, &actor, &body.old_password, &body.new_password, origin(&context, &request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// One's password, to turn the second factor on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct TotpStart {
    /// One's password.
    pub password: String,
}

impl Body for TotpStart {}

/// A code of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456"}))]
pub struct TotpCode {
    /// The six digits that the phone shows; to turn it off, a recovery code does as well.
    pub code: String,
}

impl Body for TotpCode {}

/// Begins a second factor (RFC 6238): gives its secret, shown once. It counts from its confirmation on.
#[utoipa::path(tag = "auth", request_body = TotpStart, responses((status = 201, body = TotpSecret), Refusals))]
#[post("/auth/totp")]
async fn start_totp(actor: Actor, context: web::Data<Context>, passwords: web::Data<Passwords>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body: TotpStart = read_json(&request, payload).await?;
    Ok(HttpResponse::Created().json(totp::start(&context, &passwords, &actor, &body.password, &origin(&context, &request)?.address).await?))
}

/// Confirms the second factor with its first code; gives ten recovery codes, shown once.
#[utoipa::path(tag = "auth", request_body = TotpCode, responses((status = 200, body = RecoveryCodes), Refusals))]
#[post("/auth/totp/confirm")]
async fn confirm_totp(actor: Actor, context: web::Data<Context>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body: TotpCode = read_json(&request, payload).await?;
    Ok(ok(&totp::confirm(&context, &actor, &body.code, origin(&context, &request)?).await?))
}

/// Turns the second factor off.
#[utoipa::path(tag = "auth", request_body = TotpCode, responses((status = 204, description = "It is off"), Refusals))]
#[post("/auth/totp/disable")]
async fn disable_totp(actor: Actor, context: web::Data<Context>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let body: TotpCode = read_json(&request, payload).await?;
    totp::disable(&context, &actor, &body.code, origin(&context, &request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// One of one's logins.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub struct Session {
    /// The login.
    pub id: Uuid,
    /// The network address it was made from.
    pub address: Option<String>,
    /// The program.
    pub user_agent: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_used_at: DateTime<Utc>,
}

/// Lists one's own open logins, the newest first, at most 200.
#[utoipa::path(tag = "auth", responses((status = 200, body = ListPage<Session>), Refusals))]
#[get("/auth/sessions")]
async fn list_sessions(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let list = ListRequest::parse(&request, &[])?;
    let tx = context.db.read_as_system(Reason::Login).await?;
    let find = Sql::both("SELECT id, address, user_agent, created_at, last_used_at FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id DESC LIMIT 200");
    let open = tx.query::<Session>(find, vec![actor.user_id.into(), context.clocks.wall().into()]).await?;
    list.answer_whole(&context, &["id", "address", "user_agent", "created_at", "last_used_at"], open).await
}

/// Ends one of one's own logins.
#[utoipa::path(tag = "auth", responses((status = 204, description = "The login is ended"), Refusals))]
#[post("/auth/sessions/{id}/end")]
async fn end_session(actor: Actor, context: web::Data<Context>, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    end_login(&context, &actor, id, "ended", origin(&context, &request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A role held today.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldRole {
    /// The role.
    pub role: Role,
    /// The unit.
    pub unit_id: Uuid,
    /// The unit's name.
    pub unit: String,
    /// Whose part is taken.
    pub acting_for: Option<Uuid>,
    /// What it allows.
    pub capabilities: Vec<String>,
}

/// Who one is and what one may do today.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The user.
    pub id: Uuid,
    /// The login name.
    pub username: String,
    /// Whether the first password must be changed before anything else.
    pub must_change_password: bool,
    /// The roles held today.
    pub assignments: Vec<HeldRole>,
    /// What all of them allow somewhere.
    pub capabilities: Vec<String>,
}

/// Who one is and what one may do today.
#[utoipa::path(tag = "auth", responses((status = 200, body = Me), Refusals))]
#[get("/me")]
async fn me(actor: Actor) -> Result<HttpResponse, Problem> {
    let codes = |set: &std::collections::BTreeSet<Capability>| set.iter().map(|capability| capability.code().to_owned()).collect::<Vec<_>>();
    let all = actor.assignments.iter().flat_map(|held| held.capabilities.iter().copied()).collect();
    let assignments = actor.assignments.iter().map(|held| HeldRole {
        role: held.role,
        unit_id: held.place.community.or(held.place.street).unwrap_or(held.place.district),
        unit: held.unit_name.clone(),
        acting_for: held.acting_for,
        capabilities: codes(held.capabilities),
    });
    Ok(ok(&Me { id: actor.user_id, username: actor.username.clone(), must_change_password: actor.must_change_password, assignments: assignments.collect(), capabilities: codes(&all) }))
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(log_in).service(refresh).service(log_out).service(change_password).service(list_sessions).service(end_session).service(me);
    config.service(start_totp).service(confirm_totp).service(disable_totp);
}
