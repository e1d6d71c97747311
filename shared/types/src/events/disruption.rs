//! What the airline did to a booking, beside the booking's state in the data of its event.

use super::BookingState;
use crate::{
    ids::{FlightId, PassengerId},
    seat::SeatDesignator,
};
use serde::{Deserialize, Serialize};

/// What the airline did to a flight of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisruptionKind {
    /// The flight does not take place.
    Cancelled,
    /// The flight has other times.
    Rescheduled,
    /// Another airplane flies, and passengers have other seats.
    Reseated,
}

/// A passenger who was moved to another seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReseatedPassenger {
    /// The passenger.
    pub passenger_id: PassengerId,
    /// The seat that is gone.
    pub from: SeatDesignator,
    /// The new seat.
    pub to: SeatDesignator,
}

/// Why a booking changed without its traveller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingDisruption {
    /// What was done.
    pub kind: DisruptionKind,
    /// The flight.
    pub flight_id: FlightId,
    /// The airline's reason; null where it gave none.
    pub reason: Option<String>,
    /// Those who have other seats; empty unless reseated.
    pub reseated: Vec<ReseatedPassenger>,
}

/// The data of `booking.changed` and `booking.cancelled` where the airline is the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisruptedBooking<B = BookingState> {
    /// The booking after it.
    #[serde(flatten)]
    pub booking: B,
    /// The cause.
    pub disruption: BookingDisruption,
}
