//! Public halves of the keys that sign access tokens.

use super::schema::signing_keys;
use diesel::{dsl::sql, prelude::*, sql_types::Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// A key.
#[derive(Debug, Clone, Queryable)]
pub struct StoredKey {
    /// Its id.
    pub kid: String,
    /// Ed25519, base64url.
    pub public_key: String,
    /// Whether it no longer signs.
    pub retired: bool,
}

/// Lets instances that start at once make one first key, not one each. Held until the end of the
/// transaction; the number is arbitrary but fixed.
///
/// # Errors
/// Those of the database.
pub async fn lock(connection: &mut AsyncPgConnection) -> QueryResult<()> {
    let lock = "SELECT pg_advisory_xact_lock(4715, hashtext(current_schema()))";
    diesel::sql_query(lock).execute(connection).await.map(drop)
}

/// The keys whose tokens are still good, newest first: a retired key verifies for an hour more, which
/// is longer than any access token lives.
///
/// # Errors
/// Those of the database.
pub async fn trusted(connection: &mut AsyncPgConnection) -> QueryResult<Vec<StoredKey>> {
    signing_keys::table
        .filter(sql::<Bool>("(retired_at IS NULL OR retired_at > now() - interval '1 hour')"))
        .order((signing_keys::created_at.desc(), signing_keys::kid.desc()))
        .select((signing_keys::kid, signing_keys::public_key, signing_keys::retired_at.is_not_null()))
        .load(connection)
        .await
}

/// Adds a key.
///
/// # Errors
/// Those of the database.
pub async fn insert(connection: &mut AsyncPgConnection, kid: &str, public_key: &str) -> QueryResult<()> {
    diesel::insert_into(signing_keys::table)
        .values((signing_keys::kid.eq(kid), signing_keys::public_key.eq(public_key)))
        .execute(connection)
        .await
        .map(drop)
}
