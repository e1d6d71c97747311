//! Changes of seats: all requested passengers of a booking move, or none.

use crate::{
    booking::{
        record::{Booking, Flights},
        refusal::{FlightSeat, InvalidMember, Member, Refusal},
    },
    inventory::assignment::{CabinLayout, SeatFault},
    passengers::party,
};
use chrono::{DateTime, Utc};
use shared_types::{
    ids::{FlightId, PassengerId},
    seat::SeatDesignator,
};
use std::collections::HashSet;

/// A request to move one passenger to another seat of one flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatChange {
    /// The passenger to move.
    pub passenger: PassengerId,
    /// The flight.
    pub flight: FlightId,
    /// The wanted seat.
    pub seat: SeatDesignator,
}

/// Changes of seats that were checked against their booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reseating {
    /// The seats of each passenger after the change, by segment; `None`: no seat there.
    pub(crate) seats: Vec<Vec<Option<SeatDesignator>>>,
    /// Seats that the booking does not have yet.
    pub(crate) wanted: Vec<FlightSeat>,
    /// Seats that the booking releases.
    pub(crate) left: Vec<FlightSeat>,
}

impl Reseating {
    /// Whether no passenger moves. Passengers that swap their seats do move.
    pub(crate) fn is_nothing(&self, booking: &Booking) -> bool {
        booking.passengers.iter().zip(&self.seats).all(|(passenger, seats)| passenger.seats == *seats)
    }
}

/// Checks changes against a booking and its flights, but not whether the wanted seats are free.
///
/// # Errors
/// [`Refusal::Invalid`], [`Refusal::SeatNotAllowed`]; [`Refusal::NotFound`]: `flights` lacks a flight of the booking.
pub(crate) fn check(
    booking: &Booking,
    changes: &[SeatChange],
    flights: &Flights,
) -> Result<Reseating, Refusal> {
    let mut errors = Vec::new();
    let mut seats: Vec<_> = booking.passengers.iter().map(|passenger| passenger.seats.clone()).collect();
    let mut named = HashSet::new();
    let mut moves = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let mut wrong = |member: fn(usize) -> Member, reason: &str| {
            errors.push(InvalidMember::new(member(index), reason));
        };
        let passenger = booking.passengers.iter().position(|one| one.id == change.passenger);
        let segment = booking.segment_on(change.flight);
        if passenger.is_none() {
            wrong(Member::ChangePassenger, "is no passenger of this booking");
        }
        if segment.is_none() {
            wrong(Member::ChangeFlight, "is no flight of this booking");
        }
        let (Some(passenger), Some(segment)) = (passenger, segment) else { continue };
        if !booking.passengers[passenger].kind.has_seat() {
            wrong(Member::ChangePassenger, "an infant has no seat");
        } else if !named.insert((passenger, segment)) {
            wrong(Member::ChangePassenger, "is moved twice on this flight");
        } else {
            seats[passenger][segment] = Some(change.seat);
            moves.push((index, passenger, segment, change.seat));
        }
    }
    errors.extend(shared_seats(&seats, &moves));
    let faults = faults(booking, &moves, flights)?;
    errors.extend(faults.unknown);
    if !errors.is_empty() {
        return Err(Refusal::Invalid(errors));
    }
    if !faults.forbidden.is_empty() {
        return Err(Refusal::SeatNotAllowed(faults.forbidden));
    }
    Ok(difference(booking, seats))
}

impl Booking {
    /// Moves passengers to seats that belong to the booking now.
    pub(crate) fn reseat(&mut self, reseating: Reseating, now: DateTime<Utc>) {
        assert_eq!(self.passengers.len(), reseating.seats.len(), "it was checked against this booking");
        for (passenger, seats) in self.passengers.iter_mut().zip(reseating.seats) {
            passenger.seats = seats;
        }
        self.touch(now);
    }
}

/// Positions of a change in the request, of its passenger and of its segment; the wanted seat.
type Move = (usize, usize, usize, SeatDesignator);

/// The errors of changes that give one seat to two passengers of the booking.
fn shared_seats(seats: &[Vec<Option<SeatDesignator>>], moves: &[Move]) -> Vec<InvalidMember> {
    let shared = |(_, passenger, segment, seat): &&Move| {
        let mut others = seats.iter().enumerate().filter(|(index, _)| index != passenger);
        others.any(|(_, theirs)| theirs.get(*segment).copied().flatten() == Some(*seat))
    };
    let error = |(index, ..): &Move| {
        InvalidMember::new(Member::ChangeSeat(*index), "is the seat of another passenger of this booking")
    };
    moves.iter().filter(shared).map(error).collect()
}

/// The errors of wanted seats: seats that do not exist, and seats that the passenger may not have.
#[derive(Default)]
struct Faults {
    unknown: Vec<InvalidMember>,
    forbidden: Vec<InvalidMember>,
}

/// Checks each wanted seat: the paid cabin, no blocked seat, the rule of exit rows.
fn faults(booking: &Booking, moves: &[Move], flights: &Flights) -> Result<Faults, Refusal> {
    let mut faults = Faults::default();
    for (index, passenger, segment, seat) in moves {
        let booked = &booking.segments[*segment];
        let Some(flight) = flights.get(&booked.flight_id) else { return Err(Refusal::NotFound) };
        let wishes = party::wishes(&booking.passengers, *segment);
        let exit_allowed =
            wishes.iter().find(|(one, _)| one == passenger).is_some_and(|(_, wish)| wish.exit_allowed);
        let layout = CabinLayout::new(&flight.seat_plan, booked.cabin);
        let Some(fault) = layout.fault(*seat, exit_allowed) else { continue };
        let kind = if fault == SeatFault::Unknown { &mut faults.unknown } else { &mut faults.forbidden };
        kind.push(InvalidMember::new(Member::ChangeSeat(*index), fault));
    }
    Ok(faults)
}

/// Compares the seats of the booking with those after the change.
fn difference(booking: &Booking, seats: Vec<Vec<Option<SeatDesignator>>>) -> Reseating {
    let of = |seats: &[Vec<Option<SeatDesignator>>]| -> Vec<FlightSeat> {
        let rows = seats.iter().flat_map(|seats| {
            let seats = booking.segments.iter().zip(seats);
            seats.filter_map(|(segment, seat)| {
                Some(FlightSeat { flight_id: segment.flight_id, designator: (*seat)? })
            })
        });
        rows.collect()
    };
    let before: Vec<_> = booking.passengers.iter().map(|passenger| passenger.seats.clone()).collect();
    let (before, after) = (of(&before), of(&seats));
    let wanted = after.iter().filter(|seat| !before.contains(seat)).copied().collect();
    let left = before.iter().filter(|seat| !after.contains(seat)).copied().collect();
    Reseating { seats, wanted, left }
}
