//! `auth`, `me`, `users`, `role-assignments`.

use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::FromQueryResult;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::login::{self, Origin, Tokens};
use super::passwords::{self, Passwords};
use super::totp::{self, RecoveryCodes, TotpSecret};
use super::{reach, reset, role_assignment, roles, user, users};
use crate::kernel::access::{Actor, Capability, Role};
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::db::{Reason, Sql};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Public, Refusals, Routes, Rules, Write, ok, ok_versioned, read_json, refuse_dry_run, request_id};

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

/// A user as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    /// The user.
    pub id: Uuid,
    /// The login name.
    pub username: String,
    /// The name that colleagues see.
    pub display_name: String,
    /// The home unit.
    pub unit_id: Uuid,
    /// Whether the account is closed.
    pub disabled: bool,
    /// Counts the changes.
    pub version: i64,
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        let unit_id = row.community_id.or(row.street_id).unwrap_or(row.district_id);
        Self { id: row.id, unit_id, username: row.username, display_name: row.display_name, disabled: row.disabled_at.is_some(), version: row.version }
    }
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "zhang.san", "display_name": "张三", "unit_id": "0190a0b0-0000-7000-8000-000000000001", "first_password": "correct horse battery staple"}))]
pub struct NewUser {
    /// The login name: 3 to 40 characters.
    pub username: String,
    /// The name that colleagues see.
    pub display_name: String,
    /// The home unit.
    pub unit_id: Uuid,
    /// The ID number; only a keyed hash of it is kept, to know the person under every account.
    #[serde(default)]
    pub id_number: Option<String>,
    /// The first password, to be changed at the first login.
    pub first_password: String,
}

impl Body for NewUser {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/username", &self.username, 40);
        faults.text("/display_name", &self.display_name, 60);
        if let Some(Err(fault)) = self.id_number.as_deref().map(IdentityNumber::parse) {
            faults.add("/id_number", "invalid_id_number", fault.to_string(), fault.to_string());
        }
        if let Err(problem) = passwords::check(&self.first_password, &[&self.username, &self.display_name]) {
            faults.add("/first_password", "weak_password", problem.detail.zh, problem.detail.en);
        }
    }
}

/// What of a user may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"display_name": "张三"}))]
pub struct UserChange {
    /// The name that colleagues see, at most 60 characters.
    #[schema(required = false)]
    pub display_name: String,
}

impl From<&user::Model> for UserChange {
    fn from(row: &user::Model) -> Self {
        Self { display_name: row.display_name.clone() }
    }
}

impl Body for UserChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/display_name", &self.display_name, 60);
    }
}

const USER_COLUMNS: &[&str] = &["id", "username", "display_name", "unit_id", "disabled", "version"];

/// Lists the users of one's units. Filters: `username`, `street_id`. Sort: `username`, `display_name`.
#[utoipa::path(tag = "users", responses((status = 200, body = ListPage<User>), Refusals))]
#[get("/users")]
async fn list_users(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::UserRead)?;
    let list = ListRequest::parse(&request, &["username", "street_id"])?;
    let condition = list.equals::<String>(Condition::all(), "username", user::Column::Username)?;
    let condition = list.equals::<Uuid>(condition, "street_id", user::Column::StreetId)?;
    let tx = context.read(&actor, Capability::UserRead).await?;
    let select = tx.select::<user::Entity>().filter(condition);
    let sorts = &[("username", user::Column::Username), ("display_name", user::Column::DisplayName)];
    list.answer(&context, tx, select, sorts, USER_COLUMNS, async |_, rows| Ok(rows.into_iter().map(User::from).collect())).await
}

/// Reads one user.
#[utoipa::path(tag = "users", responses((status = 200, body = User), Refusals))]
#[get("/users/{id}")]
async fn get_user(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::UserRead)?;
    let tx = context.read(&actor, Capability::UserRead).await?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    let row = tx.load::<user::Entity>(id).await?.into_read();
    Ok(ok_versioned(row.version, &User::from(row)))
}

/// Makes an account at a unit.
#[utoipa::path(tag = "users", request_body = NewUser, responses((status = 201, body = User), Refusals))]
#[post("/users")]
async fn create_user(actor: Actor, passwords: web::Data<Passwords>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::UserManage, Rules::plain(), async |tx, act, body: NewUser| {
            let unit = tx.load_reference::<org_unit::Entity>(body.unit_id, "/unit_id").await?.authorise(&actor, Capability::UserManage)?;
            let id_number = body.id_number.as_deref().map(IdentityNumber::parse).transpose().map_err(Problem::internal)?;
            let new = users::NewUser { username: body.username, display_name: body.display_name, id_number, first_password: body.first_password, must_change_password: true };
            let user = users::create(tx, act, &passwords, unit.place(), new).await?;
            Ok(Done::created(format!("/api/v1/users/{}", user.id), Some(user.version), User::from(user)))
        })
        .await
}

