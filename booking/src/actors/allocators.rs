//! The allocators that run here: found by whoever asks, without a hop through a mailbox, and bounded.
//!
//! An allocator costs memory as long as it runs, and any flight on sale may be asked for. One that was
//! not asked for a while ends; and where as many run as may, those that were asked longest ago make room.
//! One that somebody has in hand, a request under way or marks of seats, stays, even beyond the bound:
//! another one in its place would not know of the marks. Without addresses an allocator ends by itself,
//! after what it is doing, and is started again from the database when its flight is asked for.

use super::allocator::{MAILBOX, SeatAllocator};
use actix::Addr;
use booking_engine::inventory::flight::Flight;
use shared::ids::FlightId;
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

/// Of so many that run, one makes room at a time: looking for them costs a look at each.
const SHARE: usize = 16;

/// How many run, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Allocators at most, beside those in hand.
    pub(crate) allocators: usize,
    /// One that was not asked for this long ends.
    pub(crate) idle: Duration,
}

/// A running allocator. Whoever has a copy has it in hand.
#[derive(Clone)]
pub(super) struct AllocatorEntry {
    pub(super) allocator: Addr<SeatAllocator>,
    pub(super) flight: watch::Receiver<Flight>,
    /// How many more may claim: a mailbox alone refuses nobody who has an address of his own.
    pub(super) places: Arc<Semaphore>,
    /// How many more may ask for the seat map, which anybody may: they take no place of who claims.
    pub(super) readers: Arc<Semaphore>,
    /// The newest version of its seats that it was told of.
    pub(super) told: Arc<AtomicI64>,
    /// Milliseconds from the beginning to the last use.
    used: Arc<AtomicU64>,
}

impl AllocatorEntry {
    pub(super) fn new(allocator: Addr<SeatAllocator>, flight: watch::Receiver<Flight>) -> Self {
        let [places, readers] = [(); 2].map(|()| Arc::new(Semaphore::new(MAILBOX)));
        Self { allocator, flight, places, readers, told: Arc::default(), used: Arc::default() }
    }

    fn use_at(&self, at: u64) {
        self.used.store(at, Ordering::Relaxed);
    }

    /// When it was used last, if nobody has it in hand.
    fn idle_since(&self) -> Option<u64> {
        // One is that of the map, which is locked: nobody takes it in hand meanwhile.
        (Arc::strong_count(&self.used) == 1).then(|| self.used.load(Ordering::Relaxed))
    }
}

type Map = HashMap<FlightId, AllocatorEntry>;

/// See the module. Clones share them.
#[derive(Clone)]
pub(super) struct Allocators {
    running: Arc<RwLock<Map>>,
    limits: Limits,
    beginning: Instant,
}

impl Allocators {
    pub(super) fn new(limits: Limits) -> Self {
        let limits = Limits { allocators: limits.allocators.max(1), ..limits };
        Self { running: Arc::default(), limits, beginning: Instant::now() }
    }

    // Whoever holds the lock only reads, or puts in or takes out whole entries.
    fn all(&self) -> RwLockReadGuard<'_, Map> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Map) -> T) -> T {
        let mut all: RwLockWriteGuard<'_, Map> = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut all);
        #[expect(clippy::cast_precision_loss, reason = "a count of flights")]
        metrics::gauge!("booking_allocators").set(all.len() as f64);
        changed
    }

    fn now(&self) -> u64 {
        u64::try_from(self.beginning.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A flight's allocator, if it runs, to be used now.
    pub(super) fn find(&self, id: FlightId) -> Option<AllocatorEntry> {
        let all = self.all();
        let entry = all.get(&id).filter(|entry| entry.allocator.connected())?;
        entry.use_at(self.now());
        Some(entry.clone())
    }

    /// Looks at a flight's allocator without using it.
    pub(super) fn look<T>(&self, id: FlightId, look: impl FnOnce(&AllocatorEntry) -> T) -> Option<T> {
        self.all().get(&id).map(look)
    }

    /// The flights whose allocators run.
    pub(super) fn flights(&self) -> Vec<FlightId> {
        self.all().keys().copied().collect()
    }

    /// An allocator that was started, to be used now. Others make room for it.
    pub(super) fn insert(&self, id: FlightId, entry: AllocatorEntry) {
        entry.use_at(self.now());
        self.change(|all| {
            if all.len() >= self.limits.allocators {
                make_room(all, self.limits.allocators);
            }
            all.insert(id, entry);
        });
    }

    /// Forgets an allocator that did not live to answer: it may still be about to end.
    pub(super) fn forget(&self, id: FlightId, dead: &AllocatorEntry) {
        self.change(|all| {
            if all.get(&id).is_some_and(|entry| entry.allocator == dead.allocator) {
                all.remove(&id);
            }
        });
    }

    /// Lets go of those that were not asked for long enough, or have died.
    pub(super) fn passivate(&self) {
        let idle = u64::try_from(self.limits.idle.as_millis()).unwrap_or(u64::MAX);
        let now = self.now();
        let stays = |entry: &AllocatorEntry| {
            entry.allocator.connected()
                && entry.idle_since().is_none_or(|since| now.saturating_sub(since) < idle)
        };
        self.change(|all| {
            let before = all.len();
            all.retain(|_, entry| stays(entry));
            count_passivated(before - all.len());
            all.shrink_to(all.len() * 2);
        });
    }
}

/// Lets go of a share of those that nobody has in hand: the ones that were asked longest ago.
fn make_room(all: &mut Map, limit: usize) {
    let idle = all.iter().filter_map(|(id, entry)| Some((entry.idle_since()?, *id)));
    let mut idle: Vec<_> = idle.collect();
    // Those by which the bound was passed because they were in hand then, too.
    let going = ((limit / SHARE).max(1) + (all.len() - limit)).min(idle.len());
    if going < idle.len() {
        idle.select_nth_unstable(going);
    }
    for (_, id) in &idle[..going] {
        all.remove(id);
    }
    count_passivated(going);
}

fn count_passivated(count: usize) {
    metrics::counter!("booking_allocators_passivated_total").increment(count as u64);
}
