//! New accounts.

use super::{Identity, to_its_end};
use crate::{
    domain::{
        locale::Locale,
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
    outbox,
    person_name::PersonName,
};

/// Somebody who wants an account.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The address.
    pub email: EmailAddress,
    /// The password.
    pub password: NewPassword,
    /// Given names.
    pub given_name: PersonName,
    /// Family name.
    pub family_name: PersonName,
    /// Language.
    pub locale: Locale,
}

impl Identity {
    /// Makes an account for a customer, and tells the bus.
    ///
    /// # Errors
    /// [`IdentityError::EmailTaken`], or a fault of ours.
    pub async fn register(&self, wish: Registration) -> Result<User, IdentityError> {
        // Looked at first, so that a taken address costs no hash; the insert decides.
        if users::has_account(&mut *self.pool.get().await?, &wish.email).await? {
            return Err(IdentityError::EmailTaken);
        }
        let password_hash = self.hasher.hash(wish.password.clone().into_secret()).await?;
        let (pool, relay) = (self.pool.clone(), self.relay.clone());
        let user = to_its_end(async move {
            let Registration { email, given_name, family_name, locale, .. } = &wish;
            let new = NewUser {
                id: UserId::new(),
                email,
                email_verified: false,
                password_hash: &password_hash,
                given_name: given_name.as_str(),
                family_name: family_name.as_str(),
                locale,
            };
            let mut connection = pool.get().await?;
            let user = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    insert(connection, &new, CUSTOMER).await
                })
                .await?;
            relay.nudge();
            Ok(user)
        })
        .await?;
        user.ok_or(IdentityError::EmailTaken)
    }
}

/// Makes an account with its event; `None` when the address has one already.
pub(super) async fn insert(
    connection: &mut AsyncPgConnection,
    new: &NewUser<'_>,
    role: &str,
) -> diesel::QueryResult<Option<User>> {
    let Some(user) = users::insert(connection, new, role).await? else { return Ok(None) };
    let event = Event::new("gateway", EventType::UserRegistered, user.id, user.version, &user.state());
    outbox::append(connection, &[event]).await?;
    Ok(Some(user))
}
