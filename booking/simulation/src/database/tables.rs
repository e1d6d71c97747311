//! The ledger's port on the model: each call as the statements of `store` do it.

use super::{Change, Transaction, rows::KeyRow};
use crate::simulation::world::{Fence, MINUTE};
use booking_engine::ledger::{
    rows::{Known, LockedFlight, Place, SeatRow, StaleHold, TravellerRow},
    store_port::{Opened, Opening, Tables, Writes},
};
use booking_engine::{
    booking::{
        idempotency::{KEPT_HOURS, Key},
        locator::Locator,
        record::{Booking, Flights},
    },
    payment::quote::{Quote, QuoteId},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use shared::{
    events::Event,
    ids::{BookingId, FlightId},
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

impl Tables for Transaction {
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<StaleHold>> {
        let clock = self.call()?;
        Ok(self.stale(clock, seats, travellers))
    }

    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights> {
        self.call()?;
        let state = |id: &FlightId| self.with_rows(|rows| Some((*id, rows.states.get(id)?.clone())));
        Ok(versions.iter().filter_map(|(id, _)| state(id)).collect())
    }

    async fn bind_keys(&mut self, wanted: &[(&Key, BookingId)]) -> QueryResult<HashSet<Vec<u8>>> {
        let clock = self.call()?;
        let mut bound = HashSet::new();
        for (key, booking) in wanted {
            let known = self.with_rows(|rows| rows.keys.get(&key.scope).map(|row| row.created_at));
            let free = known.is_none_or(|at| at < clock - TimeDelta::hours(KEPT_HOURS.into()));
            if free {
                let row =
                    KeyRow { body: key.body.clone(), booking: *booking, answer: None, created_at: clock };
                self.put(Change::Key(key.scope.clone(), Some(row)));
                bound.insert(key.scope.clone());
            }
        }
        Ok(bound)
    }

    async fn find_key(&mut self, key: &Key) -> QueryResult<Option<Known>> {
        let clock = self.call()?;
        Ok(self.with_rows(|rows| rows.find_key(key, clock)))
    }

    async fn release_keys(&mut self, scopes: &[&[u8]]) -> QueryResult<()> {
        self.call()?;
        for scope in scopes {
            self.put(Change::Key(scope.to_vec(), None));
        }
        Ok(())
    }

    async fn places_taken(&mut self, asked: &[Place]) -> QueryResult<HashSet<Place>> {
        self.call()?;
        Ok(self.with_travellers(asked))
    }

    async fn used_locators(&mut self, locators: &[Locator]) -> QueryResult<HashSet<Locator>> {
        self.call()?;
        Ok(self.used(locators))
    }

    async fn find_quote(&mut self, id: QuoteId) -> QueryResult<Option<Quote>> {
        self.call()?;
        Ok(self.with_rows(|rows| rows.quotes.get(&id).copied()))
    }

    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        self.call()?;
        Ok((0..count).map(|_| self.database().draw_document()).collect())
    }

    /// As the statements that travel together: one call, at one instant.
    async fn store(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        let clock = self.call()?;
        self.leave(writes.freed, writes.left);
        self.take(&writes.taken)?;
        self.enter(&writes.entered)?;
        self.insert(writes.new)?;
        self.change(writes, clock)?;
        self.raise(writes.seats);
        Ok(())
    }

    async fn append(&mut self, events: &[Event]) -> QueryResult<()> {
        self.call()?;
        self.events.extend(events.iter().cloned());
        Ok(())
    }

    /// As the statements that travel together: one call, at one instant.
    async fn open(&mut self, opening: Opening<'_>) -> QueryResult<Opened> {
        let Opening { mut flights, bookings, limits, unverified, places, locators } = opening;
        self.wait_for_locks().await;
        let clock = self.call()?;
        flights.extend(self.flights_with(bookings));
        let locked = self.locked(&flights);
        Ok(Opened {
            seats: locked.iter().map(|(id, row)| (*id, self.taken(*id, row.seats_version))).collect(),
            locked,
            bookings: self.in_full(bookings),
            held: self.held(clock, limits),
            held_unverified: self.held_in_all(clock, unverified),
            places: self.with_travellers(places),
            used: self.used(locators),
            now: self.told(clock),
        })
    }
}

impl Transaction {
    /// The clock as the ledger is told of it.
    fn told(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        match self.world.fence {
            Fence::ClockIsLate => clock - TimeDelta::microseconds(i64::try_from(15 * MINUTE).unwrap_or(0)),
            _ => clock,
        }
    }

    fn used(&self, locators: &[Locator]) -> HashSet<Locator> {
        let used = |one: &&Locator| self.with_rows(|rows| rows.locators.contains(one.as_str()));
        let used: HashSet<Locator> = locators.iter().filter(used).cloned().collect();
        used.iter().for_each(|_| self.world.count("locators drawn again"));
        used
    }

    fn flights_with(&self, bookings: &[BookingId]) -> BTreeSet<FlightId> {
        self.with_rows(|rows| {
            let bookings = bookings.iter().filter_map(|id| rows.bookings.get(id));
            bookings.flat_map(|one| one.segments.iter().map(|segment| segment.flight_id)).collect()
        })
    }

    fn locked(&self, flights: &BTreeSet<FlightId>) -> BTreeMap<FlightId, LockedFlight> {
        let lock = |id: &FlightId| {
            let row = self.with_rows(|rows| rows.flights.get(id).copied())?;
            let (version, departure_at, on_sale) = (row.version, row.departure_at, row.on_sale);
            let seats_version = row.seats_version;
            Some((*id, LockedFlight { version, departure_at, on_sale, seats_version }))
        };
        flights.iter().filter_map(lock).collect()
    }

    fn in_full(&self, bookings: &[BookingId]) -> Vec<Booking> {
        self.with_rows(|rows| bookings.iter().filter_map(|id| rows.booking(*id)).collect())
    }
}
