//! What the airline does to bookings.

use super::{batch::Work, cancellations::cancelled, changes::present};
use crate::domain::{booking::Booking, refusal::Refusal};
use diesel::QueryResult;
use shared::{
    events::{EventType, FlightStatus},
    ids::FlightId,
    telemetry::trace::TraceContext,
};

/// The airline has cancelled a flight. Repeating it changes nothing and gives the same; nor does it
/// where the flight takes place after all.
pub(super) fn cancel(
    work: &mut Work<'_>,
    booking: &mut Booking,
    flight: FlightId,
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    let flies = work.flights.get(&flight).is_none_or(|flight| flight.status != FlightStatus::Cancelled);
    if flies || booking.segment_on(flight).is_none() {
        return Ok(Ok(()));
    }
    let refunds = booking.refunds.len();
    if let Some(entries) = booking.cancel_by_airline(work.now) {
        work.changes.book(booking.id, entries);
        cancelled(work, booking, refunds, trace)?;
    }
    Ok(Ok(()))
}

/// A flight has other times. Repeating it changes nothing and gives the same.
pub(super) fn reschedule(
    work: &mut Work<'_>,
    booking: &mut Booking,
    (flight, version): (FlightId, i64),
    trace: Option<TraceContext>,
) -> QueryResult<Result<(), Refusal>> {
    if booking.reschedule(flight, version, work.now) {
        work.changes.reschedule(booking);
        let state = present(booking, &work.flights, work.now)?;
        work.changes.tell_of(EventType::BookingChanged, &state, trace);
    }
    Ok(Ok(()))
}
