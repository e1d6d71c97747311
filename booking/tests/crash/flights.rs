//! Flights on sale, put into booking's inventory as its feed does, and bodies of requests.

use crate::database;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::{db::DatabaseConfig, events::FlightState, flight_time::FlightTime, ids::FlightId};

/// The code of a flight's cancellation in the table of changes.
const CANCELLED: i16 = 0;
/// Rows of an airplane, each with six seats.
pub(crate) const ROWS: u32 = 30;

/// Puts a flight on sale.
pub(crate) async fn put_on_sale(database: &DatabaseConfig) -> FlightId {
    let state = flight();
    let FlightState { id, version, .. } = state;
    let departs = state.departure.at.to_rfc3339();
    let flight = format!(
        "INSERT INTO flights (id, version, departure_at, on_sale) VALUES ('{id}', {version}, '{departs}', true)"
    );
    let json = serde_json::to_string(&state).unwrap().replace('\'', "''");
    let state =
        format!("INSERT INTO flight_states (flight_id, version, state) VALUES ('{id}', {version}, '{json}')");
    database::run(database, &flight).await;
    database::run(database, &state).await;
    id
}

/// Has the airline cancel a flight, as booking's feed stores it.
pub(crate) async fn cancel_flight(database: &DatabaseConfig, flight: FlightId) {
    let state = format!(
        "UPDATE flight_states SET version = 2, state = state || '{{\"version\": 2, \"status\": \"cancelled\", \"reason\": \"a test\"}}' WHERE flight_id = '{flight}'"
    );
    let flights = format!("UPDATE flights SET version = 2, on_sale = false WHERE id = '{flight}'");
    // Last, for whoever finds it acts on the others.
    let change =
        format!("INSERT INTO disruptions (flight_id, version, kind) VALUES ('{flight}', 2, {CANCELLED})");
    for statement in [state, flights, change] {
        assert_eq!(database::run(database, &statement).await, 1);
    }
}

/// AE101 from London to New York in sixty days, all economy, `ABC|DEF`.
fn flight() -> FlightState {
    let departs =
        DateTime::from_timestamp((Utc::now() + TimeDelta::days(60)).timestamp() / 60 * 60, 0).unwrap();
    let station = |iata: &str, city: &str, country: &str, zone: &str| {
        json!({
            "iata": iata, "name": format!("{city} airport"), "city": {"code": iata, "name": city},
            "country": country, "time_zone": zone,
        })
    };
    let fare = |brand: &str| json!({"cabin": "economy", "brand": brand, "base_price": {"amount": "106.00", "currency": "EUR"}});
    serde_json::from_value(json!({
        "id": FlightId::new(), "version": 1, "flight_number": "AE101",
        "airline": {"code": "AE", "name": "Aerobus Airlines", "accounting_code": "997"},
        "origin": station("LHR", "London", "GB", "Europe/London"),
        "destination": station("JFK", "New York", "US", "America/New_York"),
        "departure": FlightTime::from_instant(departs, "Europe/London").unwrap(),
        "arrival": FlightTime::from_instant(departs + TimeDelta::hours(7), "America/New_York").unwrap(),
        "airplane": "G-AERO", "aircraft_type": {"code": "320", "name": "Airbus A320"},
        "seat_plan": {
            "cabins": [{"cabin": "economy", "rows": [1, ROWS], "columns": "ABC|DEF"}],
            "exit_rows": [12, 13], "blocked_seats": [],
        },
        "fares": [fare("light"), fare("standard"), fare("flex")], "status": "scheduled", "reason": null,
    }))
    .unwrap()
}

/// The body of a booking of one adult, whose name is no other's, on this seat or any.
pub(crate) fn booking(flight: FlightId, number: usize, seat: Option<&str>, token: Option<&str>) -> Value {
    let letters: String = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
    let mut body = json!({
        "segments": [{"flight_id": flight, "cabin": "economy", "brand": "standard"}],
        "passengers": [{"type": "ADT", "given_name": format!("Ada{letters}"), "family_name": "Lovelace",
                        "born_on": "1990-05-17", "seats": [seat]}],
        "contact": {"email": "ada@example.org", "phone": null},
    });
    if let Some(token) = token {
        body["payment"] = payment(token);
    }
    body
}

/// The body of a payment.
pub(crate) fn payment(token: &str) -> Value {
    json!({"method": "card", "token": token})
}
