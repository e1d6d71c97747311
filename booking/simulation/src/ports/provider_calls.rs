//! The way to the payment provider: answers are late, or never come, and so are requests.

use crate::{
    ground::{
        TaskOwner,
        limits::PROVIDER_TIMEOUT,
        time::{MINUTE, SECOND},
    },
    ports::instance_ports::InstancePorts,
    provider::{ProviderAnswer, ProviderRequest},
    world::SimulatedWorld,
};
use booking_engine::{
    ports::{PaymentProvider, ProviderError, ProviderReply},
    saga::step::ProviderDecision,
};
use shared::ids::{PaymentId, RefundId};
use std::rc::Rc;
use tokio::sync::oneshot;

/// Asks the provider. The request goes its way even when the caller gives up. The answer may never come.
async fn ask(world: &Rc<SimulatedWorld>, request: ProviderRequest) -> Option<ProviderAnswer> {
    let (reply, answer) = oneshot::channel();
    let world_of_it = world.clone();
    world.spawn(TaskOwner::Outside, async move {
        let world = world_of_it;
        world.hop().await;
        if world.strikes(30) {
            // The request takes longer than any caller waits.
            let micros = world.random().below(5 * MINUTE);
            world.sleep(micros).await;
        }
        let served = world.provider.borrow_mut().serve(&request);
        world.note(|| format!("the provider was asked to {request:?}: {served:?}"));
        let served = match served {
            Ok(served) => served,
            Err(fault) => return world.report_violation(fault),
        };
        let (slow, silent) = match &request {
            ProviderRequest::Authorise { token, .. } => (token == "tok_slow", token == "tok_timeout"),
            _ => (false, false),
        };
        if slow {
            world.sleep(3 * SECOND).await;
        }
        if silent || world.strikes(20) {
            // The answer is lost. The channel stays open for longer than any caller waits.
            world.sleep(10 * MINUTE).await;
            return;
        }
        world.hop().await;
        // An error means that the caller waits no longer.
        let _ = reply.send(served);
    });
    answer.await.ok()
}

impl InstancePorts {
    /// Asks the provider, and waits for its answer as long as the service does.
    fn ask_provider(&self, request: ProviderRequest) -> ProviderReply<'_, Option<bool>> {
        Box::pin(async move {
            let answer = self.world.in_time(PROVIDER_TIMEOUT, ask(&self.world, request)).await;
            answer.flatten().ok_or_else(|| ProviderError("it is silent".to_owned()))
        })
    }

    /// Asks the provider for something that has no answer but that it is done.
    fn have_done(&self, request: ProviderRequest) -> ProviderReply<'_, ()> {
        Box::pin(async move { self.ask_provider(request).await.map(drop) })
    }
}

fn decision(authorised: bool) -> ProviderDecision {
    if authorised { ProviderDecision::Authorised } else { ProviderDecision::Declined }
}

impl PaymentProvider for InstancePorts {
    fn knows(&self, _: &str) -> bool {
        true
    }

    fn answers(&self) -> ProviderReply<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn authorise(
        &self,
        payment: PaymentId,
        amount: i64,
        token: String,
    ) -> ProviderReply<'_, ProviderDecision> {
        Box::pin(async move {
            let answer = self.ask_provider(ProviderRequest::Authorise { payment, amount, token }).await?;
            answer.map(decision).ok_or_else(|| ProviderError("it has not decided".to_owned()))
        })
    }

    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>> {
        Box::pin(async move { Ok(self.ask_provider(ProviderRequest::Find { payment }).await?.map(decision)) })
    }

    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        self.have_done(ProviderRequest::Capture { payment, amount })
    }

    fn void(&self, payment: PaymentId, _: i64) -> ProviderReply<'_, ()> {
        self.have_done(ProviderRequest::Void { payment })
    }

    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()> {
        self.have_done(ProviderRequest::Refund { payment, refund, amount })
    }
}
