//! Keeps the keys that sign and verify access tokens, in step with the database.
//!
//! Invariant: the published keys always hold one that signs, and it is among those that verify.

use crate::{
    domain::signing_key::{SigningKey, SigningKeyError},
    security_event::SecurityEvent,
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
                let before = sender.send_replace(Arc::new(keys));
                record_dropped(&before.set, &set);
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

/// Tells which keys are no longer trusted: withdrawn, or retired so long ago that their tokens have expired.
fn record_dropped(before: &KeySet, now: &KeySet) {
    let is_there = |kid: &str| now.keys.iter().any(|key| key.kid == kid);
    for key in before.keys.iter().filter(|key| !is_there(&key.kid)) {
        tracing::info!(key.id = key.kid, "A key is no longer trusted");
        SecurityEvent::SigningKeyDropped.record();
    }
}

/// What the database has, as an instance with our secret sees it.
struct StoredKeys {
    /// The newest key of ours that may sign.
    signing: Option<SigningKey>,
    /// The newest key of ours that will sign later.
    announced: Option<SigningKey>,
    /// Whether an operator wants another key in the place of the one that signs.
    rotation_requested: bool,
    /// All that are trusted, newest first.
    set: KeySet,
}

impl StoredKeys {
    async fn read(connection: &mut AsyncPgConnection, secret: &SecretString) -> Result<Self, KeyRingError> {
        let trusted = signing_keys::trusted(connection).await?;
        let keys = trusted.iter().map(|key| Jwk::ed25519(key.kid.clone(), key.public_key.clone()));
        let mut stored = Self {
            signing: None,
            announced: None,
            rotation_requested: false,
            set: KeySet { keys: keys.collect() },
        };
        for key in trusted.iter().filter(|key| key.signs || key.announced) {
            let place = if key.signs { &mut stored.signing } else { &mut stored.announced };
            if place.is_some() {
                continue;
            }
            let derived = SigningKey::derive(secret, &key.kid)?;
            if derived.public() == key.public_key {
                *place = Some(derived);
                stored.rotation_requested |= key.signs && key.rotation_requested;
            }
        }
        Ok(stored)
    }

    /// The keys, where nothing is to be changed.
    fn settled(&mut self) -> Option<AccessTokenKeys> {
        if self.rotation_requested && self.announced.is_none() {
            return None;
        }
        let signing = self.signing.take()?;
        Some(AccessTokenKeys { signing, set: std::mem::take(&mut self.set) })
    }
}

/// Loads the keys. The newest key that our secret yields signs; where there is none, an announced one signs at once,
/// or a new key is made and the others are retired. Where an operator has asked for another key, it is announced.
///
/// During the rollout of a new secret, an instance with the old secret signs with its retired key for two
/// minutes, and then makes another key. So its tokens stay valid, however long the rollout takes. Making a key
/// retires the other instances' key, which they replace in the same way, until the last old instance has ended.
async fn load(pool: &Pool, secret: &SecretString) -> Result<AccessTokenKeys, KeyRingError> {
    let mut connection = pool.get().await?;
    // As a rule there is a key of ours, and nothing is to be changed.
    if let Some(keys) = StoredKeys::read(&mut connection, secret).await?.settled() {
        return Ok(keys);
    }
    let (keys, changed) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            signing_keys::lock(connection).await?;
            let mut stored = StoredKeys::read(connection, secret).await?;
            match stored.settled() {
                // Another instance was first.
                Some(keys) => Ok::<_, KeyRingError>((keys, false)),
                None => Ok((settle(connection, secret, stored).await?, true)),
            }
        })
        .await?;
    if changed {
        SecurityEvent::SigningKeyAdded.record();
    }
    Ok(keys)
}

/// Makes, announces or promotes a key.
async fn settle(
    connection: &mut AsyncPgConnection,
    secret: &SecretString,
    StoredKeys { signing, announced, mut set, .. }: StoredKeys,
) -> Result<AccessTokenKeys, KeyRingError> {
    if let (None, Some(next)) = (&signing, announced) {
        signing_keys::promote(connection, next.kid()).await?;
        tracing::info!(key.id = next.kid(), "An announced key signs access tokens");
        return Ok(AccessTokenKeys { signing: next, set });
    }
    let next = SigningKey::derive(secret, &Uuid::now_v7().to_string())?;
    set.keys.insert(0, next.jwk());
    let signing = match signing {
        Some(signing) => {
            signing_keys::announce(connection, next.kid(), next.public()).await?;
            tracing::info!(key.id = next.kid(), "A new key will sign access tokens");
            signing
        }
        None => {
            signing_keys::succeed(connection, next.kid(), next.public()).await?;
            tracing::info!(key.id = next.kid(), "A new key signs access tokens");
            next
        }
    };
    Ok(AccessTokenKeys { signing, set })
}
