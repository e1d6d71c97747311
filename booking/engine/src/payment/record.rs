//! Payments and how they are booked.

use crate::payment::refund::Refund;
use chrono::{DateTime, Utc};
use shared_types::{
    events::PaymentStatus,
    ids::{PaymentId, RefundId},
};
use uuid::Uuid;

/// What has become of a payment. Whether anything is still to be asked of the provider is another matter:
/// it captures and voids later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// Started: what the provider says is not known.
    Started,
    /// Authorised, and the booking is confirmed with it. The capture follows, and is repeated until
    /// it succeeds: for the traveller the money is taken.
    Confirmed,
    /// The provider refused: that settles it.
    Declined,
    /// We have declined it, since it came too late. Whatever the provider has authorised is voided; that
    /// follows, and is repeated until it succeeds.
    Voided,
}

impl PaymentState {
    /// As the booking shows it.
    pub fn status(self) -> PaymentStatus {
        match self {
            Self::Started => PaymentStatus::Pending,
            Self::Confirmed => PaymentStatus::Captured,
            Self::Declined | Self::Voided => PaymentStatus::Declined,
        }
    }
}

/// How many payments of a booking may be declined; then it takes no more. Each stays with the booking, and is
/// in whatever is told of it; and who may try without end tries other people's cards.
pub const MOST_DECLINED: usize = 10;

/// A payment of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    pub id: PaymentId,
    pub method: String,
    /// What the provider charges, as it knows it; forgotten once it has decided.
    pub token: Option<String>,
    /// Minor units.
    pub amount: i64,
    pub state: PaymentState,
    /// The end of the hold before this payment prolonged it.
    pub held_until: DateTime<Utc>,
    /// The idempotency key whose answer this payment decides.
    pub key_scope: Option<Vec<u8>>,
    /// The HTTP status of success under that key: 201 where the booking was made with this payment.
    pub answer: i16,
    pub created_at: DateTime<Utc>,
}

impl Payment {
    /// Whether the booking was made with this payment, in one call.
    pub fn made_the_booking(&self) -> bool {
        self.answer == 201
    }
}

/// How a traveller wants to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentOrder {
    pub id: PaymentId,
    pub method: String,
    pub token: String,
}

/// An account of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// What the provider owes us: all payments less all refunds. A debit balance, or none.
    Clearing,
    /// What travellers have paid for flying, and did not get back. A credit balance.
    Fares,
    /// What they have paid for the airports' taxes, and did not get back. A credit balance.
    Taxes,
}

/// One side of an entry; the amounts of a cause add up to zero, debits positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The payment or refund.
    pub cause: Uuid,
    pub account: Account,
    pub amount: i64,
}

fn entries(cause: Uuid, fare: i64, taxes: i64) -> Vec<Entry> {
    let sides = [(Account::Clearing, fare + taxes), (Account::Fares, -fare), (Account::Taxes, -taxes)];
    let sides = sides.into_iter().filter(|(_, amount)| *amount != 0);
    sides.map(|(account, amount)| Entry { cause, account, amount }).collect()
}

/// How a payment is booked.
pub fn payment_entries(payment: PaymentId, fare: i64, taxes: i64) -> Vec<Entry> {
    entries(payment.0, fare, taxes)
}

/// How a refund is booked.
pub fn refund_entries(id: RefundId, refund: Refund) -> Vec<Entry> {
    entries(id.0, -refund.fare, -refund.taxes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::refund::{self, Journey, Paid};
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use shared_types::fare::Brand;

    fn balance(books: &[Entry], account: Account) -> i64 {
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
        fn the_books_add_up_by_cause_and_say_what_was_kept(
            bookings in prop::collection::vec(
                (prop::collection::vec(paid(), 1..7), prop::option::of(0..100_i64), any::<bool>()),
                0..20,
            ),
        ) {
            let bought = Utc::now();
            let journey = Journey { departs_at: bought + TimeDelta::hours(80), is_cancelled: false };
            let (mut books, mut taken, mut returned) = (Vec::new(), 0, 0);
            for (segments, cancelled, by_airline) in bookings {
                let full = refund::in_full(&segments);
                books.extend(payment_entries(PaymentId::new(), full.fare, full.taxes));
                taken += full.total();
                // Cancelled by the traveller after so many hours, or by the airline.
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
            prop_assert_eq!(balance(&books, Account::Clearing), taken - returned);
            prop_assert!(balance(&books, Account::Clearing) >= 0);
            prop_assert!(balance(&books, Account::Fares) <= 0 && balance(&books, Account::Taxes) <= 0);
            let causes: std::collections::HashSet<Uuid> = books.iter().map(|entry| entry.cause).collect();
            for cause in causes {
                let of_cause: Vec<_> = books.iter().filter(|entry| entry.cause == cause).collect();
                prop_assert_eq!(of_cause.iter().map(|entry| entry.amount).sum::<i64>(), 0);
                prop_assert!(of_cause.iter().all(|entry| entry.amount != 0), "no empty sides");
            }
        }
    }
}
