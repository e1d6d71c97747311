//! The ledger's port on the model: each call as the statements of `store` do it.

use super::{
    Change, Transaction,
    rows::{EntryRow, KeyRow, PaymentRow, RefundRow},
};
use crate::{
    actors::ledger::{Tables, Writes},
    domain::{
        booking::{Booking, Flights},
        idempotency::{KEPT_HOURS, Key},
        payment::Payment,
    },
    simulation::world::{Fence, MINUTE},
    store::{codes::Code, flights::LockedFlight, keys::Known, seats::SeatRow, travellers::TravellerRow},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};
use shared::{
    events::{Event, SeatsState},
    ids::{BookingId, FlightId, UserId},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

fn unique(table: &str) -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::UniqueViolation,
        Box::new(format!("a key of {table} is not unique")),
    )
}

fn check(table: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::CheckViolation, Box::new(format!("a value of {table} cannot be")))
}

impl Tables for Transaction {
    async fn stale_holders(
        &mut self,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> QueryResult<Vec<BookingId>> {
        let clock = self.call()?;
        Ok(self.stale(clock, seats, travellers))
    }

    async fn flights_of(&mut self, bookings: &[BookingId]) -> QueryResult<Vec<FlightId>> {
        self.call()?;
        let flights: BTreeSet<FlightId> = self.with_rows(|rows| {
            let bookings = bookings.iter().filter_map(|id| rows.bookings.get(id));
            bookings.flat_map(|one| one.segments.iter().map(|segment| segment.flight_id)).collect()
        });
        Ok(flights.into_iter().collect())
    }

    async fn lock_flights(
        &mut self,
        flights: BTreeSet<FlightId>,
    ) -> QueryResult<BTreeMap<FlightId, LockedFlight>> {
        self.wait_for_locks().await;
        self.call()?;
        let lock = |id: &FlightId| {
            let row = self.with_rows(|rows| rows.flights.get(id).copied())?;
            let (version, departure_at, on_sale) = (row.version, row.departure_at, row.on_sale);
            Some((*id, LockedFlight { version, departure_at, on_sale }))
        };
        Ok(flights.iter().filter_map(lock).collect())
    }

    async fn lock_bookings(&mut self, bookings: &[BookingId]) -> QueryResult<Vec<Booking>> {
        self.call()?;
        Ok(self.with_rows(|rows| bookings.iter().filter_map(|id| rows.booking(*id)).collect()))
    }

    async fn flight_states(&mut self, versions: &[(FlightId, i64)]) -> QueryResult<Flights> {
        self.call()?;
        let state = |id: &FlightId| self.with_rows(|rows| Some((*id, rows.states.get(id)?.clone())));
        Ok(versions.iter().filter_map(|(id, _)| state(id)).collect())
    }

    async fn now(&mut self) -> QueryResult<DateTime<Utc>> {
        let clock = self.call()?;
        Ok(match self.world.fence {
            Fence::ClockIsLate => clock - TimeDelta::microseconds(i64::try_from(15 * MINUTE).unwrap_or(0)),
            _ => clock,
        })
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

    async fn held_seats(
        &mut self,
        asked: &[(FlightId, UserId)],
    ) -> QueryResult<HashMap<(FlightId, UserId), i64>> {
        let clock = self.call()?;
        Ok(self.held(clock, asked))
    }

    async fn take_seats(&mut self, wanted: &[SeatRow]) -> QueryResult<Vec<SeatRow>> {
        self.call()?;
        Ok(self.take(wanted))
    }

    async fn enter_travellers(&mut self, wanted: &[TravellerRow]) -> QueryResult<HashMap<BookingId, usize>> {
        self.call()?;
        Ok(self.enter(wanted))
    }

    async fn give_back(&mut self, seats: &[SeatRow], travellers: &[TravellerRow]) -> QueryResult<()> {
        self.call()?;
        self.leave(seats, travellers);
        Ok(())
    }

    async fn insert_bookings(&mut self, new: &mut [Booking]) -> QueryResult<()> {
        self.call()?;
        for booking in new {
            if self.with_rows(|rows| rows.bookings.contains_key(&booking.id)) {
                return Err(unique("bookings"));
            }
            while self.with_rows(|rows| rows.locators.contains(booking.locator.as_str())) {
                booking.locator = self.world.locator();
                self.world.count("locators drawn again");
            }
            if booking.segments.iter().any(|segment| segment.fare < 0 || segment.taxes < 0) {
                return Err(check("segments"));
            }
            let row = Booking { payments: Vec::new(), refunds: Vec::new(), ..booking.clone() };
            self.put(Change::Booking(booking.id, Some(Box::new(row))));
            for payment in &booking.payments {
                self.insert_payment(booking.id, payment)?;
            }
        }
        Ok(())
    }

    async fn draw_documents(&mut self, count: usize) -> QueryResult<Vec<i64>> {
        self.call()?;
        Ok((0..count).map(|_| self.database().draw_document()).collect())
    }

    async fn write(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        let clock = self.call()?;
        self.update_bookings(writes);
        self.sell(writes.sold);
        self.write_tickets(&writes.ticketed);
        for (booking, payment) in writes.payments {
            self.insert_payment(*booking, payment)?;
        }
        for (id, state) in writes.decided {
            if let Some(mut row) = self.with_rows(|rows| rows.payments.get(id).cloned()) {
                (row.payment.state, row.payment.token) = (*state, None);
                self.put(Change::Payment(*id, Some(Box::new(row))));
            }
        }
        self.write_refunds(writes)?;
        for (booking, entry) in writes.entries {
            let key = (entry.cause, entry.account.code());
            if self.with_rows(|rows| rows.entries.contains_key(&key)) {
                return Err(unique("ledger_entries"));
            }
            let row = EntryRow { booking: *booking, amount: entry.amount, created_at: clock };
            self.put(Change::Entry(key, Some(row)));
        }
        for (scope, answer) in writes.answers {
            if let Some(row) = self.with_rows(|rows| rows.keys.get(scope).cloned()) {
                let row = KeyRow { answer: Some(answer.clone()), ..row };
                self.put(Change::Key(scope.clone(), Some(row)));
            }
        }
        Ok(())
    }

    async fn next_seats(&mut self, flights: &BTreeSet<FlightId>) -> QueryResult<Vec<SeatsState>> {
        self.call()?;
        Ok(self.states(flights))
    }

    async fn append(&mut self, events: &[Event]) -> QueryResult<()> {
        self.call()?;
        self.events.extend(events.iter().cloned());
        Ok(())
    }
}

impl Transaction {
    /// The columns that `store::bookings::update` names, and no others.
    fn update_bookings(&mut self, writes: &Writes<'_>) {
        for booking in &writes.bookings {
            let Some(row) = self.with_rows(|rows| rows.bookings.get(&booking.id).cloned()) else { continue };
            let row = Booking {
                status: booking.status,
                payment_status: booking.payment_status,
                hold_expires_at: booking.hold_expires_at,
                version: booking.version,
                updated_at: booking.updated_at,
                confirmed_at: booking.confirmed_at,
                ..row
            };
            self.put(Change::Booking(booking.id, Some(Box::new(row))));
        }
    }

    fn write_tickets(&mut self, ticketed: &[&Booking]) {
        for booking in ticketed {
            let Some(mut row) = self.with_rows(|rows| rows.bookings.get(&booking.id).cloned()) else {
                continue;
            };
            for (passenger, with_ticket) in row.passengers.iter_mut().zip(&booking.passengers) {
                passenger.ticket_number = with_ticket.ticket_number.or(passenger.ticket_number);
            }
            self.put(Change::Booking(booking.id, Some(Box::new(row))));
        }
    }

    fn write_refunds(&mut self, writes: &Writes<'_>) -> QueryResult<()> {
        for (booking, refund) in writes.refunds {
            if self.with_rows(|rows| rows.refunds.contains_key(&refund.id)) {
                return Err(unique("refunds"));
            }
            if refund.amount <= 0 {
                return Err(check("refunds"));
            }
            let row = RefundRow { booking: *booking, refund: refund.clone(), attempted_at: None };
            self.put(Change::Refund(refund.id, Some(Box::new(row))));
        }
        Ok(())
    }

    fn insert_payment(&mut self, booking: BookingId, payment: &Payment) -> QueryResult<()> {
        if self.with_rows(|rows| rows.payments.contains_key(&payment.id)) {
            return Err(unique("payments"));
        }
        if payment.amount < 0 {
            return Err(check("payments"));
        }
        let row = PaymentRow { booking, payment: payment.clone(), attempted_at: payment.created_at };
        self.put(Change::Payment(payment.id, Some(Box::new(row))));
        Ok(())
    }
}
