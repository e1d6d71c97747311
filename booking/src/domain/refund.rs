//! What is given back when a paid booking is cancelled.

use chrono::{DateTime, TimeDelta, Utc};
use shared::fare::Brand;

/// Hours after the purchase in which everything is given back.
const VOID_HOURS: i64 = 24;

/// Money to be given back, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Refund {
    pub(crate) fare: i64,
    pub(crate) taxes: i64,
}

impl Refund {
    pub(crate) fn total(self) -> i64 {
        self.fare + self.taxes
    }
}

/// What a segment cost, and on which conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paid {
    pub(crate) brand: Brand,
    pub(crate) fare: i64,
    pub(crate) taxes: i64,
}

/// What a traveller gets back: nothing after the departure, everything within 24 hours of the
/// purchase, later everything of a flex fare and the taxes of the others.
pub(crate) fn on_cancellation(
    segments: &[Paid],
    bought_at: DateTime<Utc>,
    departs_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Refund {
    if now >= departs_at {
        return Refund::default();
    }
    let void = now.signed_duration_since(bought_at) <= TimeDelta::hours(VOID_HOURS);
    segments.iter().fold(Refund::default(), |sum, segment| {
        let fare = if void || segment.brand == Brand::Flex { segment.fare } else { 0 };
        Refund { fare: sum.fare + fare, taxes: sum.taxes + segment.taxes }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refunds_follow_the_fare_and_the_clock() {
        let now = Utc::now();
        let refund = |brand, bought_hours_ago: i64, departs_in_hours: i64| {
            let paid = [Paid { brand, fare: 6572, taxes: 2400 }];
            let (bought, departs) =
                (now - TimeDelta::hours(bought_hours_ago), now + TimeDelta::hours(departs_in_hours));
            on_cancellation(&paid, bought, departs, now).total()
        };
        assert_eq!(refund(Brand::Light, 24, 100), 8972);
        assert_eq!(refund(Brand::Light, 25, 100), 2400);
        assert_eq!(refund(Brand::Standard, 25, 100), 2400);
        assert_eq!(refund(Brand::Flex, 25, 100), 8972);
        assert_eq!(refund(Brand::Flex, 25, 0), 0, "after the departure nothing");
        assert_eq!(refund(Brand::Flex, 1, 0), 0);
    }
}
