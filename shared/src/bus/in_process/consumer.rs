//! The task that works off a queue of the in-process carrier.
//!
//! Its invariant: a message is in the queue, or in the hands of one consumer, or settled. A consumer
//! that ends for whatever reason, even with its runtime, puts back what it holds.

use super::{
    queue::{MessageQueue, QueuedMessage, TakenBatch},
    registry::Registry,
};
use crate::bus::{
    DeadLetter, DeadLetterStore, Handler, Subscription,
    backoff::Backoff,
    dispatch::{self, DeliveryStep},
};
use futures_util::FutureExt;
use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

/// One consumer of a queue.
pub(super) struct QueueConsumer {
    queue: Arc<MessageQueue>,
    subscription: Subscription,
    handler: Arc<dyn Handler>,
    dead_letters: Arc<dyn DeadLetterStore>,
    stop: CancellationToken,
    // Fields are dropped in this order: the queue is released before the consumer counts as stopped.
    _release: ReleaseOnDrop,
    _stopped: DropGuard,
}

impl QueueConsumer {
    pub(super) fn new(
        registry: Registry,
        queue: Arc<MessageQueue>,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
        dead_letters: Arc<dyn DeadLetterStore>,
        stop: CancellationToken,
        stopped: CancellationToken,
    ) -> Self {
        let release = ReleaseOnDrop { registry, queue: queue.clone() };
        let stopped = stopped.drop_guard();
        Self { queue, subscription, handler, dead_letters, stop, _release: release, _stopped: stopped }
    }

    /// Works until it is told to stop.
    pub(super) async fn run(self) {
        let connected = AssertUnwindSafe(async { self.handler.connected().await }).catch_unwind();
        if connected.await.is_err() {
            tracing::error!(bus.queue = self.queue.name, "A handler panicked when it was connected");
        }
        while let Some(batch) = self.next().await {
            let next = Instant::now() + self.subscription.pace;
            self.work(batch).await;
            if !self.subscription.pace.is_zero() {
                tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.stop.cancelled() => return,
                }
            }
        }
    }

    /// The next batch, or `None` when it is time to stop.
    async fn next(&self) -> Option<VecDeque<QueuedMessage>> {
        loop {
            // Listens before it looks, so that nothing added in between is missed.
            let mut changed = std::pin::pin!(self.queue.changed());
            changed.as_mut().enable();
            if self.stop.is_cancelled() {
                return None;
            }
            let due = match self.queue.take(self.subscription.batch.max(1), Instant::now()) {
                TakenBatch::Batch(batch) => return Some(batch),
                TakenBatch::Nothing(due) => due,
            };
            let retry = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = retry => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    /// Asks about a batch, and about what it holds again after each pause, until nothing is held.
    async fn work(&self, batch: VecDeque<QueuedMessage>) {
        let (first, longest) = self.subscription.pause;
        let mut pause = Backoff::new(first, longest);
        let mut hands = Hands { queue: &self.queue, asked: batch, held: VecDeque::new() };
        loop {
            let deliveries: Vec<_> = hands.asked.iter().map(QueuedMessage::delivery).collect();
            for step in dispatch::ask(self.handler.as_ref(), &self.subscription, &deliveries).await {
                if !self.carry_out(step, &mut hands).await {
                    return;
                }
            }
            if hands.held.is_empty() {
                return;
            }
            std::mem::swap(&mut hands.asked, &mut hands.held);
            tokio::select! {
                () = sleep(pause.delay()) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Carries out the step of the foremost message that was asked about; `false` when told to stop.
    async fn carry_out(&self, step: DeliveryStep, hands: &mut Hands<'_>) -> bool {
        if let DeliveryStep::DeadLetter(reason) = &step
            && !self.store_dead_letter(reason, hands).await
        {
            return false;
        }
        let Some(item) = hands.asked.pop_front() else { return true };
        match step {
            DeliveryStep::Settle | DeliveryStep::DeadLetter(_) => item.settle(),
            DeliveryStep::RetryAfter(delay) => self.queue.delay(item, Instant::now() + delay),
            DeliveryStep::Hold => hands.held.push_back(item),
        }
        true
    }

    /// Stores the foremost message as a dead letter, however long that takes; `false` when told to
    /// stop before it was stored.
    async fn store_dead_letter(&self, reason: &str, hands: &Hands<'_>) -> bool {
        let Some(delivery) = hands.asked.front().map(QueuedMessage::delivery) else { return true };
        let (first, longest) = self.subscription.pause;
        let mut pause = Backoff::new(first, longest);
        let letter = DeadLetter {
            payload: delivery.event.encode(),
            event: Some(delivery.event),
            reason: reason.to_owned(),
            attempts: delivery.attempt,
        };
        while let Err(error) = self.dead_letters.store(&self.queue.name, letter.clone()).await {
            tracing::warn!(bus.queue = self.queue.name, %error, "Consumption pauses");
            tokio::select! {
                () = sleep(pause.delay()) => {}
                () = self.stop.cancelled() => return false,
            }
        }
        true
    }
}

/// The messages that a consumer has taken. They go back to the queue when this is dropped.
struct Hands<'a> {
    queue: &'a MessageQueue,
    /// Those the handler was asked about and whose steps are not carried out yet.
    asked: VecDeque<QueuedMessage>,
    /// Those to ask about again after the pause.
    held: VecDeque<QueuedMessage>,
}

impl Drop for Hands<'_> {
    fn drop(&mut self) {
        let (held, asked) = (std::mem::take(&mut self.held), std::mem::take(&mut self.asked));
        if !held.is_empty() || !asked.is_empty() {
            self.queue.put_back(held.into_iter().chain(asked));
        }
    }
}

/// Releases the queue when its consumer is gone.
struct ReleaseOnDrop {
    registry: Registry,
    queue: Arc<MessageQueue>,
}

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        self.registry.release(&self.queue);
    }
}
