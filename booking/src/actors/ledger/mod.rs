//! The ledger: group commit of commands.
//!
//! Flights are spread over shards; each shard has a [`Ledger`](actor) on an arbiter of its own, with a
//! connection of its own. Commands that arrive while its transaction runs form the next one, across
//! the flights of the shard: one durable commit for many bookings. Answers are given after the commit.
//!
//! | file | what |
//! |---|---|
//! | [`command`] | commands, outcomes |
//! | [`replanning`] | when the server makes its plans anew |
//! | [`room`] | how many may be on their way to it |
//! | [`actor`] | the queue and its bounds |
//! | [`runner`] | connection, errors, lost answers |
//! | [`lots`] | what becomes of commands whose transaction failed |
//! | [`batch`] | the order of one transaction |
//! | [`keys`], [`transitions`], [`claims`], [`amendments`] | its parts |
//! | [`payments`], [`cancellations`], [`airline`] | parts of transitions |
//! | [`occupancy`] | whose seats and places are, as the commands leave them |
//! | [`changes`] | what it writes |
//! | [`tables`], [`postgres`] | the port to the database, and its adapter |
//! | [`memory`] | what is kept between transactions |

mod actor;
mod airline;
mod amendments;
mod batch;
mod cancellations;
mod changes;
mod claims;
mod command;
mod keys;
mod lots;
mod memory;
mod occupancy;
mod payments;
mod postgres;
mod replanning;
mod room;
mod runner;
mod tables;
#[cfg(test)]
mod tests;
mod transitions;

pub(crate) use actor::Bounds;
pub(crate) use amendments::places_wanted;
pub(crate) use command::{Answer, At, Claim, Command, Envelope, LedgerError, Outcome};
pub(crate) use runner::Means;
#[cfg(feature = "simulation")]
pub(crate) use {
    batch::{Item, Setting, Verdict, Written, carry_out},
    lots::{Found, Lot},
    memory::Memory,
    postgres::PostgresTables,
    tables::{Opened, Opening, Tables, Writes},
};

use crate::{actors::arbiter::LastingArbiter, deadline};
use actix::{Actor, Addr, prelude::SendError};
use actor::{Drain, Ledger, Submit};
use room::Room;
use runner::Runner;
use shared::{ids::FlightId, trace};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{Mutex, oneshot},
    time::timeout_at,
};

/// A batch that has begun in time may end later. Whoever has waited so much longer is told that nothing
/// is known.
const GRACE: Duration = Duration::from_secs(2);

/// The arbiters on which flights live: each with a ledger, and the allocators of its flights.
pub(crate) struct Shards(Vec<LastingArbiter>);

impl Shards {
    /// So many arbiters, at least one.
    pub(crate) fn new(count: usize) -> Self {
        Self((0..count.max(1)).map(|_| LastingArbiter::new()).collect())
    }

    /// Handles of the arbiters, in order.
    pub(crate) fn handles(&self) -> Vec<LastingArbiter> {
        self.0.clone()
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

/// The place of a ledger.
struct Shard {
    arbiter: LastingArbiter,
    /// Outlives the ledger: the one that follows knows which connection was its predecessor's.
    runner: Arc<Mutex<Runner>>,
    ledger: RwLock<Addr<Ledger>>,
}

impl Shard {
    fn new(arbiter: LastingArbiter, means: &Means, bounds: Bounds) -> Self {
        let runner = Arc::new(Mutex::new(Runner::new(means.clone())));
        let ledger = RwLock::new(start_ledger(&arbiter, &runner, bounds));
        Self { arbiter, runner, ledger }
    }
}

/// A cloneable handle of all ledgers of this instance.
#[derive(Clone)]
pub(crate) struct Ledgers {
    shards: Arc<Vec<Shard>>,
    bounds: Bounds,
    /// For claims on their way here.
    pub(crate) room: Room,
    /// How long a caller waits that is no request; nothing is begun later.
    patience: Duration,
}

impl Ledgers {
    /// Starts a ledger on each shard.
    pub(crate) fn start(shards: &Shards, means: &Means, bounds: Bounds, patience: Duration) -> Self {
        let start = |arbiter| Shard::new(arbiter, means, bounds);
        let shards: Vec<_> = shards.handles().into_iter().map(start).collect();
        let room = Room::new(shards.len().saturating_mul(bounds.queue));
        Self { shards: Arc::new(shards), bounds, room, patience }
    }

    /// How long an answer may take where no request's deadline says less.
    pub(crate) fn longest(&self) -> Duration {
        self.patience + GRACE
    }

    /// Carries out a command in the ledger of a flight: the lowest one of those it is about. It is not
    /// begun after the deadline of the present request.
    ///
    /// The answer comes after the commit. An error says that nothing was done, or that what was done
    /// is found under the command's key or booking.
    pub(crate) async fn submit(&self, flight: FlightId, command: Command) -> Answer {
        let (reply, answer) = oneshot::channel();
        let deadline = deadline::of_request(self.patience);
        let trace = trace::current();
        let shard = &self.shards[shard_of(flight, self.shards.len())];
        let place = command.claim().map(|_| self.room.of_request());
        let envelope = Envelope { command, flight, deadline, trace, locked_out: false, place, reply };
        self.hand_over(shard, envelope)?;
        match timeout_at(deadline + GRACE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(LedgerError::Unavailable),
        }
    }

    /// Puts a command into the ledger's mailbox. A ledger that has died, or whose arbiter has, is started
    /// again: what it had to do is lost with the channels of those who waited for it, who are told so.
    fn hand_over(&self, shard: &Shard, envelope: Envelope) -> Result<(), LedgerError> {
        let ledger = shard.ledger.read().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = match ledger.try_send(Submit(envelope)) {
            Ok(()) => return Ok(()),
            Err(SendError::Full(_)) => return Err(LedgerError::Overloaded),
            Err(SendError::Closed(submit)) => submit,
        };
        let mut place = shard.ledger.write().unwrap_or_else(PoisonError::into_inner);
        if !place.connected() {
            tracing::error!("A ledger has died and is started again");
            *place = start_ledger(&shard.arbiter, &shard.runner, self.bounds);
        }
        place.try_send(closed).map_err(|_| LedgerError::Overloaded)
    }

    /// Kills the ledger of a flight as a fault in it would; ready when it is dead.
    #[cfg(test)]
    pub(crate) async fn kill(&self, flight: FlightId) {
        let shard = &self.shards[shard_of(flight, self.shards.len())];
        let ledger = shard.ledger.read().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(ledger.send(actor::Die).await.is_err(), "it does not live to answer");
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
            // A batch that a ledger has begun before it died is somebody's, too.
            drop(shard.runner.lock().await);
        }
    }
}

fn start_ledger(arbiter: &LastingArbiter, runner: &Arc<Mutex<Runner>>, bounds: Bounds) -> Addr<Ledger> {
    let runner = runner.clone();
    Ledger::start_in_arbiter(&arbiter.handle(), move |_| Ledger::new(runner, bounds))
}
