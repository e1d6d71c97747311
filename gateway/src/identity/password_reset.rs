//! Resets a forgotten password by the token of a letter.

use super::{IdentityService, access, api_keys, own_sessions, session_alert};
use crate::{
    domain::{
        client_device::ClientDevice,
        login_email::LoginEmail,
        one_time_token::{InvalidOneTimeToken, OneTimeToken, TokenPurpose},
        password::NewPassword,
    },
    error::IdentityError,
    security_event::SecurityEvent,
    store::{
        known_devices, login_failures, one_time_tokens, totp_factors, user_emails, user_passwords, users,
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{events::AlertReason, ids::UserId};

/// A new password with the token that permits it.
#[derive(Debug)]
pub(crate) struct PasswordReset {
    /// The token.
    pub(crate) token: OneTimeToken,
    /// The password.
    pub(crate) password: NewPassword,
}

impl IdentityService {
    /// Sets a new password, and takes the account from everybody who had it before: all sessions end, and API keys and
    /// known devices go. The address counts as verified, since the letter was read there. If it was not verified before,
    /// somebody else may have made the account, and its second factor goes too. Failed logins are forgotten.
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
    session_alert::alert(connection, &user, AlertReason::PasswordChanged, device).await?;
    for reason in take_over(connection, id, address.verified).await? {
        session_alert::alert(connection, &user, reason, device).await?;
    }
    Ok(())
}

/// Removes the other ways into an account that somebody had before the reset; returns what of it is worth an alert.
async fn take_over(
    connection: &mut AsyncPgConnection,
    id: UserId,
    was_verified: bool,
) -> Result<Vec<AlertReason>, IdentityError> {
    let mut reasons = Vec::new();
    known_devices::forget(connection, id).await?;
    if api_keys::delete_all(connection, id).await? > 0 {
        reasons.push(AlertReason::ApiKeysChanged);
    }
    // A second factor of a verified address is its owner's, and protects from thieves of the mailbox.
    if !was_verified && totp_factors::delete(connection, id).await? {
        SecurityEvent::TotpSwitchedOff.record();
        reasons.push(AlertReason::TotpChanged);
    }
    Ok(reasons)
}
