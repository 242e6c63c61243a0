//! Who asks. Each handler has exactly one of [`Actor`] and [`Public`] among its arguments.

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::Context;
use crate::kernel::access::Actor;
use crate::kernel::problem::Problem;

/// A handler that needs no account says so.
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl FromRequest for Public {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

/// The access token of a request. The scheme's name is written as one likes (RFC 9110 section 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthenticated() -> Problem {
    Problem::new(401, "unauthenticated", "请先登录", "Please log in")
        .detail("需要有效的访问令牌。请登录后在 Authorization 头中以 Bearer 方式提供。", "A valid access token is needed. Log in and send it as “Authorization: Bearer …”.")
}

/// Only these answer while a first password is unchanged.
fn open_before_password_change(path: &str) -> bool {
    path.starts_with("/api/v1/auth/") || path == "/api/v1/me"
}

impl FromRequest for Actor {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = request.app_data::<web::Data<Context>>().cloned();
        let token = bearer(request.headers()).map(str::to_owned);
        let request = request.clone();
        Box::pin(async move {
            let context = context.ok_or_else(|| Problem::internal("no context"))?;
            let token = token.ok_or_else(unauthenticated)?;
            let mut actor = context.authenticator.actor(&token).await?;
            if actor.must_change_password && !open_before_password_change(request.path()) {
                return Err(Problem::new(403, "password_change_required", "请先修改初始密码", "Change the first password")
                    .detail("首次登录须先修改密码（POST /api/v1/auth/password），然后才能办理其他事项。", "The first password must be changed (POST /api/v1/auth/password) before anything else."));
            }
            if actor.acts_apart() {
                actor.about = context.whereabouts.of_request(&context.db, &actor, &request).await?;
            }
            request.extensions_mut().insert(actor.clone());
            Ok(actor)
        })
    }
}
