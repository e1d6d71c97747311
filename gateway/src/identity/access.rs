//! Ending access before its time. Each function runs in the transaction of the change that causes it.

use crate::store::sessions;
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use shared::{
    events::{AccessChange, Event, EventType, SessionEnd},
    ids::{SessionId, UserId},
    outbox,
};

/// Ends all access tokens that a user has now: role, status or password changed. Refresh tokens stay; who ends
/// sessions says so by [`end_session`]. The user's row is locked by the caller.
///
/// # Errors
/// Those of the database.
pub(super) async fn access_changed(
    connection: &mut AsyncPgConnection,
    user: UserId,
    version: i64,
) -> diesel::QueryResult<()> {
    let change = AccessChange { user_id: user, not_before: Utc::now() };
    let event = Event::new("gateway", EventType::UserAccessChanged, user, version, &change);
    outbox::append(connection, &[event]).await
}

/// Ends a session before its time, and tells so: its refresh tokens and its access tokens. No effect on one that has
/// ended.
///
/// # Errors
/// Those of the database.
pub(super) async fn end_session(
    connection: &mut AsyncPgConnection,
    session: SessionId,
) -> diesel::QueryResult<()> {
    let Some(user) = sessions::revoke(connection, session).await? else { return Ok(()) };
    let end = SessionEnd { session_id: session, user_id: user, ended_at: Utc::now() };
    let event = Event::new("gateway", EventType::SessionEnded, session, 1, &end);
    outbox::append(connection, &[event]).await
}
