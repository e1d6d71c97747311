//! Accounts.

use super::{roles, schema::users};
use crate::domain::{
    locale::Locale,
    login_email::LoginEmail,
    user::{User, UserStatus},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{email::EmailAddress, ids::UserId, statement};
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
    pub(crate) given_name: &'a str,
    /// Family name.
    pub(crate) family_name: &'a str,
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

/// Changes of a profile; `None` keeps the present value.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
pub(crate) struct ProfileChanges {
    /// Given names.
    pub(crate) given_name: Option<String>,
    /// Family name.
    pub(crate) family_name: Option<String>,
    /// Language.
    pub(crate) locale: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
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
    async fn with_grants(self, connection: &mut AsyncPgConnection) -> QueryResult<User> {
        let grants = roles::of_user(connection, UserId(self.id)).await?;
        Ok(User {
            id: UserId(self.id),
            email: self.email,
            email_verified: self.email_verified,
            given_name: self.given_name,
            family_name: self.family_name,
            locale: self.locale,
            status: if self.status == "active" { UserStatus::Active } else { UserStatus::Deactivated },
            roles: grants.roles,
            permissions: grants.permissions,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

/// Makes an account with one role; `None` when the address has one already.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    new: &NewUser<'_>,
    role: &str,
) -> QueryResult<Option<User>> {
    let row: Option<UserRow> = diesel::insert_into(users::table)
        .values((
            users::id.eq(new.id.0),
            users::email.eq(new.email.as_str()),
            users::email_key.eq(new.email.key()),
            users::email_verified.eq(new.email_verified),
            users::password_hash.eq(new.password_hash),
            users::given_name.eq(new.given_name),
            users::family_name.eq(new.family_name),
            users::locale.eq(new.locale.as_str()),
        ))
        .on_conflict(users::email_key)
        .do_nothing()
        .returning(UserRow::as_returning())
        .get_result(connection)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    roles::grant(connection, new.id, role).await?;
    row.with_grants(connection).await.map(Some)
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
    match row {
        Some(row) => row.with_grants(connection).await.map(Some),
        None => Ok(None),
    }
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
    let Some(row) = row else { return Ok(None) };
    let user = row.with_grants(connection).await?;
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

/// Changes a profile.
///
/// # Errors
/// Those of the database; a user that is not there is one.
pub(crate) async fn change_profile(
    connection: &mut AsyncPgConnection,
    id: UserId,
    changes: &ProfileChanges,
) -> QueryResult<User> {
    let row: UserRow = diesel::update(users::table.find(id.0))
        .set((changes, users::version.eq(users::version + 1), users::updated_at.eq(diesel::dsl::now)))
        .returning(UserRow::as_returning())
        .get_result(connection)
        .await?;
    row.with_grants(connection).await
}
