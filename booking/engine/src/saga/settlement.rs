//! What is still to be asked of the provider: rows of the queues of payments and refunds.

use crate::payment::record::PaymentState;
use shared_types::ids::{BookingId, FlightId, PaymentId, RefundId};

/// A payment whose saga is not at its end.
#[derive(Debug, Clone)]
pub struct UnsettledPayment {
    /// The payment.
    pub id: PaymentId,
    /// Its booking.
    pub booking_id: BookingId,
    /// What has become of it.
    pub state: PaymentState,
    /// Minor units.
    pub amount: i64,
    /// What the provider charges; forgotten once it has decided.
    pub token: Option<String>,
    /// A flight of the booking, to find its ledger by.
    pub flight_id: FlightId,
    /// Whether the end of the hold, which the payment has prolonged, has passed.
    pub late: bool,
}

/// A refund that the provider has not carried out yet.
#[derive(Debug, Clone, Copy)]
pub struct UnsettledRefund {
    /// The refund.
    pub id: RefundId,
    /// The payment whose money is given back.
    pub payment_id: PaymentId,
    /// Minor units.
    pub amount: i64,
}
