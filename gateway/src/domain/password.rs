//! Passwords.

use super::common_passwords::is_common;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

/// Bytes of the longest password. bcrypt reads 72 bytes, of which its own NUL takes the last; it would truncate
/// a longer password.
pub(crate) const LONGEST: usize = 71;

/// Characters of the shortest new password.
const SHORTEST: usize = 10;

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Too easily guessed.
    #[error("must have at least 10 characters")]
    Short,
    /// It would be truncated.
    #[error("must have at most 71 bytes of UTF-8")]
    Long,
    /// bcrypt would end at it.
    #[error("must not contain U+0000")]
    Nul,
    /// Guessers try it first.
    #[error("must not be one of the commonest passwords")]
    Common,
}

/// 10 characters at least, 71 bytes at most, and none of the 10,000 commonest passwords.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 10, max_length = 71)]
pub(crate) struct NewPassword(SecretString);

impl NewPassword {
    /// The password.
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }
}

impl TryFrom<String> for NewPassword {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        if text.chars().count() < SHORTEST {
            return Err(InvalidPassword::Short);
        }
        let LoginPassword(password) = LoginPassword::try_from(text)?;
        if is_common(password.expose_secret()) { Err(InvalidPassword::Common) } else { Ok(Self(password)) }
    }
}

/// The password that a client gives to log in. Earlier rules may have allowed it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LoginPassword(SecretString);

impl LoginPassword {
    /// The password.
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }
}

impl TryFrom<String> for LoginPassword {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        let password = Self(text.into());
        let exposed = password.0.expose_secret();
        if exposed.len() > LONGEST {
            return Err(InvalidPassword::Long);
        }
        if exposed.contains('\0') { Err(InvalidPassword::Nul) } else { Ok(password) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters_below_and_in_bytes_above() {
        let parse = |text: &str| NewPassword::try_from(text.to_owned()).err();
        assert_eq!(parse("ninechars"), Some(InvalidPassword::Short));
        assert_eq!(
            parse("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"),
            Some(InvalidPassword::Short),
            "ten bytes, five characters"
        );
        assert_eq!(parse("ten chars!"), None);
        assert_eq!(parse(&"x".repeat(71)), None);
        assert_eq!(parse(&"x".repeat(72)), Some(InvalidPassword::Long));
        assert_eq!(parse(&"\u{e9}".repeat(36)), Some(InvalidPassword::Long));
        assert_eq!(parse("ten chars\0!"), Some(InvalidPassword::Nul));
        assert_eq!(parse("Q1W2E3R4T5"), Some(InvalidPassword::Common));
        assert!(LoginPassword::try_from("q1w2e3r4t5".to_owned()).is_ok(), "earlier rules allowed it");
    }

    #[test]
    fn a_password_is_never_printed() {
        let password = NewPassword::try_from("correct horse".to_owned()).unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }
}
