//! Keys that sign access tokens: Ed25519, derived from a configured secret and the key's id.
//!
//! The database holds ids and public halves only. Every instance that has the secret has the private
//! halves; another id gives another key, and another secret makes the gateway start a new one.

use super::pseudorandom::pseudorandom;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use ed25519_dalek::{SigningKey as Ed25519, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use shared::auth::{ACCESS_TOKEN_SECONDS, Claims, Jwk};

/// How long a retired key is trusted: it signs for up to two minutes more, then the last of its tokens ends, and clocks
/// may differ by a minute.
pub(crate) const TRUSTED_AFTER_RETIREMENT: TimeDelta = TimeDelta::seconds(ACCESS_TOKEN_SECONDS + 3 * 60);

/// A key could not be used: an error of ours.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The key has no PKCS #8 form.
    #[error("the signing key cannot be encoded")]
    Encode(#[from] ed25519_dalek::pkcs8::Error),
    /// The claims cannot be signed.
    #[error("the access token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// A key that signs access tokens.
pub struct SigningKey {
    kid: String,
    public: String,
    encoding: EncodingKey,
}

impl SigningKey {
    /// The key that this secret has under this id.
    ///
    /// # Errors
    /// [`SigningKeyError::Encode`], never in practice.
    pub fn derive(secret: &SecretString, kid: &str) -> Result<Self, SigningKeyError> {
        let label = format!("aerobus: access token key {kid}");
        let key = Ed25519::from_bytes(&pseudorandom(secret.expose_secret().as_bytes(), label.as_bytes()));
        let public = BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let encoding = EncodingKey::from_ed_der(key.to_pkcs8_der()?.as_bytes());
        Ok(Self { kid: kid.to_owned(), public, encoding })
    }

    /// The id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, base64url.
    pub(crate) fn public(&self) -> &str {
        &self.public
    }

    /// The public half as a JWK.
    pub(crate) fn jwk(&self) -> Jwk {
        Jwk::ed25519(self.kid.clone(), self.public.clone())
    }

    /// Signs an access token (RFC 9068).
    ///
    /// # Errors
    /// [`SigningKeyError::Sign`], never in practice.
    pub fn sign(&self, claims: &Claims) -> Result<String, SigningKeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        Ok(encode(&header, claims, &self.encoding)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_and_id_together_make_the_key() {
        let secret = SecretString::from("one secret of thirty-two characters");
        let public =
            |secret: &SecretString, kid| SigningKey::derive(secret, kid).unwrap().public().to_owned();
        assert_eq!(public(&secret, "a"), public(&secret, "a"));
        assert_ne!(public(&secret, "a"), public(&secret, "b"));
        assert_ne!(public(&secret, "a"), public(&"another".to_owned().into(), "a"));
    }
}
