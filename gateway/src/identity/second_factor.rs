//! The second factor of a login.

use crate::{
    domain::totp::{SecondFactor, TotpVault},
    error::IdentityError,
    security_event::SecurityEvent,
    store::totp_factors,
};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use secrecy::ExposeSecret;
use shared::ids::UserId;

/// Checks what a login shows of its second factor, where the user has one. A code and a recovery code are used by that:
/// of logins at once with the same one, one succeeds.
///
/// # Errors
/// [`IdentityError::SecondFactorMissing`], [`IdentityError::WrongSecondFactor`],
/// [`IdentityError::SecondFactorUnreadable`], or a fault of ours.
pub(super) async fn check(
    connection: &mut AsyncPgConnection,
    vault: &TotpVault,
    user: UserId,
    shown: Option<&SecondFactor>,
) -> Result<(), IdentityError> {
    let factor = totp_factors::find(connection, user).await?;
    let Some(factor) = factor.filter(|factor| factor.confirmed) else { return Ok(()) };
    let fits = match shown {
        None => return Err(IdentityError::SecondFactorMissing),
        Some(SecondFactor::Recovery(digest)) => {
            let used = totp_factors::use_recovery_code(connection, user, digest).await?;
            if used {
                SecurityEvent::RecoveryCodeUsed.record();
            }
            used
        }
        Some(SecondFactor::Code(code)) => {
            let secret = vault.open(&factor.sealed_secret, user).map_err(|error| {
                tracing::error!(user.id = %user, error.message = %error, "A second factor cannot be checked");
                IdentityError::SecondFactorUnreadable
            })?;
            match secret.step_of(code.expose_secret(), Utc::now().timestamp())? {
                Some(step) => totp_factors::use_step(connection, user, step).await?,
                None => false,
            }
        }
    };
    if fits { Ok(()) } else { Err(IdentityError::WrongSecondFactor) }
}
