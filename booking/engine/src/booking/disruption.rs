//! The meaning of a flight's new state for its bookings.

use crate::inventory::flight::is_sold;
use shared_types::{
    events::{FlightState, FlightStatus},
    ids::FlightId,
};

/// A change by the airline that bookings have to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// The flight does not take place.
    Cancelled,
    /// The flight departs or arrives at another time.
    Rescheduled,
}

/// The disruption between an older and a newer state of a flight; `None`: bookings need not follow this change.
pub fn of_change(before: &FlightState, after: &FlightState) -> Option<Disruption> {
    let cancelled = |flight: &FlightState| flight.status == FlightStatus::Cancelled;
    if cancelled(after) {
        return (!cancelled(before)).then_some(Disruption::Cancelled);
    }
    let moved = before.departure.at != after.departure.at || before.arrival.at != after.arrival.at;
    (moved && is_sold(after)).then_some(Disruption::Rescheduled)
}

/// A disruption that the bookings of its flight have yet to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingDisruption {
    /// The disrupted flight.
    pub flight: FlightId,
    /// The version of the flight's state that brought the disruption.
    pub version: i64,
    /// Cancellation or new times.
    pub kind: Disruption,
}
