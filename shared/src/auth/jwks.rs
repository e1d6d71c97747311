//! The public keys of the gateway (JWKS, RFC 7517 and 8037), kept fresh.

use super::refresh_signal::RefreshSignal;
use awc::http::header;
use futures_util::FutureExt;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the set is fetched: a key that is withdrawn is no longer trusted this much later.
const FETCH_INTERVAL: Duration = Duration::from_secs(5);
/// The same while there is no key at all.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);
/// The least time between two loadings.
const SPACING: Duration = Duration::from_secs(1);
/// The longest that the gateway may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a token with an unknown key waits for the next loading.
const PATIENCE: Duration = Duration::from_secs(3);
/// Ids of former keys that are remembered.
const FORMER_KEYS: usize = 32;

/// An Ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    pub r#use: String,
    /// The key's id.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
}

impl Jwk {
    /// The key with this id and these base64url bytes.
    #[must_use]
    pub fn ed25519(kid: String, x: String) -> Self {
        Self { kty: "OKP".into(), crv: "Ed25519".into(), alg: "EdDSA".into(), r#use: "sig".into(), kid, x }
    }
}

/// A key set on the wire.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// Why a key set could not be had.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The gateway does not answer.
    #[error("the key set cannot be fetched: {0}")]
    Fetch(String),
    /// It answers with something else.
    #[error("the key set cannot be read: {0}")]
    Read(String),
}

/// What is known of a key id.
pub(super) enum KeyLookup {
    /// The key is trusted.
    Trusted(Arc<DecodingKey>),
    /// The key was trusted once.
    Former,
    /// Nothing.
    Unknown,
}

/// The keys that a verifier trusts, shared by the threads of a service.
#[derive(Clone, Default)]
pub struct KeySource(Arc<SharedKeys>);

#[derive(Default)]
struct SharedKeys {
    keys: RwLock<Keys>,
    /// Grows whenever a key is no longer trusted.
    generation: AtomicU64,
    /// Tells each change of the trusted keys.
    changes: watch::Sender<()>,
    /// Asks whoever fills the source to fill it anew.
    refresh: RefreshSignal,
    /// Whether somebody does.
    is_served: AtomicBool,
}

#[derive(Default)]
struct Keys {
    trusted: HashMap<String, Arc<DecodingKey>>,
    /// Ids of keys that were trusted, the newest last. Clients with their tokens are told to refresh them.
    former: VecDeque<String>,
}

impl KeySource {
    /// An in-process source, filled by [`Self::replace`].
    #[must_use]
    pub fn in_process() -> Self {
        Self::default()
    }

