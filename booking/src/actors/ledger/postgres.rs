//! The ledger's tables in PostgreSQL.
//!
//! What needs no answer before the next thing is asked is asked at once (`try_join`): the statements
//! travel together and are carried out in the order in which they are written here, for the futures are
//! polled in that order. On a busy machine each wait for an answer costs more than the statement itself.

use super::{
    memory::Memory,
    tables::{Opened, Opening, Tables, Taken, Writes},
};
use crate::{
    domain::{
        booking::{Booking, Flights},
        idempotency::Key,
        locator::Locator,
        quote::{Quote, QuoteId},
    },
    store::{
        self,
        flight_cache::FlightCache,
        flights::LockedFlight,
        keys::Known,
        seats::{SeatRow, StaleHold},
        travellers::TravellerRow,
    },
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use futures_util::future::{try_join, try_join3, try_join4};
use shared::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId, UserId},
    outbox,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// The tables as a connection sees them that is in a transaction.
pub(crate) struct PostgresTables<'a> {
    pub(crate) connection: &'a AsyncPgConnection,
    pub(crate) flights: &'a FlightCache,
    pub(crate) memory: &'a Memory,
}

impl<'a> PostgresTables<'a> {
    /// The same tables, to ask for something else at the same time.
    fn again(&self) -> PostgresTables<'a> {
        PostgresTables { connection: self.connection, flights: self.flights, memory: self.memory }
    }
}

fn uuids(bookings: &[BookingId]) -> Vec<Uuid> {
    bookings.iter().map(|id| id.0).collect()
}

