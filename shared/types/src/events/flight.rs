//! The state of a flight, as flight tells it and booking, search and mails use it.

use crate::{
    fare::{FlightFare, tax_per_seat},
    flight_time::FlightTime,
    iata::{
        AccountingCode, AircraftTypeCode, AirlineCode, AirportCode, CityCode, CountryCode, FlightNumber,
        Registration,
    },
    ids::FlightId,
    money::{Currency, Money},
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
    /// The tax per departing seat that the origin has of its own for such a flight; null, or absent from
    /// what was told before there was one, where the default holds.
    #[serde(default)]
    pub departure_tax: Option<Money>,
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

    /// The tax of a seat on it, in minor units of the currency: see [`tax_per_seat`].
    #[must_use]
    pub fn tax(&self, currency: Currency) -> i64 {
        tax_per_seat(self.departure_tax, self.domestic(), currency)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A domestic flight as it was told before flights carried a tax.
    fn old_event() -> Value {
        let station = |iata: &str| {
            json!({
                "iata": iata, "name": iata, "city": {"code": iata, "name": iata}, "country": "GB",
                "time_zone": "Europe/London",
            })
        };
        let time = |hour: u8| {
            json!({
                "at": format!("2026-12-01T{hour:02}:00:00Z"), "local": format!("2026-12-01T{hour:02}:00"),
                "time_zone": "Europe/London",
            })
        };
        json!({
            "id": FlightId::new(), "version": 1, "flight_number": "AE101",
            "airline": {"code": "AE", "name": "Aerobus Airlines", "accounting_code": "997"},
            "origin": station("LHR"), "destination": station("EDI"), "departure": time(10), "arrival": time(11),
            "airplane": "G-AERO", "aircraft_type": {"code": "320", "name": "Airbus A320"},
            "seat_plan": {
                "cabins": [{"cabin": "economy", "rows": [1, 2], "columns": "ABC|DEF"}],
                "exit_rows": [], "blocked_seats": [],
            },
            "fares": [], "status": "scheduled", "reason": null,
        })
    }

    #[test]
    fn an_old_event_has_the_default_tax() {
        let mut state: FlightState = serde_json::from_value(old_event()).unwrap();
        assert_eq!((state.departure_tax, state.tax(Currency::EUR)), (None, 800));
        assert_eq!(serde_json::to_value(&state).unwrap()["departure_tax"], Value::Null);
        state.destination.country = "FR".parse().unwrap();
        assert_eq!(state.tax(Currency::EUR), 2400);
    }

    #[test]
    fn a_tax_is_carried_and_charged() {
        let mut event = old_event();
        event["departure_tax"] = json!({"amount": "18.50", "currency": "EUR"});
        let state: FlightState = serde_json::from_value(event.clone()).unwrap();
        assert_eq!(state.tax(Currency::EUR), 1850);
        assert_eq!(state.tax("JPY".parse().unwrap()), 8, "18.50 euros are no amount of yen");
        assert_eq!(serde_json::to_value(&state).unwrap(), event);
        event["departure_tax"]["amount"] = json!("0.00");
        let free: FlightState = serde_json::from_value(event).unwrap();
        assert_eq!(free.tax(Currency::EUR), 0, "an airport may charge nothing");
    }
}
