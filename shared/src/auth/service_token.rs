//! Tokens of the services for each other: 60 seconds, HS256 of a configured secret.
//!
//! Below `/internal`, where the gateway never routes, one in `Authorization` opens the route. On requests that the
//! gateway passes on, `Authorization` is the client's, so the gateway proves itself in [`SERVICE_TOKEN`].

use crate::http::{Code, Problem};
use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderName, HeaderValue},
    web,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{
    future,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// The header in which a service that passes a request on proves itself. The gateway removes it from what
/// clients send, and it stands in no answer.
pub const SERVICE_TOKEN: HeaderName = HeaderName::from_static("x-aerobus-service-token");

/// The gateway's name in its tokens.
pub const GATEWAY: &str = "gateway";

/// The name of the pages' server in its tokens. The gateway believes the address of a browser that it names.
pub const WEB: &str = "web";

/// Seconds for which a token is good.
const LIFETIME: i64 = 60;

/// A token that is sent with every request is made anew when it has fewer seconds left: longer than any
/// request is on its way.
const RENEWED_AT: i64 = 30;

/// Seconds by which the clocks of the services may differ.
const LEEWAY: u64 = 5;

/// Tokens that are known to be good. A gateway needs two at a time, so there is room for hundreds of them.
const KNOWN: u64 = 1024;

#[derive(Clone, Serialize, Deserialize)]
struct ServiceClaims {
    /// The calling service.
    iss: String,
    exp: i64,
}

impl ServiceClaims {
    /// Of a service, from now on.
    fn of(service: &str) -> Self {
        Self { iss: service.to_owned(), exp: chrono::Utc::now().timestamp() + LIFETIME }
    }

    /// Seconds for which they are still good, without leeway.
    fn left(&self) -> i64 {
        self.exp - chrono::Utc::now().timestamp()
    }
}

/// Issues and checks service tokens.
#[derive(Clone)]
pub struct ServiceTokens {
    secret: SecretString,
    /// Claims by the token's text. The same token comes with each request of a gateway, and looking it up costs a
    /// tenth of verifying it. Only good tokens are kept, so junk pushes none of them out.
    known: Cache<String, ServiceClaims>,
}

/// The secret cannot sign: an error of ours.
#[derive(Debug, thiserror::Error)]
#[error("a service token cannot be signed")]
pub struct ServiceTokenError(#[from] jsonwebtoken::errors::Error);

impl ServiceTokens {
    /// Tokens under this secret, the same for all services.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        let known = Cache::builder()
            .max_capacity(KNOWN)
            .time_to_live(Duration::from_secs(LIFETIME.unsigned_abs() + LEEWAY))
            .build();
        Self { secret, known }
    }

    /// A fresh token of this service, `flight`, as an `Authorization` header's value.
    ///
    /// # Errors
    /// [`ServiceTokenError`], never in practice.
    pub fn authorization(&self, service: &str) -> Result<String, ServiceTokenError> {
        Ok(format!("Bearer {}", self.issue(&ServiceClaims::of(service))?))
    }

    fn issue(&self, claims: &ServiceClaims) -> Result<String, ServiceTokenError> {
        let key = EncodingKey::from_secret(self.secret.expose_secret().as_bytes());
        Ok(encode(&Header::new(Algorithm::HS256), claims, &key)?)
    }

    /// The service that has passed a request on, as its [`SERVICE_TOKEN`] proves; `None` for anybody else.
    #[must_use]
    pub fn forwarder(&self, request: &HttpRequest) -> Option<String> {
        let token = request.headers().get(SERVICE_TOKEN)?.to_str().ok()?;
        if let Some(known) = self.known.get(token) {
            return (known.left() + LEEWAY.cast_signed() > 0).then_some(known.iss);
        }
        let claims = self.verify(token)?;
        self.known.insert(token.to_owned(), claims.clone());
        Some(claims.iss)
    }

    /// The claims of a good token. jsonwebtoken compares signatures in constant time.
    fn verify(&self, token: &str) -> Option<ServiceClaims> {
        let key = DecodingKey::from_secret(self.secret.expose_secret().as_bytes());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        validation.leeway = LEEWAY;
        decode::<ServiceClaims>(token, &key, &validation).ok().map(|token| token.claims)
    }

    /// The service that calls an internal route.
    fn caller(&self, authorization: &str) -> Option<String> {
        self.verify(authorization.strip_prefix("Bearer ")?).map(|claims| claims.iss)
    }
}

/// The token of a service that proves itself with every request: signed once in 30 seconds. Clones share it.
#[derive(Clone)]
pub struct LastingToken {
    tokens: ServiceTokens,
    service: &'static str,
    present: Arc<RwLock<Option<(ServiceClaims, HeaderValue)>>>,
}

impl LastingToken {
    /// For this service.
    #[must_use]
    pub fn new(tokens: ServiceTokens, service: &'static str) -> Self {
        Self { tokens, service, present: Arc::default() }
    }

    /// The value of [`SERVICE_TOKEN`] now, good for 30 seconds at least.
    ///
    /// # Errors
    /// [`ServiceTokenError`], never in practice.
    pub fn value(&self) -> Result<HeaderValue, ServiceTokenError> {
        if let Some((claims, value)) = &*self.present.read().unwrap_or_else(PoisonError::into_inner)
            && claims.left() > RENEWED_AT
        {
            return Ok(value.clone());
        }
        // Threads that come here together sign one each: all of them are good.
        let claims = ServiceClaims::of(self.service);
        let token = self.tokens.issue(&claims)?;
        // A token is letters, digits and `-_.`, which every header takes.
        let mut value = HeaderValue::from_str(&token).unwrap_or_else(|_| HeaderValue::from_static(""));
        // Not shown where headers are written to a log.
        value.set_sensitive(true);
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Some((claims, value.clone()));
        Ok(value)
    }
}

/// Another service of ours, as an extractor of internal routes; 401 for anybody else.
///
/// The app needs [`ServiceTokens`] as data.
#[derive(Debug, Clone)]
pub struct ServiceCaller(pub String);

impl FromRequest for ServiceCaller {
    type Error = Problem;
    type Future = future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tokens = request.app_data::<web::Data<ServiceTokens>>();
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = tokens.zip(header).and_then(|(tokens, header)| tokens.caller(header));
        future::ready(caller.map(Self).ok_or_else(|| Problem::new(Code::Unauthenticated)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn tokens() -> ServiceTokens {
        ServiceTokens::new("one secret of thirty-two characters".to_owned().into())
    }

    /// A token of the gateway that has expired so many seconds ago.
    fn expired(tokens: &ServiceTokens, ago: i64) -> String {
        let exp = chrono::Utc::now().timestamp() - ago;
        tokens.issue(&ServiceClaims { iss: GATEWAY.to_owned(), exp }).unwrap()
    }

    fn forwarder(tokens: &ServiceTokens, token: &str) -> Option<String> {
        tokens.forwarder(&TestRequest::get().insert_header((SERVICE_TOKEN, token)).to_http_request())
    }

    #[test]
    fn expired_tokens_are_refused() {
        let tokens = tokens();
        let caller = |ago| tokens.caller(&format!("Bearer {}", expired(&tokens, ago)));
        assert_eq!(caller(1).as_deref(), Some(GATEWAY));
        assert_eq!(caller(30), None);
    }

    #[test]
    fn only_the_secrets_own_tokens_are_accepted() {
        let ours = tokens();
        let other = ServiceTokens::new("another secret".to_owned().into());
        let header = ours.authorization("flight").unwrap();
        assert_eq!(ours.caller(&header).as_deref(), Some("flight"));
        assert_eq!(other.caller(&header), None);
        assert_eq!(ours.caller("Bearer nonsense"), None);
    }

    #[test]
    fn a_forwarder_proves_itself_with_each_request() {
        let (ours, other) = (tokens(), ServiceTokens::new("another secret".to_owned().into()));
        let lasting = LastingToken::new(ours.clone(), GATEWAY);
        let value = lasting.value().unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value, lasting.clone().value().unwrap(), "signed once");
        for _ in 0..2 {
            assert_eq!(forwarder(&ours, value.to_str().unwrap()).as_deref(), Some(GATEWAY));
            assert_eq!(forwarder(&other, value.to_str().unwrap()), None);
            assert_eq!(forwarder(&ours, "nonsense"), None);
        }
        assert_eq!(ours.forwarder(&TestRequest::get().to_http_request()), None);
    }

    #[test]
    fn a_known_token_expires_as_any_other() {
        let tokens = tokens();
        let token = expired(&tokens, 30);
        let claims = ServiceClaims { iss: GATEWAY.to_owned(), exp: chrono::Utc::now().timestamp() - 30 };
        tokens.known.insert(token.clone(), claims);
        assert_eq!(forwarder(&tokens, &token), None);
    }

    #[test]
    fn a_lasting_token_is_renewed_before_it_expires() {
        let lasting = LastingToken::new(tokens(), GATEWAY);
        let old = HeaderValue::from_static("old");
        let exp = chrono::Utc::now().timestamp() + RENEWED_AT - 1;
        let claims = ServiceClaims { iss: GATEWAY.to_owned(), exp };
        *lasting.present.write().unwrap() = Some((claims, old.clone()));
        assert_ne!(lasting.value().unwrap(), old);
    }
}
