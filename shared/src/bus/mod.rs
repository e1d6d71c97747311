//! The message bus behind two carriers: AMQP (RabbitMQ) and in-process.
//!
//! Producers never publish by hand: they append events to the [outbox](crate::outbox) in the
//! transaction of their change, and its relay is the only caller of [`Bus::publish`](BusCarrier::publish). Consumers
//! [subscribe](BusCarrier::subscribe) with a [`Handler`] that answers each delivery with a [`Disposition`];
//! the carrier carries it out. The durable [work queues](queues) exist before anything is published,
//! whether their consumers have ever run or not. Both carriers pass the conformance suite in `tests/bus/conformance.rs`.

pub mod amqp;
mod backoff;
mod consumers;
mod dispatch;
pub mod in_process;
pub mod queues;
mod subscription;

pub(crate) use backoff::Backoff;

pub use consumers::Consumers;
pub use queues::WorkQueue;
pub use subscription::{Scope, Subscription};

use crate::events::Event;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// A message as a consumer gets it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event, shared with other consumers.
    pub event: Arc<Event>,
    /// 1 for the first try, one more for each retry after [`Disposition::Retry`].
    pub attempt: u32,
}

/// What becomes of a delivery, as its handler decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Done, and committed where it had an effect.
    Ack,
    /// This message failed by itself: try it again after a delay that grows; when the
    /// subscription's delays are used up it becomes a dead letter.
    Retry(String),
    /// This message can never succeed: keep it among the dead letters with the reason.
    DeadLetter(String),
    /// Something that all messages need is down (database, SMTP): keep the message, stop
    /// consuming, and try the same batch again after a pause that grows to a bound. (Of a batch with
    /// mixed dispositions the others are carried out, and only what paused is tried again.)
    Pause(String),
}

/// Handles the deliveries of one subscription.
///
/// A batch is in the order of the queue and never larger than the subscription's; the next one comes
/// only after this one has its dispositions, so order per aggregate is kept.
pub trait Handler: Send + Sync + 'static {
    /// Handles a batch; answers one disposition per delivery, in order.
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>>;

    /// Called each time the subscription is established, before its first delivery. A queue of
    /// [`Scope::Instance`] has lost what was published while it was away: resync here.
    fn connected(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Keeps dead letters: the service's `dead_letters` table.
pub trait DeadLetterStore: Send + Sync + 'static {
    /// Stores an event that was given up, or the raw bytes of a message that is none. Idempotent by
    /// queue and event id. An error makes the carrier keep the message and try again later.
    fn store<'a>(&'a self, queue: &'a str, letter: DeadLetter) -> BoxFuture<'a, Result<(), BusError>>;
}

/// A message that was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The event, where the message was one.
    pub event: Option<Arc<Event>>,
    /// The bytes as they came.
    pub payload: Vec<u8>,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// Why the bus did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// No confirm came: the message may or may not have reached its queues. Publish it again.
    #[error("the message was not confirmed: {0}")]
    Unconfirmed(String),
    /// The carrier is closed for good.
    #[error("the bus is closed")]
    Closed,
    /// A dead letter could not be stored.
    #[error("the dead letter could not be stored: {0}")]
    DeadLetter(String),
}

/// What carries events from producers to consumers, at least once and in order per aggregate.
pub trait BusCarrier: Send + Sync + 'static {
    /// Publishes an event. Its place in the order is taken when this is called, not when the future
    /// is polled. The future is ready when the event is safe: confirmed by the broker, or committed
    /// by every consumer (in-process).
    ///
    /// When a future fails, whether its event arrived is unknown. From then on every publish fails
    /// until all futures that failed were dropped or have told so: dropping them is how the caller
    /// says that it will begin again from the first one, and what keeps the order across a reconnect.
    fn publish(&self, event: Arc<Event>) -> BoxFuture<'static, Result<(), BusError>>;

    /// Publishes events in this order; gives the futures of [`Self::publish`]. Costs less than one call for each where
    /// the carrier can do it at once.
    fn publish_all(&self, events: Vec<Arc<Event>>) -> Vec<BoxFuture<'static, Result<(), BusError>>> {
        events.into_iter().map(|event| self.publish(event)).collect()
    }

    /// Starts consuming; goes on, through reconnects, until the bus is closed or the
    /// [`ConsumerHandle`] is stopped. Ready when the queue is declared and bound once, so nothing
    /// published afterwards is missed. Dropping the future or the handle does not stop the consumer.
    fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
        dead_letters: Arc<dyn DeadLetterStore>,
    ) -> BoxFuture<'static, Result<ConsumerHandle, BusError>>;

    /// Whether messages flow now; readiness probes ask.
    fn is_connected(&self) -> bool;

    /// Stops consumers after their present batch and closes connections.
    fn close(&self) -> BoxFuture<'static, ()>;
}

/// A running subscription.
#[derive(Debug, Clone)]
pub struct ConsumerHandle {
    stop: tokio_util::sync::CancellationToken,
    stopped: tokio_util::sync::CancellationToken,
}

impl ConsumerHandle {
    /// A handle and the two tokens that its consumer obeys: it ends when the first is cancelled, and
    /// cancels the second when it has.
    #[must_use]
    pub fn new() -> (Self, tokio_util::sync::CancellationToken, tokio_util::sync::CancellationToken) {
        let handle = Self { stop: Default::default(), stopped: Default::default() };
        let (stop, stopped) = (handle.stop.clone(), handle.stopped.clone());
        (handle, stop, stopped)
    }

    /// Stops consuming; ready when the batch under way has its dispositions.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

/// A cloneable handle of a carrier.
#[derive(Clone)]
pub struct Bus(Arc<dyn BusCarrier>);

impl Bus {
    /// A bus over a carrier.
    #[must_use]
    pub fn new(carrier: impl BusCarrier) -> Self {
        Self(Arc::new(carrier))
    }
}

impl std::ops::Deref for Bus {
    type Target = dyn BusCarrier;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}
