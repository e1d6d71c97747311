//! Verifies access tokens: EdDSA only, with a cache of tokens that were verified.

use super::{KeySource, Permission};
use crate::ids::{SessionId, UserId};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use uuid::Uuid;

/// The claims of an access token (RFC 9068).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Not before, seconds since 1970.
    pub nbf: i64,
    /// Expires at, seconds since 1970.
    pub exp: i64,
    /// The token's id.
    pub jti: Uuid,
    /// The login session.
    pub sid: SessionId,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Permissions, separated by spaces.
    pub scope: String,
    /// The account's e-mail address. Empty in tokens of gateways that did not tell it.
    #[serde(default)]
    pub email: String,
    /// Whether the address is known to be the user's. False in tokens of gateways that did not tell it.
    #[serde(default)]
    pub email_verified: bool,
}

impl Claims {
    /// The permissions of the scope; unknown ones are passed over.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        self.scope.split(' ').filter_map(|name| name.parse().ok()).collect()
    }
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// Forged, of another issuer, of another algorithm, or no token at all.
    #[error("the token is not valid")]
    Invalid,
}

/// Verifies tokens; cloneable, shared by the threads of a service.
#[derive(Clone)]
pub struct Verifier {
    keys: KeySource,
    validation: Arc<Validation>,
    /// Verifying costs 60 us: a verified token is remembered until it expires.
    verified: Cache<String, Arc<Claims>>,
}

impl Verifier {
    /// A verifier of tokens of this issuer for this audience.
    #[must_use]
    pub fn new(keys: KeySource, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        let verified =
            Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(15 * 60)).build();
        Self { keys, validation: Arc::new(validation), verified }
    }

    /// Whether there are keys to verify with.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.keys.is_ready()
    }

    /// The claims of a token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if let Some(claims) = self.verified.get(token) {
            let alive = claims.exp > chrono::Utc::now().timestamp();
            return if alive { Ok(claims) } else { Err(TokenError::Expired) };
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        // `alg: none` does not even parse; another algorithm, or a token of another kind, is refused.
        let kind = header.typ.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("at+jwt"));
        let kid = header.kid.filter(|_| header.alg == Algorithm::EdDSA && kind).ok_or(TokenError::Invalid)?;
        let key = self.keys.key(&kid).await.ok_or(TokenError::Invalid)?;
        let claims = decode::<Claims>(token, &key, &self.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            _ => TokenError::Invalid,
        })?;
        let claims = Arc::new(claims.claims);
        self.verified.insert(token.to_owned(), Arc::clone(&claims));
        Ok(claims)
    }
}
