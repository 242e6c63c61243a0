//! What every operation may refuse, for the API's description.

use std::collections::BTreeMap;

use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use crate::kernel::problem::ProblemBody;

/// The refusals that belong to the order of refusals: an operation lists them beside its answers.
#[derive(Debug)]
pub struct Refusals;

const STATUSES: [(&str, &str); 13] = [
    ("400", "The request, a query parameter or the JSON is malformed, or Idempotency-Key is missing"),
    ("401", "No valid access token"),
    ("403", "The capability is not held, or duties must be separated"),
    ("404", "No such row within reach"),
    ("409", "The state or another request stands against it"),
    ("412", "The row has changed since it was read"),
    ("413", "The body is too large"),
    ("415", "The body has a media type that is not taken"),
    ("422", "The content breaks rules; all faults at once"),
    ("428", "If-Match is missing"),
    ("429", "Too many requests; see Retry-After"),
    ("500", "A fault of the server"),
    ("503", "Busy; see Retry-After"),
];

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let answer = |description: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
            ResponseBuilder::new().description(description).content("application/problem+json", content).build()
        };
        STATUSES.iter().map(|(status, description)| ((*status).to_owned(), RefOr::T(answer(description)))).collect()
    }
}
