//! Public halves of the keys that sign access tokens.

use super::schema::signing_keys;
use diesel::{
    dsl::now,
    prelude::*,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;

statement! {
    /// Waits until no other transaction makes keys.
    Lock {} -> (),
    "SELECT pg_advisory_xact_lock(4715, hashtext(current_schema()))"
}

statement! {
    /// The keys whose tokens are good, and whether they may sign.
    Trusted {} -> (Text, Text, Bool),
    "SELECT kid, public_key, retired_at IS NULL OR retired_at > now() - interval '2 minutes' FROM signing_keys WHERE retired_at IS NULL OR retired_at > now() - interval '18 minutes' ORDER BY created_at DESC, kid DESC"
}

/// A key.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct SigningKeyRow {
    /// Its id.
    pub(crate) kid: String,
    /// Ed25519, base64url.
    pub(crate) public_key: String,
    /// Whether an instance that has its secret may sign with it.
    pub(crate) signs: bool,
}

/// Lets instances that start at once make one first key, not one each. Held until the end of the
/// transaction; the number is arbitrary but fixed.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    Lock {}.execute(connection).await.map(drop)
}

/// The keys whose tokens are still good, newest first.
///
/// A retired key may sign for 2 minutes more, so that instances which still have its secret need not
/// make another one at once while a new secret is rolled out. It verifies for 18 minutes: these two,
/// the 15 that an access token lives, and one for clocks that differ.
///
/// # Errors
/// Those of the database.
pub(crate) async fn trusted(connection: &mut AsyncPgConnection) -> QueryResult<Vec<SigningKeyRow>> {
    Trusted {}.load(connection).await
}

/// Adds a key, and retires all others: they had another secret, which may be known to somebody.
///
/// # Errors
/// Those of the database.
pub(crate) async fn succeed(
    connection: &mut AsyncPgConnection,
    kid: &str,
    public_key: &str,
) -> QueryResult<()> {
    diesel::update(signing_keys::table.filter(signing_keys::retired_at.is_null()))
        .set(signing_keys::retired_at.eq(now))
        .execute(connection)
        .await?;
    diesel::insert_into(signing_keys::table)
        .values((signing_keys::kid.eq(kid), signing_keys::public_key.eq(public_key)))
        .execute(connection)
        .await
        .map(drop)
}
