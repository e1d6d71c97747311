//! The shards of an instance: threads that flights are spread over, each with a ledger and the allocators of its
//! flights.

use super::arbiter::LastingArbiter;
use shared::ids::FlightId;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The arbiters on which flights live.
pub(crate) struct Shards(Vec<LastingArbiter>);

impl Shards {
    /// Starts `count` arbiters, at least one.
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

/// The shard of a flight among `count`.
pub(crate) fn shard_of(flight: FlightId, count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    flight.0.hash(&mut hasher);
    usize::try_from(hasher.finish() % count.max(1) as u64).unwrap_or(0)
}
