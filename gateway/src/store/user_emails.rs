//! The addresses of accounts, and whether they are verified (columns of `users`).

use super::schema::users;
use crate::domain::login_email::LoginEmail;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::UserId;
use uuid::Uuid;

/// The address of an active account whose row is locked.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct LockedEmail {
    /// The address in lower case.
    pub(crate) key: String,
    /// Whether it is known to be the user's.
    pub(crate) verified: bool,
}

/// The active account of an address.
///
/// # Errors
/// Those of the database.
pub(crate) async fn account_of(
    connection: &mut AsyncPgConnection,
    email: &LoginEmail,
) -> QueryResult<Option<UserId>> {
    let account = users::table
        .filter(users::email_key.eq(email.key()))
        .filter(users::status.eq("active"))
        .select(users::id);
    let id: Option<Uuid> = account.first(connection).await.optional()?;
    Ok(id.map(UserId))
}

/// The address of an active account, whose row is then locked until the end of the transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<Option<LockedEmail>> {
    users::table
        .find(id.0)
        .filter(users::status.eq("active"))
        .select((users::email_key, users::email_verified))
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Notes that the address is the user's; returns the account's new version.
///
/// # Errors
/// Those of the database.
pub(crate) async fn verify(connection: &mut AsyncPgConnection, id: UserId) -> QueryResult<i64> {
    diesel::update(users::table.find(id.0))
        .set((
            users::email_verified.eq(true),
            users::version.eq(users::version + 1),
            users::updated_at.eq(diesel::dsl::now),
        ))
        .returning(users::version)
        .get_result(connection)
        .await
}
