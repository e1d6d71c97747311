//! Collects the rows that a batch will write, so that each table needs one statement.

use crate::{
    booking::{
        idempotency::StoredAnswer,
        presentation::ShownBooking,
        record::{Booking, Flights, MissingFlight, RefundRecord},
    },
    inventory::seat_inventory::TakenSeat,
    ledger::{
        occupancy::BatchOccupancy,
        rows::{KeyAnswer, UnverifiedHold},
        staff::AuditedAct,
        write_set::WriteSet,
    },
    payment::{
        quote::Quote,
        record::{LedgerEntry, Payment, PaymentState},
    },
    store_error::{StoreError, StoreFault, StoreResult},
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{
        BookingDisruption, BookingPaymentStatus, BookingStatus, DisruptedBooking, Event, EventType, Json,
        SeatsState,
    },
    ids::{BookingId, FlightId, PaymentId},
    trace::TraceContext,
};
use std::collections::{BTreeSet, HashMap};

/// The source of booking's events.
const SOURCE: &str = "booking";

/// Rows to be written.
#[derive(Default)]
pub(crate) struct WriteSetBuilder {
    new: Vec<Booking>,
    unverified: Vec<UnverifiedHold>,
    changed: BTreeSet<BookingId>,
    contacts: BTreeSet<BookingId>,
    rescheduled: BTreeSet<BookingId>,
    travellers: BTreeSet<BookingId>,
    payments: Vec<(BookingId, Payment)>,
    decided: Vec<(PaymentId, PaymentState)>,
    refunds: Vec<(BookingId, RefundRecord)>,
    quotes: Vec<Quote>,
    entries: Vec<(BookingId, LedgerEntry)>,
    answers: Vec<KeyAnswer>,
    pending: Vec<PendingEvent>,
    /// What staff did.
    pub(crate) audits: Vec<AuditedAct>,
}

/// An event of a booking whose text is not written yet. The text is written while the database works.
struct PendingEvent {
    kind: EventType,
    state: ShownBooking,
    /// What the airline did, if it is the cause.
    disruption: Option<BookingDisruption>,
    trace: Option<TraceContext>,
}

impl PendingEvent {
    fn event(&self) -> Event {
        let Self { kind, state, disruption, trace } = self;
        let data = match disruption {
            None => state.text().clone(),
            Some(disruption) => {
                Json::of(&DisruptedBooking { booking: &**state, disruption: disruption.clone() })
            }
        };
        let mut event = Event::telling(SOURCE, *kind, state.id, state.version, data);
        event.traceparent = trace.map(|trace| trace.to_string());
        event
    }
}

impl WriteSetBuilder {
    /// A booking was made.
    pub(crate) fn make(&mut self, booking: Booking) {
        self.new.push(booking);
    }

    /// A booking was made by an unverified account.
    pub(crate) fn hold(&mut self, hold: UnverifiedHold) {
        self.unverified.push(hold);
    }

    /// The row of a booking changed.
    pub(crate) fn booking(&mut self, booking: &Booking) {
        self.changed.insert(booking.id);
    }

    /// A payment was started.
    pub(crate) fn start(&mut self, booking: BookingId, payment: Payment) {
        self.payments.push((booking, payment));
    }

    /// A payment was decided.
    pub(crate) fn decide(&mut self, payment: PaymentId, state: PaymentState) {
        self.decided.push((payment, state));
    }

    /// The contact of a booking changed.
    pub(crate) fn contact(&mut self, booking: &Booking) {
        self.contacts.insert(booking.id);
        self.booking(booking);
    }

    /// A booking has followed new times of a flight.
    pub(crate) fn reschedule(&mut self, booking: &Booking) {
        self.rescheduled.insert(booking.id);
        self.booking(booking);
    }

    /// Names, seats or tickets of a booking's passengers changed.
    pub(crate) fn passengers(&mut self, booking: &Booking) {
        self.travellers.insert(booking.id);
        self.booking(booking);
    }

    /// A quote was given.
    pub(crate) fn quote(&mut self, quote: Quote) {
        self.quotes.push(quote);
    }

    /// A refund was decided.
    pub(crate) fn refund(&mut self, booking: BookingId, refund: RefundRecord) {
        self.refunds.push((booking, refund));
    }

