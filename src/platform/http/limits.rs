//! How often one may ask: per account where the token is good, else per address. Health and metrics are never limited.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use super::Context;
use super::extract::bearer;
use crate::kernel::problem::Problem;

/// After so many requests those who have not asked for a while are forgotten.
const FORGET_EVERY: u32 = 4096;

/// Requests a minute; 0 where there is no limit. A whole minute's worth may come at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of one account.
    pub account: u32,
    /// Of one address without a good token. Behind a proxy that is not trusted that is the proxy's.
    pub address: u32,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Caller {
    Account(Uuid),
    Address(IpAddr),
}

type Limiter = RateLimiter<Caller, DefaultKeyedStateStore<Caller>, DefaultClock, StateInformationMiddleware>;

/// Counts the requests of each account and address.
pub struct RateGate {
    account: Option<Limiter>,
    address: Option<Limiter>,
    clock: DefaultClock,
    asked: AtomicU32,
}

/// What is left to a caller.
struct Standing {
    limit: u32,
    remaining: u32,
    /// Seconds until one more request is possible (refused) or until all are (passed).
    reset: u64,
    refused: bool,
}

impl RateGate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        let limiter = |a_minute: u32| NonZeroU32::new(a_minute).map(|n| RateLimiter::keyed(Quota::per_minute(n)).with_middleware::<StateInformationMiddleware>());
        Self { account: limiter(limits.account), address: limiter(limits.address), clock: DefaultClock::default(), asked: AtomicU32::new(0) }
    }

    /// Whether anybody is limited.
    const fn is_limited(&self) -> bool {
        self.account.is_some() || self.address.is_some()
    }

    fn ask(&self, caller: &Caller) -> Option<Standing> {
        let limiter = match caller {
            Caller::Account(_) => self.account.as_ref(),
            Caller::Address(_) => self.address.as_ref(),
        }?;
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            limiter.retain_recent();
        }
        Some(match limiter.check_key(caller) {
            Ok(state) => {
                let (limit, remaining) = (state.quota().burst_size().get(), state.remaining_burst_capacity());
                let one = state.quota().replenish_interval();
                Standing { limit, remaining, reset: one.saturating_mul(limit.saturating_sub(remaining)).as_secs().saturating_add(1), refused: false }
            }
            Err(wait) => {
                let seconds = wait.wait_time_from(self.clock.now()).as_secs().saturating_add(1);
                Standing { limit: wait.quota().burst_size().get(), remaining: 0, reset: seconds, refused: true }
            }
        })
    }
}

/// The address as it is counted: of IPv6 the first 64 bits, which are one subscriber's.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            },
            IpAddr::V4,
        ),
    }
}

/// Whose request this is. Only a token that was signed here counts as an account's, so that nobody spends another's share or invents accounts.
fn caller(request: &ServiceRequest, context: &Context) -> Option<Caller> {
    let account = bearer(request.headers()).and_then(|token| context.authenticator.account(token)).map(Caller::Account);
    account.or_else(|| Some(Caller::Address(counted(context.client(request.request())?))))
}

fn rate_limited(standing: &Standing) -> Problem {
    let (limit, seconds) = (standing.limit, standing.reset);
    Problem::new(429, "rate_limited", "请求过于频繁", "Too many requests")
        .detail(format!("每分钟最多 {limit} 次请求。请在 {seconds} 秒后再试。"), format!("At most {limit} requests a minute are taken. Try again in {seconds} seconds."))
        .retry_after(u32::try_from(seconds).unwrap_or(60))
}

/// `RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy` (draft-ietf-httpapi-ratelimit-headers).
fn tell(headers: &mut HeaderMap, standing: &Standing) {
    let lines = [
        ("ratelimit-limit", standing.limit.to_string()),
        ("ratelimit-remaining", standing.remaining.to_string()),
        ("ratelimit-reset", standing.reset.to_string()),
        ("ratelimit-policy", format!("{};w=60", standing.limit)),
    ];
    for (name, text) in lines {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Lets a request pass, or answers 429 `rate_limited` with `Retry-After`.
///
/// # Errors
/// Those of what it wraps.
pub async fn limit(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let exempt = request.path().starts_with("/health/") || request.path() == "/metrics";
    let context = request.app_data::<web::Data<Context>>().filter(|_| !exempt);
    let standing = context.filter(|context| context.rates.is_limited()).and_then(|context| context.rates.ask(&caller(&request, context)?));
    let mut response = match &standing {
        Some(standing) if standing.refused => request.into_response(rate_limited(standing).error_response()),
        _ => next.call(request).await?.map_into_boxed_body(),
    };
    if let Some(standing) = standing {
        tell(response.headers_mut(), &standing);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Caller {
        Caller::Address(counted(text.parse().unwrap()))
    }

    fn refused(gate: &RateGate, caller: &Caller) -> Option<bool> {
        gate.ask(caller).map(|standing| standing.refused)
    }

    #[test]
    fn each_account_and_each_address_has_its_own_share() {
        let gate = RateGate::new(RateLimits { account: 2, address: 1 });
        let (one, other) = (Caller::Account(Uuid::from_u128(1)), Caller::Account(Uuid::from_u128(2)));
        assert_eq!([&one, &one, &one, &other].map(|caller| refused(&gate, caller)), [Some(false), Some(false), Some(true), Some(false)]);
        assert_eq!([address("10.0.0.1"), address("10.0.0.1"), address("10.0.0.2")].map(|caller| refused(&gate, &caller)), [Some(false), Some(true), Some(false)]);
    }

    #[test]
    fn the_addresses_of_one_ipv6_subscriber_count_together_and_zero_is_no_limit() {
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:10.0.0.1"), address("10.0.0.1"));
        assert_eq!(refused(&RateGate::new(RateLimits::default()), &address("10.0.0.1")), None);
    }
}
