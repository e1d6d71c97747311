//! Payments and how they are booked.

use super::refund::Refund;
use chrono::{DateTime, Utc};
use shared::{
    events::PaymentStatus,
    ids::{PaymentId, RefundId},
};
use uuid::Uuid;

/// Where the saga of a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentState {
    /// Started: what the provider says is not known.
    Started,
    /// Authorised, and the booking is confirmed with it. The capture follows, and is repeated until
    /// it succeeds: for the traveller the money is taken.
    Confirmed,
    /// Captured at the provider.
    Captured,
    /// The provider refused, or the authorisation was voided.
    Declined,
    /// It came too late: whatever the provider has authorised is to be voided.
    ToBeVoided,
}

impl PaymentState {
    /// As the booking shows it.
    pub(crate) fn status(self) -> PaymentStatus {
        match self {
            Self::Started => PaymentStatus::Pending,
            Self::Confirmed | Self::Captured => PaymentStatus::Captured,
            Self::Declined | Self::ToBeVoided => PaymentStatus::Declined,
        }
    }
}

/// A payment of a booking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    pub(crate) method: String,
    /// What the provider charges, as it knows it; forgotten once it has decided.
    pub(crate) token: Option<String>,
    /// Minor units.
    pub(crate) amount: i64,
    pub(crate) state: PaymentState,
    /// The end of the hold before this payment prolonged it.
    pub(crate) held_until: DateTime<Utc>,
    /// The idempotency key whose answer this payment decides.
    pub(crate) key_scope: Option<Vec<u8>>,
    /// The HTTP status of success under that key: 201 where the booking was made with this payment.
    pub(crate) answer: i16,
    pub(crate) created_at: DateTime<Utc>,
}

impl Payment {
    /// Whether the booking was made with this payment, in one call.
    pub(crate) fn made_the_booking(&self) -> bool {
        self.answer == 201
    }
}

/// How a traveller wants to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaymentOrder {
    pub(crate) id: PaymentId,
    pub(crate) method: String,
    pub(crate) token: String,
}

/// An account of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// What the provider owes us.
    Clearing,
    Fares,
    Taxes,
}

/// One side of an entry; the amounts of a cause add up to zero, debits positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The payment or refund.
    pub(crate) cause: Uuid,
    pub(crate) account: Account,
    pub(crate) amount: i64,
}

fn entries(cause: Uuid, fare: i64, taxes: i64) -> Vec<Entry> {
    let sides = [(Account::Clearing, fare + taxes), (Account::Fares, -fare), (Account::Taxes, -taxes)];
    let sides = sides.into_iter().filter(|(_, amount)| *amount != 0);
    sides.map(|(account, amount)| Entry { cause, account, amount }).collect()
}

/// How a payment is booked.
pub(crate) fn payment_entries(payment: PaymentId, fare: i64, taxes: i64) -> Vec<Entry> {
    entries(payment.0, fare, taxes)
}

/// How a refund is booked.
pub(crate) fn refund_entries(id: RefundId, refund: Refund) -> Vec<Entry> {
    entries(id.0, -refund.fare, -refund.taxes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_books_add_up(fare in 0..1_000_000_000_i64, taxes in 0..1_000_000_i64) {
            let paid = payment_entries(PaymentId::new(), fare, taxes);
            let back = refund_entries(RefundId::new(), Refund { fare, taxes });
            for side in [&paid, &back] {
                prop_assert_eq!(side.iter().map(|entry| entry.amount).sum::<i64>(), 0);
            }
            for account in [Account::Clearing, Account::Fares, Account::Taxes] {
                let both = paid.iter().chain(&back).filter(|entry| entry.account == account);
                prop_assert_eq!(both.map(|entry| entry.amount).sum::<i64>(), 0);
            }
        }
    }
}
