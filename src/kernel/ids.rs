//! Ids: UUIDv7 (RFC 9562), so that the newest row has the largest id.

use uuid::Uuid;

/// A new id.
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
