//! The caller's own account.

use super::IdentityService;
use crate::{
    domain::user::User,
    error::IdentityError,
    store::users::{self, AccountChanges},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{ids::UserId, locale::Locale, person_name::PersonName};

/// Changes of the caller's own profile; `None` keeps the present value.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfilePatch {
    /// Given names.
    pub(crate) given_name: Option<PersonName>,
    /// Family name.
    pub(crate) family_name: Option<PersonName>,
    /// Language.
    pub(crate) locale: Option<Locale>,
}

impl IdentityService {
    /// The caller.
    ///
    /// # Errors
    /// [`IdentityError::SessionEnded`] where the account is closed, or a fault of ours.
    pub(crate) async fn me(&self, id: UserId) -> Result<User, IdentityError> {
        let mut connection = self.pool.get().await?;
        users::active(&mut connection, id).await?.ok_or(IdentityError::SessionEnded)
    }

    /// Changes the caller's profile. With an expected version, only that version is changed.
    ///
    /// # Errors
    /// [`IdentityError::Stale`], [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn change(
        &self,
        id: UserId,
        patch: ProfilePatch,
        expected: Option<i64>,
    ) -> Result<User, IdentityError> {
        let changes = AccountChanges::profile(patch.given_name, patch.family_name, patch.locale);
        let mut connection = self.pool.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let version = users::lock(connection, id).await?.ok_or(IdentityError::SessionEnded)?;
                if expected.is_some_and(|expected| expected != version) {
                    return Err(IdentityError::Stale);
                }
                Ok(users::change(connection, id, &changes).await?)
            })
            .await
    }
}
