//! Live seat maps against a real PostgreSQL.

use super::{Bounds, FeedTiming, RunningFeeds, SeatMapFeeds};
use crate::{
    MIGRATIONS,
    actors::{allocators::Limits, arbiter::LastingArbiter, directory::Directory, shards::Shards},
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

const LIMITS: Limits = Limits { allocators: 16, idle: Duration::from_secs(600) };

/// The context of somebody who has time.
fn context() -> RequestContext {
    RequestContext::of_our_own(Instant::now() + Duration::from_secs(3600))
}

/// Flights in a database, and the live seat maps of them.
struct Scene {
    _database: TestDatabase,
    pool: Pool,
    shards: Shards,
    arbiter: LastingArbiter,
    flights: Vec<FlightId>,
    running: RunningFeeds,
    feeds: SeatMapFeeds,
}

impl Scene {
    async fn new(flights: usize, readers: usize) -> Self {
        let database = TestDatabase::of("booking", MIGRATIONS).await;
        let pool = Pool::new(&database.config("booking"));
        let (cache, shards, arbiter) = (FlightCache::new(16), Shards::new(1), LastingArbiter::new());
        let states: Vec<_> = (0..flights).map(|_| samples::flight()).collect();
        let known: Vec<_> =
            states.iter().map(|one| (one.clone(), serde_json::to_value(one).unwrap())).collect();
        store::flights::upsert(&pool.get().await.unwrap(), &known).await.unwrap();
        let directory =
            Directory::start((pool.clone(), pool.clone()), cache.clone(), shards.handles(), LIMITS);
        let running = directory.feeds().clone();
        let feeds = SeatMapFeeds::new(
            directory,
            (pool.clone(), cache),
            arbiter.clone(),
            Bounds { readers, of_flight: readers },
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
async fn who_names_a_version_that_is_none_keeps_nobody_out() {
    let scene = Scene::new(1, 1000).await;
    let open = |seen: Option<i64>| {
        let (feeds, id) = (scene.feeds.clone(), scene.flights[0]);
        actix::spawn(async move { feeds.open(id, seen, context()).await })
    };
    // One joins after the other, each of them wants a read of its own, and none stays.
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
    scene.stop().await;
}

#[actix::test]
async fn a_feed_whose_arbiter_dies_is_started_again_for_those_who_come_back() {
    let scene = Scene::new(1, 10).await;
    for _ in 0..3 {
        let mut reader = scene.feeds.open(scene.flights[0], None, context()).await.unwrap();
        let first = [reader.next().await, reader.next().await].map(|part| part.unwrap().unwrap());
        assert!(first.iter().any(|part| part.starts_with(b"event: snapshot")), "{first:?}");
        scene.arbiter.kill().await;
        assert!(reader.next().await.is_none(), "the stream ends");
    }
    scene.stop().await;
}

#[actix::test]
async fn feeds_that_nobody_follows_make_room() {
    let scene = Scene::new(50, 4).await;
    let followed = scene.feeds.open(scene.flights[0], None, context()).await.unwrap();
    for flight in &scene.flights {
        drop(scene.feeds.open(*flight, None, context()).await.unwrap());
        assert!(scene.running.flights().len() <= 4);
        assert!(scene.running.follows(scene.flights[0]));
    }
    drop(followed);
    scene.stop().await;
}
