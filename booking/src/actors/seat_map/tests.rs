//! Live seat maps against a real PostgreSQL.

use super::{FeedTiming, ReaderLimits, RunningFeeds, SeatMapFeeds};
use crate::{
    MIGRATIONS,
    actors::{allocators::AllocatorLimits, arbiter::LastingArbiter, directory::Directory, shards::Shards},
    store::{self, flight_cache::FlightCache},
};
use booking_engine::{ports::RequestContext, samples};
use futures_util::StreamExt;
use shared::{db::Pool, ids::FlightId};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use testkit::TestDatabase;

const LIMITS: AllocatorLimits = AllocatorLimits { allocators: 16, idle: Duration::from_secs(600) };

/// The context of a request with a late deadline.
fn context() -> RequestContext {
    RequestContext::of_our_own(Instant::now() + Duration::from_secs(3600))
}

/// Flights in a database, and the live seat maps of them.
struct FeedFixture {
    _database: TestDatabase,
    pool: Pool,
    shards: Shards,
    arbiter: LastingArbiter,
    flights: Vec<FlightId>,
    running: RunningFeeds,
    feeds: SeatMapFeeds,
}

impl FeedFixture {
    async fn new(flights: usize, readers: usize) -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let pool = Pool::new(&database.config("booking"));
        let (cache, shards, arbiter) =
            (FlightCache::new(16), Shards::start(1).unwrap(), LastingArbiter::start("test").unwrap());
        let states: Vec<_> = (0..flights).map(|_| samples::flight()).collect();
        let known: Vec<_> =
            states.iter().map(|one| (one.clone(), serde_json::to_value(one).unwrap())).collect();
        store::flight_updates::store(&pool.get().await.unwrap(), &known).await.unwrap();
        let directory =
            Directory::start((pool.clone(), pool.clone()), cache.clone(), shards.handles(), LIMITS);
        let running = directory.feeds().clone();
        let feeds = SeatMapFeeds::new(
            directory,
            (pool.clone(), cache),
            arbiter.clone(),
            ReaderLimits { readers, of_flight: readers },
            FeedTiming { pause: Duration::ZERO, heartbeat: Duration::from_secs(3600) },
        );
        let flights = states.iter().map(|state| state.id).collect();
        Self { _database: database, pool, shards, arbiter, flights, running, feeds }
    }

    async fn stop(self) {
        self.feeds.end().await;
        self.pool.close();
        self.shards.stop();
        self.arbiter.stop();
    }
}

#[actix::test]
async fn readers_with_a_version_that_does_not_exist_do_not_block_others() {
    let fixture = FeedFixture::new(1, 1000).await;
    let open = |seen: Option<i64>| {
        let (feeds, id) = (fixture.feeds.clone(), fixture.flights[0]);
        actix::spawn(async move { feeds.open(id, seen, context()).await })
    };
    // One reader after the other joins, wants a read of its own, and leaves.
    let besieging = async {
        let mut besiegers = VecDeque::new();
        loop {
            besiegers.push_back(open(Some(i64::MAX)));
            if besiegers.len() > 100 {
                let oldest: tokio::task::JoinHandle<_> = besiegers.pop_front().unwrap();
                oldest.abort();
            }
            tokio::task::yield_now().await;
        }
    };
    let joining = async {
        for seen in [None, Some(i64::MAX)] {
            let mut reader = open(seen).await.unwrap().unwrap();
            let first = [reader.next().await, reader.next().await].map(|part| part.unwrap().unwrap());
            assert!(first.iter().any(|part| part.starts_with(b"event: snapshot")), "{first:?}");
        }
    };
    tokio::select! {
        () = besieging => {}
        joined = tokio::time::timeout(Duration::from_secs(20), joining) => joined.unwrap(),
    }
    fixture.stop().await;
}

#[actix::test]
async fn a_feed_whose_arbiter_dies_restarts_for_returning_readers() {
    let fixture = FeedFixture::new(1, 10).await;
    for _ in 0..3 {
        let mut reader = fixture.feeds.open(fixture.flights[0], None, context()).await.unwrap();
        let first = [reader.next().await, reader.next().await].map(|part| part.unwrap().unwrap());
        assert!(first.iter().any(|part| part.starts_with(b"event: snapshot")), "{first:?}");
        fixture.arbiter.kill().await;
        assert!(reader.next().await.is_none(), "the stream ends");
    }
    fixture.stop().await;
}

#[actix::test]
async fn feeds_without_readers_end_for_new_ones() {
    let fixture = FeedFixture::new(50, 4).await;
    let followed = fixture.feeds.open(fixture.flights[0], None, context()).await.unwrap();
    for flight in &fixture.flights {
        drop(fixture.feeds.open(*flight, None, context()).await.unwrap());
        assert!(fixture.running.flights().len() <= 4);
        assert!(fixture.running.follows(fixture.flights[0]));
    }
    drop(followed);
    fixture.stop().await;
}
