//! Rows, and changes of them that can be undone.

use booking_engine::booking::disruption::Pending;
use booking_engine::{
    booking::{
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
pub(in crate::simulation) struct FlightRow {
    pub(in crate::simulation) version: i64,
    pub(in crate::simulation) departure_at: DateTime<Utc>,
    pub(in crate::simulation) on_sale: bool,
    pub(in crate::simulation) seats_version: i64,
}

/// Whose a seat is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulation) struct Holder {
    pub(in crate::simulation) booking: BookingId,
    pub(in crate::simulation) sold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulation) struct TravellerEntry {
    pub(in crate::simulation) booking: BookingId,
    pub(in crate::simulation) seated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulation) struct KeyRow {
    pub(in crate::simulation) body: Vec<u8>,
    pub(in crate::simulation) booking: BookingId,
    pub(in crate::simulation) answer: Option<StoredAnswer>,
    pub(in crate::simulation) created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulation) struct PaymentRow {
    pub(in crate::simulation) booking: BookingId,
    pub(in crate::simulation) payment: Payment,
}

/// That a payment is not settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulation) struct QueuedRow {
    pub(in crate::simulation) attempted_at: DateTime<Utc>,
    /// How often it was taken up.
    pub(in crate::simulation) attempts: i16,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulation) struct RefundRow {
    pub(in crate::simulation) booking: BookingId,
    pub(in crate::simulation) refund: RefundRecord,
    /// `None`: never.
    pub(in crate::simulation) attempted_at: Option<DateTime<Utc>>,
    /// How often it was taken up.
    pub(in crate::simulation) attempts: i16,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulation) struct EntryRow {
    pub(in crate::simulation) booking: BookingId,
    pub(in crate::simulation) amount: i64,
    pub(in crate::simulation) created_at: DateTime<Utc>,
}

/// A row that is put in place of another, or (`None`) removed.
#[derive(Debug, Clone)]
pub(in crate::simulation) enum Change {
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
    Disruption(FlightId, Option<Pending>),
}

/// All tables. Changed only by [`Rows::put`], which keeps the indexes.
#[derive(Default)]
pub(in crate::simulation) struct Rows {
    pub(in crate::simulation) flights: BTreeMap<FlightId, FlightRow>,
    pub(in crate::simulation) states: BTreeMap<FlightId, Arc<FlightState>>,
    pub(in crate::simulation) bookings: BTreeMap<BookingId, Booking>,
    pub(in crate::simulation) seats: BTreeMap<FlightId, BTreeMap<SeatDesignator, Holder>>,
    pub(in crate::simulation) travellers: BTreeMap<(FlightId, UserId, i64), TravellerEntry>,
    pub(in crate::simulation) keys: BTreeMap<Vec<u8>, KeyRow>,
    pub(in crate::simulation) payments: BTreeMap<PaymentId, PaymentRow>,
    pub(in crate::simulation) unsettled: BTreeMap<PaymentId, QueuedRow>,
    pub(in crate::simulation) refunds: BTreeMap<RefundId, RefundRow>,
    pub(in crate::simulation) entries: BTreeMap<(Uuid, i16), EntryRow>,
    pub(in crate::simulation) quotes: BTreeMap<QuoteId, Quote>,
    /// Changes of flights that their bookings have yet to follow.
    pub(in crate::simulation) disruptions: BTreeMap<FlightId, Pending>,
    pub(in crate::simulation) locators: BTreeSet<String>,
    pub(in crate::simulation) payments_of: BTreeMap<BookingId, BTreeSet<PaymentId>>,
    pub(in crate::simulation) refunds_of: BTreeMap<BookingId, BTreeSet<RefundId>>,
    pub(in crate::simulation) entries_of: BTreeMap<BookingId, BTreeSet<(Uuid, i16)>>,
    /// Holds that expire by themselves, by their ends.
    pub(in crate::simulation) holds: BTreeSet<(DateTime<Utc>, BookingId)>,
    /// The queue of payments, by when they were last in hand.
    pub(in crate::simulation) unsettled_by_attempt: BTreeSet<(DateTime<Utc>, PaymentId)>,
    pub(in crate::simulation) unsettled_refunds: BTreeSet<RefundId>,
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
    pub(in crate::simulation) fn put(&mut self, change: Change) -> Change {
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
