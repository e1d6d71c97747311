//! Whose the seats and the travellers' places are, within a batch: as they were read under the locks, and
//! as the commands before have left them. Who comes first has them; what comes of it is written at the end.

use crate::{
    booking::{record::Booking, refusal::FlightSeat},
    ledger::{
        rows::{LockedFlight, PassengerFlightKey, SeatRow, TravellerRow, Travellers, seat_rows},
        write_set::WriteSet,
    },
};
use shared_types::{events::SeatsState, ids::FlightId, seat::SeatDesignator};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct BatchOccupancy {
    /// The seats that are not free, of the flights that are locked.
    seats: BTreeMap<FlightId, SeatsState>,
    /// The flights whose seats have changed hands.
    changed: BTreeSet<FlightId>,
    /// Whether a passenger's key is taken, where that was read or has changed.
    passengers: HashMap<PassengerFlightKey, bool>,
    freed: Vec<SeatRow>,
    taken: BTreeMap<FlightSeat, SeatRow>,
    sold: Vec<SeatRow>,
    left: Vec<TravellerRow>,
    entered: BTreeMap<PassengerFlightKey, TravellerRow>,
}

impl BatchOccupancy {
    /// As it was read.
    pub(crate) fn new(
        seats: BTreeMap<FlightId, SeatsState>,
        passengers: HashSet<PassengerFlightKey>,
    ) -> Self {
        let passengers = passengers.into_iter().map(|key| (key, true)).collect();
        Self { seats, passengers, ..Self::default() }
    }

    /// Whether a seat is free, on a flight that is locked.
    pub(crate) fn is_free(&self, seat: FlightSeat) -> bool {
        self.seats.get(&seat.flight_id).is_some_and(|state| {
            state.held.binary_search(&seat.designator).is_err()
                && state.sold.binary_search(&seat.designator).is_err()
        })
    }

    /// Whether a passenger's key is taken; `None` where that was not read.
    pub(crate) fn has_traveller(&self, key: PassengerFlightKey) -> Option<bool> {
        self.passengers.get(&key).copied()
    }

    /// A new booking has its seats, and its travellers their keys, all of which were free.
    pub(crate) fn take(&mut self, seats: impl Iterator<Item = SeatRow>, travellers: Travellers<'_>) {
        seats.for_each(|row| self.take_seat(row));
        travellers.rows().for_each(|row| self.enter(row));
    }

    /// A seat is taken that was free.
    pub(crate) fn take_seat(&mut self, row: SeatRow) {
        if let Some(state) = self.seats.get_mut(&row.seat.flight_id) {
            let seats = if row.sold { &mut state.sold } else { &mut state.held };
            insert(seats, row.seat.designator);
        }
        self.changed.insert(row.seat.flight_id);
        self.taken.insert(row.seat, row);
    }

    /// A seat comes free.
    pub(crate) fn free_seat(&mut self, row: SeatRow) {
        if let Some(state) = self.seats.get_mut(&row.seat.flight_id) {
            remove(&mut state.held, row.seat.designator);
            remove(&mut state.sold, row.seat.designator);
        }
        self.changed.insert(row.seat.flight_id);
        // What the booking has taken in this batch is in no table yet.
        match self.taken.get(&row.seat) {
            Some(taken) if taken.booking == row.booking => drop(self.taken.remove(&row.seat)),
            _ => self.freed.push(row),
        }
    }

    /// The seats of a booking and the keys of its travellers come free.
    pub(crate) fn free(&mut self, booking: &Booking) {
        seat_rows(booking, false).for_each(|row| self.free_seat(row));
        // Only those of the booking are deleted, under whichever fingerprint a release has stored them.
        let travellers = Travellers::from(booking);
        travellers.rows().chain(travellers.former_rows()).for_each(|row| self.leave(row));
        self.changed.extend(booking.flights());
    }

    /// The seats of a booking, which were held, are sold.
    pub(crate) fn sell(&mut self, booking: &Booking) {
        for row in seat_rows(booking, true) {
            if let Some(state) = self.seats.get_mut(&row.seat.flight_id) {
                remove(&mut state.held, row.seat.designator);
                insert(&mut state.sold, row.seat.designator);
            }
            self.sold.push(row);
        }
        self.changed.extend(booking.flights());
    }

    /// A traveller enters a flight, where nobody had that key.
    pub(crate) fn enter(&mut self, row: TravellerRow) {
        self.passengers.insert(row.key(), true);
        self.entered.insert(row.key(), row);
    }

    /// A traveller leaves a flight.
    pub(crate) fn leave(&mut self, row: TravellerRow) {
        self.passengers.insert(row.key(), false);
        // Who has entered in this batch is in no table yet.
        match self.entered.get(&row.key()) {
            Some(entered) if entered.booking == row.booking => drop(self.entered.remove(&row.key())),
            _ => self.left.push(row),
        }
    }

    /// The seats of the flights whose seats have changed hands, with their next versions.
    pub(crate) fn states(&self, locked: &BTreeMap<FlightId, LockedFlight>) -> Vec<SeatsState> {
        let state = |id: &FlightId| {
            let version = locked.get(id)?.seats_version + 1;
            Some(SeatsState { version, ..self.seats.get(id)?.clone() })
        };
        self.changed.iter().filter_map(state).collect()
    }

    /// What is to be written of it.
    pub(crate) fn write_set(&self) -> WriteSet<'_> {
        WriteSet {
            freed: &self.freed,
            left: &self.left,
            taken: self.taken.values().copied().collect(),
            entered: self.entered.values().copied().collect(),
            sold: &self.sold,
            ..WriteSet::default()
        }
    }
}

/// Adds to what is in order.
fn insert(seats: &mut Vec<SeatDesignator>, seat: SeatDesignator) {
    if let Err(place) = seats.binary_search(&seat) {
        seats.insert(place, seat);
    }
}

fn remove(seats: &mut Vec<SeatDesignator>, seat: SeatDesignator) {
    if let Ok(place) = seats.binary_search(&seat) {
        seats.remove(place);
    }
}
