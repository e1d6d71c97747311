//! Rows, and changes of them that can be undone.

use booking_engine::{
    booking::{
        disruption::PendingDisruption,
        idempotency::StoredAnswer,
        record::{Booking, RefundRecord},
    },
    payment::{
        quote::{Quote, QuoteId},
        record::Payment,
    },
};
use chrono::{DateTime, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingStatus, FlightState},
    ids::{BookingId, FlightId, PaymentId, RefundId, UserId},
    seat::SeatDesignator,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FlightRow {
    pub(crate) version: i64,
    pub(crate) departure_at: DateTime<Utc>,
    pub(crate) on_sale: bool,
    pub(crate) seats_version: i64,
}

/// Whose a seat is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holder {
    pub(crate) booking: BookingId,
    pub(crate) sold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TravellerEntry {
    pub(crate) booking: BookingId,
    pub(crate) seated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyRow {
    pub(crate) body: Vec<u8>,
    pub(crate) booking: BookingId,
    pub(crate) answer: Option<StoredAnswer>,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PaymentRow {
    pub(crate) booking: BookingId,
    pub(crate) payment: Payment,
}

/// That a payment is not settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct QueuedRow {
    pub(crate) attempted_at: DateTime<Utc>,
    /// How often it was taken up.
    pub(crate) attempts: i16,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RefundRow {
    pub(crate) booking: BookingId,
    pub(crate) refund: RefundRecord,
    /// `None`: never.
    pub(crate) attempted_at: Option<DateTime<Utc>>,
    /// How often it was taken up.
    pub(crate) attempts: i16,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EntryRow {
    pub(crate) booking: BookingId,
    pub(crate) amount: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A row that is put in place of another, or (`None`) removed.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Flight(FlightId, Option<FlightRow>),
    State(FlightId, Option<Arc<FlightState>>),
    /// Without payments and refunds, which have tables of their own.
    Booking(BookingId, Option<Box<Booking>>),
    Seat(FlightId, SeatDesignator, Option<Holder>),
    Traveller((FlightId, UserId, i64), Option<TravellerEntry>),
    Key(Vec<u8>, Option<KeyRow>),
    Payment(PaymentId, Option<Box<PaymentRow>>),
    Queued(PaymentId, Option<QueuedRow>),
    Refund(RefundId, Option<Box<RefundRow>>),
    Entry((Uuid, i16), Option<EntryRow>),
    Quote(QuoteId, Option<Quote>),
    Disruption(FlightId, Option<PendingDisruption>),
}

/// All tables. Changed only by [`Rows::put`], which keeps the indexes.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) flights: BTreeMap<FlightId, FlightRow>,
    pub(crate) states: BTreeMap<FlightId, Arc<FlightState>>,
    pub(crate) bookings: BTreeMap<BookingId, Booking>,
    pub(crate) seats: BTreeMap<FlightId, BTreeMap<SeatDesignator, Holder>>,
    pub(crate) travellers: BTreeMap<(FlightId, UserId, i64), TravellerEntry>,
    pub(crate) keys: BTreeMap<Vec<u8>, KeyRow>,
    pub(crate) payments: BTreeMap<PaymentId, PaymentRow>,
    pub(crate) unsettled: BTreeMap<PaymentId, QueuedRow>,
    pub(crate) refunds: BTreeMap<RefundId, RefundRow>,
    pub(crate) entries: BTreeMap<(Uuid, i16), EntryRow>,
    pub(crate) quotes: BTreeMap<QuoteId, Quote>,
    /// Changes of flights that their bookings have yet to follow.
    pub(crate) disruptions: BTreeMap<FlightId, PendingDisruption>,
    pub(crate) locators: BTreeSet<String>,
    pub(crate) payments_of: BTreeMap<BookingId, BTreeSet<PaymentId>>,
    pub(crate) refunds_of: BTreeMap<BookingId, BTreeSet<RefundId>>,
    pub(crate) entries_of: BTreeMap<BookingId, BTreeSet<(Uuid, i16)>>,
    /// Holds that expire by themselves, by their ends.
    pub(crate) holds: BTreeSet<(DateTime<Utc>, BookingId)>,
    /// The queue of payments, by when they were last in hand.
    pub(crate) unsettled_by_attempt: BTreeSet<(DateTime<Utc>, PaymentId)>,
    pub(crate) unsettled_refunds: BTreeSet<RefundId>,
}

fn replace<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, row: Option<V>) -> Option<V> {
    match row {
        Some(row) => table.insert(key, row),
        None => table.remove(&key),
    }
}

fn index<K: Ord + Copy, V: Ord>(of: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: V, present: bool) {
    let values = of.entry(key).or_default();
    if present {
        values.insert(value);
    } else {
        values.remove(&value);
    }
}

impl Rows {
    /// Makes a change; gives the change that undoes it.
    pub(crate) fn put(&mut self, change: Change) -> Change {
        match change {
            Change::Flight(id, row) => Change::Flight(id, replace(&mut self.flights, id, row)),
            Change::State(id, row) => Change::State(id, replace(&mut self.states, id, row)),
            Change::Booking(id, row) => self.put_booking(id, row),
            Change::Seat(flight, seat, row) => {
                let seats = self.seats.entry(flight).or_default();
                Change::Seat(flight, seat, replace(seats, seat, row))
            }
            Change::Traveller(key, row) => Change::Traveller(key, replace(&mut self.travellers, key, row)),
            Change::Key(scope, row) => {
                let before = replace(&mut self.keys, scope.clone(), row);
                Change::Key(scope, before)
            }
            Change::Payment(id, row) => self.put_payment(id, row),
            Change::Queued(id, row) => self.put_queued(id, row),
            Change::Refund(id, row) => self.put_refund(id, row),
            Change::Entry(key, row) => {
                let before = replace(&mut self.entries, key, row);
                if let Some(entry) = row.or(before) {
                    index(&mut self.entries_of, entry.booking, key, row.is_some());
                }
                Change::Entry(key, before)
            }
            Change::Quote(id, row) => Change::Quote(id, replace(&mut self.quotes, id, row)),
            Change::Disruption(id, row) => Change::Disruption(id, replace(&mut self.disruptions, id, row)),
        }
    }

    fn put_booking(&mut self, id: BookingId, row: Option<Box<Booking>>) -> Change {
        if let Some(before) = self.bookings.get(&id) {
            self.holds.remove(&(before.hold_expires_at, id));
            self.locators.remove(before.locator.as_str());
        }
        if let Some(row) = &row {
            if row.status == BookingStatus::Held && row.payment_status == BookingPaymentStatus::Awaiting {
                self.holds.insert((row.hold_expires_at, id));
            }
            self.locators.insert(row.locator.as_str().to_owned());
        }
        Change::Booking(id, replace(&mut self.bookings, id, row.map(|row| *row)).map(Box::new))
    }

    fn put_payment(&mut self, id: PaymentId, row: Option<Box<PaymentRow>>) -> Change {
        if let Some(before) = self.payments.get(&id) {
            index(&mut self.payments_of, before.booking, id, false);
        }
        if let Some(row) = &row {
            index(&mut self.payments_of, row.booking, id, true);
        }
        Change::Payment(id, replace(&mut self.payments, id, row.map(|row| *row)).map(Box::new))
    }

    fn put_queued(&mut self, id: PaymentId, row: Option<QueuedRow>) -> Change {
        let before = replace(&mut self.unsettled, id, row);
        if let Some(before) = before {
            self.unsettled_by_attempt.remove(&(before.attempted_at, id));
        }
        if let Some(row) = row {
            self.unsettled_by_attempt.insert((row.attempted_at, id));
        }
        Change::Queued(id, before)
    }

    fn put_refund(&mut self, id: RefundId, row: Option<Box<RefundRow>>) -> Change {
        if let Some(before) = self.refunds.get(&id) {
            self.unsettled_refunds.remove(&id);
            index(&mut self.refunds_of, before.booking, id, false);
        }
        if let Some(row) = &row {
            if !row.refund.settled {
                self.unsettled_refunds.insert(id);
            }
            index(&mut self.refunds_of, row.booking, id, true);
        }
        Change::Refund(id, replace(&mut self.refunds, id, row.map(|row| *row)).map(Box::new))
    }
}
