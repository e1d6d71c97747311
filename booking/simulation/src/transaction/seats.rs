//! The unique constraints of the model: seats and travellers.

use crate::{
    database::{ModelChange, ModelFlightRow, ModelRows, ModelSeatRow, ModelTravellerRow},
    ground::Sabotage,
    transaction::{model_transaction::ModelTransaction, writing::unique},
};
use booking_engine::{
    booking::hold,
    ledger::rows::{Blocked, PassengerFlightKey, SeatRow, StaleHold, TravellerRow},
    store_error::StoreResult,
};
use chrono::{DateTime, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingStatus, SeatsState},
    ids::{FlightId, UserId},
};
use std::collections::{BTreeSet, HashMap, HashSet};

impl ModelTransaction {
    pub(crate) fn stale(
        &self,
        clock: DateTime<Utc>,
        seats: &[SeatRow],
        travellers: &[TravellerRow],
    ) -> Vec<StaleHold> {
        self.with_rows(|rows| {
            let of_seat = |row: &SeatRow| {
                let holder = rows.seats.get(&row.seat.flight_id)?.get(&row.seat.designator)?;
                let hold = StaleHold { booking: holder.booking, has: Blocked::Seat(row.seat) };
                (!holder.sold).then_some(hold)
            };
            let of_traveller = |row: &TravellerRow| {
                let entry = rows.travellers.get(&row.key())?;
                Some(StaleHold { booking: entry.booking, has: Blocked::Passenger(row.key()) })
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

    pub(crate) fn held(
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
    pub(crate) fn held_in_all(&self, clock: DateTime<Utc>, asked: &[UserId]) -> HashMap<UserId, i64> {
        self.with_rows(|rows| {
            let counted = asked.iter().map(|owner| (*owner, rows.held_in_all(*owner, clock)));
            counted.filter(|(_, count)| *count > 0).collect()
        })
    }

    /// As `store::opening`: the seats of a flight that are not free.
    pub(crate) fn taken(&self, flight_id: FlightId, version: i64) -> SeatsState {
        let seats = |sold: bool| {
            self.with_rows(|rows| {
                let seats = rows.seats.get(&flight_id).into_iter().flatten();
                seats.filter(|(_, holder)| holder.sold == sold).map(|(seat, _)| *seat).collect()
            })
        };
        match self.world.sabotage {
            Sabotage::TakenSeatsAreGranted => {
                SeatsState { flight_id, version, held: Vec::new(), sold: Vec::new() }
            }
            _ => SeatsState { flight_id, version, held: seats(false), sold: seats(true) },
        }
    }

    /// The keys, of these, that have passengers.
    pub(crate) fn with_travellers(&self, asked: &[PassengerFlightKey]) -> HashSet<PassengerFlightKey> {
        self.with_rows(|rows| {
            asked.iter().filter(|place| rows.travellers.contains_key(*place)).copied().collect()
        })
    }

    /// As the key of `seats` has it.
    pub(crate) fn take(&mut self, wanted: &[SeatRow]) -> StoreResult<()> {
        for row in wanted {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let free =
                self.with_rows(|rows| rows.seats.get(&flight).is_none_or(|of| !of.contains_key(&seat)));
            if !free && self.world.sabotage != Sabotage::TakenSeatsAreGranted {
                return Err(unique("seats"));
            }
            let holder = ModelSeatRow { booking: row.booking, sold: row.sold };
            self.put(ModelChange::Seat(flight, seat, Some(holder)));
        }
        Ok(())
    }

    /// As the key of `travellers` has it.
    pub(crate) fn enter(&mut self, wanted: &[TravellerRow]) -> StoreResult<()> {
        for row in wanted {
            if self.with_rows(|rows| rows.travellers.contains_key(&row.key())) {
                return Err(unique("travellers"));
            }
            let entry = ModelTravellerRow { booking: row.booking, seated: row.seated };
            self.put(ModelChange::Traveller(row.key(), Some(entry)));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self, seats: &[SeatRow], travellers: &[TravellerRow]) {
        for row in seats {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let own = |rows: &ModelRows| {
                rows.seats
                    .get(&flight)
                    .and_then(|of| of.get(&seat))
                    .is_some_and(|one| one.booking == row.booking)
            };
            if self.with_rows(own) {
                self.put(ModelChange::Seat(flight, seat, None));
            }
        }
        for row in travellers {
            let own = |rows: &ModelRows| {
                rows.travellers.get(&row.key()).is_some_and(|one| one.booking == row.booking)
            };
            if self.with_rows(own) {
                self.put(ModelChange::Traveller(row.key(), None));
            }
        }
    }

    pub(crate) fn sell(&mut self, sold: &[SeatRow]) {
        for row in sold {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let holder = self.with_rows(|rows| rows.seats.get(&flight).and_then(|of| of.get(&seat)).copied());
            if let Some(holder) = holder.filter(|one| one.booking == row.booking) {
                self.put(ModelChange::Seat(flight, seat, Some(ModelSeatRow { sold: true, ..holder })));
            }
        }
    }

    /// Flights have the next versions of their seats.
    pub(crate) fn raise(&mut self, states: &[SeatsState]) {
        for state in states {
            if let Some(row) = self.with_rows(|rows| rows.flights.get(&state.flight_id).copied()) {
                let row = ModelFlightRow { seats_version: state.version, ..row };
                self.put(ModelChange::Flight(state.flight_id, Some(row)));
            }
        }
    }
}
