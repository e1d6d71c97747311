//! Requests under idempotency keys.

use crate::{
    booking::{idempotency::Key, refusal::Refusal},
    ledger::rows::KnownKey,
    ports::{KeyLookup, RequestContext},
    sell::{
        outcome::{SalesAbort, SalesError, SalesOutcome, into_outcome},
        sales::{Sales, SalesDeps},
    },
};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bodies by the scopes of their keys.
type Bodies = HashMap<Vec<u8>, Vec<u8>>;

/// The keys whose requests run in a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningKeys(Arc<Mutex<Bodies>>);

/// A key whose request runs; it no longer does when this is dropped.
struct RunningKey {
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

    /// Lets a key's request run, unless another one runs under it.
    fn begin(&self, key: &Key) -> Result<RunningKey, Refusal> {
        match self.lock().entry(key.scope.clone()) {
            Entry::Vacant(free) => drop(free.insert(key.body.clone())),
            Entry::Occupied(other) if *other.get() != key.body => return Err(Refusal::KeyReused),
            Entry::Occupied(_) => return Err(Refusal::KeyInProgress),
        }
        Ok(RunningKey { running: self.clone(), scope: key.scope.clone() })
    }
}

impl<D: SalesDeps> Sales<D> {
    /// Runs a request under its key, if it has one. The ledger binds the key; the look-ups here keep a repeated request
    /// from being refused for what its first run has done.
    pub(crate) async fn once(
        &self,
        key: Option<Key>,
        context: RequestContext,
        run: impl AsyncFnOnce() -> Result<SalesOutcome, SalesAbort>,
    ) -> Result<SalesOutcome, SalesError> {
        let Some(key) = key else { return into_outcome(run().await) };
        if let Some(known) = self.known(&key, context).await? {
            return Ok(known);
        }
        let _running = match self.running.begin(&key) {
            Ok(running) => running,
            Err(refusal) => return Ok(SalesOutcome::Refused(refusal)),
        };
        match into_outcome(run().await)? {
            SalesOutcome::Refused(refusal) => {
                Ok(self.known(&key, context).await?.unwrap_or(SalesOutcome::Refused(refusal)))
            }
            outcome => Ok(outcome),
        }
    }

    /// What a key's first request has come to, if it is bound. To be asked before that request's conditions are checked:
    /// its own effect may be why they no longer hold.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn known(
        &self,
        key: &Key,
        context: RequestContext,
    ) -> Result<Option<SalesOutcome>, SalesError> {
        let found = self.deps.keys().find_key(key, context.deadline).await?;
        Ok(found.map(|known| match known {
            KnownKey::Running => SalesOutcome::Refused(Refusal::KeyInProgress),
            KnownKey::OtherBody => SalesOutcome::Refused(Refusal::KeyReused),
            KnownKey::Answered(answer) => SalesOutcome::Replay(answer),
        }))
    }
}
