//! Where files are kept: a local folder by default, S3 by setting. An object is encrypted, and named by its street and the hash of its plain bytes.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::refusals::store_unavailable;
use crate::kernel::crypto::KeyRing;
use crate::kernel::problem::Problem;
use crate::kernel::sealed_file::{self, Opener};

/// The settings of the store.
#[derive(Clone, Debug, Default)]
pub struct ObjectSettings {
    /// `s3://bucket/prefix`; none for the folder.
    pub url: Option<String>,
    /// The folder.
    pub folder: PathBuf,
    /// Another endpoint than Amazon's, such as `https://minio.example:9000`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The access key and its secret; without them those of the environment (`AWS_*`) or of the machine's role.
    pub access_key: Option<(String, String)>,
}

/// Opens the store.
///
/// # Errors
/// A text that says what is wrong with which setting.
pub fn open_store(settings: &ObjectSettings) -> Result<Arc<dyn ObjectStore>, String> {
    let Some(url) = &settings.url else {
        std::fs::create_dir_all(&settings.folder).map_err(|error| format!("{}: {error}", settings.folder.display()))?;
        let folder = LocalFileSystem::new_with_prefix(&settings.folder).map_err(|error| format!("{}: {error}", settings.folder.display()))?;
        return Ok(Arc::new(folder.with_fsync(true)));
    };
    let wrong = |what: String| format!("MINGZHANG_OBJECTS_URL: {what}");
    let rest = url.strip_prefix("s3://").filter(|rest| !rest.is_empty()).ok_or_else(|| wrong("须为 s3://bucket/prefix / expected s3://bucket/prefix".to_owned()))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some((id, secret)) = &settings.access_key {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    let store = builder.build().map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(PrefixStore::new(store, Path::from(prefix))))
}

/// A store that lives as long as the process, for tests.
#[must_use]
pub fn in_memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// Where a street's objects lie.
pub(super) fn prefix_of(district: Uuid, street: Uuid) -> Path {
    Path::from_iter([district.to_string(), street.to_string()])
}

/// Where an object lies.
pub(super) fn path_of(district: Uuid, street: Uuid, sha256: &str) -> Path {
    Path::from_iter([district.to_string(), street.to_string(), sha256.to_owned()])
}

/// Writes an object unless it is there.
///
/// # Errors
/// 503 `store_unavailable`.
pub(super) async fn put(objects: &dyn ObjectStore, keys: &KeyRing, path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    match objects.head(path).await {
        Ok(_there) => return Ok(()),
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(store_unavailable(&error)),
    }
    let sealed = sealed_file::seal(keys, path.as_ref(), bytes).map_err(Problem::internal)?;
    objects.put(path, PutPayload::from(sealed)).await.map_err(|error| store_unavailable(&error))?;
    Ok(())
}

/// Removes an object; one that is not there is gone.
///
/// # Errors
/// 503 `store_unavailable`.
pub(super) async fn delete(objects: &dyn ObjectStore, path: &Path) -> Result<(), Problem> {
    match objects.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(store_unavailable(&error)),
    }
}

/// The bytes of an object as they are read and decrypted. A file that was changed in the store breaks off: what was sent is shorter than its length says.
///
/// # Errors
/// 503 `store_unavailable`.
pub(super) async fn read(objects: &dyn ObjectStore, keys: Arc<KeyRing>, path: Path) -> Result<impl Stream<Item = Result<actix_web::web::Bytes, Problem>> + use<>, Problem> {
    let sealed = objects.get(&path).await.map_err(|error| store_unavailable(&error))?.into_stream().map_err(|error| store_unavailable(&error)).boxed();
    let bound_to = path.as_ref().to_owned();
    Ok(async_stream(sealed, keys, bound_to))
}

type Sealed = futures_util::stream::BoxStream<'static, Result<actix_web::web::Bytes, Problem>>;

fn async_stream(sealed: Sealed, keys: Arc<KeyRing>, bound_to: String) -> impl Stream<Item = Result<actix_web::web::Bytes, Problem>> {
    let begin = Some((sealed, Opener::new(keys, bound_to)));
    futures_util::stream::unfold(begin, async |state| {
        let (mut sealed, mut opener) = state?;
        loop {
            let (opened, next) = match sealed.next().await {
                Some(Ok(piece)) => match opener.push(&piece) {
                    Ok(opened) => (opened, Some((sealed, opener))),
                    Err(fault) => return Some((Err(Problem::internal(fault)), None)),
                },
                Some(Err(problem)) => return Some((Err(problem), None)),
                None => match opener.finish() {
                    Ok(rest) => (rest, None),
                    Err(fault) => return Some((Err(Problem::internal(fault)), None)),
                },
            };
            if !opened.is_empty() || next.is_none() {
                return Some((Ok(opened.into()), next));
            }
            (sealed, opener) = next?;
        }
    })
}
