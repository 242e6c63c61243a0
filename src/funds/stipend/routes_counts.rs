//! `enrolments/counts`: how many people each community has in the schemes. A community sees the number of its own, and none of the people.

use actix_web::{HttpRequest, HttpResponse, get, web};
use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::access::{Actor, Capability, Place, Scope};
use crate::kernel::problem::Problem;
use crate::people::tenancy::street_of;
use crate::platform::db::Sql;
use crate::platform::http::{Context, ListPage, ListRequest, Refusals, Routes};

/// How many enrolments a unit has.
#[derive(Debug, Serialize, ToSchema, FromQueryResult)]
pub struct EnrolmentCount {
    /// The street.
    pub street_id: Uuid,
    /// The community; null for people whom no community is named for.
    pub community_id: Option<Uuid>,
    /// Confirmed enrolments that run today.
    pub enrolments: i64,
}

const COUNT: Sql = Sql::both(
    "SELECT street_id, community_id, COUNT(*) AS enrolments FROM enrolments WHERE street_id = $1 AND state = 'confirmed' AND from_date <= $2 AND (to_date IS NULL OR to_date >= $2) AND (expected_end IS NULL OR expected_end >= $2) \
     GROUP BY street_id, community_id ORDER BY community_id",
);

/// Counts the enrolments that run today, by community: a community's people see the number of their own. Filters: `street_id`.
#[utoipa::path(tag = "stipends", responses((status = 200, body = ListPage<EnrolmentCount>), Refusals))]
#[get("/enrolments/counts")]
async fn count_enrolments(actor: Actor, context: web::Data<Context>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    actor.require_anywhere(Capability::BudgetRead)?;
    let list = ListRequest::parse(&request, &["street_id"])?;
    let asked = list.filter::<Uuid>("street_id")?;
    let own = actor.scope_for(Capability::BudgetRead)?.place();
    let place = match own.filter(|own| own.street.is_some() && asked.is_none_or(|asked| own.street == Some(asked))) {
        Some(own) => own,
        None => street_of(&context.read(&actor, Capability::BudgetRead).await?, &actor, asked, Capability::BudgetRead).await?.place(),
    };
    let street = place.street.ok_or_else(Problem::not_found)?;
    // Enrolments are the street's rows: they are counted as the street has them, and of the counts a community is shown its own.
    let tx = context.db.read(Scope::of_place(Place::street(place.district, street))).await?;
    let mut counts = tx.query::<EnrolmentCount>(COUNT, vec![street.into(), context.clocks.business_today().into()]).await?;
    if let Some(community) = place.community {
        counts.retain(|count| count.community_id == Some(community));
        if counts.is_empty() {
            counts.push(EnrolmentCount { street_id: street, community_id: Some(community), enrolments: 0 });
        }
    }
    list.answer_whole(&context, &["street_id", "community_id", "enrolments"], counts).await
}

/// Adds the routes of this file.
pub fn routes(config: &mut Routes<'_, '_>) {
    config.service(count_enrolments);
}
