//! Changes of bookings by the airline.

use crate::{
    booking::record::Booking,
    ledger::{
        cancellations::{cancelled, departs_at},
        expiry::expire,
        work::{BatchWork, Transition},
        write_set_builder::present,
    },
    store_error::StoreResult,
};
use shared_types::{
    events::{BookingDisruption, DisruptionKind, EventType, FlightStatus},
    ids::{FlightId, RefundId},
    trace::TraceContext,
};

/// Cancels a booking whose flight the airline has cancelled. A repetition changes nothing and gives the same. Changes
/// nothing either if the flight takes place after all.
pub(crate) fn cancel(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    (flight, refund): (FlightId, RefundId),
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    let flies = work.flights.get(&flight).is_none_or(|flight| flight.status != FlightStatus::Cancelled);
    if flies || booking.segment_on(flight).is_none() {
        return Ok(Ok(None));
    }
    let refunds = booking.refunds.len();
    let Some(entries) = booking.cancel_by_airline(refund, work.now) else { return Ok(Ok(None)) };
    work.writes.book(booking.id, entries);
    let disruption = disruption(work, DisruptionKind::Cancelled, flight);
    cancelled(work, booking, refunds, (Some(disruption), trace)).map(|shown| Ok(Some(shown)))
}

/// What travellers are told of a change of a flight.
fn disruption(work: &BatchWork<'_>, kind: DisruptionKind, flight: FlightId) -> BookingDisruption {
    let reason = work.flights.get(&flight).and_then(|flight| flight.reason.clone());
    BookingDisruption { kind, flight_id: flight, reason, reseated: Vec::new() }
}

/// Records new times of a flight; a hold may end with them. A repetition changes nothing and gives the same.
pub(crate) fn reschedule(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    (flight, version): (FlightId, i64),
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    let departs_at = departs_at(work, booking);
    if !booking.reschedule((flight, version), departs_at, work.now) {
        return Ok(Ok(None));
    }
    work.writes.reschedule(booking);
    // Sales of a flight that was moved forward may have closed: then the hold cannot be paid any more.
    if let ended @ Some(_) = expire(work, booking, trace)? {
        return Ok(Ok(ended));
    }
    let state = present(booking, &work.flights, work.now)?;
    let disruption = disruption(work, DisruptionKind::Rescheduled, flight);
    work.writes.emit_disrupted(EventType::BookingChanged, &state, (Some(disruption), trace));
    Ok(Ok(Some(state)))
}
