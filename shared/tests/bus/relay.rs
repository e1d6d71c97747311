//! The relay against carriers that fail and databases that go away.

use crate::{
    fixture::{Fixture, InProcessFixture, event, subscribe, within},
    probe::{Probe, ack, versions},
    store::Store,
};
use futures_util::future::BoxFuture;
use shared::{
    bus::{Bus, BusCarrier, BusError, ConsumerHandle, DeadLetterStore, Handler, Subscription},
    events::{Event, EventType::*},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

fn work() -> Subscription {
    Subscription::service("booking.flights", &[BookingHeld])
}

/// Loses confirms and messages, each now and then.
struct Flaky {
    bus: Bus,
    published: AtomicUsize,
}

impl BusCarrier for Flaky {
    fn publish(&self, event: Arc<Event>) -> BoxFuture<'static, Result<(), BusError>> {
        let number = self.published.fetch_add(1, Ordering::Relaxed);
        let lost = || Err(BusError::Unconfirmed("of the test".into()));
        if number == 50 || number == 300 {
            return Box::pin(std::future::ready(lost()));
        }
        let published = self.bus.publish(event);
        Box::pin(async move {
            published.await?;
            // It arrived, and the confirm is lost.
            if number % 41 == 40 { lost() } else { Ok(()) }
        })
    }

    fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
        dead_letters: Arc<dyn DeadLetterStore>,
    ) -> BoxFuture<'static, Result<ConsumerHandle, BusError>> {
        self.bus.subscribe(subscription, handler, dead_letters)
    }

    fn is_connected(&self) -> bool {
        self.bus.is_connected()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.bus.close()
    }
}

#[actix::test]
async fn events_come_again_until_each_is_confirmed() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work().batch(8), &probe).await;
    let relay = store.relay(&Bus::new(Flaky { bus: bus.clone(), published: AtomicUsize::new(0) }));
    let sent: Vec<_> = (0..200).map(|number| event(BookingHeld, number % 5, number / 5 + 1)).collect();
    store.commit(&sent).await;
    relay.nudge();
    within(relay.drain()).await;
    assert_eq!(store.count("outbox").await, 0);
    let mut times = BTreeMap::new();
    while !probe.is_quiet() {
        probe.batch().await.iter().for_each(|delivery| *times.entry(delivery.event.id).or_insert(0) += 1);
    }
    assert_eq!(times.len(), 200, "each at least once");
    assert!(times.values().any(|times| *times > 1), "some more often");
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_relay_that_loses_its_connection_takes_it_up_again() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::gated(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    let relay = store.relay(&bus);
    store.commit(&[event(BookingHeld, "f", 1)]).await;
    relay.nudge();
    assert_eq!(probe.one().await.event.version, 1);
    // In flight while the connection dies that holds the lock.
    store
        .as_superuser("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4712 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
        .await;
    store.commit(&[event(BookingHeld, "f", 2)]).await;
    probe.let_answer(2);
    within(relay.drain()).await;
    assert_eq!(versions(&probe.deliveries(1).await, "f"), [2], "what was in flight did not come twice");
    assert!(probe.is_quiet());
    assert_eq!(store.count("outbox").await, 0);
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn seats_that_a_newer_event_outdates_leave_the_outbox_unpublished() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, Subscription::service("flight.availability", &[SeatsChanged]), &probe).await;
    store
        .commit(&[event(SeatsChanged, "f", 1), event(SeatsChanged, "g", 1), event(SeatsChanged, "f", 2)])
        .await;
    let relay = store.relay(&bus);
    within(relay.drain()).await;
    let got = probe.deliveries(2).await;
    assert_eq!((versions(&got, "f"), versions(&got, "g")), (vec![2], vec![1]));
    assert!(probe.is_quiet());
    assert_eq!((store.count("outbox").await, store.count("events").await), (0, 3), "the events are kept");
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_relay_polls_when_nobody_nudges_it() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    let relay = store.relay(&bus);
    within(relay.drain()).await;
    store.commit(&[event(BookingHeld, "f", 1)]).await;
    assert_eq!(probe.one().await.event.version, 1);
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn what_is_not_confirmed_when_a_relay_stops_stays_in_the_outbox() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::gated(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    let relay = store.relay(&bus);
    store.commit(&[event(BookingHeld, "f", 1), event(BookingHeld, "f", 2)]).await;
    relay.nudge();
    probe.one().await;
    // The handler answers for the first one only.
    probe.let_answer(1);
    probe.one().await;
    within(relay.stop()).await;
    assert_eq!(store.count("outbox").await, 1);
    probe.let_answer(1);
    fixture.finish().await;
}

#[actix::test]
async fn an_event_of_another_release_does_not_block_the_others() {
    let (fixture, store, probe) = (InProcessFixture::new(), Store::new().await, Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    store.commit(&[event(BookingHeld, "f", 1)]).await;
    store.as_superuser("UPDATE booking.events SET kind = 'seats.abducted'").await;
    store.commit(&[event(BookingHeld, "f", 2)]).await;
    let relay = store.relay(&bus);
    within(relay.drain()).await;
    assert_eq!(versions(&probe.deliveries(1).await, "f"), [2]);
    assert_eq!(store.count("outbox").await, 1, "it waits for the release that knows it");
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn what_is_old_is_cleaned_away_but_not_what_is_pending() {
    let (fixture, store) = (InProcessFixture::new(), Store::new().await);
    store
        .commit(&[
            event(BookingHeld, "old", 1),
            event(BookingHeld, "pending", 1),
            event(BookingHeld, "new", 1),
        ])
        .await;
    for statement in [
        // Ids begin with their time.
        "UPDATE booking.outbox SET event_id = overlay(event_id::text PLACING '00' FROM 1)::uuid \
         WHERE event_id IN (SELECT id FROM booking.events WHERE subject <> 'new')",
        "UPDATE booking.events SET id = overlay(id::text PLACING '00' FROM 1)::uuid WHERE subject <> 'new'",
        "UPDATE booking.events SET kind = 'seats.abducted' WHERE subject = 'pending'",
        "INSERT INTO booking.inbox VALUES ('a', gen_random_uuid(), now() - interval '8 days'), ('a', gen_random_uuid(), now())",
    ] {
        store.as_superuser(statement).await;
    }
    let relay = store.relay(&fixture.bus().await);
    within(relay.drain()).await;
    within(async {
        while store.count("events").await > 2 || store.count("inbox").await > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(store.count("events WHERE subject IN ('pending', 'new')").await, 2);
    within(relay.stop()).await;
    fixture.finish().await;
}
