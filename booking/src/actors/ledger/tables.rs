//! The port between the ledger and its database: everything that a transaction of the ledger reads
//! and writes. The caller begins and ends the transaction.
//!
//! The adapter of the service is [`PostgresTables`](super::postgres::PostgresTables). A simulation puts
//! a model in its place, so that the same decisions can be driven through faults by the million.

use crate::{
    domain::{
        booking::{Booking, Flights, RefundRecord},
        idempotency::Key,
        locator::Locator,
        payment::{Entry, Payment, PaymentState},
        quote::{Quote, QuoteId},
    },
    store::{
        flights::LockedFlight,
        keys::{KeyAnswer, Known},
        seats::{SeatRow, StaleHold},
        travellers::TravellerRow,
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

    /// The flights of bookings, each once.
    async fn flights_of(&mut self, bookings: &[BookingId]) -> QueryResult<Vec<FlightId>>;

    /// Locks flights until the end of the transaction; unknown ones are left out.
    async fn lock_flights(
        &mut self,
        flights: BTreeSet<FlightId>,
    ) -> QueryResult<BTreeMap<FlightId, LockedFlight>>;

    /// Locks bookings until the end of the transaction, and reads them; unknown ones are left out.
    async fn lock_bookings(&mut self, bookings: &[BookingId]) -> QueryResult<Vec<Booking>>;

    /// The states of flights at these versions or later.
    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights>;

    /// The database's clock.
    async fn now(&mut self) -> QueryResult<DateTime<Utc>>;

    /// Binds keys to the bookings of their requests; gives the scopes of those that were free.
    async fn bind_keys(&mut self, wanted: &[(&Key, BookingId)]) -> QueryResult<HashSet<Vec<u8>>>;

    /// What is known of a key.
    async fn find_key(&mut self, key: &Key) -> QueryResult<Option<Known>>;

    /// Releases keys whose requests had no effect.
    async fn release_keys(&mut self, scopes: &[&[u8]]) -> QueryResult<()>;

    /// How many seats accounts hold, unpaid, on flights.
    async fn held_seats(
        &mut self,
        asked: &[(FlightId, UserId)],
    ) -> QueryResult<HashMap<(FlightId, UserId), i64>>;

    /// Takes those of the seats that are free, and gives them. This is the fence.
    async fn take_seats(&mut self, wanted: &[SeatRow]) -> QueryResult<Vec<SeatRow>>;

    /// Enters those travellers that are not on their flight yet; gives for each booking how many. The
    /// second fence.
    async fn enter_travellers(&mut self, wanted: &[TravellerRow]) -> QueryResult<HashMap<BookingId, usize>>;

    /// Gives back seats and travellers' places, those that belong to the bookings named with them.
    async fn give_back(&mut self, seats: &[SeatRow], travellers: &[TravellerRow]) -> QueryResult<()>;

    /// Which of these locators bookings have.
    async fn used_locators(&mut self, locators: &[Locator]) -> QueryResult<HashSet<Locator>>;

    /// Writes new bookings with all that belongs to them. An error where another has taken one of their
    /// locators since they were looked at.
    async fn insert_bookings(&mut self, new: &[Booking]) -> QueryResult<()>;

    /// A quote, if it is still kept.
    async fn find_quote(&mut self, id: QuoteId) -> QueryResult<Option<Quote>>;

    /// Draws so many document numbers for tickets, each once and for all.
    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>>;

    /// Writes what transitions have changed.
    async fn write(&mut self, writes: &Writes<'_>) -> QueryResult<()>;

    /// Draws the next version of each of these flights, which are locked, and gives their seats.
    async fn next_seats(&mut self, flights: &BTreeSet<FlightId>) -> QueryResult<Vec<SeatsState>>;

    /// Writes events, to be published in this order: the last thing before the commit.
    #[cfg_attr(not(feature = "simulation"), expect(dead_code, reason = "the runner appends with the commit"))]
    async fn append(&mut self, events: &[Event]) -> QueryResult<()>;

    /// What a batch begins with: locks, reads what they protect, and only then the clock. Several steps in
    /// one, so that an adapter may ask for all at once.
    async fn open(&mut self, opening: Opening<'_>) -> QueryResult<Opened> {
        let Opening { mut flights, bookings, limits } = opening;
        if !bookings.is_empty() {
            flights.extend(self.flights_of(bookings).await?);
        }
        let locked = self.lock_flights(flights).await?;
        let bookings = if bookings.is_empty() { Vec::new() } else { self.lock_bookings(bookings).await? };
        let held = if limits.is_empty() { HashMap::new() } else { self.held_seats(limits).await? };
        let now = self.now().await?;
        Ok(Opened { locked, bookings, held, now })
    }

    /// Both fences in one, the seats and the travellers' places; and which of the locators bookings have.
    async fn take(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
        locators: &[Locator],
    ) -> QueryResult<Taken> {
        let seats = self.take_seats(seats).await?;
        let travellers = self.enter_travellers(travellers).await?;
        Ok(Taken { seats, travellers, used: self.used_locators(locators).await? })
    }

    /// Writes everything that was decided but the events, and gives the seats of the flights whose seats
    /// changed with their next versions.
    async fn store(
        &mut self,
        new: &[Booking],
        writes: &Writes<'_>,
        flights: &BTreeSet<FlightId>,
    ) -> QueryResult<Vec<SeatsState>> {
        self.insert_bookings(new).await?;
        self.write(writes).await?;
        self.next_seats(flights).await
    }
}

/// What a batch is about.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    /// Flights to be locked, beside those of the bookings.
    pub(crate) flights: BTreeSet<FlightId>,
    /// Bookings to be locked and read.
    pub(crate) bookings: &'a [BookingId],
    /// Whose held seats are to be counted on which flights.
    pub(crate) limits: &'a [(FlightId, UserId)],
}

/// What was read under the locks.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) locked: BTreeMap<FlightId, LockedFlight>,
    pub(crate) bookings: Vec<Booking>,
    pub(crate) held: HashMap<(FlightId, UserId), i64>,
    pub(crate) now: DateTime<Utc>,
}

/// What was free and is taken now.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) seats: Vec<SeatRow>,
    /// How many travellers of each booking.
    pub(crate) travellers: HashMap<BookingId, usize>,
    /// Locators that bookings have.
    pub(crate) used: HashSet<Locator>,
}

/// What a transaction changes of bookings that exist.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
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
