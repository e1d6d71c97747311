//! What others ask of the ledgers.

use super::actor::{Drain, Ledger, LedgerDeps, PostgresProcessor, Submit};
use crate::actors::{
    arbiter::LastingArbiter,
    shards::{Shards, shard_of},
    system::SystemClock,
};
use actix::{Actor, Addr, prelude::SendError};
use booking_engine::{
    ledger::{
        admission::AdmissionControl,
        command::{Command, Envelope, LedgerAnswer, LedgerError},
        process::{GRACE, await_answer},
        queue::QueueBounds,
    },
    ports::{Clock, LedgerQueue, SubmitTerms},
};
use shared::{ids::FlightId, trace};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// A shard's ledger.
struct Shard {
    arbiter: LastingArbiter,
    /// Outlives the ledger: its successor knows the connection of its predecessor.
    processor: Arc<Mutex<PostgresProcessor>>,
    ledger: RwLock<Addr<Ledger>>,
}

impl Shard {
    fn new(arbiter: LastingArbiter, deps: &LedgerDeps, bounds: QueueBounds) -> Self {
        let processor = Arc::new(Mutex::new(deps.processor()));
        let ledger = RwLock::new(start_ledger(&arbiter, &processor, bounds));
        Self { arbiter, processor, ledger }
    }
}

/// A cloneable handle of all ledgers of this instance.
#[derive(Clone)]
pub(crate) struct Ledgers {
    shards: Arc<Vec<Shard>>,
    bounds: QueueBounds,
    /// The queue slots of claims on their way here.
    pub(crate) admission: AdmissionControl,
    /// How long a command without a request may wait for its batch.
    admission_timeout: Duration,
}

impl Ledgers {
    /// Starts a ledger on each shard.
    pub(crate) fn start(
        shards: &Shards,
        deps: &LedgerDeps,
        bounds: QueueBounds,
        admission_timeout: Duration,
    ) -> Self {
        let start = |arbiter| Shard::new(arbiter, deps, bounds);
        let shards: Vec<_> = shards.handles().into_iter().map(start).collect();
        let admission = AdmissionControl::new(shards.len().saturating_mul(bounds.waiting));
        Self { shards: Arc::new(shards), bounds, admission, admission_timeout }
    }

    /// The longest time of an answer, if no request's deadline comes earlier.
    pub(crate) fn longest(&self) -> Duration {
        self.admission_timeout + GRACE
    }

    /// The deadline of a command without a request.
    pub(crate) fn deadline(&self) -> Instant {
        SystemClock.now() + self.admission_timeout
    }

    /// Puts a command into the ledger's mailbox. A ledger that died, alone or with its arbiter, is restarted. The
    /// commands of the dead one are lost with their reply channels, so their callers get an error.
    fn hand_over(&self, shard: &Shard, envelope: Envelope) -> Result<(), LedgerError> {
        let ledger = shard.ledger.read().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = match ledger.try_send(Submit(envelope)) {
            Ok(()) => return Ok(()),
            Err(SendError::Full(_)) => return Err(LedgerError::Overloaded),
            Err(SendError::Closed(submit)) => submit,
        };
        let mut current = shard.ledger.write().unwrap_or_else(PoisonError::into_inner);
        if !current.connected() {
            tracing::error!("A ledger has died and is started again");
            *current = start_ledger(&shard.arbiter, &shard.processor, self.bounds);
        }
        current.try_send(closed).map_err(|_| LedgerError::Overloaded)
    }

    /// Kills the ledger of a flight as a fault in it would; ready when it is dead.
    #[cfg(test)]
    pub(crate) async fn kill(&self, flight: FlightId) {
        let shard = &self.shards[shard_of(flight, self.shards.len())];
        let ledger = shard.ledger.read().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(ledger.send(crate::actors::fault::Die).await.is_err(), "it does not live to answer");
        while ledger.connected() {
            tokio::task::yield_now().await;
        }
    }

    /// Kills the arbiter of a flight as a fault in it would; ready when it is dead.
    #[cfg(test)]
    pub(crate) async fn kill_arbiter(&self, flight: FlightId) {
        self.shards[shard_of(flight, self.shards.len())].arbiter.kill().await;
    }

    /// Ready when everything that was submitted before is done.
    pub(crate) async fn drain(&self) {
        for shard in self.shards.iter() {
            let ledger = shard.ledger.read().unwrap_or_else(PoisonError::into_inner).clone();
            // An error means that it is gone.
            let _ = ledger.send(Drain).await;
            // A dead ledger may have left a batch that still runs.
            drop(shard.processor.lock().await);
        }
    }
}

impl LedgerQueue for Ledgers {
    async fn submit(&self, flight: FlightId, command: Command, terms: SubmitTerms) -> LedgerAnswer {
        let SubmitTerms { deadline, slot } = terms;
        let shard = &self.shards[shard_of(flight, self.shards.len())];
        let (envelope, answer) =
            Envelope::new((flight, command), (deadline, slot), &self.admission, trace::current());
        self.hand_over(shard, envelope)?;
        await_answer(&SystemClock, deadline, answer).await
    }
}

fn start_ledger(
    arbiter: &LastingArbiter,
    processor: &Arc<Mutex<PostgresProcessor>>,
    bounds: QueueBounds,
) -> Addr<Ledger> {
    let processor = processor.clone();
    Ledger::start_in_arbiter(&arbiter.handle(), move |_| Ledger::new(processor, bounds))
}
