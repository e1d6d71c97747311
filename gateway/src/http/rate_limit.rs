//! The rate limit of `/auth`, per client address.

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderValue},
    middleware::Next,
    web,
};
use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use shared::{
    auth::is_exempt,
    http::{Problem, Quota, TrustedProxies, network_of},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

const MINUTE: Duration = Duration::from_secs(60);

/// Requests per client address and minute, shared by the threads of an instance. The generic cell rate
/// algorithm: a whole minute's requests may come at once, then they come back one by one.
pub struct RateLimit {
    limiter: Option<Limiter>,
    quota: Quota,
}

/// What the limit says of a request.
enum Verdict {
    /// So many more may come at once.
    Remaining(usize),
    /// Come back after this time.
    Wait(Duration),
}

impl RateLimit {
    /// A limit; 0 is none.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let rate = NonZeroU32::new(per_minute).map(governor::Quota::per_minute);
        let limiter =
            rate.map(|rate| RateLimiter::dashmap(rate).with_middleware::<StateInformationMiddleware>());
        Self { limiter, quota: Quota { name: "auth", requests: per_minute as usize, window: Some(MINUTE) } }
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
        Some(match limiter.check_key(&network_of(address)) {
            Ok(state) => Verdict::Remaining(state.remaining_burst_capacity() as usize),
            Err(refused) => Verdict::Wait(refused.wait_time_from(DefaultClock::default().now())),
        })
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
    if is_exempt(request.request()).await {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let remaining = match limit.check(address) {
        None => None,
        Some(Verdict::Remaining(remaining)) => Some(remaining),
        Some(Verdict::Wait(wait)) => {
            let (request, _) = request.into_parts();
            return Ok(ServiceResponse::from_err(Problem::rate_limited(&limit.quota, wait), request));
        }
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let Some(remaining) = remaining {
        describe(response.headers_mut(), &limit.quota, remaining);
    }
    Ok(response)
}

fn describe(headers: &mut HeaderMap, quota: &Quota, remaining: usize) {
    for (name, value) in quota.headers(remaining, MINUTE) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
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
