//! The channels of a link: one to be kept, or one for a few calls.

use super::{
    callbacks::OnChannel,
    link::{InRuntime, Link, LinkError},
};
use amqprs::channel::Channel;

impl Link {
    /// Opens a channel to be kept. The link dies of a time-out.
    pub(super) async fn open_channel(&self) -> Result<InRuntime<Channel>, LinkError> {
        let channel = InRuntime::new(self.call(self.connection().open_channel(None)).await?);
        // At once, so that the broker's reason for closing it is logged.
        self.call(channel.register_callback(OnChannel { link: self.clone(), publisher: None })).await?;
        Ok(channel)
    }

    /// Runs calls one after the other on a channel that is used for nothing else.
    pub(super) async fn on_throwaway_channel<T>(
        &self,
        calls: impl AsyncFnOnce(&Channel) -> Result<T, amqprs::error::Error>,
    ) -> Result<T, LinkError> {
        let channel = self.open_channel().await?;
        let answer = self.call(calls(&channel)).await?;
        self.close_channel(&channel).await?;
        Ok(answer)
    }

    /// Closes a channel; what it had not acknowledged is delivered again.
    pub(super) async fn close_channel(&self, channel: &Channel) -> Result<(), LinkError> {
        self.call(channel.clone().close()).await
    }
}
