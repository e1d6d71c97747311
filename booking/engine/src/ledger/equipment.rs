//! The bookings of a flight follow it to another airplane: those whose seats are gone get others.
//!
//! This is decided for all bookings of the flight at once, in the transaction that stores the flight's new seat plan.
//! The caller has locked the flights of all these bookings, in the order in which every writer locks them.

use crate::{
    booking::record::{Booking, Flights},
    booking::refusal::FlightSeat,
    inventory::reseating::{CabinTooSmall, SeatMove, SeatedParty, reseat},
    ledger::{
        occupancy::BatchOccupancy,
        rows::{LockedFlight, SeatRow},
        write_set::WriteSet,
        write_set_builder::{WriteSetBuilder, present},
    },
    store_error::StoreError,
};
use chrono::{DateTime, Utc};
use shared_types::{
    events::{
        BookingDisruption, BookingStatus, DisruptionKind, Event, EventType, FlightState, ReseatedPassenger,
        SeatsState,
    },
    ids::{BookingId, FlightId},
    trace,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The bookings of a flight after the change of its airplane, to be written.
pub struct EquipmentChange {
    bookings: HashMap<BookingId, Booking>,
    occupancy: BatchOccupancy,
    writes: WriteSetBuilder,
    seats: Vec<SeatsState>,
}

/// The reason why the bookings cannot follow.
#[derive(Debug, thiserror::Error)]
pub enum EquipmentFault {
    /// Somebody would have no seat.
    #[error(transparent)]
    TooSmall(#[from] CabinTooSmall),
    /// A booking cannot be shown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EquipmentChange {
    /// Decides about the bookings of a flight. `flights`: the states of all their flights, that of this flight with the
    /// new plan. `seats`: the taken seats before.
    ///
    /// # Errors
    /// [`EquipmentFault`].
    pub fn new(
        bookings: Vec<Booking>,
        (after, flights): (&FlightState, &Flights),
        (locked, seats): (&BTreeMap<FlightId, LockedFlight>, SeatsState),
        now: DateTime<Utc>,
    ) -> Result<Self, EquipmentFault> {
        let parties: Vec<_> =
            bookings.iter().filter_map(|booking| SeatedParty::of(booking, after.id)).collect();
        let moves = reseat(&parties, &after.seat_plan)?;
        let mut change = Self {
            bookings: bookings.into_iter().map(|booking| (booking.id, booking)).collect(),
            occupancy: BatchOccupancy::new(BTreeMap::from([(after.id, seats)]), HashSet::new()),
            writes: WriteSetBuilder::default(),
            seats: Vec::new(),
        };
        change.carry_out(after.id, &moves);
        change.tell(after, &moves, flights, now)?;
        change.seats = change.occupancy.states(locked);
        Ok(change)
    }

    /// Frees the seats that are gone, and then takes the new ones: one passenger's new seat may be another's old one.
    fn carry_out(&mut self, flight: FlightId, moves: &[SeatMove]) {
        let row = |one: &SeatMove, designator, bookings: &HashMap<BookingId, Booking>| {
            let sold = bookings.get(&one.booking).is_some_and(|it| it.status == BookingStatus::Confirmed);
            SeatRow { seat: FlightSeat { flight_id: flight, designator }, booking: one.booking, sold }
        };
        moves.iter().for_each(|one| self.occupancy.free_seat(row(one, one.from, &self.bookings)));
        moves.iter().for_each(|one| self.occupancy.take_seat(row(one, one.to, &self.bookings)));
    }

    /// Changes the bookings, with an event for each.
    fn tell(
        &mut self,
        after: &FlightState,
        moves: &[SeatMove],
        flights: &Flights,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut of_bookings: BTreeMap<BookingId, Vec<&SeatMove>> = BTreeMap::new();
        moves.iter().for_each(|one| of_bookings.entry(one.booking).or_default().push(one));
        for (id, moves) in of_bookings {
            let Some(booking) = self.bookings.get_mut(&id) else { continue };
            let reseated = booking.follow_equipment(after.id, &moves, now);
            self.writes.passengers(booking);
            let state = present(booking, flights, now)?;
            let (kind, reason) = (DisruptionKind::Reseated, after.reason.clone());
            let disruption = BookingDisruption { kind, flight_id: after.id, reason, reseated };
            let told = (Some(disruption), trace::current());
            self.writes.emit_disrupted(EventType::BookingChanged, &state, told);
        }
        Ok(())
    }

    /// The rows to be written, except the events.
    #[must_use]
    pub fn write_set(&self) -> WriteSet<'_> {
        self.writes.write_set(&self.occupancy, &self.seats, &self.bookings)
    }

    /// The events to be published.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.writes.events(&self.seats)
    }

    /// The seats of the flight after the change; `None`: nobody has moved.
    #[must_use]
    pub fn into_seats(self) -> Option<SeatsState> {
        self.seats.into_iter().next()
    }
}

