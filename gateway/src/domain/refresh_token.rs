//! Refresh tokens: 256 random bits, of which the database keeps only a digest.
//!
//! A client may show a rotated token again for a short time (two tabs, a lost answer) and then gets the same
//! successor. So the database keeps the successor, sealed under the token itself: the database alone cannot
//! open it.

use super::pseudorandom::pseudorandom;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};

const BYTES: usize = 32;

/// A refresh token.
pub(crate) struct RefreshToken(SecretBox<[u8; BYTES]>);

impl RefreshToken {
    /// A new one, of the operating system's randomness.
    pub(crate) fn generate() -> Self {
        Self::from_bytes(rand::random())
    }

    fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(SecretBox::init_with_mut(|inner: &mut [u8; BYTES]| *inner = bytes))
    }

    /// Reads a token; `None` for what cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = SecretBox::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.into_boxed_slice());
        bytes.expose_secret().try_into().ok().map(Self::from_bytes)
    }

    /// The token as the client gets it, base64url.
    pub(crate) fn to_text(&self) -> SecretString {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.expose_secret()).into()
    }

    /// What the database knows it by. Plain SHA-256: there is nothing to guess in 256 random bits.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// The successor under a one-time pad that only this token yields. A token seals one successor
    /// ever, else the pad would be used twice: the database rotates a token once.
    pub(crate) fn seal(&self, successor: &Self) -> [u8; BYTES] {
        xor(self.pad(), *successor.0.expose_secret())
    }

    /// Opens what [`Self::seal`] closed. The caller checks the digest of what comes out.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Self> {
        let sealed: [u8; BYTES] = sealed.try_into().ok()?;
        Some(Self::from_bytes(xor(self.pad(), sealed)))
    }

    fn pad(&self) -> [u8; BYTES] {
        pseudorandom(self.0.expose_secret(), b"aerobus: successor of a refresh token")
    }
}

fn xor(mut one: [u8; BYTES], other: [u8; BYTES]) -> [u8; BYTES] {
    one.iter_mut().zip(other).for_each(|(one, other)| *one ^= other);
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_survives_its_text_and_differs_from_all_others() {
        let token = RefreshToken::generate();
        let text = token.to_text();
        assert_eq!(RefreshToken::parse(text.expose_secret()).unwrap().digest(), token.digest());
        assert_ne!(RefreshToken::generate().digest(), token.digest());
    }

    #[test]
    fn only_the_token_opens_its_successor() {
        let (token, successor, other) =
            (RefreshToken::generate(), RefreshToken::generate(), RefreshToken::generate());
        let sealed = token.seal(&successor);
        assert_eq!(token.open(&sealed).unwrap().digest(), successor.digest());
        assert_ne!(other.open(&sealed).unwrap().digest(), successor.digest());
        assert_ne!(&sealed, successor.0.expose_secret());
        assert!(token.open(&sealed[1..]).is_none());
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_token(text in ".*") {
            prop_assume!(text.len() != 43);
            prop_assert!(RefreshToken::parse(&text).is_none());
        }

        #[test]
        fn texts_of_the_right_length_do_not_panic(text in "[A-Za-z0-9_=+/-]{43}") {
            let _ = RefreshToken::parse(&text);
        }
    }
}
