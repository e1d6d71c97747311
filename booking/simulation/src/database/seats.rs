//! The fences of the model: seats and travellers.

use super::{
    Change, Transaction,
    rows::{FlightRow, Holder, Rows, TravellerEntry},
    writing::unique,
};
use crate::simulation::world::Fence;
use booking_engine::booking::hold;
use booking_engine::ledger::rows::{Held, Place, SeatRow, StaleHold, TravellerRow};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use shared::{
    events::{BookingPaymentStatus, BookingStatus, SeatsState},
    ids::{BookingId, FlightId, UserId},
};
use std::collections::{BTreeSet, HashMap, HashSet};

impl Transaction {
    pub(super) fn stale(
        &self,
        clock: DateTime<Utc>,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> Vec<StaleHold> {
        self.with_rows(|rows| {
            let of_seat = |row: &SeatRow| {
                let holder = rows.seats.get(&row.seat.flight_id)?.get(&row.seat.designator)?;
                let hold = StaleHold { booking: holder.booking, has: Held::Seat(row.seat) };
                (!holder.sold).then_some(hold)
            };
            let of_traveller = |row: &TravellerRow| {
                let entry = rows.travellers.get(&row.place())?;
                Some(StaleHold { booking: entry.booking, has: Held::Place(row.place()) })
            };
            let holders = seats.iter().filter_map(of_seat).chain(travellers.iter().filter_map(of_traveller));
            let ended = |hold: &StaleHold| {
                rows.bookings.get(&hold.booking).is_some_and(|one| {
                    one.status == BookingStatus::Held
                        && one.payment_status == BookingPaymentStatus::Awaiting
                        && hold::has_ended(one.hold_expires_at, clock)
                })
            };
            holders.filter(ended).collect()
        })
    }

    pub(super) fn held(
        &self,
        clock: DateTime<Utc>,
        asked: &[(FlightId, UserId)],
    ) -> HashMap<(FlightId, UserId), i64> {
        self.with_rows(|rows| {
            let asked: BTreeSet<_> = asked.iter().copied().collect();
            let counted = asked
                .into_iter()
                .map(|(flight, owner)| ((flight, owner), rows.held_on(flight, owner, clock)));
            counted.filter(|(_, count)| *count > 0).collect()
        })
    }

    /// As `store::unverified_holds::count`: of accounts that were never verified.
    pub(super) fn held_in_all(&self, clock: DateTime<Utc>, asked: &[UserId]) -> HashMap<UserId, i64> {
        self.with_rows(|rows| {
            let counted = asked.iter().map(|owner| (*owner, rows.held_in_all(*owner, clock)));
            counted.filter(|(_, count)| *count > 0).collect()
        })
    }

    /// As `store::opening`: the seats of a flight that are not free.
    pub(super) fn taken(&self, flight_id: FlightId, version: i64) -> SeatsState {
        let seats = |sold: bool| {
            self.with_rows(|rows| {
                let seats = rows.seats.get(&flight_id).into_iter().flatten();
                seats.filter(|(_, holder)| holder.sold == sold).map(|(seat, _)| *seat).collect()
            })
        };
        match self.world.fence {
            Fence::TakenSeatsAreGranted => {
                SeatsState { flight_id, version, held: Vec::new(), sold: Vec::new() }
            }
            _ => SeatsState { flight_id, version, held: seats(false), sold: seats(true) },
        }
    }

    /// Those of some places that have travellers.
    pub(super) fn with_travellers(&self, asked: &[Place]) -> HashSet<Place> {
        self.with_rows(|rows| {
            asked.iter().filter(|place| rows.travellers.contains_key(*place)).copied().collect()
        })
    }

    /// As the key of `seats` has it.
    pub(super) fn take(&mut self, wanted: &[SeatRow]) -> QueryResult<()> {
        for row in wanted {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let free =
                self.with_rows(|rows| rows.seats.get(&flight).is_none_or(|of| !of.contains_key(&seat)));
            if !free && self.world.fence != Fence::TakenSeatsAreGranted {
                return Err(unique("seats"));
            }
            let holder = Holder { booking: row.booking, sold: row.sold };
            self.put(Change::Seat(flight, seat, Some(holder)));
        }
        Ok(())
    }

    /// As the key of `travellers` has it.
    pub(super) fn enter(&mut self, wanted: &[TravellerRow]) -> QueryResult<()> {
        for row in wanted {
            if self.with_rows(|rows| rows.travellers.contains_key(&row.place())) {
                return Err(unique("travellers"));
            }
            let entry = TravellerEntry { booking: row.booking, seated: row.seated };
            self.put(Change::Traveller(row.place(), Some(entry)));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, seats: &[SeatRow], travellers: &[TravellerRow]) {
        for row in seats {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let own = |rows: &Rows| {
                rows.seats
                    .get(&flight)
                    .and_then(|of| of.get(&seat))
                    .is_some_and(|one| one.booking == row.booking)
            };
            if self.with_rows(own) {
                self.put(Change::Seat(flight, seat, None));
            }
        }
        for row in travellers {
            let own =
                |rows: &Rows| rows.travellers.get(&row.place()).is_some_and(|one| one.booking == row.booking);
            if self.with_rows(own) {
                self.put(Change::Traveller(row.place(), None));
            }
        }
    }

    pub(super) fn sell(&mut self, sold: &[SeatRow]) {
        for row in sold {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let holder = self.with_rows(|rows| rows.seats.get(&flight).and_then(|of| of.get(&seat)).copied());
            if let Some(holder) = holder.filter(|one| one.booking == row.booking) {
                self.put(Change::Seat(flight, seat, Some(Holder { sold: true, ..holder })));
            }
        }
    }

    /// Flights have the next versions of their seats.
    pub(super) fn raise(&mut self, states: &[SeatsState]) {
        for state in states {
            if let Some(row) = self.with_rows(|rows| rows.flights.get(&state.flight_id).copied()) {
                let row = FlightRow { seats_version: state.version, ..row };
                self.put(Change::Flight(state.flight_id, Some(row)));
            }
        }
    }
}

impl Rows {
    /// Seats that an account holds on a flight, unpaid.
    fn held_on(&self, flight: FlightId, owner: UserId, clock: DateTime<Utc>) -> i64 {
        let is_held = |booking: BookingId| {
            self.bookings.get(&booking).is_some_and(|one| {
                one.status == BookingStatus::Held
                    && (one.payment_status == BookingPaymentStatus::Processing || one.hold_expires_at > clock)
            })
        };
        let entries = self.travellers.range((flight, owner, i64::MIN)..=(flight, owner, i64::MAX));
        let held = entries.filter(|(_, entry)| entry.seated && is_held(entry.booking)).count();
        i64::try_from(held).unwrap_or(i64::MAX)
    }

    /// Seats that an account holds on all flights, unpaid.
    pub(in crate::simulation) fn held_in_all(&self, owner: UserId, clock: DateTime<Utc>) -> i64 {
        self.flights.keys().map(|flight| self.held_on(*flight, owner, clock)).sum()
    }
}
