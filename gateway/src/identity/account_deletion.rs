//! A user deletes the account.

use super::{IdentityService, access, last_administrator, own_sessions, reauthentication::wrong_password};
use crate::{
    domain::{client_device::ClientDevice, login_email::LoginEmail, password::LoginPassword, user::User},
    error::{IdentityConflict, IdentityError},
    personal_data::{BookingErasure, PersonalDataClient},
    store::{
        erasures::{self, Erasure},
        login_failures, roles, users,
    },
};
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{email::EmailAddress, ids::UserId};
use std::time::Duration;

/// Where a wrong password is told.
const PASSWORD: &str = "/password";

/// When the other services are asked once more: the last access token has ended, and letters on their way have come.
const FOLLOW_UP_AFTER: Duration = Duration::from_secs(20 * 60);
/// How long an instance has for a follow-up; then another takes it.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// When a follow-up is tried again for bookings that were made at the last moment, and are ahead.
const AHEAD: Duration = Duration::from_secs(24 * 3600);
/// Follow-ups of one run at most.
const MOST: i64 = 100;

impl IdentityService {
    /// Deletes a user's account: the bookings keep pseudonyms, letters are erased, and all sessions end.
    ///
    /// The other services come first, and the account last: a failure on the way leaves an account whose owner can
    /// repeat the deletion. What they made at the last moment is erased by [`Self::follow_up_erasures`].
    ///
    /// # Errors
    /// [`IdentityError::Invalid`] for a wrong password, [`IdentityError::Locked`], [`IdentityError::Conflict`] for
    /// bookings ahead and for the last administrator, [`IdentityError::PersonalData`], [`IdentityError::SessionEnded`],
    /// or a fault of ours.
    pub(crate) async fn delete_account(
        &self,
        id: UserId,
        (password, device): (LoginPassword, &ClientDevice),
        others: &PersonalDataClient,
    ) -> Result<(), IdentityError> {
        let known = self.reauthenticate(id, (password, device), PASSWORD).await?;
        // Before anything is erased; the transaction decides.
        last_administrator::keep(&mut *self.pool.get().await?, &known.user).await?;
        // Letters to an address that was never verified may be those of its owner, who is somebody else.
        let email = known.user.email_verified.then(|| EmailAddress::key_of(&known.user.email));
        let erasure = Erasure { user: id, email, deleted_at: Utc::now() };
        // A letter that is just being sent is erased by the follow-up.
        let _all = erase_elsewhere(others, &erasure).await?;
        let delete = async |connection: &mut AsyncPgConnection| {
            roles::lock_grants(connection).await?;
            let user = users::lock_any(connection, id).await?.ok_or(IdentityError::SessionEnded)?;
            last_administrator::keep(connection, &user).await?;
            if !users::has_password(connection, id, &known.password_hash).await? {
                return Err(wrong_password(PASSWORD));
            }
            delete(connection, &user, &erasure).await
        };
        (*self.pool.get().await?).transaction(delete).await?;
        self.relay.nudge();
        tracing::info!(user.id = %id, "A user deleted the account");
        Ok(())
    }

    /// Erases once more what other services may have made of deleted accounts at the last moment.
    ///
    /// # Errors
    /// Faults of ours. A service that does not answer is asked again later.
    pub(crate) async fn follow_up_erasures(&self, others: &PersonalDataClient) -> Result<(), IdentityError> {
        let due = erasures::claim(&mut *self.pool.get().await?, LEASE, MOST).await?;
        for erasure in due {
            let erased = erase_elsewhere(others, &erasure).await;
            let mut connection = self.pool.get().await?;
            match erased {
                Ok(true) => erasures::finish(&mut connection, erasure.user).await?,
                // A letter is just being sent: the lease ends after it.
                Ok(false) => {}
                Err(IdentityError::Conflict(_)) => {
                    erasures::put_off(&mut connection, erasure.user, AHEAD).await?;
                }
                Err(error) => {
                    tracing::warn!(user.id = %erasure.user, error.message = %error, "An erasure is tried again later");
                }
            }
        }
        Ok(())
    }
}

/// Erases what booking and the mailer keep of a person; returns whether that is all, or a letter is just being sent.
async fn erase_elsewhere(others: &PersonalDataClient, erasure: &Erasure) -> Result<bool, IdentityError> {
    let mut subjects = match others.erase_bookings(erasure.user).await? {
        BookingErasure::Erased(bookings) => bookings,
        BookingErasure::Ahead(bookings) => return Err(IdentityConflict::BookingsAhead(bookings).into()),
    };
    subjects.push(erasure.user.0);
    let addressed = (erasure.email.as_deref(), erasure.deleted_at);
    let some_left = others.erase_letters(addressed, &subjects).await?;
    Ok(!some_left)
}

async fn delete(
    connection: &mut AsyncPgConnection,
    user: &User,
    erasure: &Erasure,
) -> Result<(), IdentityError> {
    own_sessions::end_all(connection, user.id, None).await?;
    access::access_changed(connection, user.id, user.version + 1).await?;
    login_failures::unlock(connection, &LoginEmail::digest_of(&EmailAddress::key_of(&user.email))).await?;
    users::delete(connection, user.id).await?;
    Ok(erasures::insert(connection, erasure, FOLLOW_UP_AFTER).await?)
}
