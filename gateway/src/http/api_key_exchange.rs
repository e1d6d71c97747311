//! API keys on their way in: each is exchanged for a short access token before anything else looks at the request. So the
//! gateway's own routes, its limits and the services behind it know access tokens only, and no log sees a key.

use super::trusted_proxies::TrustedProxies;
use crate::{
    domain::{
        api_key::{ApiKeyText, KEY_MARK},
        routing_table::{ApiRoute, RouteAccess},
    },
    error::IdentityError,
    identity::IdentityService,
    security_event::SecurityEvent,
};
use actix_web::{
    HttpMessage,
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderValue},
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

/// Unknown keys of one client network that are 401 in a minute; further ones are 429.
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

    /// Whether the token of a key is at hand, so that an exchange costs next to nothing.
    fn has(&self, text: &str) -> bool {
        ApiKeyText::parse(text).is_some_and(|key| self.tokens.contains_key(&key.digest()))
    }

    /// A token for a key. A token that was revoked meanwhile, because the key was deleted or its user's access changed, is
    /// not used again. Only unknown keys are refused for their number, so a guesser does not keep its neighbours out.
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
        let token = match identity.exchange_api_key(&key).await {
            Err(IdentityError::UnknownApiKey) => return Err(self.refuse_unknown(network)),
            exchanged => exchanged?,
        };
        // The owner's access may have changed since the token was signed.
        let claims = verifier.verify(token.expose_secret()).await;
        let claims = claims.map_err(|_| IdentityError::UnknownApiKey)?;
        self.tokens.insert(digest, token.clone());
        Ok((token, ExchangedKey(claims.sid.0)))
    }

    /// Counts an unknown key of a network.
    fn refuse_unknown(&self, network: IpAddr) -> Problem {
        let shown = self.unknown.get_with(network, Arc::default).fetch_add(1, Ordering::Relaxed);
        if shown >= UNKNOWN_KEYS {
            let quota = Quota { name: "api-keys", requests: UNKNOWN_KEYS, window: Some(MINUTE) };
            return Problem::rate_limited(&quota, MINUTE);
        }
        IdentityError::UnknownApiKey.into()
    }
}

/// Puts an access token in the place of an API key, and refuses routes that API keys may not use.
///
/// # Errors
/// `unauthenticated` for an unknown key, `rate_limited` for many of them, `forbidden`, or a fault of ours.
pub(super) async fn exchange_api_key(
    request: &mut ServiceRequest,
    route: Option<&ApiRoute>,
) -> Result<(), Problem> {
    let Some(text) = api_key(request.headers()) else { return Ok(()) };
    let authorization = authorization(request, &text, route).await?;
    request.headers_mut().insert(header::AUTHORIZATION, authorization);
    Ok(())
}

/// Whether a request has an API key whose token is at hand.
pub(super) fn is_api_key_at_hand(request: &ServiceRequest) -> bool {
    let Some(text) = api_key(request.headers()) else { return false };
    let tokens = request.app_data::<web::Data<ExchangedTokens>>();
    tokens.is_some_and(|tokens| tokens.has(text.expose_secret()))
}

/// The refusal of what an API key must not do.
pub(super) fn needs_login() -> Problem {
    Problem::new(Code::Forbidden).detail("An API key may not do this: log in with the password.")
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
async fn authorization(
    request: &ServiceRequest,
    text: &SecretString,
    route: Option<&ApiRoute>,
) -> Result<HeaderValue, Problem> {
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
    if route.is_some_and(|route| route.access == RouteAccess::LoggedIn) {
        return Err(needs_login());
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
