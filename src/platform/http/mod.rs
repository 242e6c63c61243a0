//! HTTP as every folder speaks it: who asks ([`Actor`](crate::kernel::access::Actor) or [`Public`]), what is written ([`Write`]),
//! lists ([`ListRequest`]), and refusals as problems. The order of refusals is written once, here.

mod body;
mod context;
mod cors;
mod cursor;
mod description;
mod errors_page;
mod examples;
mod export;
mod exported;
mod extract;
mod idempotency;
mod limits;
mod list;
mod methods;
mod middleware;
mod objects;
mod proxies;
mod query;
mod refusals;
mod respond;
mod routes;
mod upload;
mod whereabouts;
mod write;

pub use body::{Body, Nothing, read_json};
pub use context::{AttemptLog, Authenticate, Context, Holder, Recipients};
pub use cors::Origins;
pub use description::Complete;
pub use errors_page::{KnownRefusal, errors_page, known_refusals};
pub use exported::{DownloadKept, Export, keep_exports};
pub use extract::Public;
pub use idempotency::drop_expired;
pub use limits::{RateGate, RateLimits, limit};
pub use list::{ListPage, ListRequest, SortColumn};
pub use methods::KnownPaths;
pub use middleware::{finish, observe};
pub use proxies::TrustedProxies;
pub use query::query;
pub use refusals::Refusals;
pub use respond::{escape, etag, ok, ok_versioned, print_page, saved_as};
pub use routes::{Purpose, Routes};
pub use upload::{Content, FILE_MOST_BYTES, FileForm, Upload, UploadedFile};
pub use whereabouts::Whereabouts;
pub use write::{Done, Ending, Rules, Write, refuse_dry_run, request_id};
