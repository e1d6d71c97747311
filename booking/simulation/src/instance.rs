//! A process of the service: its clocks, its allocators, its ledgers.

use crate::{
    ledger::SimulatedLedger,
    limits::{SHARDS, SLOTS},
    random::Random,
    time::{MILLISECOND, MINUTE, SECOND, instant},
    world::World,
};
use booking_engine::{
    inventory::{
        flight::Flight,
        seat_inventory::{ClockReading, SeatInventory},
    },
    ledger::admission::AdmissionControl,
    sell::running_keys::RunningKeys,
};
use shared::ids::FlightId;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    time::Instant,
};

/// An allocator: the real inventory of seats, and the flight as it was told of last.
pub(crate) struct Allocator {
    pub(crate) flight: RefCell<Flight>,
    pub(crate) inventory: RefCell<SeatInventory>,
}

/// See the module.
pub(crate) struct Instance {
    pub(crate) up: bool,
    /// How far its wall clock is from the true time, microseconds.
    pub(crate) skew: i64,
    /// How much faster its clocks run, millionths.
    drift: u64,
    /// Chooses between equally good seats, as in the directory.
    pub(crate) tie_break: usize,
    pub(crate) allocators: BTreeMap<FlightId, Rc<Allocator>>,
    /// Made when they are first used.
    pub(crate) ledgers: [Option<SimulatedLedger>; SHARDS],
    pub(crate) admission: AdmissionControl,
    /// Payments in hand.
    pub(crate) payments: Rc<()>,
    pub(crate) running: RunningKeys,
}

impl Instance {
    pub(crate) fn new(random: &Random) -> Self {
        let mut instance = Self {
            up: true,
            skew: 0,
            drift: random.below(500),
            tie_break: random.index(997),
            allocators: BTreeMap::new(),
            ledgers: Default::default(),
            admission: AdmissionControl::new(SLOTS),
            payments: Rc::default(),
            running: RunningKeys::default(),
        };
        instance.set_clock(random);
        instance
    }

    /// Somebody sets the wall clock: minutes off, either way.
    pub(crate) fn set_clock(&mut self, random: &Random) {
        let off = i64::try_from(random.below(10 * MINUTE)).unwrap_or(0);
        self.skew = off - i64::try_from(5 * MINUTE).unwrap_or(0);
    }

    /// What the process remembers is gone.
    pub(crate) fn forget(&mut self) {
        self.allocators.clear();
        self.ledgers = Default::default();
        self.admission = AdmissionControl::new(SLOTS);
        self.payments = Rc::default();
        self.running = RunningKeys::default();
    }
}

/// The shard of a flight.
pub(crate) fn shard_of(flight: FlightId) -> usize {
    let mut hasher = DefaultHasher::new();
    flight.0.hash(&mut hasher);
    usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or(0)
}

impl World {
    /// Microseconds on an instance's own clock.
    fn own_time(&self, at: usize) -> u64 {
        let now = self.now();
        now + now / 1_000_000 * self.instances[at].borrow().drift
    }

    /// An instance's monotonic clock.
    pub(crate) fn instant_at(&self, at: usize) -> Instant {
        self.monotonic(self.own_time(at))
    }

    /// An instance's clocks.
    pub(crate) fn reading_at(&self, at: usize) -> ClockReading {
        let own = self.own_time(at);
        let skewed = own.saturating_add_signed(self.instances[at].borrow().skew);
        ClockReading { now: self.monotonic(own), utc: instant(skewed) }
    }

    /// The time between two looks of the sweeper and of the desks.
    pub(crate) fn interval(&self) -> u64 {
        5 * SECOND + self.random().below(10 * SECOND) + MILLISECOND
    }
}
