//! Sessions: the families of refresh tokens.

use super::schema::sessions;
use crate::domain::{client_device::ClientDevice, session::Session};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{SessionId, UserId},
    statement,
};
use uuid::Uuid;

statement! {
    /// Deletes some of the expired sessions.
    DeleteExpired { limit: BigInt = i64 } -> (),
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() LIMIT $)"
}

/// A session as its user sees it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(crate) struct SessionRow {
    id: Uuid,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    user_agent: Option<String>,
    address: Option<String>,
}

impl SessionRow {
    /// The resource; `current` is the session of the request.
    pub(crate) fn into_session(self, current: SessionId) -> Session {
        Session {
            id: SessionId(self.id),
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
            user_agent: self.user_agent,
            address: self.address,
            current: self.id == current.0,
        }
    }
}

/// A session whose row is locked.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct LockedSession {
    /// When its login was.
    pub(crate) created_at: DateTime<Utc>,
    /// When it was ended, if it was.
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// Starts a session.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    id: SessionId,
    user: UserId,
    expires_at: DateTime<Utc>,
    device: &ClientDevice,
) -> QueryResult<()> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(id.0),
            sessions::user_id.eq(user.0),
            sessions::expires_at.eq(expires_at),
            sessions::user_agent.eq(&device.user_agent),
            sessions::address.eq(device.address_text()),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// The session, whose row is then locked until the end of the transaction: refreshes of one family
/// happen one after the other.
///
/// # Errors
/// Those of the database.
pub(crate) async fn lock(
    connection: &mut AsyncPgConnection,
    id: SessionId,
) -> QueryResult<Option<LockedSession>> {
    sessions::table
        .find(id.0)
        .select((sessions::created_at, sessions::revoked_at))
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Moves the end of a session that a device has just used.
///
/// # Errors
/// Those of the database.
pub(crate) async fn extend(
    connection: &mut AsyncPgConnection,
    id: SessionId,
    expires_at: DateTime<Utc>,
    device: &ClientDevice,
) -> QueryResult<()> {
    let changes = (
        sessions::expires_at.eq(expires_at),
        sessions::user_agent.eq(&device.user_agent),
        sessions::address.eq(device.address_text()),
        sessions::last_used_at.eq(diesel::dsl::now),
    );
    diesel::update(sessions::table.find(id.0)).set(changes).execute(connection).await.map(drop)
}

/// Ends a session, with all of its tokens; returns its user, or `None` where it had ended before.
///
/// # Errors
/// Those of the database.
pub(crate) async fn revoke(connection: &mut AsyncPgConnection, id: SessionId) -> QueryResult<Option<UserId>> {
    let live = sessions::table.find(id.0).filter(sessions::revoked_at.is_null());
    let ended = diesel::update(live).set(sessions::revoked_at.eq(diesel::dsl::now));
    let user: Option<Uuid> = ended.returning(sessions::user_id).get_result(connection).await.optional()?;
    Ok(user.map(UserId))
}

/// The sessions of a user that have not ended.
///
/// # Errors
/// Those of the database.
pub(crate) async fn live_of(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Vec<SessionId>> {
    let live = sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(diesel::dsl::now));
    let ids: Vec<Uuid> = live.select(sessions::id).order(sessions::id).load(connection).await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// Up to `rows` sessions of a user that have not ended, newest first, from the one after `after`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    user: UserId,
    after: Option<Uuid>,
    rows: i64,
) -> QueryResult<Vec<SessionRow>> {
    // Ids grow with time.
    let mut query = sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(diesel::dsl::now))
        .order(sessions::id.desc())
        .select(SessionRow::as_select())
        .limit(rows)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(sessions::id.lt(after));
    }
    query.load(connection).await
}

/// All sessions of a user that are kept, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn all_of(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Vec<SessionRow>> {
    let all = sessions::table.filter(sessions::user_id.eq(user.0)).order(sessions::id.desc());
    all.select(SessionRow::as_select()).load(connection).await
}

/// Whether a session is a user's, be it that it has ended.
///
/// # Errors
/// Those of the database.
pub(crate) async fn belongs_to(
    connection: &mut AsyncPgConnection,
    id: SessionId,
    user: UserId,
) -> QueryResult<bool> {
    let session = sessions::table.find(id.0).filter(sessions::user_id.eq(user.0));
    diesel::select(diesel::dsl::exists(session)).get_result(connection).await
}

/// Deletes up to `limit` expired sessions, with their tokens; returns their number.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_expired(connection: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    DeleteExpired { limit }.execute(connection).await
}
