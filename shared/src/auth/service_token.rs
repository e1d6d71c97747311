//! Tokens of the services for each other: 60 seconds, HS256 of a configured secret, only below
//! `/internal`, where the gateway never routes.

use crate::http::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::future;

/// Seconds for which a token is good.
const LIFETIME: i64 = 60;

/// Seconds by which the clocks of the services may differ.
const LEEWAY: u64 = 5;

#[derive(Serialize, Deserialize)]
struct ServiceClaims {
    /// The calling service.
    iss: String,
    exp: i64,
}

/// Issues and checks service tokens.
#[derive(Clone)]
pub struct ServiceTokens(SecretString);

/// The secret cannot sign: an error of ours.
#[derive(Debug, thiserror::Error)]
#[error("a service token cannot be signed")]
pub struct SigningError(#[from] jsonwebtoken::errors::Error);

impl ServiceTokens {
    /// Tokens under this secret, the same for all services.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// A fresh token of this service, `flight`, as an `Authorization` header's value.
    ///
    /// # Errors
    /// [`SigningError`], never in practice.
    pub fn authorization(&self, service: &str) -> Result<String, SigningError> {
        let claims =
            ServiceClaims { iss: service.to_owned(), exp: chrono::Utc::now().timestamp() + LIFETIME };
        let key = EncodingKey::from_secret(self.0.expose_secret().as_bytes());
        Ok(format!("Bearer {}", encode(&Header::new(Algorithm::HS256), &claims, &key)?))
    }

    /// The calling service. jsonwebtoken compares signatures in constant time.
    fn caller(&self, authorization: &str) -> Option<String> {
        let token = authorization.strip_prefix("Bearer ")?;
        let key = DecodingKey::from_secret(self.0.expose_secret().as_bytes());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        validation.leeway = LEEWAY;
        decode::<ServiceClaims>(token, &key, &validation).ok().map(|token| token.claims.iss)
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

    #[test]
    fn expired_tokens_are_refused() {
        let tokens = ServiceTokens::new("one secret of thirty-two characters".to_owned().into());
        let key = EncodingKey::from_secret(tokens.0.expose_secret().as_bytes());
        let expired = |ago| {
            let claims =
                ServiceClaims { iss: "flight".to_owned(), exp: chrono::Utc::now().timestamp() - ago };
            format!("Bearer {}", encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap())
        };
        assert_eq!(tokens.caller(&expired(1)).as_deref(), Some("flight"));
        assert_eq!(tokens.caller(&expired(30)), None);
    }

    #[test]
    fn only_the_secrets_own_tokens_are_accepted() {
        let ours = ServiceTokens::new("one secret of thirty-two characters".to_owned().into());
        let other = ServiceTokens::new("another secret".to_owned().into());
        let header = ours.authorization("flight").unwrap();
        assert_eq!(ours.caller(&header).as_deref(), Some("flight"));
        assert_eq!(other.caller(&header), None);
        assert_eq!(ours.caller("Bearer nonsense"), None);
    }
}
