//! Work queues that are there before their consumers.

use crate::{
    fixture::{AmqpFixture, Fixture, Raw, connected, event, subscribe, within},
    for_both_carriers,
    probe::{Probe, ack, versions},
    store::{NoDeadLetters, Store},
};
use amqprs::channel::{QueueDeclareArguments, QueueDeleteArguments};
use futures_util::future::join_all;
use shared::{
    bus::{BusError, Subscription, WorkQueue},
    events::{Event, EventType::*},
};
use std::{sync::Arc, time::Duration};
use testkit::BrokerProxy;

for_both_carriers! { declared:
    an_event_waits_for_a_consumer_that_has_never_been,
    each_declared_queue_gets_its_own_copy,
    what_a_crash_has_left_in_the_outbox_waits_for_its_consumer,
}

const LONG: Duration = Duration::from_secs(15);

const SEATS: WorkQueue = WorkQueue { name: "flight.availability", types: &[SeatsChanged] };
const LETTERS: WorkQueue =
    WorkQueue { name: "mailer.notifications", types: &[BookingConfirmed, BookingCancelled] };
const EVERYTHING: WorkQueue =
    WorkQueue { name: "test.everything", types: &[SeatsChanged, BookingConfirmed, BookingCancelled] };

async fn an_event_waits_for_a_consumer_that_has_never_been(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.declaring(&[SEATS, LETTERS]).await, Probe::new(ack));
    let sent: Vec<Event> = [BookingConfirmed, BookingCancelled]
        .into_iter()
        .zip(1..)
        .map(|(kind, at)| event(kind, "b", at))
        .collect();
    let mut published: Vec<_> = sent.iter().map(|event| bus.publish(Arc::new(event.clone()))).collect();
    if fixture.confirms_after_commit() {
        assert!(futures_util::poll!(&mut published[0]).is_pending(), "nobody has committed it");
    }
    let nobodys = bus.publish(Arc::new(event(UserRegistered, "u", 1)));
    assert_eq!(within(nobodys).await, Ok(()), "what no queue takes waits for nobody");
    subscribe(fixture, &bus, Subscription::of(&LETTERS), &probe).await;
    let got: Vec<_> = probe.deliveries(2).await.iter().map(|delivery| (*delivery.event).clone()).collect();
    assert_eq!(got, sent);
    assert!(within(join_all(published)).await.iter().all(Result::is_ok));
    // The consumer is on the declared queue: nothing comes twice.
    let next = event(BookingConfirmed, "b", 3);
    assert_eq!(within(bus.publish(Arc::new(next.clone()))).await, Ok(()));
    assert_eq!(*probe.one().await.event, next);
    assert!(probe.is_quiet());
}

async fn each_declared_queue_gets_its_own_copy(fixture: &dyn Fixture) {
    let bus = fixture.declaring(&[EVERYTHING, LETTERS]).await;
    let (first, second) = (Probe::new(ack), Probe::new(ack));
    let published = bus.publish(Arc::new(event(BookingConfirmed, "b", 1)));
    subscribe(fixture, &bus, Subscription::of(&EVERYTHING), &first).await;
    first.one().await;
    subscribe(fixture, &bus, Subscription::of(&LETTERS), &second).await;
    second.one().await;
    assert_eq!(within(published).await, Ok(()));
}

async fn what_a_crash_has_left_in_the_outbox_waits_for_its_consumer(fixture: &dyn Fixture) {
    let (store, probe) = (Store::new().await, Probe::new(ack));
    store.commit(&[event(BookingConfirmed, "b", 1), event(SeatsChanged, "f", 1)]).await;
    let bus = fixture.declaring(&[LETTERS]).await;
    let relay = store.relay(&bus);
    // Nobody takes seats here, so that one is done soon, and in process the other is not.
    let waiting = if fixture.confirms_after_commit() { 1 } else { 0 };
    within(async {
        while store.count("outbox").await > waiting {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(store.count("outbox").await, waiting);
    subscribe(fixture, &bus, Subscription::of(&LETTERS), &probe).await;
    assert_eq!(versions(&probe.deliveries(1).await, "b"), [1]);
    within(relay.drain()).await;
    assert_eq!(store.count("outbox").await, 0);
    within(relay.stop()).await;
}

#[actix::test]
async fn a_broker_that_was_emptied_is_right_again_before_anything_is_published() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let proxy = BrokerProxy::start(true).await;
    let bus = fixture.connect_declaring(proxy.url(), LONG, &[SEATS]);
    connected(&bus).await;
    proxy.cut();
    within(async {
        while bus.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let raw = Raw::open().await;
    let queue = fixture.name(SEATS.name);
    raw.channel.queue_delete(QueueDeleteArguments::new(&queue)).await.expect("deleted");
    raw.close().await;
    proxy.open();
    connected(&bus).await;
    assert_eq!(within(bus.publish(Arc::new(event(SeatsChanged, "f", 1)))).await, Ok(()));
    subscribe(&fixture, &bus, Subscription::of(&SEATS), &probe).await;
    assert_eq!(probe.one().await.event.version, 1);
    fixture.finish().await;
}

#[actix::test]
async fn nothing_is_published_while_a_queue_cannot_be_declared() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let raw = Raw::open().await;
    let queue = fixture.name(SEATS.name);
    // Of another kind than ours.
    let classic = QueueDeclareArguments::new(&queue).durable(true).finish();
    raw.channel.queue_declare(classic).await.expect("declared");
    let bus = fixture.connect_declaring(&testkit::amqp_url(), LONG, &[LETTERS, SEATS]);
    // Queues of others are consumed meanwhile; and by then the publisher has tried.
    subscribe(&fixture, &bus, Subscription::of(&LETTERS), &probe).await;
    assert!(!bus.is_connected());
    let refused = within(bus.publish(Arc::new(event(SeatsChanged, "f", 1)))).await;
    assert!(matches!(refused, Err(BusError::Unconfirmed(_))), "{refused:?}");
    raw.channel.queue_delete(QueueDeleteArguments::new(&queue)).await.expect("deleted");
    raw.close().await;
    connected(&bus).await;
    assert_eq!(within(bus.publish(Arc::new(event(SeatsChanged, "f", 1)))).await, Ok(()));
    let seats = Probe::new(ack);
    within(bus.subscribe(Subscription::of(&SEATS), seats.handler(), Arc::new(NoDeadLetters)))
        .await
        .expect("a subscription");
    assert_eq!(seats.one().await.event.version, 1);
    fixture.finish().await;
}
