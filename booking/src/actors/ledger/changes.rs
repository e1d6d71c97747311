//! What a batch will write, gathered so that each table needs one statement.

use super::{
    batch::{seat_rows, traveller_rows},
    tables::{Tables, Writes},
};
use crate::{
    domain::{
        booking::{Booking, Flights, MissingFlight, RefundRecord},
        idempotency::StoredAnswer,
        payment::{Entry, Payment, PaymentState},
        quote::Quote,
    },
    store::{keys::KeyAnswer, seats::SeatRow, travellers::TravellerRow},
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde::Serialize;
use shared::{
    events::{BookingState, Event, EventType, SeatsState},
    ids::{BookingId, FlightId, PaymentId},
    telemetry::trace::TraceContext,
};
use std::collections::{BTreeSet, HashMap};

/// The source of booking's events.
const SOURCE: &str = "booking";

/// Rows to be written.
#[derive(Default)]
pub(super) struct Changes {
    new: Vec<Booking>,
    changed: BTreeSet<BookingId>,
    contacts: BTreeSet<BookingId>,
    rescheduled: BTreeSet<BookingId>,
    travellers: BTreeSet<BookingId>,
    ticketed: BTreeSet<BookingId>,
    freed: Vec<SeatRow>,
    left: Vec<TravellerRow>,
    sold: Vec<SeatRow>,
    payments: Vec<(BookingId, Payment)>,
    decided: Vec<(PaymentId, PaymentState)>,
    refunds: Vec<(BookingId, RefundRecord)>,
    quotes: Vec<Quote>,
    entries: Vec<(BookingId, Entry)>,
    answers: Vec<KeyAnswer>,
    events: Vec<Event>,
    flights: BTreeSet<FlightId>,
}

impl Changes {
    /// A booking was made.
    pub(super) fn make(&mut self, booking: Booking) {
        self.new.push(booking);
    }

    /// The row of a booking changed.
    pub(super) fn booking(&mut self, booking: &Booking) {
        self.changed.insert(booking.id);
    }

    /// The seats of a booking come free.
    pub(super) fn free(&mut self, booking: &Booking) {
        self.freed.extend(seat_rows(booking, false));
        self.left.extend(traveller_rows(booking));
        self.seats_of(booking);
    }

    /// The seats of a booking are sold now, and its passengers have tickets.
    pub(super) fn sell(&mut self, booking: &Booking) {
        self.sold.extend(seat_rows(booking, true));
        self.ticketed.insert(booking.id);
        self.seats_of(booking);
    }

    /// The seats of a booking changed hands.
    pub(super) fn seats_of(&mut self, booking: &Booking) {
        self.flights.extend(booking.segments.iter().map(|segment| segment.flight_id));
    }

    /// A payment was started.
    pub(super) fn start(&mut self, booking: BookingId, payment: Payment) {
        self.payments.push((booking, payment));
    }

    /// A payment was decided.
    pub(super) fn decide(&mut self, payment: PaymentId, state: PaymentState) {
        self.decided.push((payment, state));
    }

    /// The contact of a booking changed.
    pub(super) fn contact(&mut self, booking: &Booking) {
        self.contacts.insert(booking.id);
        self.booking(booking);
    }

    /// A booking's flights have news.
    pub(super) fn reschedule(&mut self, booking: &Booking) {
        self.rescheduled.insert(booking.id);
        self.booking(booking);
    }

    /// Names or seats of a booking's passengers changed.
    pub(super) fn passengers(&mut self, booking: &Booking) {
        self.travellers.insert(booking.id);
        self.booking(booking);
    }

    /// Seats of these flights changed hands.
    pub(super) fn seats_on(&mut self, flights: impl IntoIterator<Item = FlightId>) {
        self.flights.extend(flights);
    }

    /// A quote was given.
    pub(super) fn quote(&mut self, quote: Quote) {
        self.quotes.push(quote);
    }

    /// A refund was decided.
    pub(super) fn refund(&mut self, booking: BookingId, refund: RefundRecord) {
        self.refunds.push((booking, refund));
    }

    /// Money moved.
    pub(super) fn book(&mut self, booking: BookingId, entries: Vec<Entry>) {
        self.entries.extend(entries.into_iter().map(|entry| (booking, entry)));
    }

    /// A key has its answer, about this booking.
    pub(super) fn answer(
        &mut self,
        (scope, booking): (&[u8], BookingId),
        status: i16,
        body: &impl Serialize,
    ) -> QueryResult<()> {
        let body = serde_json::to_string(body)
            .map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
        let answer = StoredAnswer { status, booking: body };
        self.answers.push(KeyAnswer { scope: scope.to_vec(), booking, answer });
        Ok(())
    }

    /// An event of a booking.
    pub(super) fn tell_of(&mut self, kind: EventType, state: &BookingState, trace: Option<TraceContext>) {
        let mut event = Event::new(SOURCE, kind, state.id, state.version, state);
        event.traceparent = trace.map(|trace| trace.to_string());
        self.events.push(event);
    }

    /// Whether there are events to be published.
    pub(super) fn has_told(&self) -> bool {
        !self.events.is_empty()
    }

    /// The bookings that were made with their payments.
    pub(super) fn purchases(self) -> Vec<Booking> {
        self.new.into_iter().filter(|booking| !booking.payments.is_empty()).collect()
    }

    /// Gives back the seats that come free, before others claim them.
    pub(super) async fn give_back(&mut self, tables: &mut impl Tables) -> QueryResult<()> {
        let (seats, travellers) = (std::mem::take(&mut self.freed), std::mem::take(&mut self.left));
        tables.give_back(&seats, &travellers).await
    }

    /// Writes everything, last in the transaction, when all seats are as they will be: bookings, the next
    /// version of each flight whose seats changed, and all events, one with the full seats for each such
    /// flight. Gives these seats.
    pub(super) async fn write(
        &mut self,
        tables: &mut impl Tables,
        bookings: &HashMap<BookingId, Booking>,
    ) -> QueryResult<Vec<SeatsState>> {
        let of = |ids: &BTreeSet<BookingId>| ids.iter().filter_map(|id| bookings.get(id)).collect::<Vec<_>>();
        let writes = Writes {
            bookings: of(&self.changed),
            contacts: of(&self.contacts),
            rescheduled: of(&self.rescheduled),
            ticketed: of(&self.ticketed),
            travellers: of(&self.travellers),
            sold: &self.sold,
            payments: &self.payments,
            decided: &self.decided,
            refunds: &self.refunds,
            quotes: &self.quotes,
            entries: &self.entries,
            answers: &self.answers,
        };
        let states = tables.store(&self.new, &writes, &self.flights).await?;
        let event = |state: &SeatsState| {
            Event::new(SOURCE, EventType::SeatsChanged, state.flight_id, state.version, state)
        };
        self.events.extend(states.iter().map(event));
        tables.append(&self.events).await?;
        Ok(states)
    }
}

/// The booking as the contract shows it, within the ledger.
pub(super) fn present(
    booking: &Booking,
    flights: &Flights,
    now: DateTime<Utc>,
) -> QueryResult<Box<BookingState>> {
    let missing = |error: MissingFlight| diesel::result::Error::DeserializationError(error.into());
    booking.present(flights, now).map(Box::new).map_err(missing)
}
