//! A payment on its way: the charge that the payment desk carries out, and its outcome while a traveller waits.

use crate::booking::presentation::ShownBooking;
use shared_types::ids::{BookingId, FlightId, PaymentId};

/// A payment that was just started.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The payment.
    pub payment: PaymentId,
    /// The booking to pay.
    pub booking: BookingId,
    /// The amount in minor units of money.
    pub amount: i64,
    /// The provider's token for the means of payment.
    pub token: String,
    /// A flight of the booking: it determines the ledger.
    pub flight: FlightId,
}

/// The outcome of a charge within the time that a traveller waits.
#[derive(Debug)]
pub enum ChargeOutcome {
    /// The booking is confirmed.
    Confirmed(ShownBooking),
    /// The provider has refused, or has authorised too late: then the payment is voided.
    Declined(ShownBooking),
    /// The outcome is not known yet. The saga settles the payment later.
    Unsettled,
}

/// The reason why the payment desk does not admit a payment. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The desk has reached its limit of payments in hand.
    #[error("too many payments are in hand")]
    Full,
    /// The provider does not answer: the payment would only wait.
    #[error("the payment provider is silent")]
    ProviderSilent,
}
