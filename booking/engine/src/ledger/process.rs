//! Processes batches on the ledger's store, and resolves batches whose connection was lost.

use crate::{
    ledger::{
        command::{Envelope, LedgerAnswer, LedgerError},
        decide::{BatchSettings, decide},
        decision::CommittedBatch,
        sub_batch::SubBatch,
        work::{Item, Verdict},
    },
    ports::{Clock, CommitListener, Ids, LedgerStore, LoadedBooking, within},
    store_error::{StoreError, StoreResult},
};
use chrono::TimeDelta;
use futures_util::future::try_join;
use shared_types::{error_chain::ErrorChain, ids::BookingId};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The longest duration of a transaction. Then its callers no longer wait, but the commands behind it do. So the
/// transaction is abandoned with its connection.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The time after its deadline that a caller still waits for its answer: a batch that has begun in time may end later.
/// After it the caller gets the answer that the outcome is unknown.
pub const GRACE: Duration = Duration::from_secs(2);

/// Waits for the answer to a command.
///
/// # Errors
/// Those of the ledger; [`LedgerError::Unavailable`]: the outcome is unknown, because the ledger has died or takes too
/// long.
pub async fn await_answer(
    clock: &impl Clock,
    deadline: Instant,
    answer: oneshot::Receiver<LedgerAnswer>,
) -> LedgerAnswer {
    let left = deadline.saturating_duration_since(clock.now()) + GRACE;
    match within(clock, left, answer).await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) | None => Err(LedgerError::Unavailable),
    }
}

/// The failure of a transaction.
#[derive(Debug)]
enum TransactionFailure {
    /// It was rolled back, and had no effect.
    RolledBack(StoreError),
    /// The connection was lost. The transaction may have been committed.
    Lost(StoreError),
}

/// Processes the batches of a ledger on its store.
///
/// It outlives the ledger that uses it. So the next ledger finds that a batch of a ledger that has died was broken off.
pub struct BatchProcessor<S, L, C, I> {
    store: S,
    listener: L,
    clock: C,
    ids: I,
    payment_grace: TimeDelta,
    /// Whether a batch runs. If it is set at the beginning of a batch, the one before was broken off.
    busy: bool,
}

impl<S: LedgerStore, L: CommitListener, C: Clock, I: Ids> BatchProcessor<S, L, C, I> {
    /// A processor on a store. `payment_grace`: the time by which a payment prolongs its hold.
    pub fn new(store: S, listener: L, (clock, ids): (C, I), payment_grace: TimeDelta) -> Self {
        Self { store, listener, clock, ids, payment_grace, busy: false }
    }

    /// The store.
    pub fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Carries out commands and answers them. Gives back the commands to retry.
    pub async fn process(&mut self, envelopes: Vec<Envelope>) -> Vec<Envelope> {
        if std::mem::replace(&mut self.busy, true) {
            // A batch has ended midway, with its thread or by a panic. Its transaction may still run. A repeated
            // request finds the outcome under its key, and events report what was committed.
            tracing::warn!("A batch of the ledger was broken off");
            self.store.disconnect();
            self.listener.events_committed();
        }
        let to_retry = self.process_sub_batches(envelopes).await;
        self.busy = false;
        to_retry
    }

    async fn process_sub_batches(&mut self, envelopes: Vec<Envelope>) -> Vec<Envelope> {
        let mut sub_batches = SubBatch::all(envelopes);
        let mut to_retry = Vec::new();
        while let Some(sub_batch) = sub_batches.pop() {
            let sub_batch = sub_batch.in_time(self.clock.now());
            if sub_batch.envelopes.is_empty() {
                continue;
            }
            if let Err(error) = self.store.connect().await {
                tracing::warn!(error = %ErrorChain(&error), "The ledger has no database");
                sub_batch.answer(&Err(LedgerError::Unavailable));
                continue;
            }
            match self.transact_in_time(&sub_batch.envelopes).await {
                Ok(committed) => to_retry.extend(self.announce(sub_batch.envelopes, committed)),
                Err(TransactionFailure::RolledBack(error)) => {
                    to_retry.extend(sub_batch.isolate_failure(&mut sub_batches, &error));
                }
                Err(TransactionFailure::Lost(error)) => {
                    let commands = sub_batch.envelopes.len();
                    tracing::warn!(error = %ErrorChain(&error), ledger.commands = commands, "The ledger lost its connection");
                    self.store.disconnect();
                    sub_batches.extend(self.resolve(sub_batch).await);
                }
            }
        }
        to_retry
    }

