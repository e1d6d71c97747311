//! New accounts.

use super::{IdentityService, letter_tokens};
use crate::{
    domain::{
        client_device::ClientDevice,
        one_time_token::TokenPurpose,
        password::NewPassword,
        user::{CUSTOMER, User},
    },
    error::IdentityError,
    store::users::{self, NewUser},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    email::EmailAddress,
    events::{Event, EventType},
    ids::UserId,
    locale::Locale,
    outbox,
    person_name::PersonName,
};

/// The details of a new account.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    /// The address.
    pub(crate) email: EmailAddress,
    /// The password.
    pub(crate) password: NewPassword,
    /// Given names.
    pub(crate) given_name: PersonName,
    /// Family name.
    pub(crate) family_name: PersonName,
    /// Language.
    pub(crate) locale: Locale,
}

impl IdentityService {
    /// Makes an account for a customer, with its event and that of the letter that verifies the address.
    ///
    /// # Errors
    /// [`IdentityError::EmailTaken`], or a fault of ours.
    pub(crate) async fn register(
        &self,
        registration: Registration,
        device: &ClientDevice,
    ) -> Result<User, IdentityError> {
        // A check before the hash, so that a taken address costs none. The insert decides.
        if users::has_account(&mut *self.pool.get().await?, &registration.email).await? {
            return Err(IdentityError::EmailTaken);
        }
        let Registration { email, password, given_name, family_name, locale } = registration;
        let password_hash = self.hasher.for_client(device).hash(password.into_secret()).await?;
        let new = NewUser {
            id: UserId::new(),
            email: &email,
            email_verified: false,
            password_hash: Some(&password_hash),
            given_name: &given_name,
            family_name: &family_name,
            locale: &locale,
        };
        let mut connection = self.pool.get().await?;
        let user = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let user = insert(connection, &new, CUSTOMER).await?;
                if let Some(user) = &user {
                    letter_tokens::send(connection, user, TokenPurpose::VerifyEmail).await?;
                }
                diesel::QueryResult::Ok(user)
            })
            .await?;
        self.relay.nudge();
        user.ok_or(IdentityError::EmailTaken)
    }
}

/// Makes an account with its event; `None` when the address has one already.
pub(super) async fn insert(
    connection: &mut AsyncPgConnection,
    new: &NewUser<'_>,
    role: &str,
) -> diesel::QueryResult<Option<User>> {
    let Some(user) = users::insert(connection, new, &[role]).await? else { return Ok(None) };
    let event = Event::new("gateway", EventType::UserRegistered, user.id, user.version, &user.state());
    outbox::append(connection, &[event]).await?;
    Ok(Some(user))
}
