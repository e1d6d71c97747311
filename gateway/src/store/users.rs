//! Accounts.

use super::{
    roles::{self, RoleGrants},
    schema::{user_roles, users},
};
use crate::domain::{
    login_email::LoginEmail,
    user::{User, UserStatus},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{email::EmailAddress, ids::UserId, locale::Locale, person_name::PersonName, statement};
use uuid::Uuid;

/// A new account.
pub(crate) struct NewUser<'a> {
    /// Its id.
    pub(crate) id: UserId,
    /// The address.
    pub(crate) email: &'a EmailAddress,
    /// Whether the address is known to be the user's.
    pub(crate) email_verified: bool,
    /// bcrypt; `None` until the user sets a password.
    pub(crate) password_hash: Option<&'a str>,
    /// Given names.
    pub(crate) given_name: &'a PersonName,
    /// Family name.
    pub(crate) family_name: &'a PersonName,
    /// Language.
    pub(crate) locale: &'a Locale,
}

/// The part of an account that a login needs.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Credentials {
    /// The account.
    pub(crate) id: Uuid,
    /// bcrypt; `None` for an account without a password.
    pub(crate) password_hash: Option<String>,
}

/// Changes of an account; `None` keeps the present value.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
pub(crate) struct AccountChanges {
    given_name: Option<String>,
    given_name_key: Option<String>,
    family_name: Option<String>,
    family_name_key: Option<String>,
    locale: Option<String>,
    /// The address.
    pub(crate) email: Option<String>,
    /// The address as accounts are told apart by it.
    pub(crate) email_key: Option<String>,
    /// Whether the address is known to be the user's.
    pub(crate) email_verified: Option<bool>,
    /// Whether the account can be used.
    pub(crate) status: Option<&'static str>,
}

impl AccountChanges {
    /// Changes of what users change themselves.
    pub(crate) fn profile(
        given_name: Option<PersonName>,
        family_name: Option<PersonName>,
        locale: Option<Locale>,
    ) -> Self {
        Self {
            given_name_key: given_name.as_ref().map(PersonName::folded),
            given_name: given_name.map(PersonName::into_string),
            family_name_key: family_name.as_ref().map(PersonName::folded),
            family_name: family_name.map(PersonName::into_string),
            locale: locale.map(|locale| locale.as_str().to_owned()),
            ..Self::default()
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(super) struct UserRow {
    id: Uuid,
    email: String,
    email_verified: bool,
    given_name: String,
    family_name: String,
    locale: String,
    status: String,
    version: i64,
    created_at: DateTime<Utc>,
}

impl UserRow {
    fn with(self, grants: RoleGrants) -> User {
        User {
            id: UserId(self.id),
            email: self.email,
            email_verified: self.email_verified,
            given_name: self.given_name,
            family_name: self.family_name,
            locale: self.locale,
            // The database holds no other.
            status: self.status.parse().unwrap_or(UserStatus::Deactivated),
            roles: grants.roles,
            permissions: grants.permissions,
            created_at: self.created_at,
            version: self.version,
        }
    }
}

/// Users with their roles and permissions.
pub(super) async fn with_grants(
    connection: &mut AsyncPgConnection,
    rows: Vec<UserRow>,
) -> QueryResult<Vec<User>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut grants = roles::of_users(connection, &ids).await?;
    Ok(rows
        .into_iter()
        .map(|row| (grants.remove(&row.id).unwrap_or_default(), row))
        .map(|(grants, row)| row.with(grants))
        .collect())
}

async fn with_own_grants(
    connection: &mut AsyncPgConnection,
    row: Option<UserRow>,
) -> QueryResult<Option<User>> {
    Ok(with_grants(connection, row.into_iter().collect()).await?.pop())
}

/// Makes an account with roles; `None` when the address has one already.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    new: &NewUser<'_>,
    granted: &[&str],
) -> QueryResult<Option<User>> {
    let row: Option<UserRow> = diesel::insert_into(users::table)
        .values((
            users::id.eq(new.id.0),
            users::email.eq(new.email.as_str()),
            users::email_key.eq(new.email.key()),
            users::email_verified.eq(new.email_verified),
            users::password_hash.eq(new.password_hash),
            users::given_name.eq(new.given_name.as_str()),
            users::given_name_key.eq(new.given_name.folded()),
            users::family_name.eq(new.family_name.as_str()),
            users::family_name_key.eq(new.family_name.folded()),
            users::locale.eq(new.locale.as_str()),
        ))
        .on_conflict(users::email_key)
        .do_nothing()
        .returning(UserRow::as_returning())
        .get_result(connection)
        .await
        .optional()?;
    if row.is_some() {
        roles::grant(connection, new.id, granted.iter().copied()).await?;
    }
    with_own_grants(connection, row).await
}

/// Whether an address has an account.
///
/// # Errors
/// Those of the database.
pub(crate) async fn has_account(
    connection: &mut AsyncPgConnection,
    email: &EmailAddress,
) -> QueryResult<bool> {
    let account = users::table.filter(users::email_key.eq(email.key()));
    diesel::select(diesel::dsl::exists(account)).get_result(connection).await
}

/// What is needed to log in to an active account.
///
/// # Errors
/// Those of the database.
pub(crate) async fn credentials(
    connection: &mut AsyncPgConnection,
    email: &LoginEmail,
) -> QueryResult<Option<Credentials>> {
    users::table
        .filter(users::email_key.eq(email.key()))
        .filter(users::status.eq("active"))
        .select((users::id, users::password_hash))
        .first(connection)
        .await
        .optional()
}

/// An active user.
///
/// # Errors
/// Those of the database.
pub(crate) async fn active(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<Option<User>> {
    let query = users::table.find(id.0).filter(users::status.eq("active")).select(UserRow::as_select());
    let row: Option<UserRow> = query.first(connection).await.optional()?;
    with_own_grants(connection, row).await
}

/// A user, active or not.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<Option<User>> {
    let query = users::table.find(id.0).select(UserRow::as_select());
    let row: Option<UserRow> = query.first(connection).await.optional()?;
    with_own_grants(connection, row).await
}

/// A user, active or not, whose row is then locked until the end of the transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_any(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<Option<User>> {
    let query = users::table.find(id.0).select(UserRow::as_select()).for_no_key_update();
    let row: Option<UserRow> = query.first(connection).await.optional()?;
    with_own_grants(connection, row).await
}

