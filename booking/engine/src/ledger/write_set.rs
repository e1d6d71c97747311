//! The rows that a transaction writes.

use crate::{
    booking::record::{Booking, RefundRecord},
    ledger::rows::{KeyAnswer, SeatRow, TravellerRow, UnverifiedHold},
    payment::{
        quote::Quote,
        record::{LedgerEntry, Payment, PaymentState},
    },
};
use shared_types::{
    events::SeatsState,
    ids::{BookingId, PaymentId},
};

/// The rows that a transaction writes, except its events; each table's rows together.
#[derive(Debug, Default)]
pub struct WriteSet<'a> {
    /// Seats that come free. They are written before the taken ones.
    pub freed: &'a [SeatRow],
    /// Travellers who leave their flights. They are written before those who enter.
    pub left: &'a [TravellerRow],
    /// Seats that are taken.
    pub taken: Vec<SeatRow>,
    /// Travellers who enter flights.
    pub entered: Vec<TravellerRow>,
    /// The seats of the flights whose seats change, with their next versions.
    pub seats: &'a [SeatsState],
    /// Bookings that are made, with their payments.
    pub new: &'a [Booking],
    /// The held seats of new bookings of unverified accounts.
    pub unverified: &'a [UnverifiedHold],
    /// Bookings whose own rows changed: status, money, hold, version.
    pub bookings: Vec<&'a Booking>,
    /// Bookings with other contacts.
    pub contacts: Vec<&'a Booking>,
    /// Bookings that have followed new times of their flights.
    pub rescheduled: Vec<&'a Booking>,
    /// Bookings whose passengers have changed names, seats or ticket numbers.
    pub travellers: Vec<&'a Booking>,
    /// Held seats that are sold now.
    pub sold: &'a [SeatRow],
    /// Payments that were started.
    pub payments: &'a [(BookingId, Payment)],
    /// Payments that were decided.
    pub decided: &'a [(PaymentId, PaymentState)],
    /// Refunds that were decided.
    pub refunds: &'a [(BookingId, RefundRecord)],
    /// Quotes that were given.
    pub quotes: &'a [Quote],
    /// The ledger entries of payments and refunds.
    pub entries: &'a [(BookingId, LedgerEntry)],
    /// Answers of idempotency keys.
    pub answers: &'a [KeyAnswer],
}
