//! Refusals of the service, as problems of the contract.

use crate::booking::BookingError;
use diesel::result::{DatabaseErrorKind, Error};
use shared::{
    http::{Code, Problem},
    ids::FlightId,
    seat::Cabin,
};

/// Why a change conflicts with the stored data: the problem `conflict`, which names the resources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Conflict {
    /// The key is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// The resource to delete is referred to.
    #[error("it is still referred to by {}", .0.join(", "))]
    Referenced(Vec<String>),
    /// The field to change is in use.
    #[error("{field} cannot be changed while {by} use it")]
    InUse {
        /// The field.
        field: &'static str,
        /// The collection that uses it.
        by: &'static str,
    },
    /// Another flight has this number from this airport on this date.
    #[error("another flight has this number from this airport on this date")]
    NumberTaken(Option<FlightId>),
    /// The airplane is planned elsewhere at that time.
    #[error("the airplane is planned for another flight at that time, or turns around for it")]
    AirplaneBusy(FlightId),
    /// The other airplane has other seats, and seats may be sold.
    #[error("the airplane has other seats: change the equipment instead")]
    OtherSeats,
    /// The flight has left or was cancelled.
    #[error("the flight has left or was cancelled")]
    NotPlanned,
    /// A resource that it refers to was deleted after the look-up.
    #[error("something that it refers to was deleted meanwhile")]
    ReferenceGone,
    /// Others changed it again and again while it was being deleted.
    #[error("the flight is being changed: try again")]
    ChangedMeanwhile,
    /// The other airplane has too few seats in a cabin.
    #[error("the airplane has too few seats in {0} for the passengers of the flight")]
    CabinTooSmall(Cabin),
    /// The other airplane has none of the cabins that are on sale.
    #[error("the airplane has none of the cabins that the flight is sold in: change its fares first")]
    NothingToSell,
    /// A flight with bookings cannot be deleted, only cancelled.
    #[error("the flight has {0} bookings: cancel it instead")]
    HasBookings(u64),
}

impl Conflict {
    /// The field that cannot be changed, where it is one.
    pub(crate) fn field(&self) -> Option<&'static str> {
        match self {
            Self::InUse { field, .. } => Some(field),
            _ => None,
        }
    }

    /// The collections that it conflicts with, or the resources as `collection/key`.
    fn refers(&self) -> Vec<String> {
        match self {
            Self::Exists(resource) => vec![resource.clone()],
            Self::Referenced(resources) => resources.clone(),
            Self::InUse { by, .. } => vec![(*by).to_owned()],
            Self::NumberTaken(flight) => flight.iter().map(|id| format!("flights/{id}")).collect(),
            Self::AirplaneBusy(flight) => vec![format!("flights/{flight}")],
            Self::OtherSeats => vec!["seat-layouts".to_owned()],
            Self::NotPlanned | Self::ReferenceGone | Self::ChangedMeanwhile => vec![],
            Self::NothingToSell => vec!["fares".to_owned()],
            Self::HasBookings(_) | Self::CabinTooSmall(_) => vec!["bookings".to_owned()],
        }
    }
}

/// Why a write failed that was checked before: where another request came between the check and the
/// write, that is a conflict and no fault of ours.
#[must_use]
pub(crate) fn overtaken(error: Error) -> Problem {
    match error {
        // The only unique key that an insert or update can meet is that of flights.
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Conflict::NumberTaken(None).into(),
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => Conflict::ReferenceGone.into(),
        other => other.into(),
    }
}

impl From<Conflict> for Problem {
    fn from(conflict: Conflict) -> Self {
        Self::new(Code::Conflict).detail(&conflict).with("refers", conflict.refers())
    }
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        match &error {
            BookingError::Sign(_) => Self::internal(&error),
            BookingError::Unreachable(_) | BookingError::Answer(_) => Self::unavailable(&error),
        }
    }
}
