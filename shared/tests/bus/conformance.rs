//! What both carriers promise.

use crate::{
    fixture::{Fixture, event, subscribe, subscribe_with, within},
    for_both_carriers,
    probe::{Probe, ProbeEvent, ack, versions},
    store::Letters,
};
use futures_util::future::{BoxFuture, join_all};
use shared::{
    bus::{Bus, BusError, Delivery, Disposition, Handler, Subscription},
    events::{Event, EventType, EventType::*},
    trace,
};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

for_both_carriers! { conformance:
    an_event_arrives_as_it_was_sent,
    an_event_that_nobody_wants_is_confirmed,
    a_message_is_confirmed_in_the_end,
    a_handler_that_panics_gets_the_message_again,
    retries_are_delayed_and_numbered,
    a_message_is_given_up_when_its_delays_are_used_up,
    a_message_that_cannot_succeed_is_given_up_at_once,
    a_dead_letter_that_cannot_be_stored_is_kept,
    a_pause_keeps_the_batch_and_its_place,
    of_a_mixed_batch_only_what_paused_comes_again,
    batches_are_bounded_and_in_order,
    batches_of_a_paced_subscription_begin_apart,
    every_instance_hears_what_it_must,
    a_work_queue_gives_each_message_to_one,
    a_stopped_consumer_finishes_and_leaves_the_rest,
    a_handler_is_connected_before_its_first_delivery,
    a_handler_runs_in_the_trace_of_its_event,
    a_closed_bus_takes_nothing,
}

const QUEUE: &str = "booking.flights";

fn work(types: &[EventType]) -> Subscription {
    let millis = Duration::from_millis;
    let subscription = Subscription::service(QUEUE, types).retry_delays(&[millis(20), millis(40)]);
    Subscription { pause: (millis(10), millis(20)), ..subscription }
}

async fn publish(bus: &Bus, events: &[Event]) {
    let published: Vec<_> = events.iter().map(|event| bus.publish(Arc::new(event.clone()))).collect();
    for published in within(join_all(published)).await {
        assert_eq!(published, Ok(()));
    }
}

/// Publishes without waiting.
fn post(bus: &Bus, events: &[Event]) {
    for event in events {
        drop(bus.publish(Arc::new(event.clone())));
    }
}

fn run_of(subject: &str, count: i64) -> Vec<Event> {
    (1..=count).map(|version| event(SeatsChanged, subject, version)).collect()
}

async fn an_event_arrives_as_it_was_sent(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.bus().await, Probe::new(ack));
    subscribe(fixture, &bus, work(&[SeatsChanged, FlightChanged]), &probe).await;
    let sent: Vec<_> = (1..=50)
        .map(|version| event([SeatsChanged, FlightChanged][version as usize % 2], "f", version))
        .collect();
    publish(&bus, &sent).await;
    let got = probe.deliveries(50).await;
    assert!(got.iter().all(|delivery| delivery.attempt == 1));
    assert_eq!(got.iter().map(|delivery| (*delivery.event).clone()).collect::<Vec<_>>(), sent);
}

async fn an_event_that_nobody_wants_is_confirmed(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.bus().await, Probe::new(ack));
    subscribe(fixture, &bus, work(&[SeatsChanged]), &probe).await;
    publish(&bus, &[event(UserRegistered, "u", 1), event(SeatsChanged, "f", 1)]).await;
    assert_eq!(probe.one().await.event.kind, SeatsChanged);
}

async fn a_message_is_confirmed_in_the_end(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.bus().await, Probe::gated(ack));
    subscribe(fixture, &bus, work(&[SeatsChanged]), &probe).await;
    let mut published = bus.publish(Arc::new(event(SeatsChanged, "f", 1)));
    probe.one().await;
    if fixture.confirms_after_commit() {
        assert!(futures_util::poll!(&mut published).is_pending(), "the handler has not committed");
    }
    probe.let_answer(1);
    assert_eq!(within(published).await, Ok(()));
}

async fn a_handler_that_panics_gets_the_message_again(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    let probe = Probe::new(|batch| if batch[0].attempt == 1 { panic!("of the test") } else { ack(batch) });
    subscribe(fixture, &bus, work(&[SeatsChanged]), &probe).await;
    post(&bus, &run_of("f", 1));
    assert_eq!(probe.one().await.attempt, 1);
    assert_eq!(probe.one().await.attempt, 2);
    publish(&bus, &[event(SeatsChanged, "g", 1)]).await;
}