    async fn transact_in_time(&self, envelopes: &[Envelope]) -> Result<CommittedBatch, TransactionFailure> {
        // Dropped midway, the transaction is abandoned with its connection.
        let transaction = within(&self.clock, TRANSACTION_TIMEOUT, self.transact(envelopes)).await;
        let silent = || TransactionFailure::Lost(StoreError::unavailable("the database is silent"));
        transaction.unwrap_or_else(|| Err(silent()))
    }

    async fn transact(&self, envelopes: &[Envelope]) -> Result<CommittedBatch, TransactionFailure> {
        let items: Vec<Item<'_>> =
            envelopes.iter().map(|envelope| (&envelope.command, envelope.trace)).collect();
        let settings = BatchSettings { payment_grace: self.payment_grace, begins: self.clock.now() };
        // BEGIN travels with the first queries: no round trip waits for it alone.
        let decided =
            try_join(self.store.begin(&items), decide(&self.store, &self.ids, &items, settings)).await;
        let committed = match decided {
            Ok(((), decision)) => self.store.commit(decision).await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(committed) => Ok(committed),
            // Only a connection that still answers has certainly rolled back.
            Err(error) => Err(match self.store.roll_back().await {
                Ok(()) => TransactionFailure::RolledBack(error),
                Err(_) => TransactionFailure::Lost(error),
            }),
        }
    }

    /// Informs the listener, then answers the callers: the listener is up to date before a caller has its answer.
    fn announce(&self, envelopes: Vec<Envelope>, committed: CommittedBatch) -> Vec<Envelope> {
        if committed.has_events {
            self.listener.events_committed();
        }
        let mut holds = committed.holds;
        for state in committed.seats {
            let holds = holds.remove(&state.flight_id);
            self.listener.seats_changed(state, holds);
        }
        holds.into_iter().for_each(|(flight, holds)| self.listener.holds_changed(flight, holds));
        let mut to_retry = Vec::new();
        for (envelope, verdict) in envelopes.into_iter().zip(committed.verdicts) {
            match verdict {
                Verdict::Answer(outcome) => envelope.answer(Ok(outcome)),
                Verdict::RetryAfterExpiring(stale) => to_retry.push(envelope.to_retry(stale)),
            }
        }
        to_retry
    }

    /// Finds out which commands of a lost transaction were committed, and answers them. Gives the others, to be tried
    /// again.
    async fn resolve(&mut self, sub_batch: SubBatch) -> Option<SubBatch> {
        let found = self.read_back(&sub_batch.envelopes).await;
        if let Err(error) = &found {
            tracing::warn!(error = %ErrorChain(error), "The ledger cannot find out what was committed");
            self.store.disconnect();
        }
        let rest = sub_batch.resolve(found.as_ref().ok(), |booking| {
            booking.flights().for_each(|flight| self.listener.invalidate(flight));
        });
        self.listener.events_committed();
        rest
    }

    async fn read_back(&mut self, envelopes: &[Envelope]) -> StoreResult<HashMap<BookingId, LoadedBooking>> {
        self.store.connect().await?;
        let ids: Vec<_> = envelopes.iter().map(|envelope| envelope.command.booking()).collect();
        let read = within(&self.clock, TRANSACTION_TIMEOUT, self.store.read_back(&ids)).await;
        read.unwrap_or_else(|| Err(StoreError::unavailable("the database is silent")))
    }

    /// Treats commands as those of a lost connection. Gives the number of commands to retry.
    #[cfg(any(test, feature = "samples"))]
    pub async fn resolve_for_test(&mut self, envelopes: Vec<Envelope>) -> usize {
        let rest = self.resolve(SubBatch::new(envelopes)).await;
        rest.map_or(0, |sub_batch| sub_batch.envelopes.len())
    }
}
