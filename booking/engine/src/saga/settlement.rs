//! Unsettled payments and refunds: rows of the queues of calls that the provider has yet to get.

use crate::payment::record::PaymentState;
use shared_types::ids::{BookingId, FlightId, PaymentId, RefundId};

/// A payment whose saga is not at its end.
#[derive(Debug, Clone)]
pub struct UnsettledPayment {
    /// The payment.
    pub id: PaymentId,
    /// Its booking.
    pub booking_id: BookingId,
    /// Its stored state.
    pub state: PaymentState,
    /// The amount in minor units of money.
    pub amount: i64,
    /// The provider's token for the means of payment; `None`: forgotten, because the payment is decided.
    pub token: Option<String>,
    /// A flight of the booking: it determines the ledger.
    pub flight_id: FlightId,
    /// Whether the hold has ended, even with its prolongation by the payment.
    pub late: bool,
}

/// A refund that the provider has not carried out yet.
#[derive(Debug, Clone, Copy)]
pub struct UnsettledRefund {
    /// The refund.
    pub id: RefundId,
    /// The payment whose money is given back.
    pub payment_id: PaymentId,
    /// The amount in minor units of money.
    pub amount: i64,
}