    /// A source that fetches from a URL: at once (retried until it works), every five seconds, and for an unknown key id
    /// at most once a second. The last good set is kept. Must be called on an actix arbiter.
    #[must_use]
    pub fn fetched(url: String) -> Self {
        let source = Self::default();
        let client = awc::Client::builder().timeout(FETCH_TIMEOUT).finish();
        let fetched = source.clone();
        let mut failing = false;
        let fetch = async move || match fetch(&client, &url).await {
            Ok(set) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("The key set could be fetched again");
                }
                Some(set)
            }
            Err(error) => {
                // Told once, however long it takes. At a start the gateway may well come later.
                if fetched.is_ready() && !std::mem::replace(&mut failing, true) {
                    tracing::warn!(error.message = %error, "The key set could not be fetched");
                }
                None
            }
        };
        source.0.refresh.ask();
        actix_rt::spawn(source.clone().serve(FETCH_INTERVAL, CancellationToken::new(), fetch));
        source
    }

    /// Fills the source by `load`, in these intervals and when somebody asks for a key that is not known, at most once a
    /// second, until it is stopped. `None` keeps the last set.
    pub async fn serve(
        self,
        interval: Duration,
        stop: CancellationToken,
        mut load: impl AsyncFnMut() -> Option<KeySet>,
    ) {
        self.0.is_served.store(true, Ordering::Release);
        let stopping = || async { stop.cancelled().await };
        loop {
            let (pause, spacing) =
                if self.is_ready() { (interval, SPACING) } else { (FIRST_INTERVAL, FIRST_INTERVAL) };
            tokio::select! {
                () = stopping() => break,
                () = self.0.refresh.asked() => {}
                () = tokio::time::sleep(pause) => {}
            }
            let filling = async {
                match AssertUnwindSafe(load()).catch_unwind().await {
                    Ok(Some(set)) => self.replace(&set),
                    Ok(None) => {}
                    Err(_) => tracing::error!("Loading the keys has panicked"),
                }
            };
            self.0.refresh.run(filling).await;
            // What is asked within this time gets its answer after it.
            tokio::select! {
                () = stopping() => break,
                () = tokio::time::sleep(spacing) => {}
            }
        }
        self.0.is_served.store(false, Ordering::Release);
    }

    /// Trusts exactly these keys from now on. Keys of another type are passed over.
    pub fn replace(&self, set: &KeySet) {
        let usable = set.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let decoded = usable.filter_map(|key| {
            DecodingKey::from_ed_components(&key.x).ok().map(|decoded| (key.kid.clone(), Arc::new(decoded)))
        });
        let decoded: HashMap<_, _> = decoded.collect();
        // A poisoned lock still holds a whole map: it is only ever replaced.
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        let dropped: Vec<String> =
            keys.trusted.keys().filter(|kid| !decoded.contains_key(*kid)).cloned().collect();
        keys.former.retain(|kid| !decoded.contains_key(kid));
        let added = decoded.keys().any(|kid| !keys.trusted.contains_key(kid));
        keys.trusted = decoded;
        let any = !dropped.is_empty();
        keys.former.extend(dropped);
        let surplus = keys.former.len().saturating_sub(FORMER_KEYS);
        keys.former.drain(..surplus);
        drop(keys);
        if any {
            // After the change: who reads the new number finds the change.
            self.0.generation.fetch_add(1, Ordering::AcqRel);
        }
        if any || added {
            self.0.changes.send_replace(());
        }
    }

    /// Sees each change of the trusted keys, to wait for one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is any key; readiness probes ask.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.read().trusted.is_empty()
    }

    /// The number under which [`Self::trusts`] answers now.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Whether a key is trusted now.
    pub(super) fn trusts(&self, kid: &str) -> bool {
        self.read().trusted.contains_key(kid)
    }

    fn lookup(&self, kid: &str) -> KeyLookup {
        let keys = self.read();
        match keys.trusted.get(kid) {
            Some(key) => KeyLookup::Trusted(Arc::clone(key)),
            None if keys.former.iter().any(|former| former == kid) => KeyLookup::Former,
            None => KeyLookup::Unknown,
        }
    }

    /// The key with this id; the set is loaded anew where it is unknown and that is allowed now.
    pub(super) async fn key(&self, kid: &str) -> KeyLookup {
        let known = self.lookup(kid);
        if !matches!(known, KeyLookup::Unknown) || !self.0.is_served.load(Ordering::Acquire) {
            return known;
        }
        self.0.refresh.fresh(PATIENCE).await;
        self.lookup(kid)
    }
}

async fn fetch(client: &awc::Client, url: &str) -> Result<KeySet, JwksError> {
    // A cache in between may keep the set for a while: what it has is no answer here.
    let request = client.get(url).insert_header((header::CACHE_CONTROL, "no-cache"));
    let mut response = request.send().await.map_err(|error| JwksError::Fetch(error.to_string()))?;
    if !response.status().is_success() {
        return Err(JwksError::Fetch(response.status().to_string()));
    }
    let body = response.body().limit(64 * 1024).await.map_err(|error| JwksError::Fetch(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| JwksError::Read(error.to_string()))
}
