//! A process of the service: its clocks, its allocators, and what it has in hand.

use super::{
    ledger::Queue,
    random::Random,
    world::{MILLISECOND, MINUTE, SECOND, World, instant},
};
use crate::actors::{allocator::NotReserved, directory::NotFound, ledger::shard_of};
use booking_engine::{
    booking::refusal::Refusal,
    inventory::{
        flight::Flight,
        seat_inventory::{Decision, HoldsLeft, Moment, Reservation, SeatBook, SeatsRead, Wanted},
    },
};
use shared::{db::DbError, events::SeatsState, ids::FlightId};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Instant};

/// Ledgers of a process.
pub(super) const SHARDS: usize = 2;

/// An allocator: the real book of seats, and the flight as it was told of last.
pub(super) struct Allocator {
    pub(super) flight: RefCell<Flight>,
    pub(super) book: RefCell<SeatBook>,
}

/// See the module.
pub(super) struct Instance {
    pub(super) up: bool,
    /// Counts its starts, so that what belongs to an earlier life can be told apart.
    pub(super) life: u64,
    /// How far its wall clock is from the true time, microseconds.
    pub(super) skew: i64,
    /// How much faster its clocks run, millionths.
    drift: u64,
    /// Chooses between equally good seats, as in the directory.
    spread: usize,
    pub(super) allocators: BTreeMap<FlightId, Rc<Allocator>>,
    pub(super) ledgers: [Queue; SHARDS],
    /// Bodies by the scopes of the keys whose requests run here.
    pub(super) running: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Instance {
    pub(super) fn new(random: &Random) -> Self {
        let mut instance = Self {
            up: true,
            life: 0,
            skew: 0,
            drift: random.below(500),
            spread: random.index(997),
            allocators: BTreeMap::new(),
            ledgers: Default::default(),
            running: BTreeMap::new(),
        };
        instance.set_clock(random);
        instance
    }

    /// Somebody sets the wall clock: minutes off, either way.
    pub(super) fn set_clock(&mut self, random: &Random) {
        let off = i64::try_from(random.below(10 * MINUTE)).unwrap_or(0);
        self.skew = off - i64::try_from(5 * MINUTE).unwrap_or(0);
    }

    /// What the process remembers is gone.
    pub(super) fn forget(&mut self) {
        self.life += 1;
        self.allocators.clear();
        self.ledgers = Default::default();
        self.running.clear();
    }
}

impl World {
    /// Microseconds on an instance's own clock.
    fn own_time(&self, at: usize) -> u64 {
        let now = self.now();
        now + now / 1_000_000 * self.instances[at].borrow().drift
    }

    /// An instance's monotonic clock.
    pub(super) fn instant_at(&self, at: usize) -> Instant {
        self.monotonic(self.own_time(at))
    }

    /// An instance's clocks.
    pub(super) fn moment_at(&self, at: usize) -> Moment {
        let own = self.own_time(at);
        let skewed = own.saturating_add_signed(self.instances[at].borrow().skew);
        Moment { now: self.monotonic(own), utc: instant(skewed) }
    }

    fn running(&self, at: usize, id: FlightId) -> Option<Rc<Allocator>> {
        self.instances[at].borrow().allocators.get(&id).cloned()
    }

    /// Whether an allocator is still the one that answers for its flight.
    fn is_alive(&self, at: usize, id: FlightId, allocator: &Rc<Allocator>) -> bool {
        self.running(at, id).is_some_and(|running| Rc::ptr_eq(&running, allocator))
    }

    /// Reads a flight as it is now; it arrives later.
    async fn read_flight(self: &Rc<Self>, id: FlightId) -> Result<Option<(Flight, SeatsRead)>, DbError> {
        self.hop().await;
        let read = {
            let now = self.now();
            let mut database = self.database.borrow_mut();
            if database.is_down(now) {
                return Err(unavailable());
            }
            let clock = database.clock(now);
            let read = database.rows.read_flight(id, clock);
            if let (Some(trace), Some((_, read))) = (&self.trace, &read) {
                trace.borrow_mut().read_seats(id, clock, read);
            }
            read
        };
        self.hop().await;
        Ok(read)
    }

    async fn find(self: &Rc<Self>, at: usize, id: FlightId) -> Result<Rc<Allocator>, NotFound> {
        if let Some(allocator) = self.running(at, id) {
            return Ok(allocator);
        }
        let read = self.read_flight(id).await.map_err(NotFound::Failed)?;
        let Some((flight, read)) = read else { return Err(NotFound::Unknown) };
        let now = self.instant_at(at);
        let mut instance = self.instances[at].borrow_mut();
        let spread = instance.spread;
        // Another may have started it meanwhile.
        let allocator = instance.allocators.entry(id).or_insert_with(|| {
            let book = SeatBook::new(id, &read, now, spread);
            Rc::new(Allocator { flight: RefCell::new(flight), book: RefCell::new(book) })
        });
        Ok(allocator.clone())
    }

    /// What the allocator does when it reads its flight again.
    async fn refresh(self: &Rc<Self>, at: usize, id: FlightId, allocator: &Allocator) -> Result<(), DbError> {
        let Some((flight, read)) = self.read_flight(id).await? else { return Err(unavailable()) };
        let now = self.instant_at(at);
        allocator.book.borrow_mut().learn(&read, now);
        if flight.state.version >= allocator.flight.borrow().state.version {
            *allocator.flight.borrow_mut() = flight;
            allocator.book.borrow_mut().flight_known(now);
        }
        Ok(())
    }

