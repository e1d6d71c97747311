//! The ledger's tables in PostgreSQL.

use super::tables::{Tables, Writes};
use crate::{
    domain::{
        booking::{Booking, Flights},
        idempotency::Key,
    },
    store::{
        self, flight_cache::FlightCache, flights::LockedFlight, keys::Known, seats::SeatRow,
        travellers::TravellerRow,
    },
};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId, UserId},
    outbox,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// The tables as a connection sees them that is in a transaction.
pub(crate) struct PostgresTables<'a> {
    pub(crate) connection: &'a mut AsyncPgConnection,
    pub(crate) flights: &'a FlightCache,
}

fn uuids(bookings: &[BookingId]) -> Vec<Uuid> {
    bookings.iter().map(|id| id.0).collect()
}

impl Tables for PostgresTables<'_> {
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<BookingId>> {
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

    async fn insert_bookings(&mut self, new: &mut [Booking]) -> QueryResult<()> {
        store::new_bookings::insert(self.connection, new).await
    }

    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        store::passengers::draw_documents(self.connection, count).await
    }

    async fn write(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        store::bookings::update(self.connection, &writes.bookings).await?;
        store::seats::sell(self.connection, writes.sold).await?;
        store::passengers::write_tickets(self.connection, &writes.ticketed).await?;
        let payments = writes.payments.iter().map(|(booking, payment)| (*booking, payment));
        store::payments::insert(self.connection, payments).await?;
        store::payments::update(self.connection, writes.decided).await?;
        store::refunds::insert(self.connection, writes.refunds).await?;
        store::payments::insert_entries(self.connection, writes.entries).await?;
        store::keys::answer(self.connection, writes.answers).await
    }

    async fn next_seats(&mut self, flights: &BTreeSet<FlightId>) -> QueryResult<Vec<SeatsState>> {
        if flights.is_empty() {
            return Ok(Vec::new());
        }
        let ids = flights.iter().map(|id| id.0).collect();
        let versions = store::flights::next_versions(self.connection, ids).await?;
        store::seats::states(self.connection, &versions).await
    }

    async fn append(&mut self, events: &[Event]) -> QueryResult<()> {
        outbox::append(self.connection, events).await
    }
}
