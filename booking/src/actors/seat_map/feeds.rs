//! The handle of all feeds: finds the feed of a flight or starts it, and keeps to the bounds.

use super::feed::{End, Join, Joined, NotJoined, SeatMapFeed};
use crate::{
    actors::{arbiter::LastingArbiter, directory::Directory},
    domain::seat_event,
    store::flight_cache::FlightCache,
};
use actix::prelude::*;
use booking_engine::{
    inventory::flight::Flight,
    ports::{FlightError, FlightInventory, RequestContext},
    store_error::StoreError,
};
use bytes::Bytes;
use futures_util::{Stream, future::join_all};
use shared::{db::Pool, events::SeatsState, ids::FlightId};
use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    task::{Context as TaskContext, Poll},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// How long a place is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how long, milliseconds, whose stream has ended comes back: not all at once.
const RETRY: std::ops::Range<u64> = 1000..3000;

/// News of a flight.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum News {
    /// The seats as they are after a commit, of this instance or another.
    Seats(Arc<SeatsState>),
    /// The seats may have changed.
    Unknown,
    /// The flight changed.
    Flight(Flight),
}

/// How many may follow at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// All flights together.
    pub(crate) readers: usize,
    /// Of one flight.
    pub(crate) of_flight: usize,
}

/// When readers are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeedTiming {
    /// Between two events of a flight at least.
    pub(crate) pause: Duration,
    /// Between two signs of life.
    pub(crate) heartbeat: Duration,
}

/// What feeds need.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) pool: Pool,
    pub(super) flights: FlightCache,
    pub(super) timing: FeedTiming,
    pub(super) running: RunningFeeds,
}

#[derive(Clone)]
struct Entry {
    feed: Addr<SeatMapFeed>,
    /// How many more may follow this flight.
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Running {
    feeds: HashMap<FlightId, Entry>,
    /// The service is being stopped.
    ended: bool,
}

/// The feeds of this instance, for those who have news. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct RunningFeeds(Arc<RwLock<Running>>);

impl RunningFeeds {
    // Whoever holds the lock only reads, or puts in or takes out whole entries.
    fn all(&self) -> RwLockReadGuard<'_, Running> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_mut(&self) -> RwLockWriteGuard<'_, Running> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a flight's feed, if it runs here.
    pub(crate) fn tell(&self, id: FlightId, news: impl FnOnce() -> News) {
        if let Some(entry) = self.all().feeds.get(&id) {
            // A fresh address always gets one message in. An error means that the feed has died; it
            // starts again from the database.
            let _ = entry.feed.clone().try_send(news());
        }
    }

    /// Whether a flight is followed here.
    pub(crate) fn follows(&self, id: FlightId) -> bool {
        self.all().feeds.contains_key(&id)
    }

    /// The flights that are followed here.
    pub(crate) fn flights(&self) -> Vec<FlightId> {
        self.all().feeds.keys().copied().collect()
    }

    /// A feed that is alive.
    fn find(&self, id: FlightId) -> Option<Entry> {
        self.all().feeds.get(&id).filter(|entry| entry.feed.connected()).cloned()
    }

