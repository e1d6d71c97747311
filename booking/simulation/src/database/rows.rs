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
pub(crate) struct ModelFlightRow {
    pub(crate) version: i64,
    pub(crate) departure_at: DateTime<Utc>,
    pub(crate) on_sale: bool,
    pub(crate) seats_version: i64,
}

/// A seat that is not free: its booking, and whether it is paid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ModelSeatRow {
    pub(crate) booking: BookingId,
    pub(crate) sold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ModelTravellerRow {
    pub(crate) booking: BookingId,
    pub(crate) seated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelKeyRow {
    pub(crate) body: Vec<u8>,
    pub(crate) booking: BookingId,
    pub(crate) answer: Option<StoredAnswer>,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelPaymentRow {
    pub(crate) booking: BookingId,
    pub(crate) payment: Payment,
}

/// A payment that is not settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ModelUnsettledRow {
    pub(crate) attempted_at: DateTime<Utc>,
    /// Attempts to settle it.
    pub(crate) attempts: i16,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelRefundRow {
    pub(crate) booking: BookingId,
    pub(crate) refund: RefundRecord,
    /// `None`: never.
    pub(crate) attempted_at: Option<DateTime<Utc>>,
    /// Attempts to settle it.
    pub(crate) attempts: i16,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ModelEntryRow {
    pub(crate) booking: BookingId,
    pub(crate) amount: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A change of one row: `Some` puts a row in place of the one before, `None` removes it.
#[derive(Debug, Clone)]
pub(crate) enum ModelChange {
    Flight(FlightId, Option<ModelFlightRow>),
    State(FlightId, Option<Arc<FlightState>>),
    /// Without payments and refunds, which have tables of their own.
    Booking(BookingId, Option<Box<Booking>>),
    Seat(FlightId, SeatDesignator, Option<ModelSeatRow>),
    Traveller((FlightId, UserId, i64), Option<ModelTravellerRow>),
    Key(Vec<u8>, Option<ModelKeyRow>),
    Payment(PaymentId, Option<Box<ModelPaymentRow>>),
    Queued(PaymentId, Option<ModelUnsettledRow>),
    Refund(RefundId, Option<Box<ModelRefundRow>>),
    Entry((Uuid, i16), Option<ModelEntryRow>),
    Quote(QuoteId, Option<Quote>),
    Disruption(FlightId, Option<PendingDisruption>),
}

/// All tables. Changed only by [`ModelRows::put`], which keeps the indexes.
#[derive(Default)]
pub(crate) struct ModelRows {
    pub(crate) flights: BTreeMap<FlightId, ModelFlightRow>,
    pub(crate) states: BTreeMap<FlightId, Arc<FlightState>>,
    pub(crate) bookings: BTreeMap<BookingId, Booking>,
    pub(crate) seats: BTreeMap<FlightId, BTreeMap<SeatDesignator, ModelSeatRow>>,
    pub(crate) travellers: BTreeMap<(FlightId, UserId, i64), ModelTravellerRow>,
    pub(crate) keys: BTreeMap<Vec<u8>, ModelKeyRow>,
    pub(crate) payments: BTreeMap<PaymentId, ModelPaymentRow>,
    pub(crate) unsettled: BTreeMap<PaymentId, ModelUnsettledRow>,
    pub(crate) refunds: BTreeMap<RefundId, ModelRefundRow>,
    pub(crate) entries: BTreeMap<(Uuid, i16), ModelEntryRow>,
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

impl ModelRows {
    /// Makes a change; gives the change that undoes it.
    pub(crate) fn put(&mut self, change: ModelChange) -> ModelChange {
        match change {
            ModelChange::Flight(id, row) => ModelChange::Flight(id, replace(&mut self.flights, id, row)),
            ModelChange::State(id, row) => ModelChange::State(id, replace(&mut self.states, id, row)),
            ModelChange::Booking(id, row) => self.put_booking(id, row),
            ModelChange::Seat(flight, seat, row) => {
                let seats = self.seats.entry(flight).or_default();
                ModelChange::Seat(flight, seat, replace(seats, seat, row))
            }
            ModelChange::Traveller(key, row) => {
                ModelChange::Traveller(key, replace(&mut self.travellers, key, row))
            }
            ModelChange::Key(scope, row) => {
                let before = replace(&mut self.keys, scope.clone(), row);
                ModelChange::Key(scope, before)
            }
            ModelChange::Payment(id, row) => self.put_payment(id, row),
            ModelChange::Queued(id, row) => self.put_queued(id, row),
            ModelChange::Refund(id, row) => self.put_refund(id, row),
            ModelChange::Entry(key, row) => {
                let before = replace(&mut self.entries, key, row);
                if let Some(entry) = row.or(before) {
                    index(&mut self.entries_of, entry.booking, key, row.is_some());
                }
                ModelChange::Entry(key, before)
            }
            ModelChange::Quote(id, row) => ModelChange::Quote(id, replace(&mut self.quotes, id, row)),
            ModelChange::Disruption(id, row) => {
                ModelChange::Disruption(id, replace(&mut self.disruptions, id, row))
            }
        }
    }

    fn put_booking(&mut self, id: BookingId, row: Option<Box<Booking>>) -> ModelChange {
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
        ModelChange::Booking(id, replace(&mut self.bookings, id, row.map(|row| *row)).map(Box::new))
    }

    fn put_payment(&mut self, id: PaymentId, row: Option<Box<ModelPaymentRow>>) -> ModelChange {
        if let Some(before) = self.payments.get(&id) {
            index(&mut self.payments_of, before.booking, id, false);
        }
        if let Some(row) = &row {
            index(&mut self.payments_of, row.booking, id, true);
        }
        ModelChange::Payment(id, replace(&mut self.payments, id, row.map(|row| *row)).map(Box::new))
    }

    fn put_queued(&mut self, id: PaymentId, row: Option<ModelUnsettledRow>) -> ModelChange {
        let before = replace(&mut self.unsettled, id, row);
        if let Some(before) = before {
            self.unsettled_by_attempt.remove(&(before.attempted_at, id));
        }
        if let Some(row) = row {
            self.unsettled_by_attempt.insert((row.attempted_at, id));
        }
        ModelChange::Queued(id, before)
    }

    fn put_refund(&mut self, id: RefundId, row: Option<Box<ModelRefundRow>>) -> ModelChange {
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
        ModelChange::Refund(id, replace(&mut self.refunds, id, row.map(|row| *row)).map(Box::new))
    }
}
