//! The roles of users (table `user_roles`) and their permissions (table `role_permissions`).

use super::schema::{role_permissions, user_roles};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::UserId;
use std::collections::BTreeSet;

/// Roles and permissions of a user, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoleGrants {
    /// Names of roles.
    pub(crate) roles: Vec<String>,
    /// Names of permissions.
    pub(crate) permissions: Vec<String>,
}

/// The roles and permissions of a user.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_user(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<RoleGrants> {
    let rows: Vec<(String, Option<String>)> = user_roles::table
        .left_join(role_permissions::table.on(role_permissions::role.eq(user_roles::role)))
        .filter(user_roles::user_id.eq(user.0))
        .select((user_roles::role, role_permissions::permission.nullable()))
        .load(connection)
        .await?;
    let mut roles = BTreeSet::new();
    let mut permissions = BTreeSet::new();
    for (role, permission) in rows {
        roles.insert(role);
        permissions.extend(permission);
    }
    Ok(RoleGrants { roles: roles.into_iter().collect(), permissions: permissions.into_iter().collect() })
}

/// Gives a user a role, once.
///
/// # Errors
/// Those of the database; a role that does not exist is one.
pub(crate) async fn grant(connection: &mut AsyncPgConnection, user: UserId, role: &str) -> QueryResult<()> {
    diesel::insert_into(user_roles::table)
        .values((user_roles::user_id.eq(user.0), user_roles::role.eq(role)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await
        .map(drop)
}

/// Lets instances that start at once make one first administrator, not one each. Held until the end of the
/// transaction; the number is arbitrary but fixed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_first_administrator(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    let lock = "SELECT pg_advisory_xact_lock(4716, hashtext(current_schema()))";
    diesel::sql_query(lock).execute(connection).await.map(drop)
}

/// Whether anybody has a role.
///
/// # Errors
/// Those of the database.
pub(crate) async fn is_granted(connection: &mut AsyncPgConnection, role: &str) -> QueryResult<bool> {
    let anybody = user_roles::table.filter(user_roles::role.eq(role));
    diesel::select(diesel::dsl::exists(anybody)).get_result(connection).await
}
