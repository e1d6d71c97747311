//! Lengths of time, as statements take them.

use chrono::TimeDelta;
use diesel::pg::data_types::PgInterval;

/// A length of time; one of more than 290,000 years is cut.
pub(super) fn interval(length: TimeDelta) -> PgInterval {
    PgInterval::from_microseconds(length.num_microseconds().unwrap_or(i64::MAX))
}
