//! The public keys of the gateway (JWKS, RFC 7517 and 8037), kept fresh.

use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

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

/// The keys that a verifier trusts, shared by the threads of a service.
#[derive(Clone, Default)]
pub struct KeySource {
    keys: Arc<RwLock<HashMap<String, Arc<DecodingKey>>>>,
    refresh: Option<mpsc::Sender<oneshot::Sender<()>>>,
}

impl KeySource {
    /// An in-process source, filled by [`Self::replace`].
    #[must_use]
    pub fn in_process() -> Self {
        Self::default()
    }

    /// A source that fetches from a URL: at once (retried with backoff until it works), every five
    /// minutes, and for an unknown key id at most once a second. The last good set is kept. Must be
    /// called on an actix arbiter.
    #[must_use]
    pub fn fetched(url: String) -> Self {
        let (sender, receiver) = mpsc::channel(16);
        let source = Self { keys: Arc::default(), refresh: Some(sender) };
        actix_rt::spawn(keep_fresh(source.clone().without_refresh(), url, receiver));
        source
    }

    /// The refresher must not keep its own channel open.
    fn without_refresh(self) -> Self {
        Self { refresh: None, ..self }
    }

    /// Trusts exactly these keys from now on. Keys of another type are passed over.
    pub fn replace(&self, set: &KeySet) {
        let usable = set.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let decoded = usable.filter_map(|key| {
            DecodingKey::from_ed_components(&key.x).ok().map(|decoded| (key.kid.clone(), Arc::new(decoded)))
        });
        let decoded = decoded.collect();
        // A poisoned lock still holds a whole map: it is only ever replaced.
        *self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = decoded;
    }

    /// Whether there is any key; readiness probes ask.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner).is_empty()
    }

    fn known(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(kid).cloned()
    }

    /// The key with this id, fetched anew where it is unknown and that is allowed now.
    pub async fn key(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        if let Some(key) = self.known(kid) {
            return Some(key);
        }
        let (done, fetched) = oneshot::channel();
        // A full channel means that enough callers wait already.
        self.refresh.as_ref()?.try_send(done).ok()?;
        let _ = tokio::time::timeout(Duration::from_secs(2), fetched).await;
        self.known(kid)
    }
}

/// Fetches until the service is gone. Bounded: at most one fetch a second.
async fn keep_fresh(source: KeySource, url: String, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
    let client = awc::Client::builder().timeout(Duration::from_secs(2)).finish();
    let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
    loop {
        match fetch(&client, &url).await {
            Ok(set) => source.replace(&set),
            // At a start the gateway may well come later.
            Err(error) if !source.is_ready() => {
                tracing::info!(error.message = %error, "The key set could not be fetched yet");
            }
            Err(error) => tracing::warn!(error.message = %error, "The key set could not be fetched"),
        }
        for waiter in waiting.drain(..) {
            let _ = waiter.send(());
        }
        // What is asked within this second gets its answer after it.
        tokio::time::sleep(if source.is_ready() {
            Duration::from_secs(1)
        } else {
            Duration::from_millis(200)
        })
        .await;
        let idle = if source.is_ready() { Duration::from_secs(300) } else { Duration::ZERO };
        match tokio::time::timeout(idle, asked.recv()).await {
            Ok(Some(waiter)) => waiting.push(waiter),
            Ok(None) => return,
            Err(_) => {}
        }
        while let Ok(waiter) = asked.try_recv() {
            waiting.push(waiter);
        }
    }
}

async fn fetch(client: &awc::Client, url: &str) -> Result<KeySet, JwksError> {
    let mut response = client.get(url).send().await.map_err(|error| JwksError::Fetch(error.to_string()))?;
    if !response.status().is_success() {
        return Err(JwksError::Fetch(response.status().to_string()));
    }
    let body = response.body().limit(64 * 1024).await.map_err(|error| JwksError::Fetch(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| JwksError::Read(error.to_string()))
}