    /// Forgets a feed that did not live to answer: it may still be about to end.
    fn forget(&self, id: FlightId, dead: &Entry) {
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
}

impl Running {
    /// Ends the feeds that nobody follows, which only wait for readers to come back. So there are never more
    /// feeds than there may be readers.
    fn end_alone(&mut self, of_flight: usize) {
        let places = of_flight.min(Semaphore::MAX_PERMITS);
        self.feeds.retain(|_, entry| {
            let followed = entry.places.available_permits() < places;
            if !followed {
                // An error means that the feed has ended by itself.
                let _ = entry.feed.clone().try_send(End);
            }
            followed
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of flights")]
    fn measure(&self) {
        metrics::gauge!("booking_seat_map_feeds").set(self.feeds.len() as f64);
    }
}

/// A cloneable handle of all feeds.
#[derive(Clone)]
pub(crate) struct SeatMapFeeds {
    directory: Directory,
    means: Means,
    arbiter: LastingArbiter,
    bounds: Bounds,
    /// How many more may follow here.
    places: Arc<Semaphore>,
}

impl SeatMapFeeds {
    /// Feeds that will run on this arbiter, and are told what the directory is told.
    pub(crate) fn new(
        directory: Directory,
        (pool, flights): (Pool, FlightCache),
        arbiter: LastingArbiter,
        bounds: Bounds,
        timing: FeedTiming,
    ) -> Self {
        let running = directory.feeds().clone();
        let places = Arc::new(Semaphore::new(bounds.readers.min(Semaphore::MAX_PERMITS)));
        let means = Means { pool, flights, timing, running };
        Self { directory, means, arbiter, bounds, places }
    }

    /// Begins to follow a flight; `seen` is the version that the reader has seen last.
    pub(crate) async fn open(
        &self,
        id: FlightId,
        seen: Option<i64>,
        context: RequestContext,
    ) -> Result<Reader, FlightError> {
        let full = |_| FlightError::Overloaded;
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        // Twice: a feed that has just ended is started again.
        for _ in 0..2 {
            let entry = match self.means.running.find(id) {
                Some(entry) => entry,
                None => {
                    // Whether there is such a flight, the directory knows: it waits for young ones.
                    self.directory.offer(id, context).await?;
                    self.start(id)?
                }
            };
            let of_flight = entry.places.clone().try_acquire_owned().map_err(full)?;
            match entry.feed.send(Join { seen }).timeout(PATIENCE).await {
                Ok(Ok(joined)) => return Ok(Reader::new(joined, [place, of_flight])),
                Ok(Err(NotJoined::Unknown)) => return Err(FlightError::Unknown),
                Ok(Err(NotJoined::Failed(error))) => {
                    return Err(FlightError::Failed(StoreError::unavailable(&error.to_string())));
                }
                Err(MailboxError::Closed) => self.means.running.forget(id, &entry),
                Err(MailboxError::Timeout) => return Err(FlightError::Overloaded),
            }
        }
        Err(FlightError::Overloaded)
    }

    /// Starts a flight's feed, unless it runs.
    fn start(&self, id: FlightId) -> Result<Entry, FlightError> {
        let mut running = self.means.running.all_mut();
        if running.ended {
            return Err(FlightError::Overloaded);
        }
        if let Some(entry) = running.feeds.get(&id).filter(|entry| entry.feed.connected()) {
            return Ok(entry.clone());
        }
        if running.feeds.len() >= self.bounds.readers {
            running.end_alone(self.bounds.of_flight);
        }
        let means = self.means.clone();
        let feed =
            SeatMapFeed::start_in_arbiter(&self.arbiter.handle(), move |_| SeatMapFeed::new(id, means));
        let places = Arc::new(Semaphore::new(self.bounds.of_flight.min(Semaphore::MAX_PERMITS)));
        let entry = Entry { feed, places };
        running.feeds.insert(id, entry.clone());
        running.measure();
        Ok(entry)
    }

    /// Ends all streams, and lets nobody join any more: a stop need not wait for those who only listen.
    pub(crate) async fn end(&self) {
        let feeds = {
            let mut running = self.means.running.all_mut();
            running.ended = true;
            std::mem::take(&mut running.feeds)
        };
        // An error means that the feed has ended by itself.
        join_all(feeds.values().map(|entry| entry.feed.send(End).timeout(PATIENCE))).await;
    }
}

/// Follows a flight: the body of an answer, that ends when the reader was too slow, or the service
/// stops.
pub(crate) struct Reader {
    /// What comes before the events of the queue, in reverse.
    first: Vec<Bytes>,
    events: mpsc::Receiver<Bytes>,
    /// Given back with the reader.
    _places: [OwnedSemaphorePermit; 2],
}

impl Reader {
    fn new(joined: Joined, places: [OwnedSemaphorePermit; 2]) -> Self {
        let retry = seat_event::retry(Duration::from_millis(rand::random_range(RETRY)));
        metrics::gauge!("booking_seat_map_readers").increment(1.0);
        let first = joined.first.into_iter().chain([retry]).collect();
        Self { first, events: joined.events, _places: places }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        metrics::gauge!("booking_seat_map_readers").decrement(1.0);
    }
}

impl Stream for Reader {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        match self.first.pop() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.events.poll_recv(ctx).map(|event| event.map(Ok)),
        }
    }
}
