//! What the broker tells without being asked, and whom it concerns.
//!
//! The traits of `amqprs` are made with `async_trait`; their methods are written out here, which
//! costs fewer lines than the dependency. None of them waits for anything but a mailbox.

use super::{
    confirms::{ConfirmKind, PublisherConfirm},
    link::Link,
};
use actix::Recipient;
use amqprs::{
    Ack, BasicProperties, Cancel, Close, CloseChannel, Nack, Return,
    callbacks::{ChannelCallback, ConnectionCallback},
    channel::Channel,
    connection::Connection,
    error::Error,
};
use futures_util::future::{BoxFuture, ready};

/// Notices that the broker closes the connection.
pub(super) struct OnConnection(pub(super) Link);

impl ConnectionCallback for OnConnection {
    fn close<'s, 'c, 'f>(&'s mut self, _: &'c Connection, close: Close) -> BoxFuture<'f, Result<(), Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.0.lose(format!("the broker closed the connection: {close}"));
        Box::pin(ready(Ok(())))
    }

    // The broker never tells a client that does not declare the capability, as amqprs does not: a
    // stall of confirms is the sign.
    fn blocked<'s, 'c, 'f>(&'s mut self, _: &'c Connection, _: String) -> BoxFuture<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(ready(()))
    }

    fn unblocked<'s, 'c, 'f>(&'s mut self, _: &'c Connection) -> BoxFuture<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(ready(()))
    }

    fn secret_updated<'s, 'c, 'f>(&'s mut self, _: &'c Connection) -> BoxFuture<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(ready(()))
    }
}

/// Forwards what happens on a channel: confirms to the publisher, if it is its channel.
pub(super) struct OnChannel {
    pub(super) link: Link,
    /// `None` on a consuming channel.
    pub(super) publisher: Option<Recipient<PublisherConfirm>>,
}

impl OnChannel {
    async fn tell(&self, tag: u64, multiple: bool, kind: ConfirmKind) {
        if let Some(publisher) = &self.publisher {
            let confirm = PublisherConfirm { generation: self.link.generation(), tag, multiple, kind };
            // Waits for room in the mailbox; a publisher that is gone has told its callers.
            let _ = publisher.send(confirm).await;
        }
    }
}

impl ChannelCallback for OnChannel {
    fn close<'s, 'c, 'f>(
        &'s mut self,
        _: &'c Channel,
        close: CloseChannel,
    ) -> BoxFuture<'f, Result<(), Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        tracing::warn!(bus.generation = self.link.generation(), bus.reason = %close, "The broker closed a channel");
        // A publisher without its channel has no link; a consumer opens another one.
        if self.publisher.is_some() {
            self.link.lose(format!("the broker closed the channel: {close}"));
        }
        Box::pin(ready(Ok(())))
    }

    // The queue is gone; amqprs ends the stream of deliveries after this.
    fn cancel<'s, 'c, 'f>(&'s mut self, _: &'c Channel, _: Cancel) -> BoxFuture<'f, Result<(), Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(ready(Ok(())))
    }

    // RabbitMQ does not send it.
    fn flow<'s, 'c, 'f>(&'s mut self, _: &'c Channel, active: bool) -> BoxFuture<'f, Result<bool, Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(ready(Ok(active)))
    }

    fn publish_ack<'s, 'c, 'f>(&'s mut self, _: &'c Channel, ack: Ack) -> BoxFuture<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move { self.tell(ack.delivery_tag(), ack.mutiple(), ConfirmKind::Confirmed).await })
    }

    fn publish_nack<'s, 'c, 'f>(&'s mut self, _: &'c Channel, nack: Nack) -> BoxFuture<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move { self.tell(nack.delivery_tag(), nack.multiple(), ConfirmKind::Refused).await })
    }

    fn publish_return<'s, 'c, 'f>(
        &'s mut self,
        _: &'c Channel,
        _: Return,
        properties: BasicProperties,
        _: Vec<u8>,
    ) -> BoxFuture<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        // The publisher writes the tag of a mandatory message into its correlation id.
        let tag = properties.correlation_id().and_then(|id| id.parse().ok());
        Box::pin(async move {
            if let Some(tag) = tag {
                self.tell(tag, false, ConfirmKind::Returned).await;
            }
        })
    }
}
