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

impl<D: SalesDeps> Sales<D> {
    /// Runs a request once for its key, if it has one. The ledger binds the key. The look-ups here keep a repeated
    /// request from being refused because of the effect of its first run.
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

    /// The outcome of a key's first request; `None`: the key is free. Call it before the conditions of a request are
    /// checked: the effect of the first run may have changed them.
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
