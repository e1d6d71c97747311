//! Access tokens as the gateway would issue them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use shared::{
    auth::{Claims, Jwk, KeySet, KeySource, Permission},
    ids::{SessionId, UserId},
};
use uuid::Uuid;

/// The verified address of all accounts that tokens are made for, unless a test says otherwise.
pub const EMAIL: &str = "ada@example.org";

/// Issues tokens under a key of its own.
pub struct TokenIssuer {
    key: EncodingKey,
    set: KeySet,
    kid: String,
}

impl Default for TokenIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenIssuer {
    /// An issuer with a fresh key.
    #[must_use]
    pub fn new() -> Self {
        let signing = SigningKey::from_bytes(&rand::random());
        let public = BASE64_URL_SAFE_NO_PAD.encode(signing.verifying_key().as_bytes());
        let der = signing.to_pkcs8_der().expect("an Ed25519 key has a PKCS #8 form");
        let kid = Uuid::now_v7().to_string();
        let set = KeySet { keys: vec![Jwk::ed25519(kid.clone(), public)] };
        Self { key: EncodingKey::from_ed_der(der.as_bytes()), set, kid }
    }

    /// The keys that verify its tokens.
    #[must_use]
    pub fn keys(&self) -> KeySource {
        let source = KeySource::in_process();
        source.replace(&self.set);
        source
    }

    /// The key set, for a server that plays the gateway.
    #[must_use]
    pub fn key_set(&self) -> &KeySet {
        &self.set
    }

    /// The claims of a token that is good for 15 minutes, with the default issuer and audience.
    #[must_use]
    pub fn claims(&self, user: UserId, permissions: &[Permission]) -> Claims {
        let now = chrono::Utc::now().timestamp();
        let scope: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
        Claims {
            iss: "https://aerobus.dev".into(),
            aud: "aerobus".into(),
            sub: user,
            iat: now,
            nbf: now,
            exp: now + 900,
            jti: Uuid::now_v7(),
            sid: SessionId::new(),
            roles: vec!["customer".into()],
            scope: scope.join(" "),
            email: EMAIL.into(),
            email_verified: true,
            locale: None,
        }
    }

    /// Signs claims.
    ///
    /// # Panics
    /// Never: the key is good.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".into());
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.key).expect("claims can be signed")
    }

    /// A good token of this user with these permissions.
    #[must_use]
    pub fn token(&self, user: UserId, permissions: &[Permission]) -> String {
        self.sign(&self.claims(user, permissions))
    }
}
