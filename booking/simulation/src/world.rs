//! What all parts of a run share: virtual time, chance, the database, the processes, and the books of
//! what must be true.

use crate::{
    checks::Checks,
    database::Database,
    instance::Instance,
    journal::Journal,
    provider::Provider,
    random::Random,
    replay_rows::Claimed,
    scheduler::{Owner, Sleep, Wishes},
    time::instant,
    trace::Trace,
};
use booking_engine::{booking::locator::Locator, store_error::StoreError};
use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use shared::events::FlightState;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A promise that is broken on purpose, to see that the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// All promises are kept.
    None,
    /// Seats are granted that belong to others, as if the unique constraint were gone.
    TakenSeatsAreGranted,
    /// The clock that decides whether a hold has ended is a quarter of an hour late.
    ClockIsLate,
}

/// Sizes that differ from run to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) instances: usize,
    pub(crate) travellers: usize,
    /// Flights that people look at.
    pub(crate) flights: usize,
    /// How often faults strike, of a thousand chances.
    pub(crate) trouble: u64,
    /// How long travellers think, in doublings of the shortest time.
    pub(crate) leisure: u64,
    /// How long messages on the bus take, likewise.
    pub(crate) bus: u64,
}

/// See the module.
pub(crate) struct World {
    /// Microseconds since the run began.
    time: Cell<u64>,
    /// Any instant: monotonic clocks only tell differences.
    base: Instant,
    random: Random,
    pub(crate) wishes: Wishes,
    pub(crate) sizes: Sizes,
    pub(crate) sabotage: Sabotage,
    pub(crate) database: RefCell<Database>,
    pub(crate) instances: Vec<RefCell<Instance>>,
    pub(crate) provider: RefCell<Provider>,
    pub(crate) checks: RefCell<Checks>,
    pub(crate) journal: RefCell<Journal>,
    /// The locators that claims came with: the ledger draws others by itself.
    pub(crate) claimed: RefCell<Claimed>,
    pub(crate) trace: Option<RefCell<Trace>>,
    /// Flights as the network has them, newest last.
    pub(crate) network: RefCell<Vec<Arc<FlightState>>>,
    /// Whether faults strike.
    pub(crate) troubled: Cell<bool>,
    /// No new requests.
    pub(crate) closing: Cell<bool>,
    pub(crate) travellers: Cell<usize>,
    /// Messages are delivered again only after this.
    pub(crate) bus_down_until: Cell<u64>,
    /// What was found to be wrong, first.
    pub(crate) violation: RefCell<Option<String>>,
    /// Counts of what happened, by name.
    pub(crate) counts: RefCell<BTreeMap<&'static str, u64>>,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Sabotage, recorded: bool) -> Rc<Self> {
        let random = Random::new(seed);
        let sizes = Sizes {
            instances: 1 + random.index(3),
            travellers: 8 + random.index(56),
            flights: 2 + random.index(6),
            trouble: [5, 20, 60][random.index(3)],
            leisure: [8, 10, 12][random.index(3)],
            bus: [7, 10, 14][random.index(3)],
        };
        let instances = (0..sizes.instances).map(|_| RefCell::new(Instance::new(&random))).collect();
        Rc::new(Self {
            time: Cell::new(0),
            base: Instant::now(),
            random,
            wishes: Wishes::default(),
            sizes,
            sabotage,
            database: RefCell::default(),
            instances,
            provider: RefCell::default(),
            checks: RefCell::default(),
            journal: RefCell::new(Journal::new(recorded)),
            claimed: RefCell::default(),
            trace: recorded.then(RefCell::default),
            network: RefCell::default(),
            troubled: Cell::new(true),
            closing: Cell::new(false),
            travellers: Cell::new(0),
            bus_down_until: Cell::new(0),
            violation: RefCell::default(),
            counts: RefCell::default(),
        })
    }

    pub(crate) fn now(&self) -> u64 {
        self.time.get()
    }

    /// Time does not go back.
    pub(crate) fn pass_until(&self, at: u64) {
        self.time.set(self.time.get().max(at));
    }

    /// The true time, without any skew.
    pub(crate) fn utc(&self) -> DateTime<Utc> {
        instant(self.now())
    }

    /// An instant of a monotonic clock that has run for so long.
    pub(crate) fn monotonic(&self, micros: u64) -> Instant {
        self.base + Duration::from_micros(micros)
    }

    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    pub(crate) fn id(&self) -> Uuid {
        let micros = self.utc().timestamp_micros();
        self.random().id(micros)
    }

    /// A locator; now and then one of few, so that they collide.
    pub(crate) fn locator(&self) -> Locator {
        let alphabet: &[u8] =
            if self.random().chance(100) { b"AB" } else { b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ" };
        loop {
            let draw = |_| char::from(alphabet[self.random().index(alphabet.len())]);
            let text: String = (0..6).map(draw).collect();
            if let Ok(locator) = text.parse() {
                return locator;
            }
        }
    }

    /// Whether a fault strikes that is so likely, of a thousand, in ordinary trouble.
    pub(crate) fn strikes(&self, of_thousand: u64) -> bool {
        self.troubled.get() && {
            let scaled = of_thousand * self.sizes.trouble / 20;
            self.random().chance(scaled)
        }
    }

    pub(crate) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + 'static) {
        self.wishes.spawn(owner, work);
    }

    pub(crate) fn sleep(self: &Rc<Self>, micros: u64) -> Sleep {
        Sleep { world: self.clone(), until: self.now() + micros, registered: false }
    }

    /// The way of a message: short, sometimes long.
    pub(crate) fn hop(self: &Rc<Self>) -> Sleep {
        let doublings = if self.strikes(20) { 14 } else { 6 };
        let micros = self.random().time(50, doublings);
        self.sleep(micros)
    }

    /// What comes in time.
    pub(crate) async fn in_time<T>(self: &Rc<Self>, micros: u64, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), self.sleep(micros)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }

    /// Something that must not be was found.
    pub(crate) fn object(&self, what: String) {
        self.violation.borrow_mut().get_or_insert(what);
    }

    pub(crate) fn object_to(&self, result: Result<(), String>) {
        if let Err(what) = result {
            self.object(what);
        }
    }

    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        self.journal.borrow_mut().note(self.now(), what);
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }
}

/// The database cannot be reached.
pub(crate) fn unavailable() -> StoreError {
    StoreError::unavailable("the database is down")
}
