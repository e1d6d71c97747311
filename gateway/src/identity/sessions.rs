//! Sessions: refresh tokens that are used once, and the family that they form.

use super::{Identity, TokenSet, to_its_end};
use crate::{
    domain::refresh_token::RefreshToken,
    error::IdentityError,
    store::{refresh_tokens, sessions, users},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::SecretString;
use shared::ids::{SessionId, UserId};

/// Days for which a refresh token is good.
const REFRESH_DAYS: i64 = 30;

fn new_expiry() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(REFRESH_DAYS)
}

/// Starts a session with its first token.
pub(super) async fn begin(
    connection: &mut AsyncPgConnection,
    session: SessionId,
    user: UserId,
    token: &RefreshToken,
) -> diesel::QueryResult<()> {
    let expires_at = new_expiry();
    sessions::insert(connection, session, user, expires_at).await?;
    refresh_tokens::insert(connection, &token.digest(), session, expires_at).await
}

/// What a refresh came to. A revocation is an outcome, so that its transaction is committed.
enum Refreshed {
    Continued(UserId, SessionId, SecretString),
    Ended,
}

impl Identity {
    /// Gives the successor of a refresh token, with a new access token.
    ///
    /// Refreshes of one family happen one after the other, by the lock on its row: two at once of the
    /// same token get the same successor. A token that was rotated longer ago than 10 seconds is in
    /// wrong hands, or its successor is: the family ends.
    ///
    /// # Errors
    /// [`IdentityError::SessionEnded`], or a fault of ours.
    pub async fn refresh(&self, token: &str) -> Result<TokenSet, IdentityError> {
        let token = RefreshToken::parse(token).ok_or(IdentityError::SessionEnded)?;
        let pool = self.pool.clone();
        let (user, session, successor) = to_its_end(async move {
            let mut connection = pool.get().await?;
            let refreshed = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    continue_session(connection, &token).await
                })
                .await?;
            let Refreshed::Continued(user, session, successor) = refreshed else {
                return Err(IdentityError::SessionEnded);
            };
            let user = users::active(&mut connection, user).await?.ok_or(IdentityError::SessionEnded)?;
            Ok((user, session, successor))
        })
        .await?;
        self.issuer.tokens(user, session, successor)
    }

    /// Ends the session of a refresh token. No effect for what is none.
    ///
    /// # Errors
    /// Faults of ours.
    pub async fn log_out(&self, token: &str) -> Result<(), IdentityError> {
        let Some(token) = RefreshToken::parse(token) else { return Ok(()) };
        let mut connection = self.pool.get().await?;
        if let Some(session) = refresh_tokens::session_of(&mut connection, &token.digest()).await? {
            sessions::revoke(&mut connection, session).await?;
        }
        Ok(())
    }
}

async fn continue_session(
    connection: &mut AsyncPgConnection,
    token: &RefreshToken,
) -> Result<Refreshed, IdentityError> {
    let digest = token.digest();
    let Some(id) = refresh_tokens::session_of(connection, &digest).await? else {
        return Ok(Refreshed::Ended);
    };
    let Some(session) = sessions::lock(connection, id).await?.filter(|session| session.revoked_at.is_none())
    else {
        return Ok(Refreshed::Ended);
    };
    let row = refresh_tokens::find(connection, &digest).await?;
    let successor = match row.rotated_just_now {
        _ if row.expired => return Ok(Refreshed::Ended),
        None => {
            let successor = RefreshToken::generate();
            let expires_at = new_expiry();
            refresh_tokens::insert(connection, &successor.digest(), id, expires_at).await?;
            refresh_tokens::rotate(connection, id, &digest, &token.seal(&successor)).await?;
            sessions::extend(connection, id, expires_at).await?;
            successor
        }
        Some(true) => match row.sealed_successor.and_then(|sealed| token.open(&sealed)) {
            Some(successor) => successor,
            None => return Ok(Refreshed::Ended),
        },
        Some(false) => {
            sessions::revoke(connection, id).await?;
            tracing::warn!(session.id = %id, "A refresh token was used again: its session is ended");
            return Ok(Refreshed::Ended);
        }
    };
    Ok(Refreshed::Continued(UserId(session.user_id), id, successor.to_text()))
}
