//! A carrier under test.

use crate::{probe::Probe, store::NoDeadLetters};
use amqprs::{
    channel::{Channel, ExchangeDeleteArguments, QueueDeleteArguments},
    connection::{Connection, OpenConnectionArguments},
};
use futures_util::future::LocalBoxFuture;
use shared::{
    bus::{
        Bus, ConsumerHandle, DeadLetterStore, Subscription, WorkQueue,
        amqp::{Amqp, AmqpConfig},
        in_process::InProcess,
    },
    events::{Event, EventType},
};
use std::{cell::RefCell, fmt::Display, sync::Arc, time::Duration};

/// Waits for what must happen, and fails when it does not.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it happens in time")
}

/// An event of a subject.
pub(crate) fn event(kind: EventType, subject: impl Display, version: i64) -> Event {
    Event::new("booking", kind, subject, version, &serde_json::json!({ "version": version }))
}

/// Shows the logs of a test where somebody asks for them, as with `RUST_LOG=shared=debug`.
pub(crate) fn show_logs() {
    if let Ok(filter) = std::env::var("RUST_LOG") {
        shared::telemetry::init(shared::telemetry::LogFormat::Text, &filter);
    }
}

/// What the suites want of a carrier.
pub(crate) trait Fixture {
    /// The bus of another instance of the service, connected.
    fn bus(&self) -> LocalBoxFuture<'_, Bus>;

    /// The bus of an instance that publishes for these queues, connected. (The carrier within one process
    /// has another bus then: all instances on it know the same queues.)
    fn declaring(&self, queues: &'static [WorkQueue]) -> LocalBoxFuture<'_, Bus>;

    /// Notes the queues that a subscription makes, so that they can be removed.
    fn note(&self, subscription: &Subscription);

    /// Whether the publisher's future waits for the consumers.
    fn confirms_after_commit(&self) -> bool;

    /// Closes what was opened and removes what was made.
    fn finish(&self) -> LocalBoxFuture<'_, ()>;
}

/// Subscribes a probe with dead letters that nobody expects.
pub(crate) async fn subscribe(
    fixture: &dyn Fixture,
    bus: &Bus,
    subscription: Subscription,
    probe: &Probe,
) -> ConsumerHandle {
    subscribe_with(fixture, bus, subscription, probe, Arc::new(NoDeadLetters)).await
}

/// Subscribes a probe.
pub(crate) async fn subscribe_with(
    fixture: &dyn Fixture,
    bus: &Bus,
    subscription: Subscription,
    probe: &Probe,
    dead_letters: Arc<dyn DeadLetterStore>,
) -> ConsumerHandle {
    fixture.note(&subscription);
    within(bus.subscribe(subscription, probe.handler(), dead_letters)).await.expect("a subscription")
}

/// The in-process carrier: all instances are on one bus.
pub(crate) struct InProcessFixture {
    bus: Bus,
    declaring: RefCell<Vec<Bus>>,
}

impl InProcessFixture {
    pub(crate) fn new() -> Self {
        show_logs();
        Self { bus: Bus::new(InProcess::new()), declaring: RefCell::default() }
    }
}

impl Fixture for InProcessFixture {
    fn bus(&self) -> LocalBoxFuture<'_, Bus> {
        Box::pin(std::future::ready(self.bus.clone()))
    }

    fn declaring(&self, queues: &'static [WorkQueue]) -> LocalBoxFuture<'_, Bus> {
        let bus = Bus::new(InProcess::with_queues(queues));
        self.declaring.borrow_mut().push(bus.clone());
        Box::pin(std::future::ready(bus))
    }

    fn note(&self, _: &Subscription) {}

    fn confirms_after_commit(&self) -> bool {
        true
    }

    fn finish(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            let declaring = self.declaring.take();
            for bus in [self.bus.clone()].into_iter().chain(declaring) {
                within(bus.close()).await;
            }
        })
    }
}

/// RabbitMQ, under a prefix of its own.
pub(crate) struct AmqpFixture {
    prefix: String,
    buses: RefCell<Vec<Bus>>,
    queues: RefCell<Vec<String>>,
}

impl AmqpFixture {
    pub(crate) fn new() -> Self {
        show_logs();
        Self { prefix: testkit::unique_prefix(), buses: RefCell::default(), queues: RefCell::default() }
    }

    /// The name on the broker.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A bus over the broker at this address, connected or not.
    pub(crate) fn connect(&self, url: &str, confirm_stall: Duration) -> Bus {
        self.connect_declaring(url, confirm_stall, &[])
    }

    /// The same with work queues that are declared before anything is published.
    pub(crate) fn connect_declaring(
        &self,
        url: &str,
        confirm_stall: Duration,
        queues: &'static [WorkQueue],
    ) -> Bus {
        queues.iter().for_each(|queue| self.note(&Subscription::of(queue)));
        let config = AmqpConfig {
            prefix: self.prefix.clone(),
            queues,
            confirm_stall,
            ..AmqpConfig::new(url.to_owned().into(), "test")
        };
        let bus = Bus::new(Amqp::connect(&config).expect("the URL of the tests"));
        self.buses.borrow_mut().push(bus.clone());
        bus
    }
}

impl Fixture for AmqpFixture {
    fn bus(&self) -> LocalBoxFuture<'_, Bus> {
        Box::pin(async {
            let bus = self.connect(&testkit::amqp_url(), Duration::from_secs(15));
            connected(&bus).await;
            bus
        })
    }

    fn declaring(&self, queues: &'static [WorkQueue]) -> LocalBoxFuture<'_, Bus> {
        Box::pin(async move {
            let bus = self.connect_declaring(&testkit::amqp_url(), Duration::from_secs(15), queues);
            connected(&bus).await;
            bus
        })
    }

    fn note(&self, subscription: &Subscription) {
        let work = self.name(&subscription.queue);
        let retries =
            subscription.retry_delays.iter().map(|delay| format!("{work}.retry.{}", delay.as_millis()));
        let mut queues = self.queues.borrow_mut();
        queues.extend(retries);
        queues.push(work);
    }

    fn confirms_after_commit(&self) -> bool {
        false
    }

    fn finish(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            let buses = self.buses.take();
            for bus in buses {
                within(bus.close()).await;
            }
            let raw = Raw::open().await;
            // Deleting what does not exist is no error.
            for queue in self.queues.take() {
                raw.channel.queue_delete(QueueDeleteArguments::new(&queue)).await.expect("deleted");
            }
            let exchange = self.name("aerobus.events");
            raw.channel.exchange_delete(ExchangeDeleteArguments::new(&exchange)).await.expect("deleted");
            raw.close().await;
        })
    }
}

/// Ready when messages flow.
pub(crate) async fn connected(bus: &Bus) {
    within(async {
        while !bus.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A connection to the broker past the bus.
pub(crate) struct Raw {
    pub(crate) channel: Channel,
    connection: Connection,
}

impl Raw {
    pub(crate) async fn open() -> Self {
        let url: url::Url = testkit::amqp_url().parse().expect("the URL of the tests");
        let (host, port) = (url.host_str().expect("a host"), url.port().unwrap_or(5672));
        let (user, password) = (url.username(), url.password().expect("a password"));
        // In the default virtual host, as the tests' broker has no other.
        let arguments = OpenConnectionArguments::new(host, port, user, password);
        let connection = within(Connection::open(&arguments)).await.expect("the broker of the tests answers");
        let channel = within(connection.open_channel(None)).await.expect("a channel");
        Self { channel, connection }
    }

    pub(crate) async fn close(self) {
        within(self.channel.close()).await.expect("closed");
        within(self.connection.close()).await.expect("closed");
    }
}
