//! What all parts of a run share: virtual time, chance, the database, the processes, and the books of
//! what must be true.

use super::{
    checks::Checks,
    database::Database,
    instance::Instance,
    journal::Journal,
    provider::Provider,
    random::Random,
    replay_rows::Claimed,
    scheduler::{Owner, Sleep, Wishes},
    trace::Trace,
};
use booking_engine::booking::locator::Locator;
use chrono::{DateTime, TimeDelta, Utc};
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

/// Microseconds.
pub(super) const MILLISECOND: u64 = 1000;
pub(super) const SECOND: u64 = 1000 * MILLISECOND;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// When all runs begin: 2030-01-01, in seconds since 1970.
const EPOCH: i64 = 1_893_456_000;

/// A promise of the engine that can be broken on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// All promises are kept.
    Whole,
    /// Seats are granted that belong to others, as if the table had no key.
    TakenSeatsAreGranted,
    /// The clock that decides whether a hold has ended is a quarter of an hour late.
    ClockIsLate,
}

/// Sizes that differ from run to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) instances: usize,
    pub(super) travellers: usize,
    /// Flights that people look at.
    pub(super) flights: usize,
    /// How often faults strike, of a thousand chances.
    pub(super) trouble: u64,
    /// How long travellers think, in doublings of the shortest time.
    pub(super) leisure: u64,
    /// How long messages on the bus take, likewise.
    pub(super) bus: u64,
}

/// See the module.
pub(super) struct World {
    /// Microseconds since the run began.
    time: Cell<u64>,
    /// Any instant: monotonic clocks only tell differences.
    base: Instant,
    random: Random,
    pub(super) wishes: Wishes,
    pub(super) sizes: Sizes,
    pub(super) fence: Fence,
    pub(super) database: RefCell<Database>,
    pub(super) instances: Vec<RefCell<Instance>>,
    pub(super) provider: RefCell<Provider>,
    pub(super) checks: RefCell<Checks>,
    pub(super) journal: RefCell<Journal>,
    /// The locators that claims came with: the ledger draws others by itself.
    pub(super) claimed: RefCell<Claimed>,
    pub(super) trace: Option<RefCell<Trace>>,
    /// Flights as the network has them, newest last.
    pub(super) network: RefCell<Vec<Arc<FlightState>>>,
    /// Whether faults strike.
    pub(super) troubled: Cell<bool>,
    /// No new requests.
    pub(super) closing: Cell<bool>,
    pub(super) travellers: Cell<usize>,
    /// Messages are delivered again only after this.
    pub(super) bus_down_until: Cell<u64>,
    /// What was found to be wrong, first.
    pub(super) violation: RefCell<Option<String>>,
    /// Counts of what happened, by name.
    pub(super) counts: RefCell<BTreeMap<&'static str, u64>>,
}

impl World {
    pub(super) fn new(seed: u64, fence: Fence, recorded: bool) -> Rc<Self> {
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
            fence,
            database: RefCell::default(),
            instances,
            provider: RefCell::default(),
            checks: RefCell::default(),
            journal: RefCell::default(),
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

    pub(super) fn now(&self) -> u64 {
        self.time.get()
    }

    /// Time does not go back.
    pub(super) fn pass_until(&self, at: u64) {
        self.time.set(self.time.get().max(at));
    }

    /// The true time, without any skew.
    pub(super) fn utc(&self) -> DateTime<Utc> {
        instant(self.now())
    }

    /// An instant of a monotonic clock that has run for so long.
    pub(super) fn monotonic(&self, micros: u64) -> Instant {
        self.base + Duration::from_micros(micros)
    }

    pub(super) fn random(&self) -> &Random {
        &self.random
    }

    pub(super) fn id(&self) -> Uuid {
        let micros = self.utc().timestamp_micros();
        self.random().id(micros)
    }

    /// A locator; now and then one of few, so that they collide.
    pub(super) fn locator(&self) -> Locator {
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
    pub(super) fn strikes(&self, of_thousand: u64) -> bool {
        self.troubled.get() && {
            let scaled = of_thousand * self.sizes.trouble / 20;
            self.random().chance(scaled)
        }
    }

    pub(super) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + 'static) {
        self.wishes.spawn(owner, work);
    }

    pub(super) fn sleep(self: &Rc<Self>, micros: u64) -> Sleep {
        Sleep { world: self.clone(), until: self.now() + micros, registered: false }
    }

    /// The way of a message: short, sometimes long.
    pub(super) fn hop(self: &Rc<Self>) -> Sleep {
        let doublings = if self.strikes(20) { 14 } else { 6 };
        let micros = self.random().time(50, doublings);
        self.sleep(micros)
    }

    /// What comes in time.
    pub(super) async fn in_time<T>(self: &Rc<Self>, micros: u64, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), self.sleep(micros)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }

    /// Something that must not be was found.
    pub(super) fn object(&self, what: String) {
        self.violation.borrow_mut().get_or_insert(what);
    }

    pub(super) fn object_to(&self, result: Result<(), String>) {
        if let Err(what) = result {
            self.object(what);
        }
    }

    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        self.journal.borrow_mut().note(self.now(), what);
    }

    pub(super) fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_default() += 1;
    }
}

/// An instant of true time.
pub(super) fn instant(micros: u64) -> DateTime<Utc> {
    let start = DateTime::from_timestamp(EPOCH, 0).unwrap_or_default();
    start + TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX / 2))
}
