//! What is given back when a paid booking is cancelled.

use chrono::{DateTime, TimeDelta, Utc};
use shared_types::fare::Brand;

/// Hours after the purchase in which everything is given back.
const VOID_HOURS: i64 = 24;

/// Money to be given back, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refund {
    pub fare: i64,
    pub taxes: i64,
}

impl Refund {
    pub fn total(self) -> i64 {
        self.fare + self.taxes
    }
}

/// What matters of a booking's flights when it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Journey {
    /// When the first of them departs.
    pub departs_at: DateTime<Utc>,
    /// Whether the airline does not fly one of them: then everything is given back, whenever the
    /// traveller comes, and whatever was promised before.
    pub is_cancelled: bool,
}

/// What a segment cost, and on which conditions.
#[derive(Debug, Clone, Copy)]
pub struct Paid {
    pub brand: Brand,
    pub fare: i64,
    pub taxes: i64,
}

/// All that was paid: within 24 hours of the purchase, or when the airline cancels.
pub fn in_full(segments: &[Paid]) -> Refund {
    segments.iter().fold(Refund::default(), |sum, segment| Refund {
        fare: sum.fare + segment.fare,
        taxes: sum.taxes + segment.taxes,
    })
}

/// What a traveller gets back: everything when the airline has cancelled a flight. Else nothing after the
/// departure, everything within 24 hours of the purchase, later everything of a flex fare and the taxes of
/// the others.
pub fn on_cancellation(
    segments: &[Paid],
    bought_at: DateTime<Utc>,
    journey: Journey,
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

    fn flown(departs_at: DateTime<Utc>) -> Journey {
        Journey { departs_at, is_cancelled: false }
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
