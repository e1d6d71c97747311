//! Switching the second factor on and off.

use super::{IdentityService, reauthentication::wrong_password, session_alert};
use crate::{
    domain::{
        client_device::ClientDevice,
        password::LoginPassword,
        totp::{TotpSecret, recovery_codes},
    },
    error::{IdentityConflict, IdentityError},
    security_event::SecurityEvent,
    store::{totp_factors, user_passwords, users},
};
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::{ExposeSecret, SecretString};
use shared::{events::AlertReason, http::FieldError, ids::UserId};

/// Where a wrong password is told.
const PASSWORD: &str = "/password";

/// What a user's app needs of a new second factor.
pub(crate) struct TotpSetup {
    /// The secret, in base 32.
    pub(crate) secret: SecretString,
    /// The same as an address that an app reads from a QR code.
    pub(crate) otpauth_uri: SecretString,
}

impl IdentityService {
    /// Begins a second factor, in the place of one that was never confirmed. Logins need it once it is confirmed.
    ///
    /// # Errors
    /// [`IdentityConflict::TotpIsOn`], [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn begin_totp(&self, id: UserId) -> Result<TotpSetup, IdentityError> {
        let mut connection = self.pool.get().await?;
        let user = users::active(&mut connection, id).await?.ok_or(IdentityError::SessionEnded)?;
        let secret = TotpSecret::generate();
        let sealed = self.totp.seal(&secret, id)?;
        if !totp_factors::begin(&mut connection, id, &sealed).await? {
            return Err(IdentityConflict::TotpIsOn.into());
        }
        Ok(TotpSetup { secret: secret.text(), otpauth_uri: secret.uri(&user.email)? })
    }

    /// Confirms the second factor that was begun, by a code of its app; returns its recovery codes.
    ///
    /// # Errors
    /// [`IdentityConflict::TotpNotBegun`], [`IdentityError::Invalid`] for a wrong code,
    /// [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn confirm_totp(
        &self,
        id: UserId,
        code: &SecretString,
        device: &ClientDevice,
    ) -> Result<Vec<SecretString>, IdentityError> {
        let (codes, digests): (Vec<_>, Vec<_>) = recovery_codes().into_iter().unzip();
        (*self.pool.get().await?)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let user = users::active(connection, id).await?.ok_or(IdentityError::SessionEnded)?;
                let factor = totp_factors::find(connection, id).await?;
                let begun = factor.filter(|factor| !factor.confirmed);
                let sealed = begun.ok_or(IdentityConflict::TotpNotBegun)?.sealed_secret;
                // One that was sealed under another key can only be begun anew.
                let secret = self.totp.open(&sealed, id).map_err(|_| IdentityConflict::TotpNotBegun)?;
                let step = secret.step_of(code.expose_secret(), Utc::now().timestamp())?;
                let wrong = || vec![FieldError::at("/code", "is not the code that your app shows now")];
                let step = step.ok_or_else(|| IdentityError::Invalid(wrong()))?;
                // Another request may have begun or confirmed a factor meanwhile.
                if !totp_factors::confirm(connection, id, &sealed, step).await? {
                    return Err(IdentityConflict::TotpNotBegun.into());
                }
                totp_factors::insert_recovery_codes(connection, id, &digests).await?;
                session_alert::alert(connection, &user, AlertReason::TotpChanged, device).await?;
                Ok::<_, IdentityError>(())
            })
            .await?;
        self.relay.nudge();
        SecurityEvent::TotpSwitchedOn.record();
        Ok(codes)
    }

    /// Switches the second factor off, also one that was never confirmed. A stolen access token is not enough for it.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], those of [`IdentityService::reauthenticate`], or a fault of ours.
    pub(crate) async fn delete_totp(
        &self,
        id: UserId,
        password: LoginPassword,
        device: &ClientDevice,
    ) -> Result<(), IdentityError> {
        let known = self.reauthenticate(id, (password, device), PASSWORD).await?;
        (*self.pool.get().await?)
            .transaction(async |connection: &mut AsyncPgConnection| {
                // A reset that came between has taken the account from somebody who knows only the old password.
                if !user_passwords::hold(connection, id, &known.password_hash).await? {
                    return Err(wrong_password(PASSWORD));
                }
                if !totp_factors::delete(connection, id).await? {
                    return Err(IdentityError::NotFound);
                }
                session_alert::alert(connection, &known.user, AlertReason::TotpChanged, device).await?;
                Ok::<_, IdentityError>(())
            })
            .await?;
        self.relay.nudge();
        SecurityEvent::TotpSwitchedOff.record();
        Ok(())
    }
}
