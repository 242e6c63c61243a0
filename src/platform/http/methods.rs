//! Which methods each path takes: for a request by a method that its path does not take (RFC 9110 sections 9.3.7 and 15.5.6).

use std::collections::{BTreeMap, BTreeSet};

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use utoipa::openapi::PathItem;

use crate::kernel::problem::Problem;

/// The paths that are served.
#[derive(Default)]
pub struct KnownPaths(BTreeMap<String, (ResourceDef, BTreeSet<&'static str>)>);

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
        self.0.entry(path.to_owned()).or_insert_with(|| (ResourceDef::new(path), BTreeSet::new())).1.insert(method);
    }

    /// What a path takes, as `Allow` says it; none where there is no such path.
    fn allowed(&self, path: &str) -> Option<String> {
        let mut methods: BTreeSet<&str> = self.0.values().filter(|(pattern, _)| pattern.is_match(path)).flat_map(|(_, methods)| methods.iter().copied()).collect();
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
