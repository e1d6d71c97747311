//! The passwords of accounts (a column of `users`), as bcrypt hashes.

use super::schema::users;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::UserId;

/// Sets the password of a user who has shown to read the letters to the account's address, which is verified by that;
/// returns the account's new version.
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
