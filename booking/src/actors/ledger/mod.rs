//! The ledger: group commit of commands.
//!
//! Flights are spread over shards; each shard has a [`Ledger`](actor) on an arbiter of its own, with a
//! connection of its own. Commands that arrive while its transaction runs form the next one, across
//! the flights of the shard: one durable commit for many bookings. Answers are given after the commit.
//!
//! | file | what |
//! |---|---|
//! | [`command`] | commands, outcomes |
//! | [`actor`] | the queue and its bounds |
//! | [`runner`] | connection, errors, lost answers |
//! | [`batch`] | the order of one transaction |
//! | [`keys`], [`transitions`], [`claims`] | its parts |
//! | [`changes`] | what it writes |

mod actor;
mod batch;
mod changes;
mod claims;
mod command;
mod keys;
mod runner;
#[cfg(test)]
mod tests;
mod transitions;

pub(crate) use actor::Bounds;
pub(crate) use command::{Answer, Claim, Command, LedgerError, Outcome};
pub(crate) use runner::Means;

use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use actor::{Drain, Ledger, Submit};
use command::Envelope;
use shared::{ids::FlightId, telemetry::trace};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// The arbiters on which flights live: each with a ledger, and the allocators of its flights.
pub(crate) struct Shards(Vec<Arbiter>);

impl Shards {
    /// So many arbiters, at least one.
    pub(crate) fn new(count: usize) -> Self {
        Self((0..count.max(1)).map(|_| Arbiter::new()).collect())
    }

    /// Handles of the arbiters, in order.
    pub(crate) fn handles(&self) -> Vec<ArbiterHandle> {
        self.0.iter().map(Arbiter::handle).collect()
    }

    /// Ends the arbiters; everything on them is over.
    pub(crate) fn stop(&self) {
        for arbiter in &self.0 {
            arbiter.stop();
        }
    }
}

/// The shard of a flight, of so many.
pub(crate) fn shard_of(flight: FlightId, count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    flight.0.hash(&mut hasher);
    usize::try_from(hasher.finish() % count.max(1) as u64).unwrap_or(0)
}

/// A cloneable handle of all ledgers of this instance.
#[derive(Clone)]
pub(crate) struct Ledgers {
    shards: Arc<Vec<Addr<Ledger>>>,
    /// How long a caller waits; nothing is begun later.
    patience: Duration,
}

impl Ledgers {
    /// Starts a ledger on each shard.
    pub(crate) fn start(shards: &Shards, means: &Means, bounds: Bounds, patience: Duration) -> Self {
        let start = |arbiter: ArbiterHandle| {
            let means = means.clone();
            Ledger::start_in_arbiter(&arbiter, move |_| Ledger::new(means, bounds))
        };
        Self { shards: Arc::new(shards.handles().into_iter().map(start).collect()), patience }
    }

    /// Carries out a command in the ledger of a flight: the lowest one of those it is about.
    ///
    /// The answer comes after the commit. An error says that nothing was done, or that what was done
    /// is found under the command's key or booking.
    pub(crate) async fn submit(&self, flight: FlightId, command: Command) -> Answer {
        let ledger = &self.shards[shard_of(flight, self.shards.len())];
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + self.patience;
        let envelope = Envelope { command, deadline, trace: trace::current(), reply };
        ledger.try_send(Submit(envelope)).map_err(|_| LedgerError::Overloaded)?;
        // A batch that has begun in time may end later: the longest that PostgreSQL may take.
        match tokio::time::timeout(self.patience + Duration::from_secs(5), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(LedgerError::Unavailable),
        }
    }

    /// Ready when everything that was submitted before is done.
    pub(crate) async fn drain(&self) {
        for ledger in self.shards.iter() {
            // An error means that it is gone.
            let _ = ledger.send(Drain).await;
        }
    }
}
