//! `role-assignments`: who holds which role where, from when to when.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{reach, role_assignment, roles, user};
use crate::kernel::access::{Actor, Capability, Role};
use crate::kernel::problem::{Faults, Problem};
use crate::people::tenancy::org_unit;
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Nothing, Refusals, Routes, Rules, Write, ok_versioned};

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

/// Grants a role; one that another excludes only to an account whose ID number is recorded. A money role takes effect once a second administrator has confirmed it.
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

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_role_assignments).service(get_role_assignment).service(grant_role).service(confirm_role).service(end_role);
}
