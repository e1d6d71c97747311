//! Roles, for administrators.

use super::{Authority, IdentityService, access};
use crate::{
    domain::role::{NewRole, Role, RoleName},
    error::{IdentityConflict, IdentityError},
    store::{roles, users},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{auth::Permission, ids::UserId, outbox};
use std::collections::BTreeSet;

impl IdentityService {
    /// Roles by name.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn roles(&self, after: Option<&str>, rows: i64) -> Result<Vec<Role>, IdentityError> {
        let mut connection = self.pool.get().await?;
        Ok(roles::list(&mut connection, after, rows).await?)
    }

    /// A role.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], or a fault of ours.
    pub(crate) async fn role(&self, name: &RoleName) -> Result<Role, IdentityError> {
        let mut connection = self.pool.get().await?;
        roles::find(&mut connection, name.as_str()).await?.ok_or(IdentityError::NotFound)
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`IdentityError::Lacks`], [`IdentityError::Conflict`] for a name that is taken, or a fault of ours.
    pub(crate) async fn create_role(
        &self,
        authority: &Authority,
        new: NewRole,
    ) -> Result<Role, IdentityError> {
        let name = new.name.as_str();
        let make = async |connection: &mut AsyncPgConnection| {
            roles::lock_grants(connection).await?;
            let reach = authority.reach(connection, Permission::RoleWrite).await?;
            reach.cover(names(&new.permissions))?;
            let role = roles::insert(connection, name, &names(&new.permissions)).await?;
            let role = role.ok_or_else(|| IdentityConflict::RoleExists(name.to_owned()))?;
            let record = authority.author.change("role.create", subject(name), None, Some(&role));
            outbox::append(connection, &[record.event("gateway")]).await?;
            Ok::<_, IdentityError>(role)
        };
        let role = (*self.pool.get().await?).transaction(make).await?;
        self.relay.nudge();
        Ok(role)
    }

    /// Changes what a role permits, and so the access of all its users. With an expected version, only that version
    /// is changed.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], [`IdentityError::Stale`], [`IdentityError::Lacks`], [`IdentityError::Conflict`] for
    /// a built-in role, or a fault of ours.
    pub(crate) async fn change_role(
        &self,
        authority: &Authority,
        name: &RoleName,
        permissions: Option<BTreeSet<Permission>>,
        expected: Option<i64>,
    ) -> Result<Role, IdentityError> {
        let change = async |connection: &mut AsyncPgConnection| {
            let before = changeable(connection, authority, name, expected).await?;
            let Some(wanted) = permissions.as_ref().map(names) else { return Ok(before) };
            authority.reach(connection, Permission::RoleWrite).await?.cover(&wanted)?;
            if before.permissions.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted {
                return Ok(before);
            }
            let after = roles::set_permissions(connection, name.as_str(), &wanted).await?;
            for (user, version) in users::touch_holders(connection, name.as_str()).await? {
                access::access_changed(connection, UserId(user), version).await?;
            }
            let record =
                authority.author.change("role.change", subject(name.as_str()), Some(&before), Some(&after));
            outbox::append(connection, &[record.event("gateway")]).await?;
            Ok::<_, IdentityError>(after)
        };
        let role = (*self.pool.get().await?).transaction(change).await?;
        self.relay.nudge();
        Ok(role)
    }

    /// Deletes a role that nobody has.
    ///
    /// # Errors
    /// As [`Self::change_role`]; also [`IdentityError::Conflict`] for a role that somebody has.
    pub(crate) async fn delete_role(
        &self,
        authority: &Authority,
        name: &RoleName,
        expected: Option<i64>,
    ) -> Result<(), IdentityError> {
        let delete = async |connection: &mut AsyncPgConnection| {
            let before = changeable(connection, authority, name, expected).await?;
            if roles::is_granted(connection, name.as_str()).await? {
                return Err(IdentityConflict::RoleInUse.into());
            }
            roles::delete(connection, name.as_str()).await?;
            let record = authority.author.change("role.delete", subject(name.as_str()), Some(&before), None);
            Ok::<_, IdentityError>(outbox::append(connection, &[record.event("gateway")]).await?)
        };
        (*self.pool.get().await?).transaction(delete).await?;
        self.relay.nudge();
        Ok(())
    }
}

/// A role that the author may change, with all grants locked.
async fn changeable(
    connection: &mut AsyncPgConnection,
    authority: &Authority,
    name: &RoleName,
    expected: Option<i64>,
) -> Result<Role, IdentityError> {
    roles::lock_grants(connection).await?;
    let reach = authority.reach(connection, Permission::RoleWrite).await?;
    let role = roles::find(connection, name.as_str()).await?.ok_or(IdentityError::NotFound)?;
    if role.built_in {
        return Err(IdentityConflict::BuiltIn(role.name).into());
    }
    if expected.is_some_and(|expected| expected != role.version) {
        return Err(IdentityError::Stale);
    }
    reach.cover(&role.permissions)?;
    Ok(role)
}

fn names(permissions: &BTreeSet<Permission>) -> BTreeSet<&'static str> {
    permissions.iter().map(|permission| permission.as_str()).collect()
}

fn subject(name: &str) -> String {
    format!("role/{name}")
}
