//! Resets a forgotten password by the token of a letter.

use super::{IdentityService, access, own_sessions, session_alert};
use crate::{
    domain::{
        client_device::ClientDevice,
        login_email::LoginEmail,
        one_time_token::{InvalidOneTimeToken, OneTimeToken, TokenPurpose},
        password::NewPassword,
    },
    error::IdentityError,
    security_event::SecurityEvent,
    store::{login_failures, one_time_tokens, user_emails, user_passwords, users},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::events::AlertReason;

/// A new password with the token that permits it.
#[derive(Debug)]
pub(crate) struct PasswordReset {
    /// The token.
    pub(crate) token: OneTimeToken,
    /// The password.
    pub(crate) password: NewPassword,
}

impl IdentityService {
    /// Sets a new password, and ends all sessions of the user. The address counts as verified, since the letter was read
    /// there, and failed logins are forgotten.
    ///
    /// # Errors
    /// [`IdentityError::Token`], or a fault of ours.
    pub(crate) async fn reset_password(
        &self,
        reset: PasswordReset,
        device: &ClientDevice,
    ) -> Result<(), IdentityError> {
        let PasswordReset { token, password } = reset;
        let digest = token.digest();
        // A check before the hash, so that a wrong token costs none. What consumes the token decides.
        let known = one_time_tokens::user_of(&mut *self.pool.get().await?, PURPOSE, &digest).await?;
        known.ok_or(InvalidOneTimeToken)?;
        let hash = self.hasher.for_client(device).hash(password.into_secret()).await?;
        let mut connection = self.pool.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                replace_password(connection, &digest, &hash, device).await
            })
            .await?;
        self.relay.nudge();
        SecurityEvent::PasswordReset.record();
        Ok(())
    }
}

const PURPOSE: TokenPurpose = TokenPurpose::ResetPassword;

async fn replace_password(
    connection: &mut AsyncPgConnection,
    digest: &[u8],
    hash: &str,
    device: &ClientDevice,
) -> Result<(), IdentityError> {
    let id = one_time_tokens::user_of(connection, PURPOSE, digest).await?.ok_or(InvalidOneTimeToken)?;
    // The user's row first, as those who write tokens do, so that nobody waits in a circle.
    let address = user_emails::lock(connection, id).await?.ok_or(InvalidOneTimeToken)?;
    if !one_time_tokens::consume(connection, PURPOSE, digest, &address.key).await? {
        return Err(InvalidOneTimeToken.into());
    }
    one_time_tokens::forget(connection, id, TokenPurpose::VerifyEmail).await?;
    let version = user_passwords::reset(connection, id, hash).await?;
    own_sessions::end_all(connection, id, None).await?;
    access::access_changed(connection, id, version).await?;
    login_failures::unlock(connection, &LoginEmail::digest_of(&address.key)).await?;
    let user = users::active(connection, id).await?.ok_or(InvalidOneTimeToken)?;
    Ok(session_alert::alert(connection, &user, AlertReason::PasswordChanged, device).await?)
}
