//! The bus within one process: for the one-command start and for tests of one service.
//!
//! Nothing is stored: a message is *confirmed* when every queue that is bound to its type has had it
//! committed (or kept as a dead letter), so what was not worked in when the process ends is still in
//! the outbox and is published again. A type that nobody is bound to is confirmed at once, as by an
//! exchange without queues; one that a [declared queue](InProcess::with_queues) takes waits there for
//! the first consumer.
//!
//! **Order.** A queue hands messages out in the order of [`BusCarrier::publish`]. A message that waits
//! for its retry is not overtaken by later ones of its subject, only by those that were in the same
//! batch or are with another consumer of the same queue. (AMQP does not promise that much: there a
//! retried message may be overtaken by any. Consumers keep the newest version of a subject.)
//!
//! **Bounds.** Queues have no limit of their own: each message in one belongs to a publisher that
//! holds its future, and the only publisher is the outbox relay with its windows. So the windows
//! bound the queues, and a consumer that pauses lets events of its lane wait in the database.

mod consumer;
mod queue;
mod receipt;
mod registry;

use super::{BusCarrier, BusError, ConsumerHandle, DeadLetterStore, Handler, Subscription, WorkQueue};
use crate::events::{Event, EventType};
use consumer::QueueConsumer;
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all, ready},
};
use receipt::Receipt;
use registry::Registry;
use std::{collections::HashMap, sync::Arc};

/// The in-process carrier. Clones are the same bus.
#[derive(Debug, Clone, Default)]
pub struct InProcess(Registry);

impl InProcess {
    /// A bus that nobody has subscribed to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A bus on which these queues are there before their consumers: what is published for them waits,
    /// unconfirmed, until they subscribe.
    #[must_use]
    pub fn with_queues(queues: &[WorkQueue]) -> Self {
        Self(Registry::with_queues(queues))
    }
}

impl BusCarrier for InProcess {
    fn publish(&self, event: Arc<Event>) -> BoxFuture<'static, Result<(), BusError>> {
        self.publish_all(vec![event]).pop().unwrap_or_else(|| ready(Err(BusError::Closed)).boxed())
    }

    fn publish_all(&self, events: Vec<Arc<Event>>) -> Vec<BoxFuture<'static, Result<(), BusError>>> {
        let (receipts, confirmed): (Vec<_>, Vec<_>) = events.iter().map(|_| Receipt::new()).unzip();
        // One lock over all queues: two events have the same order in each of them.
        let state = self.0.lock();
        if state.closed {
            return events.into_iter().map(|_| ready(Err(BusError::Closed)).boxed()).collect();
        }
        for queue in &state.queues {
            queue.offer(events.iter().zip(&receipts));
        }
        drop(state);
        drop(receipts);
        let mut counters = HashMap::new();
        let confirmation = |(kind, confirmed): (EventType, tokio::sync::oneshot::Receiver<()>)| {
            let of_kind = || metrics::counter!("bus_published_total", "type" => kind.as_str());
            let published = counters.entry(kind).or_insert_with(of_kind).clone();
            async move {
                if confirmed.await.is_ok() {
                    published.increment(1);
                    return Ok(());
                }
                metrics::counter!("bus_publish_failures_total").increment(1);
                Err(BusError::Unconfirmed("the bus was closed before its consumers were done".to_owned()))
            }
            .boxed()
        };
        events.iter().map(|event| event.kind).zip(confirmed).map(confirmation).collect()
    }

    /// The handler runs on the tokio runtime that calls this.
    fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
        dead_letters: Arc<dyn DeadLetterStore>,
    ) -> BoxFuture<'static, Result<ConsumerHandle, BusError>> {
        let queue = match self.0.bind(&subscription) {
            Ok(queue) => queue,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let (handle, stop, stopped) = ConsumerHandle::new();
        self.0.lock().consumers.push(handle.clone());
        let consumer =
            QueueConsumer::new(self.0.clone(), queue, subscription, handler, dead_letters, stop, stopped);
        tokio::spawn(consumer.run());
        ready(Ok(handle)).boxed()
    }

    fn is_connected(&self) -> bool {
        !self.0.lock().closed
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let mut state = self.0.lock();
        state.closed = true;
        let consumers = std::mem::take(&mut state.consumers);
        drop(state);
        let registry = self.0.clone();
        Box::pin(async move {
            join_all(consumers.iter().map(ConsumerHandle::stop)).await;
            let queues = std::mem::take(&mut registry.lock().queues);
            // Dropped without being settled: their publishers learn that they are unconfirmed.
            queues.iter().for_each(|queue| drop(queue.clear()));
        })
    }
}
