//! Cancellations and their quotes.

use crate::{
    booking::{idempotency::Key, itinerary, presentation::ShownBooking, record::Booking, refusal::Refusal},
    ledger::{
        work::{BatchWork, Transition},
        write_set_builder::present,
    },
    payment::{
        quote::{Quote, QuoteId},
        refund::RefundBasis,
    },
    store_error::StoreResult,
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{BookingDisruption, EventType, FlightStatus, Json},
    ids::RefundId,
    trace::TraceContext,
};

/// The departure of the journey's first flight (UTC).
pub(crate) fn departs_at(work: &BatchWork<'_>, booking: &Booking) -> DateTime<Utc> {
    let departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    departures.map(|flight| flight.departure_at).min().unwrap_or(work.now)
}

/// Whether the airline has cancelled one of a booking's flights, even if the booking has yet to follow.
pub(crate) fn is_cancelled(work: &BatchWork<'_>, booking: &Booking) -> bool {
    let mut flights = booking.segments.iter().filter_map(|segment| work.flights.get(&segment.flight_id));
    flights.any(|flight| flight.status == FlightStatus::Cancelled)
}

/// Whether each flight of a booking still departs after all flights before it have arrived.
pub(crate) fn is_possible(work: &BatchWork<'_>, booking: &Booking) -> bool {
    let flights = booking.segments.iter().filter_map(|segment| work.flights.get(&segment.flight_id));
    itinerary::is_possible(flights.map(|flight| (flight.departure.at, flight.arrival.at)))
}

/// The facts that decide about the refund of a booking.
fn journey(work: &BatchWork<'_>, booking: &Booking) -> RefundBasis {
    RefundBasis { departs_at: departs_at(work, booking), is_cancelled: is_cancelled(work, booking) }
}

/// Cancels for the traveller.
pub(crate) fn cancel(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    (quote, refund): (Option<&Quote>, RefundId),
    key: Option<&Key>,
    trace: Option<TraceContext>,
) -> StoreResult<Transition> {
    let journey = journey(work, booking);
    let refunds = booking.refunds.len();
    match booking.cancel((quote, refund), journey, work.now) {
        Ok(entries) => work.writes.book(booking.id, entries),
        Err(refusal) => return Ok(Err(refusal)),
    }
    let state = cancelled(work, booking, refunds, (None, trace))?;
    if let Some(key) = key {
        work.writes.answer((&key.scope, booking.id), 200, state.text());
    }
    Ok(Ok(Some(state)))
}

/// The consequences of any cancellation: refunds, free seats, event. `refunds`: the number of refunds before it.
/// `disruption`: what the airline did, if it is the cause.
pub(crate) fn cancelled(
    work: &mut BatchWork<'_>,
    booking: &Booking,
    refunds: usize,
    (disruption, trace): (Option<BookingDisruption>, Option<TraceContext>),
) -> StoreResult<ShownBooking> {
    for refund in &booking.refunds[refunds..] {
        work.writes.refund(booking.id, refund.clone());
    }
    work.occupancy.free(booking);
    work.writes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.writes.emit_disrupted(EventType::BookingCancelled, &state, (disruption, trace));
    Ok(state)
}

/// Quotes the refund of a cancellation.
pub(crate) fn quote(
    work: &mut BatchWork<'_>,
    booking: &Booking,
    id: QuoteId,
    key: Option<&Key>,
) -> Result<Quote, Refusal> {
    let quote = booking.quote(id, journey(work, booking), work.now)?;
    work.writes.quote(quote);
    if let Some(key) = key {
        work.writes.answer((&key.scope, booking.id), 200, &Json::of(&quote.shown(booking.currency)));
    }
    Ok(quote)
}
