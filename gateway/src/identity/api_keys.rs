//! The API keys of users.

use super::{IdentityService, access, access_token_issuer::TokenGrant, session_alert};
use crate::{
    domain::{
        api_key::{self, ApiKey, ApiKeyText, IssuedApiKey},
        client_device::ClientDevice,
    },
    error::{IdentityConflict, IdentityError},
    security_event::SecurityEvent,
    store::{
        api_keys::{self, NewApiKeyRow},
        users,
    },
};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::SecretString;
use shared::{
    auth::Permission,
    events::AlertReason,
    ids::{SessionId, UserId},
};
use uuid::Uuid;

/// Keys that a user may have.
const MOST_KEYS: i64 = 20;
/// Seconds for which the access token of a key is good.
const TOKEN_SECONDS: i64 = 60;

/// What a user wants of a new key.
#[derive(Debug, Clone)]
pub(crate) struct NewApiKey {
    /// What its user calls it.
    pub(crate) name: String,
    /// What it permits.
    pub(crate) permissions: Vec<Permission>,
    /// When it stops working.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// Deletes all keys of a user whose row is locked, and ends the access tokens that they were exchanged for; returns their
/// number.
///
/// # Errors
/// Those of the database.
pub(super) async fn delete_all(
    connection: &mut AsyncPgConnection,
    user: UserId,
) -> diesel::QueryResult<usize> {
    let keys = api_keys::delete_all(connection, user).await?;
    for key in &keys {
        access::end_tokens_of(connection, user, SessionId(*key)).await?;
        SecurityEvent::ApiKeyDeleted.record();
    }
    Ok(keys.len())
}

impl IdentityService {
    /// The keys of a user.
    ///
    /// # Errors
    /// Faults of ours.
    pub(crate) async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, IdentityError> {
        Ok(api_keys::of_user(&mut *self.pool.get().await?, user).await?)
    }

    /// Creates a key, which permits nothing that its user lacks.
    ///
    /// # Errors
    /// [`IdentityError::Lacks`], [`IdentityConflict::TooManyApiKeys`], [`IdentityError::SessionEnded`], or a fault of
    /// ours.
    pub(crate) async fn create_api_key(
        &self,
        id: UserId,
        new: NewApiKey,
        device: &ClientDevice,
    ) -> Result<IssuedApiKey, IdentityError> {
        let (key, scope) = (ApiKeyText::generate(), api_key::to_scope(&new.permissions));
        let digest = key.digest();
        let row = NewApiKeyRow {
            id: Uuid::now_v7(),
            user_id: id.0,
            name: &new.name,
            prefix: key.prefix(),
            digest: &digest,
            scope: &scope,
            expires_at: new.expires_at,
        };
        let resource = (*self.pool.get().await?)
            .transaction(async |connection: &mut AsyncPgConnection| {
                // The lock keeps keys that are created at once within the bound.
                users::lock(connection, id).await?.ok_or(IdentityError::SessionEnded)?;
                let user = users::active(connection, id).await?.ok_or(IdentityError::SessionEnded)?;
                let lacks = |name: &&str| !user.permissions.iter().any(|has| has == name);
                let missing: Vec<String> =
                    scope.split_whitespace().filter(lacks).map(str::to_owned).collect();
                if !missing.is_empty() {
                    return Err(IdentityError::Lacks(missing));
                }
                if api_keys::count(connection, id).await? >= MOST_KEYS {
                    return Err(IdentityConflict::TooManyApiKeys.into());
                }
                let created = api_keys::insert(connection, &row).await?;
                session_alert::alert(connection, &user, AlertReason::ApiKeysChanged, device).await?;
                Ok(created)
            })
            .await?;
        self.relay.nudge();
        SecurityEvent::ApiKeyCreated.record();
        Ok(IssuedApiKey { resource, key: key.text().clone() })
    }

    /// Deletes a key, and ends the access tokens that it was exchanged for; returns its digest.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`], [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn delete_api_key(
        &self,
        user: UserId,
        id: Uuid,
        device: &ClientDevice,
    ) -> Result<Vec<u8>, IdentityError> {
        let digest = (*self.pool.get().await?)
            .transaction(async |connection: &mut AsyncPgConnection| {
                users::lock(connection, user).await?.ok_or(IdentityError::SessionEnded)?;
                let owner = users::active(connection, user).await?.ok_or(IdentityError::SessionEnded)?;
                let digest = api_keys::delete(connection, user, id).await?.ok_or(IdentityError::NotFound)?;
                access::end_tokens_of(connection, user, SessionId(id)).await?;
                session_alert::alert(connection, &owner, AlertReason::ApiKeysChanged, device).await?;
                Ok::<_, IdentityError>(digest)
            })
            .await?;
        self.relay.nudge();
        SecurityEvent::ApiKeyDeleted.record();
        Ok(digest)
    }

    /// The access token that a key is exchanged for, with the key's permissions that its user still has. The token's
    /// session is the key, so that it ends with the key.
    ///
    /// # Errors
    /// [`IdentityError::UnknownApiKey`], or a fault of ours.
    pub(crate) async fn exchange_api_key(&self, key: &ApiKeyText) -> Result<SecretString, IdentityError> {
        let mut connection = self.pool.get().await?;
        let kept = api_keys::find(&mut connection, key.prefix()).await?;
        let kept = kept.filter(|kept| key.has_digest(&kept.digest) && !kept.expired);
        let kept = kept.ok_or(IdentityError::UnknownApiKey)?;
        let token = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let current = users::lock_current(connection, UserId(kept.user_id)).await?;
                let mut current = current.ok_or(IdentityError::UnknownApiKey)?;
                let permissions = api_key::permitted(&kept.scope, &current.user.permissions);
                // A key has permissions, no roles.
                current.user.roles.clear();
                let (session, seconds) = (SessionId(kept.id), TOKEN_SECONDS);
                self.issuer
                    .access_token(&current, &TokenGrant { session, permissions: &permissions, seconds })
            })
            .await?;
        api_keys::touch(&mut connection, kept.id).await?;
        Ok(token)
    }
}
