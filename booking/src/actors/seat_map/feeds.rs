//! The handle of all feeds: finds the feed of a flight or starts it, and keeps to the limits.

use super::{
    deps::{FeedDeps, FeedTiming},
    feed::SeatMapFeed,
    messages::{EndFeed, FeedAddress, JoinFeed, NotJoined},
    reader::SeatMapReader,
    running_feeds::{FeedEntry, ReaderLimits},
};
use crate::{
    actors::{arbiter::LastingArbiter, directory::Directory},
    store::flight_cache::FlightCache,
};
use actix::prelude::*;
use booking_engine::{
    ports::{FlightError, FlightInventory, RequestContext},
    store_error::StoreError,
};
use futures_util::future::join_all;
use shared::{db::Pool, ids::FlightId};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// How long a feed has for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A cloneable handle of all feeds.
#[derive(Clone)]
pub(crate) struct SeatMapFeeds {
    directory: Directory,
    deps: FeedDeps,
    arbiter: LastingArbiter,
    limits: ReaderLimits,
    /// How many more readers this instance may have.
    places: Arc<Semaphore>,
}

impl SeatMapFeeds {
    /// Feeds that will run on this arbiter. The directory passes its updates on to them.
    pub(crate) fn new(
        directory: Directory,
        (pool, flights): (Pool, FlightCache),
        arbiter: LastingArbiter,
        limits: ReaderLimits,
        timing: FeedTiming,
    ) -> Self {
        let running = directory.feeds().clone();
        let places = Arc::new(Semaphore::new(limits.readers.min(Semaphore::MAX_PERMITS)));
        let deps = FeedDeps { pool, flights, timing, running };
        Self { directory, deps, arbiter, limits, places }
    }

    /// Begins to follow a flight; `seen` is the version that the reader saw last.
    pub(crate) async fn open(
        &self,
        id: FlightId,
        seen: Option<i64>,
        context: RequestContext,
    ) -> Result<SeatMapReader, FlightError> {
        let full = |_| FlightError::Overloaded;
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        // Twice: a feed that has just ended is started again.
        for _ in 0..2 {
            let entry = match self.deps.running.find(id) {
                Some(entry) => entry,
                None => {
                    // Only the directory knows whether the flight exists: it waits for young ones.
                    self.directory.offer(id, context).await?;
                    self.start(id).ok_or(FlightError::Overloaded)?
                }
            };
            let of_flight = entry.places.clone().try_acquire_owned().map_err(full)?;
            match entry.feed.joins.send(JoinFeed { seen }).timeout(ANSWER_TIMEOUT).await {
                Ok(Ok(joined)) => return Ok(SeatMapReader::new(joined, [place, of_flight])),
                Ok(Err(NotJoined::Unknown)) => return Err(FlightError::Unknown),
                Ok(Err(NotJoined::Failed(error))) => {
                    return Err(FlightError::Failed(StoreError::unavailable(&error.to_string())));
                }
                Err(MailboxError::Closed) => self.deps.running.forget(id, &entry),
                Err(MailboxError::Timeout) => return Err(FlightError::Overloaded),
            }
        }
        Err(FlightError::Overloaded)
    }

    /// Starts a flight's feed, unless it runs; `None` once the service is being stopped.
    fn start(&self, id: FlightId) -> Option<FeedEntry> {
        self.deps.running.find_or_start(id, self.limits, || {
            let (deps, arbiter) = (self.deps.clone(), self.arbiter.handle());
            FeedAddress::of(SeatMapFeed::start_in_arbiter(&arbiter, move |_| SeatMapFeed::new(id, deps)))
        })
    }

    /// Ends all streams, and admits no further reader: a stop does not wait for readers.
    pub(crate) async fn end(&self) {
        let feeds = self.deps.running.close();
        // An error means that the feed has ended by itself.
        join_all(feeds.iter().map(|entry| entry.feed.ends.send(EndFeed).timeout(ANSWER_TIMEOUT))).await;
    }
}
