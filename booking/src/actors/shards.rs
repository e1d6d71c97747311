//! The shards of an instance: threads that flights are spread over, each with a ledger and the allocators of its
//! flights.

use super::arbiter::LastingArbiter;
use shared::ids::FlightId;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
};

/// The arbiters on which flights live.
pub(crate) struct Shards(Vec<LastingArbiter>);

impl Shards {
    /// Starts `count` arbiters, at least one.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let start = |number| LastingArbiter::start(&format!("bk-ledger-{number}"));
        Ok(Self((0..count.max(1)).map(start).collect::<io::Result<_>>()?))
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

/// The shard of a flight among `count`.
pub(crate) fn shard_of(flight: FlightId, count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    flight.0.hash(&mut hasher);
    usize::try_from(hasher.finish() % count.max(1) as u64).unwrap_or(0)
}
