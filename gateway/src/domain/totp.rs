//! Time-based one-time passwords (RFC 6238): 6 digits, 30 seconds, HMAC-SHA-1, which every authenticator app knows.

use super::pseudorandom::pseudorandom;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::ids::UserId;
use std::sync::Arc;
use totp_rs::{Builder, Secret, Totp, TotpError};

/// Bytes of a secret, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// Seconds of a step, and the steps by which the clocks may differ.
const STEP: u64 = 30;
const SKEW: u16 = 1;
/// What an app shows beside the account.
const ISSUER: &str = "Aerobus";
/// Bytes of a recovery code: 80 bits, so its plain hash tells nothing.
const RECOVERY_BYTES: usize = 10;
/// Recovery codes of a factor.
pub(crate) const RECOVERY_CODES: usize = 10;

/// Why a secret could not be used: an error of ours.
#[derive(Debug, thiserror::Error)]
pub enum TotpSecretError {
    /// The seal does not fit: the gateway's secret is another than at the time.
    #[error("the secret of a second factor cannot be opened: GATEWAY_SIGNING_KEY_SECRET was changed")]
    Sealed,
    /// It cannot be sealed.
    #[error("the secret of a second factor cannot be sealed")]
    Unsealable,
    /// The library refused what we gave it.
    #[error("the secret of a second factor cannot be used")]
    Unusable(#[from] TotpError),
}

/// The key that secrets are kept under.
#[derive(Clone)]
pub(crate) struct TotpVault(Arc<SecretBox<[u8; 32]>>);

impl TotpVault {
    /// The key that the gateway's configured secret yields.
    pub(crate) fn new(secret: &SecretString) -> Self {
        let key = pseudorandom(secret.expose_secret().as_bytes(), b"aerobus: key of TOTP secrets");
        Self(Arc::new(SecretBox::new(Box::new(key))))
    }

    fn key(&self) -> Result<LessSafeKey, TotpSecretError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, self.0.expose_secret());
        key.map(LessSafeKey::new).map_err(|_| TotpSecretError::Unsealable)
    }

    /// A secret as the database keeps it: no other user's row can be put in its place.
    ///
    /// # Errors
    /// [`TotpSecretError::Unsealable`], never in practice.
    pub(crate) fn seal(&self, secret: &TotpSecret, user: UserId) -> Result<Vec<u8>, TotpSecretError> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut bytes = secret.0.expose_secret().to_vec();
        let (assumed, of_user) = (Nonce::assume_unique_for_key(nonce), Aad::from(user.0.into_bytes()));
        self.key()?
            .seal_in_place_append_tag(assumed, of_user, &mut bytes)
            .map_err(|_| TotpSecretError::Unsealable)?;
        Ok([nonce.as_slice(), &bytes].concat())
    }

    /// The secret of a user's row.
    ///
    /// # Errors
    /// [`TotpSecretError::Sealed`].
    pub(crate) fn open(&self, sealed: &[u8], user: UserId) -> Result<TotpSecret, TotpSecretError> {
        let sealed_by = |_| TotpSecretError::Sealed;
        let (nonce, bytes) = sealed.split_at_checked(NONCE_LEN).ok_or(TotpSecretError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(sealed_by)?;
        let mut bytes = bytes.to_vec();
        let opened = self.key()?.open_in_place(nonce, Aad::from(user.0.into_bytes()), &mut bytes);
        let opened = opened.map_err(sealed_by)?;
        let secret = opened.try_into().map_err(|_| TotpSecretError::Sealed)?;
        Ok(TotpSecret(SecretBox::new(Box::new(secret))))
    }
}

/// The secret that a user's app and the gateway share.
pub(crate) struct TotpSecret(SecretBox<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A new one, of the operating system's randomness.
    pub(crate) fn generate() -> Self {
        Self(SecretBox::new(Box::new(rand::random())))
    }

    fn totp(&self, account: &str) -> Result<Totp, TotpSecretError> {
        let builder = Builder::new()
            .with_secret(self.0.expose_secret().to_vec())
            .with_digits(6)
            .with_step_duration(STEP)
            .with_skew(SKEW)
            // The label's parts are separated by a colon.
            .with_account_name(account.replace(':', "_"))
            .with_issuer(Some(ISSUER));
        Ok(builder.build()?)
    }

    /// The secret as a user types it, in base 32.
    pub(crate) fn text(&self) -> SecretString {
        Secret::from(self.0.expose_secret().to_vec()).to_base32().into()
    }

    /// What an app reads from a QR code.
    ///
    /// # Errors
    /// [`TotpSecretError::Unusable`], never in practice.
    pub(crate) fn uri(&self, account: &str) -> Result<SecretString, TotpSecretError> {
        Ok(self.totp(account)?.to_url()?.into())
    }

    /// The time step whose code this is; `None` for another code, or one of another time (seconds since 1970).
    ///
    /// # Errors
    /// [`TotpSecretError::Unusable`], never in practice.
    pub(crate) fn step_of(&self, code: &str, now: i64) -> Result<Option<i64>, TotpSecretError> {
        let step = self.totp("")?.check(code, now.unsigned_abs());
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }
}

