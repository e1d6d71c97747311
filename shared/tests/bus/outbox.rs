//! Events from the transaction to their consumers, over both carriers.

use crate::{
    fixture::{Fixture, event, subscribe, subscribe_with, within},
    for_both_carriers,
    probe::{Probe, ack, versions},
    store::{NoDeadLetters, Store},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::future::BoxFuture;
use shared::{
    bus::{Delivery, Disposition, Handler, Subscription},
    db::Pool,
    events::EventType::*,
    outbox::{self, DeadLetters},
};
use std::{sync::Arc, time::Duration};

for_both_carriers! { outbox:
    what_is_committed_is_published_and_what_is_rolled_back_is_not,
    the_order_of_each_aggregate_is_kept,
    another_relay_takes_over,
    an_effect_happens_once_however_often_its_event_comes,
    dead_letters_are_kept_once,
}

fn work() -> Subscription {
    Subscription::service("booking.flights", &[BookingHeld]).retry_delays(&[Duration::from_millis(20)])
}

async fn what_is_committed_is_published_and_what_is_rolled_back_is_not(fixture: &dyn Fixture) {
    let (bus, store, probe) = (fixture.bus().await, Store::new().await, Probe::new(ack));
    subscribe(fixture, &bus, work(), &probe).await;
    let relay = store.relay(&bus);
    let mut connection = store.pool.get().await.expect("a connection");
    let connection: &mut AsyncPgConnection = &mut connection;
    let rolled_back: Result<(), diesel::result::Error> = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            outbox::append(connection, &[event(BookingHeld, "undone", 1)]).await?;
            Err(diesel::result::Error::RollbackTransaction)
        })
        .await;
    assert!(rolled_back.is_err());
    let sent = event(BookingHeld, "done", 1);
    store.commit(std::slice::from_ref(&sent)).await;
    relay.nudge();
    assert_eq!(*probe.one().await.event, sent, "whole, through the database");
    within(relay.drain()).await;
    assert!(probe.is_quiet());
    assert_eq!((store.count("outbox").await, store.count("events").await), (0, 1), "the event is kept");
    within(relay.stop()).await;
}

async fn the_order_of_each_aggregate_is_kept(fixture: &dyn Fixture) {
    const SUBJECTS: i64 = 7;
    let (bus, store, probe) = (fixture.bus().await, Store::new().await, Probe::new(ack));
    subscribe(fixture, &bus, work().batch(16), &probe).await;
    let relay = store.relay(&bus);
    // More than a window, in transactions of different sizes.
    let sent: Vec<_> =
        (0..700).map(|number| event(BookingHeld, number % SUBJECTS, number / SUBJECTS + 1)).collect();
    for transaction in sent.chunk_by(|one, other| one.version / 5 == other.version / 5) {
        store.commit(transaction).await;
        relay.nudge();
    }
    let got = probe.deliveries(700).await;
    for subject in 0..SUBJECTS {
        assert_eq!(versions(&got, &subject.to_string()), (1..=100).collect::<Vec<_>>());
    }
    within(relay.drain()).await;
    assert!(probe.is_quiet(), "each once");
    assert_eq!(store.count("outbox").await, 0);
    within(relay.stop()).await;
}

async fn another_relay_takes_over(fixture: &dyn Fixture) {
    let (bus, store, probe) = (fixture.bus().await, Store::new().await, Probe::new(ack));
    subscribe(fixture, &bus, work(), &probe).await;
    let first = store.relay(&bus);
    store.commit(&[event(BookingHeld, "f", 1)]).await;
    within(first.drain()).await;
    // The first one holds the lock, since it has published.
    let second = store.relay(&bus);
    store.commit(&[event(BookingHeld, "f", 2)]).await;
    second.nudge();
    within(second.drain()).await;
    within(first.stop()).await;
    store.commit(&[event(BookingHeld, "f", 3)]).await;
    within(second.drain()).await;
    assert_eq!(versions(&probe.deliveries(3).await, "f"), [1, 2, 3]);
    assert!(probe.is_quiet(), "each by one relay");
    within(second.stop()).await;
    // A relay that has stopped keeps nobody waiting.
    within(second.drain()).await;
    first.nudge();
}

/// Commits one effect for each event, and panics after the first commit.
struct Effects(Pool, Probe);

impl Handler for Effects {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(async move {
            let events: Vec<_> = batch.iter().map(|delivery| delivery.event.id).collect();
            let mut connection = self.0.get().await.expect("a connection");
            let transacting: &mut AsyncPgConnection = &mut connection;
            transacting
                .transaction(async |connection: &mut AsyncPgConnection| {
                    let fresh = outbox::first_time(connection, "test", &events).await?;
                    let effects: Vec<_> = fresh.iter().map(|id| event(BookingHeld, id, 1)).collect();
                    outbox::append(connection, &effects).await
                })
                .await
                .expect("committed");
            drop(connection);
            assert!(batch.iter().all(|delivery| delivery.attempt > 1), "dies after its commit, once");
            self.1.handler().handle(batch).await
        })
    }
}

async fn an_effect_happens_once_however_often_its_event_comes(fixture: &dyn Fixture) {
    let (bus, store) = (fixture.bus().await, Store::new().await);
    let handler = Arc::new(Effects(store.pool.clone(), Probe::new(ack)));
    fixture.note(&work());
    within(bus.subscribe(work(), handler.clone(), Arc::new(NoDeadLetters))).await.expect("a subscription");
    let sent = event(BookingHeld, "f", 1);
    // As by a relay that got no confirm; and each of them dies once after its commit.
    let published = [bus.publish(Arc::new(sent.clone())), bus.publish(Arc::new(sent.clone()))];
    let got = handler.1.deliveries(2).await;
    assert!(got.iter().all(|delivery| *delivery.event == sent));
    for published in published {
        assert_eq!(within(published).await, Ok(()));
    }
    assert_eq!(store.count("events").await, 1, "one effect of four deliveries");
}

async fn dead_letters_are_kept_once(fixture: &dyn Fixture) {
    let (bus, store) = (fixture.bus().await, Store::new().await);
    let probe = Probe::new(|batch| vec![Disposition::DeadLetter("never".into()); batch.len()]);
    let letters = Arc::new(DeadLetters::new(store.pool.clone()));
    let consumer = subscribe_with(fixture, &bus, work(), &probe, letters).await;
    let sent = Arc::new(event(BookingHeld, "f", 1));
    for _ in 0..2 {
        assert_eq!(within(bus.publish(sent.clone())).await, Ok(()));
    }
    probe.deliveries(2).await;
    within(consumer.stop()).await;
    let kept = "dead_letters WHERE queue = 'booking.flights' AND reason = 'never' AND attempts = 1";
    assert_eq!((store.count(kept).await, store.count("dead_letters").await), (1, 1));
}
