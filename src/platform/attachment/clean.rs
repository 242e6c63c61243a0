//! `attachments.clean`: each day, street by street, removes files that nothing refers to: uploaded and never linked, taken off their drafts, or left by a transaction that failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use sea_orm::FromQueryResult;
use serde_json::json;
use uuid::Uuid;

use super::refusals::store_unavailable;
use super::{Units, store};
use crate::kernel::access::{Capability, Scope};
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Sql, Tx};
use crate::platform::http::Context;
use crate::platform::jobs::{CatchUp, DueSlot, Job, Outcome, Progress, Slot};

/// How long a file may lie without being referred to.
pub const GRACE: TimeDelta = TimeDelta::days(2);
/// What one run removes at most; the rest comes the next day.
const MOST: usize = 1000;

/// Removes what nothing refers to, once a day and street.
pub struct AttachmentsClean {
    units: Arc<dyn Units>,
    grace: TimeDelta,
    most: usize,
}

impl AttachmentsClean {
    /// The job; what is younger than `grace` stays.
    #[must_use]
    pub const fn new(units: Arc<dyn Units>, grace: TimeDelta) -> Self {
        Self { units, grace, most: MOST }
    }

    /// The same, removing at most so many of each kind a day.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

#[async_trait]
impl Job for AttachmentsClean {
    fn name(&self) -> &'static str {
        "attachments.clean"
    }

    fn catch_up(&self) -> CatchUp {
        CatchUp::Latest
    }

    fn capability(&self) -> Capability {
        Capability::JobRun
    }

    async fn due(&self, context: &Context) -> Result<Vec<DueSlot>, Problem> {
        DueSlot::daily(context, self.units.streets(&context.db).await?, (3, 0))
    }

    async fn run(&self, context: &Context, slot: &Slot, _progress: &Progress) -> Result<Outcome, Problem> {
        let place = slot.place.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let street = place.street.ok_or_else(|| Problem::internal("a slot without its street"))?;
        let reading = context.db.read(Scope::of_place(place)).await?;
        // Files carry real time, also where the business clock is set.
        let before = reading.database_now().await? - self.grace;
        let known = known_objects(&reading, (place.district, street)).await?;
        drop(reading);
        // The store may be far away: it is listed before anything is held.
        let rowless = rowless_objects(context.objects.as_ref(), (place.district, street), before, &known, self.most).await?;
        let tx = context.db.write(Scope::of_place(place)).await?;
        let files = drop_unlinked(&tx, (place.district, street), before).await?;
        let unused = drop_objects(&tx, context.objects.as_ref(), (place.district, street), before, self.most).await?;
        let objects = unused.saturating_add(drop_rowless(&tx, context.objects.as_ref(), (place.district, street), before, rowless).await?);
        let outcome = Outcome::done("cleaned", json!({"files": files, "objects": objects}));
        if files > 0 || objects > 0 {
            let event = Event::new("attachment.clean", "org_unit", street, place).after(&json!({"files": files, "objects": objects}))?;
            audit::record(&tx, &slot.act(context, None), event).await?;
        }
        slot.finish(&tx, &outcome).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Drops the rows of files that are linked to nothing.
async fn drop_unlinked(tx: &Tx, (district, street): (Uuid, Uuid), before: DateTime<Utc>) -> Result<u64, Problem> {
    let drop = Sql::both(
        "DELETE FROM attachments WHERE district_id = $1 AND street_id = $2 AND created_at < $3 \
         AND NOT EXISTS (SELECT 1 FROM attachment_links l WHERE l.district_id = attachments.district_id AND l.street_id = attachments.street_id AND l.attachment_id = attachments.id)",
    );
    tx.execute(drop, vec![district.into(), street.into(), before.into()]).await
}

#[derive(FromQueryResult)]
struct Object {
    sha256: String,
}

/// Removes objects without a file. Their row is taken first: an upload of the same bytes waits for it, and then writes the object anew.
async fn drop_objects(tx: &Tx, objects: &dyn ObjectStore, (district, street): (Uuid, Uuid), before: DateTime<Utc>, most: usize) -> Result<u64, Problem> {
    let unused = Sql::both(
        "SELECT sha256 FROM stored_objects o WHERE o.district_id = $1 AND o.street_id = $2 AND o.touched_at < $3 \
         AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.district_id = o.district_id AND a.street_id = o.street_id AND a.sha256 = o.sha256) ORDER BY sha256 LIMIT $4",
    );
    let take = Sql::both(
        "DELETE FROM stored_objects WHERE district_id = $1 AND street_id = $2 AND sha256 = $3 AND touched_at < $4 \
         AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.district_id = stored_objects.district_id AND a.street_id = stored_objects.street_id AND a.sha256 = stored_objects.sha256)",
    );
    let mut removed = 0_u64;
    for object in tx.query::<Object>(unused, vec![district.into(), street.into(), before.into(), i64::try_from(most).map_err(Problem::internal)?.into()]).await? {
        if tx.execute(take, vec![district.into(), street.into(), object.sha256.clone().into(), before.into()]).await? > 0 {
            store::delete(objects, &store::path_of(district, street, &object.sha256)).await?;
            removed = removed.saturating_add(1);
        }
    }
    Ok(removed)
}

/// What a street's rows say lies in the store.
async fn known_objects(tx: &Tx, (district, street): (Uuid, Uuid)) -> Result<BTreeSet<String>, Problem> {
    let known = Sql::both("SELECT sha256 FROM stored_objects WHERE district_id = $1 AND street_id = $2");
    Ok(tx.query::<Object>(known, vec![district.into(), street.into()]).await?.into_iter().map(|object| object.sha256).collect())
}

/// What lies in the store without a row since before a moment, at most so many.
async fn rowless_objects(objects: &dyn ObjectStore, (district, street): (Uuid, Uuid), before: DateTime<Utc>, known: &BTreeSet<String>, most: usize) -> Result<Vec<String>, Problem> {
    let mut stored = objects.list(Some(&store::prefix_of(district, street)));
    let mut rowless = Vec::new();
    while rowless.len() < most
        && let Some(meta) = stored.try_next().await.map_err(|error| store_unavailable(&error))?
    {
        if meta.last_modified < before {
            rowless.extend(meta.location.filename().filter(|name| !known.contains(*name)).map(str::to_owned));
        }
    }
    Ok(rowless)
}

/// Removes what lies in the store without a row: its transaction failed. An upload of the same bytes may have come since: then it has a row, and stays.
async fn drop_rowless(tx: &Tx, objects: &dyn ObjectStore, (district, street): (Uuid, Uuid), before: DateTime<Utc>, rowless: Vec<String>) -> Result<u64, Problem> {
    let claim = Sql::both("INSERT INTO stored_objects (id, district_id, street_id, sha256, size, touched_at) VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (district_id, street_id, sha256) DO NOTHING");
    let give_back = Sql::both("DELETE FROM stored_objects WHERE district_id = $1 AND street_id = $2 AND sha256 = $3");
    let mut removed = 0_u64;
    for sha256 in rowless {
        let (unit, hash) = ((district.into(), street.into()), sha256.clone());
        if tx.execute(claim, vec![new_id().into(), unit.0, unit.1, hash.into(), before.into()]).await? == 0 {
            continue;
        }
        store::delete(objects, &store::path_of(district, street, &sha256)).await?;
        tx.execute(give_back, vec![district.into(), street.into(), sha256.into()]).await?;
        removed = removed.saturating_add(1);
    }
    Ok(removed)
}
