//! The port between the ledger and its database: everything that a transaction of the ledger reads
//! and writes. The caller begins and ends the transaction.
//!
//! The adapter of the service is [`PostgresTables`](super::postgres::PostgresTables). A simulation puts
//! a model in its place, so that the same decisions can be driven through faults by the million.

use crate::store::{
    flights::LockedFlight,
    keys::{KeyAnswer, Known},
    seats::{SeatRow, StaleHold},
    travellers::{Place, TravellerRow},
    unverified_holds::UnverifiedHold,
};
use booking_engine::{
    booking::{
        idempotency::Key,
        locator::Locator,
        record::{Booking, Flights, RefundRecord},
    },
    payment::{
        quote::{Quote, QuoteId},
        record::{Entry, Payment, PaymentState},
    },
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use shared::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId, PaymentId, UserId},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The tables of booking within a transaction. Errors are those of the database: the transaction is
/// over with them.
pub(crate) trait Tables {
    /// Holds that have ended but stand in the way: of seats, or of travellers.
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<StaleHold>>;

    /// What a batch begins with: locks flights until the end of the transaction, reads what
    /// these locks protect, and only then the clock. Unknown flights and bookings are left out.
    async fn open(&mut self, opening: Opening<'_>) -> QueryResult<Opened>;

    /// The states of flights at these versions or later.
    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights>;

    /// Binds keys to the bookings of their requests; gives the scopes of those that were free.
    async fn bind_keys(&mut self, wanted: &[(&Key, BookingId)]) -> QueryResult<HashSet<Vec<u8>>>;

    /// What is known of a key.
    async fn find_key(&mut self, key: &Key) -> QueryResult<Option<Known>>;

    /// Releases keys whose requests had no effect.
    async fn release_keys(&mut self, scopes: &[&[u8]]) -> QueryResult<()>;

    /// Which of these places have travellers, on flights that are locked.
    async fn places_taken(&mut self, asked: &[Place]) -> QueryResult<HashSet<Place>>;

    /// Which of these locators bookings have.
    async fn used_locators(&mut self, locators: &[Locator]) -> QueryResult<HashSet<Locator>>;

    /// A quote, if it is still kept.
    async fn find_quote(&mut self, id: QuoteId) -> QueryResult<Option<Quote>>;

    /// Draws so many document numbers for tickets, each once and for all.
    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>>;

    /// Writes what was decided, all but the events. The keys of the tables are the fence: an error where a
    /// seat, a traveller's place or a locator is somebody else's after all.
    async fn store(&mut self, writes: &Writes<'_>) -> QueryResult<()>;

    /// Writes events, to be published in this order: the last thing before the commit.
    #[cfg_attr(
        not(any(test, feature = "simulation")),
        expect(dead_code, reason = "the runner appends with the commit")
    )]
    async fn append(&mut self, events: &[Event]) -> QueryResult<()>;
}

/// What a batch is about.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    /// Flights to be locked, beside those of the bookings.
    pub(crate) flights: BTreeSet<FlightId>,
    /// Bookings to be read, whose flights are locked too.
    pub(crate) bookings: &'a [BookingId],
    /// Whose held seats are to be counted on which flights.
    pub(crate) limits: &'a [(FlightId, UserId)],
    /// Unverified accounts to be locked, each once: their held seats on all flights are to be counted.
    pub(crate) unverified: &'a [UserId],
    /// Places that are wanted.
    pub(crate) places: &'a [Place],
    /// Locators that are wanted.
    pub(crate) locators: &'a [Locator],
}

/// What was read under the locks.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) locked: BTreeMap<FlightId, LockedFlight>,
    /// The seats of these flights that are not free.
    pub(crate) seats: BTreeMap<FlightId, SeatsState>,
    pub(crate) bookings: Vec<Booking>,
    pub(crate) held: HashMap<(FlightId, UserId), i64>,
    /// Seats that unverified accounts hold on all flights.
    pub(crate) held_unverified: HashMap<UserId, i64>,
    /// Those of the places that have travellers.
    pub(crate) places: HashSet<Place>,
    /// Those of the locators that bookings have.
    pub(crate) used: HashSet<Locator>,
    pub(crate) now: DateTime<Utc>,
}

/// What a transaction writes, each table's rows together.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    /// Seats that come free; before others take them.
    pub(crate) freed: &'a [SeatRow],
    /// Travellers who leave their flights; before others take their places.
    pub(crate) left: &'a [TravellerRow],
    /// Seats that are taken.
    pub(crate) taken: Vec<SeatRow>,
    /// Travellers who enter flights.
    pub(crate) entered: Vec<TravellerRow>,
    /// The seats of the flights whose seats change, with their next versions.
    pub(crate) seats: &'a [SeatsState],
    /// Bookings that are made, with their payments.
    pub(crate) new: &'a [Booking],
    /// Those of them that unverified accounts have made.
    pub(crate) unverified: &'a [UnverifiedHold],
    /// Bookings whose own rows changed: status, money, hold, version.
    pub(crate) bookings: Vec<&'a Booking>,
    /// Bookings with other contacts.
    pub(crate) contacts: Vec<&'a Booking>,
    /// Bookings whose flights have news.
    pub(crate) rescheduled: Vec<&'a Booking>,
    /// Bookings whose passengers have other names or seats, or tickets that they did not have.
    pub(crate) travellers: Vec<&'a Booking>,
    /// Held seats that are sold now.
    pub(crate) sold: &'a [SeatRow],
    /// Payments that were started.
    pub(crate) payments: &'a [(BookingId, Payment)],
    /// Payments that were decided.
    pub(crate) decided: &'a [(PaymentId, PaymentState)],
    /// Refunds that were decided.
    pub(crate) refunds: &'a [(BookingId, RefundRecord)],
    /// Quotes that were given.
    pub(crate) quotes: &'a [Quote],
    /// Money that moved.
    pub(crate) entries: &'a [(BookingId, Entry)],
    /// Answers of keys.
    pub(crate) answers: &'a [KeyAnswer],
}
