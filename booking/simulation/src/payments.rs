//! The payment desk of an instance: the engine's sagas over the simulated provider and the model of the database.

use crate::{
    limits::{PAYMENT_IDLE, PAYMENTS, PROVIDER_TIMEOUT},
    process::{Process, ProcessClock},
    provider::Question,
    scheduler::Owner,
    world::unavailable,
};
use booking_engine::{
    payment::charge::{Charge, ChargeOutcome, NotAdmitted},
    ports::{PaymentProvider, Payments, ProviderError, ProviderReply, SettlementStore, within},
    saga::{
        carry::{self, SagaDeps},
        settlement::{UnsettledPayment, UnsettledRefund},
        step::ProviderDecision,
    },
    store_error::StoreResult,
};
use chrono::TimeDelta;
use shared::ids::{PaymentId, RefundId};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long a payment may take up to its answer: the provider's part, and the ledger's.
const LONGEST: Duration = Duration::from_secs(17);

impl Payments for Process {
    type Admission = Rc<()>;

    fn admit(&self) -> Result<Rc<()>, NotAdmitted> {
        let places = self.instance().payments.clone();
        // One is the instance's, and one this copy.
        match Rc::strong_count(&places) < PAYMENTS + 2 {
            true => Ok(places),
            false => Err(NotAdmitted::Full),
        }
    }

    async fn charge(&self, charge: Charge, admission: Rc<()>) -> ChargeOutcome {
        self.world.object_to(self.log.has_released("a payment is carried out"));
        let (reply, outcome) = oneshot::channel();
        let process = Self::new(&self.world, self.at);
        self.world.spawn(Owner::Instance(self.at), async move {
            let _admission = admission;
            carry::charge(&process, &charge, reply).await;
        });
        match within(&self.clock, LONGEST, outcome).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) | None => ChargeOutcome::Unsettled,
        }
    }

    fn nudge(&self) {
        let process = Self::new(&self.world, self.at);
        self.world.spawn(Owner::Instance(self.at), async move { process.sweep_payments().await });
    }
}

impl SagaDeps for Process {
    type Provider = Self;
    type Ledger = Self;
    type Settlements = Self;
    type Clock = ProcessClock;

    fn provider(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Self {
        self
    }

    fn settlements(&self) -> &Self {
        self
    }

    fn clock(&self) -> &ProcessClock {
        &self.clock
    }

    fn deadline(&self) -> Instant {
        self.command_deadline()
    }

    fn idle(&self) -> Duration {
        PAYMENT_IDLE
    }

    fn is_closing(&self) -> bool {
        false
    }

    fn provider_is_silent(&self) -> bool {
        false
    }
}

impl Process {
    /// Asks the provider, and waits for its answer as long as the service does.
    fn ask_provider(&self, question: Question) -> ProviderReply<'_, Option<bool>> {
        Box::pin(async move {
            let answer = self.world.in_time(PROVIDER_TIMEOUT, self.world.ask(question)).await;
            answer.flatten().ok_or_else(|| ProviderError("it is silent".to_owned()))
        })
    }

    /// What was answered to what only asks for something to be done.
    fn have_done(&self, question: Question) -> ProviderReply<'_, ()> {
        Box::pin(async move { self.ask_provider(question).await.map(drop) })
    }
}

fn decision(authorised: bool) -> ProviderDecision {
    if authorised { ProviderDecision::Authorised } else { ProviderDecision::Declined }
}

impl PaymentProvider for Process {
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
            let answer = self.ask_provider(Question::Authorise { payment, amount, token }).await?;
            answer.map(decision).ok_or_else(|| ProviderError("it has not decided".to_owned()))
        })
    }

    fn find(&self, payment: PaymentId) -> ProviderReply<'_, Option<ProviderDecision>> {
        Box::pin(async move { Ok(self.ask_provider(Question::Find { payment }).await?.map(decision)) })
    }

    fn capture(&self, payment: PaymentId, amount: i64) -> ProviderReply<'_, ()> {
        self.have_done(Question::Capture { payment, amount })
    }

    fn void(&self, payment: PaymentId, _: i64) -> ProviderReply<'_, ()> {
        self.have_done(Question::Void { payment })
    }

    fn refund(&self, payment: PaymentId, refund: RefundId, amount: i64) -> ProviderReply<'_, ()> {
        self.have_done(Question::Refund { payment, refund, amount })
    }
}

impl SettlementStore for Process {
    async fn take_payments(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledPayment>> {
        let world = &self.world;
        world.hop().await;
        let now = world.now();
        let mut database = world.database.borrow_mut();
        if database.is_down(now) {
            return Err(unavailable());
        }
        let clock = database.clock(now);
        let payments = database.take_payments(clock, idle, limit);
        if let Some(trace) = &world.trace {
            trace.borrow_mut().payments_taken(clock, (idle, limit), &payments);
        }
        for left in &payments {
            world.count("sagas taken up");
            world.note(|| format!("instance {} takes up payment {}, {:?}", self.at, left.id, left.state));
        }
        Ok(payments)
    }

    async fn take_refunds(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledRefund>> {
        let world = &self.world;
        world.hop().await;
        let now = world.now();
        let mut database = world.database.borrow_mut();
        if database.is_down(now) {
            return Err(unavailable());
        }
        let clock = database.clock(now);
        let refunds = database.take_refunds(clock, idle, limit);
        if let Some(trace) = &world.trace {
            trace.borrow_mut().refunds_taken(clock, (idle, limit), &refunds);
        }
        Ok(refunds)
    }

    async fn mark_settled(&self, payment: PaymentId) -> StoreResult<()> {
        let world = &self.world;
        world.hop().await;
        let mut database = world.database.borrow_mut();
        if database.is_down(world.now()) {
            return Err(unavailable());
        }
        database.settle_payment(payment);
        if let Some(trace) = &world.trace {
            trace.borrow_mut().payment_settled(payment);
        }
        Ok(())
    }

    async fn mark_refunded(&self, refund: &UnsettledRefund) -> StoreResult<()> {
        let world = &self.world;
        world.hop().await;
        let mut database = world.database.borrow_mut();
        if database.is_down(world.now()) {
            return Err(unavailable());
        }
        database.settle_refund(refund.id);
        if let Some(trace) = &world.trace {
            trace.borrow_mut().refund_settled(refund.payment_id);
        }
        Ok(())
    }
}
