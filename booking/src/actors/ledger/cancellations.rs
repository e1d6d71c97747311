//! Cancellations and their quotes.

use super::{batch::Work, changes::present, transitions::Transition};
use booking_engine::{
    booking::{idempotency::Key, itinerary, presentation::ShownBooking, record::Booking, refusal::Refusal},
    payment::{
        quote::{Quote, QuoteId},
        refund::Journey,
    },
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use shared::{
    events::{EventType, FlightStatus, Json},
    trace::TraceContext,
};

/// When the journey begins.
pub(super) fn departs_at(work: &Work<'_>, booking: &Booking) -> DateTime<Utc> {
    let departures = booking.segments.iter().filter_map(|segment| work.locked.get(&segment.flight_id));
    departures.map(|flight| flight.departure_at).min().unwrap_or(work.now)
}

/// Whether the airline has cancelled one of a booking's flights, also where its news have not reached the
/// booking yet.
pub(super) fn is_cancelled(work: &Work<'_>, booking: &Booking) -> bool {
    let mut flights = booking.segments.iter().filter_map(|segment| work.flights.get(&segment.flight_id));
    flights.any(|flight| flight.status == FlightStatus::Cancelled)
}

/// Whether each flight of a booking departs after those before it have arrived, as the flights are now.
pub(super) fn is_possible(work: &Work<'_>, booking: &Booking) -> bool {
    let flights = booking.segments.iter().filter_map(|segment| work.flights.get(&segment.flight_id));
    itinerary::is_possible(flights.map(|flight| (flight.departure.at, flight.arrival.at)))
}

fn journey(work: &Work<'_>, booking: &Booking) -> Journey {
    Journey { departs_at: departs_at(work, booking), is_cancelled: is_cancelled(work, booking) }
}

/// Cancels for the traveller.
pub(super) fn cancel(
    work: &mut Work<'_>,
    booking: &mut Booking,
    quote: Option<&Quote>,
    key: Option<&Key>,
    trace: Option<TraceContext>,
) -> QueryResult<Transition> {
    let journey = journey(work, booking);
    let refunds = booking.refunds.len();
    match booking.cancel(quote, journey, work.now) {
        Ok(entries) => work.changes.book(booking.id, entries),
        Err(refusal) => return Ok(Err(refusal)),
    }
    let state = cancelled(work, booking, refunds, trace)?;
    if let Some(key) = key {
        work.changes.answer((&key.scope, booking.id), 200, state.text());
    }
    Ok(Ok(Some(state)))
}

/// What follows from any cancellation. `refunds`: how many there were before.
pub(super) fn cancelled(
    work: &mut Work<'_>,
    booking: &Booking,
    refunds: usize,
    trace: Option<TraceContext>,
) -> QueryResult<ShownBooking> {
    for refund in &booking.refunds[refunds..] {
        work.changes.refund(booking.id, refund.clone());
    }
    work.occupancy.free(booking);
    work.changes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingCancelled, &state, trace);
    Ok(state)
}

/// Quotes what a cancellation would give back.
pub(super) fn quote(
    work: &mut Work<'_>,
    booking: &Booking,
    id: QuoteId,
    key: Option<&Key>,
) -> Result<Quote, Refusal> {
    let quote = booking.quote(id, journey(work, booking), work.now)?;
    work.changes.quote(quote);
    if let Some(key) = key {
        work.changes.answer((&key.scope, booking.id), 200, &Json::of(&quote.shown(booking.currency)));
    }
    Ok(quote)
}
