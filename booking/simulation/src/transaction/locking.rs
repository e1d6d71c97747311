//! What a ledger's transaction locks and reads, and the order of its writes: as the statements of `store` do it.

use crate::{
    database::{ModelChange, ModelKeyRow},
    ground::{Sabotage, time::MINUTE},
    transaction::model_transaction::ModelTransaction,
};
use booking_engine::{
    booking::{
        idempotency::{KEPT_HOURS, Key},
        locator::Locator,
        record::{Booking, Flights},
    },
    ledger::{
        rows::LockedFlight,
        snapshot::{LockRequest, LockedSnapshot},
        write_set::WriteSet,
    },
    store_error::StoreResult,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::ids::{BookingId, FlightId};
use std::collections::{BTreeMap, BTreeSet, HashSet};

impl ModelTransaction {
    pub(crate) fn flight_states(&self, versions: &[(FlightId, i64)]) -> Flights {
        let state = |id: &FlightId| self.with_rows(|rows| Some((*id, rows.states.get(id)?.clone())));
        versions.iter().filter_map(|(id, _)| state(id)).collect()
    }

    pub(crate) fn bind_keys(
        &mut self,
        wanted: &[(&Key, BookingId)],
        clock: DateTime<Utc>,
    ) -> HashSet<Vec<u8>> {
        let mut bound = HashSet::new();
        for (key, booking) in wanted {
            let known = self.with_rows(|rows| rows.keys.get(&key.scope).map(|row| row.created_at));
            let free = known.is_none_or(|at| at < clock - TimeDelta::hours(KEPT_HOURS.into()));
            if free {
                let row = ModelKeyRow {
                    body: key.body.clone(),
                    booking: *booking,
                    answer: None,
                    created_at: clock,
                };
                self.put(ModelChange::Key(key.scope.clone(), Some(row)));
                bound.insert(key.scope.clone());
            }
        }
        bound
    }

    pub(crate) fn allocate_ticket_numbers(&mut self, count: usize) -> Vec<i64> {
        (0..count).map(|_| self.database().draw_document()).collect()
    }

    /// Writes everything in one call, at one instant, as the statements that travel together.
    pub(crate) fn write(&mut self, writes: &WriteSet<'_>, clock: DateTime<Utc>) -> StoreResult<()> {
        self.leave(writes.freed, writes.left);
        self.take(&writes.taken)?;
        self.enter(&writes.entered)?;
        self.insert(writes.new)?;
        self.change(writes, clock)?;
        self.raise(writes.seats);
        Ok(())
    }

    /// Locks and reads everything in one call, at one instant, as the statements that travel together.
    pub(crate) fn lock(&self, request: LockRequest<'_>, clock: DateTime<Utc>) -> LockedSnapshot {
        let LockRequest { mut flights, bookings, limits, unverified, passengers, locators } = request;
        flights.extend(self.flights_with(bookings));
        let locked = self.locked(&flights);
        LockedSnapshot {
            seats: locked.iter().map(|(id, row)| (*id, self.taken(*id, row.seats_version))).collect(),
            locked,
            bookings: self.in_full(bookings),
            held: self.held(clock, limits),
            held_unverified: self.held_in_all(clock, unverified),
            passengers: self.with_travellers(passengers),
            used: self.used(locators),
            now: self.told(clock),
        }
    }

    /// The clock as the ledger is told of it.
    fn told(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        match self.world.sabotage {
            Sabotage::ClockIsLate => clock - TimeDelta::microseconds(i64::try_from(15 * MINUTE).unwrap_or(0)),
            _ => clock,
        }
    }

    pub(crate) fn used(&self, locators: &[Locator]) -> HashSet<Locator> {
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
