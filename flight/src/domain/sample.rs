//! Flights for the tests of the domain.

use super::flight::{Equipment, Flight};
use chrono::{Duration, NaiveDate};
use shared::{
    events::{AircraftTypeSummary, Carrier, CitySummary, FlightStatus, Station},
    fare::{Brand, FlightFare},
    flight_time::FlightTime,
    ids::FlightId,
    money::{Currency, Money},
    seat::{Cabin, CabinSection, SeatPlan},
};
use std::{str::FromStr, sync::Arc};

/// A code of any kind.
pub(crate) fn code<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a good code")
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// An airport on UTC; those whose codes begin alike are of one city, `LHR` and `LGW` of `LLL`.
pub(crate) fn station(iata: &str) -> Arc<Station> {
    let country = if iata.starts_with('L') { "GB" } else { "FR" };
    Arc::new(Station {
        iata: code(iata),
        name: iata.to_owned(),
        city: CitySummary { code: code(&iata[..1].repeat(3)), name: "City".to_owned() },
        country: code(country),
        time_zone: "UTC".to_owned(),
    })
}

/// Ten rows of four economy seats behind two of business.
pub(crate) fn equipment() -> Arc<Equipment> {
    let section = |cabin, rows| CabinSection { cabin, rows, columns: code("AC|DF") };
    Arc::new(Equipment {
        aircraft_type: AircraftTypeSummary { code: code("E90"), name: "Embraer 190".to_owned() },
        plan: SeatPlan {
            cabins: vec![section(Cabin::Business, [1, 2]), section(Cabin::Economy, [3, 12])],
            exit_rows: vec![],
            blocked_seats: vec![],
        },
    })
}

/// A flight that leaves at this time (`2026-12-01T10:00`, UTC) and takes these minutes.
pub(crate) fn flight(route: (&str, &str), departure: &str, minutes: i64) -> Flight {
    let departure = FlightTime::from_local(code(departure), "UTC").expect("a time");
    let arrival = FlightTime::from_instant(departure.at + Duration::minutes(minutes), "UTC").expect("a time");
    let fare =
        |cabin, brand, minor| FlightFare { cabin, brand, base_price: Money::new(minor, Currency::EUR) };
    Flight {
        id: FlightId::new(),
        version: 1,
        flight_number: code("AE1"),
        airline: Arc::new(Carrier { code: code("AE"), name: "AE".to_owned(), accounting_code: code("997") }),
        origin: station(route.0),
        destination: station(route.1),
        departure,
        arrival,
        airplane: code("G-AERA"),
        equipment: equipment(),
        fares: vec![
            fare(Cabin::Economy, Brand::Light, 10_000),
            fare(Cabin::Economy, Brand::Flex, 10_000),
            fare(Cabin::Business, Brand::Standard, 32_000),
        ],
        departure_tax: None,
        status: FlightStatus::Scheduled,
        reason: None,
    }
}
