//! Roles (table `roles`), their permissions (table `role_permissions`), and the users who have them (table
//! `user_roles`).

use super::schema::{role_permissions, roles, user_roles, users};
use crate::domain::role::Role;
use diesel::{prelude::*, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

statement! {
    /// Waits until no other transaction changes who may do what.
    LockGrants {} -> Text,
    "SELECT pg_advisory_xact_lock(4718, hashtext(current_schema()))::text"
}

/// Roles and permissions of a user, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoleGrants {
    /// Names of roles.
    pub(crate) roles: Vec<String>,
    /// Names of permissions.
    pub(crate) permissions: Vec<String>,
}

/// The roles and permissions of users.
///
/// # Errors
/// Those of the database.
pub(crate) async fn of_users(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> QueryResult<HashMap<Uuid, RoleGrants>> {
    let rows: Vec<(Uuid, String, Option<String>)> = user_roles::table
        .left_join(role_permissions::table.on(role_permissions::role.eq(user_roles::role)))
        .filter(user_roles::user_id.eq_any(ids))
        .select((user_roles::user_id, user_roles::role, role_permissions::permission.nullable()))
        .load(connection)
        .await?;
    let mut sets: HashMap<Uuid, (BTreeSet<String>, BTreeSet<String>)> = HashMap::new();
    for (user, role, permission) in rows {
        let (roles, permissions) = sets.entry(user).or_default();
        roles.insert(role);
        permissions.extend(permission);
    }
    let sorted = |(roles, permissions): (BTreeSet<_>, BTreeSet<_>)| RoleGrants {
        roles: roles.into_iter().collect(),
        permissions: permissions.into_iter().collect(),
    };
    Ok(sets.into_iter().map(|(user, sets)| (user, sorted(sets))).collect())
}

/// Gives a user roles.
///
/// # Errors
/// Those of the database; a role that does not exist is one.
pub(crate) async fn grant(
    connection: &mut AsyncPgConnection,
    user: UserId,
    granted: impl IntoIterator<Item = &str>,
) -> QueryResult<()> {
    let rows = granted.into_iter().map(|role| (user_roles::user_id.eq(user.0), user_roles::role.eq(role)));
    let rows: Vec<_> = rows.collect();
    let insert = diesel::insert_into(user_roles::table).values(rows).on_conflict_do_nothing();
    insert.execute(connection).await.map(drop)
}

/// Gives a user exactly these roles.
///
/// # Errors
/// Those of the database; a role that does not exist is one.
pub(crate) async fn replace(
    connection: &mut AsyncPgConnection,
    user: UserId,
    wanted: &BTreeSet<&str>,
) -> QueryResult<()> {
    let present = user_roles::table.filter(user_roles::user_id.eq(user.0));
    diesel::delete(present).execute(connection).await?;
    grant(connection, user, wanted.iter().copied()).await
}

/// Lets one transaction at a time change roles, grants of roles, or the status of accounts. The lock is held until the
/// end of the transaction and taken before any lock of a row. Its number is arbitrary but fixed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_grants(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    LockGrants {}.execute(connection).await.map(drop)
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

/// Whether an active user has a role, apart from one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn has_other_holder(
    connection: &mut AsyncPgConnection,
    role: &str,
    apart_from: UserId,
) -> QueryResult<bool> {
    let others = user_roles::table
        .inner_join(users::table)
        .filter(user_roles::role.eq(role))
        .filter(users::status.eq("active"))
        .filter(users::id.ne(apart_from.0));
    diesel::select(diesel::dsl::exists(others)).get_result(connection).await
}

/// What roles permit, by their names. A role that does not exist is absent.
///
/// # Errors
/// Those of the database.
pub(crate) async fn permissions_of(
    connection: &mut AsyncPgConnection,
    names: &[&String],
) -> QueryResult<BTreeMap<String, Vec<String>>> {
    let rows: Vec<(String, Option<String>)> = roles::table
        .left_join(role_permissions::table)
        .filter(roles::name.eq_any(names))
        .select((roles::name, role_permissions::permission.nullable()))
        .order((roles::name, role_permissions::permission))
        .load(connection)
        .await?;
    let mut permissions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (role, permission) in rows {
        permissions.entry(role).or_default().extend(permission);
    }
    Ok(permissions)
}

type RoleRow = (String, bool, i64);

async fn with_permissions(connection: &mut AsyncPgConnection, rows: Vec<RoleRow>) -> QueryResult<Vec<Role>> {
    let names: Vec<&String> = rows.iter().map(|(name, ..)| name).collect();
    let mut permissions = permissions_of(connection, &names).await?;
    let role = |(name, built_in, version): RoleRow| {
        let permissions = permissions.remove(&name).unwrap_or_default();
        Role { name, built_in, permissions, version }
    };
    Ok(rows.into_iter().map(role).collect())
}

/// Up to `rows` roles by name, from the one after `after`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    after: Option<&str>,
    rows: i64,
) -> QueryResult<Vec<Role>> {
    let mut query =
        roles::table.select((roles::name, roles::built_in, roles::version)).order(roles::name).into_boxed();
    if let Some(after) = after {
        query = query.filter(roles::name.gt(after));
    }
    let found: Vec<RoleRow> = query.limit(rows).load(connection).await?;
    with_permissions(connection, found).await
}

/// A role.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(connection: &mut AsyncPgConnection, name: &str) -> QueryResult<Option<Role>> {
    let query = roles::table.find(name).select((roles::name, roles::built_in, roles::version));
    let row: Option<RoleRow> = query.first(connection).await.optional()?;
    Ok(with_permissions(connection, row.into_iter().collect()).await?.pop())
}

/// Makes a role; `None` when the name is taken.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    name: &str,
    permissions: &BTreeSet<&str>,
) -> QueryResult<Option<Role>> {
    let insert = diesel::insert_into(roles::table).values(roles::name.eq(name)).on_conflict_do_nothing();
    if insert.execute(connection).await? == 0 {
        return Ok(None);
    }
    insert_permissions(connection, name, permissions).await?;
    find(connection, name).await
}

async fn insert_permissions(
    connection: &mut AsyncPgConnection,
    name: &str,
    permissions: &BTreeSet<&str>,
) -> QueryResult<()> {
    let row = |permission: &&str| {
        (
            role_permissions::role.eq(name.to_owned()),
            role_permissions::permission.eq((*permission).to_owned()),
        )
    };
    let rows: Vec<_> = permissions.iter().map(row).collect();
    diesel::insert_into(role_permissions::table).values(rows).execute(connection).await.map(drop)
}

/// Changes what a role permits to exactly this.
///
/// # Errors
/// Those of the database; a role that is not there is one.
pub(crate) async fn set_permissions(
    connection: &mut AsyncPgConnection,
    name: &str,
    permissions: &BTreeSet<&str>,
) -> QueryResult<Role> {
    let present = role_permissions::table.filter(role_permissions::role.eq(name));
    diesel::delete(present).execute(connection).await?;
    insert_permissions(connection, name, permissions).await?;
    let role = diesel::update(roles::table.find(name));
    role.set(roles::version.eq(roles::version + 1)).execute(connection).await?;
    find(connection, name).await?.ok_or(diesel::result::Error::NotFound)
}

/// Deletes a role that nobody has.
///
/// # Errors
/// Those of the database; a role that somebody has is one.
pub(crate) async fn delete(connection: &mut AsyncPgConnection, name: &str) -> QueryResult<()> {
    diesel::delete(roles::table.find(name)).execute(connection).await.map(drop)
}
