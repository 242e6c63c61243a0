//! Which methods each path takes: for a request by a method that its path does not take (RFC 9110 sections 9.3.7 and 15.5.6).

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use utoipa::openapi::PathItem;

use crate::kernel::problem::Problem;

/// The paths that are served, as they are written: a pattern compiled for each of some three hundred would take megabytes, for what is asked once in a while.
#[derive(Default)]
pub struct KnownPaths(BTreeMap<String, BTreeSet<&'static str>>);

/// Whether a path is one that is written like this: segment by segment the same, or any that is not empty where a name stands in braces.
fn fits(written: &str, path: &str) -> bool {
    let same = |(known, asked): (&str, &str)| known == asked || (known.starts_with('{') && !asked.is_empty());
    written.split('/').count() == path.split('/').count() && written.split('/').zip(path.split('/')).all(same)
}

impl KnownPaths {
    /// Adds the methods of a path as it is described.
    pub fn add_described(&mut self, path: &str, item: &PathItem) {
        let methods = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("PATCH", &item.patch), ("DELETE", &item.delete)];
        for (method, _) in methods.into_iter().filter(|(_, operation)| operation.is_some()) {
            self.add(path, method);
        }
    }

    /// Adds a method of a path, which may hold `{names}`.
    pub fn add(&mut self, path: &str, method: &'static str) {
        self.0.entry(path.to_owned()).or_default().insert(method);
    }

    /// What a path takes, as `Allow` says it; none where there is no such path.
    fn allowed(&self, path: &str) -> Option<String> {
        let mut methods: BTreeSet<&str> = self.0.iter().filter(|(written, _)| fits(written, path)).flat_map(|(_, methods)| methods.iter().copied()).collect();
        if methods.is_empty() {
            return None;
        }
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        methods.insert("OPTIONS");
        Some(methods.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Answers a request that no operation takes: 404 for an unknown path; 204 with `Allow` where the methods are asked for, 405 with it for any other.
    #[must_use]
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let Some(allowed) = self.allowed(request.path()) else {
            return Problem::not_found().error_response();
        };
        if request.method() == Method::OPTIONS {
            return HttpResponse::NoContent().insert_header((ALLOW, allowed)).finish();
        }
        let mut response = method_not_allowed(&allowed).error_response();
        if let Ok(allowed) = allowed.parse() {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

pub(super) fn method_not_allowed(allowed: &str) -> Problem {
    Problem::new(405, "method_not_allowed", "不支持该方法", "Method not allowed")
        .detail(format!("该路径不支持此 HTTP 方法。可用：{allowed}"), format!("This path does not take that HTTP method. It takes: {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_segment_by_segment_and_a_name_stands_for_one_that_is_not_empty() {
        assert!(fits("/api/v1/claims/{id}/pay", "/api/v1/claims/1/pay"));
        assert!(!fits("/api/v1/claims/{id}/pay", "/api/v1/claims//pay"));
        assert!(!fits("/api/v1/claims/{id}/pay", "/api/v1/claims/1/pay/2"));
        assert!(!fits("/api/v1/claims/{id}", "/api/v1/claims"));
        let mut known = KnownPaths::default();
        known.add("/api/v1/claims", "POST");
        known.add("/api/v1/claims", "GET");
        assert_eq!(known.allowed("/api/v1/claims").as_deref(), Some("GET, HEAD, OPTIONS, POST"));
        assert_eq!(known.allowed("/api/v1/opinions"), None);
    }
}
