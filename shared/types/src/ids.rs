//! Identifiers: UUIDv7, so that they sort by creation time and index well.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;
use uuid::Uuid;

/// A string that is no identifier of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh identifier, made of the current time and random bits (RFC 9562, version 7).
            #[must_use]
            #[expect(clippy::new_without_default, reason = "an identifier has no default: each is new")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // Only the canonical 36-character form: one resource has one address.
                if text.len() != 36 {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }
    )+};
}

id! {
    /// A user of the gateway; the `sub` of a token.
    UserId,
    /// A login session; the `sid` of a token.
    SessionId,
    /// One dated departure of a flight number.
    FlightId,
    /// A season schedule.
    ScheduleId,
    /// A seat layout of an aircraft type.
    SeatLayoutId,
    /// A booking.
    BookingId,
    /// A passenger of a booking.
    PassengerId,
    /// A payment of a booking.
    PaymentId,
    /// A refund of a booking.
    RefundId,
    /// An event on the bus.
    EventId,
    /// A letter of the mailer.
    LetterId,
    /// An import that runs while nobody waits.
    ImportId,
}

/// By how much the clocks of two machines may differ.
const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(10);

/// How old the identifier is, from its embedded creation time; zero where that is still to come, by no
/// more than 10 seconds: another machine's clock is ahead. `None` for a UUID of another version or one
/// from the future.
#[must_use]
pub fn age(id: Uuid) -> Option<std::time::Duration> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let created = std::time::UNIX_EPOCH + std::time::Duration::new(seconds, nanos);
    match std::time::SystemTime::now().duration_since(created) {
        Ok(age) => Some(age),
        Err(ahead) => (ahead.duration() <= CLOCK_SKEW).then_some(std::time::Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation_and_parse_only_in_canonical_form() {
        let (first, second) = (FlightId::new(), FlightId::new());
        assert!(first < second);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(first.0.simple().to_string().parse::<FlightId>(), Err(InvalidId));
        assert_eq!("zebra".parse::<FlightId>(), Err(InvalidId));
    }

    #[test]
    fn age_is_read_from_a_version_7_id_only() {
        assert!(age(Uuid::now_v7()).is_some_and(|age| age.as_secs() < 5));
        let ahead = |seconds| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            Uuid::new_v7(uuid::Timestamp::from_unix_time(now + seconds, 0, 0, 0))
        };
        assert_eq!(age(ahead(5)), Some(std::time::Duration::ZERO));
        assert_eq!(age(ahead(60)), None);
        assert_eq!(age(Uuid::nil()), None);
    }
}
