//! The rate limit of `/auth`, per client address.

use super::trusted_proxies::TrustedProxies;
use crate::domain::auth_rate_limiter::{AuthRateLimiter, RateDecision};
use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderMap, HeaderValue},
    middleware::Next,
    web,
};
use shared::{
    auth::is_exempt,
    http::{Problem, Quota, network_of},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Middleware of `/auth`. The permission `limits:exempt` lifts the limit.
pub(super) async fn rate_limit(
    limiter: web::Data<AuthRateLimiter>,
    proxies: web::Data<TrustedProxies>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let address = proxies.client(request.request()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    if is_exempt(request.request()).await {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let quota = Quota { name: "auth", requests: limiter.per_minute(), window: Some(MINUTE) };
    let decision = limiter.check(network_of(address));
    if let RateDecision::Refused { wait } = decision {
        let (request, _) = request.into_parts();
        return Ok(ServiceResponse::from_err(Problem::rate_limited(&quota, wait), request));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let RateDecision::Allowed { remaining } = decision {
        add_quota_headers(response.headers_mut(), &quota, remaining);
    }
    Ok(response)
}

fn add_quota_headers(headers: &mut HeaderMap, quota: &Quota, remaining: usize) {
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
        let limiter = AuthRateLimiter::new(2);
        let check =
            |limiter: &AuthRateLimiter, address: &str| limiter.check(network_of(address.parse().unwrap()));
        let allowed = |address: &str| matches!(check(&limiter, address), RateDecision::Allowed { .. });
        assert!(allowed("10.0.0.1") && allowed("::ffff:10.0.0.1"));
        assert!(!allowed("10.0.0.1"));
        assert!(allowed("10.0.0.2"));
        assert!(allowed("2001:db8::1") && allowed("2001:db8::2") && !allowed("2001:db8::3"));
        assert_eq!(check(&AuthRateLimiter::new(0), "10.0.0.1"), RateDecision::Unlimited);
    }
}