    /// Money moved.
    pub(crate) fn book(&mut self, booking: BookingId, entries: Vec<LedgerEntry>) {
        self.entries.extend(entries.into_iter().map(|entry| (booking, entry)));
    }

    /// A key has its answer, about this booking.
    pub(crate) fn answer(&mut self, (scope, booking): (&[u8], BookingId), status: i16, body: &Json) {
        let answer = StoredAnswer { status, booking: body.as_str().to_owned() };
        self.answers.push(KeyAnswer { scope: scope.to_vec(), booking, answer });
    }

    /// An event of a booking.
    pub(crate) fn emit(&mut self, kind: EventType, state: &ShownBooking, trace: Option<TraceContext>) {
        self.emit_disrupted(kind, state, (None, trace));
    }

    /// An event of a booking; with what the airline did, if it is the cause.
    pub(crate) fn emit_disrupted(
        &mut self,
        kind: EventType,
        state: &ShownBooking,
        (disruption, trace): (Option<BookingDisruption>, Option<TraceContext>),
    ) {
        self.pending.push(PendingEvent { kind, state: state.clone(), disruption, trace });
    }

    /// The events to publish: those of bookings, then one for each flight whose seats changed, then those of staff.
    pub(crate) fn events(&self, seats: &[SeatsState]) -> Vec<Event> {
        let of_seats = |state: &SeatsState| {
            Event::new(SOURCE, EventType::SeatsChanged, state.flight_id, state.version, state)
        };
        let audits = self.audits.iter().map(|act| act.event(SOURCE));
        self.pending.iter().map(PendingEvent::event).chain(seats.iter().map(of_seats)).chain(audits).collect()
    }

    /// Whether there are events of bookings, or of staff.
    pub(crate) fn has_events(&self) -> bool {
        !(self.pending.is_empty() && self.audits.is_empty())
    }

    /// The bookings that one call made and paid.
    pub(crate) fn into_purchases(self) -> impl Iterator<Item = Booking> {
        self.new.into_iter().filter(|booking| !booking.payments.is_empty())
    }

    /// The holds among the made or changed bookings, by flight, with their remaining time from `now`.
    pub(crate) fn holds(
        &self,
        bookings: &HashMap<BookingId, Booking>,
        now: DateTime<Utc>,
    ) -> HashMap<FlightId, Vec<TakenSeat>> {
        let mut holds: HashMap<FlightId, Vec<TakenSeat>> = HashMap::new();
        let changed = self.changed.iter().filter_map(|id| bookings.get(id));
        for booking in self.new.iter().chain(changed) {
            if booking.status != BookingStatus::Held {
                continue;
            }
            let waits = booking.payment_status == BookingPaymentStatus::Awaiting;
            let left = booking.hold_expires_at.signed_duration_since(now).num_milliseconds();
            let ends_in = waits.then_some(left);
            for (flight, seat) in booking.seats() {
                holds.entry(flight).or_default().push(TakenSeat { seat, sold: false, ends_in });
            }
        }
        holds
    }

    /// The rows to be written, except the events. `seats`: the seats of flights with their next versions.
    pub(crate) fn write_set<'a>(
        &'a self,
        occupancy: &'a BatchOccupancy,
        seats: &'a [SeatsState],
        bookings: &'a HashMap<BookingId, Booking>,
    ) -> WriteSet<'a> {
        let of = |ids: &BTreeSet<BookingId>| ids.iter().filter_map(|id| bookings.get(id)).collect::<Vec<_>>();
        WriteSet {
            seats,
            new: &self.new,
            unverified: &self.unverified,
            bookings: of(&self.changed),
            contacts: of(&self.contacts),
            rescheduled: of(&self.rescheduled),
            travellers: of(&self.travellers),
            payments: &self.payments,
            decided: &self.decided,
            refunds: &self.refunds,
            quotes: &self.quotes,
            entries: &self.entries,
            answers: &self.answers,
            ..occupancy.write_set()
        }
    }
}

/// The booking as the contract shows it, within the ledger.
pub(crate) fn present(booking: &Booking, flights: &Flights, now: DateTime<Utc>) -> StoreResult<ShownBooking> {
    let missing = |error: MissingFlight| StoreError::new(StoreFault::Data, error);
    booking.present(flights, now).map(ShownBooking::from).map_err(missing)
}
