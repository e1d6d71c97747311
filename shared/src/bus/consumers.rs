//! The subscriptions of a service, made in the background: a service starts with the broker down too.

use super::{BusError, ConsumerHandle};
use tokio::sync::oneshot;

/// Subscriptions that exist, or will once the broker answers.
#[derive(Default)]
pub struct Consumers {
    subscribing: Vec<Subscribing>,
}

struct Subscribing {
    give_up: oneshot::Sender<()>,
    subscribed: oneshot::Receiver<Option<ConsumerHandle>>,
}

impl Consumers {
    /// No subscriptions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a subscription, given as what [`BusCarrier::subscribe`](super::BusCarrier::subscribe) answers. Must
    /// be called on an actix arbiter.
    #[must_use]
    pub fn with(
        mut self,
        subscription: impl Future<Output = Result<ConsumerHandle, BusError>> + 'static,
    ) -> Self {
        let (give_up, given_up) = oneshot::channel::<()>();
        let (done, subscribed) = oneshot::channel();
        actix_rt::spawn(async move {
            let consumer = tokio::select! {
                biased;
                consumer = subscription => consumer
                    .inspect_err(|error| tracing::error!(error.message = %error, "A subscription failed"))
                    .ok(),
                _ = given_up => None,
            };
            // An error means that the service has stopped without waiting.
            drop(done.send(consumer));
        });
        self.subscribing.push(Subscribing { give_up, subscribed });
        self
    }

    /// Ready when the batches under way have their dispositions; subscriptions that are still being made
    /// are given up.
    pub async fn stop(self) {
        for Subscribing { give_up, subscribed } in self.subscribing {
            drop(give_up);
            if let Ok(Some(consumer)) = subscribed.await {
                consumer.stop().await;
            }
        }
    }
}
