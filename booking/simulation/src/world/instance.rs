//! An instance of the service: its clocks, its allocators, its ledgers.

use crate::ground::{
    SeededRandom, VirtualTime,
    limits::{QUEUE, SHARDS, SLOTS},
    time::{MINUTE, instant},
};
use booking_engine::{
    inventory::{
        flight::Flight,
        seat_inventory::{ClockReading, HoldExpiries, SeatInventory},
    },
    ledger::{admission::AdmissionControl, command::Envelope, queue::CommandQueue},
    sell::running_keys::RunningKeys,
};
use futures_util::future::LocalBoxFuture;
use shared::{events::SeatsState, ids::FlightId};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Instant};

/// An allocator: the real inventory of seats, and the flight as it was told of last.
pub(crate) struct SimulatedAllocator {
    pub(crate) flight: RefCell<Flight>,
    pub(crate) inventory: RefCell<SeatInventory>,
}

/// Processes the batches of a ledger.
pub(crate) trait BatchRunner {
    /// Carries out commands and answers them; gives back those that are to be tried again.
    fn run(&self, batch: Vec<Envelope>) -> LocalBoxFuture<'_, Vec<Envelope>>;
}

/// A ledger: its queue dies with it, its runner with its instance.
pub(crate) struct SimulatedLedger {
    pub(crate) queue: CommandQueue,
    /// Made when the ledger is first used.
    pub(crate) runner: Option<Rc<dyn BatchRunner>>,
}

impl Default for SimulatedLedger {
    fn default() -> Self {
        Self { queue: CommandQueue::new(QUEUE), runner: None }
    }
}

/// An instance of the service.
pub(crate) struct SimulatedInstance {
    time: Rc<VirtualTime>,
    pub(crate) up: bool,
    /// How far its wall clock is from the true time, microseconds.
    skew: i64,
    /// How much faster its clocks run, millionths.
    drift: u64,
    /// Chooses between equally good seats, as in the directory.
    pub(crate) tie_break: usize,
    pub(crate) allocators: BTreeMap<FlightId, Rc<SimulatedAllocator>>,
    pub(crate) ledgers: [SimulatedLedger; SHARDS],
    pub(crate) admission: AdmissionControl,
    /// Payments in hand.
    pub(crate) payments: Rc<()>,
    pub(crate) running: RunningKeys,
}

impl SimulatedInstance {
    pub(crate) fn new(time: &Rc<VirtualTime>, random: &SeededRandom) -> Self {
        let mut instance = Self {
            time: time.clone(),
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
    pub(crate) fn set_clock(&mut self, random: &SeededRandom) {
        let off = i64::try_from(random.below(10 * MINUTE)).unwrap_or(0);
        self.skew = off - i64::try_from(5 * MINUTE).unwrap_or(0);
    }

    /// What the instance remembers is gone.
    pub(crate) fn forget(&mut self) {
        self.allocators.clear();
        self.ledgers = Default::default();
        self.admission = AdmissionControl::new(SLOTS);
        self.payments = Rc::default();
        self.running = RunningKeys::default();
    }

    /// Microseconds on its own clock.
    fn own_time(&self) -> u64 {
        let now = self.time.now();
        now + now / 1_000_000 * self.drift
    }

    /// Its monotonic clock.
    pub(crate) fn now(&self) -> Instant {
        self.time.monotonic(self.own_time())
    }

    /// Its clocks.
    pub(crate) fn reading(&self) -> ClockReading {
        let own = self.own_time();
        ClockReading { now: self.time.monotonic(own), utc: instant(own.saturating_add_signed(self.skew)) }
    }

    /// The allocator of a flight, if it runs.
    pub(crate) fn allocator(&self, id: FlightId) -> Option<Rc<SimulatedAllocator>> {
        self.allocators.get(&id).cloned()
    }

    /// Whether an allocator is still the one that answers for its flight.
    pub(crate) fn runs(&self, id: FlightId, allocator: &Rc<SimulatedAllocator>) -> bool {
        self.allocators.get(&id).is_some_and(|running| Rc::ptr_eq(running, allocator))
    }

    /// Tells an allocator, if it runs, how the seats are after a commit.
    pub(crate) fn apply_seats(&self, state: &SeatsState) {
        if let Some(allocator) = self.allocators.get(&state.flight_id) {
            allocator.inventory.borrow_mut().apply_seats(state, self.now());
        }
    }

    /// Tells an allocator, if it runs, how holds were left.
    pub(crate) fn apply_hold_expiries(&self, id: FlightId, holds: &HoldExpiries) {
        if let Some(allocator) = self.allocators.get(&id) {
            allocator.inventory.borrow_mut().apply_hold_expiries(holds);
        }
    }

    /// Tells an allocator, if it runs, that its seats may have changed.
    pub(crate) fn invalidate(&self, id: FlightId) {
        if let Some(allocator) = self.allocators.get(&id) {
            allocator.inventory.borrow_mut().invalidate();
        }
    }

    /// Tells an allocator, if it runs, that the flight changed.
    pub(crate) fn flight_changed(&self, flight: Flight) {
        if let Some(allocator) = self.allocators.get(&flight.state.id)
            && flight.state.version > allocator.flight.borrow().state.version
        {
            allocator.flight.replace(flight);
            allocator.inventory.borrow_mut().flight_known(self.now());
        }
    }
}
