//! The use cases of identity: each takes what a request said, and does it in the database.

mod administrator;
mod login;
mod profile;
mod registration;
mod sessions;
mod tokens;

pub use administrator::{AdministratorError, ensure_administrator};
pub use login::Login;
pub use profile::ProfilePatch;
pub use registration::Registration;
pub use tokens::{Issuer, TokenSet};

use crate::actors::PasswordHasher;
use shared::{db::Pool, outbox::RelayHandle};

/// What the use cases work with.
#[derive(Clone)]
pub struct Identity {
    /// The database.
    pub pool: Pool,
    /// bcrypt.
    pub hasher: PasswordHasher,
    /// Signs access tokens.
    pub issuer: Issuer,
    /// Publishes what was told in a transaction.
    pub relay: RelayHandle,
}
