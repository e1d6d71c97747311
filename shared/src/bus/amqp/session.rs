//! One subscription on one link: declares, reads, asks the handler, acknowledges.
//!
//! Invariant: a message is acknowledged only after its step was carried out (committed by the
//! handler, confirmed in a retry queue, or stored as a dead letter). Whatever ends a session, the
//! broker delivers the rest again.

use super::{
    link::{InRuntime, Link, LinkError},
    message::{Message, retry},
    publisher::PublisherHandle,
    topology::{Queues, Topology},
};
use crate::bus::{
    Backoff, DeadLetter, DeadLetterStore, Handler, Subscription,
    dispatch::{self, DeliveryStep},
};
use amqprs::channel::{
    BasicAckArguments, BasicConsumeArguments, BasicQosArguments, Channel, ConsumerMessage,
};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// What the sessions of a subscription have in common.
pub(super) struct SessionWork {
    pub(super) subscription: Subscription,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) dead_letters: Arc<dyn DeadLetterStore>,
    pub(super) topology: Topology,
    pub(super) publisher: PublisherHandle,
}

/// How a session has ended.
pub(super) enum Ended {
    /// As it was told to.
    Stopped,
    /// The link or the channel is gone.
    Broken(LinkError),
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Self {
        Self::Broken(error)
    }
}

impl SessionWork {
    /// Runs a session to its end; tells when the queue is bound.
    pub(super) async fn run(
        self: Arc<Self>,
        link: Link,
        stop: CancellationToken,
        bound: oneshot::Sender<()>,
    ) -> Ended {
        match ConsumingSession::open(&self, link, stop).await {
            Ok(mut session) => {
                // Whoever no longer waits need not know.
                let _ = bound.send(());
                let ended = session.consume().await;
                session.close().await;
                ended
            }
            Err(error) => Ended::Broken(error),
        }
    }
}

/// A consuming channel.
struct ConsumingSession<'a> {
    work: &'a SessionWork,
    link: Link,
    stop: CancellationToken,
    channel: InRuntime<Channel>,
    queues: Queues,
    /// Unbounded by itself; the prefetch bounds it.
    deliveries: UnboundedReceiver<ConsumerMessage>,
}

impl<'a> ConsumingSession<'a> {
    async fn open(work: &'a SessionWork, link: Link, stop: CancellationToken) -> Result<Self, LinkError> {
        let queues = work.topology.declare(&link, &work.subscription).await?;
        let channel = link.open_channel().await?;
        // One batch with the handler and one on its way. Nothing else bounds what amqprs buffers.
        let prefetch = u16::try_from(work.subscription.batch.saturating_mul(2)).unwrap_or(u16::MAX);
        link.call(channel.basic_qos(BasicQosArguments::new(0, prefetch, false))).await?;
        let connected = AssertUnwindSafe(async { work.handler.connected().await }).catch_unwind();
        if connected.await.is_err() {
            tracing::error!(bus.queue = work.subscription.queue, "A handler panicked when it was connected");
        }
        let mut consume = BasicConsumeArguments::new(&queues.work, "");
        // Acknowledged by hand, after the commit.
        consume.manual_ack(true);
        let (_tag, deliveries) = link.call(channel.basic_consume_rx(consume.finish())).await?;
        Ok(Self { work, link, stop, channel, queues, deliveries })
    }

    /// Gives back what was not acknowledged.
    async fn close(self) {
        if !self.link.is_lost() {
            // A channel that cannot be closed is not used again; nothing else to do.
            let _ = self.link.close_channel(&self.channel).await;
        }
    }

    async fn consume(&mut self) -> Ended {
        loop {
            let batch = match self.next().await {
                Ok(batch) => batch,
                Err(ended) => return ended,
            };
            let next = Instant::now() + self.work.subscription.pace;
            if let Err(ended) = self.handle(batch).await {
                return ended;
            }
            let rest = next.saturating_duration_since(Instant::now());
            if !rest.is_zero()
                && let Err(ended) = self.pause(rest).await
            {
                return ended;
            }
        }
    }