/// A user as of an instant of the database's clock. Every change of roles, status or password that is committed later
/// has a later instant.
pub(crate) struct CurrentUser {
    /// The user.
    pub(crate) user: User,
    /// When it was read.
    pub(crate) at: DateTime<Utc>,
}

statement! {
    /// The instant, by the clock that all tokens and revocations go by.
    Clock {} -> Timestamptz,
    "SELECT clock_timestamp()"
}

/// An active user for whom a token is issued. The row is locked against changes until the end of the transaction, and
/// the instant is taken under the lock: so the token knows of each change before that instant, and a change after it
/// revokes the token.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_current(
    connection: &mut AsyncPgConnection,
    id: UserId,
) -> QueryResult<Option<CurrentUser>> {
    let query = users::table.find(id.0).filter(users::status.eq("active")).select(UserRow::as_select());
    let row: Option<UserRow> = query.for_share().first(connection).await.optional()?;
    let Some(user) = with_own_grants(connection, row).await? else { return Ok(None) };
    let at = Clock {}.get_result(connection).await?;
    Ok(Some(CurrentUser { user, at }))
}

/// Locks a user's row, whatever its status, until the end of the transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock_row(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<()> {
    let row = users::table.find(id.0).select(users::id).for_no_key_update();
    row.first::<Uuid>(connection).await.optional().map(drop)
}

/// The version of an active user, whose row is then locked until the end of the transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<Option<i64>> {
    users::table
        .find(id.0)
        .filter(users::status.eq("active"))
        .select(users::version)
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Changes an account.
///
/// # Errors
/// Those of the database; a user that is not there is one.
pub(crate) async fn change(
    connection: &mut AsyncPgConnection,
    id: UserId,
    changes: &AccountChanges,
) -> QueryResult<User> {
    let row: UserRow = diesel::update(users::table.find(id.0))
        .set((changes, users::version.eq(users::version + 1), users::updated_at.eq(diesel::dsl::now)))
        .returning(UserRow::as_returning())
        .get_result(connection)
        .await?;
    with_own_grants(connection, Some(row)).await?.ok_or(diesel::result::Error::NotFound)
}

/// Sets another password, while the present one is the expected one; `None` where it is not, or the account is closed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn replace_password(
    connection: &mut AsyncPgConnection,
    id: UserId,
    expected_hash: &str,
    new_hash: &str,
) -> QueryResult<Option<User>> {
    let user = users::table
        .find(id.0)
        .filter(users::status.eq("active"))
        .filter(users::password_hash.eq(expected_hash));
    let changes = (
        users::password_hash.eq(new_hash),
        users::version.eq(users::version + 1),
        users::updated_at.eq(diesel::dsl::now),
    );
    let update = diesel::update(user).set(changes).returning(UserRow::as_returning());
    let row: Option<UserRow> = update.get_result(connection).await.optional()?;
    with_own_grants(connection, row).await
}

/// Whether this is the hash of an active user's password.
///
/// # Errors
/// Those of the database.
pub(crate) async fn has_password(
    connection: &mut AsyncPgConnection,
    id: UserId,
    hash: &str,
) -> QueryResult<bool> {
    let user =
        users::table.find(id.0).filter(users::status.eq("active")).filter(users::password_hash.eq(hash));
    diesel::select(diesel::dsl::exists(user)).get_result(connection).await
}

/// Deletes an account, with all that refers to it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<()> {
    diesel::delete(users::table.find(id.0)).execute(connection).await.map(drop)
}

/// Gives a user the next version, since the roles have changed.
///
/// # Errors
/// Those of the database; a user that is not there is one.
pub(crate) async fn touch(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<User> {
    change(connection, id, &AccountChanges::default()).await
}

/// Gives the users of a role their next version, since the role has changed; returns their ids with it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn touch_holders(
    connection: &mut AsyncPgConnection,
    role: &str,
) -> QueryResult<Vec<(Uuid, i64)>> {
    let holders = user_roles::table.filter(user_roles::role.eq(role)).select(user_roles::user_id);
    diesel::update(users::table.filter(users::id.eq_any(holders)))
        .set((users::version.eq(users::version + 1), users::updated_at.eq(diesel::dsl::now)))
        .returning((users::id, users::version))
        .get_results(connection)
        .await
}
