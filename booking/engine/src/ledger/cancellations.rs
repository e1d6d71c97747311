//! Cancellations and their quotes.

use crate::{
    booking::{idempotency::Key, itinerary, presentation::ShownBooking, record::Booking, refusal::Refusal},
    ledger::{
        work::{BatchWork, Transition},
        write_set_builder::present,
    },
    payment::{
        quote::{Quote, QuoteId},
        refund::Journey,
    },
    store_error::StoreResult,
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{EventType, FlightStatus, Json},
    ids::RefundId,
    trace::TraceContext,
};

/// When the journey begins.
pub(crate) fn departs_at(work: &BatchWork<'_>, booking: &Booking) -> DateTime<Utc> {
    let departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    departures.map(|flight| flight.departure_at).min().unwrap_or(work.now)
}

/// Whether the airline has cancelled one of a booking's flights, also where its news have not reached the
/// booking yet.
pub(crate) fn is_cancelled(work: &BatchWork<'_>, booking: &Booking) -> bool {
    let mut flights = booking.segments.iter().filter_map(|segment| work.flights.get(&segment.flight_id));
    flights.any(|flight| flight.status == FlightStatus::Cancelled)
}

/// Whether each flight of a booking departs after those before it have arrived, as the flights are now.
pub(crate) fn is_possible(work: &BatchWork<'_>, booking: &Booking) -> bool {
    let flights = booking.segments.iter().filter_map(|segment| work.flights.get(&segment.flight_id));
    itinerary::is_possible(flights.map(|flight| (flight.departure.at, flight.arrival.at)))
}

fn journey(work: &BatchWork<'_>, booking: &Booking) -> Journey {
    Journey { departs_at: departs_at(work, booking), is_cancelled: is_cancelled(work, booking) }
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
    let state = cancelled(work, booking, refunds, trace)?;
    if let Some(key) = key {
        work.writes.answer((&key.scope, booking.id), 200, state.text());
    }
    Ok(Ok(Some(state)))
}

/// What follows from any cancellation. `refunds`: how many there were before.
pub(crate) fn cancelled(
    work: &mut BatchWork<'_>,
    booking: &Booking,
    refunds: usize,
    trace: Option<TraceContext>,
) -> StoreResult<ShownBooking> {
    for refund in &booking.refunds[refunds..] {
        work.writes.refund(booking.id, refund.clone());
    }
    work.occupancy.free(booking);
    work.writes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.writes.emit(EventType::BookingCancelled, &state, trace);
    Ok(state)
}

/// Quotes what a cancellation would give back.
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
