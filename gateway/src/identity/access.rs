//! Ending access before its time. Each function runs in the transaction of the change that causes it.
//!
//! **Order of locks.** Whoever locks a user's row and a session's in one transaction locks the user's first. Tokens are
//! issued by what [`users::lock_current`] read, so a token either knows of a change or is older than it.

use crate::{
    security_event::SecurityEvent,
    store::{revocations, sessions, users},
};
use diesel_async::AsyncPgConnection;
use shared::{
    events::{AccessChange, Event, EventType, SessionEnd},
    ids::{SessionId, UserId},
    outbox,
};

/// Ends all access tokens that a user has now: role, status or password changed. Refresh tokens stay; who ends
/// sessions says so by [`end_session`]. Locks the user's row, where there is one.
///
/// # Errors
/// Those of the database.
pub(super) async fn access_changed(
    connection: &mut AsyncPgConnection,
    user: UserId,
    version: i64,
) -> diesel::QueryResult<()> {
    users::lock_row(connection, user).await?;
    let not_before = revocations::insert_user(connection, user).await?;
    let change = AccessChange { user_id: user, not_before };
    let event = Event::new("gateway", EventType::UserAccessChanged, user, version, &change);
    outbox::append(connection, &[event]).await?;
    SecurityEvent::AccessRevoked.record();
    Ok(())
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
    end_tokens_of(connection, user, session).await
}

/// Ends the access tokens of a session, or of what stands in the place of one: an API key.
///
/// # Errors
/// Those of the database.
pub(super) async fn end_tokens_of(
    connection: &mut AsyncPgConnection,
    user: UserId,
    session: SessionId,
) -> diesel::QueryResult<()> {
    let ended_at = revocations::insert_session(connection, session).await?;
    let end = SessionEnd { session_id: session, user_id: user, ended_at };
    let event = Event::new("gateway", EventType::SessionEnded, session, 1, &end);
    outbox::append(connection, &[event]).await?;
    SecurityEvent::SessionEnded.record();
    Ok(())
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