/// Changes the name that colleagues see.
#[utoipa::path(tag = "users", request_body(content = UserChange, content_type = "application/merge-patch+json"), responses((status = 200, body = User), Refusals))]
#[patch("/users/{id}")]
async fn change_user(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<user::Entity, UserChange, _>(
            &actor,
            Capability::UserManage,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                reach::require_whole(&context.db, &actor, row.id).await?;
                let user = users::rename(tx, act, row, &change.display_name).await?;
                Ok(Done::changed(user.version, User::from(user)))
            },
        )
        .await
}

/// Closes an account; its logins end at once.
#[utoipa::path(tag = "users", responses((status = 200, body = User), Refusals))]
#[post("/users/{id}/disable")]
async fn disable_user(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<user::Entity, Nothing, _>(&actor, Capability::UserManage, &id, Rules::moves(|row| row.version), async |tx, act, row, _| {
            reach::require_whole(&context.db, &actor, row.id).await?;
            let user = users::disable(tx, act, row).await?;
            Ok(Done::changed(user.version, User::from(user)))
        })
        .await
}

/// A first password given anew.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"first_password": "another horse battery staple"}))]
pub struct ResetPassword {
    /// The first password, to be changed at the next login.
    pub first_password: String,
}

impl Body for ResetPassword {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/first_password", &self.first_password, 128);
    }
}

/// Gives a user who has forgotten the password, or lost the phone, a first password anew: the second factor is taken off, every login ends, and money roles wait for a second administrator's confirmation once more.
#[utoipa::path(tag = "users", request_body = ResetPassword, responses((status = 200, body = User), Refusals))]
#[post("/users/{id}/reset")]
async fn reset_user(actor: Actor, context: web::Data<Context>, passwords: web::Data<Passwords>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<user::Entity, ResetPassword, _>(&actor, Capability::UserManage, &id, Rules::moves(|row| row.version), async |tx, act, row, body| {
            reach::require_whole(&context.db, &actor, row.id).await?;
            let user = reset::reset(tx, act, &passwords, row, &body.first_password).await?;
            Ok(Done::changed(user.version, User::from(user)))
        })
        .await
}

/// Opens a closed account again; its password and roles are what they were.
#[utoipa::path(tag = "users", responses((status = 200, body = User), Refusals))]
#[post("/users/{id}/enable")]
async fn enable_user(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<user::Entity, Nothing, _>(&actor, Capability::UserManage, &id, Rules::moves(|row| row.version), async |tx, act, row, _| {
            reach::require_whole(&context.db, &actor, row.id).await?;
            let user = reset::enable(tx, act, row).await?;
            Ok(Done::changed(user.version, User::from(user)))
        })
        .await
}

/// A role assignment as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleAssignment {
    /// The assignment.
    pub id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The role.
    pub role: String,
    /// The unit.
    pub unit_id: Uuid,
    /// The first day.
    pub from: NaiveDate,
    /// The last day, inclusive; null while it goes on.
    pub to: Option<NaiveDate>,
    /// Whose part is taken.
    pub acting_for: Option<Uuid>,
    /// `unconfirmed`, `active` or `ended`.
    pub state: &'static str,
    /// Counts the changes.
    pub version: i64,
}

impl From<role_assignment::Model> for RoleAssignment {
    fn from(row: role_assignment::Model) -> Self {
        let state = match () {
            () if row.ended_at.is_some() => "ended",
            () if row.needs_confirmation && row.confirmed_by.is_none() => "unconfirmed",
            () => "active",
        };
        let unit_id = row.community_id.or(row.street_id).unwrap_or(row.district_id);
        Self { id: row.id, user_id: row.user_id, role: row.role, unit_id, from: row.from_date, to: row.to_date, acting_for: row.acting_for, state, version: row.version }
    }
}

/// A role to be granted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user_id": "0190a0b0-0000-7000-8000-000000000002", "role": "accountant", "unit_id": "0190a0b0-0000-7000-8000-000000000001"}))]
pub struct NewRoleAssignment {
    /// The user.
    pub user_id: Uuid,
    /// The role.
    pub role: Role,
    /// The unit, of the role's level.
    pub unit_id: Uuid,
    /// The first day; today unless said.
    #[serde(default)]
    pub from: Option<NaiveDate>,
    /// The last day, inclusive.
    #[serde(default)]
    pub to: Option<NaiveDate>,
    /// Whose part is taken during leave or illness.
    #[serde(default)]
    pub acting_for: Option<Uuid>,
}

