//! The first administrator.

use super::{IdentityService, registration};
use crate::{
    domain::{
        password::{InvalidPassword, NewPassword},
        user::ADMIN,
    },
    error::IdentityError,
    store::{
        roles,
        users::{self, NewUser},
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::{ExposeSecret, SecretString};
use shared::{
    email::{EmailAddress, InvalidEmail},
    ids::UserId,
    locale::Locale,
    person_name::PersonName,
};

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// The configured address is invalid.
    #[error("the administrator's e-mail address is invalid")]
    Email(#[from] InvalidEmail),
    /// The rules do not allow the configured password.
    #[error("the administrator's password is invalid")]
    Password(#[from] InvalidPassword),
    /// An account without the role has the address.
    #[error("the administrator's e-mail address belongs to an account that is no administrator")]
    EmailTaken,
    /// It could not be made.
    #[error("the administrator could not be made")]
    IdentityService(#[from] IdentityError),
}

impl From<diesel::result::Error> for AdministratorError {
    fn from(error: diesel::result::Error) -> Self {
        Self::IdentityService(error.into())
    }
}

/// Makes an administrator with this address and password if there is none; returns whether it did. Instances
/// that start at once make one between them.
///
/// # Errors
/// [`AdministratorError`].
pub(crate) async fn ensure_administrator(
    identity: &IdentityService,
    email: &str,
    password: &SecretString,
) -> Result<bool, AdministratorError> {
    let mut connection = identity.pool.get().await.map_err(IdentityError::from)?;
    if roles::is_granted(&mut connection, ADMIN).await? {
        // The configured address is not parsed: an earlier release may have accepted it by a looser grammar.
        return Ok(false);
    }
    let email: EmailAddress = email.parse()?;
    let password = NewPassword::try_from(password.expose_secret().to_owned())?;
    let password_hash = identity.hasher.hash(password.into_secret()).await.map_err(IdentityError::from)?;
    let locale = Locale::default();
    let new = NewUser {
        id: UserId::new(),
        email: &email,
        email_verified: true,
        password_hash: Some(&password_hash),
        given_name: &PersonName::stored("Aerobus".to_owned()),
        family_name: &PersonName::stored("Administrator".to_owned()),
        locale: &locale,
    };
    let made = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            roles::lock_first_administrator(connection).await?;
            if roles::is_granted(connection, ADMIN).await? {
                return Ok(false);
            }
            if users::has_account(connection, &email).await? {
                return Err(AdministratorError::EmailTaken);
            }
            let user = registration::insert(connection, &new, ADMIN).await?;
            user.map(|_| true).ok_or(AdministratorError::EmailTaken)
        })
        .await?;
    identity.relay.nudge();
    Ok(made)
}
