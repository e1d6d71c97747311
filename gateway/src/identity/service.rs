//! What the use cases of identity work with.

use super::AccessTokenIssuer;
use crate::{actors::PasswordHasher, domain::totp::TotpVault};
use shared::{db::Pool, outbox::RelayHandle};

/// The use cases of identity. The files of this module hold its methods: `login.rs`, `profile.rs`,
/// `registration.rs` and `sessions.rs`.
#[derive(Clone)]
pub(crate) struct IdentityService {
    /// The database.
    pub(crate) pool: Pool,
    /// Hashes passwords.
    pub(crate) hasher: PasswordHasher,
    /// Signs access tokens.
    pub(crate) issuer: AccessTokenIssuer,
    /// Seals the secrets of second factors.
    pub(crate) totp: TotpVault,
    /// Publishes the events that a transaction has written.
    pub(crate) relay: RelayHandle,
}
