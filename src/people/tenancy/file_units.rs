//! The units that files belong to, as the folder of papers asks for them.

use async_trait::async_trait;
use uuid::Uuid;

use super::{streets, unit_of};
use crate::kernel::access::{Actor, Capability, Place};
use crate::kernel::problem::Problem;
use crate::platform::attachment::Units;
use crate::platform::db::{Db, Tx};

/// Streets and communities, to papers.
pub struct FileUnits;

#[async_trait]
impl Units for FileUnits {
    async fn unit(&self, tx: &Tx, actor: &Actor, street_id: Option<Uuid>, community_id: Option<Uuid>) -> Result<Place, Problem> {
        Ok(unit_of(tx, actor, street_id, community_id, Capability::AttachmentAdd).await?.place())
    }

    async fn streets(&self, db: &Db) -> Result<Vec<Place>, Problem> {
        Ok(streets(db).await?.into_iter().map(|street| street.place()).collect())
    }
}
