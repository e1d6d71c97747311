//! What can be checked of an order only with its flights at hand.

use crate::{
    booking::{
        hold::HoldTime,
        itinerary,
        refusal::{InvalidMember, Member, Refusal},
    },
    inventory::{assignment::SeatFault, flight::Flight, price, seat_inventory::no_price},
    passengers::passenger::check_age,
    sell::{order::Order, sales::SalesTerms},
};
use chrono::{DateTime, Utc};
use shared_types::{events::FlightState, fare::PassengerType};

/// Seats that were chosen of a flight but are none of its airplane.
fn unknown_seats(order: &Order, segment: usize, flight: &FlightState) -> impl Iterator<Item = InvalidMember> {
    let chosen = order.passengers.iter().enumerate().filter_map(move |(index, passenger)| {
        Some((index, passenger.seats.get(segment).copied().flatten()?))
    });
    let unknown = chosen.filter(|(_, seat)| flight.seat_plan.section(*seat).is_none());
    unknown.map(move |(index, _)| {
        InvalidMember::new(Member::Seat { passenger: index, segment }, SeatFault::Unknown)
    })
}

/// Gives the hold's time, or all that is wrong.
pub(crate) fn check(
    order: &Order,
    flights: &[Flight],
    SalesTerms { currency, max_hold_minutes }: SalesTerms,
    now: DateTime<Utc>,
) -> Result<HoldTime, Refusal> {
    let states = || flights.iter().map(|flight| &*flight.state);
    let Some((first, last)) = itinerary::ends(states()) else { return Err(Refusal::NotFound) };
    let mut errors = itinerary::check_order(states());
    let departs_on = last.departure.local.date();
    for (index, passenger) in order.passengers.iter().enumerate() {
        if let Err(error) = check_age(passenger.kind, passenger.born_on, departs_on) {
            errors.push(InvalidMember::new(Member::BornOn(index), error));
        }
    }
    if order.expected_total.is_some_and(|total| total.currency != currency) {
        errors.push(InvalidMember::new(Member::ExpectedTotal, format!("must be in {}", currency)));
    }
    let kinds: Vec<PassengerType> = order.passengers.iter().map(|passenger| passenger.kind).collect();
    for (index, (segment, flight)) in order.segments.iter().zip(states()).enumerate() {
        let fare = (segment.cabin, segment.brand);
        if let Err(error) = price::of_party(flight, fare, currency, &kinds, 0, now) {
            errors.push(no_price(index, error));
        }
        errors.extend(unknown_seats(order, index, flight));
    }
    let hold = HoldTime::new(order.hold_minutes, first.departure.at, now, max_hold_minutes);
    match hold {
        Ok(_) if errors.is_empty() && !flights.iter().all(|flight| flight.is_bookable(now)) => {
            Err(Refusal::FlightNotBookable)
        }
        Ok(hold) if errors.is_empty() => Ok(hold),
        Ok(_) => Err(Refusal::Invalid(errors)),
        Err(error) => {
            errors.push(InvalidMember::new(Member::HoldMinutes, error));
            Err(Refusal::Invalid(errors))
        }
    }
}
