//! `users`: accounts, by who keeps those of a unit.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::passwords::{self, Passwords};
use super::{reach, reset, user, users};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::identity_number::IdentityNumber;
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};

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
    /// Whether the ID number is recorded; without it the account gets no role that another excludes.
    pub person_known: bool,
    /// Whether the account is closed.
    pub disabled: bool,
    /// Counts the changes.
    pub version: i64,
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        let unit_id = row.community_id.or(row.street_id).unwrap_or(row.district_id);
        Self { id: row.id, unit_id, username: row.username, display_name: row.display_name, person_known: row.id_number_key.is_some(), disabled: row.disabled_at.is_some(), version: row.version }
    }
}

/// The fault of a text that is no ID number.
fn id_number_fault(id_number: Option<&str>, faults: &mut Faults) {
    if let Some(Err(fault)) = id_number.map(IdentityNumber::parse) {
        faults.add("/id_number", "invalid_id_number", fault.zh(), fault.to_string());
    }
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "zhang.san", "display_name": "张三", "unit_id": "0190a0b0-0000-7000-8000-000000000001", "id_number": "420104198501010000", "first_password": "correct horse battery staple"}))]
pub struct NewUser {
    /// The login name: 3 to 40 characters.
    pub username: String,
    /// The name that colleagues see.
    pub display_name: String,
    /// The home unit.
    pub unit_id: Uuid,
    /// The ID number; only a keyed hash of it is kept, so that a person has one account in a district. It may be recorded later, and must be before the account gets a role that another excludes.
    #[serde(default)]
    pub id_number: Option<String>,
    /// The first password, to be changed at the first login.
    pub first_password: String,
}

impl Body for NewUser {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/username", &self.username, 40);
        faults.text("/display_name", &self.display_name, 60);
        id_number_fault(self.id_number.as_deref(), faults);
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
    /// The ID number, where none is recorded yet: only a keyed hash of it is kept, it is never shown, and it cannot be changed afterwards. Not of one's own account.
    #[serde(default)]
    pub id_number: Option<String>,
}

impl From<&user::Model> for UserChange {
    fn from(row: &user::Model) -> Self {
        Self { display_name: row.display_name.clone(), id_number: None }
    }
}

impl Body for UserChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/display_name", &self.display_name, 60);
        id_number_fault(self.id_number.as_deref(), faults);
    }
}

const USER_COLUMNS: &[&str] = &["id", "username", "display_name", "unit_id", "person_known", "disabled", "version"];

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

/// Changes the name that colleagues see, and records the ID number where none is known.
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
                let id_number = change.id_number.as_deref().map(IdentityNumber::parse).transpose().map_err(Problem::internal)?;
                let user = users::change(tx, act, row, &change.display_name, id_number.as_ref()).await?;
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

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_users).service(get_user).service(create_user).service(change_user).service(disable_user).service(reset_user).service(enable_user);
}
