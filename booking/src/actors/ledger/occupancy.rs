//! Whose the seats and the travellers' places are, within a batch: as they were read under the locks, and
//! as the commands before have left them. Who comes first has them; what comes of it is written at the end.

use super::{
    batch::{former_traveller_rows, seat_rows, traveller_rows},
    tables::Writes,
};
use crate::store::{
    flights::LockedFlight,
    seats::SeatRow,
    travellers::{Place, TravellerRow},
};
use booking_engine::booking::{record::Booking, refusal::FlightSeat};
use shared::{events::SeatsState, ids::FlightId, seat::SeatDesignator};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    /// The seats that are not free, of the flights that are locked.
    seats: BTreeMap<FlightId, SeatsState>,
    /// The flights whose seats have changed hands.
    changed: BTreeSet<FlightId>,
    /// Whether a place has a traveller, where that was read or has changed.
    places: HashMap<Place, bool>,
    freed: Vec<SeatRow>,
    taken: BTreeMap<FlightSeat, SeatRow>,
    sold: Vec<SeatRow>,
    left: Vec<TravellerRow>,
    entered: BTreeMap<Place, TravellerRow>,
}

impl Occupancy {
    /// As it was read.
    pub(super) fn new(seats: BTreeMap<FlightId, SeatsState>, places: HashSet<Place>) -> Self {
        let places = places.into_iter().map(|place| (place, true)).collect();
        Self { seats, places, ..Self::default() }
    }

    /// Whether a seat is free, on a flight that is locked.
    pub(super) fn is_free(&self, seat: FlightSeat) -> bool {
        self.seats.get(&seat.flight_id).is_some_and(|state| {
            state.held.binary_search(&seat.designator).is_err()
                && state.sold.binary_search(&seat.designator).is_err()
        })
    }

    /// Whether a place has a traveller; `None` where that was not read.
    pub(super) fn has_traveller(&self, place: Place) -> Option<bool> {
        self.places.get(&place).copied()
    }

    /// A new booking has its seats and places, which were free.
    pub(super) fn take(&mut self, booking: &Booking) {
        seat_rows(booking, false).for_each(|row| self.take_seat(row));
        traveller_rows(booking).for_each(|row| self.enter(row));
    }

    /// A seat is taken that was free.
    pub(super) fn take_seat(&mut self, row: SeatRow) {
        if let Some(state) = self.seats.get_mut(&row.seat.flight_id) {
            let seats = if row.sold { &mut state.sold } else { &mut state.held };
            insert(seats, row.seat.designator);
        }
        self.changed.insert(row.seat.flight_id);
        self.taken.insert(row.seat, row);
    }

    /// A seat comes free.
    pub(super) fn free_seat(&mut self, row: SeatRow) {
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

    /// The seats and places of a booking come free.
    pub(super) fn free(&mut self, booking: &Booking) {
        seat_rows(booking, false).for_each(|row| self.free_seat(row));
        // Only those of the booking are deleted, under whichever fingerprint a release has stored them.
        traveller_rows(booking).chain(former_traveller_rows(booking)).for_each(|row| self.leave(row));
        self.changed.extend(booking.flights());
    }

    /// The seats of a booking, which were held, are sold.
    pub(super) fn sell(&mut self, booking: &Booking) {
        for row in seat_rows(booking, true) {
            if let Some(state) = self.seats.get_mut(&row.seat.flight_id) {
                remove(&mut state.held, row.seat.designator);
                insert(&mut state.sold, row.seat.designator);
            }
            self.sold.push(row);
        }
        self.changed.extend(booking.flights());
    }

    /// A traveller enters a flight, where there was none in that place.
    pub(super) fn enter(&mut self, row: TravellerRow) {
        self.places.insert(row.place(), true);
        self.entered.insert(row.place(), row);
    }

    /// A traveller leaves a flight.
    pub(super) fn leave(&mut self, row: TravellerRow) {
        self.places.insert(row.place(), false);
        // Who has entered in this batch is in no table yet.
        match self.entered.get(&row.place()) {
            Some(entered) if entered.booking == row.booking => drop(self.entered.remove(&row.place())),
            _ => self.left.push(row),
        }
    }

    /// The seats of the flights whose seats have changed hands, with their next versions.
    pub(super) fn states(&self, locked: &BTreeMap<FlightId, LockedFlight>) -> Vec<SeatsState> {
        let state = |id: &FlightId| {
            let version = locked.get(id)?.seats_version + 1;
            Some(SeatsState { version, ..self.seats.get(id)?.clone() })
        };
        self.changed.iter().filter_map(state).collect()
    }

    /// What is to be written of it.
    pub(super) fn writes(&self) -> Writes<'_> {
        Writes {
            freed: &self.freed,
            left: &self.left,
            taken: self.taken.values().copied().collect(),
            entered: self.entered.values().copied().collect(),
            sold: &self.sold,
            ..Writes::default()
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