impl Tables for PostgresTables<'_> {
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<StaleHold>> {
        store::seats::stale_holders(self.connection, seats, travellers).await
    }

    async fn flights_of(&mut self, bookings: &[BookingId]) -> QueryResult<Vec<FlightId>> {
        store::bookings::flights_of(self.connection, &uuids(bookings)).await
    }

    async fn lock_flights(
        &mut self,
        flights: BTreeSet<FlightId>,
    ) -> QueryResult<BTreeMap<FlightId, LockedFlight>> {
        store::flights::lock(self.connection, flights).await
    }

    async fn lock_bookings(&mut self, bookings: &[BookingId]) -> QueryResult<Vec<Booking>> {
        let ids = uuids(bookings);
        store::bookings::lock(self.connection, &ids).await?;
        store::bookings::load(self.connection, &ids).await
    }

    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights> {
        self.flights.at_versions(self.connection, versions.iter().copied()).await
    }

    async fn now(&mut self) -> QueryResult<DateTime<Utc>> {
        store::presented::now(self.connection).await
    }

    async fn bind_keys(&mut self, wanted: &[(&Key, BookingId)]) -> QueryResult<HashSet<Vec<u8>>> {
        store::keys::bind(self.connection, wanted).await
    }

    async fn find_key(&mut self, key: &Key) -> QueryResult<Option<Known>> {
        store::keys::find(self.connection, key).await
    }

    async fn release_keys(&mut self, scopes: &[&[u8]]) -> QueryResult<()> {
        store::keys::release(self.connection, scopes).await
    }

    async fn held_seats(
        &mut self,
        asked: &[(FlightId, UserId)],
    ) -> QueryResult<HashMap<(FlightId, UserId), i64>> {
        store::travellers::held_seats(self.connection, asked).await
    }

    async fn take_seats(&mut self, wanted: &[SeatRow]) -> QueryResult<Vec<SeatRow>> {
        store::seats::take(self.connection, wanted).await
    }

    async fn enter_travellers(&mut self, wanted: &[TravellerRow]) -> QueryResult<HashMap<BookingId, usize>> {
        store::travellers::enter(self.connection, wanted).await
    }

    async fn give_back(&mut self, seats: &[SeatRow], travellers: &[TravellerRow]) -> QueryResult<()> {
        store::seats::free(self.connection, seats).await?;
        store::travellers::leave(self.connection, travellers).await
    }

    async fn used_locators(&mut self, locators: &[Locator]) -> QueryResult<HashSet<Locator>> {
        store::bookings::used_locators(self.connection, locators).await
    }

    async fn insert_bookings(&mut self, new: &[Booking]) -> QueryResult<()> {
        store::new_bookings::insert(self.connection, new).await
    }

    async fn find_quote(&mut self, id: QuoteId) -> QueryResult<Option<Quote>> {
        store::quotes::find(self.connection, id).await
    }

    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        let draw = async |count| store::passengers::draw_documents(self.connection, count).await;
        self.memory.documents(count, draw).await
    }

    async fn write(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        let on = self.connection;
        let payments = writes.payments.iter().map(|(booking, payment)| (*booking, payment));
        let bookings = try_join3(
            store::bookings::update(on, &writes.bookings, writes.sold),
            store::bookings::update_contacts(on, &writes.contacts),
            store::bookings::update_flight_versions(on, &writes.rescheduled),
        );
        let travellers = store::passengers::update(on, &writes.travellers);
        let money = try_join4(
            store::payments::insert(on, payments),
            store::payments::decide(on, writes.decided, writes.entries),
            store::refunds::insert(on, writes.refunds),
            store::quotes::insert(on, writes.quotes),
        );
        let answers = store::keys::answer(on, writes.answers);
        try_join4(bookings, travellers, money, answers).await.map(drop)
    }

    async fn next_seats(&mut self, flights: &BTreeSet<FlightId>) -> QueryResult<Vec<SeatsState>> {
        if flights.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = flights.iter().map(|id| id.0).collect();
        store::seats::next(self.connection, ids).await
    }

    async fn append(&mut self, events: &[Event]) -> QueryResult<()> {
        outbox::append(self.connection, events).await
    }

    async fn open(&mut self, Opening { mut flights, bookings, limits }: Opening<'_>) -> QueryResult<Opened> {
        let on = self.connection;
        let kept = self.memory.take(bookings);
        flights.extend(kept.values().flat_map(Booking::flights));
        let unknown: Vec<Uuid> = bookings.iter().filter(|id| !kept.contains_key(id)).map(|id| id.0).collect();
        let lock_flights = async {
            match unknown.is_empty() {
                true => store::flights::lock(on, flights).await,
                false => store::flights::lock_with(on, flights, unknown.clone()).await,
            }
        };
        let lock = async {
            let ids = uuids(bookings);
            let bookings = try_join(store::bookings::lock(on, &ids), store::bookings::load(on, &unknown));
            try_join(lock_flights, bookings).await
        };
        let held = async {
            match limits.is_empty() {
                true => Ok(HashMap::new()),
                false => store::travellers::held_seats(on, limits).await,
            }
        };
        let opened = try_join3(lock, held, store::presented::now(on)).await?;
        let ((locked, (versions, mut bookings)), held, now) = opened;
        let (unchanged, changed): (Vec<_>, Vec<_>) =
            kept.into_values().partition(|kept| versions.get(&kept.id.0) == Some(&kept.version));
        bookings.extend(unchanged);
        let changed: Vec<Uuid> = changed.iter().map(|kept| kept.id.0).collect();
        bookings.extend(store::bookings::load(on, &changed).await?);
        Ok(Opened { locked, bookings, held, now })
    }

    async fn take(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
        locators: &[Locator],
    ) -> QueryResult<Taken> {
        let on = self.connection;
        let seats = store::seats::take(on, seats);
        let travellers = store::travellers::enter(on, travellers);
        let used = store::bookings::used_locators(on, locators);
        let (seats, travellers, used) = try_join3(seats, travellers, used).await?;
        Ok(Taken { seats, travellers, used })
    }

    async fn store(
        &mut self,
        new: &[Booking],
        writes: &Writes<'_>,
        flights: &BTreeSet<FlightId>,
    ) -> QueryResult<Vec<SeatsState>> {
        let (mut first, mut second, mut third) = (self.again(), self.again(), self.again());
        let (new, writes) = (first.insert_bookings(new), second.write(writes));
        try_join3(new, writes, third.next_seats(flights)).await.map(|((), (), states)| states)
    }
}
