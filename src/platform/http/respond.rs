//! Answers: JSON with an `ETag`, print pages, and problems, whose words are chosen when the request's language is known.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::kernel::problem::Problem;

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Carries the problem to [`super::finish`], which knows the language, the path and the request's id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        let mut response = response.finish();
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// The entity tag of a version (RFC 9110 section 8.8.3).
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// 200 with JSON.
pub fn ok(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// 200 with JSON and the row's `ETag`.
pub fn ok_versioned(version: i64, body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, etag(version))).json(body)
}

/// 200 with a print page (A4 HTML).
pub fn print_page(html: String) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(html)
}