/// What a login shows of its second factor.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum SecondFactor {
    /// The six digits of an app.
    Code(SecretString),
    /// A recovery code, by its digest.
    Recovery([u8; 32]),
}

/// A text that is neither six digits nor a recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 6 digits, or a recovery code")]
pub(crate) struct InvalidSecondFactor;

impl TryFrom<String> for SecondFactor {
    type Error = InvalidSecondFactor;

    fn try_from(text: String) -> Result<Self, InvalidSecondFactor> {
        // People copy both with the spaces and hyphens that make them readable.
        let bare: String = text.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
        match bare.len() {
            6 if bare.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self::Code(bare.into())),
            16 if bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Ok(Self::Recovery(recovery_digest(&bare)))
            }
            _ => Err(InvalidSecondFactor),
        }
    }
}

/// The digest of a recovery code, without hyphens.
fn recovery_digest(bare: &str) -> [u8; 32] {
    Sha256::digest(bare.to_ascii_lowercase()).into()
}

/// New recovery codes, as `abcd-efgh-ijkl-mnop`, each with its digest.
pub(crate) fn recovery_codes() -> Vec<(SecretString, [u8; 32])> {
    let code = |_| {
        let bare = Secret::from(rand::random::<[u8; RECOVERY_BYTES]>().to_vec()).to_base32().to_lowercase();
        let groups: Vec<&str> = (0..4).map(|group| &bare[4 * group..4 * group + 4]).collect();
        (SecretString::from(groups.join("-")), recovery_digest(&bare))
    };
    (0..RECOVERY_CODES).map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vault(secret: &str) -> TotpVault {
        TotpVault::new(&secret.to_owned().into())
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, SHA-1: the last 6 of its 8 digits.
        let secret = TotpSecret(SecretBox::new(Box::new(*b"12345678901234567890")));
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(secret.step_of(code, time).unwrap(), Some(time / 30), "{time}");
            assert_eq!(secret.step_of(code, time + 30).unwrap(), Some(time / 30), "a step late");
            assert_eq!(secret.step_of(code, time + 60).unwrap(), None, "two steps late");
        }
        assert_eq!(secret.text().expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = secret.uri("ada@example.org").unwrap();
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/Aerobus:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Aerobus"
        );
    }

    #[test]
    fn a_secret_opens_for_its_user_and_under_its_key_only() {
        let (secret, user) = (TotpSecret::generate(), UserId::new());
        let sealed = vault("one").seal(&secret, user).unwrap();
        let opened = vault("one").open(&sealed, user).unwrap();
        assert_eq!(opened.0.expose_secret(), secret.0.expose_secret());
        assert!(vault("one").open(&sealed, UserId::new()).is_err());
        assert!(vault("another").open(&sealed, user).is_err());
        assert!(vault("one").open(&sealed[..11], user).is_err());
        assert_ne!(sealed, vault("one").seal(&secret, user).unwrap(), "each with its own nonce");
    }

    #[test]
    fn recovery_codes_are_read_as_people_write_them() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        for (code, digest) in codes {
            let code = code.expose_secret();
            for written in [code.to_owned(), code.to_uppercase(), code.replace('-', " ")] {
                let read = SecondFactor::try_from(written).unwrap();
                assert!(matches!(read, SecondFactor::Recovery(read) if read == digest));
            }
        }
        assert!(matches!(SecondFactor::try_from("123 456".to_owned()), Ok(SecondFactor::Code(_))));
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_second_factor(text in ".*") {
            let bare = text.replace([' ', '-'], "").len();
            prop_assume!(bare != 6 && bare != 16);
            prop_assert!(SecondFactor::try_from(text).is_err());
        }
    }
}
