//! What the airline does to bookings.

use super::{
    amendments::told_of,
    batch::Work,
    cancellations::{cancelled, departs_at},
    transitions::{Transition, end},
};
use booking_engine::booking::record::Booking;
use diesel::QueryResult;
use shared::{events::FlightStatus, ids::FlightId, trace::TraceContext};

/// The airline has cancelled a flight. Repeating it changes nothing and gives the same; nor does it
/// where the flight takes place after all.
pub(super) fn cancel(
    work: &mut Work<'_>,
    booking: &mut Booking,
    flight: FlightId,
    trace: Option<TraceContext>,
) -> QueryResult<Transition> {
    let flies = work.flights.get(&flight).is_none_or(|flight| flight.status != FlightStatus::Cancelled);
    if flies || booking.segment_on(flight).is_none() {
        return Ok(Ok(None));
    }
    let refunds = booking.refunds.len();
    let Some(entries) = booking.cancel_by_airline(work.now) else { return Ok(Ok(None)) };
    work.changes.book(booking.id, entries);
    cancelled(work, booking, refunds, trace).map(|told| Ok(Some(told)))
}

/// A flight has other times. Repeating it changes nothing and gives the same; a hold may end with it.
pub(super) fn reschedule(
    work: &mut Work<'_>,
    booking: &mut Booking,
    (flight, version): (FlightId, i64),
    trace: Option<TraceContext>,
) -> QueryResult<Transition> {
    let departs_at = departs_at(work, booking);
    if !booking.reschedule((flight, version), departs_at, work.now) {
        return Ok(Ok(None));
    }
    work.changes.reschedule(booking);
    // Sales of a flight that was moved forward may have closed: then nobody can pay this hold any more.
    if let ended @ Some(_) = end(work, booking, trace)? {
        return Ok(Ok(ended));
    }
    told_of(work, booking, trace).map(|told| Ok(Some(told)))
}
