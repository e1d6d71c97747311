//! Requests under idempotency keys.

use super::{
    Sales,
    outcome::{SalesError, Sold, Stop, settle},
};
use crate::{
    deadline,
    store::{self, keys::Known},
};
use booking_engine::booking::{idempotency::Key, refusal::Refusal};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

/// Bodies by the scopes of their keys.
pub(crate) type RunningKeys = Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>;

/// A key's request that runs; it no longer does when this is dropped.
struct RunningKey {
    running: RunningKeys,
    scope: Vec<u8>,
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

impl Sales {
    /// Runs a request under its key, if it has one. The ledger binds the key; what is looked up here
    /// keeps a repeated request from being refused for what its first run has done.
    pub(super) async fn keyed(
        &self,
        key: Option<Key>,
        run: impl AsyncFnOnce() -> Result<Sold, Stop>,
    ) -> Result<Sold, SalesError> {
        let Some(key) = key else { return settle(run().await) };
        if let Some(known) = self.known(&key).await? {
            return Ok(known);
        }
        match self.running.lock().unwrap_or_else(PoisonError::into_inner).entry(key.scope.clone()) {
            Entry::Vacant(free) => drop(free.insert(key.body.clone())),
            Entry::Occupied(other) if *other.get() != key.body => {
                return Ok(Sold::Refused(Refusal::KeyReused));
            }
            Entry::Occupied(_) => return Ok(Sold::Refused(Refusal::KeyInProgress)),
        }
        let _running = RunningKey { running: self.running.clone(), scope: key.scope.clone() };
        match settle(run().await)? {
            Sold::Refused(refusal) => Ok(self.known(&key).await?.unwrap_or(Sold::Refused(refusal))),
            sold => Ok(sold),
        }
    }

    /// What a key's first request has come to, if it is bound; before that request's conditions are
    /// looked at: its own effect may be why they no longer hold.
    pub(crate) async fn known(&self, key: &Key) -> Result<Option<Sold>, SalesError> {
        let find = async {
            let connection = self.pool.get().await?;
            Ok(store::keys::find(&connection, key).await?)
        };
        Ok(deadline::in_time(find).await?.map(|known| match known {
            Known::Running => Sold::Refused(Refusal::KeyInProgress),
            Known::OtherBody => Sold::Refused(Refusal::KeyReused),
            Known::Answered(answer) => Sold::Replay(answer),
        }))
    }
}