async fn retries_are_delayed_and_numbered(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    let probe = Probe::new(|batch| match batch[0].attempt {
        1 | 2 => vec![Disposition::Retry("not yet".into())],
        _ => ack(batch),
    });
    subscribe(fixture, &bus, work(&[SeatsChanged]), &probe).await;
    let started = Instant::now();
    let published = bus.publish(Arc::new(event(SeatsChanged, "f", 1)));
    let first = probe.one().await;
    // Others do not wait for the retry.
    post(&bus, &run_of("g", 1));
    let (mut retries, mut others) = (Vec::new(), 0);
    while retries.len() < 2 || others < 3 {
        let delivery = probe.one().await;
        if delivery.event.id == first.event.id { retries.push(delivery) } else { others += 1 }
    }
    assert_eq!(retries.iter().map(|delivery| delivery.attempt).collect::<Vec<_>>(), [2, 3]);
    assert!(retries.iter().all(|delivery| delivery.event == first.event));
    assert!(started.elapsed() >= Duration::from_millis(60), "20 ms and 40 ms have passed");
    assert_eq!(within(published).await, Ok(()));
}

async fn a_message_is_given_up_when_its_delays_are_used_up(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    let probe = Probe::new(|batch| vec![Disposition::Retry("always".into()); batch.len()]);
    let (store, mut letters) = Letters::failing(0);
    subscribe_with(fixture, &bus, work(&[SeatsChanged]), &probe, Arc::new(store)).await;
    let sent = event(SeatsChanged, "f", 1);
    let published = bus.publish(Arc::new(sent.clone()));
    let (queue, letter) = within(letters.recv()).await.expect("a letter");
    assert_eq!((queue.as_str(), letter.reason.as_str(), letter.attempts), (QUEUE, "always", 3));
    assert_eq!(Event::decode(&letter.payload).as_ref(), Ok(&sent));
    assert_eq!(letter.event.as_deref(), Some(&sent));
    assert_eq!(within(published).await, Ok(()), "a stored dead letter is an end");
    assert_eq!(probe.deliveries(3).await.last().map(|delivery| delivery.attempt), Some(3));
    assert!(probe.is_quiet());
}

async fn a_message_that_cannot_succeed_is_given_up_at_once(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    let probe = Probe::scripted([Disposition::DeadLetter("never".into())]);
    let (store, mut letters) = Letters::failing(0);
    subscribe_with(fixture, &bus, work(&[SeatsChanged]), &probe, Arc::new(store)).await;
    publish(&bus, &run_of("f", 2)).await;
    let (_, letter) = within(letters.recv()).await.expect("a letter");
    assert_eq!((letter.reason.as_str(), letter.attempts), ("never", 1));
    assert_eq!(versions(&probe.deliveries(2).await, "f"), [1, 2]);
}

async fn a_dead_letter_that_cannot_be_stored_is_kept(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    let probe = Probe::scripted([Disposition::DeadLetter("never".into())]);
    let (store, mut letters) = Letters::failing(2);
    subscribe_with(fixture, &bus, work(&[SeatsChanged]), &probe, Arc::new(store)).await;
    publish(&bus, &run_of("f", 2)).await;
    let (_, letter) = within(letters.recv()).await.expect("a letter");
    assert_eq!(letter.event.map(|event| event.version), Some(1));
    assert_eq!(versions(&probe.deliveries(2).await, "f"), [1, 2], "the handler is asked once");
}

async fn a_pause_keeps_the_batch_and_its_place(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    let down = Disposition::Pause("the database is down".into());
    let probe = Probe::scripted([down.clone(), down]);
    subscribe(fixture, &bus, work(&[SeatsChanged]), &probe).await;
    let sent = run_of("f", 6);
    publish(&bus, &sent).await;
    let got: Vec<_> = probe
        .deliveries(8)
        .await
        .into_iter()
        .map(|delivery| (delivery.event.version, delivery.attempt))
        .collect();
    assert_eq!(got, [(1, 1), (1, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1)]);
}

