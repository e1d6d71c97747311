//! A flight as this service keeps it: its parts are shared between the flights that have them alike.

use super::{
    availability::{CabinSeats, TakenSeats, count},
    conditions::Conditions,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    events::{AircraftTypeSummary, Carrier, FlightState, FlightStatus, Station},
    fare::{
        Brand, Demand, FlightFare, PassengerType, PriceOverflow, SegmentPrice, booking_class, price,
        tax_per_seat,
    },
    flight_time::{FlightTime, sales_are_open},
    iata::{AirlineCode, FlightNumber, Registration},
    ids::FlightId,
    money::Money,
    seat::{Cabin, SeatPlan},
};
use std::sync::Arc;
use utoipa::ToSchema;

/// What flies: the type with its seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equipment {
    /// The type.
    pub aircraft_type: AircraftTypeSummary,
    /// The seats.
    pub plan: SeatPlan,
}

/// A dated departure of a flight number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// Its id.
    pub id: FlightId,
    /// Grows with each change.
    pub version: i64,
    /// Its number.
    pub flight_number: FlightNumber,
    /// Who flies it.
    pub airline: Arc<Carrier>,
    /// From where.
    pub origin: Arc<Station>,
    /// To where.
    pub destination: Arc<Station>,
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// The airplane that flies it.
    pub airplane: Registration,
    /// The airplane's type and seats.
    pub equipment: Arc<Equipment>,
    /// What is on sale, by cabin and brand.
    pub fares: Vec<FlightFare>,
    /// The tax per departing seat that the origin has of its own for such a flight.
    pub departure_tax: Option<Money>,
    /// Scheduled, delayed or cancelled.
    pub status: FlightStatus,
    /// Why it is delayed or cancelled.
    pub reason: Option<String>,
}

impl Flight {
    /// The flight as the events tell it.
    #[must_use]
    pub fn state(&self) -> FlightState {
        FlightState {
            id: self.id,
            version: self.version,
            flight_number: self.flight_number.clone(),
            airline: Carrier::clone(&self.airline),
            origin: Station::clone(&self.origin),
            destination: Station::clone(&self.destination),
            departure: self.departure.clone(),
            arrival: self.arrival.clone(),
            airplane: self.airplane.clone(),
            aircraft_type: self.equipment.aircraft_type.clone(),
            seat_plan: self.equipment.plan.clone(),
            fares: self.fares.clone(),
            departure_tax: self.departure_tax,
            status: self.status,
            reason: self.reason.clone(),
        }
    }

    /// The status by the clock: what is stored, until the flight has left.
    #[must_use]
    pub fn status_at(&self, now: DateTime<Utc>) -> FlightStatus {
        match self.status {
            FlightStatus::Cancelled => FlightStatus::Cancelled,
            _ if now >= self.arrival.at => FlightStatus::Arrived,
            _ if now >= self.departure.at => FlightStatus::Departed,
            stored => stored,
        }
    }

    /// Whether seats of it may still be sold.
    #[must_use]
    pub fn is_on_sale(&self, now: DateTime<Utc>) -> bool {
        self.status != FlightStatus::Cancelled && sales_are_open(self.departure.at, now)
    }

    /// Elapsed minutes from departure to arrival.
    #[must_use]
    pub fn duration_minutes(&self) -> i64 {
        (self.arrival.at - self.departure.at).num_minutes()
    }

    /// Whether both ends are in one country.
    #[must_use]
    pub fn domestic(&self) -> bool {
        self.origin.country == self.destination.country
    }

    /// The fare of a cabin and brand.
    #[must_use]
    pub fn fare(&self, cabin: Cabin, brand: Brand) -> Option<&FlightFare> {
        self.fares.iter().find(|fare| fare.cabin == cabin && fare.brand == brand)
    }

    /// What a passenger of a party pays for a fare of this flight.
    ///
    /// # Errors
    /// [`PriceOverflow`] for an absurd base price.
    pub fn price(
        &self,
        fare: &FlightFare,
        seats: &CabinSeats,
        party_seats: u32,
        passenger: PassengerType,
        now: DateTime<Utc>,
    ) -> Result<SegmentPrice, PriceOverflow> {
        let class = booking_class(Demand {
            seats_total: seats.seats_total,
            seats_taken: seats.taken(),
            party_seats,
            days_before: (self.departure.at - now).num_days(),
        });
        let tax = tax_per_seat(self.departure_tax, self.domestic(), fare.base_price.currency);
        price(fare.base_price.minor, tax, class, fare.brand, passenger)
    }
}

