//! The first administrator.

use super::{Identity, registration};
use crate::{
    domain::{
        locale::Locale,
        password::{InvalidPassword, NewPassword},
        user::ADMIN,
    },
    error::IdentityError,
    store::{
        roles,
        users::{self, NewUser},
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use shared::{
    email::{EmailAddress, InvalidEmail},
    ids::UserId,
};

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// The configured address is none.
    #[error("the administrator's e-mail address is invalid")]
    Email(#[from] InvalidEmail),
    /// The configured password may not be one.
    #[error("the administrator's password is invalid")]
    Password(#[from] InvalidPassword),
    /// Somebody else registered with the address.
    #[error("the administrator's e-mail address belongs to an account that is no administrator")]
    EmailTaken,
    /// It could not be made.
    #[error("the administrator could not be made")]
    Identity(#[from] IdentityError),
}

impl From<diesel::result::Error> for AdministratorError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Identity(error.into())
    }
}

/// Makes an administrator with this address and password, unless there is any; gives whether it did.
/// Instances that start at once make one.
///
/// # Errors
/// [`AdministratorError`].
pub async fn ensure_administrator(
    identity: &Identity,
    email: &str,
    password: &SecretString,
) -> Result<bool, AdministratorError> {
    let mut connection = identity.pool.get().await.map_err(IdentityError::from)?;
    if roles::is_granted(&mut connection, ADMIN).await? {
        // Not looked at: an earlier release may have made the administrator by a looser grammar of addresses.
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
        password_hash: &password_hash,
        given_name: "Aerobus",
        family_name: "Administrator",
        locale: &locale,
    };
    let made = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            // The number is arbitrary but fixed.
            let lock = "SELECT pg_advisory_xact_lock(4716, hashtext(current_schema()))";
            diesel::sql_query(lock).execute(connection).await?;
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
