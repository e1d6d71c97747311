//! The last administrator is safe: without one, nobody could make another.

use crate::{
    domain::user::{ADMIN, User, UserStatus},
    error::{IdentityConflict, IdentityError},
    store::roles,
};
use diesel_async::AsyncPgConnection;

/// Refuses to take a user's access as an administrator where no other active user has it. The caller holds the
/// [lock of grants](roles::lock_grants), so two administrators cannot remove each other at once.
///
/// # Errors
/// [`IdentityError::Conflict`], or those of the database.
pub(super) async fn keep(connection: &mut AsyncPgConnection, user: &User) -> Result<(), IdentityError> {
    let is_administrator = user.status == UserStatus::Active && user.roles.iter().any(|role| role == ADMIN);
    if is_administrator && !roles::has_other_holder(connection, ADMIN, user.id).await? {
        return Err(IdentityConflict::LastAdministrator.into());
    }
    Ok(())
}
