//! The passwords of accounts (a column of `users`), as bcrypt hashes.

use super::schema::users;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::UserId;
use uuid::Uuid;

/// Sets the password after a reset by letter; returns the account's new version. The letter proves the account's
/// address, so it counts as verified from then on.
///
/// # Errors
/// Those of the database.
pub(crate) async fn reset(connection: &mut AsyncPgConnection, id: UserId, hash: &str) -> QueryResult<i64> {
    diesel::update(users::table.find(id.0))
        .set((
            users::password_hash.eq(hash),
            users::email_verified.eq(true),
            users::version.eq(users::version + 1),
            users::updated_at.eq(diesel::dsl::now),
        ))
        .returning(users::version)
        .get_result(connection)
        .await
}

/// Whether a hash is still that of the user's password. If so, nobody changes the password until the end of the
/// transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn hold(connection: &mut AsyncPgConnection, id: UserId, hash: &str) -> QueryResult<bool> {
    let held = users::table.find(id.0).filter(users::password_hash.eq(hash)).select(users::id).for_share();
    let held: Option<Uuid> = held.first(connection).await.optional()?;
    Ok(held.is_some())
}

/// Puts a new hash of the same password in the place of an old one. No effect if the password was changed meanwhile.
///
/// # Errors
/// Those of the database.
pub(crate) async fn upgrade(
    connection: &mut AsyncPgConnection,
    id: UserId,
    old: &str,
    new: &str,
) -> QueryResult<()> {
    let same = users::table.find(id.0).filter(users::password_hash.eq(old));
    diesel::update(same).set(users::password_hash.eq(new)).execute(connection).await.map(drop)
}