impl From<FlightState> for Flight {
    /// The flight of an event.
    fn from(state: FlightState) -> Self {
        let equipment = Equipment { aircraft_type: state.aircraft_type, plan: state.seat_plan };
        Self {
            id: state.id,
            version: state.version,
            flight_number: state.flight_number,
            airline: Arc::new(state.airline),
            origin: Arc::new(state.origin),
            destination: Arc::new(state.destination),
            departure: state.departure,
            arrival: state.arrival,
            airplane: state.airplane,
            equipment: Arc::new(equipment),
            fares: state.fares,
            departure_tax: state.departure_tax,
            status: state.status,
            reason: state.reason,
        }
    }
}

/// An airline in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AirlineSummary {
    /// Its designator.
    pub code: AirlineCode,
    /// Its name.
    pub name: String,
}

/// What one adult pays now, with the conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FareView {
    /// The cabin.
    pub cabin: Cabin,
    /// The brand.
    pub brand: Brand,
    /// What one adult pays now, taxes included.
    pub price: Option<Money>,
    /// What a ticket allows.
    pub conditions: Conditions,
}

/// A flight, as the contract shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Flight)]
pub struct FlightView {
    /// Its id.
    pub id: FlightId,
    /// Its number.
    pub flight_number: FlightNumber,
    /// Who flies it.
    pub airline: AirlineSummary,
    /// From where.
    #[schema(value_type = Station)]
    pub origin: Arc<Station>,
    /// To where.
    #[schema(value_type = Station)]
    pub destination: Arc<Station>,
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// Elapsed minutes.
    pub duration_minutes: i64,
    /// The registration of the airplane.
    pub airplane: Registration,
    /// The airplane's type.
    pub aircraft_type: AircraftTypeSummary,
    /// By the clock: departed and arrived follow from the times.
    pub status: FlightStatus,
    /// Why it is delayed or cancelled; null where nothing was said.
    pub reason: Option<String>,
    /// Seats, cabin by cabin.
    pub cabins: Vec<CabinSeats>,
    /// What is on sale.
    pub fares: Vec<FareView>,
    /// Grows with each change of the flight itself, not with sales.
    pub version: i64,
}

impl FlightView {
    /// A flight with these seats, shown at this time.
    #[must_use]
    pub fn new(flight: &Flight, cabins: &[CabinSeats], now: DateTime<Utc>) -> Self {
        let fare = |fare: &FlightFare| {
            let seats = cabins.iter().find(|seats| seats.cabin == fare.cabin);
            let adult = seats.and_then(|seats| flight.price(fare, seats, 1, PassengerType::Adt, now).ok());
            FareView {
                cabin: fare.cabin,
                brand: fare.brand,
                price: adult.map(|adult| Money::new(adult.total(), fare.base_price.currency)),
                conditions: Conditions::of(fare.brand, fare.base_price.currency),
            }
        };
        Self {
            id: flight.id,
            flight_number: flight.flight_number.clone(),
            airline: AirlineSummary { code: flight.airline.code.clone(), name: flight.airline.name.clone() },
            origin: flight.origin.clone(),
            destination: flight.destination.clone(),
            departure: flight.departure.clone(),
            arrival: flight.arrival.clone(),
            duration_minutes: flight.duration_minutes(),
            airplane: flight.airplane.clone(),
            aircraft_type: flight.equipment.aircraft_type.clone(),
            status: flight.status_at(now),
            reason: flight.reason.clone(),
            cabins: cabins.to_vec(),
            fares: flight.fares.iter().map(fare).collect(),
            version: flight.version,
        }
    }
}

/// A flight with the seats that are taken on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightWithSeats {
    /// The flight.
    pub flight: Flight,
    /// The version of booking's state that the counts are of; 0 before the first sale.
    pub seats_version: i64,
    /// Seats, cabin by cabin.
    pub cabins: Vec<CabinSeats>,
}

impl FlightWithSeats {
    /// Counts the cabins of a flight.
    #[must_use]
    pub fn new(flight: Flight, taken: &TakenSeats) -> Self {
        let cabins = count(&flight.equipment.plan, &taken.seats);
        Self { flight, seats_version: taken.version, cabins }
    }

    /// As the contract shows it.
    #[must_use]
    pub fn view(&self, now: DateTime<Utc>) -> FlightView {
        FlightView::new(&self.flight, &self.cabins, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::flight;
    use shared::money::{Currency, Money};

    #[test]
    fn a_flight_survives_its_event() {
        let mut made = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        made.departure_tax = Some(Money::new(5794, Currency::EUR));
        assert_eq!(Flight::from(made.state()), made);
    }
}
