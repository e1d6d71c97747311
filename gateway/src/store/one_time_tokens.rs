//! Tokens that letters carry; the database keeps only their digests.

use super::schema::one_time_tokens;
use crate::domain::one_time_token::TokenPurpose;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Binary, Bool, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::UserId, statement};
use uuid::Uuid;

statement! {
    /// Inserts a token for the address that its user has now.
    Insert {
        digest: Binary = Vec<u8>,
        purpose: Text = &'static str,
        expires_at: Timestamptz = DateTime<Utc>,
        user: SqlUuid = Uuid,
    } -> (BigInt,),
    "INSERT INTO one_time_tokens (digest, user_id, purpose, email_key, expires_at)
     SELECT $, id, $, email_key, $ FROM users WHERE id = $ RETURNING number"
}

statement! {
    /// Deletes some of the expired tokens.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM one_time_tokens WHERE digest IN (SELECT digest FROM one_time_tokens WHERE expires_at < now() LIMIT $)"
}

/// Stores a token in the place of the one that the user has for this purpose; returns its number, which is greater than
/// those of the earlier ones. The user's row is locked by the caller, or new.
///
/// # Errors
/// Those of the database.
pub(crate) async fn replace(
    connection: &mut AsyncPgConnection,
    user: UserId,
    purpose: TokenPurpose,
    digest: &[u8],
    expires_at: DateTime<Utc>,
) -> QueryResult<i64> {
    forget(connection, user, purpose).await?;
    let insert = Insert { digest: digest.to_vec(), purpose: purpose.as_str(), expires_at, user: user.0 };
    let (number,): (i64,) = insert.get_result(connection).await?;
    Ok(number)
}

/// The user of a token that can be used now.
///
/// # Errors
/// Those of the database.
pub(crate) async fn user_of(
    connection: &mut AsyncPgConnection,
    purpose: TokenPurpose,
    digest: &[u8],
) -> QueryResult<Option<UserId>> {
    let usable = one_time_tokens::table
        .find(digest)
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(sql::<Bool>("expires_at > clock_timestamp()"))
        .select(one_time_tokens::user_id);
    let user: Option<Uuid> = usable.first(connection).await.optional()?;
    Ok(user.map(UserId))
}

/// Uses a token up; returns whether it could be used, and was sent to this address. The user's row is locked by the
/// caller, so of two at once one is first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn consume(
    connection: &mut AsyncPgConnection,
    purpose: TokenPurpose,
    digest: &[u8],
    email_key: &str,
) -> QueryResult<bool> {
    let usable = one_time_tokens::table
        .find(digest)
        .filter(one_time_tokens::purpose.eq(purpose.as_str()))
        .filter(one_time_tokens::email_key.eq(email_key))
        .filter(sql::<Bool>("expires_at > clock_timestamp()"));
    Ok(diesel::delete(usable).execute(connection).await? == 1)
}

/// Deletes the token that a user has for a purpose.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(
    connection: &mut AsyncPgConnection,
    user: UserId,
    purpose: TokenPurpose,
) -> QueryResult<()> {
    let tokens = one_time_tokens::table
        .filter(one_time_tokens::user_id.eq(user.0))
        .filter(one_time_tokens::purpose.eq(purpose.as_str()));
    diesel::delete(tokens).execute(connection).await.map(drop)
}

/// Deletes up to `limit` expired tokens; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
