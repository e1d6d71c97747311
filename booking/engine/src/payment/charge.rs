//! A payment on its way: what the payment desk is asked for, and what it answers while a traveller waits.

use crate::booking::presentation::ShownBooking;
use shared_types::ids::{BookingId, FlightId, PaymentId};

/// A payment that was just started.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The payment.
    pub payment: PaymentId,
    /// The booking that it pays.
    pub booking: BookingId,
    /// Minor units.
    pub amount: i64,
    /// What the provider charges.
    pub token: String,
    /// A flight of the booking, to find its ledger by.
    pub flight: FlightId,
}

/// What became of a charge within the time that a traveller waits.
#[derive(Debug)]
pub enum ChargeOutcome {
    /// The booking is confirmed.
    Confirmed(ShownBooking),
    /// The provider has refused; or the hold had ended before it authorised, which is voided.
    Declined(ShownBooking),
    /// Nothing is known yet; it will be settled later.
    Unsettled,
}

/// Why a payment is not taken on. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// As many payments are in hand as there may be.
    #[error("too many payments are in hand")]
    Full,
    /// It would only wait for nothing.
    #[error("the payment provider is silent")]
    ProviderSilent,
}
