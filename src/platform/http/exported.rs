//! What leaves the house as a file is kept in the audit trail, whichever operation gave it; so is a read that was refused for want of a capability.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, web};

use super::Context;
use super::write::request_id;
use crate::kernel::access::Actor;
use crate::kernel::problem::Problem;

/// A file that was asked for.
#[derive(Debug)]
pub struct Export {
    /// The operation and its path, such as `GET /api/v1/claims`.
    pub operation: String,
    /// What it was asked by: filters, sort, columns. Personal data never stand in a URL.
    pub query: String,
    /// The format, as its media type.
    pub format: String,
    /// The request's id.
    pub request_id: String,
    /// The network address that the request came from.
    pub address: Option<String>,
}

/// Marks a request whose operation has written an audit event of its own about the file that it gives.
#[derive(Clone, Copy, Debug)]
pub struct DownloadKept;

/// Keeps who asked to read what their roles do not show. Refused writes keep their own attempt.
async fn keep_refused_read(response: &ServiceResponse<BoxBody>) {
    let request = response.request();
    if request.method() != Method::GET || response.status() != StatusCode::FORBIDDEN {
        return;
    }
    let actor = request.extensions().get::<Actor>().cloned();
    let code = response.response().extensions().get::<Problem>().map(|problem| problem.code);
    if let (Some(actor), Some(code), Some(context)) = (actor, code, request.app_data::<web::Data<Context>>()) {
        let operation = format!("GET {}", request.match_pattern().unwrap_or_else(|| request.path().to_owned()));
        context.attempts.access_refused(&actor, &operation, request.match_info().get("id").map(str::to_owned), code).await;
    }
}

/// Writes an audit event for every answer that is a file to be saved; where that cannot be done the file is not given.
///
/// # Errors
/// Those of what it wraps.
pub async fn keep_exports(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    keep_refused_read(&response).await;
    let Some(context) = response.request().app_data::<web::Data<Context>>().cloned() else {
        return Ok(response);
    };
    let Some((actor, export)) = exported(&context, &response) else {
        return Ok(response);
    };
    match context.attempts.exported(&actor, export).await {
        Ok(()) => Ok(response),
        Err(problem) => Ok(response.into_response(problem.error_response())),
    }
}

/// Who got which file; none where the answer is no file of somebody's. A template to fill in holds nothing.
fn exported(context: &Context, response: &ServiceResponse<BoxBody>) -> Option<(Actor, Export)> {
    let request: &HttpRequest = response.request();
    let header = |name| response.headers().get(name).and_then(|value: &actix_web::http::header::HeaderValue| value.to_str().ok());
    let is_file = header(CONTENT_DISPOSITION).is_some_and(|value| value.starts_with("attachment"));
    if request.extensions().contains::<DownloadKept>() {
        return None;
    }
    if request.method() != Method::GET || !response.status().is_success() || !is_file || request.path().ends_with("/template") {
        return None;
    }
    let actor = request.extensions().get::<Actor>().cloned()?;
    let export = Export {
        operation: format!("GET {}", request.path()),
        query: request.query_string().to_owned(),
        format: header(actix_web::http::header::CONTENT_TYPE).unwrap_or_default().to_owned(),
        request_id: request_id(request),
        address: context.client_text(request),
    };
    Some((actor, export))
}
