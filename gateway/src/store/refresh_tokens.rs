//! Refresh tokens; the database keeps only their digests.

use super::schema::{refresh_tokens, sessions};
use chrono::{DateTime, Utc};
use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{SessionId, UserId},
    statement,
};
use uuid::Uuid;

statement! {
    /// Deletes some of the expired tokens.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM refresh_tokens WHERE digest IN (SELECT digest FROM refresh_tokens WHERE expires_at < now() LIMIT $)"
}

/// A token, judged by the database's clock.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct RefreshTokenRow {
    /// Whether it is past its end.
    pub(crate) expired: bool,
    /// `None`: not rotated yet. `Some(true)`: rotated within the last 10 seconds.
    pub(crate) rotated_just_now: Option<bool>,
    /// The successor, sealed by the token; only for a while after the rotation.
    pub(crate) sealed_successor: Option<Vec<u8>>,
}

/// Adds a token to a family.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    digest: &[u8],
    session: SessionId,
    expires_at: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::digest.eq(digest),
            refresh_tokens::session_id.eq(session.0),
            refresh_tokens::expires_at.eq(expires_at),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// The family of a token and its user, which never change.
///
/// # Errors
/// Those of the database.
pub(crate) async fn session_of(
    connection: &mut AsyncPgConnection,
    digest: &[u8],
) -> QueryResult<Option<(SessionId, UserId)>> {
    let found = refresh_tokens::table
        .inner_join(sessions::table)
        .filter(refresh_tokens::digest.eq(digest))
        .select((sessions::id, sessions::user_id));
    let ids: Option<(Uuid, Uuid)> = found.first(connection).await.optional()?;
    Ok(ids.map(|(session, user)| (SessionId(session), UserId(user))))
}

/// A token; its session should be locked before.
///
/// # Errors
/// Those of the database; a token that is not there is one.
pub(crate) async fn find(connection: &mut AsyncPgConnection, digest: &[u8]) -> QueryResult<RefreshTokenRow> {
    // The clock of after the lock: the transaction's own `now()` may be older than the rotation.
    refresh_tokens::table
        .find(digest)
        .select((
            sql::<Bool>("expires_at <= clock_timestamp()"),
            sql::<Nullable<Bool>>("rotated_at > clock_timestamp() - interval '10 seconds'"),
            refresh_tokens::sealed_successor,
        ))
        .first(connection)
        .await
}

/// Marks a token as rotated, with its sealed successor, and drops the older seals of its family, so
/// that a stolen old token leads nowhere even together with the database.
///
/// # Errors
/// Those of the database.
pub(crate) async fn rotate(
    connection: &mut AsyncPgConnection,
    session: SessionId,
    digest: &[u8],
    sealed_successor: &[u8],
) -> QueryResult<()> {
    let token = diesel::update(refresh_tokens::table.find(digest));
    token
        .set((
            refresh_tokens::rotated_at.eq(sql::<Nullable<Timestamptz>>("clock_timestamp()")),
            refresh_tokens::sealed_successor.eq(Some(sealed_successor)),
        ))
        .execute(connection)
        .await?;
    let outdated = refresh_tokens::table
        .filter(refresh_tokens::session_id.eq(session.0))
        .filter(refresh_tokens::sealed_successor.is_not_null())
        .filter(sql::<Bool>("rotated_at <= clock_timestamp() - interval '10 seconds'"));
    diesel::update(outdated)
        .set(refresh_tokens::sealed_successor.eq(None::<Vec<u8>>))
        .execute(connection)
        .await
        .map(drop)
}

/// Deletes up to `limit` expired tokens; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
