//! The in-process carrier across threads and runtimes.

use crate::{
    fixture::{event, show_logs, within},
    probe::{Probe, ack, versions},
    store::NoDeadLetters,
};
use shared::{
    bus::{Bus, Subscription, in_process::InProcess},
    events::EventType::*,
};
use std::sync::Arc;

fn work() -> Subscription {
    Subscription::service("booking.flights", &[SeatsChanged])
}

/// A runtime on a thread of its own, with a consumer.
fn consume_elsewhere(bus: &Bus, probe: &Probe) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    drop(bus.subscribe(work(), probe.handler(), Arc::new(NoDeadLetters)));
    runtime
}

#[actix::test]
async fn a_consumer_lives_on_another_thread() {
    show_logs();
    let (bus, probe) = (Bus::new(InProcess::new()), Probe::new(ack));
    let runtime = consume_elsewhere(&bus, &probe);
    let published: Vec<_> =
        (1..=100).map(|version| bus.publish(Arc::new(event(SeatsChanged, "f", version)))).collect();
    for published in published {
        assert_eq!(within(published).await, Ok(()));
    }
    assert_eq!(versions(&probe.deliveries(100).await, "f"), (1..=100).collect::<Vec<_>>());
    within(bus.close()).await;
    runtime.shutdown_background();
}

#[actix::test]
async fn a_consumer_that_ends_with_its_runtime_gives_back_what_it_holds() {
    show_logs();
    let (bus, first, second) = (Bus::new(InProcess::new()), Probe::gated(ack), Probe::new(ack));
    let runtime = consume_elsewhere(&bus, &first);
    let published = [1, 2].map(|version| bus.publish(Arc::new(event(SeatsChanged, "f", version))));
    assert_eq!(first.one().await.event.version, 1);
    within(tokio::task::spawn_blocking(move || drop(runtime))).await.expect("ended");
    within(bus.subscribe(work(), second.handler(), Arc::new(NoDeadLetters))).await.expect("a subscription");
    assert_eq!(versions(&second.deliveries(2).await, "f"), [1, 2]);
    for published in published {
        assert_eq!(within(published).await, Ok(()));
    }
    within(bus.close()).await;
}

#[actix::test]
async fn what_waits_when_the_bus_is_closed_is_not_confirmed() {
    show_logs();
    let (bus, probe) = (Bus::new(InProcess::new()), Probe::gated(ack));
    within(bus.subscribe(work(), probe.handler(), Arc::new(NoDeadLetters))).await.expect("a subscription");
    let published = [1, 2].map(|version| bus.publish(Arc::new(event(SeatsChanged, "f", version))));
    probe.one().await;
    probe.let_answer(1);
    within(bus.close()).await;
    let [first, second] = published;
    assert_eq!(within(first).await, Ok(()), "it was with its handler");
    assert!(within(second).await.is_err());
}
