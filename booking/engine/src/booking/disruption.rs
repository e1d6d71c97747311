//! What a new state of a flight means for those who have booked it.

use crate::inventory::flight::is_sold;
use shared_types::{
    events::{FlightState, FlightStatus},
    ids::FlightId,
};

/// A change by the airline that concerns the travellers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// The flight does not take place.
    Cancelled,
    /// It departs or arrives at another time.
    Rescheduled,
}

/// What the step from one state of a flight to a newer one means.
pub fn of_change(before: &FlightState, after: &FlightState) -> Option<Disruption> {
    let cancelled = |flight: &FlightState| flight.status == FlightStatus::Cancelled;
    if cancelled(after) {
        return (!cancelled(before)).then_some(Disruption::Cancelled);
    }
    let moved = before.departure.at != after.departure.at || before.arrival.at != after.arrival.at;
    (moved && is_sold(after)).then_some(Disruption::Rescheduled)
}

/// A change of a flight that its bookings have yet to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingDisruption {
    pub flight: FlightId,
    pub version: i64,
    pub kind: Disruption,
}
