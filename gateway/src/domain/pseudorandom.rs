//! Bytes derived from a secret.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC-SHA256 as a pseudorandom function of a secret.
pub(super) fn pseudorandom(secret: &[u8], label: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| unreachable!("any key will do"));
    mac.update(label);
    mac.finalize().into_bytes().into()
}
