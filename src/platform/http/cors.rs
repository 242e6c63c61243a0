//! Which other sites' pages may ask this service from a browser (CORS, Fetch Standard section 3.2): none, unless they are named.

use std::str::FromStr;

use actix_cors::Cors;
use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, LOCATION, RETRY_AFTER};
use actix_web::http::{Method, Uri};
use serde::{Deserialize, Serialize};

/// How long a browser may keep that a site may ask, in seconds.
const REMEMBERED: usize = 3600;

/// The sites whose pages may ask. A token is sent by the page itself, never by the browser on its own, so credentials stay off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origins(Vec<String>);

impl FromStr for Origins {
    type Err = String;

    /// Origins with commas or blanks between them, as `https://desk.example.org http://localhost:5173`.
    ///
    /// # Errors
    /// What is wrong with which one: each must be a scheme, a host and no more than a port. `*` is refused: who may ask is named.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split([',', ' ']).filter(|part| !part.is_empty()).map(origin).collect::<Result<_, _>>().map(Self)
    }
}

fn origin(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok();
    let whole = uri.as_ref().and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
    match whole {
        Some(whole) if whole == text && ["http", "https"].contains(&uri.as_ref().and_then(Uri::scheme_str).unwrap_or_default()) && !text.contains('@') => Ok(whole),
        _ => Err(format!("“{text}”: 须为 https://主机[:端口]，不含路径，不能为 * / expected https://host[:port] without a path, and not *")),
    }
}

impl TryFrom<String> for Origins {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Origins> for String {
    fn from(origins: Origins) -> Self {
        origins.0.join(" ")
    }
}

impl Origins {
    /// Whether nobody else may ask.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middleware.
    pub fn cors(&self) -> Cors {
        let headers = [AUTHORIZATION, CONTENT_TYPE, ACCEPT, ACCEPT_LANGUAGE, IF_MATCH, HeaderName::from_static("idempotency-key")];
        let shown = [
            ETAG,
            LOCATION,
            RETRY_AFTER,
            CONTENT_DISPOSITION,
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("idempotent-replayed"),
            HeaderName::from_static("ratelimit-limit"),
            HeaderName::from_static("ratelimit-remaining"),
            HeaderName::from_static("ratelimit-reset"),
        ];
        let cors = Cors::default().allowed_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE]).allowed_headers(headers).expose_headers(shown).max_age(REMEMBERED);
        self.0.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_and_whoever_may_ask_is_named() {
        assert_eq!("https://desk.example.org, http://localhost:5173".parse(), Ok(Origins(vec!["https://desk.example.org".to_owned(), "http://localhost:5173".to_owned()])));
        assert_eq!("".parse(), Ok(Origins::default()));
        for wrong in ["*", "desk.example.org", "https://desk.example.org/", "https://desk.example.org/app", "ftp://desk.example.org", "https://user@desk.example.org", "null"] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
