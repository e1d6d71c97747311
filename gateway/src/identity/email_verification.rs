//! Verifying an address by the token that a letter brought there.

use super::{IdentityService, access};
use crate::{
    domain::one_time_token::{InvalidOneTimeToken, OneTimeToken, TokenPurpose},
    error::IdentityError,
    store::{one_time_tokens, user_emails},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};

impl IdentityService {
    /// Notes that the address of the token's user is the user's. Access tokens tell it from the next refresh on.
    ///
    /// # Errors
    /// [`IdentityError::Token`], or a fault of ours.
    pub(crate) async fn verify_email(&self, token: &OneTimeToken) -> Result<(), IdentityError> {
        let (purpose, digest) = (TokenPurpose::VerifyEmail, token.digest());
        let mut connection = self.pool.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let user = one_time_tokens::user_of(connection, purpose, &digest).await?;
                let user = user.ok_or(InvalidOneTimeToken)?;
                // The user's row first, as those who write tokens do, so that nobody waits in a circle.
                let address = user_emails::lock(connection, user).await?.ok_or(InvalidOneTimeToken)?;
                if !one_time_tokens::consume(connection, purpose, &digest, &address.key).await? {
                    return Err(InvalidOneTimeToken.into());
                }
                if !address.verified {
                    let version = user_emails::verify(connection, user).await?;
                    access::access_changed(connection, user, version).await?;
                }
                Ok::<(), IdentityError>(())
            })
            .await?;
        self.relay.nudge();
        Ok(())
    }
}
