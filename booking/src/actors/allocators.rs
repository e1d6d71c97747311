//! The allocators that run here, in a bounded map. Requests find them without a hop through a mailbox.
//!
//! An allocator costs memory as long as it runs, and a request may name any flight on sale. So an idle allocator is
//! passivated after a while, and at the limit the least recently used ones are passivated first. An allocator in use
//! (by a request under way, or by a reservation) stays, even beyond the limit: its successor would not know the
//! reservation. An allocator without addresses ends by itself after its present work. The next request for its flight
//! starts another one from the database.

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

/// At the limit, one allocator of this many is passivated at once: finding the idle ones reads the whole map.
const SHARE: usize = 16;

/// How many allocators run, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllocatorLimits {
    /// The most allocators; those in use may exceed it.
    pub(crate) allocators: usize,
    /// An allocator without a request for this time is passivated.
    pub(crate) idle: Duration,
}

/// A running allocator. A copy of the entry keeps the allocator in use.
#[derive(Clone)]
pub(super) struct AllocatorEntry {
    pub(super) allocator: Addr<SeatAllocator>,
    pub(super) flight: watch::Receiver<Flight>,
    /// Places for reservations: a mailbox alone refuses no fresh address.
    pub(super) places: Arc<Semaphore>,
    /// Places for readers of the seat map, who are not signed in: they take no place of a reservation.
    pub(super) readers: Arc<Semaphore>,
    /// The newest version of the seats that was sent to the allocator.
    pub(super) sent_version: Arc<AtomicI64>,
    /// Milliseconds from the beginning to the last use.
    used: Arc<AtomicU64>,
}

impl AllocatorEntry {
    pub(super) fn new(allocator: Addr<SeatAllocator>, flight: watch::Receiver<Flight>) -> Self {
        let [places, readers] = [(); 2].map(|()| Arc::new(Semaphore::new(MAILBOX)));
        Self { allocator, flight, places, readers, sent_version: Arc::default(), used: Arc::default() }
    }

    fn use_at(&self, at: u64) {
        self.used.store(at, Ordering::Relaxed);
    }

    /// When the allocator was used last; `None` while it is in use.
    fn idle_since(&self) -> Option<u64> {
        // The one count is that of the map, which is locked: no request can take a copy now.
        (Arc::strong_count(&self.used) == 1).then(|| self.used.load(Ordering::Relaxed))
    }
}

type AllocatorMap = HashMap<FlightId, AllocatorEntry>;

/// See the module. Clones share them.
#[derive(Clone)]
pub(super) struct Allocators {
    running: Arc<RwLock<AllocatorMap>>,
    limits: AllocatorLimits,
    beginning: Instant,
}

impl Allocators {
    pub(super) fn new(limits: AllocatorLimits) -> Self {
        let limits = AllocatorLimits { allocators: limits.allocators.max(1), ..limits };
        Self { running: Arc::default(), limits, beginning: Instant::now() }
    }

    // Nothing panics between two changes of the map: a poisoned lock guards a whole one.
    fn all(&self) -> RwLockReadGuard<'_, AllocatorMap> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut AllocatorMap) -> T) -> T {
        let mut all: RwLockWriteGuard<'_, AllocatorMap> =
            self.running.write().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut all);
        #[expect(clippy::cast_precision_loss, reason = "a count of flights")]
        metrics::gauge!("booking_allocators").set(all.len() as f64);
        changed
    }

    fn now(&self) -> u64 {
        u64::try_from(self.beginning.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A flight's allocator, if it runs, for use now.
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

    /// Adds an allocator that was just started, for use now. At the limit, idle ones are passivated.
    pub(super) fn insert(&self, id: FlightId, entry: AllocatorEntry) {
        entry.use_at(self.now());
        self.change(|all| {
            if all.len() >= self.limits.allocators {
                passivate_oldest(all, self.limits.allocators);
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

    /// Passivates allocators that were idle for long enough, and forgets dead ones.
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

/// Passivates a share of the idle allocators, least recently used first.
fn passivate_oldest(all: &mut AllocatorMap, limit: usize) {
    let idle = all.iter().filter_map(|(id, entry)| Some((entry.idle_since()?, *id)));
    let mut idle: Vec<_> = idle.collect();
    // Allocators in use may have exceeded the limit: the excess goes as well.
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
