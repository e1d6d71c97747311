//! What wakes the relays of several instances: nudges, notifications, and polls where there are none.

use crate::{
    fixture::{Fixture, InProcessFixture, event, subscribe, within},
    probe::{Probe, ack, versions},
    store::Store,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::StreamExt;
use shared::{
    bus::{Bus, Subscription},
    events::EventType::*,
    outbox::{Relay, RelayHandle, RelayIntervals},
};
use std::{
    pin::pin,
    time::{Duration, Instant},
};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);
/// The backends that listen for a relay.
const LISTENERS: &str =
    "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'";

fn work() -> Subscription {
    Subscription::service("booking.flights", &[SeatsChanged])
}

fn relay(store: &Store, bus: &Bus, listening: Duration, deaf: Duration) -> RelayHandle {
    Relay::start_looking("booking", &store.config, bus.clone(), RelayIntervals { listening, deaf })
}

/// Ready when so many relays listen.
async fn listeners(store: &Store, count: i64) {
    within(async {
        while store.count(LISTENERS).await != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Ends the connections of listeners; new ones are refused until [`let_in`].
async fn shut_out(store: &Store) {
    let name = store.database_name().await;
    store.as_superuser(&format!("ALTER DATABASE {name} CONNECTION LIMIT 0")).await;
    store.as_superuser(&format!("SELECT pg_terminate_backend(pid) FROM {LISTENERS}")).await;
    listeners(store, 0).await;
}

async fn let_in(store: &Store) {
    let name = store.database_name().await;
    store.as_superuser(&format!("ALTER DATABASE {name} CONNECTION LIMIT -1")).await;
}

#[actix::test]
async fn the_active_relay_publishes_commits_of_others_without_a_poll() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    let first = relay(&store, &bus, NEVER, NEVER);
    within(first.drain()).await;
    listeners(&store, 1).await;
    let second = relay(&store, &bus, NEVER, NEVER);
    // The first time, it has no connection yet.
    for version in 1..=3 {
        store.commit(&[event(SeatsChanged, "f", version)]).await;
        second.nudge();
        assert_eq!(probe.one().await.event.version, version);
    }
    assert_eq!(store.count(LISTENERS).await, 1, "only the active relay listens");
    within(first.stop()).await;
    within(second.drain()).await;
    listeners(&store, 1).await;
    within(second.stop()).await;
    listeners(&store, 0).await;
    fixture.finish().await;
}

#[actix::test]
async fn commits_close_together_are_one_notification() {
    let (fixture, store) = (InProcessFixture::new(), Store::new().await);
    let bus = fixture.bus().await;
    let first = relay(&store, &bus, NEVER, NEVER);
    within(first.drain()).await;
    let mut other = AsyncPgConnection::establish(&store.database.superuser_url()).await.expect("a superuser");
    diesel::sql_query("LISTEN outbox_booking").execute(&mut other).await.expect("it listens");
    let mut heard = pin!(other.notifications_stream());
    let second = relay(&store, &bus, NEVER, NEVER);
    let began = Instant::now();
    second.nudge();
    // From now on it has its connection.
    let _ = within(heard.next()).await;
    for _ in 0..200 {
        second.nudge();
        store.count("outbox").await;
    }
    // This notifies once more, if nothing else does.
    within(second.drain()).await;
    store.as_superuser("SELECT pg_notify('outbox_booking', 'end')").await;
    let mut count = 1;
    while within(heard.next()).await.expect("it goes on").expect("a connection").payload != "end" {
        count += 1;
    }
    let most = began.elapsed().as_millis() / 10 + 1;
    assert!((2..=most).contains(&count), "{count} notifications, and {most} at most");
    within(second.stop()).await;
    within(first.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_relay_that_listens_again_finds_what_it_did_not_hear() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    let relay = relay(&store, &bus, NEVER, NEVER);
    listeners(&store, 1).await;
    within(relay.drain()).await;
    shut_out(&store).await;
    within(relay.drain()).await;
    store.commit(&[event(SeatsChanged, "f", 1)]).await;
    let_in(&store).await;
    assert_eq!(probe.one().await.event.version, 1);
    listeners(&store, 1).await;
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_relay_that_hears_nothing_polls() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    let relay = relay(&store, &bus, NEVER, Duration::from_millis(10));
    listeners(&store, 1).await;
    within(relay.drain()).await;
    shut_out(&store).await;
    for version in 1..=3 {
        store.commit(&[event(SeatsChanged, "f", version)]).await;
        assert_eq!(probe.one().await.event.version, version);
    }
    let_in(&store).await;
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_database_that_takes_no_notifications_is_polled() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    store.as_superuser("REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC").await;
    let first = relay(&store, &bus, Duration::from_millis(10), NEVER);
    within(first.drain()).await;
    let second = relay(&store, &bus, NEVER, NEVER);
    for version in 1..=2 {
        store.commit(&[event(SeatsChanged, "f", version)]).await;
        second.nudge();
        assert_eq!(probe.one().await.event.version, version);
    }
    within(first.stop()).await;
    store.commit(&[event(SeatsChanged, "f", 3)]).await;
    within(second.drain()).await;
    assert_eq!(versions(&probe.deliveries(1).await, "f"), [3]);
    within(second.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_consumer_that_is_behind_holds_up_no_seats() {
    const LETTERS: i64 = 1500;
    let (fixture, store) = (InProcessFixture::new(), Store::new().await);
    let (letters, seats) = (Probe::gated(ack), Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, Subscription::service("mailer.notifications", &[BookingHeld]), &letters).await;
    subscribe(&fixture, &bus, work(), &seats).await;
    let relay = relay(&store, &bus, NEVER, NEVER);
    // More than the window of its lane.
    let held: Vec<_> = (1..=LETTERS).map(|version| event(BookingHeld, "b", version)).collect();
    store.commit(&held).await;
    for version in 1..=3 {
        store.commit(&[event(SeatsChanged, "f", version)]).await;
        relay.nudge();
        assert_eq!(seats.one().await.event.version, version);
    }
    letters.one().await;
    assert!(letters.is_quiet(), "it has one letter in hand");
    assert!(store.count("outbox").await >= LETTERS, "no letter is confirmed");
    letters.let_answer(usize::try_from(LETTERS).expect("a small number"));
    within(relay.drain()).await;
    let rest = letters.deliveries(usize::try_from(LETTERS).expect("a small number") - 1).await;
    assert_eq!(versions(&rest, "b"), (2..=LETTERS).collect::<Vec<_>>());
    assert_eq!(store.count("outbox").await, 0);
    within(relay.stop()).await;
    fixture.finish().await;
}
