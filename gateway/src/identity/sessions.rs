//! Sessions: each is a family of refresh tokens, of which a client uses each once.

use super::{IdentityService, TokenSet, access, session_alert};
use crate::{
    domain::{client_device::ClientDevice, refresh_token::RefreshToken},
    error::IdentityError,
    security_event::SecurityEvent,
    store::{
        refresh_tokens, sessions,
        users::{self, CurrentUser},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::SecretString;
use shared::{
    events::AlertReason,
    ids::{SessionId, UserId},
};

/// Days for which a refresh token is valid.
const REFRESH_DAYS: i64 = 30;

/// Days after a login after which its session ends, however often it is refreshed.
const SESSION_DAYS: i64 = 90;

/// When the session of a login ends at the latest.
pub(super) fn session_end(login: DateTime<Utc>) -> DateTime<Utc> {
    login + TimeDelta::days(SESSION_DAYS)
}

/// When a refresh token ends that is given now, in the session of a login.
fn new_expiry(login: DateTime<Utc>) -> DateTime<Utc> {
    (Utc::now() + TimeDelta::days(REFRESH_DAYS)).min(session_end(login))
}

/// Starts a session with its first token.
pub(super) async fn begin(
    connection: &mut AsyncPgConnection,
    session: SessionId,
    user: UserId,
    token: &RefreshToken,
    device: &ClientDevice,
) -> diesel::QueryResult<()> {
    let expires_at = new_expiry(Utc::now());
    sessions::insert(connection, session, user, expires_at, device).await?;
    refresh_tokens::insert(connection, &token.digest(), session, expires_at).await
}

/// The outcome of a refresh. A revocation is an outcome and no error, so that its transaction is committed.
enum RefreshOutcome {
    /// The user, the session with its end, and the successor.
    Continued(Box<CurrentUser>, (SessionId, DateTime<Utc>), SecretString),
    Ended,
}

impl IdentityService {
    /// Exchanges a refresh token for its successor and a new access token.
    ///
    /// The lock on the session's row puts refreshes of one family in an order, so two at once with the same
    /// token get the same successor. A token that was rotated more than 10 seconds ago ends the session: either
    /// it or its successor has been stolen. Its user gets an alert.
    ///
    /// # Errors
    /// [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn refresh(
        &self,
        token: &str,
        device: &ClientDevice,
    ) -> Result<TokenSet, IdentityError> {
        let token = RefreshToken::parse(token).ok_or(IdentityError::SessionEnded)?;
        let (current, session, successor) = {
            // The connection goes back before the access token is signed.
            let mut connection = self.pool.get().await?;
            let outcome = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    continue_session(connection, &token, device).await
                })
                .await?;
            let RefreshOutcome::Continued(current, session, successor) = outcome else {
                self.relay.nudge();
                return Err(IdentityError::SessionEnded);
            };
            (*current, session, successor)
        };
        self.issuer.tokens(current, session, successor)
    }

    /// Ends the session of a refresh token. An unknown token has no effect.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn log_out(&self, token: &str) -> Result<(), IdentityError> {
        let Some(token) = RefreshToken::parse(token) else { return Ok(()) };
        let mut connection = self.pool.get().await?;
        if let Some((session, _)) = refresh_tokens::session_of(&mut connection, &token.digest()).await? {
            let end =
                async |connection: &mut AsyncPgConnection| access::end_session(connection, session).await;
            (*connection).transaction(end).await?;
            self.relay.nudge();
        }
        Ok(())
    }
}

async fn continue_session(
    connection: &mut AsyncPgConnection,
    token: &RefreshToken,
    device: &ClientDevice,
) -> Result<RefreshOutcome, IdentityError> {
    let digest = token.digest();
    let Some((id, user)) = refresh_tokens::session_of(connection, &digest).await? else {
        return Ok(RefreshOutcome::Ended);
    };
    // The user before the session: the order of all that lock both.
    let Some(current) = users::lock_current(connection, user).await? else {
        return Ok(RefreshOutcome::Ended);
    };
    let Some(session) = sessions::lock(connection, id).await?.filter(|session| session.revoked_at.is_none())
    else {
        return Ok(RefreshOutcome::Ended);
    };
    let row = refresh_tokens::find(connection, &digest).await?;
    let ends_at = session_end(session.created_at);
    let successor = match row.rotated_just_now {
        _ if row.expired || ends_at <= current.at => return Ok(RefreshOutcome::Ended),
        None => {
            let successor = RefreshToken::generate();
            let expires_at = new_expiry(session.created_at);
            refresh_tokens::insert(connection, &successor.digest(), id, expires_at).await?;
            refresh_tokens::rotate(connection, id, &digest, &token.seal(&successor)).await?;
            sessions::extend(connection, id, expires_at, device).await?;
            successor
        }
        Some(true) => match row.sealed_successor.and_then(|sealed| token.open(&sealed)) {
            Some(successor) => successor,
            None => return Ok(RefreshOutcome::Ended),
        },
        Some(false) => {
            access::end_session(connection, id).await?;
            session_alert::alert(connection, &current.user, AlertReason::RefreshTokenReused, device).await?;
            SecurityEvent::RefreshTokenReused.record();
            tracing::warn!(session.id = %id, "A refresh token was used again: its session is ended");
            return Ok(RefreshOutcome::Ended);
        }
    };
    Ok(RefreshOutcome::Continued(Box::new(current), (id, ends_at), successor.to_text()))
}
