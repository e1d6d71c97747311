//! Flights that move between the check of an order and its commit.

use crate::fixture::{ServiceFixture, VOIDED, eventually, flight, passenger};
use chrono::{Months, TimeDelta};
use futures_util::future::join;
use serde_json::{Value, json};
use shared::{
    events::{EventType, FlightState},
    flight_time::FlightTime,
};
use testkit::Client;

async fn published(fixture: &ServiceFixture, ahead: TimeDelta) -> FlightState {
    let state = flight(ahead);
    fixture.publish(EventType::FlightPublished, &state).await;
    state
}

/// Moves a flight in the database; nobody is told of it.
async fn moved(fixture: &ServiceFixture, state: &FlightState, by: TimeDelta) {
    let move_time = |time: &FlightTime| FlightTime::from_instant(time.at + by, &time.time_zone).unwrap();
    let (departure, arrival) = (move_time(&state.departure), move_time(&state.arrival));
    let state = FlightState { departure, arrival, version: state.version + 1, ..state.clone() };
    let (id, version, at) = (state.id, state.version, state.departure.at.to_rfc3339());
    let json = serde_json::to_string(&state).unwrap();
    fixture
        .sql(&format!(
            "UPDATE flight_states SET version = {version}, state = '{json}' WHERE flight_id = '{id}'"
        ))
        .await;
    fixture
        .sql(&format!("UPDATE flights SET version = {version}, departure_at = '{at}' WHERE id = '{id}'"))
        .await;
}

/// Has the allocators of flights read them as they are.
async fn look_at(client: &Client, flights: &[&FlightState]) {
    for state in flights {
        client.get(&format!("/api/v1/flights/{}/seat-map", state.id)).await.expect(200);
    }
}

fn journey(flights: &[&FlightState], mut passengers: Vec<Value>) -> Value {
    for passenger in &mut passengers {
        passenger["seats"] = Value::Null;
    }
    let segment =
        |state: &&FlightState| json!({"flight_id": state.id, "cabin": "economy", "brand": "standard"});
    json!({
        "segments": flights.iter().map(segment).collect::<Vec<_>>(),
        "passengers": passengers,
        "contact": {"email": "ada@example.org"},
    })
}

#[actix_web::test]
async fn the_order_of_flights_is_rechecked() {
    let fixture = ServiceFixture::new().await;
    let first = published(&fixture, TimeDelta::days(30)).await;
    let second = published(&fixture, TimeDelta::days(31)).await;
    let client = fixture.customer();
    look_at(&client, &[&first, &second]).await;
    // The second departs before the first has arrived.
    moved(&fixture, &second, TimeDelta::hours(-20)).await;
    let body = journey(&[&first, &second], vec![passenger("ADT", "Ada", None)]);
    assert_eq!(client.post("/api/v1/bookings", &body).await.invalid(), ["/segments/1"]);
    assert_eq!((fixture.count("bookings").await, fixture.count("seats").await), (0, 0));
    fixture.stop().await;
}

#[actix_web::test]
async fn ages_are_rechecked() {
    let fixture = ServiceFixture::new().await;
    let state = published(&fixture, TimeDelta::days(30)).await;
    let client = fixture.customer();
    look_at(&client, &[&state]).await;
    // Two years old two days after: on a lap for the last time.
    let born = state.departure.local.date() + TimeDelta::days(2) - Months::new(24);
    let mut infant = passenger("INF", "Alan", None);
    infant["born_on"] = json!(born.to_string());
    let body = journey(&[&state], vec![passenger("ADT", "Ada", None), infant]);
    client.post("/api/v1/bookings", &body).await.expect(201);
    moved(&fixture, &state, TimeDelta::days(3)).await;
    let answer = fixture.customer().post("/api/v1/bookings", &body).await;
    assert_eq!(answer.invalid(), ["/passengers/1/born_on"]);
    assert_eq!(fixture.count("bookings").await, 1);
    // Who can travel still does, by the new times.
    let alone = journey(&[&state], vec![passenger("ADT", "Ada", None)]);
    let made = fixture.customer().post("/api/v1/bookings", &alone).await.expect(201);
    assert_ne!(made["segments"][0]["departure"]["at"], json!(state.departure.at));
    fixture.stop().await;
}

#[actix_web::test]
async fn a_journey_that_has_become_impossible_is_not_paid() {
    let fixture = ServiceFixture::new().await;
    let first = published(&fixture, TimeDelta::days(30)).await;
    let second = published(&fixture, TimeDelta::days(31)).await;
    let client = fixture.customer();
    let body = journey(&[&first, &second], vec![passenger("ADT", "Ada", None)]);
    let held = client.post("/api/v1/bookings", &body).await.expect(201);
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let payments = format!("{path}/payments");
    let pay = json!({"method": "card", "token": "tok_visa"});

    // The first flight is moved behind the second.
    moved(&fixture, &first, TimeDelta::hours(48)).await;
    client.post(&payments, &pay).await.expect_problem(409, "flight_not_bookable");
    let shown = client.get(&path).await.expect(200);
    assert_eq!((&shown["status"], &shown["hold_expires_at"]), (&json!("held"), &held["hold_expires_at"]));
    assert!(!shown["available_actions"].as_array().unwrap().contains(&json!("pay")));
    assert_eq!(fixture.count("payments").await, 0);

    // When the second is moved, too, it can be flown again.
    moved(&fixture, &second, TimeDelta::hours(48)).await;
    assert_eq!(client.post(&payments, &pay).await.expect(200)["status"], "confirmed");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_payment_under_way_is_voided_when_its_journey_becomes_impossible() {
    let fixture = ServiceFixture::new().await;
    let first = published(&fixture, TimeDelta::days(30)).await;
    let second = published(&fixture, TimeDelta::days(31)).await;
    let client = fixture.customer();
    let mut body = journey(&[&first, &second], vec![passenger("ADT", "Ada", None)]);
    body["payment"] = json!({"method": "card", "token": "tok_slow"});
    let move_it = async {
        eventually("the payment", async || fixture.count("payments WHERE state = 0").await == 1).await;
        moved(&fixture, &first, TimeDelta::hours(48)).await;
    };
    let (answer, ()) = join(client.post("/api/v1/bookings", &body), move_it).await;
    answer.expect_problem(402, "payment_declined");
    fixture.eventually_with_sweeps("the void", async || fixture.count(VOIDED).await == 1).await;
    assert_eq!(fixture.count("bookings WHERE status = 0").await, 1, "the hold stays until its end");
    assert_eq!(fixture.count("ledger_entries").await, 0);
    fixture.stop().await;
}
