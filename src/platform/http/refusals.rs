//! What every operation may refuse, for the API's description.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::response::Response;
use utoipa::openapi::{Ref, RefOr};

/// The refusals that belong to the order of refusals: an operation lists them beside its answers.
#[derive(Debug)]
pub struct Refusals;

/// Status, meaning, and the code of the example.
pub(super) const STATUSES: [(&str, &str, &str); 13] = [
    ("400", "The request, a query parameter or the JSON is malformed, or Idempotency-Key is missing", "invalid_parameter"),
    ("401", "No valid access token", "unauthenticated"),
    ("403", "The capability is not held, or duties must be separated", "forbidden"),
    ("404", "No such row within reach", "not_found"),
    ("409", "The state or another request stands against it", "invalid_transition"),
    ("412", "The row has changed since it was read", "precondition_failed"),
    ("413", "The body is too large", "body_too_large"),
    ("415", "The body has a media type that is not taken", "unsupported_media_type"),
    ("422", "The content breaks rules; all faults at once", "validation_failed"),
    ("428", "If-Match is missing", "precondition_required"),
    ("429", "Too many requests; see Retry-After", "rate_limited"),
    ("500", "A fault of the server", "internal_error"),
    ("503", "Busy; see Retry-After", "busy"),
];

/// The name of a status' answer among the components.
pub(super) fn component(status: &str) -> String {
    format!("Refused{status}")
}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        STATUSES.iter().map(|(status, ..)| ((*status).to_owned(), RefOr::Ref(Ref::from_response_name(component(status))))).collect()
    }
}
