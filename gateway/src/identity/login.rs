//! Logging in.
//!
//! An address without an account is treated like one with: the same time, the same lock.

use super::{Identity, TokenSet, sessions, to_its_end};
use crate::{
    domain::{email::GivenEmail, password::GivenPassword, refresh_token::RefreshToken},
    error::IdentityError,
    store::{login_failures, users},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::ids::{SessionId, UserId};

/// Somebody who wants to be let in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The address.
    pub email: GivenEmail,
    /// The password.
    pub password: GivenPassword,
}

impl Identity {
    /// Starts a session for who knows the password.
    ///
    /// The lock is looked at twice: before the password is checked, to refuse cheaply, and after, so
    /// that guesses which run at the same time count like guesses one after the other.
    ///
    /// # Errors
    /// [`IdentityError::InvalidCredentials`], [`IdentityError::Locked`], or a fault of ours.
    pub async fn log_in(&self, attempt: Login) -> Result<TokenSet, IdentityError> {
        let account = attempt.email.digest();
        let known = {
            let mut connection = self.pool.get().await?;
            if let Some(left) = login_failures::locked_for(&mut connection, &account).await? {
                return Err(IdentityError::Locked(left));
            }
            // The connection goes back before the password is checked, which takes long.
            users::credentials(&mut connection, &attempt.email).await?
        };
        let hash = known.as_ref().map(|known| known.password_hash.clone());
        let right = self.hasher.verify(attempt.password.into_secret(), hash).await?;
        match known.filter(|_| right) {
            Some(known) => self.start_session(UserId(known.id), account).await,
            None => Err(self.fail(&account).await?),
        }
    }

    async fn start_session(&self, id: UserId, account: [u8; 32]) -> Result<TokenSet, IdentityError> {
        let pool = self.pool.clone();
        let (user, session, token) = to_its_end(async move {
            let (session, token) = (SessionId::new(), RefreshToken::generate());
            let mut connection = pool.get().await?;
            let user = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    if let Some(left) = login_failures::locked_for(connection, &account).await? {
                        return Err(IdentityError::Locked(left));
                    }
                    login_failures::forget(connection, &account).await?;
                    // Deactivated meanwhile: as if it had been so before.
                    let user =
                        users::active(connection, id).await?.ok_or(IdentityError::InvalidCredentials)?;
                    sessions::begin(connection, session, id, &token).await?;
                    Ok(user)
                })
                .await?;
            Ok((user, session, token))
        })
        .await?;
        self.issuer.tokens(user, session, token.to_text())
    }

    /// Counts a failure; gives what to answer.
    async fn fail(&self, account: &[u8]) -> Result<IdentityError, IdentityError> {
        let mut connection = self.pool.get().await?;
        if !login_failures::count(&mut connection, account).await? {
            return Ok(IdentityError::InvalidCredentials);
        }
        let left = login_failures::locked_for(&mut connection, account).await?;
        Ok(left.map_or(IdentityError::InvalidCredentials, IdentityError::Locked))
    }
}
