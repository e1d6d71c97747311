//! Access tokens, and the answer that carries them.

use crate::{actors::KeyRing, domain::user::User, error::IdentityError, store::users::CurrentUser};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use shared::{
    auth::{ACCESS_TOKEN_SECONDS, Claims, token_id},
    ids::SessionId,
    locale::Locale,
};
use utoipa::ToSchema;

/// Signs access tokens.
#[derive(Clone)]
pub(crate) struct AccessTokenIssuer {
    keys: KeyRing,
    issuer: String,
    audience: String,
}

/// What an access token allows, and for how long.
pub(crate) struct TokenGrant<'a> {
    /// The session. Its end revokes the token.
    pub(crate) session: SessionId,
    /// The permissions of the token's scope.
    pub(crate) permissions: &'a [String],
    /// Seconds for which it is good, [`ACCESS_TOKEN_SECONDS`] at most.
    pub(crate) seconds: i64,
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

    /// The tokens of a user in a session, with what its roles permit. The access token ends with the session at the
    /// latest.
    ///
    /// # Errors
    /// [`IdentityError::Sign`], never in practice.
    pub(crate) fn tokens(
        &self,
        current: CurrentUser,
        (session, session_end): (SessionId, DateTime<Utc>),
        refresh_token: SecretString,
    ) -> Result<TokenSet, IdentityError> {
        let seconds = (session_end - current.at).num_seconds().clamp(0, ACCESS_TOKEN_SECONDS);
        let grant = TokenGrant { session, permissions: &current.user.permissions, seconds };
        let access_token = self.access_token(&current, &grant)?;
        Ok(TokenSet {
            access_token,
            token_type: "Bearer",
            expires_in: seconds,
            refresh_token,
            user: current.user,
        })
    }

    /// An access token of a user. It is as old as what was read of the user, by the database's clock, so a change since
    /// then revokes it.
    ///
    /// # Errors
    /// [`IdentityError::Sign`], never in practice.
    pub(crate) fn access_token(
        &self,
        CurrentUser { user, at }: &CurrentUser,
        grant: &TokenGrant<'_>,
    ) -> Result<SecretString, IdentityError> {
        debug_assert!(grant.seconds <= ACCESS_TOKEN_SECONDS, "revocations are forgotten after that");
        let now = at.timestamp();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.id,
            iat: now,
            nbf: now,
            exp: now + grant.seconds,
            jti: token_id(*at),
            sid: grant.session,
            roles: user.roles.clone(),
            scope: grant.permissions.join(" "),
            email: user.email.clone(),
            email_verified: user.email_verified,
            locale: Some(Locale::stored(user.locale.clone())),
        };
        Ok(self.keys.keys().signing.sign(&claims)?.into())
    }
}
