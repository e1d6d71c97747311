//! API keys: what a program sends in the place of an access token.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use shared::auth::Permission;
use std::fmt::Write;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use uuid::Uuid;

/// The begin of every key's text. No access token begins so: it has two dots.
pub(crate) const KEY_MARK: &str = "aero_";

/// Bytes of the part that tells keys apart.
const PREFIX_BYTES: usize = 8;
/// Bytes of the secret part.
const SECRET_BYTES: usize = 32;

/// An API key in full: `aero_<prefix>_<secret>`, both in hexadecimal.
#[derive(Debug, Clone)]
pub(crate) struct ApiKeyText {
    prefix: String,
    text: SecretString,
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl ApiKeyText {
    /// A new one, of the operating system's randomness.
    pub(crate) fn generate() -> Self {
        let prefix = hexadecimal(&rand::random::<[u8; PREFIX_BYTES]>());
        let secret = hexadecimal(&rand::random::<[u8; SECRET_BYTES]>());
        let text = format!("{KEY_MARK}{prefix}_{secret}").into();
        Self { prefix, text }
    }

    /// Reads a key; `None` for what cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (prefix, secret) = text.strip_prefix(KEY_MARK)?.split_once('_')?;
        let is_hexadecimal = |part: &str, bytes: usize| {
            part.len() == 2 * bytes && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hexadecimal(prefix, PREFIX_BYTES) && is_hexadecimal(secret, SECRET_BYTES))
            .then(|| Self { prefix: prefix.to_owned(), text: text.to_owned().into() })
    }

    /// The part by which the database finds it.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key as its user gets it, once.
    pub(crate) fn text(&self) -> &SecretString {
        &self.text
    }

    /// What the database knows it by.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.expose_secret()).into()
    }

    /// Whether the database knows this key by a digest, in a time that does not tell how much of it agrees.
    pub(crate) fn has_digest(&self, digest: &[u8]) -> bool {
        self.digest().ct_eq(digest).into()
    }
}

/// An API key as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Its id.
    pub(crate) id: Uuid,
    /// What its user calls it.
    #[schema(example = "nightly report")]
    pub(crate) name: String,
    /// The part of the key that is no secret: the key begins with `aero_` and this.
    #[schema(example = "3f9a0c1d5e7b2846")]
    pub(crate) prefix: String,
    /// What it permits, as far as its user is still permitted it.
    #[schema(value_type = Vec<String>)]
    pub(crate) permissions: Vec<String>,
    /// When it was created.
    pub(crate) created_at: DateTime<Utc>,
    /// When it stops working; null for never.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute; null for never.
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// A new API key, with its text, which nobody can read again.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedApiKey {
    #[serde(flatten)]
    pub(crate) resource: ApiKey,
    /// The key, for the `Authorization` header. It is shown once.
    #[serde(serialize_with = "expose")]
    #[schema(value_type = String, example = "aero_3f9a0c1d5e7b2846_...")]
    pub(crate) key: SecretString,
}

fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// What a key permits now: of its own permissions those that its user still has.
pub(crate) fn permitted(scope: &str, of_user: &[String]) -> Vec<String> {
    let left = scope.split_whitespace().filter(|name| of_user.iter().any(|has| has == name));
    left.map(str::to_owned).collect()
}

/// Permissions as they are kept: sorted, each once, separated by spaces.
pub(crate) fn to_scope(permissions: &[Permission]) -> String {
    let mut names: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_survives_its_text_and_shows_its_prefix_only() {
        let key = ApiKeyText::generate();
        let text = key.text().expose_secret().to_owned();
        let parsed = ApiKeyText::parse(&text).unwrap();
        assert!(text.starts_with(&format!("aero_{}_", key.prefix())));
        assert!(parsed.has_digest(&key.digest()) && parsed.prefix() == key.prefix());
        assert!(!ApiKeyText::generate().has_digest(&key.digest()));
        assert!(!key.has_digest(&key.digest()[1..]));
        assert!(!format!("{key:?}").contains(&text[text.len() - 64..]));
    }

    #[test]
    fn a_key_permits_what_its_user_still_may() {
        let user = ["fare:write".to_owned(), "report:read".to_owned()];
        assert_eq!(permitted("report:read user:read", &user), ["report:read"]);
        assert!(permitted("", &user).is_empty());
        let doubled = [Permission::ReportRead, Permission::FareWrite, Permission::ReportRead];
        assert_eq!(to_scope(&doubled), "fare:write report:read");
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_key(text in "aero_[0-9a-f]{0,20}_[0-9a-f_]{0,70}|.*") {
            prop_assume!(text.len() != 5 + 16 + 1 + 64);
            prop_assert!(ApiKeyText::parse(&text).is_none());
        }
    }
}
