//! The relay: publishes committed outbox rows in order and deletes them after the confirm.
//!
//! One relay per schema is active, the one whose connection holds the advisory lock; those of other
//! instances stand by. Reading, deleting and the lock share that connection, so a relay that has lost
//! the lock cannot touch the outbox any more.
//!
//! **Promise.** Each committed event is published at least once, and per aggregate never an older
//! event for the first time after a newer one. When a publish fails, everything that is unconfirmed
//! counts as unpublished: the relay drops those futures (which a carrier takes as the sign that it
//! has understood, see [`Carrier::publish`](crate::bus::Carrier::publish)), waits, and reads again
//! from the lowest row that is pending, so consumers may see a run of events repeated.

mod actor;
mod progress;

pub use actor::Relay;

use crate::bus::Bus;
use actix::Addr;
use actor::{Drain, Nudge, Stop};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A cloneable handle of a [`Relay`].
#[derive(Clone)]
pub struct RelayHandle {
    relay: Addr<Relay>,
    /// A nudge is under way: a further one would say nothing new.
    nudged: Arc<AtomicBool>,
    bus: Bus,
}

impl RelayHandle {
    /// The bus that it publishes on.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Tells the relay that events were committed. Never blocks, never fails: the relay also polls.
    pub fn nudge(&self) {
        if !self.nudged.swap(true, Ordering::AcqRel) && self.relay.try_send(Nudge).is_err() {
            self.nudged.store(false, Ordering::Release);
        }
    }

    /// Ready when everything committed before the call is confirmed and the outbox was seen empty,
    /// whichever instance's relay publishes it (tests, shutdown), or when the relay was stopped.
    ///
    /// Waits as long as the broker or the database is down: bound it with a timeout.
    pub async fn drain(&self) {
        // An error means that the relay is gone.
        let _ = self.relay.send(Drain).await;
    }

    /// Stops the relay when what is in flight is confirmed, or after 5 seconds without. What is not
    /// confirmed then stays in the outbox, for another relay.
    pub async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.relay.send(Stop).await;
    }
}
