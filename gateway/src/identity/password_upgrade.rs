//! Hashes of an earlier, lower cost are replaced when their passwords come by.

use super::IdentityService;
use crate::{error::IdentityError, store::user_passwords};
use secrecy::SecretString;
use shared::ids::UserId;

impl IdentityService {
    /// After a login: hashes the password anew if its hash costs less than the configured cost. The login does not wait for
    /// it. If it fails, the next login tries again.
    pub(super) fn upgrade_hash(&self, user: UserId, password: SecretString, old: String) {
        if !self.hasher.is_outdated(&old) {
            return;
        }
        let identity = self.clone();
        actix_web::rt::spawn(async move {
            if let Err(error) = identity.replace_hash(user, password, &old).await {
                tracing::info!(user.id = %user, %error, "A password keeps its cheaper hash until the next login");
            }
        });
    }

    async fn replace_hash(
        &self,
        user: UserId,
        password: SecretString,
        old: &str,
    ) -> Result<(), IdentityError> {
        let new = self.hasher.hash(password).await?;
        let mut connection = self.pool.get().await?;
        Ok(user_passwords::upgrade(&mut connection, user, old, &new).await?)
    }
}
