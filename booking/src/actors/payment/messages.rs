//! What the payment desk is asked, and the admission that a request for it needs.

use actix::prelude::*;
use booking_engine::payment::charge::{Charge, ChargeOutcome};
use shared::trace;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The right to have a payment carried out. Dropping it frees its place.
#[derive(Debug)]
pub(crate) struct PaymentAdmission {
    _place: OwnedSemaphorePermit,
}

impl PaymentAdmission {
    pub(super) fn new(place: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("booking_payments_in_hand").increment(1.0);
        Self { _place: place }
    }
}

impl Drop for PaymentAdmission {
    fn drop(&mut self) {
        metrics::gauge!("booking_payments_in_hand").decrement(1.0);
    }
}

/// Has a payment carried out.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct BeginPayment {
    pub(super) charge: Charge,
    pub(super) admission: PaymentAdmission,
    pub(super) trace: Option<trace::TraceContext>,
    pub(super) reply: oneshot::Sender<ChargeOutcome>,
}