    /// The next batch: waits for one message, and takes what else is there.
    async fn next(&mut self) -> Result<Vec<Message>, Ended> {
        let first = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Ended::Stopped),
            () = self.link.lost().cancelled() => return Err(LinkError(self.link.reason()).into()),
            message = self.deliveries.recv() => message.ok_or_else(gone)?,
        };
        let mut batch = vec![Message::read(first)];
        while batch.len() < self.work.subscription.batch
            && let Ok(message) = self.deliveries.try_recv()
        {
            batch.push(Message::read(message));
        }
        Ok(batch)
    }

    /// Works a batch in: asks about it, and about what it holds again after each pause.
    async fn handle(&mut self, mut batch: Vec<Message>) -> Result<(), Ended> {
        let (first, longest) = self.work.subscription.pause;
        let mut pause = Backoff::new(first, longest);
        loop {
            let steps = self.ask(&batch).await;
            let mut settled = Vec::new();
            let mut held = Vec::new();
            for (message, step) in batch.into_iter().zip(steps) {
                match step {
                    DeliveryStep::Settle => {}
                    DeliveryStep::Hold => {
                        held.push(message);
                        continue;
                    }
                    DeliveryStep::DeadLetter(reason) => self.store_dead_letter(&message, reason).await?,
                    DeliveryStep::RetryAfter(delay) => self.retry(&message, delay).await?,
                }
                settled.push(message.tag);
            }
            self.acknowledge(&settled, held.is_empty()).await?;
            if held.is_empty() {
                return Ok(());
            }
            batch = held;
            self.pause(pause.delay()).await?;
        }
    }

    /// The steps of a batch, in its order. What is no event never comes to the handler.
    async fn ask(&self, batch: &[Message]) -> Vec<DeliveryStep> {
        let deliveries: Vec<_> =
            batch.iter().filter_map(|message| message.delivery.as_ref().ok().cloned()).collect();
        let mut asked = if deliveries.is_empty() {
            Vec::new()
        } else {
            dispatch::ask(self.work.handler.as_ref(), &self.work.subscription, &deliveries).await
        }
        .into_iter();
        let step = |message: &Message| match &message.delivery {
            Ok(_) => asked.next().unwrap_or(DeliveryStep::Hold),
            Err(reason) => {
                dispatch::consumed(&self.work.subscription.queue, "undecodable", 1);
                DeliveryStep::DeadLetter(reason.clone())
            }
        };
        batch.iter().map(step).collect()
    }

    /// Stores a dead letter, however long that takes.
    async fn store_dead_letter(&mut self, message: &Message, reason: String) -> Result<(), Ended> {
        let (first, longest) = self.work.subscription.pause;
        let mut pause = Backoff::new(first, longest);
        let letter = DeadLetter {
            event: message.delivery.as_ref().ok().map(|delivery| delivery.event.clone()),
            payload: message.payload.clone(),
            reason,
            attempts: message.attempt,
        };
        let queue = &self.work.subscription.queue;
        while let Err(error) = self.work.dead_letters.store(queue, letter.clone()).await {
            tracing::warn!(bus.queue = queue, %error, "Consumption pauses");
            self.pause(pause.delay()).await?;
        }
        Ok(())
    }

    /// Puts a message into its retry queue and waits until it is safe there, however long that takes.
    async fn retry(&mut self, message: &Message, delay: Duration) -> Result<(), Ended> {
        let (first, longest) = self.work.subscription.pause;
        let mut pause = Backoff::new(first, longest);
        loop {
            let Some(queue) = self.queues.retry(delay) else {
                return Err(LinkError(format!("no retry queue of {delay:?} was declared")).into());
            };
            let published = self.work.publisher.publish(retry(message, queue));
            let Err(error) = published.await else { return Ok(()) };
            tracing::warn!(bus.queue = queue, %error, "A message could not be put into its retry queue yet");
            self.pause(pause.delay()).await?;
        }
    }

    /// Waits while consumption is paused; ends the session when there is nothing left to wait for.
    async fn pause(&self, delay: Duration) -> Result<(), Ended> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Ended::Stopped),
            () = self.link.lost().cancelled() => Err(LinkError(self.link.reason()).into()),
            () = sleep(delay) => {
                // The broker closes a channel that acknowledges nothing for half an hour.
                if self.deliveries.is_closed() { Err(gone()) } else { Ok(()) }
            }
        }
    }

    /// Acknowledges messages; in one frame where everything up to the last is done, as it is when the
    /// batch is: batches come one after the other.
    async fn acknowledge(&self, tags: &[u64], all: bool) -> Result<(), Ended> {
        let last = tags.last().map(|tag| (*tag, true));
        let frames = if all {
            last.into_iter().collect()
        } else {
            tags.iter().map(|tag| (*tag, false)).collect::<Vec<_>>()
        };
        for (tag, multiple) in frames {
            self.link.call(self.channel.basic_ack(BasicAckArguments::new(tag, multiple))).await?;
        }
        Ok(())
    }
}

/// The channel or the queue is gone, the link may not be.
fn gone() -> Ended {
    Ended::Broken(LinkError("the broker ended the delivery".to_owned()))
}