impl Body for NewRoleAssignment {
    fn faults(&self, faults: &mut Faults) {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from
        {
            faults.add("/to", "before_from", "结束日期不能早于开始日期", "The last day must not be before the first");
        }
    }
}

/// Lists role assignments of one's units. Filters: `user_id`, `role`, `street_id`.
#[utoipa::path(tag = "role-assignments", responses((status = 200, body = ListPage<RoleAssignment>), Refusals))]
#[get("/role-assignments")]
async fn list_role_assignments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::UserRead)?;
    let list = ListRequest::parse(&request, &["user_id", "role", "street_id"])?;
    let condition = list.equals::<Uuid>(Condition::all(), "user_id", role_assignment::Column::UserId)?;
    let condition = list.one_of(condition, "role", role_assignment::Column::Role, &Role::ALL.map(Role::code))?;
    let condition = list.equals::<Uuid>(condition, "street_id", role_assignment::Column::StreetId)?;
    let tx = context.read(&actor, Capability::UserRead).await?;
    let select = tx.select::<role_assignment::Entity>().filter(condition);
    let columns = &["id", "user_id", "role", "unit_id", "from", "to", "acting_for", "state", "version"];
    list.answer(&context, tx, select, &[("role", role_assignment::Column::Role)], columns, async |_, rows| Ok(rows.into_iter().map(RoleAssignment::from).collect())).await
}

/// Reads one role assignment.
#[utoipa::path(tag = "role-assignments", responses((status = 200, body = RoleAssignment), Refusals))]
#[get("/role-assignments/{id}")]
async fn get_role_assignment(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::UserRead)?;
    let row = context.read(&actor, Capability::UserRead).await?.load_text::<role_assignment::Entity>(&id).await?.into_read();
    Ok(ok_versioned(row.version, &RoleAssignment::from(row)))
}

/// Grants a role. A money role takes effect once a second administrator has confirmed it.
#[utoipa::path(tag = "role-assignments", request_body = NewRoleAssignment, responses((status = 201, body = RoleAssignment), Refusals))]
#[post("/role-assignments")]
async fn grant_role(actor: Actor, context: web::Data<Context>, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::RoleGrant, Rules::plain(), async |tx, act, body: NewRoleAssignment| {
            let unit = tx.load_reference::<org_unit::Entity>(body.unit_id, "/unit_id").await?.authorise(&actor, Capability::RoleGrant)?;
            let user = tx.reference::<user::Entity>(body.user_id, "/user_id").await?;
            if let Some(absent) = body.acting_for {
                tx.reference::<user::Entity>(absent, "/acting_for").await?;
            }
            let grant = roles::Grant { role: body.role, place: unit.place(), from: body.from.unwrap_or(act.today), to: body.to, acting_for: body.acting_for };
            // Two administrators who grant at the same moment see each other's grant.
            let user = tx.load_locked::<user::Entity>(user.id).await?.into_read();
            let row = roles::grant(tx, act, &user, grant, &reach::open_roles(&context.db, user.id).await?).await?;
            Ok(Done::created(format!("/api/v1/role-assignments/{}", row.id), Some(row.version), RoleAssignment::from(row)))
        })
        .await
}

/// Confirms a money role that another administrator granted.
#[utoipa::path(tag = "role-assignments", responses((status = 200, body = RoleAssignment), Refusals))]
#[post("/role-assignments/{id}/confirm")]
async fn confirm_role(actor: Actor, context: web::Data<Context>, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<role_assignment::Entity, Nothing, _>(&actor, Capability::RoleConfirm, &id, Rules::moves(|row| row.version), async |tx, act, row, _| {
            let row = roles::confirm(tx, act, &context.db, row).await?;
            Ok(Done::changed(row.version, RoleAssignment::from(row)))
        })
        .await
}

/// Ends a role at once.
#[utoipa::path(tag = "role-assignments", responses((status = 200, body = RoleAssignment), Refusals))]
#[post("/role-assignments/{id}/end")]
async fn end_role(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .on::<role_assignment::Entity, Nothing, _>(&actor, Capability::RoleGrant, &id, Rules::moves(|row| row.version), async |tx, act, row, _| {
            let row = roles::end(tx, act, row).await?;
            Ok(Done::changed(row.version, RoleAssignment::from(row)))
        })
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(log_in).service(refresh).service(log_out).service(change_password).service(list_sessions).service(end_session).service(me);
    config.service(start_totp).service(confirm_totp).service(disable_totp);
    config.service(list_users).service(get_user).service(create_user).service(change_user).service(disable_user).service(reset_user).service(enable_user);
    config.service(list_role_assignments).service(get_role_assignment).service(grant_role).service(confirm_role).service(end_role);
}
