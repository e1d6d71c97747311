//! What can be checked of an order only with its flights at hand.

use super::{Sales, order::Order, outcome::Stop};
use booking_engine::{
    booking::{
        hold::HoldTime,
        itinerary,
        refusal::{InvalidMember, Member, Refusal},
    },
    inventory::{assignment::SeatFault, flight::Flight, price, seat_inventory::no_price},
    passengers::passenger::check_age,
};
use chrono::{DateTime, Utc};
use shared::{events::FlightState, fare::PassengerType, ids::FlightId, money::Currency};

/// An order that was found good.
pub(crate) struct Checked {
    /// How long its seats are to be held.
    pub(crate) hold: HoldTime,
    /// The versions of the flights that it was checked against.
    versions: Vec<(FlightId, i64)>,
}

impl Checked {
    pub(crate) fn new(hold: HoldTime, flights: &[Flight]) -> Self {
        let version = |flight: &Flight| (flight.state.id, flight.state.version);
        Self { hold, versions: flights.iter().map(version).collect() }
    }

    /// Whether it was checked against these versions: of others nobody knows whether times and ages are
    /// still good.
    pub(crate) fn is_of(&self, versions: &[(FlightId, i64)]) -> bool {
        versions.iter().all(|version| self.versions.contains(version))
    }
}

impl Sales {
    /// Checks an order against its flights. Nothing is refused because of flights that are not as they
    /// were.
    pub(super) async fn check(&self, order: &Order) -> Result<Checked, Stop> {
        let mut flights = Vec::with_capacity(order.segments.len());
        for segment in &order.segments {
            flights.push(self.directory.flight(segment.flight_id).await?);
        }
        let terms = (self.currency, self.max_hold_minutes);
        if let Ok(hold) = check(order, &flights, terms, Utc::now()) {
            return Ok(Checked::new(hold, &flights));
        }
        flights.clear();
        for segment in &order.segments {
            flights.push(self.directory.flight_now(segment.flight_id).await?);
        }
        let hold = check(order, &flights, terms, Utc::now()).map_err(Stop::Refused)?;
        Ok(Checked::new(hold, &flights))
    }
}

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
    (currency, max_hold_minutes): (Currency, u32),
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
