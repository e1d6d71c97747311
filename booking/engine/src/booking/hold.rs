//! The rule for holds: how long seats and price are kept without payment.
//!
//! A hold has one deadline, for the space and for the price. It is judged by the database's clock.
//! From that instant on the hold has ended, whoever has noticed: reads show it as expired, and its
//! seats go to the next who wants them. A payment under way keeps it alive: the hold is prolonged
//! when a payment starts, and falls back to its former end when that payment is declined. No hold outlives
//! the sales of its journey's first flight, also where the airline moves that forward.

use crate::inventory::flight;
use chrono::{DateTime, TimeDelta, Utc};

/// Minutes of a hold when nothing else is asked for.
const DEFAULT_MINUTES: i64 = 15;
/// Minutes that may be asked for.
const LONGEST_MINUTES: i64 = 60;
/// Minutes that may be asked for when there is time enough.
const LONGEST_EARLY_MINUTES: i64 = 1440;
/// Days before departure at which there is time enough.
const EARLY_DAYS: i64 = 7;

/// Seats that an account may hold on a flight, unpaid.
pub const SEATS_PER_ACCOUNT_AND_FLIGHT: i64 = 9;
/// Seats that an unverified account may hold on all flights together, unpaid.
pub const SEATS_PER_UNVERIFIED_ACCOUNT: i64 = 9;
/// Minutes for which an unverified account may hold seats at most.
pub const UNVERIFIED_MINUTES: i64 = 15;

/// How many seats an account may hold, unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// As many as it wants: it tests the installation under load.
    Unlimited,
    /// [`SEATS_PER_ACCOUNT_AND_FLIGHT`].
    PerFlight,
    /// That, and [`SEATS_PER_UNVERIFIED_ACCOUNT`] in all.
    Unverified,
}

/// How long seats are to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTime(TimeDelta);

/// A hold time that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {longest} minutes (up to {early} when the departure is at least 7 days away)")]
pub struct InvalidHoldTime {
    longest: i64,
    early: i64,
}

impl HoldTime {
    /// The time that was asked for, in minutes, for a journey that departs at `departure`. `limit`:
    /// minutes at most, however early it is.
    pub fn new(
        minutes: Option<i64>,
        departure: DateTime<Utc>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Self, InvalidHoldTime> {
        let is_early = departure.signed_duration_since(now) >= TimeDelta::days(EARLY_DAYS);
        let (longest, early) = longest(limit);
        let longest = if is_early { early } else { longest };
        let minutes = minutes.unwrap_or(DEFAULT_MINUTES.min(longest));
        if (1..=longest).contains(&minutes) {
            Ok(Self(TimeDelta::minutes(minutes)))
        } else {
            Err(InvalidHoldTime { longest, early })
        }
    }

    /// Whether so many minutes can be had at all, whenever the journey departs.
    pub fn check(minutes: i64, limit: u32) -> Result<(), InvalidHoldTime> {
        let (longest, early) = longest(limit);
        if (1..=early).contains(&minutes) { Ok(()) } else { Err(InvalidHoldTime { longest, early }) }
    }

    /// When a hold ends that begins now: when sales of the journey's first flight close at the latest.
    pub fn end(self, now: DateTime<Utc>, departure: DateTime<Utc>) -> DateTime<Utc> {
        (now + self.0).min(flight::closes_at(departure))
    }
}

/// Minutes that may be asked for shortly before the departure, and early enough.
fn longest(limit: u32) -> (i64, i64) {
    let early = LONGEST_EARLY_MINUTES.min(limit.max(1).into());
    (early.min(LONGEST_MINUTES), early)
}

/// The end of a hold while a payment of it is under way: `settle` from now, never earlier than before;
/// but at the departure at the latest.
pub fn prolonged(
    end: DateTime<Utc>,
    now: DateTime<Utc>,
    settle: TimeDelta,
    departure: DateTime<Utc>,
) -> DateTime<Utc> {
    end.max(now + settle).min(departure)
}

/// Whether a hold with this end has ended.
pub fn has_ended(end: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    end <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_held_only_when_there_is_a_week() {
        let now = Utc::now();
        let ends = |minutes, days: i64| {
            HoldTime::new(minutes, now + TimeDelta::days(days), now, 1440)
                .map(|time| time.end(now, now + TimeDelta::days(days)))
        };
        assert_eq!(ends(None, 1), Ok(now + TimeDelta::minutes(15)));
        assert_eq!(ends(Some(60), 1), Ok(now + TimeDelta::minutes(60)));
        assert_eq!(ends(Some(1440), 7), Ok(now + TimeDelta::days(1)));
        for (minutes, days) in [(0, 30), (-1, 30), (61, 6), (1441, 30), (i64::MAX, 30)] {
            assert!(ends(Some(minutes), days).is_err(), "{minutes} minutes, {days} days before");
        }
    }

    #[test]
    fn the_configured_limit_is_kept() {
        let now = Utc::now();
        let time = |minutes, limit| HoldTime::new(minutes, now + TimeDelta::days(30), now, limit);
        assert!(time(Some(120), 120).is_ok());
        assert_eq!(time(Some(121), 120), Err(InvalidHoldTime { longest: 120, early: 120 }));
        assert_eq!(time(None, 10), time(Some(10), 10), "the default is within the limit");
        assert!(time(Some(1441), 100_000).is_err(), "a day is the most in any case");
        assert_eq!(time(None, 0), time(Some(1), 0));
        let can_be_had = |minutes| HoldTime::check(minutes, 120).is_ok();
        assert_eq!([0, 1, 120, 121].map(can_be_had), [false, true, true, false], "whatever the departure");
    }

    #[test]
    fn no_hold_outlives_the_sales_and_payments_only_prolong() {
        let now = Utc::now();
        let departure = now + TimeDelta::minutes(50);
        let time = HoldTime::new(Some(60), departure, now, 1440).unwrap();
        assert_eq!(time.end(now, departure), now + TimeDelta::minutes(5), "sales close before");
        let end = now + TimeDelta::hours(2);
        let later = now + TimeDelta::days(1);
        assert_eq!(prolonged(end, now, TimeDelta::hours(1), later), end);
        assert_eq!(prolonged(now, now, TimeDelta::hours(1), later), now + TimeDelta::hours(1));
        assert_eq!(prolonged(now, now, TimeDelta::hours(1), departure), departure);
        assert!(has_ended(now, now) && !has_ended(end, now));
    }
}
