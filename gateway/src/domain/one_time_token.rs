//! One-time tokens: 256 random bits that a letter carries to the owner of an address. The database keeps only a digest.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretBox};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::events::{EventType, LetterToken};

const BYTES: usize = 32;

/// A token that does nothing. The message is the same for all reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is wrong, used or expired")]
pub struct InvalidOneTimeToken;

/// What a token permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenPurpose {
    /// To verify an address.
    VerifyEmail,
    /// To set a new password.
    ResetPassword,
}

impl TokenPurpose {
    /// Its name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// How long a token lasts: one that sets a password lasts shorter, for it gives the whole account away.
    pub(crate) fn lifetime(self) -> TimeDelta {
        match self {
            Self::VerifyEmail => TimeDelta::hours(24),
            Self::ResetPassword => TimeDelta::hours(1),
        }
    }

    /// The event that has the token sent.
    pub(crate) fn event(self) -> EventType {
        match self {
            Self::VerifyEmail => EventType::UserVerificationRequested,
            Self::ResetPassword => EventType::UserPasswordResetRequested,
        }
    }
}

/// A one-time token.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct OneTimeToken(SecretBox<[u8; BYTES]>);

impl OneTimeToken {
    /// A new one, of the operating system's randomness.
    pub(crate) fn generate() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; BYTES]| *bytes = rand::random()))
    }

    /// The token as the letter carries it, base64url.
    pub(crate) fn to_letter(&self) -> LetterToken {
        LetterToken(BASE64_URL_SAFE_NO_PAD.encode(self.0.expose_secret()))
    }

    /// What the database knows it by. Plain SHA-256: there is nothing to guess in 256 random bits.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }
}

impl TryFrom<String> for OneTimeToken {
    type Error = InvalidOneTimeToken;

    /// Reads a token. White space around it is ignored: people copy it out of letters.
    fn try_from(text: String) -> Result<Self, InvalidOneTimeToken> {
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| InvalidOneTimeToken)?;
        let decoded = SecretBox::new(decoded.into_boxed_slice());
        let bytes: [u8; BYTES] = decoded.expose_secret().try_into().map_err(|_| InvalidOneTimeToken)?;
        Ok(Self(SecretBox::init_with_mut(|inner: &mut [u8; BYTES]| *inner = bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_survives_its_letter_and_differs_from_all_others() {
        let token = OneTimeToken::generate();
        let LetterToken(text) = token.to_letter();
        let read = OneTimeToken::try_from(format!(" {text}\r\n")).unwrap();
        assert_eq!(read.digest(), token.digest());
        assert_ne!(OneTimeToken::generate().digest(), token.digest());
        assert!(!format!("{token:?}").contains(&text));
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_token(text in ".*") {
            prop_assume!(text.trim().len() != 43);
            prop_assert!(OneTimeToken::try_from(text).is_err());
        }

        #[test]
        fn a_changed_token_is_another_one(at in 0..43_usize, to in "[A-Za-z0-9_-]") {
            let token = OneTimeToken::generate();
            let LetterToken(text) = token.to_letter();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != text);
            prop_assert!(OneTimeToken::try_from(changed).is_ok_and(|other| other.digest() != token.digest()) || at == 42);
        }
    }
}
