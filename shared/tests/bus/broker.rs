//! What only a broker can do: break, stall, lose queues, and carry nonsense.

use crate::{
    fixture::{AmqpFixture, Fixture, Raw, connected, event, subscribe, subscribe_with, within},
    probe::{Probe, ProbeEvent, ack, versions},
    store::{Letters, Store},
};
use amqprs::{
    BasicProperties, DELIVERY_MODE_PERSISTENT,
    channel::{
        BasicGetArguments, BasicPublishArguments, QueueBindArguments, QueueDeclareArguments,
        QueueDeleteArguments,
    },
};
use shared::{
    bus::{Bus, BusError, Subscription},
    events::{Event, EventType::*},
};
use std::{sync::Arc, time::Duration};
use testkit::BrokerProxy;

const LONG: Duration = Duration::from_secs(15);

fn work() -> Subscription {
    let millis = Duration::from_millis;
    let subscription = Subscription::service("booking.flights", &[BookingHeld]).retry_delays(&[millis(20)]);
    Subscription { pause: (millis(10), millis(20)), ..subscription }
}

async fn disconnected(bus: &Bus) {
    within(async {
        while bus.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[actix::test]
async fn nonsense_becomes_a_dead_letter_and_consumption_goes_on() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let bus = fixture.bus().await;
    let (store, mut letters) = Letters::failing(0);
    subscribe_with(&fixture, &bus, work().batch(3), &probe, Arc::new(store)).await;
    let raw = Raw::open().await;
    for nonsense in [&b"\xff\xfe{"[..], b"", br#"{"specversion":"1.0"}"#] {
        let target = BasicPublishArguments::new("", &fixture.name("booking.flights"));
        raw.channel.basic_publish(BasicProperties::default(), nonsense.to_vec(), target).await.expect("sent");
        let (_, letter) = within(letters.recv()).await.expect("a letter");
        assert_eq!((letter.event, letter.payload.as_slice(), letter.attempts), (None, nonsense, 1));
        assert!(letter.reason.contains("CloudEvent"), "{}", letter.reason);
    }
    raw.close().await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    assert_eq!(probe.one().await.event.version, 1);
    fixture.finish().await;
}

#[actix::test]
async fn an_event_is_a_persistent_cloud_event_under_its_type() {
    let fixture = AmqpFixture::new();
    let bus = fixture.bus().await;
    let raw = Raw::open().await;
    let declared = raw.channel.queue_declare(QueueDeclareArguments::exclusive_server_named()).await;
    let (queue, ..) = declared.expect("declared").expect("an answer");
    let bind = QueueBindArguments::new(&queue, &fixture.name("aerobus.events"), "booking.*");
    raw.channel.queue_bind(bind).await.expect("bound");
    let sent = event(BookingHeld, "f", 1);
    assert_eq!(within(bus.publish(Arc::new(sent.clone()))).await, Ok(()));
    let got = raw.channel.basic_get(BasicGetArguments::new(&queue)).await.expect("an answer");
    let (delivery, properties, body) = got.expect("a confirmed message is in its queue");
    assert_eq!(delivery.routing_key(), "booking.held");
    assert_eq!(properties.delivery_mode(), Some(DELIVERY_MODE_PERSISTENT));
    assert_eq!(properties.content_type().map(String::as_str), Some("application/cloudevents+json"));
    assert_eq!(properties.message_id(), Some(&sent.id.to_string()));
    assert_eq!(Event::decode(&body), Ok(sent));
    raw.close().await;
    fixture.finish().await;
}

#[actix::test]
async fn events_wait_for_a_broker_that_is_away() {
    let (fixture, store, probe) = (AmqpFixture::new(), Store::new().await, Probe::new(ack));
    let proxy = BrokerProxy::start(true).await;
    let bus = fixture.connect(proxy.url(), LONG);
    connected(&bus).await;
    subscribe(&fixture, &bus, work().batch(8), &probe).await;
    let relay = store.relay(&bus);
    let mut got = Vec::new();
    let (mut version, mut all) = (0, Vec::new());
    for _ in 0..3 {
        // Cut while events are on their way, and more are committed while it is cut.
        for commit in 0..6 {
            let events: Vec<_> = (0..40)
                .map(|_| {
                    version += 1;
                    event(BookingHeld, "f", version)
                })
                .collect();
            store.commit(&events).await;
            all.extend(events);
            relay.nudge();
            if commit == 2 {
                got.extend(probe.batch().await);
                proxy.cut();
                disconnected(&bus).await;
            }
        }
        assert!(store.count("outbox").await > 0);
        proxy.open();
        connected(&bus).await;
    }
    within(relay.drain()).await;
    let mut firsts = Vec::new();
    while firsts.len() < all.len() {
        for version in versions(&got, "f") {
            if !firsts.contains(&version) {
                firsts.push(version);
            }
        }
        if firsts.len() < all.len() {
            got = probe.batch().await;
        }
    }
    assert_eq!(
        firsts,
        (1..=version).collect::<Vec<_>>(),
        "each, and none for the first time after a newer one"
    );
    within(relay.stop()).await;
    fixture.finish().await;
}

#[actix::test]
async fn a_message_whose_consumer_dies_before_its_ack_comes_again() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::gated(ack));
    let proxy = BrokerProxy::start(true).await;
    let bus = fixture.connect(proxy.url(), LONG);
    connected(&bus).await;
    subscribe(&fixture, &bus, work(), &probe).await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    let first = probe.one().await;
    proxy.cut();
    disconnected(&bus).await;
    proxy.open();
    // The handler is not cut off; its acknowledgement comes too late.
    probe.let_answer(2);
    let second = probe.one().await;
    assert_eq!((second.event, second.attempt), (first.event, 1), "not its fault, so no further attempt");
    fixture.finish().await;
}

