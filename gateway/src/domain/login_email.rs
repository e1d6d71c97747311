//! The e-mail address of a login.
//!
//! New accounts have a [`shared::email::EmailAddress`]. Earlier releases also accepted addresses outside of its
//! grammar (`ada@localhost`), and those accounts can still log in.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::email::{EmailAddress, InvalidEmail};

/// Bytes of the longest address that the earlier, looser grammar accepted.
const LONGEST: usize = 254;

/// The e-mail address that a client gives to log in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LoginEmail {
    key: String,
}

impl LoginEmail {
    /// The key by which the account is found.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// SHA-256 of the key. Failed logins are counted by it, so that the database keeps no address without an
    /// account.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Self::digest_of(&self.key)
    }

    /// The same of the key of an account.
    pub(crate) fn digest_of(key: &str) -> [u8; 32] {
        Sha256::digest(key).into()
    }
}

impl TryFrom<String> for LoginEmail {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        match text.parse::<EmailAddress>() {
            Ok(address) => Ok(Self { key: address.key() }),
            Err(_) if matches_earlier_grammar(text.trim()) => Ok(Self { key: EmailAddress::key_of(&text) }),
            Err(invalid) => Err(invalid),
        }
    }
}

/// Whether the looser grammar of earlier releases accepts a text.
fn matches_earlier_grammar(text: &str) -> bool {
    let parts = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    parts && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<String, InvalidEmail> {
        LoginEmail::try_from(text.to_owned()).map(|email| email.key)
    }

    #[test]
    fn one_address_is_one_account_however_it_is_written() {
        for (spelling, known) in [
            ("Ada.Lovelace@Example.org", "ada.lovelace@example.org"),
            (" ada.lovelace@example.ORG ", "ada.lovelace@example.org"),
            ("Nina@b\u{fc}cher.example", "nina@xn--bcher-kva.example"),
            ("nina@XN--BCHER-KVA.example", "nina@xn--bcher-kva.example"),
        ] {
            assert_eq!(key(spelling).as_deref(), Ok(known), "{spelling:?}");
        }
        let digest = |text: &str| LoginEmail::try_from(text.to_owned()).map(|email| email.digest());
        assert_eq!(digest("nina@b\u{fc}cher.example"), digest("NINA@xn--bcher-kva.example"));
    }

    #[test]
    fn accounts_of_earlier_releases_are_found() {
        for known in ["ada@localhost", "x@[127.0.0.1]", "x@1.2.3.4", "ada@r3---sn.example"] {
            assert_eq!(key(&known.to_uppercase()).as_deref(), Ok(known));
        }
        for text in
            ["", "x", "@example.org", "ada@", "a b@localhost", "n\u{ef}na@localhost", &"x@".repeat(128)]
        {
            assert!(key(text).is_err(), "{text:?}");
        }
    }
}
