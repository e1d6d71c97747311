//! `WatchedProvider`: asks the provider for the sagas. It limits and measures the time of each call, and tells the
//! circuit whether an answer came.

use super::{circuit::Circuit, shared_provider::SharedProvider};
use crate::kill_points;
use booking_engine::{
    ports::{PaymentProvider, ProviderError, ProviderReply},
    saga::step::ProviderDecision,
};
use shared::ids::{PaymentId, RefundId};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// See the module.
#[derive(Clone)]
pub(super) struct WatchedProvider {
    pub(super) provider: SharedProvider,
    pub(super) circuit: Circuit,
    /// How long an answer may take.
    pub(super) timeout: Duration,
    /// Whether the process still needs the provider.
    pub(super) needed: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl WatchedProvider {
    /// The provider's answer, if it comes in time. The circuit learns whether it came.
    async fn asked<T>(&self, call: &'static str, reply: ProviderReply<'_, T>) -> Result<T, ProviderError> {
        let begun = Instant::now();
        let answer = timeout(self.timeout, reply).await;
        let seconds = begun.elapsed().as_secs_f64();
        let answered = matches!(answer, Ok(Ok(_)));
        let outcome = if answered { "answered" } else { "unanswered" };
        metrics::histogram!("booking_provider_seconds", "call" => call, "outcome" => outcome).record(seconds);
        if answered {
            self.circuit.heard();
        } else {
            let needed = self.needed.clone();
            self.circuit.unanswered(&self.provider, move || needed());
        }
        answer.unwrap_or_else(|_| Err(ProviderError("it is silent".to_owned())))
    }
}

impl PaymentProvider for WatchedProvider {
    fn knows(&self, token: &str) -> bool {
        self.provider.knows(token)
    }

    fn answers(&self) -> ProviderReply<'_, ()> {
        self.provider.answers()
    }

    fn authorise(
        &self,
        payment: PaymentId,
        amount: i64,
        token: String,
    ) -> ProviderReply<'_, ProviderDecision> {
        Box::pin(async move {
            kill_points::pass("before_authorise");
            let decision = self.asked("authorise", self.provider.authorise(payment, amount, token)).await?;
            kill_points::pass("after_authorise");
            Ok(decision)
        })
    }

    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>> {
        Box::pin(self.asked("find", self.provider.find(payment)))
    }

    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            kill_points::pass("before_capture");
            self.asked("capture", self.provider.capture(payment, amount)).await?;
            kill_points::pass("after_capture");
            Ok(())
        })
    }

    fn void(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(self.asked("void", self.provider.void(payment, amount)))
    }

    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()> {
        Box::pin(async move {
            self.asked("refund", self.provider.refund(payment, refund, amount)).await?;
            kill_points::pass("after_refund");
            Ok(())
        })
    }
}