async fn of_a_mixed_batch_only_what_paused_comes_again(fixture: &dyn Fixture) {
    let bus = fixture.bus().await;
    // Pauses each even version once.
    let paused = std::sync::Mutex::new(HashSet::new());
    let probe = Probe::new(move |batch| {
        let mut paused = paused.lock().expect("no panic holds it");
        let mut answer = |version: i64| match version % 2 == 0 && paused.insert(version) {
            true => Disposition::Pause("down".into()),
            false => Disposition::Ack,
        };
        batch.iter().map(|delivery| answer(delivery.event.version)).collect()
    });
    subscribe(fixture, &bus, work(&[SeatsChanged]).batch(4), &probe).await;
    publish(&bus, &run_of("f", 20)).await;
    let got = versions(&probe.deliveries(30).await, "f");
    let firsts: Vec<_> = got
        .iter()
        .enumerate()
        .filter(|(at, version)| !got[..*at].contains(version))
        .map(|(_, version)| *version)
        .collect();
    assert_eq!(firsts, (1..=20).collect::<Vec<_>>(), "nothing is lost or overtakes");
    assert!(
        (1..=20).all(|version| got.iter().filter(|one| **one == version).count()
            == if version % 2 == 0 { 2 } else { 1 })
    );
}

async fn batches_are_bounded_and_in_order(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.bus().await, Probe::gated(ack));
    subscribe(fixture, &bus, work(&[SeatsChanged]).batch(4), &probe).await;
    let sent = run_of("f", 21);
    let published: Vec<_> = sent.iter().map(|event| bus.publish(Arc::new(event.clone()))).collect();
    let mut got = probe.batch().await;
    if !fixture.confirms_after_commit() {
        // All are in the queue while the first batch is with the handler.
        within(join_all(published)).await;
    }
    let mut batches = 1;
    while got.len() < 21 {
        probe.let_answer(1);
        let batch = probe.batch().await;
        assert!((1..=4).contains(&batch.len()), "{} at once", batch.len());
        got.extend(batch);
        batches += 1;
    }
    probe.let_answer(1);
    assert_eq!(versions(&got, "f"), (1..=21).collect::<Vec<_>>());
    // What the broker has sent by then is not ours to say; in process everything is there.
    assert!(!fixture.confirms_after_commit() || batches <= 6, "{batches} batches of 21");
}

async fn batches_of_a_paced_subscription_begin_apart(fixture: &dyn Fixture) {
    const PACE: Duration = Duration::from_millis(200);
    let (bus, probe) = (fixture.bus().await, Probe::new(ack));
    subscribe(fixture, &bus, work(&[SeatsChanged]).batch(100).pace(PACE), &probe).await;
    let sent = run_of("f", 10);
    let begun = Instant::now();
    post(&bus, &sent[..1]);
    assert_eq!(versions(&probe.batch().await, "f"), [1], "the first one does not wait");
    post(&bus, &sent[1..]);
    let mut got = probe.batch().await;
    assert!(begun.elapsed() >= PACE, "{:?}", begun.elapsed());
    while got.len() < 9 {
        got.extend(probe.batch().await);
    }
    assert_eq!(versions(&got, "f"), (2..=10).collect::<Vec<_>>());
}

async fn every_instance_hears_what_it_must(fixture: &dyn Fixture) {
    let (first, second) = (fixture.bus().await, fixture.bus().await);
    let probes = [Probe::new(ack), Probe::new(ack)];
    let subscription = Subscription::instance("flight.seats", &[SeatsChanged]).retry_delays(&[]);
    for (bus, probe) in [&first, &second].into_iter().zip(&probes) {
        subscribe(fixture, bus, subscription.clone(), probe).await;
    }
    publish(&first, &run_of("f", 10)).await;
    for probe in &probes {
        assert_eq!(versions(&probe.deliveries(10).await, "f"), (1..=10).collect::<Vec<_>>());
    }
}

