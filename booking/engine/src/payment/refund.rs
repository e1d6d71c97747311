//! The refund of a cancelled booking.

use chrono::{DateTime, TimeDelta, Utc};
use shared_types::fare::Brand;

/// Hours after the purchase in which a cancellation gives everything back.
const VOID_HOURS: i64 = 24;

/// The amounts to be given back, in minor units of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refund {
    /// The part of the fares.
    pub fare: i64,
    /// The part of the taxes.
    pub taxes: i64,
}

impl Refund {
    /// Fares and taxes together.
    pub fn total(self) -> i64 {
        self.fare + self.taxes
    }
}

/// The facts about the flights of a booking that decide about its refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundBasis {
    /// The departure of the first flight (UTC).
    pub departs_at: DateTime<Utc>,
    /// Whether the airline has cancelled one of the flights. Then everything is given back, even after the departure
    /// and after a lower quote.
    pub is_cancelled: bool,
}

/// The price of a segment with the conditions of its fare.
#[derive(Debug, Clone, Copy)]
pub struct Paid {
    /// The brand of the fare.
    pub brand: Brand,
    /// The fare in minor units of money.
    pub fare: i64,
    /// The taxes in minor units of money.
    pub taxes: i64,
}

/// The full refund: everything that was paid.
pub fn in_full(segments: &[Paid]) -> Refund {
    segments.iter().fold(Refund::default(), |sum, segment| Refund {
        fare: sum.fare + segment.fare,
        taxes: sum.taxes + segment.taxes,
    })
}

/// The refund of a cancellation at `now`. The first rule that applies decides:
/// 1. the airline has cancelled a flight: everything;
/// 2. after the departure: nothing;
/// 3. within 24 hours of the purchase: everything;
/// 4. later: flex fares, and the taxes of all segments.
pub fn on_cancellation(
    segments: &[Paid],
    bought_at: DateTime<Utc>,
    journey: RefundBasis,
    now: DateTime<Utc>,
) -> Refund {
    if journey.is_cancelled {
        return in_full(segments);
    }
    if now >= journey.departs_at {
        return Refund::default();
    }
    if now.signed_duration_since(bought_at) <= TimeDelta::hours(VOID_HOURS) {
        return in_full(segments);
    }
    let refundable = segments.iter().filter(|segment| segment.brand == Brand::Flex);
    let fare = refundable.map(|segment| segment.fare).sum();
    Refund { fare, ..in_full(segments) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flown(departs_at: DateTime<Utc>) -> RefundBasis {
        RefundBasis { departs_at, is_cancelled: false }
    }

    fn paid() -> impl Strategy<Value = Paid> {
        let brand = prop_oneof![Just(Brand::Light), Just(Brand::Standard), Just(Brand::Flex)];
        (brand, 0..10_000_000_i64, 0..1_000_000_i64).prop_map(|(brand, fare, taxes)| Paid {
            brand,
            fare,
            taxes,
        })
    }

    proptest! {
        #[test]
        fn never_more_than_was_paid_and_never_more_than_earlier(
            segments in prop::collection::vec(paid(), 1..7),
            bought in 0..2000_i64,
            departs in 0..2000_i64,
            times in prop::array::uniform2(0..2000_i64),
        ) {
            let start = Utc::now();
            let at = |hours| start + TimeDelta::hours(hours);
            let refund = |now| on_cancellation(&segments, at(bought), flown(at(departs)), at(now));
            let (earlier, later) = (refund(times[0].min(times[1])), refund(times[0].max(times[1])));
            let full = in_full(&segments);
            for (less, more) in [(later, earlier), (earlier, full)] {
                prop_assert!(less.fare <= more.fare && less.taxes <= more.taxes);
                prop_assert!(less.fare >= 0 && less.taxes >= 0);
            }
        }
    }

    #[test]
    fn refunds_follow_the_fare_and_the_clock() {
        let now = Utc::now();
        let refund = |brand, bought_hours_ago: i64, departs_in_hours: i64| {
            let paid = [Paid { brand, fare: 6572, taxes: 2400 }];
            let (bought, departs) =
                (now - TimeDelta::hours(bought_hours_ago), now + TimeDelta::hours(departs_in_hours));
            on_cancellation(&paid, bought, flown(departs), now).total()
        };
        assert_eq!(refund(Brand::Light, 24, 100), 8972);
        assert_eq!(refund(Brand::Light, 25, 100), 2400);
        assert_eq!(refund(Brand::Standard, 25, 100), 2400);
        assert_eq!(refund(Brand::Flex, 25, 100), 8972);
        assert_eq!(refund(Brand::Flex, 25, 0), 0, "after the departure nothing");
        assert_eq!(refund(Brand::Flex, 1, 0), 0);
    }
}