    /// The flight as its allocator knows it.
    pub(super) async fn known_flight(self: &Rc<Self>, at: usize, id: FlightId) -> Result<Flight, NotFound> {
        let allocator = self.find(at, id).await?;
        let flight = allocator.flight.borrow().clone();
        Ok(flight)
    }

    /// The flight as the database has it now.
    pub(super) async fn flight_now(self: &Rc<Self>, at: usize, id: FlightId) -> Result<Flight, NotFound> {
        let allocator = self.find(at, id).await?;
        self.refresh(at, id, &allocator).await.map_err(NotFound::Failed)?;
        let flight = allocator.flight.borrow().clone();
        Ok(flight)
    }

    /// Asks a flight's allocator for seats, as the directory does.
    pub(super) async fn reserve(
        self: &Rc<Self>,
        at: usize,
        id: FlightId,
        wanted: &Wanted,
        deadline: Instant,
    ) -> Result<(Reservation, Marks), NotReserved> {
        for _ in 0..2 {
            let found = self.find(at, id).await;
            let allocator = found.map_err(|error| match error {
                NotFound::Unknown => NotReserved::Refused(Refusal::NotFound),
                NotFound::Failed(error) => NotReserved::Failed(error),
                NotFound::Overloaded => NotReserved::Overloaded,
            })?;
            self.hop().await;
            if deadline <= self.instant_at(at) {
                return Err(NotReserved::Overloaded);
            }
            if !self.is_alive(at, id, &allocator) {
                continue;
            }
            let flight = allocator.flight.borrow().clone();
            let moment = self.moment_at(at);
            let decision = allocator.book.borrow_mut().decide(&flight, wanted, deadline, moment);
            let reserved = match decision {
                Decision::Granted(reservation) => Ok(reservation),
                Decision::Refused(refusal) => Err(NotReserved::Refused(refusal)),
                Decision::Unsure => {
                    self.count("books read again");
                    self.refresh(at, id, &allocator).await.map_err(NotReserved::Failed)?;
                    if !self.is_alive(at, id, &allocator) {
                        continue;
                    }
                    let flight = allocator.flight.borrow().clone();
                    let moment = self.moment_at(at);
                    let reserved = allocator.book.borrow_mut().reserve(&flight, wanted, deadline, moment);
                    reserved.map_err(NotReserved::Refused)
                }
            };
            let reservation = reserved?;
            let marks = Marks { world: self.clone(), at, allocator, ticket: reservation.ticket };
            return Ok((reservation, marks));
        }
        Err(NotReserved::Overloaded)
    }

    /// Tells an instance's allocator, if it runs, how the seats are after a commit.
    pub(super) fn seats_are(&self, at: usize, state: &SeatsState) {
        if let Some(allocator) = self.running(at, state.flight_id) {
            let now = self.instant_at(at);
            allocator.book.borrow_mut().seats_are(state, now);
        }
    }

    /// Tells an instance's allocator, if it runs, how holds were left.
    pub(super) fn holds_are(&self, at: usize, id: FlightId, holds: &HoldsLeft) {
        if let Some(allocator) = self.running(at, id) {
            allocator.book.borrow_mut().holds_are(holds);
        }
    }

    /// Tells an instance's allocator, if it runs, that its seats may have changed.
    pub(super) fn seats_unknown(&self, at: usize, id: FlightId) {
        if let Some(allocator) = self.running(at, id) {
            allocator.book.borrow_mut().doubt();
        }
    }

    /// Tells an instance's allocator, if it runs, that the flight changed.
    pub(super) fn flight_is(&self, at: usize, flight: Flight) {
        if let Some(allocator) = self.running(at, flight.state.id)
            && flight.state.version > allocator.flight.borrow().state.version
        {
            let now = self.instant_at(at);
            allocator.flight.replace(flight);
            allocator.book.borrow_mut().flight_known(now);
        }
    }

    /// The shard of a flight.
    pub(super) fn shard(flight: FlightId) -> usize {
        shard_of(flight, SHARDS)
    }
}

/// Marks of seats; taken away when dropped.
pub(super) struct Marks {
    world: Rc<World>,
    at: usize,
    allocator: Rc<Allocator>,
    ticket: u64,
}

impl Drop for Marks {
    fn drop(&mut self) {
        let now = self.world.instant_at(self.at);
        self.allocator.book.borrow_mut().release(self.ticket, now);
    }
}

/// The database cannot be reached.
pub(super) fn unavailable() -> DbError {
    DbError::Unavailable("the database is down".into())
}

/// How long a request may take up to its first commit, as `patience_ms`.
pub(super) const PATIENCE: u64 = 5 * SECOND;

/// A deadline of a request that begins now.
impl World {
    pub(super) fn deadline_at(&self, at: usize) -> Instant {
        self.instant_at(at) + std::time::Duration::from_micros(PATIENCE)
    }

    /// The time between two looks of the reaper and of the desk.
    pub(super) fn interval(&self) -> u64 {
        5 * SECOND + self.random().below(10 * SECOND) + MILLISECOND
    }
}
