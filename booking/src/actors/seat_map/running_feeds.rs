//! The feeds of this instance: the directory sends them changes, the handle of all feeds starts and ends them.

use super::messages::{FeedAddress, FlightUpdate};
use shared::ids::FlightId;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tokio::sync::Semaphore;

/// A feed that runs.
#[derive(Clone)]
pub(super) struct FeedEntry {
    pub(super) feed: FeedAddress,
    /// How many more readers this flight may have.
    pub(super) places: Arc<Semaphore>,
}

impl FeedEntry {
    /// `of_flight`: how many readers the flight may have.
    fn new(feed: FeedAddress, of_flight: usize) -> Self {
        Self { feed, places: Arc::new(Semaphore::new(of_flight.min(Semaphore::MAX_PERMITS))) }
    }
}

/// How many feeds and readers there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReaderLimits {
    /// Readers of all flights together.
    pub(crate) readers: usize,
    /// Readers of one flight.
    pub(crate) of_flight: usize,
}

#[derive(Default)]
struct FeedTable {
    feeds: HashMap<FlightId, FeedEntry>,
    /// The service is being stopped.
    ended: bool,
}

/// The feeds of this instance by flight. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct RunningFeeds(Arc<RwLock<FeedTable>>);

impl RunningFeeds {
    // Nothing panics between two changes of the table: a poisoned lock guards a whole one.
    fn all(&self) -> RwLockReadGuard<'_, FeedTable> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_mut(&self) -> RwLockWriteGuard<'_, FeedTable> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a change to a flight's feed, if it runs here.
    pub(crate) fn update(&self, id: FlightId, update: impl FnOnce() -> FlightUpdate) {
        if let Some(entry) = self.all().feeds.get(&id) {
            entry.feed.update(update());
        }
    }

    /// Whether a flight has a feed here.
    pub(crate) fn follows(&self, id: FlightId) -> bool {
        self.all().feeds.contains_key(&id)
    }

    /// The flights that have a feed here.
    pub(crate) fn flights(&self) -> Vec<FlightId> {
        self.all().feeds.keys().copied().collect()
    }

    /// A feed that is alive.
    pub(super) fn find(&self, id: FlightId) -> Option<FeedEntry> {
        self.all().feeds.get(&id).filter(|entry| entry.feed.connected()).cloned()
    }

    /// The feed that is alive, or one that `start` starts; `None` once the service is being stopped.
    pub(super) fn find_or_start(
        &self,
        id: FlightId,
        limits: ReaderLimits,
        start: impl FnOnce() -> FeedAddress,
    ) -> Option<FeedEntry> {
        let mut running = self.all_mut();
        if running.ended {
            return None;
        }
        if let Some(entry) = running.feeds.get(&id).filter(|entry| entry.feed.connected()) {
            return Some(entry.clone());
        }
        if running.feeds.len() >= limits.readers {
            running.end_alone(limits.of_flight);
        }
        let entry = FeedEntry::new(start(), limits.of_flight);
        running.feeds.insert(id, entry.clone());
        running.measure();
        Some(entry)
    }

    /// Forgets a feed that did not live to answer: it may still be about to end.
    pub(super) fn forget(&self, id: FlightId, dead: &FeedEntry) {
        let mut running = self.all_mut();
        if running.feeds.get(&id).is_some_and(|entry| entry.feed == dead.feed) {
            running.feeds.remove(&id);
            running.measure();
        }
    }

    pub(super) fn remove(&self, id: FlightId) {
        let mut running = self.all_mut();
        running.feeds.remove(&id);
        running.measure();
    }

    /// Takes all feeds out, and lets none start any more.
    pub(super) fn close(&self) -> Vec<FeedEntry> {
        let mut running = self.all_mut();
        running.ended = true;
        std::mem::take(&mut running.feeds).into_values().collect()
    }
}

impl FeedTable {
    /// Ends the feeds without readers, which only wait for readers to come back. So there are never more
    /// feeds than there may be readers.
    fn end_alone(&mut self, of_flight: usize) {
        let places = of_flight.min(Semaphore::MAX_PERMITS);
        self.feeds.retain(|_, entry| {
            let followed = entry.places.available_permits() < places;
            if !followed {
                entry.feed.end();
            }
            followed
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of flights")]
    fn measure(&self) {
        metrics::gauge!("booking_seat_map_feeds").set(self.feeds.len() as f64);
    }
}
