//! The ledger's tables in PostgreSQL.
//!
//! What needs no answer before the next thing is asked is asked at once (`try_join`): the statements
//! travel together and are carried out in the order in which they are written here, for the futures are
//! polled in that order. On a busy machine each wait for an answer costs more than the statement itself.

use super::{
    memory::Memory,
    tables::{Opened, Opening, Tables, Writes},
};
use crate::store::{
    self,
    changed_bookings::Changed,
    flight_cache::FlightCache,
    flights::LockedFlight,
    keys::Known,
    new_bookings::New,
    opening::{Asked, Found},
    seats::{SeatRow, StaleHold},
    travellers::{Place, TravellerRow},
};
use booking_engine::{
    booking::{
        idempotency::Key,
        locator::Locator,
        record::{Booking, Flights},
    },
    payment::{
        quote::{Quote, QuoteId},
        record::PaymentState,
    },
};
use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};
use diesel_async::AsyncPgConnection;
use futures_util::future::{try_join, try_join3, try_join4};
use shared::{
    events::Event,
    ids::{BookingId, FlightId},
    outbox,
};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// The tables as a connection sees them that is in a transaction.
pub(crate) struct PostgresTables<'a> {
    pub(crate) connection: &'a AsyncPgConnection,
    pub(crate) flights: &'a FlightCache,
    pub(crate) memory: &'a Memory,
}

impl Tables for PostgresTables<'_> {
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<StaleHold>> {
        store::seats::stale_holders(self.connection, seats, travellers).await
    }

    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights> {
        self.flights.at_versions(self.connection, versions.iter().copied()).await
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

    async fn places_taken(&mut self, asked: &[Place]) -> QueryResult<HashSet<Place>> {
        store::travellers::taken(self.connection, asked).await
    }

    async fn used_locators(&mut self, locators: &[Locator]) -> QueryResult<HashSet<Locator>> {
        store::bookings::used_locators(self.connection, locators).await
    }

    async fn find_quote(&mut self, id: QuoteId) -> QueryResult<Option<Quote>> {
        store::quotes::find(self.connection, id).await
    }

    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        let draw = async |count| store::passengers::draw_documents(self.connection, count).await;
        self.memory.documents(count, draw).await
    }

    async fn store(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        // Each of these sends one statement at most, when it is polled first: a second one would come after the
        // commit, which does not wait for them.
        let on = self.connection;
        let (bookings, payments) = (writes.new, writes.payments);
        let new = New { bookings, taken: &writes.taken, entered: &writes.entered, payments };
        let changed = Changed {
            bookings: &writes.bookings,
            sold: writes.sold,
            seats: writes.seats,
            decided: writes.decided,
            entries: writes.entries,
        };
        let declined = writes.decided.iter().filter(|(_, state)| *state == PaymentState::Declined);
        let declined: Vec<Uuid> = declined.map(|(id, _)| id.0).collect();
        // What comes free goes first: others take it.
        let first = try_join(store::seats::free(on, writes.freed), store::travellers::leave(on, writes.left));
        let second =
            try_join(store::new_bookings::insert(on, new), store::changed_bookings::update(on, changed));
        let third = try_join4(
            store::bookings::update_contacts(on, &writes.contacts),
            store::bookings::update_flight_versions(on, &writes.rescheduled),
            store::passengers::update(on, &writes.travellers),
            store::unsettled_payments::settle(on, declined),
        );
        let fourth = try_join4(
            store::refunds::insert(on, writes.refunds),
            store::quotes::insert(on, writes.quotes),
            store::keys::answer(on, writes.answers),
            store::unverified_holds::insert(on, writes.unverified),
        );
        try_join4(first, second, third, fourth).await.map(drop)
    }

    async fn append(&mut self, events: &[Event]) -> QueryResult<()> {
        outbox::append(self.connection, events).await
    }

    async fn open(&mut self, opening: Opening<'_>) -> QueryResult<Opened> {
        let Opening { mut flights, bookings, limits, unverified, places, locators } = opening;
        let on = self.connection;
        let kept = self.memory.take(bookings);
        flights.extend(kept.values().flat_map(Booking::flights));
        let unknown: Vec<Uuid> = bookings.iter().filter(|id| !kept.contains_key(id)).map(|id| id.0).collect();
        let seats = self.memory.seats_versions(&flights);
        let lock_flights = async {
            match unknown.is_empty() {
                true => store::flights::lock(on, flights).await,
                false => store::flights::lock_with(on, flights, unknown.clone()).await,
            }
        };
        let read = store::opening::read(on, Asked { bookings, limits, seats, places, locators });
        // Nothing is sent for accounts where there are none.
        let lock_accounts = store::unverified_holds::lock(on, unverified);
        let count_held = store::unverified_holds::count(on, unverified);
        let locks = try_join(lock_flights, lock_accounts);
        let reads = try_join3(count_held, read, store::bookings::load(on, &unknown));
        let ((locked, ()), (held_unverified, found, mut bookings)) = try_join(locks, reads).await?;
        let (unchanged, changed): (Vec<_>, Vec<_>) =
            kept.into_values().partition(|kept| found.versions.get(&kept.id) == Some(&kept.version));
        bookings.extend(unchanged);
        let changed: Vec<Uuid> = changed.iter().map(|kept| kept.id.0).collect();
        bookings.extend(store::bookings::load(on, &changed).await?);
        check_locked(&bookings, &locked)?;
        let mut seats = found.seats;
        let versions = locked.iter().map(|(id, flight)| (*id, flight.seats_version));
        self.memory.add_seats(&mut seats, versions.clone());
        // Those of bookings that were not known: rare.
        let missing: Vec<_> = versions.filter(|(id, _)| !seats.contains_key(id)).collect();
        seats.extend(store::seats::taken(on, &missing).await?);
        let Found { held, places, used, now, .. } = found;
        Ok(Opened { locked, seats, bookings, held, held_unverified, places, used, now })
    }
}

/// A booking may have come between the look for the flights of those that are wanted, which waits for locks, and
/// the look at itself: nothing is decided of it without its flights. Tried again, they are found.
fn check_locked(bookings: &[Booking], locked: &BTreeMap<FlightId, LockedFlight>) -> QueryResult<()> {
    match bookings.iter().flat_map(Booking::flights).all(|flight| locked.contains_key(&flight)) {
        true => Ok(()),
        false => {
            let reason = "a booking has come whose flights are not locked".to_owned();
            Err(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(reason)))
        }
    }
}
