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

use crate::{actors::PasswordHasher, error::IdentityError};
use shared::{db::Pool, outbox::RelayHandle, trace};
use tracing::Instrument;

/// Runs a transaction to its end, in a task of its own: actix drops the future of a request whose client
/// has gone, and a connection must not go back to the pool with a transaction open.
async fn to_its_end<T: 'static>(
    work: impl Future<Output = Result<T, IdentityError>> + 'static,
) -> Result<T, IdentityError> {
    let work = work.in_current_span();
    let task = match trace::current() {
        // Events that are written carry the trace.
        Some(context) => actix_web::rt::spawn(trace::scope(context, work)),
        None => actix_web::rt::spawn(work),
    };
    task.await.unwrap_or_else(|panic| Err(IdentityError::Panicked(panic)))
}

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
