//! The payment desk of an instance: the engine's sagas over the simulated provider and the model of the database.

use crate::{
    ground::{
        TaskOwner,
        limits::{PAYMENT_IDLE, PAYMENTS},
    },
    ports::instance_ports::{InstanceClock, InstancePorts},
};
use booking_engine::{
    payment::charge::{Charge, ChargeOutcome, NotAdmitted},
    ports::{Payments, within},
    saga::{
        carry::{self, SagaDeps},
        sweep::sweep,
    },
};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long a payment may take up to its answer: the provider's part, and the ledger's.
const LONGEST: Duration = Duration::from_secs(17);

impl Payments for InstancePorts {
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
        self.world.check(self.log.has_released("a payment is carried out"));
        let (reply, outcome) = oneshot::channel();
        let ports = Self::new(&self.world, self.at);
        self.world.spawn(TaskOwner::Instance(self.at), async move {
            let _admission = admission;
            carry::charge(&ports, &charge, reply).await;
        });
        match within(&self.clock, LONGEST, outcome).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) | None => ChargeOutcome::Unsettled,
        }
    }

    fn nudge(&self) {
        let ports = Self::new(&self.world, self.at);
        self.world.spawn(TaskOwner::Instance(self.at), async move { ports.sweep_payments().await });
    }
}

impl SagaDeps for InstancePorts {
    type Provider = Self;
    type Ledger = Self;
    type Settlements = Self;
    type Clock = InstanceClock;

    fn provider(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Self {
        self
    }

    fn settlements(&self) -> &Self {
        self
    }

    fn clock(&self) -> &InstanceClock {
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

impl InstancePorts {
    /// Carries on idle payments and refunds. The next sweep finds again what fails.
    pub(crate) async fn sweep_payments(&self) {
        let _ = sweep(self).await;
    }
}
