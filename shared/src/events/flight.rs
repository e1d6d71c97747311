//! The state of a flight, as flight tells it and booking, search and mails use it.

use crate::{
    fare::FlightFare,
    flight_time::FlightTime,
    iata::{
        AccountingCode, AircraftTypeCode, AirlineCode, AirportCode, CityCode, CountryCode, FlightNumber,
        Registration,
    },
    ids::FlightId,
    seat::{SeatDesignator, SeatPlan},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a timetable says of a flight. Departed and arrived follow from the clock and are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlightStatus {
    /// As planned.
    Scheduled,
    /// With new times.
    Delayed,
    /// Will not fly.
    Cancelled,
    /// The departure time has passed.
    Departed,
    /// The arrival time has passed.
    Arrived,
}

/// A city in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CitySummary {
    /// Its code.
    pub code: CityCode,
    /// Its name.
    pub name: String,
}

/// An airport as one end of a flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Station {
    /// The airport's code.
    pub iata: AirportCode,
    /// The airport's name.
    pub name: String,
    /// The city that it serves.
    pub city: CitySummary,
    /// The country that it is in.
    pub country: CountryCode,
    /// Its IANA time zone.
    pub time_zone: String,
}

/// The airline of a flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Carrier {
    /// Its designator.
    pub code: AirlineCode,
    /// Its name.
    pub name: String,
    /// The first three digits of its ticket numbers.
    pub accounting_code: AccountingCode,
}

/// An aircraft type in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AircraftTypeSummary {
    /// Its IATA code.
    pub code: AircraftTypeCode,
    /// Its name.
    pub name: String,
}

/// A flight in full: the data of the `flight.*` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlightState {
    /// Its id.
    pub id: FlightId,
    /// Grows with each change.
    pub version: i64,
    /// Its number.
    pub flight_number: FlightNumber,
    /// Who flies it.
    pub airline: Carrier,
    /// From where.
    pub origin: Station,
    /// To where.
    pub destination: Station,
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// The airplane that flies it.
    pub airplane: Registration,
    /// The airplane's type.
    pub aircraft_type: AircraftTypeSummary,
    /// The airplane's seats.
    pub seat_plan: SeatPlan,
    /// What is on sale.
    pub fares: Vec<FlightFare>,
    /// Scheduled, delayed or cancelled.
    pub status: FlightStatus,
    /// Why it is delayed or cancelled.
    pub reason: Option<String>,
}

impl FlightState {
    /// Whether both ends are in one country, which decides taxes and connecting times.
    #[must_use]
    pub fn domestic(&self) -> bool {
        self.origin.country == self.destination.country
    }
}

/// The seats of a flight that are not available: the data of `seats.changed`.
///
/// The version is booking's own sequence for the flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatsState {
    /// The flight.
    pub flight_id: FlightId,
    /// Booking's sequence of seat changes of this flight.
    pub version: i64,
    /// Seats under a hold.
    #[schema(value_type = Vec<String>)]
    pub held: Vec<SeatDesignator>,
    /// Seats sold.
    #[schema(value_type = Vec<String>)]
    pub sold: Vec<SeatDesignator>,
}
