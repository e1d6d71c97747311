//! E-mail addresses.

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3), bytes.
const LONGEST: usize = 254;

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an e-mail address")]
pub struct InvalidEmail;

/// An e-mail address as its owner writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

impl Email {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in lower case: accounts are unique by it.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// SHA-256 of the key: failed logins are counted by it, so that addresses without an account are
    /// not kept.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.key()).into()
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        let address = text.trim();
        let local = address.rsplit_once('@').map_or("", |(local, _)| local);
        // What the HTML standard's expression lets through but no mail server takes.
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        if address.len() > LONGEST || dots || garde::rules::email::parse_email(address).is_err() {
            return Err(InvalidEmail);
        }
        Ok(Self(address.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Email, InvalidEmail> {
        text.to_owned().try_into()
    }

    #[test]
    fn one_address_is_one_account_however_it_is_written() {
        let (one, other) =
            (parse("Ada.Lovelace@Example.org").unwrap(), parse(" ada.lovelace@example.ORG ").unwrap());
        assert_eq!(one.key(), other.key());
        assert_eq!(one.digest(), other.digest());
        assert_eq!(one.as_str(), "Ada.Lovelace@Example.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@{}.org", "a".repeat(64), "b".repeat(190));
        for text in [
            "",
            "ada",
            "@x.org",
            "ada@",
            "a b@x.org",
            "ada@x@y.org",
            "a\r\nBcc: b@x.org",
            ".a@x.org",
            "a..b@x.org",
            &long,
        ] {
            assert_eq!(parse(text), Err(InvalidEmail), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_never_breaks_a_line(text in "\\PC*@\\PC*|[\\x00-\\x7f]*@[a-z.]*") {
            if let Ok(email) = parse(&text) {
                prop_assert!(!email.as_str().chars().any(|c| c.is_control() || c.is_whitespace()));
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
            }
        }
    }
}
