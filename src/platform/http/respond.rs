//! Answers: JSON with an `ETag`, print pages, and problems, whose words are chosen when the request's language is known.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, Charset, ContentDisposition, DispositionParam, DispositionType, ETAG, ExtendedValue, RETRY_AFTER};
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

/// The header of a file to be saved under a name, never to be shown in the page's own origin: as it is where it is ASCII, else as UTF-8 (RFC 6266, RFC 8187).
#[must_use]
pub fn saved_as(name: &str) -> ContentDisposition {
    let name = if name.is_ascii() {
        DispositionParam::Filename(name.to_owned())
    } else {
        DispositionParam::FilenameExt(ExtendedValue { charset: Charset::Ext("UTF-8".to_owned()), language_tag: None, value: name.as_bytes().to_vec() })
    };
    ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![name] }
}

/// Text as it may stand in HTML and XML.
#[must_use]
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// 200 with a print page (A4 HTML).
pub fn print_page(html: String) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_saved_under_its_name_whatever_letters_it_has() {
        assert_eq!(saved_as("run-2017Q1.csv").to_string(), "attachment; filename=\"run-2017Q1.csv\"");
        assert_eq!(saved_as("代发 1.csv").to_string(), "attachment; filename*=UTF-8''%E4%BB%A3%E5%8F%91%201.csv");
        assert_eq!(saved_as("a\"b.csv").to_string(), "attachment; filename=\"a\\\"b.csv\"");
    }

    #[test]
    fn text_breaks_out_of_no_element_and_no_attribute() {
        assert_eq!(escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&apos;2&apos;&gt;&amp;");
    }
}
