//! What every answer gets: a request id, security headers, problems in the client's language, a count and a time.

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;

use super::methods::method_not_allowed;
use super::write::request_id;
use crate::kernel::problem::{Language, Problem};
use crate::platform::db::carrying;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer says.
const SECURITY: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")),
];
/// A page of ours runs no script and loads nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
/// The documentation runs the scripts that come with it.
const POLICY_OF_DOCS: HeaderValue = HeaderValue::from_static("default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self' 'unsafe-inline'");

/// How long an answer may be kept: nothing private, no refusal and no state of the server at all; the documentation only where the server says that it is still so.
fn caching(path: &str, status: StatusCode) -> HeaderValue {
    let documentation = path.starts_with("/docs") || path == "/openapi.json";
    HeaderValue::from_static(if documentation && status.is_success() { "no-cache" } else { "no-store" })
}

/// A HEAD is answered as the GET would be, without its content (RFC 9110 section 9.3.2).
fn without_content(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    // What has a length is left out by the connection, which still tells how long it would be; a stream would be read to its end for nobody.
    if matches!(response.response().body().size(), BodySize::Stream) { response.map_body(|_, _| BoxBody::new(actix_web::body::None::new())) } else { response }
}

/// Turns refusals into `application/problem+json` and sets the headers that every answer carries.
///
/// # Errors
/// None of its own: what handlers refuse comes out as an answer.
pub async fn finish(mut request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let language = Language::of_header(request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default());
    // No clone of the request is kept: the router below needs it alone.
    let id = request_id(request.request());
    let path = request.path().to_owned();
    let head = request.method() == Method::HEAD;
    if head {
        request.head_mut().method = Method::GET;
    }
    let response = carrying(next.call(request)).await?.map_into_boxed_body();
    let response = with_problem(response, language, &id);
    let mut response = if head { without_content(response) } else { response };
    let caching = caching(&path, response.status());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in SECURITY {
        headers.insert(name, value);
    }
    headers.insert(CONTENT_SECURITY_POLICY, if path.starts_with("/docs") { POLICY_OF_DOCS } else { POLICY });
    headers.insert(CACHE_CONTROL, caching);
    Ok(response)
}

/// A plain refusal of the framework, told as a problem.
fn of_status(status: u16, cause: &str) -> Problem {
    match status {
        404 => Problem::not_found(),
        // The pages of the documentation are all that answers so by itself.
        405 => method_not_allowed("GET, HEAD"),
        status @ 400..=499 => Problem::new(status, "bad_request", "请求有误", "Bad request").detail(format!("请求有误：{cause}"), format!("The request is wrong: {cause}")),
        _ => Problem::internal(cause),
    }
}

fn with_problem(response: ServiceResponse<BoxBody>, language: Language, id: &str) -> ServiceResponse<BoxBody> {
    let problem = response.response().extensions().get::<Problem>().cloned();
    let status = response.status().as_u16();
    let is_bare = response.headers().get(CONTENT_TYPE).is_none() && status >= 400;
    let Some(problem) = problem.or_else(|| is_bare.then(|| of_status(status, "")).filter(|problem| problem.status == status)) else {
        return response;
    };
    if let Some(cause) = &problem.cause {
        tracing::error!(cause, request_id = id, "internal error");
    }
    let path = response.request().path().to_owned();
    let body = serde_json::to_vec(&problem.body(language, &path, id)).unwrap_or_default();
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == 401 {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let tag = if language == Language::Chinese { "zh-CN" } else { "en" };
    response.headers_mut().insert(actix_web::http::header::CONTENT_LANGUAGE, HeaderValue::from_static(tag));
    response
}

/// Counts requests and times them by method, route and status, for `/metrics`.
///
/// # Errors
/// Those of what it wraps.
pub async fn observe(request: ServiceRequest, next: Next<impl MessageBody>) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = std::time::Instant::now();
    let response = next.call(request).await?;
    // Asked for after routing: before it, the whole map of routes would be searched once more.
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let method = response.request().method().to_string();
    let status = response.status().as_u16().to_string();
    metrics::counter!("http_requests_total", "method" => method.clone(), "route" => route.clone(), "status" => status).increment(1);
    metrics::histogram!("http_request_seconds", "method" => method, "route" => route).record(started.elapsed());
    Ok(response)
}
