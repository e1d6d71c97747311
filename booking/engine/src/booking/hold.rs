//! The rule for holds: how long seats and price are kept without payment.
//!
//! A hold has one deadline, for the seats and for the price. The database's clock judges it. From that instant on the
//! hold has ended, even before the sweeper expires it: reads show it as expired, and the next claim gets its seats.
//! A payment under way keeps a hold alive: the start of a payment prolongs the hold, and a declined payment gives the
//! hold its former end back. No hold outlives the sales of its journey's first flight, even after the airline has
//! moved that flight forward.

use crate::inventory::flight;
use chrono::{DateTime, TimeDelta, Utc};

/// Minutes of a hold when the request names none.
const DEFAULT_MINUTES: i64 = 15;
/// Minutes that a request may ask for shortly before the departure.
const LONGEST_MINUTES: i64 = 60;
/// Minutes that a request may ask for at least [`EARLY_DAYS`] before the departure.
const LONGEST_EARLY_MINUTES: i64 = 1440;
/// Days before the departure from which on a request counts as early.
const EARLY_DAYS: i64 = 7;

/// The most unpaid seats that an account may hold on one flight.
pub const SEATS_PER_ACCOUNT_AND_FLIGHT: i64 = 9;
/// The most unpaid seats that an unverified account may hold on all flights together.
pub const SEATS_PER_UNVERIFIED_ACCOUNT: i64 = 9;
/// The longest hold of an unverified account, in minutes.
pub const UNVERIFIED_MINUTES: i64 = 15;

/// The limit on the unpaid seats of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// No limit: the account load-tests the installation.
    Unlimited,
    /// At most [`SEATS_PER_ACCOUNT_AND_FLIGHT`].
    PerFlight,
    /// At most [`SEATS_PER_ACCOUNT_AND_FLIGHT`], and at most [`SEATS_PER_UNVERIFIED_ACCOUNT`] on all flights.
    Unverified,
}

/// The duration of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTime(TimeDelta);

/// The requested duration of a hold is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {longest} minutes (up to {early} when the departure is at least 7 days away)")]
pub struct InvalidHoldTime {
    longest: i64,
    early: i64,
}

impl HoldTime {
    /// The duration of a hold for a journey that departs at `departure`. `minutes`: the requested duration; `None`:
    /// the default. `limit`: the configured maximum in minutes, which also bounds early requests.
    ///
    /// # Errors
    /// [`InvalidHoldTime`]: the request is below one minute or above the maximum.
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

    /// Checks a requested duration before the departure is known: against the maximum of early requests.
    ///
    /// # Errors
    /// [`InvalidHoldTime`]: no journey allows this duration.
    pub fn check(minutes: i64, limit: u32) -> Result<(), InvalidHoldTime> {
        let (longest, early) = longest(limit);
        if (1..=early).contains(&minutes) { Ok(()) } else { Err(InvalidHoldTime { longest, early }) }
    }

    /// The end of a hold that begins now. It is never after sales of the journey's first flight close.
    pub fn end(self, now: DateTime<Utc>, departure: DateTime<Utc>) -> DateTime<Utc> {
        (now + self.0).min(flight::closes_at(departure))
    }
}

/// The longest allowed holds in minutes: shortly before the departure, and early.
fn longest(limit: u32) -> (i64, i64) {
    let early = LONGEST_EARLY_MINUTES.min(limit.max(1).into());
    (early.min(LONGEST_MINUTES), early)
}

/// The end of a hold while a payment is under way: `payment_grace` from now. It is never earlier than the former end,
/// and never after the departure.
pub fn prolonged(
    end: DateTime<Utc>,
    now: DateTime<Utc>,
    payment_grace: TimeDelta,
    departure: DateTime<Utc>,
) -> DateTime<Utc> {
    end.max(now + payment_grace).min(departure)
}

/// Whether a hold with this end has ended at `now`.
pub fn has_ended(end: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    end <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_of_a_day_needs_a_departure_in_a_week() {
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
