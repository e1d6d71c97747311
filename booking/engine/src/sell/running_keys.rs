//! The idempotency keys whose requests run in a process.

use crate::booking::{idempotency::Key, refusal::Refusal};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bodies by the scopes of their keys.
type Bodies = HashMap<Vec<u8>, Vec<u8>>;

/// The keys whose requests run in a process.
#[derive(Debug, Clone, Default)]
pub struct RunningKeys(Arc<Mutex<Bodies>>);

/// A guard of a key whose request runs. Its drop ends the run.
pub(crate) struct RunningKey {
    running: RunningKeys,
    scope: Vec<u8>,
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        self.running.lock().remove(&self.scope);
    }
}

impl RunningKeys {
    fn lock(&self) -> MutexGuard<'_, Bodies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the run of a key's request, unless another request runs under the key.
    pub(crate) fn begin(&self, key: &Key) -> Result<RunningKey, Refusal> {
        match self.lock().entry(key.scope.clone()) {
            Entry::Vacant(free) => drop(free.insert(key.body.clone())),
            Entry::Occupied(other) if *other.get() != key.body => return Err(Refusal::KeyReused),
            Entry::Occupied(_) => return Err(Refusal::KeyInProgress),
        }
        Ok(RunningKey { running: self.clone(), scope: key.scope.clone() })
    }
}
