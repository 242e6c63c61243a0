//! `org-units`: the tree within one's reach.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use sea_orm::QueryFilter;
use sea_orm::sea_query::Condition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{open, org_unit, rename};
use crate::kernel::access::{Actor, Capability};
use crate::kernel::problem::{Faults, Problem};
use crate::platform::http::{Body, Context, Done, ListPage, ListRequest, Refusals, Routes, Rules, Write, ok_versioned};

/// A unit as shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrgUnit {
    /// The unit.
    pub id: Uuid,
    /// `district`, `street` or `community`.
    pub level: String,
    /// Its name.
    pub name: String,
    /// The unit above.
    pub parent_id: Option<Uuid>,
    /// The city's name, on a district.
    pub city: Option<String>,
    /// Counts the changes.
    pub version: i64,
}

impl From<org_unit::Model> for OrgUnit {
    fn from(row: org_unit::Model) -> Self {
        Self { id: row.id, level: row.level, name: row.name, parent_id: row.parent_id, city: row.city, version: row.version }
    }
}

/// A unit to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"parent_id": "0190a0b0-0000-7000-8000-000000000001", "name": "古四社区"}))]
pub struct NewOrgUnit {
    /// The district (for a street) or the street (for a community).
    pub parent_id: Uuid,
    /// Its name, at most 60 characters.
    pub name: String,
}

impl Body for NewOrgUnit {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
    }
}

/// What of a unit may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "古四社区"}))]
pub struct OrgUnitChange {
    /// Its name, at most 60 characters.
    #[schema(required = false)]
    pub name: String,
}

impl From<&org_unit::Model> for OrgUnitChange {
    fn from(row: &org_unit::Model) -> Self {
        Self { name: row.name.clone() }
    }
}

impl Body for OrgUnitChange {
    fn faults(&self, faults: &mut Faults) {
        faults.text("/name", &self.name, 60);
    }
}

/// Lists the units within reach. Filters: `level` (`district`, `street`, `community`), `parent_id`, `street_id`. Sort: `name`.
#[utoipa::path(tag = "org-units", responses((status = 200, body = ListPage<OrgUnit>), Refusals))]
#[get("/org-units")]
async fn list_org_units(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::UnitRead)?;
    let list = ListRequest::parse(&request, &["level", "parent_id", "street_id"])?;
    let condition = list.one_of(Condition::all(), "level", org_unit::Column::Level, &["district", "street", "community"])?;
    let condition = list.equals::<Uuid>(condition, "parent_id", org_unit::Column::ParentId)?;
    let condition = list.equals::<Uuid>(condition, "street_id", org_unit::Column::StreetId)?;
    let tx = context.read(&actor, Capability::UnitRead).await?;
    let select = tx.select::<org_unit::Entity>().filter(condition);
    let columns = &["id", "level", "name", "parent_id", "city", "version"];
    list.answer(&context, tx, select, &[("name", org_unit::Column::Name)], columns, async |_, rows| Ok(rows.into_iter().map(OrgUnit::from).collect())).await
}

/// Reads one unit.
#[utoipa::path(tag = "org-units", responses((status = 200, body = OrgUnit), Refusals))]
#[get("/org-units/{id}")]
async fn get_org_unit(actor: Actor, context: web::Data<Context>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::UnitRead)?;
    let tx = context.read(&actor, Capability::UnitRead).await?;
    let id = Uuid::parse_str(&id).map_err(|_form| Problem::not_found())?;
    let unit = tx.load::<org_unit::Entity>(id).await?.into_read();
    Ok(ok_versioned(unit.version, &OrgUnit::from(unit)))
}

/// Opens a street (by the district) or a community (by the street or the district).
#[utoipa::path(tag = "org-units", request_body = NewOrgUnit, responses((status = 201, body = OrgUnit), Refusals))]
#[post("/org-units")]
async fn open_org_unit(actor: Actor, write: Write) -> Result<HttpResponse, Problem> {
    write
        .create(&actor, Capability::CommunityOpen, Rules::plain(), async |tx, act, body: NewOrgUnit| {
            let parent = tx.load_reference::<org_unit::Entity>(body.parent_id, "/parent_id").await?;
            let capability = if parent.place().street.is_none() { Capability::StreetOpen } else { Capability::CommunityOpen };
            let unit = open::open(tx, act, parent.authorise(&actor, capability)?, &body.name).await?;
            Ok(Done::created(format!("/api/v1/org-units/{}", unit.id), Some(unit.version), OrgUnit::from(unit)))
        })
        .await
}

/// Renames a community; a street or the district is renamed by the district's administrator.
#[utoipa::path(tag = "org-units", request_body(content = OrgUnitChange, content_type = "application/merge-patch+json"), responses((status = 200, body = OrgUnit), Refusals))]
#[patch("/org-units/{id}")]
async fn change_org_unit(actor: Actor, write: Write, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    write
        .patch::<org_unit::Entity, OrgUnitChange, _>(
            &actor,
            Capability::CommunityOpen,
            &id,
            |row| row.version,
            async |tx, act, row, change| {
                if row.level != "community" {
                    // A street's own administrator keeps its communities, not the street's name.
                    actor.require_at(Capability::StreetOpen, &row.place())?;
                }
                let unit = rename::rename(tx, act, row, &change.name).await?;
                Ok(Done::changed(unit.version, OrgUnit::from(unit)))
            },
        )
        .await
}

/// Adds the routes of this folder.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(list_org_units).service(get_org_unit).service(open_org_unit).service(change_org_unit);
}
