//! What a change of a flight means for its bookings, counted before it is made.

use crate::booking::{lifecycle::BookingStage, record::Booking};
use chrono::{DateTime, Utc};

/// The live bookings of a flight, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlightImpact {
    /// The live bookings: held, with a payment under way, or confirmed.
    pub bookings: usize,
    /// Their passengers, with infants.
    pub passengers: usize,
    /// What was paid for the confirmed ones and not given back, in minor units of money. A payment under way does not
    /// count: a cancellation voids it.
    pub paid: i64,
}

impl FlightImpact {
    /// Counts the bookings of a flight. Holds that have ended at `now` do not count.
    #[must_use]
    pub fn of(bookings: &[Booking], now: DateTime<Utc>) -> Self {
        bookings.iter().fold(Self::default(), |sum, booking| {
            let paid = match booking.stage(now) {
                BookingStage::Held | BookingStage::Paying => 0,
                BookingStage::Confirmed => booking.total() - booking.refunded(),
                BookingStage::Cancelled | BookingStage::Expired => return sum,
            };
            Self {
                bookings: sum.bookings + 1,
                passengers: sum.passengers + booking.passengers.len(),
                paid: sum.paid + paid,
            }
        })
    }
}

impl Booking {
    /// The sum of the refunds, in minor units of money.
    fn refunded(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use chrono::TimeDelta;
    use shared_types::{
        events::{BookingPaymentStatus, BookingStatus},
        ids::FlightId,
    };

    #[test]
    fn live_bookings_count_and_money_that_the_airline_has() {
        let flight = FlightId::new();
        let held = samples::booking(flight, &["4A", "4B"]);
        let mut paying = samples::booking(flight, &["5A"]);
        paying.payment_status = BookingPaymentStatus::Processing;
        paying.hold_expires_at -= TimeDelta::hours(1);
        let mut confirmed = samples::booking(flight, &["6A"]);
        (confirmed.status, confirmed.payment_status) = (BookingStatus::Confirmed, BookingPaymentStatus::Paid);
        let mut ended = samples::booking(flight, &["7A"]);
        ended.hold_expires_at -= TimeDelta::hours(1);
        let mut cancelled = confirmed.clone();
        cancelled.status = BookingStatus::Cancelled;
        let paid = confirmed.total();
        let all = [held, paying, confirmed, ended, cancelled];
        let impact = FlightImpact::of(&all, Utc::now());
        assert_eq!(impact, FlightImpact { bookings: 3, passengers: 4, paid });
        assert_eq!(FlightImpact::of(&[], Utc::now()), FlightImpact::default());
    }
}
