//! Payments and their ledger entries.

use crate::payment::refund::Refund;
use chrono::{DateTime, Utc};
use shared_types::{
    events::PaymentStatus,
    ids::{PaymentId, RefundId},
};
use uuid::Uuid;

/// The state of a payment. It does not show whether the provider has done its part: captures and voids follow later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// Started. The provider's decision is not known.
    Started,
    /// Authorised, and the booking is confirmed with it. For the traveller the money is taken. The capture follows, and
    /// is repeated until it succeeds.
    Confirmed,
    /// Refused by the provider. This settles the payment.
    Declined,
    /// Declined by us, because it came too late. The void of a possible authorisation follows, and is repeated until it
    /// succeeds.
    Voided,
}

impl PaymentState {
    /// The status that the booking shows.
    pub fn status(self) -> PaymentStatus {
        match self {
            Self::Started => PaymentStatus::Pending,
            Self::Confirmed => PaymentStatus::Captured,
            Self::Declined | Self::Voided => PaymentStatus::Declined,
        }
    }
}

/// The most declined payments of a booking; after them it takes no more. Every payment stays with the booking and makes
/// its events longer, and endless attempts would let a thief test stolen cards.
pub const MOST_DECLINED: usize = 10;

/// A payment of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// The identifier of the payment, at the provider too.
    pub id: PaymentId,
    /// The method of payment, as clients name it.
    pub method: String,
    /// The provider's token for the means of payment; `None`: forgotten, because the payment is decided.
    pub token: Option<String>,
    /// The amount in minor units of money.
    pub amount: i64,
    /// The state of the payment.
    pub state: PaymentState,
    /// The end of the hold before this payment prolonged it.
    pub held_until: DateTime<Utc>,
    /// The scope of the idempotency key whose answer this payment decides; `None`: the request had no key.
    pub key_scope: Option<Vec<u8>>,
    /// The HTTP status of success under that key: 201 if one call made and paid the booking, else 200.
    pub answer: i16,
    /// When the payment was started, by the database's clock.
    pub created_at: DateTime<Utc>,
}

impl Payment {
    /// Whether one call made the booking and started this payment.
    pub fn made_the_booking(&self) -> bool {
        self.answer == 201
    }
}

/// The payment that a traveller orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentOrder {
    /// The identifier that the payment gets.
    pub id: PaymentId,
    /// The method of payment, as clients name it.
    pub method: String,
    /// The provider's token for the means of payment.
    pub token: String,
}

/// An account of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerAccount {
    /// The debt of the provider to us: all payments less all refunds. Its balance is a debit or zero.
    Clearing,
    /// The fares that travellers have paid and did not get back. Its balance is a credit or zero.
    Fares,
    /// The airports' taxes that travellers have paid and did not get back. Its balance is a credit or zero.
    Taxes,
}

/// One side of a ledger entry. The amounts of a cause add up to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The identifier of the payment or refund.
    pub cause: Uuid,
    /// The account that the amount is booked on.
    pub account: LedgerAccount,
    /// The amount in minor units of money; debits are positive.
    pub amount: i64,
}

/// The sides of an entry, without those of zero.
fn entries(cause: Uuid, fare: i64, taxes: i64) -> Vec<LedgerEntry> {
    let sides = [
        (LedgerAccount::Clearing, fare + taxes),
        (LedgerAccount::Fares, -fare),
        (LedgerAccount::Taxes, -taxes),
    ];
    let sides = sides.into_iter().filter(|(_, amount)| *amount != 0);
    sides.map(|(account, amount)| LedgerEntry { cause, account, amount }).collect()
}

/// The ledger entries of a payment. `fare`, `taxes`: minor units of money.
pub fn payment_entries(payment: PaymentId, fare: i64, taxes: i64) -> Vec<LedgerEntry> {
    entries(payment.0, fare, taxes)
}

/// The ledger entries of a refund.
pub fn refund_entries(id: RefundId, refund: Refund) -> Vec<LedgerEntry> {
    entries(id.0, -refund.fare, -refund.taxes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::refund::{self, Paid, RefundBasis};
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use shared_types::fare::Brand;

    fn balance(books: &[LedgerEntry], account: LedgerAccount) -> i64 {
        books.iter().filter(|entry| entry.account == account).map(|entry| entry.amount).sum()
    }

    fn paid() -> impl Strategy<Value = Paid> {
        let brand = prop_oneof![Just(Brand::Light), Just(Brand::Standard), Just(Brand::Flex)];
        (brand, 0..1_000_000_000_i64, 0..1_000_000_i64).prop_map(|(brand, fare, taxes)| Paid {
            brand,
            fare,
            taxes,
        })
    }

    proptest! {
        #[test]
        fn ledger_entries_balance_by_cause_and_by_account(
            bookings in prop::collection::vec(
                (prop::collection::vec(paid(), 1..7), prop::option::of(0..100_i64), any::<bool>()),
                0..20,
            ),
        ) {
            let bought = Utc::now();
            let journey = RefundBasis { departs_at: bought + TimeDelta::hours(80), is_cancelled: false };
            let (mut books, mut taken, mut returned) = (Vec::new(), 0, 0);
            for (segments, cancelled, by_airline) in bookings {
                let full = refund::in_full(&segments);
                books.extend(payment_entries(PaymentId::new(), full.fare, full.taxes));
                taken += full.total();
                // Cancelled by the traveller after these hours, or by the airline.
                let back = match (cancelled, by_airline) {
                    (_, true) => full,
                    (Some(hours), _) => {
                        refund::on_cancellation(&segments, bought, journey, bought + TimeDelta::hours(hours))
                    }
                    (None, _) => Refund::default(),
                };
                books.extend(refund_entries(RefundId::new(), back));
                returned += back.total();
            }
            prop_assert_eq!(balance(&books, LedgerAccount::Clearing), taken - returned);
            prop_assert!(balance(&books, LedgerAccount::Clearing) >= 0);
            prop_assert!(balance(&books, LedgerAccount::Fares) <= 0 && balance(&books, LedgerAccount::Taxes) <= 0);
            let causes: std::collections::HashSet<Uuid> = books.iter().map(|entry| entry.cause).collect();
            for cause in causes {
                let of_cause: Vec<_> = books.iter().filter(|entry| entry.cause == cause).collect();
                prop_assert_eq!(of_cause.iter().map(|entry| entry.amount).sum::<i64>(), 0);
                prop_assert!(of_cause.iter().all(|entry| entry.amount != 0), "no empty sides");
            }
        }
    }
}
