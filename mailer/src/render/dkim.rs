//! DKIM signatures (RFC 6376): the receiver sees that a mail comes from the domain of its sender, and as it left.
//!
//! Header and body are signed in their relaxed form, which survives what relays do to spaces and folds. The list of
//! signed fields names each field once that a letter has at its top, but for `Content-Type`, which lettre keeps with
//! the first part, out of reach of its signer. A receiver that tells a missing field from an added one needs the others.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use lettre::{
    Message,
    message::{
        dkim::{
            DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey,
        },
        header::HeaderName,
    },
};
use rsa::{
    RsaPrivateKey,
    pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding},
    traits::PublicKeyParts,
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use std::{fmt, sync::Arc};

/// The fields that are signed.
const FIELDS: [&str; 8] =
    ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"];

/// The shortest RSA key that receivers accept, octets (RFC 8301, 3.2).
const SHORTEST_RSA: usize = 128;

/// Why a key cannot sign. The key itself is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidDkimKey {
    /// It is in no form that is read.
    #[error("expected an RSA or Ed25519 private key in PEM, or the 32 octets of an Ed25519 key in Base64")]
    Form,
    /// Receivers refuse what it signs.
    #[error("an RSA key must have 1024 bits at least, and should have 2048")]
    Short,
}

/// Signs mails for a domain. Clones share the key.
#[derive(Clone)]
pub(crate) struct DkimSigner(Arc<DkimConfig>);

impl DkimSigner {
    /// A signer whose public key is published at `<selector>._domainkey.<domain>`.
    ///
    /// The key is PKCS#1 or PKCS#8 in PEM, as `openssl genrsa` and `openssl genpkey -algorithm ed25519` write it, or
    /// the seed of an Ed25519 key in Base64.
    ///
    /// # Errors
    /// [`InvalidDkimKey`].
    pub(crate) fn new(selector: &str, domain: &str, key: &SecretString) -> Result<Self, InvalidDkimKey> {
        let fields = FIELDS.into_iter().map(HeaderName::new_from_ascii_str).collect();
        let relaxed = DkimCanonicalization {
            header: DkimCanonicalizationType::Relaxed,
            body: DkimCanonicalizationType::Relaxed,
        };
        let key = signing_key(key.expose_secret().trim())?;
        Ok(Self(Arc::new(DkimConfig::new(selector.to_owned(), domain.to_owned(), key, fields, relaxed))))
    }

    /// Adds the signature to a mail that is complete otherwise.
    pub(super) fn sign(&self, message: &mut Message) {
        message.sign(&self.0);
    }
}

impl fmt::Debug for DkimSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // lettre's would show the key.
        f.write_str("DkimSigner")
    }
}

fn signing_key(text: &str) -> Result<DkimSigningKey, InvalidDkimKey> {
    if !text.starts_with("-----") {
        return ed25519(text);
    }
    let rsa = RsaPrivateKey::from_pkcs1_pem(text).ok();
    if let Some(key) = rsa.or_else(|| rsa::pkcs8::DecodePrivateKey::from_pkcs8_pem(text).ok()) {
        return rsa_key(&key);
    }
    let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text).map_err(|_| InvalidDkimKey::Form)?;
    ed25519(&Zeroizing::new(STANDARD.encode(key.as_bytes())))
}

fn rsa_key(key: &RsaPrivateKey) -> Result<DkimSigningKey, InvalidDkimKey> {
    if key.size() < SHORTEST_RSA {
        return Err(InvalidDkimKey::Short);
    }
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|_| InvalidDkimKey::Form)?;
    DkimSigningKey::new(&pem, DkimSigningAlgorithm::Rsa).map_err(|_| InvalidDkimKey::Form)
}

fn ed25519(seed: &str) -> Result<DkimSigningKey, InvalidDkimKey> {
    DkimSigningKey::new(seed, DkimSigningAlgorithm::Ed25519).map_err(|_| InvalidDkimKey::Form)
}
