//! The password once more, before what cannot be undone.

use super::{IdentityService, login::Attempt};
use crate::{
    domain::{
        client_device::ClientDevice,
        known_device::{self, KnownDevice},
        login_bounds::LoginOrigin,
        login_email::LoginEmail,
        password::LoginPassword,
        user::User,
    },
    error::IdentityError,
    security_event::SecurityEvent,
    store::{known_devices, login_failures, users},
};
use shared::{http::FieldError, ids::UserId};

/// A user whose password was right.
pub(super) struct Reauthenticated {
    /// The user.
    pub(super) user: User,
    /// The hash that the password fits: a change may be made only while it is the present one.
    pub(super) password_hash: String,
}

impl IdentityService {
    /// Checks the password of a user who is logged in. A failure counts like one of a login, so a stolen access token
    /// gives no more guesses than the login does.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`] with this pointer for a wrong password, [`IdentityError::Locked`],
    /// [`IdentityError::SessionEnded`], or a fault of ours.
    pub(super) async fn reauthenticate(
        &self,
        id: UserId,
        (password, client): (LoginPassword, &ClientDevice),
        pointer: &str,
    ) -> Result<Reauthenticated, IdentityError> {
        // The connection goes back before the password is checked, which takes long.
        let (user, attempt, hash) = {
            let mut connection = self.pool.get().await?;
            let user = users::active(&mut connection, id).await?.ok_or(IdentityError::SessionEnded)?;
            // The grammar of stored addresses is the looser one, so each of them is the address of a login.
            let email =
                LoginEmail::try_from(user.email.clone()).map_err(|_| IdentityError::InvalidCredentials)?;
            let origin = LoginOrigin { account: email.digest(), network: known_device::network(client) };
            let device = KnownDevice::from(client);
            let known_network = known_devices::knows_network(&mut connection, Some(id), &device).await?;
            let counts = login_failures::read(&mut connection, &origin).await?;
            // The account may have been deleted meanwhile.
            let known = users::credentials(&mut connection, &email).await?;
            let hash = known.ok_or(IdentityError::SessionEnded)?.password_hash;
            (user, Attempt { client, origin, device, known_network, counts }, hash)
        };
        if let Some(wait) = attempt.counts.wait(attempt.known_network) {
            SecurityEvent::LoginHeldUp.record();
            return Err(IdentityError::Locked(wait));
        }
        let right = self.hasher.for_client(client).verify(password.into_secret(), hash.clone()).await?;
        let Some(password_hash) = hash.filter(|_| right) else {
            SecurityEvent::LoginFailed.record();
            return Err(self.count_failure(&attempt, wrong_password(pointer)).await?);
        };
        // Guesses at the same time count like guesses one after the other.
        let now = login_failures::read(&mut *self.pool.get().await?, &attempt.origin).await?;
        attempt.check(now)?;
        Ok(Reauthenticated { user, password_hash })
    }
}

/// The problem of a wrong password. It is no 401, since the access token is good.
pub(super) fn wrong_password(pointer: &str) -> IdentityError {
    IdentityError::Invalid(vec![FieldError::at(pointer, "is not your password")])
}