async fn a_work_queue_gives_each_message_to_one(fixture: &dyn Fixture) {
    let (first, second) = (fixture.bus().await, fixture.bus().await);
    // Each holds its message until the other has one too: so both have a share.
    let probes = [Probe::gated(ack), Probe::gated(ack)];
    for (bus, probe) in [&first, &second].into_iter().zip(&probes) {
        subscribe(fixture, bus, work(&[SeatsChanged]), probe).await;
    }
    let sent: Vec<_> = (0..40).map(|number| event(SeatsChanged, number, 1)).collect();
    let published: Vec<_> = sent.iter().map(|event| first.publish(Arc::new(event.clone()))).collect();
    let mut got = vec![probes[0].one().await, probes[1].one().await];
    probes.iter().for_each(|probe| probe.let_answer(40));
    while got.len() < 40 {
        got.push(tokio::select! {
            delivery = probes[0].one() => delivery,
            delivery = probes[1].one() => delivery,
        });
    }
    within(join_all(published)).await;
    let ids: HashSet<_> = got.iter().map(|delivery| delivery.event.id).collect();
    assert_eq!(ids, sent.iter().map(|event| event.id).collect(), "each once");
    assert!(probes.iter().all(Probe::is_quiet));
}

async fn a_stopped_consumer_finishes_and_leaves_the_rest(fixture: &dyn Fixture) {
    let (bus, first, second) = (fixture.bus().await, Probe::gated(ack), Probe::new(ack));
    let consumer = subscribe(fixture, &bus, work(&[SeatsChanged]), &first).await;
    let published: Vec<_> = run_of("f", 5).into_iter().map(|event| bus.publish(Arc::new(event))).collect();
    assert_eq!(first.one().await.event.version, 1);
    let mut stopping = Box::pin(consumer.stop());
    assert!(futures_util::poll!(&mut stopping).is_pending(), "its batch is under way");
    first.let_answer(1);
    within(stopping).await;
    assert!(first.is_quiet());
    subscribe(fixture, &bus, work(&[SeatsChanged]), &second).await;
    assert_eq!(versions(&second.deliveries(4).await, "f"), [2, 3, 4, 5]);
    assert!(within(join_all(published)).await.iter().all(Result::is_ok));
}

async fn a_handler_is_connected_before_its_first_delivery(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.bus().await, Probe::new(ack));
    subscribe(
        fixture,
        &bus,
        Subscription::instance("flight.seats", &[SeatsChanged]).retry_delays(&[]),
        &probe,
    )
    .await;
    publish(&bus, &run_of("f", 1)).await;
    assert!(matches!(probe.told().await, ProbeEvent::Connected));
    assert!(matches!(probe.told().await, ProbeEvent::Batch(_)));
}

/// Tells the trace that it runs in.
struct Traced(tokio::sync::mpsc::UnboundedSender<Option<trace::TraceContext>>);

impl Handler for Traced {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        Box::pin(async move {
            self.0.send(trace::current()).expect("the test listens");
            ack(batch)
        })
    }
}

async fn a_handler_runs_in_the_trace_of_its_event(fixture: &dyn Fixture) {
    let (bus, (tell, mut told)) = (fixture.bus().await, tokio::sync::mpsc::unbounded_channel());
    fixture.note(&work(&[]));
    let subscribed =
        bus.subscribe(work(&[SeatsChanged]), Arc::new(Traced(tell)), Arc::new(crate::store::NoDeadLetters));
    within(subscribed).await.expect("a subscription");
    let context = trace::TraceContext::new();
    let sent = trace::scope(context, async { event(SeatsChanged, "f", 1) }).await;
    publish(&bus, &[sent]).await;
    let seen = within(told.recv()).await.flatten().expect("a trace");
    assert_eq!(seen.trace_id(), context.trace_id());
    assert_ne!(seen, context, "a step further");
}

async fn a_closed_bus_takes_nothing(fixture: &dyn Fixture) {
    let (bus, probe) = (fixture.bus().await, Probe::new(ack));
    let consumer = subscribe(fixture, &bus, work(&[SeatsChanged]), &probe).await;
    within(bus.close()).await;
    within(consumer.stop()).await;
    assert!(!bus.is_connected());
    assert_eq!(within(bus.publish(Arc::new(event(SeatsChanged, "f", 1)))).await, Err(BusError::Closed));
    let refused = bus.subscribe(work(&[]), probe.handler(), Arc::new(crate::store::NoDeadLetters));
    assert_eq!(within(refused).await.err(), Some(BusError::Closed));
}
