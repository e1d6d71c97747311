//! Keeps the keys that sign and verify access tokens, in step with the database.
//!
//! Invariant: the published keys always hold one that signs, and it is among those that verify.

use crate::{
    domain::signing_key::{SigningKey, SigningKeyError},
    store::signing_keys,
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::SecretString;
use shared::{
    auth::{Jwk, KeySet, KeySource},
    db::{DbError, Pool},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How soon an instance learns of the keys of another.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);

/// How long a stop waits for the reload that is under way.
const LONGEST_STOP: Duration = Duration::from_secs(2);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The database did not do its part.
    #[error("the signing keys could not be loaded")]
    Database(#[from] DbError),
    /// A key could not be derived.
    #[error("a signing key could not be derived")]
    Derive(#[from] SigningKeyError),
}

impl From<diesel::result::Error> for KeyRingError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The keys at one time.
pub(crate) struct AccessTokenKeys {
    /// The one that signs.
    pub(crate) signing: SigningKey,
    /// All keys whose tokens are valid.
    pub(crate) set: KeySet,
}

/// A cloneable handle of the keys.
#[derive(Clone)]
pub(crate) struct KeyRing {
    keys: watch::Receiver<Arc<AccessTokenKeys>>,
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl KeyRing {
    /// Loads the keys, and makes the first one where there is none. Then keeps them up to date on the present
    /// arbiter, also in `source`, which verifies tokens.
    ///
    /// # Errors
    /// [`KeyRingError`].
    pub(crate) async fn start(
        pool: Pool,
        secret: SecretString,
        source: KeySource,
    ) -> Result<Self, KeyRingError> {
        let keys = load(&pool, &secret).await?;
        source.replace(&keys.set);
        let (sender, receiver) = watch::channel(Arc::new(keys));
        let reload = async move || match load(&pool, &secret).await {
            Ok(keys) => {
                let set = keys.set.clone();
                sender.send_replace(Arc::new(keys));
                Some(set)
            }
            Err(error) => {
                tracing::warn!(error.message = %error, "The signing keys stay as they are");
                None
            }
        };
        let ring = Self { keys: receiver, stop: CancellationToken::new(), stopped: CancellationToken::new() };
        let (serving, stopped) =
            (source.serve(RELOAD_INTERVAL, ring.stop.clone(), reload), ring.stopped.clone().drop_guard());
        actix_rt::spawn(async move {
            let _stopped = stopped;
            serving.await;
        });
        Ok(ring)
    }

    /// The present keys. Reading them needs no mailbox, and holds a lock only for a copy.
    pub(crate) fn keys(&self) -> Arc<AccessTokenKeys> {
        Arc::clone(&self.keys.borrow())
    }

    /// Stops following the database.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        // A database that does not answer keeps no service from stopping.
        let _late = tokio::time::timeout(LONGEST_STOP, self.stopped.cancelled()).await;
    }
}

/// Loads the keys. The newest key that our secret yields signs; where there is none, a new key is made and the
/// others are retired.
///
/// During the rollout of a new secret, an instance with the old secret signs with its retired key for two
/// minutes, and then makes another key. So its tokens stay valid, however long the rollout takes. Making a key
/// retires the other instances' key, which they replace in the same way, until the last old instance has ended.
async fn load(pool: &Pool, secret: &SecretString) -> Result<AccessTokenKeys, KeyRingError> {
    let mut connection = pool.get().await?;
    // As a rule there is a key of ours, and nothing is to be changed.
    if let (Some(signing), set) = read(&mut connection, secret).await? {
        return Ok(AccessTokenKeys { signing, set });
    }
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            signing_keys::lock(connection).await?;
            let mut set = match read(connection, secret).await? {
                (Some(signing), set) => return Ok(AccessTokenKeys { signing, set }),
                (None, set) => set,
            };
            let signing = SigningKey::derive(secret, &Uuid::now_v7().to_string())?;
            signing_keys::succeed(connection, signing.kid(), signing.public()).await?;
            tracing::info!(key.id = signing.kid(), "A new key signs access tokens");
            set.keys.insert(0, signing.jwk());
            Ok(AccessTokenKeys { signing, set })
        })
        .await
}

/// The keys that are trusted, and the newest of them that our secret yields and that may sign.
async fn read(
    connection: &mut AsyncPgConnection,
    secret: &SecretString,
) -> Result<(Option<SigningKey>, KeySet), KeyRingError> {
    let trusted = signing_keys::trusted(connection).await?;
    let keys = trusted.iter().map(|key| Jwk::ed25519(key.kid.clone(), key.public_key.clone())).collect();
    for key in trusted.iter().filter(|key| key.signs) {
        let signing = SigningKey::derive(secret, &key.kid)?;
        if signing.public() == key.public_key {
            return Ok((Some(signing), KeySet { keys }));
        }
    }
    Ok((None, KeySet { keys }))
}
