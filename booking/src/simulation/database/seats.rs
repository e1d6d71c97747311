//! The fences of the model: seats and travellers.

use super::{
    Change, Transaction,
    rows::{Holder, TravellerEntry},
};
use crate::{
    domain::hold,
    simulation::world::Fence,
    store::{
        seats::{Held, SeatRow, StaleHold},
        travellers::TravellerRow,
    },
};
use chrono::{DateTime, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingStatus, SeatsState},
    ids::{BookingId, FlightId, UserId},
};
use std::collections::{BTreeSet, HashMap};

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
                let entry = rows.travellers.get(&(row.flight, row.owner, row.fingerprint))?;
                let has = Held::Traveller(row.flight, row.owner, row.fingerprint);
                Some(StaleHold { booking: entry.booking, has })
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
            let counts = |booking: BookingId| {
                rows.bookings.get(&booking).is_some_and(|one| {
                    one.status == BookingStatus::Held
                        && (one.payment_status == BookingPaymentStatus::Processing
                            || one.hold_expires_at > clock)
                })
            };
            let count = |(flight, owner): &(FlightId, UserId)| {
                let all = (*flight, *owner, i64::MIN)..=(*flight, *owner, i64::MAX);
                let entries = rows.travellers.range(all);
                entries.filter(|(_, entry)| entry.seated && counts(entry.booking)).count()
            };
            let asked: BTreeSet<_> = asked.iter().copied().collect();
            let counted = asked.into_iter().map(|key| (key, i64::try_from(count(&key)).unwrap_or(i64::MAX)));
            counted.filter(|(_, count)| *count > 0).collect()
        })
    }

    pub(super) fn take_free(&mut self, wanted: &[SeatRow]) -> Vec<SeatRow> {
        let mut taken = Vec::with_capacity(wanted.len());
        for row in wanted {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let free =
                self.with_rows(|rows| rows.seats.get(&flight).is_none_or(|of| !of.contains_key(&seat)));
            if free || self.world.fence == Fence::TakenSeatsAreGranted {
                let holder = Holder { booking: row.booking, sold: row.sold };
                self.put(Change::Seat(flight, seat, Some(holder)));
                taken.push(*row);
            }
        }
        taken
    }

    pub(super) fn enter(&mut self, wanted: &[TravellerRow]) -> HashMap<BookingId, usize> {
        let mut entered = HashMap::new();
        for row in wanted {
            let key = (row.flight, row.owner, row.fingerprint);
            if self.with_rows(|rows| !rows.travellers.contains_key(&key)) {
                let entry = TravellerEntry { booking: row.booking, seated: row.seated };
                self.put(Change::Traveller(key, Some(entry)));
                *entered.entry(row.booking).or_default() += 1;
            }
        }
        entered
    }

    pub(super) fn leave(&mut self, seats: &[SeatRow], travellers: &[TravellerRow]) {
        for row in seats {
            let (flight, seat) = (row.seat.flight_id, row.seat.designator);
            let own = |rows: &super::Rows| {
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
            let key = (row.flight, row.owner, row.fingerprint);
            if self.with_rows(|rows| rows.travellers.get(&key).is_some_and(|one| one.booking == row.booking))
            {
                self.put(Change::Traveller(key, None));
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

    pub(super) fn states(&mut self, flights: &BTreeSet<FlightId>) -> Vec<SeatsState> {
        let mut states = Vec::with_capacity(flights.len());
        for id in flights {
            let Some(mut row) = self.with_rows(|rows| rows.flights.get(id).copied()) else { continue };
            row.seats_version += 1;
            self.put(Change::Flight(*id, Some(row)));
            let seats = |sold: bool| {
                self.with_rows(|rows| {
                    let seats = rows.seats.get(id).into_iter().flatten();
                    seats.filter(|(_, holder)| holder.sold == sold).map(|(seat, _)| *seat).collect()
                })
            };
            states.push(SeatsState {
                flight_id: *id,
                version: row.seats_version,
                held: seats(false),
                sold: seats(true),
            });
        }
        states
    }
}