impl Booking {
    /// Moves passengers to other seats of a flight.
    fn follow_equipment(
        &mut self,
        flight: FlightId,
        moves: &[&SeatMove],
        now: DateTime<Utc>,
    ) -> Vec<ReseatedPassenger> {
        let Some(segment) = self.segment_on(flight) else { return Vec::new() };
        let reseated = moves.iter().filter_map(|one| {
            let passenger = self.passengers.get_mut(one.passenger)?;
            *passenger.seats.get_mut(segment)? = Some(one.to);
            Some(ReseatedPassenger { passenger_id: passenger.id, from: one.from, to: one.to })
        });
        let reseated: Vec<_> = reseated.collect();
        assert_eq!(reseated.len(), moves.len(), "the moves were found for this booking");
        self.touch(now);
        reseated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use shared_types::seat::SeatDesignator;

    fn seat(text: &str) -> SeatDesignator {
        text.parse().unwrap()
    }

    #[test]
    fn seats_rows_and_events_follow() {
        let mut after = samples::flight();
        (after.version, after.reason) = (2, Some("a smaller airplane".to_owned()));
        after.seat_plan.cabins[0].rows = [4, 11];
        let kept = samples::booking(after.id, &["4A"]);
        let mut sold = samples::booking(after.id, &["12A", "12B"]);
        sold.status = BookingStatus::Confirmed;
        let locked =
            LockedFlight { version: 1, departure_at: after.departure.at, on_sale: false, seats_version: 6 };
        let seats = SeatsState {
            flight_id: after.id,
            version: 6,
            held: vec![seat("4A")],
            sold: vec![seat("12A"), seat("12B")],
        };
        let flights = Flights::from([(after.id, after.clone().into())]);
        let locked = BTreeMap::from([(after.id, locked)]);
        let (now, id) = (Utc::now(), sold.id);
        let bookings = vec![kept, sold];
        let change = EquipmentChange::new(bookings, (&after, &flights), (&locked, seats), now).unwrap();
        let writes = change.write_set();
        assert_eq!((writes.freed.len(), writes.taken.len(), writes.travellers.len()), (2, 2, 1));
        assert!(writes.taken.iter().all(|row| row.sold && row.booking == id));
        assert_eq!((writes.travellers[0].version, writes.bookings.len()), (2, 1));
        let events = change.events();
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventType::BookingChanged, EventType::SeatsChanged]);
        let told: shared_types::events::DisruptedBooking = events[0].data.read().unwrap();
        assert_eq!(told.booking.version, 2);
        assert_eq!(told.disruption.kind, DisruptionKind::Reseated);
        assert_eq!(told.disruption.reason.as_deref(), Some("a smaller airplane"));
        let from: Vec<_> = told.disruption.reseated.iter().map(|one| one.from).collect();
        assert_eq!(from, [seat("12A"), seat("12B")]);
        let state = change.into_seats().unwrap();
        assert_eq!((state.version, state.held, state.sold.len()), (7, vec![seat("4A")], 2));
        let to: Vec<_> = told.disruption.reseated.iter().map(|one| one.to).collect();
        assert_eq!(state.sold, to);
    }
}