#[actix::test]
async fn an_instance_queue_is_made_anew_and_its_handler_told() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let proxy = BrokerProxy::start(true).await;
    let bus = fixture.connect(proxy.url(), LONG);
    connected(&bus).await;
    let subscription =
        Subscription::instance("flight.seats", &[BookingHeld]).retry_delays(&[Duration::from_millis(20)]);
    subscribe(&fixture, &bus, subscription, &probe).await;
    assert!(matches!(probe.told().await, ProbeEvent::Connected));
    proxy.cut();
    disconnected(&bus).await;
    proxy.open();
    assert!(matches!(probe.told().await, ProbeEvent::Connected));
    connected(&bus).await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    assert_eq!(probe.one().await.event.version, 1);
    fixture.finish().await;
}

#[actix::test]
async fn a_retry_on_an_instance_queue_comes_back_to_it() {
    let fixture = AmqpFixture::new();
    let probe = Probe::scripted([shared::bus::Disposition::Retry("once".into())]);
    let bus = fixture.bus().await;
    let subscription =
        Subscription::instance("flight.seats", &[BookingHeld]).retry_delays(&[Duration::from_millis(20)]);
    subscribe(&fixture, &bus, subscription, &probe).await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    assert_eq!(probe.deliveries(2).await.last().map(|delivery| delivery.attempt), Some(2));
    fixture.finish().await;
}

#[actix::test]
async fn a_broker_that_is_down_at_the_start_is_waited_for() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let proxy = BrokerProxy::start(false).await;
    let bus = fixture.connect(proxy.url(), LONG);
    let refused = within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await;
    assert!(matches!(refused, Err(BusError::Unconfirmed(_))), "at once: {refused:?}");
    fixture.note(&work());
    let mut subscribing = bus.subscribe(work(), probe.handler(), Arc::new(crate::store::NoDeadLetters));
    assert!(futures_util::poll!(&mut subscribing).is_pending());
    proxy.open();
    within(subscribing).await.expect("a subscription");
    connected(&bus).await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 2)))).await, Ok(()));
    assert_eq!(probe.one().await.event.version, 2);
    fixture.finish().await;
}

#[actix::test]
async fn a_bus_can_be_closed_while_its_broker_is_away() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let proxy = BrokerProxy::start(false).await;
    let bus = fixture.connect(proxy.url(), LONG);
    let subscribing = bus.subscribe(work(), probe.handler(), Arc::new(crate::store::NoDeadLetters));
    within(bus.close()).await;
    assert_eq!(within(subscribing).await.err(), Some(BusError::Closed));
    fixture.finish().await;
}

