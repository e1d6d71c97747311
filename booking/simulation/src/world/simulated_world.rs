//! The world of a run.

use crate::{
    checks::Invariants,
    database::{ModelDatabase, unavailable},
    ground::{
        RunJournal, Sabotage, SeededRandom, TaskOwner, TaskRequests, TaskScheduler, VirtualSleep,
        VirtualTime,
        time::{MILLISECOND, SECOND},
    },
    provider::SimulatedProvider,
    trace::{ClaimedLocators, DatabaseTrace},
    world::instance::SimulatedInstance,
};
use booking_engine::{booking::locator::Locator, store_error::StoreResult};
use futures_util::future::{Either, select};
use shared::events::FlightState;
use std::{
    cell::{Cell, RefCell, RefMut},
    pin::pin,
    rc::Rc,
    sync::Arc,
};
use uuid::Uuid;

/// Sizes that differ from run to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorldSizes {
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

impl WorldSizes {
    fn draw(random: &SeededRandom) -> Self {
        Self {
            instances: 1 + random.index(3),
            travellers: 8 + random.index(56),
            flights: 2 + random.index(6),
            trouble: [5, 20, 60][random.index(3)],
            leisure: [8, 10, 12][random.index(3)],
            bus: [7, 10, 14][random.index(3)],
        }
    }
}

/// What all parts of a run share.
pub(crate) struct SimulatedWorld {
    pub(crate) time: Rc<VirtualTime>,
    random: Rc<SeededRandom>,
    pub(crate) tasks: Rc<TaskRequests>,
    pub(crate) journal: RunJournal,
    pub(crate) sizes: WorldSizes,
    pub(crate) sabotage: Sabotage,
    pub(crate) database: RefCell<ModelDatabase>,
    pub(crate) instances: Vec<RefCell<SimulatedInstance>>,
    pub(crate) provider: RefCell<SimulatedProvider>,
    pub(crate) invariants: RefCell<Invariants>,
    /// The locators that claims came with. After a collision the ledger draws another one.
    pub(crate) claimed: RefCell<ClaimedLocators>,
    /// Only of a recorded run.
    pub(crate) trace: Option<RefCell<DatabaseTrace>>,
    /// Flights as the network has them, newest last.
    pub(crate) network: RefCell<Vec<Arc<FlightState>>>,
    /// Whether faults strike.
    pub(crate) troubled: Cell<bool>,
    /// No new requests.
    pub(crate) closing: Cell<bool>,
    /// Travellers that have not come to rest.
    pub(crate) travellers: Cell<usize>,
    /// Messages are delivered again only after this.
    pub(crate) bus_down_until: Cell<u64>,
}

impl SimulatedWorld {
    pub(crate) fn new(seed: u64, sabotage: Sabotage, recorded: bool) -> Rc<Self> {
        let (time, random) = (VirtualTime::new(), SeededRandom::new(seed));
        let sizes = WorldSizes::draw(&random);
        let instance = |_| RefCell::new(SimulatedInstance::new(&time, &random));
        let instances = (0..sizes.instances).map(instance).collect();
        Rc::new(Self {
            time,
            random: Rc::new(random),
            tasks: Rc::default(),
            journal: RunJournal::new(recorded),
            sizes,
            sabotage,
            database: RefCell::default(),
            instances,
            provider: RefCell::default(),
            invariants: RefCell::default(),
            claimed: RefCell::default(),
            trace: recorded.then(RefCell::default),
            network: RefCell::default(),
            troubled: Cell::new(true),
            closing: Cell::new(false),
            travellers: Cell::new(0),
            bus_down_until: Cell::new(0),
        })
    }

    /// A scheduler of the tasks of this world.
    pub(crate) fn scheduler(&self) -> TaskScheduler {
        TaskScheduler::new(self.time.clone(), self.random.clone(), self.tasks.clone())
    }

    /// Forgets what refers to the world itself: the run is over.
    pub(crate) fn forget(&self) {
        self.instances.iter().for_each(|instance| instance.borrow_mut().forget());
        self.time.forget();
        self.tasks.forget();
    }

    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.time.now()
    }

    pub(crate) fn random(&self) -> &SeededRandom {
        &self.random
    }

    pub(crate) fn id(&self) -> Uuid {
        let micros = self.time.utc().timestamp_micros();
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

    /// Whether a fault strikes. `of_thousand`: its chance in ordinary trouble.
    pub(crate) fn strikes(&self, of_thousand: u64) -> bool {
        self.troubled.get() && {
            let scaled = of_thousand * self.sizes.trouble / 20;
            self.random().chance(scaled)
        }
    }

    /// The time between two looks of the sweeper and of the desks.
    pub(crate) fn interval(&self) -> u64 {
        5 * SECOND + self.random().below(10 * SECOND) + MILLISECOND
    }

    pub(crate) fn spawn(&self, owner: TaskOwner, work: impl Future<Output = ()> + 'static) {
        self.tasks.spawn(owner, work);
    }

    pub(crate) fn sleep(&self, micros: u64) -> VirtualSleep {
        self.time.sleep(micros)
    }

    /// The way of a message: short, sometimes long.
    pub(crate) fn hop(&self) -> VirtualSleep {
        let doublings = if self.strikes(20) { 14 } else { 6 };
        let micros = self.random().time(50, doublings);
        self.sleep(micros)
    }

    /// What comes in time.
    pub(crate) async fn in_time<T>(&self, micros: u64, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), self.sleep(micros)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }

    /// The database, where it can be reached.
    ///
    /// # Errors
    /// The database is down.
    pub(crate) fn reach_database(&self) -> StoreResult<RefMut<'_, ModelDatabase>> {
        let database = self.database.borrow_mut();
        if database.is_down(self.now()) { Err(unavailable()) } else { Ok(database) }
    }

    /// Writes down what was done to the database, where the run is recorded.
    pub(crate) fn record(&self, record: impl FnOnce(&mut DatabaseTrace)) {
        if let Some(trace) = &self.trace {
            record(&mut trace.borrow_mut());
        }
    }

    /// Reports a broken promise where a check found one.
    pub(crate) fn check(&self, result: Result<(), String>) {
        if let Err(what) = result {
            self.report_violation(what);
        }
    }

    pub(crate) fn report_violation(&self, what: String) {
        self.journal.report_violation(what);
    }

    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        self.journal.note(self.now(), what);
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.journal.count(what);
    }
}
