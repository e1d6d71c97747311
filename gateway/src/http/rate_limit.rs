//! The rate limit of `/auth`, per client address.

use actix_web::{
    Error, FromRequest,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use shared::{
    auth::{MaybeCaller, Permission},
    http::{Code, Problem, TrustedProxies},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
};

type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// Requests per client address and minute, shared by the threads of an instance. The generic cell rate
/// algorithm: a whole minute's requests may come at once, then they come back one by one.
pub struct RateLimit {
    limiter: Option<Limiter>,
    per_minute: u32,
}

/// What the limit says of a request.
enum Verdict {
    /// So many more may come at once.
    Remaining(u32),
    /// Come back after so many seconds.
    Wait(u64),
}

impl RateLimit {
    /// A limit; 0 is none.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let quota = NonZeroU32::new(per_minute).map(Quota::per_minute);
        let limiter =
            quota.map(|quota| RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>());
        Self { limiter, per_minute }
    }

    /// Forgets addresses that have all of their requests back.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn check(&self, address: IpAddr) -> Option<Verdict> {
        let limiter = self.limiter.as_ref()?;
        Some(match limiter.check_key(&network(address)) {
            Ok(state) => Verdict::Remaining(state.remaining_burst_capacity()),
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                Verdict::Wait(wait.as_secs() + 1)
            }
        })
    }
}

/// Who has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Middleware of `/auth`. The permission `limits:exempt` lifts it.
pub(super) async fn rate_limit(
    limit: web::Data<RateLimit>,
    proxies: web::Data<TrustedProxies>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let address = proxies.client(request.request()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    if is_exempt(&request).await {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let verdict = limit.check(address);
    let mut response = match verdict {
        Some(Verdict::Wait(seconds)) => {
            let problem =
                Problem::new(Code::RateLimited).retry_after(std::time::Duration::from_secs(seconds));
            let (request, _) = request.into_parts();
            ServiceResponse::from_err(problem, request)
        }
        _ => next.call(request).await?.map_into_boxed_body(),
    };
    if let Some(verdict) = verdict {
        describe(response.headers_mut(), limit.per_minute, &verdict);
    }
    Ok(response)
}

/// A bad token is no reason to refuse a login, but earns nothing.
async fn is_exempt(request: &ServiceRequest) -> bool {
    let caller = MaybeCaller::from_request(request.request(), &mut Payload::None).await;
    caller.is_ok_and(|caller| caller.0.is_some_and(|caller| caller.may(Permission::LimitsExempt)))
}

/// The fields of draft-ietf-httpapi-ratelimit-headers-10.
fn describe(headers: &mut HeaderMap, per_minute: u32, verdict: &Verdict) {
    let (remaining, reset) = match verdict {
        Verdict::Remaining(remaining) => (*remaining, 60),
        Verdict::Wait(seconds) => (0, *seconds),
    };
    let fields = [
        ("ratelimit-policy", format!("\"auth\";q={per_minute};w=60")),
        ("ratelimit", format!("\"auth\";r={remaining};t={reset}")),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_own_limit() {
        let limit = RateLimit::new(2);
        let allowed =
            |address: &str| matches!(limit.check(address.parse().unwrap()), Some(Verdict::Remaining(_)));
        assert!(allowed("10.0.0.1") && allowed("::ffff:10.0.0.1"));
        assert!(!allowed("10.0.0.1"));
        assert!(allowed("10.0.0.2"));
        assert!(allowed("2001:db8::1") && allowed("2001:db8::2") && !allowed("2001:db8::3"));
        assert!(RateLimit::new(0).check("10.0.0.1".parse().unwrap()).is_none());
    }
}