#[actix::test]
async fn a_stall_of_confirms_is_the_death_of_the_link() {
    let fixture = AmqpFixture::new();
    let proxy = BrokerProxy::start(true).await;
    let bus = fixture.connect(proxy.url(), Duration::from_millis(300));
    connected(&bus).await;
    proxy.stall();
    let published = within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await;
    assert!(matches!(published, Err(BusError::Unconfirmed(_))), "{published:?}");
    proxy.open();
    connected(&bus).await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    fixture.finish().await;
}

#[actix::test]
async fn after_a_failure_nothing_is_taken_until_it_was_noticed() {
    let fixture = AmqpFixture::new();
    let proxy = BrokerProxy::start(true).await;
    let bus = fixture.connect(proxy.url(), Duration::from_millis(300));
    connected(&bus).await;
    proxy.stall();
    let unnoticed = bus.publish(Arc::new(event(BookingHeld, "f", 1)));
    disconnected(&bus).await;
    proxy.open();
    connected(&bus).await;
    // The link is new and works, but the caller still counts on the first event.
    let refused = within(bus.publish(Arc::new(event(BookingHeld, "f", 2)))).await;
    assert!(matches!(refused, Err(BusError::Unconfirmed(_))), "{refused:?}");
    drop(unnoticed);
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    fixture.finish().await;
}

#[actix::test]
async fn a_queue_that_was_deleted_is_made_again() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    assert!(matches!(probe.told().await, ProbeEvent::Connected));
    let raw = Raw::open().await;
    let queue = fixture.name("booking.flights");
    raw.channel.queue_delete(QueueDeleteArguments::new(&queue)).await.expect("deleted");
    raw.close().await;
    assert!(matches!(probe.told().await, ProbeEvent::Connected), "bound again");
    assert!(bus.is_connected(), "on the same link");
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    assert_eq!(probe.one().await.event.version, 1);
    fixture.finish().await;
}

#[actix::test]
async fn a_retry_whose_queue_is_missing_is_not_lost() {
    let (fixture, probe) = (
        AmqpFixture::new(),
        Probe::gated(|batch| match batch[0].attempt {
            1 => vec![shared::bus::Disposition::Retry("once".into())],
            _ => ack(batch),
        }),
    );
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work(), &probe).await;
    assert_eq!(within(bus.publish(Arc::new(event(BookingHeld, "f", 1)))).await, Ok(()));
    probe.one().await;
    let raw = Raw::open().await;
    let queue = fixture.name("booking.flights.retry.20");
    raw.channel.queue_delete(QueueDeleteArguments::new(&queue)).await.expect("deleted");
    probe.let_answer(2);
    // The consumer holds the message; another instance that starts declares the queue again.
    let other = Probe::new(ack);
    let second = fixture.bus().await;
    subscribe(&fixture, &second, work(), &other).await;
    let delivery = tokio::select! {
        delivery = probe.one() => delivery,
        delivery = other.one() => delivery,
    };
    assert_eq!(delivery.attempt, 2);
    raw.close().await;
    fixture.finish().await;
}

#[actix::test]
async fn a_bus_is_used_from_any_thread() {
    let (fixture, probe) = (AmqpFixture::new(), Probe::new(ack));
    let bus = fixture.bus().await;
    subscribe(&fixture, &bus, work().batch(16), &probe).await;
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let bus = bus.clone();
            tokio::task::spawn_blocking(move || {
                let published: Vec<_> = (1..=25)
                    .map(|version| bus.publish(Arc::new(event(BookingHeld, thread, version))))
                    .collect();
                drop(bus);
                published
            })
        })
        .collect();
    for thread in threads {
        for published in within(thread).await.expect("no panic") {
            assert_eq!(within(published).await, Ok(()));
        }
    }
    let got = probe.deliveries(100).await;
    (0..4).for_each(|thread| assert_eq!(versions(&got, &thread.to_string()), (1..=25).collect::<Vec<_>>()));
    fixture.finish().await;
}
