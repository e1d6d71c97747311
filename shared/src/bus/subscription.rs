//! What a consumer wants of the bus.

use super::WorkQueue;
use crate::events::EventType;
use std::time::Duration;

/// Who shares a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A durable work queue, shared by all instances of the service: each message goes to one.
    Service,
    /// A queue of this instance alone, gone with it: each message goes to every instance.
    Instance,
}

/// A queue with its bindings and how it is consumed.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The queue, `mailer.notifications`. Names of instance queues get a random suffix.
    pub queue: String,
    /// Who shares it.
    pub scope: Scope,
    /// The event types that it wants.
    pub types: Vec<EventType>,
    /// The largest batch handed to the handler at once, 1 or more; also bounds what is unacknowledged.
    pub batch: usize,
    /// The delays before each retry; a message that failed once more than there are delays is dead.
    pub retry_delays: Vec<Duration>,
    /// A batch begins at least this long after the one before it. So a batch of a steady stream has many messages, and
    /// one that comes alone is handed out at once.
    pub pace: Duration,
    /// The pause after [`Disposition::Pause`](super::Disposition::Pause): the first, and the longest.
    pub pause: (Duration, Duration),
}

impl Subscription {
    /// One of the [work queues](super::queues), one message at a time, retried after 1, 5, 30 and 300
    /// seconds.
    #[must_use]
    pub fn of(queue: &WorkQueue) -> Self {
        Self::service(queue.name, queue.types)
    }

    /// The same for a work queue that is in no list, so that it is there only when its consumer has
    /// been: for tests.
    #[must_use]
    pub fn service(queue: &str, types: &[EventType]) -> Self {
        Self {
            queue: queue.to_owned(),
            scope: Scope::Service,
            types: types.to_vec(),
            batch: 1,
            retry_delays: [1, 5, 30, 300].map(Duration::from_secs).to_vec(),
            pace: Duration::ZERO,
            pause: (Duration::from_millis(200), Duration::from_secs(10)),
        }
    }

    /// A queue of this instance alone.
    #[must_use]
    pub fn instance(queue: &str, types: &[EventType]) -> Self {
        Self { scope: Scope::Instance, ..Self::service(queue, types) }
    }

    /// The same with batches of up to `batch` messages.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch: batch.max(1), ..self }
    }

    /// The same with batches that begin at least this long after each other.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// The same with other delays before retries.
    #[must_use]
    pub fn retry_delays(self, delays: &[Duration]) -> Self {
        Self { retry_delays: delays.to_vec(), ..self }
    }
}
