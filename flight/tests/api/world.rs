//! A small network to test with: two cities, three airports, two airplanes.

use chrono::{Duration, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use flight::{
    domain::reference::{AircraftType, Airline, Airplane, Airport, City, DepartureTaxes, SeatLayout},
    store::{ReferenceTable, flights::NewFlight},
};
use shared::{
    fare::{Brand, FlightFare},
    flight_time::FlightTime,
    ids::{FlightId, SeatLayoutId},
    money::{Currency, Money},
    seat::{Cabin, CabinSection, SeatPlan},
};

/// A code of any kind.
pub(crate) fn code<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a good code")
}

/// 12 business and 138 economy seats, two of these blocked.
pub(crate) fn plan() -> SeatPlan {
    let section = |cabin, rows, columns| CabinSection { cabin, rows, columns: code(columns) };
    SeatPlan {
        cabins: vec![section(Cabin::Business, [1, 3], "AC|DF"), section(Cabin::Economy, [4, 26], "ABC|DEF")],
        exit_rows: vec![10, 11],
        blocked_seats: vec![code("26A"), code("26F")],
    }
}

/// Inserts London (LHR, LGW), Paris (CDG), the airline AE and the airplanes G-AERA and G-AERB.
pub(crate) async fn found(connection: &mut AsyncPgConnection) {
    let city = |key: &str, name: &str, country: &str, zone: &str| City {
        code: code(key),
        name: name.into(),
        country: code(country),
        time_zone: zone.into(),
    };
    let airport = |iata: &str, name: &str, city: &str, country: &str, zone: &str| Airport {
        iata: code(iata),
        icao: None,
        name: name.into(),
        city: code(city),
        country: code(country),
        time_zone: zone.into(),
        latitude: 50.0,
        longitude: 0.5,
        min_connection_minutes: Some(45),
        taxes: DepartureTaxes::default(),
    };
    let cities = [city("LON", "London", "GB", "Europe/London"), city("PAR", "Paris", "FR", "Europe/Paris")];
    let airports = [
        airport("LHR", "Heathrow", "LON", "GB", "Europe/London"),
        airport("LGW", "Gatwick", "LON", "GB", "Europe/London"),
        airport("CDG", "Charles de Gaulle", "PAR", "FR", "Europe/Paris"),
    ];
    assert_eq!(City::insert(connection, &cities).await.expect("cities"), 2);
    assert_eq!(Airport::insert(connection, &airports).await.expect("airports"), 3);
    let airline = Airline { code: code("AE"), name: "Aerobus Airlines".into(), accounting_code: code("997") };
    Airline::insert(connection, &[airline]).await.expect("airlines");
    let kind = AircraftType { code: code("320"), icao: "A320".into(), name: "Airbus A320".into() };
    AircraftType::insert(connection, &[kind]).await.expect("aircraft types");
    let layout = SeatLayout {
        id: SeatLayoutId::new(),
        name: "A320 two-class".into(),
        version: 1,
        aircraft_type: code("320"),
        plan: plan(),
    };
    SeatLayout::insert(connection, std::slice::from_ref(&layout)).await.expect("seat layouts");
    let airplane = |registration: &str| Airplane {
        registration: code(registration),
        airline: code("AE"),
        aircraft_type: code("320"),
        seat_layout_id: layout.id,
    };
    Airplane::insert(connection, &[airplane("G-AERA"), airplane("G-AERB")]).await.expect("airplanes");
}

/// A date some days from today.
pub(crate) fn day(ahead: i64) -> NaiveDate {
    (Utc::now() + Duration::days(ahead)).date_naive()
}

/// Standard fares: economy 100.00, business 320.00.
pub(crate) fn fares() -> Vec<FlightFare> {
    let fare =
        |cabin, brand, minor| FlightFare { cabin, brand, base_price: Money::new(minor, Currency::EUR) };
    vec![
        fare(Cabin::Economy, Brand::Light, 10_000),
        fare(Cabin::Economy, Brand::Flex, 10_000),
        fare(Cabin::Business, Brand::Standard, 32_000),
    ]
}

/// A flight from Britain to Paris of 75 minutes.
pub(crate) fn flight(number: &str, origin: &str, date: NaiveDate, time: &str, airplane: &str) -> NewFlight {
    let departure = FlightTime::from_local(code(&format!("{date}T{time}")), "Europe/London").expect("a time");
    let arrival =
        FlightTime::from_instant(departure.at + Duration::minutes(75), "Europe/Paris").expect("a time");
    NewFlight {
        id: FlightId::new(),
        flight_number: code(number),
        origin: code(origin),
        destination: code("CDG"),
        departure,
        arrival,
        airplane: code(airplane),
        fares: fares(),
    }
}

/// The body of a flight from an airport in Britain to Paris, economy light 100.00.
pub(crate) fn body(
    number: &str,
    origin: &str,
    departure: &str,
    arrival: &str,
    airplane: &str,
) -> serde_json::Value {
    serde_json::json!({
        "flight_number": number, "origin": origin, "destination": "CDG", "airplane": airplane,
        "departure_local": departure, "arrival_local": arrival,
        "fares": [{
            "cabin": "economy", "brand": "light", "base_price": {"amount": "100.00", "currency": "EUR"},
        }],
    })
}
