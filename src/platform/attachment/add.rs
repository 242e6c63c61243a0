//! Adding a file: its object first, then its row. A transaction that fails leaves at most an object that nothing refers to, which the job removes.

use object_store::ObjectStore;
use sea_orm::ActiveModelTrait;
use serde_json::json;

use super::{attachment, store, unsafe_xml};
use crate::kernel::access::Place;
use crate::kernel::act::Act;
use crate::kernel::ids::new_id;
use crate::kernel::problem::Problem;
use crate::platform::audit::{self, Event};
use crate::platform::db::{Scoped, Sql, Tx};
use crate::platform::http::UploadedFile;

/// Whoever has this row has the object: another upload of the same bytes, and the job, wait for it.
const TOUCH: Sql = Sql::both(
    "INSERT INTO stored_objects (id, district_id, street_id, sha256, size, touched_at) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (district_id, street_id, sha256) DO UPDATE SET touched_at = excluded.touched_at",
);

/// Keeps a file of a unit.
///
/// # Errors
/// 422 `xml_unsafe`, `file_too_large_unpacked`, `unreadable_file`; 503 `store_unavailable`.
pub async fn add(tx: &Tx, act: &Act, objects: &dyn ObjectStore, place: Place, file: UploadedFile) -> Result<attachment::Model, Problem> {
    // Whoever opens it later may have a reader that follows entities (XXE); an original never has any.
    unsafe_xml::refuse(&file)?;
    let street = place.street.ok_or_else(|| Problem::internal("a file of no street"))?;
    let (sha256, size) = (file.sha256(), i64::try_from(file.bytes.len()).map_err(Problem::internal)?);
    tx.execute(TOUCH, vec![new_id().into(), place.district.into(), street.into(), sha256.clone().into(), size.into(), act.at.into()]).await?;
    store::put(objects, &act.keys, &store::path_of(place.district, street, &sha256), &file.bytes).await?;
    let row = attachment::Model {
        id: new_id(),
        district_id: place.district,
        street_id: street,
        community_id: place.community,
        sha256,
        size,
        media_type: file.content.media_type().to_owned(),
        file_name: file.name,
        uploaded_by: act.person()?.user_id,
        created_at: act.at,
    };
    let made = tx.insert::<attachment::Entity, _>(attachment::ActiveModel::from(row).reset_all()).await?;
    // A file's name may hold a person's.
    let told = json!({"sha256": made.sha256, "size": made.size, "media_type": made.media_type});
    audit::record(tx, act, Event::new("attachment.add", "attachment", made.id, attachment::Entity::place(&made)).after(&told)?).await?;
    Ok(made)
}
