//! Access tokens, and the answer that carries them.

use crate::{actors::KeyRing, domain::user::User, error::IdentityError};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use shared::{auth::Claims, ids::SessionId};
use utoipa::ToSchema;
use uuid::Uuid;

/// Seconds for which an access token is valid.
const ACCESS_SECONDS: i64 = 15 * 60;

/// Signs access tokens.
#[derive(Clone)]
pub(crate) struct AccessTokenIssuer {
    keys: KeyRing,
    issuer: String,
    audience: String,
}

/// The tokens that a login or a refresh gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenSet {
    /// A JWT, for the `Authorization` header.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String)]
    pub(crate) access_token: SecretString,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub(crate) token_type: &'static str,
    /// Seconds for which the access token is good.
    #[schema(example = 900)]
    pub(crate) expires_in: i64,
    /// Gives the next access token, once; good for 30 days.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String)]
    pub(crate) refresh_token: SecretString,
    /// The user of the tokens.
    pub(crate) user: User,
}

fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl AccessTokenIssuer {
    /// An issuer of tokens with these claims.
    pub(crate) fn new(keys: KeyRing, issuer: &str, audience: &str) -> Self {
        Self { keys, issuer: issuer.to_owned(), audience: audience.to_owned() }
    }

    /// A token for a user in a session, with what its roles permit now.
    ///
    /// # Errors
    /// [`IdentityError::Sign`], never in practice.
    pub(crate) fn tokens(
        &self,
        user: User,
        session: SessionId,
        refresh_token: SecretString,
    ) -> Result<TokenSet, IdentityError> {
        let now = chrono::Utc::now().timestamp();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.id,
            iat: now,
            nbf: now,
            exp: now + ACCESS_SECONDS,
            jti: Uuid::now_v7(),
            sid: session,
            roles: user.roles.clone(),
            scope: user.permissions.join(" "),
            email: user.email.clone(),
            email_verified: user.email_verified,
        };
        let access_token = self.keys.keys().signing.sign(&claims)?.into();
        Ok(TokenSet { access_token, token_type: "Bearer", expires_in: ACCESS_SECONDS, refresh_token, user })
    }
}
