//! What a transaction writes.

use crate::{
    booking::record::{Booking, RefundRecord},
    ledger::rows::{KeyAnswer, SeatRow, TravellerRow, UnverifiedHold},
    payment::{
        quote::Quote,
        record::{Entry, Payment, PaymentState},
    },
};
use shared_types::{
    events::SeatsState,
    ids::{BookingId, PaymentId},
};

/// What a transaction writes, each table's rows together.
#[derive(Debug, Default)]
pub struct WriteSet<'a> {
    /// Seats that come free; before others take them.
    pub freed: &'a [SeatRow],
    /// Travellers who leave their flights; before others take their keys.
    pub left: &'a [TravellerRow],
    /// Seats that are taken.
    pub taken: Vec<SeatRow>,
    /// Travellers who enter flights.
    pub entered: Vec<TravellerRow>,
    /// The seats of the flights whose seats change, with their next versions.
    pub seats: &'a [SeatsState],
    /// Bookings that are made, with their payments.
    pub new: &'a [Booking],
    /// Those of them that unverified accounts have made.
    pub unverified: &'a [UnverifiedHold],
    /// Bookings whose own rows changed: status, money, hold, version.
    pub bookings: Vec<&'a Booking>,
    /// Bookings with other contacts.
    pub contacts: Vec<&'a Booking>,
    /// Bookings whose flights have news.
    pub rescheduled: Vec<&'a Booking>,
    /// Bookings whose passengers have other names or seats, or tickets that they did not have.
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
    /// Money that moved.
    pub entries: &'a [(BookingId, Entry)],
    /// Answers of keys.
    pub answers: &'a [KeyAnswer],
}
