//! Who holds a capability at a unit: for notices, and to know at once who could act next.

use async_trait::async_trait;
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::capabilities::of_role;
use crate::kernel::access::{Capability, Place, Role};
use crate::kernel::clock::Clocks;
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Reason, Sql};
use crate::platform::http::{Holder, Recipients};

/// The roles as of today's business date.
#[derive(Clone)]
pub struct Directory {
    db: Db,
    clocks: Clocks,
}

impl Directory {
    /// Reads them from this database.
    #[must_use]
    pub const fn new(db: Db, clocks: Clocks) -> Self {
        Self { db, clocks }
    }
}

#[derive(FromQueryResult)]
struct Held {
    user_id: Uuid,
    person_key: Option<String>,
    role: String,
}

/// A role at the unit itself or above it.
const HELD: Sql = Sql::both(
    "SELECT a.user_id, u.person_key, a.role FROM role_assignments a JOIN users u ON u.id = a.user_id \
     WHERE a.district_id = $1 AND (a.street_id IS NULL OR a.street_id = $2) AND (a.community_id IS NULL OR a.community_id = $3) \
     AND a.from_date <= $4 AND (a.to_date IS NULL OR a.to_date >= $4) AND a.ended_at IS NULL AND (NOT a.needs_confirmation OR a.confirmed_by IS NOT NULL) AND u.disabled_at IS NULL \
     ORDER BY a.user_id, a.id",
);

#[async_trait]
impl Recipients for Directory {
    async fn holders_of(&self, capabilities: &[Capability], place: &Place) -> Result<Vec<Vec<Holder>>, Problem> {
        let tx = self.db.read_as_system(Reason::Recipients).await?;
        let held = tx.query::<Held>(HELD, vec![place.district.into(), place.street.into(), place.community.into(), self.clocks.business_today().into()]).await?;
        let holder = |held: &Held, capability: Capability| {
            let role = Role::of_code(&held.role).filter(|role| of_role(*role).contains(&capability))?;
            Some(Holder { user_id: held.user_id, person: held.person_key.clone().unwrap_or_else(|| held.user_id.to_string()), role })
        };
        Ok(capabilities.iter().map(|capability| held.iter().filter_map(|held| holder(held, *capability)).collect()).collect())
    }
}
