//! Keeps the keys that sign and verify access tokens, in step with the database.
//!
//! Invariant: the published keys always hold one that signs, and it is among those that verify.

use super::Stop;
use crate::{
    domain::signing_key::{SigningError, SigningKey},
    store::signing_keys,
};
use actix::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::SecretString;
use shared::{
    auth::{Jwk, KeySet, KeySource},
    db::{DbError, Pool},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use uuid::Uuid;

/// How soon an instance learns of the keys of another.
const RELOAD: Duration = Duration::from_secs(10);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database did not do its part.
    #[error("the signing keys could not be loaded")]
    Database(#[from] DbError),
    /// A key could not be derived.
    #[error("a signing key could not be derived")]
    Derive(#[from] SigningError),
}

impl From<diesel::result::Error> for KeysError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The keys of a moment.
pub struct Keys {
    /// The one that signs.
    pub signing: SigningKey,
    /// All whose tokens are good.
    pub set: KeySet,
}

/// The actor.
struct Keeper {
    pool: Pool,
    secret: SecretString,
    source: KeySource,
    keys: watch::Sender<Arc<Keys>>,
}

impl Actor for Keeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(RELOAD, |keeper, ctx| {
            let (pool, secret) = (keeper.pool.clone(), keeper.secret.clone());
            // Interleaves, but nothing else runs here: a load takes less than the interval or fails.
            let loaded = async move { load(&pool, &secret).await };
            ctx.spawn(loaded.into_actor(keeper).map(|loaded, keeper, _| match loaded {
                Ok(keys) => {
                    keeper.source.replace(&keys.set);
                    keeper.keys.send_replace(Arc::new(keys));
                }
                Err(error) => tracing::warn!(error.message = %error, "The signing keys stay as they are"),
            }));
        });
    }
}

impl Handler<Stop> for Keeper {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A cloneable handle of the keys.
#[derive(Clone)]
pub struct KeyRing {
    keys: watch::Receiver<Arc<Keys>>,
    keeper: Recipient<Stop>,
}

impl KeyRing {
    /// Loads the keys, makes the first one where there is none, and keeps them up to date on the
    /// present arbiter, also in `source`, by which tokens are verified.
    ///
    /// # Errors
    /// [`KeysError`].
    pub async fn start(pool: Pool, secret: SecretString, source: KeySource) -> Result<Self, KeysError> {
        let keys = load(&pool, &secret).await?;
        source.replace(&keys.set);
        let (sender, receiver) = watch::channel(Arc::new(keys));
        let keeper = Actor::start(Keeper { pool, secret, source, keys: sender });
        Ok(Self { keys: receiver, keeper: keeper.recipient() })
    }

    /// The keys of now; no mailbox, no lock that is held for longer than a copy.
    #[must_use]
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.borrow())
    }

    /// Stops following the database.
    pub async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.keeper.send(Stop).await;
    }
}

/// The newest key that our secret yields signs; a new one is made, and the others retired, where there
/// is none.
///
/// While a new secret is rolled out, an instance with the old one goes on with its retired key for two
/// minutes, and then makes another: its tokens stay good however long the rollout takes. Whichever key
/// is retired thereby is replaced by its instances in the same way, so those that remain win.
async fn load(pool: &Pool, secret: &SecretString) -> Result<Keys, KeysError> {
    let mut connection = pool.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            signing_keys::lock(connection).await?;
            let trusted = signing_keys::trusted(connection).await?;
            let mut set = KeySet {
                keys: trusted
                    .iter()
                    .map(|key| Jwk::ed25519(key.kid.clone(), key.public_key.clone()))
                    .collect(),
            };
            for key in trusted.iter().filter(|key| key.signs) {
                let signing = SigningKey::derive(secret, &key.kid)?;
                if signing.public() == key.public_key {
                    return Ok(Keys { signing, set });
                }
            }
            let signing = SigningKey::derive(secret, &Uuid::now_v7().to_string())?;
            signing_keys::succeed(connection, signing.kid(), signing.public()).await?;
            tracing::info!(key.id = signing.kid(), "A new key signs access tokens");
            set.keys.insert(0, signing.jwk());
            Ok(Keys { signing, set })
        })
        .await
}
