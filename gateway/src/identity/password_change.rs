//! A user changes the password.

use super::{IdentityService, access, own_sessions, reauthentication::wrong_password, session_alert};
use crate::{
    domain::{
        client_device::ClientDevice,
        one_time_token::TokenPurpose,
        password::{LoginPassword, NewPassword},
    },
    error::IdentityError,
    store::{one_time_tokens, users},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    events::AlertReason,
    ids::{SessionId, UserId},
};

/// Where a wrong present password is told.
const CURRENT_PASSWORD: &str = "/current_password";

/// A change of the password.
#[derive(Debug, Clone)]
pub(crate) struct PasswordChange {
    /// The present password.
    pub(crate) current_password: LoginPassword,
    /// The password from now on.
    pub(crate) new_password: NewPassword,
}

impl IdentityService {
    /// Changes a user's password. All other sessions end. All access tokens end too; the present session gets a new
    /// one by its refresh token. API keys stay, since the user knows the present password and can see and delete them;
    /// a reset by letter deletes them.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`] for a wrong present password, [`IdentityError::Locked`],
    /// [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn change_password(
        &self,
        (id, session): (UserId, SessionId),
        change: PasswordChange,
        device: &ClientDevice,
    ) -> Result<(), IdentityError> {
        let known = self.reauthenticate(id, (change.current_password, device), CURRENT_PASSWORD).await?;
        let new_hash = self.hasher.for_client(device).hash(change.new_password.into_secret()).await?;
        let change = async |connection: &mut AsyncPgConnection| {
            let changed = users::replace_password(connection, id, &known.password_hash, &new_hash).await?;
            // Another change came between: what was the present password no longer is.
            let user = changed.ok_or_else(|| wrong_password(CURRENT_PASSWORD))?;
            // A letter that was asked for before must not undo the change.
            one_time_tokens::forget(connection, id, TokenPurpose::ResetPassword).await?;
            own_sessions::end_all(connection, id, Some(session)).await?;
            access::access_changed(connection, id, user.version).await?;
            session_alert::alert(connection, &user, AlertReason::PasswordChanged, device).await?;
            Ok::<_, IdentityError>(())
        };
        (*self.pool.get().await?).transaction(change).await?;
        self.relay.nudge();
        Ok(())
    }
}
