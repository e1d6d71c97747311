//! Live seat maps against a real PostgreSQL.

use super::{Bounds, Rhythm, SeatMapFeeds};
use crate::{
    MIGRATIONS,
    actors::{allocators::Limits, arbiter::LastingArbiter, directory::Directory, ledger::Shards},
    domain::samples,
    store::{self, flight_cache::FlightCache},
};
use futures_util::StreamExt;
use shared::db::Pool;
use std::{collections::VecDeque, time::Duration};
use testkit::TestDatabase;

const LIMITS: Limits = Limits { allocators: 16, idle: Duration::from_secs(600) };

#[actix::test]
async fn who_names_a_version_that_is_none_keeps_nobody_out() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let pool = Pool::new(&database.config("booking"));
    let (flights, shards, flight) = (FlightCache::new(16), Shards::new(1), samples::flight());
    let json = serde_json::to_value(&flight).unwrap();
    store::flights::upsert(&pool.get().await.unwrap(), &[(flight.clone(), json)]).await.unwrap();
    let arbiter = LastingArbiter::new();
    let directory = Directory::start(pool.clone(), flights.clone(), shards.handles(), LIMITS);
    let feeds = SeatMapFeeds::new(
        directory,
        (pool.clone(), flights),
        arbiter.clone(),
        Bounds { readers: 1000, of_flight: 1000 },
        Rhythm { pause: Duration::ZERO, heartbeat: Duration::from_secs(3600) },
    );
    let open = |seen: Option<i64>| {
        let (feeds, id) = (feeds.clone(), flight.id);
        actix::spawn(async move { feeds.open(id, seen).await })
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
    feeds.end().await;
    pool.close();
    shards.stop();
    arbiter.stop();
}

#[actix::test]
async fn a_feed_whose_arbiter_dies_is_started_again_for_those_who_come_back() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let pool = Pool::new(&database.config("booking"));
    let (flights, shards, flight) = (FlightCache::new(16), Shards::new(1), samples::flight());
    let json = serde_json::to_value(&flight).unwrap();
    store::flights::upsert(&pool.get().await.unwrap(), &[(flight.clone(), json)]).await.unwrap();
    let arbiter = LastingArbiter::new();
    let directory = Directory::start(pool.clone(), flights.clone(), shards.handles(), LIMITS);
    let feeds = SeatMapFeeds::new(
        directory,
        (pool.clone(), flights),
        arbiter.clone(),
        Bounds { readers: 10, of_flight: 10 },
        Rhythm { pause: Duration::ZERO, heartbeat: Duration::from_secs(3600) },
    );
    for _ in 0..3 {
        let mut reader = feeds.open(flight.id, None).await.unwrap();
        let first = [reader.next().await, reader.next().await].map(|part| part.unwrap().unwrap());
        assert!(first.iter().any(|part| part.starts_with(b"event: snapshot")), "{first:?}");
        arbiter.kill().await;
        assert!(reader.next().await.is_none(), "the stream ends");
    }
    feeds.end().await;
    pool.close();
    shards.stop();
    arbiter.stop();
}

#[actix::test]
async fn feeds_that_nobody_follows_make_room() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let pool = Pool::new(&database.config("booking"));
    let (flights, shards, arbiter) = (FlightCache::new(16), Shards::new(1), LastingArbiter::new());
    let many: Vec<_> = (0..50).map(|_| samples::flight()).collect();
    let known: Vec<_> = many.iter().map(|one| (one.clone(), serde_json::to_value(one).unwrap())).collect();
    store::flights::upsert(&pool.get().await.unwrap(), &known).await.unwrap();
    let directory = Directory::start(pool.clone(), flights.clone(), shards.handles(), LIMITS);
    let running = directory.feeds().clone();
    let feeds = SeatMapFeeds::new(
        directory,
        (pool.clone(), flights),
        arbiter.clone(),
        Bounds { readers: 4, of_flight: 4 },
        Rhythm { pause: Duration::ZERO, heartbeat: Duration::from_secs(3600) },
    );
    let followed = feeds.open(many[0].id, None).await.unwrap();
    for flight in &many {
        drop(feeds.open(flight.id, None).await.unwrap());
        assert!(running.flights().len() <= 4);
        assert!(running.follows(many[0].id));
    }
    drop(followed);
    feeds.end().await;
    pool.close();
    shards.stop();
    arbiter.stop();
}
