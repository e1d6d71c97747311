//! Units of virtual time, in microseconds.

use chrono::{DateTime, TimeDelta, Utc};

pub(crate) const MILLISECOND: u64 = 1000;
pub(crate) const SECOND: u64 = 1000 * MILLISECOND;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// When all runs begin: 2030-01-01, in seconds since 1970.
const EPOCH: i64 = 1_893_456_000;

/// An instant of true time.
pub(crate) fn instant(micros: u64) -> DateTime<Utc> {
    let start = DateTime::from_timestamp(EPOCH, 0).unwrap_or_default();
    start + TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX / 2))
}
