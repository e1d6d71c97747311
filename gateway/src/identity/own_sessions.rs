//! The caller's own sessions.

use super::{IdentityService, access};
use crate::{domain::session::Session, error::IdentityError, store::sessions};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::ids::{SessionId, UserId};
use uuid::Uuid;

impl IdentityService {
    /// Sessions of a user that have not ended, newest first. `current` is the one of the request.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn sessions(
        &self,
        user: UserId,
        current: SessionId,
        after: Option<Uuid>,
        rows: i64,
    ) -> Result<Vec<Session>, IdentityError> {
        let mut connection = self.pool.get().await?;
        let found = sessions::list(&mut connection, user, after, rows).await?;
        Ok(found.into_iter().map(|row| row.into_session(current)).collect())
    }

    /// Ends a session of a user. One that has ended stays so.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] for another's, or a fault of ours.
    pub(crate) async fn end_session_of(&self, user: UserId, session: SessionId) -> Result<(), IdentityError> {
        let end = async |connection: &mut AsyncPgConnection| {
            if !sessions::belongs_to(connection, session, user).await? {
                return Err(IdentityError::NotFound);
            }
            Ok(access::end_session(connection, session).await?)
        };
        (*self.pool.get().await?).transaction(end).await?;
        self.relay.nudge();
        Ok(())
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn end_sessions_of(&self, user: UserId) -> Result<(), IdentityError> {
        let end = async |connection: &mut AsyncPgConnection| end_all(connection, user, None).await;
        (*self.pool.get().await?).transaction(end).await?;
        self.relay.nudge();
        Ok(())
    }
}

/// Ends the sessions of a user, apart from one.
pub(super) async fn end_all(
    connection: &mut AsyncPgConnection,
    user: UserId,
    apart_from: Option<SessionId>,
) -> diesel::QueryResult<()> {
    for session in sessions::live_of(connection, user).await? {
        if Some(session) != apart_from {
            access::end_session(connection, session).await?;
        }
    }
    Ok(())
}
