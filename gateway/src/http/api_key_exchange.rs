//! API keys on their way in: each is exchanged for a short access token before anything else looks at the request. So the
//! gateway's own routes, its limits and the services behind it know access tokens only, and no log sees a key.

use super::trusted_proxies::TrustedProxies;
use crate::{
    domain::{
        api_key::{ApiKeyText, KEY_MARK},
        route_lookup::find,
        routing_table::{RouteAccess, RouteMatch},
    },
    error::IdentityError,
    identity::IdentityService,
    security_event::SecurityEvent,
};
use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap, HeaderValue},
    middleware::Next,
    web,
};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use shared::{
    auth::Verifier,
    http::{Code, Problem, Quota, network_of},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// How long a token is used again: a service gets it with half of its minute left.
const REUSED_FOR: Duration = Duration::from_secs(30);
/// Keys whose tokens are kept at most. Only good keys have one, so junk pushes none of them out.
const KEPT_TOKENS: u64 = 10_000;

/// Unknown keys of one client network that are looked up in a minute.
const UNKNOWN_KEYS: usize = 100;
const MINUTE: Duration = Duration::from_secs(60);
/// Networks whose unknown keys are counted at most.
const COUNTED_NETWORKS: u64 = 10_000;

/// The API key that a request came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExchangedKey(pub(super) Uuid);

/// The tokens that keys were exchanged for, by the digest of the key; and how many unknown keys each network has shown.
#[derive(Clone)]
pub(crate) struct ExchangedTokens {
    tokens: Cache<[u8; 32], SecretString>,
    unknown: Cache<IpAddr, Arc<AtomicUsize>>,
}

impl Default for ExchangedTokens {
    fn default() -> Self {
        let tokens = Cache::builder().max_capacity(KEPT_TOKENS).time_to_live(REUSED_FOR).build();
        let unknown = Cache::builder().max_capacity(COUNTED_NETWORKS).time_to_live(MINUTE).build();
        Self { tokens, unknown }
    }
}

impl ExchangedTokens {
    /// Drops the token of a key that was deleted.
    pub(super) fn forget(&self, digest: &[u8]) {
        if let Ok(digest) = <[u8; 32]>::try_from(digest) {
            self.tokens.invalidate(&digest);
        }
    }

    /// A token for a key. A token that was revoked meanwhile, because the key was deleted or its user's access changed, is
    /// not used again. Keys that are at hand are not counted, so a guesser does not keep its neighbours out.
    async fn exchange(
        &self,
        text: &str,
        network: IpAddr,
        identity: &IdentityService,
        verifier: &Verifier,
    ) -> Result<(SecretString, ExchangedKey), Problem> {
        let key = ApiKeyText::parse(text).ok_or(IdentityError::UnknownApiKey)?;
        let digest = key.digest();
        if let Some(token) = self.tokens.get(&digest)
            && let Ok(claims) = verifier.verify(token.expose_secret()).await
        {
            return Ok((token, ExchangedKey(claims.sid.0)));
        }
        self.tokens.invalidate(&digest);
        let unknown = self.unknown.get_with(network, Arc::default);
        if unknown.load(Ordering::Relaxed) >= UNKNOWN_KEYS {
            let quota = Quota { name: "api-keys", requests: UNKNOWN_KEYS, window: Some(MINUTE) };
            return Err(Problem::rate_limited(&quota, MINUTE));
        }
        let token = identity.exchange_api_key(&key).await.inspect_err(|error| {
            if matches!(error, IdentityError::UnknownApiKey) {
                unknown.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        // The owner's access may have changed since the token was signed.
        let claims = verifier.verify(token.expose_secret()).await;
        let claims = claims.map_err(|_| IdentityError::UnknownApiKey)?;
        self.tokens.insert(digest, token.clone());
        Ok((token, ExchangedKey(claims.sid.0)))
    }
}

/// Middleware: puts an access token in the place of an API key, and refuses routes that API keys may not use.
///
/// # Errors
/// Those of what it wraps.
pub(crate) async fn api_key_exchange(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(text) = api_key(request.headers()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    match authorization(&request, &text).await {
        Ok(authorization) => {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => {
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::from_err(problem, request))
        }
    }
}

/// The text of the API key that a request shows, in whichever of its `Authorization` headers: none is passed on.
fn api_key(headers: &HeaderMap) -> Option<SecretString> {
    headers.get_all(header::AUTHORIZATION).find_map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let is_key = scheme.eq_ignore_ascii_case("bearer") && token.trim().starts_with(KEY_MARK);
        is_key.then(|| token.trim().to_owned().into())
    })
}

/// The access token that takes the place of a key.
async fn authorization(request: &ServiceRequest, text: &SecretString) -> Result<HeaderValue, Problem> {
    let missing = || Problem::new(Code::Unauthenticated);
    let identity = request.app_data::<web::Data<IdentityService>>().ok_or_else(missing)?;
    let verifier = request.app_data::<web::Data<Verifier>>().ok_or_else(missing)?;
    let tokens = request.app_data::<web::Data<ExchangedTokens>>().ok_or_else(missing)?;
    let proxies = request.app_data::<web::Data<TrustedProxies>>().ok_or_else(missing)?;
    let address = proxies.client(request.request()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let exchanged = tokens.exchange(text.expose_secret(), network_of(address), identity, verifier).await;
    let (token, key) = exchanged.inspect_err(|problem| {
        if problem.code() == Code::Unauthenticated {
            SecurityEvent::ApiKeyRefused.record();
        }
    })?;
    let route = find(request.method().as_str(), request.uri().path());
    if matches!(route, RouteMatch::Route(route) if route.access == RouteAccess::LoggedIn) {
        let detail = "An API key may not do this: log in with the password.";
        return Err(Problem::new(Code::Forbidden).detail(detail));
    }
    request.extensions_mut().insert(key);
    // A token is letters, digits and `-_.`, which every header takes.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|error| Problem::internal(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_with_the_mark_are_keys() {
        let found = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            api_key(&headers).map(|text| text.expose_secret().to_owned())
        };
        assert_eq!(found("Bearer aero_1_2").as_deref(), Some("aero_1_2"));
        assert_eq!(found("bearer  aero_").as_deref(), Some("aero_"));
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer ey"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer aero_1_2"));
        assert!(api_key(&headers).is_some(), "the second of two headers");
        for other in ["Basic aero_1_2", "Bearer ey.aero_.x", "aero_1_2", "Bearer"] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
