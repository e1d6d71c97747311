//! Logging in.
//!
//! An address without an account gets the same answers, after the same time and with the same lock, as one that
//! has an account.

use super::{IdentityService, TokenSet, sessions};
use crate::{
    domain::{
        client_device::ClientDevice, login_email::LoginEmail, password::LoginPassword,
        refresh_token::RefreshToken,
    },
    error::IdentityError,
    store::{login_failures, users},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::ids::{SessionId, UserId};

/// The credentials of a login.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The address.
    pub(crate) email: LoginEmail,
    /// The password.
    pub(crate) password: LoginPassword,
}

impl IdentityService {
    /// Starts a session if the password is right.
    ///
    /// The lock is read twice: before the check of the password, to refuse cheaply, and after it, so that
    /// guesses at the same time count like guesses one after the other.
    ///
    /// # Errors
    /// [`IdentityError::InvalidCredentials`], [`IdentityError::Locked`], or a fault of ours.
    pub(crate) async fn log_in(
        &self,
        attempt: Login,
        device: &ClientDevice,
    ) -> Result<TokenSet, IdentityError> {
        let account = attempt.email.digest();
        let known = {
            let mut connection = self.pool.get().await?;
            if let Some(left) = login_failures::locked_for(&mut connection, &account).await? {
                return Err(IdentityError::Locked(left));
            }
            // The connection goes back before the password is checked, which takes long.
            users::credentials(&mut connection, &attempt.email).await?
        };
        let hash = known.as_ref().and_then(|known| known.password_hash.clone());
        let right = self.hasher.verify(attempt.password.into_secret(), hash).await?;
        match known.filter(|_| right) {
            Some(known) => self.start_session(UserId(known.id), account, device).await,
            None => Err(self.count_failure(&account).await?),
        }
    }

    async fn start_session(
        &self,
        id: UserId,
        account: [u8; 32],
        device: &ClientDevice,
    ) -> Result<TokenSet, IdentityError> {
        let (session, token) = (SessionId::new(), RefreshToken::generate());
        let user = (*self.pool.get().await?)
            .transaction(async |connection: &mut AsyncPgConnection| {
                if let Some(left) = login_failures::locked_for(connection, &account).await? {
                    return Err(IdentityError::Locked(left));
                }
                login_failures::forget(connection, &account).await?;
                // An account that was deactivated meanwhile is refused like one deactivated before.
                let user = users::active(connection, id).await?.ok_or(IdentityError::InvalidCredentials)?;
                sessions::begin(connection, session, id, &token, device).await?;
                Ok(user)
            })
            .await?;
        self.issuer.tokens(user, session, token.to_text())
    }

    /// Counts a failure; returns the error to answer with.
    async fn count_failure(&self, account: &[u8]) -> Result<IdentityError, IdentityError> {
        let mut connection = self.pool.get().await?;
        if !login_failures::count(&mut connection, account).await? {
            return Ok(IdentityError::InvalidCredentials);
        }
        let left = login_failures::locked_for(&mut connection, account).await?;
        Ok(left.map_or(IdentityError::InvalidCredentials, IdentityError::Locked))
    }
}
