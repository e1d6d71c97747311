//! The roles of a user, for administrators.

use super::{
    Authority, IdentityService, access, last_administrator,
    user_admin::{existing_permissions, subject},
};
use crate::{
    domain::{
        audited_user::AuditedUser,
        user::{ADMIN, User},
    },
    error::IdentityError,
    store::{roles, users},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{auth::Permission, ids::UserId, outbox};
use std::collections::BTreeSet;

impl IdentityService {
    /// Gives a user exactly these roles. With an expected version, only that version is changed. The user's access
    /// tokens end, since they name the roles.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], [`IdentityError::Stale`], [`IdentityError::Invalid`] for a role that does not
    /// exist, [`IdentityError::Lacks`], [`IdentityError::Conflict`] for the last administrator, or a fault of ours.
    pub(crate) async fn set_roles(
        &self,
        authority: &Authority,
        id: UserId,
        wanted: &[String],
        expected: Option<i64>,
    ) -> Result<User, IdentityError> {
        let set = async |connection: &mut AsyncPgConnection| {
            roles::lock_grants(connection).await?;
            let reach = authority.reach(connection, Permission::RoleWrite).await?;
            let before = users::lock_any(connection, id).await?.ok_or(IdentityError::NotFound)?;
            if expected.is_some_and(|expected| expected != before.version) {
                return Err(IdentityError::Stale);
            }
            reach.cover(existing_permissions(connection, wanted).await?)?;
            // What is taken is covered too: it is among what the user has.
            reach.cover(&before.permissions)?;
            let present: BTreeSet<&str> = before.roles.iter().map(String::as_str).collect();
            let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
            if present == wanted {
                return Ok(before);
            }
            if !wanted.contains(ADMIN) {
                last_administrator::keep(connection, &before).await?;
            }
            roles::replace(connection, id, &wanted).await?;
            let after = users::touch(connection, id).await?;
            access::access_changed(connection, id, after.version).await?;
            let (old, new) = (AuditedUser::of(&before), AuditedUser::of(&after));
            let record =
                authority.author.change("user.change_roles", subject(&after), Some(&old), Some(&new));
            outbox::append(connection, &[record.event("gateway")]).await?;
            Ok(after)
        };
        let user = (*self.pool.get().await?).transaction(set).await?;
        self.relay.nudge();
        Ok(user)
    }
}
