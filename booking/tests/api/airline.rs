//! What the airline does to flights that are booked.

use crate::fixture::{ServiceFixture, booking, eventually, paid, passenger, status_of};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::{
    events::{EventType, FlightState, FlightStatus},
    flight_time::FlightTime,
};
use testkit::Client;

async fn book(client: &Client, flight: &FlightState, name: &str, token: Option<&str>) -> Value {
    let body = booking(flight.id, &[passenger("ADT", name, None)]);
    let body = token.map_or_else(|| body.clone(), |token| paid(body.clone(), token));
    client.post("/api/v1/bookings", &body).await.expect(201)
}

fn path(booking: &Value) -> String {
    format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap())
}

fn cancelled(flight: &FlightState) -> FlightState {
    FlightState { status: FlightStatus::Cancelled, version: flight.version + 1, ..flight.clone() }
}

#[actix_web::test]
async fn a_cancelled_flight_gives_back_everything_to_everybody() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let bought = book(&client, &flight, "Ada", Some("tok_visa")).await;
    let held = book(&client, &flight, "Grace", None).await;
    // Long ago, with a fare that gives back nothing but the taxes.
    fixture.sql("UPDATE bookings SET confirmed_at = now() - interval '10 days' WHERE status = 1").await;
    fixture.publish(EventType::FlightCancelled, &cancelled(&flight)).await;
    eventually("the cancellations", async || {
        let (one, other) = (client.get(&path(&bought)).await, client.get(&path(&held)).await);
        one.json["status"] == "cancelled" && other.json["status"] == "cancelled"
    })
    .await;
    let after = client.get(&path(&bought)).await.expect(200);
    assert_eq!(after["payment_status"], "refunded");
    assert_eq!(after["refunds"][0]["amount"], bought["price"]["total"]);
    assert_eq!(after["refunds"][0]["reason"], "cancelled by the airline");
    assert_eq!(fixture.count("seats").await, 0);
    assert_eq!(fixture.count("events WHERE kind = 'booking.cancelled'").await, 2);
    eventually("the refund", async || {
        client.get(&path(&bought)).await.json["refunds"][0]["status"] == "settled"
    })
    .await;
    eventually("the end of the work", async || fixture.count("disruptions").await == 0).await;
    // Told again, nothing more happens.
    fixture.publish(EventType::FlightCancelled, &cancelled(&flight)).await;
    assert_eq!(fixture.count("events WHERE kind = 'booking.cancelled'").await, 2);
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 3").await, 1);
    let body = booking(flight.id, &[passenger("ADT", "Mary", None)]);
    client.post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_payment_under_way_is_voided_when_the_flight_is_cancelled() {
    let fixture = ServiceFixture::with(1, |config| config.payment_timeout_ms = 200).await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_timeout");
    let unsettled = client.post("/api/v1/bookings", &body).await;
    unsettled.expect_problem(504, "upstream_timeout");
    let path = path(&unsettled.json["booking"]);
    fixture.publish(EventType::FlightCancelled, &cancelled(&flight)).await;
    eventually("the cancellation", async || client.get(&path).await.json["status"] == "cancelled").await;
    fixture
        .eventually_with_sweeps("the void", async || {
            fixture.count("sandbox_operations WHERE operation = 2").await == 1
        })
        .await;
    let after = client.get(&path).await.expect(200);
    assert_eq!(after["payments"][0]["status"], "declined");
    assert_eq!(fixture.count("ledger_entries").await, 0, "no money has moved");
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 1").await, 0, "nothing was captured");
    fixture.stop().await;
}

#[actix_web::test]
async fn new_times_are_published_once_for_each_booking() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let bought = book(&client, &flight, "Ada", Some("tok_visa")).await;
    let gone = book(&client, &flight, "Grace", Some("tok_visa")).await;
    client.post(&format!("{}/cancel", path(&gone)), &json!({})).await.expect(200);
    let later = |time: &FlightTime| {
        FlightTime::from_instant(time.at + TimeDelta::minutes(90), &time.time_zone).unwrap()
    };
    let delayed = FlightState {
        departure: later(&flight.departure),
        arrival: later(&flight.arrival),
        status: FlightStatus::Delayed,
        version: 2,
        ..flight.clone()
    };
    fixture.publish(EventType::FlightChanged, &delayed).await;
    let told = "events WHERE kind = 'booking.changed'";
    eventually("the news", async || fixture.count(told).await == 1).await;
    let after = client.get(&path(&bought)).await.expect(200);
    assert_eq!(after["segments"][0]["departure"], serde_json::to_value(&delayed.departure).unwrap());
    assert_eq!(
        (&after["status"], after["version"].as_i64()),
        (&json!("confirmed"), Some(bought["version"].as_i64().unwrap() + 1))
    );
    eventually("the end of the work", async || fixture.count("disruptions").await == 0).await;
    // Who books now knows the new times; a change that moves no times is no news to anybody.
    book(&client, &delayed, "Mary", Some("tok_visa")).await;
    fixture
        .publish(
            EventType::FlightChanged,
            &FlightState { version: 3, airplane: "G-AERP".parse().unwrap(), ..delayed.clone() },
        )
        .await;
    assert_eq!(fixture.count("disruptions").await, 0);
    let moved = FlightState {
        departure: later(&delayed.departure),
        arrival: later(&delayed.arrival),
        version: 4,
        ..delayed
    };
    fixture.publish(EventType::FlightChanged, &moved).await;
    eventually("the second news", async || fixture.count(told).await == 3).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn the_next_instance_finishes_disruptions_left_undone() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let bought = book(&client, &flight, "Ada", Some("tok_visa")).await;
    let id = client.get(&path(&bought)).await.expect(200)["owner_id"].as_str().unwrap().parse().unwrap();
    let mut fixture = fixture.stop_instances().await;
    // As after a crash between the flight's new state and its bookings.
    fixture.sql("UPDATE flights SET version = 2, on_sale = false").await;
    fixture
        .sql("UPDATE flight_states SET version = 2, state = state || '{\"version\": 2, \"status\": \"cancelled\"}'")
        .await;
    fixture.sql("INSERT INTO disruptions SELECT id, 2, 0 FROM flights").await;
    fixture.start(|_| {}).await;
    let client = fixture.user(0, id, &[]);
    eventually("the cancellation", async || client.get(&path(&bought)).await.json["status"] == "cancelled")
        .await;
    let map = fixture.guest(0).get(&format!("/api/v1/flights/{}/seat-map", flight.id)).await.expect(200);
    let seat = bought["passengers"][0]["seats"][0]["designator"].as_str().unwrap();
    assert_eq!(status_of(&map, seat), "available");
    fixture.stop().await;
}

/// The same flight as it departs so long from now.
fn moved_to(flight: &FlightState, ahead: TimeDelta) -> FlightState {
    let at = |add| FlightTime::from_instant(Utc::now() + ahead + add, &flight.departure.time_zone).unwrap();
    let (departure, arrival) = (at(TimeDelta::zero()), at(TimeDelta::hours(2)));
    FlightState { departure, arrival, version: flight.version + 1, ..flight.clone() }
}

#[actix_web::test]
async fn a_hold_on_a_flight_that_moves_forward_ends_when_its_sales_close() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let held = book(&client, &flight, "Ada", None).await;
    let sooner = moved_to(&flight, TimeDelta::minutes(50));
    fixture.publish(EventType::FlightChanged, &sooner).await;
    eventually("the news", async || client.get(&path(&held)).await.json["version"] == 2).await;
    let after = client.get(&path(&held)).await.expect(200);
    assert_eq!(after["status"], "held");
    let ends: DateTime<Utc> = serde_json::from_value(after["hold_expires_at"].clone()).unwrap();
    assert!(ends <= sooner.departure.at - TimeDelta::minutes(45), "{ends}");
    // Now it leaves in half an hour: sales have closed.
    fixture.publish(EventType::FlightChanged, &moved_to(&sooner, TimeDelta::minutes(30))).await;
    eventually("the end", async || client.get(&path(&held)).await.json["version"] == 4).await;
    let after = client.get(&path(&held)).await.expect(200);
    assert_eq!((&after["status"], &after["available_actions"]), (&json!("expired"), &json!([])));
    assert_eq!(fixture.count("seats").await, 0);
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1);
    let pay = json!({"method": "card", "token": "tok_visa"});
    client.post(&format!("{}/payments", path(&held)), &pay).await.expect_problem(409, "hold_expired");
    fixture.stop().await;
}

#[actix_web::test]
async fn nothing_is_paid_for_a_flight_that_has_moved_forward_unnoticed() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let flight = fixture.flight(30).await;
    let held = book(&client, &flight, "Ada", None).await;
    // Its booking has yet to follow.
    fixture.sql("UPDATE flights SET departure_at = now() + interval '30 minutes'").await;
    let pay = json!({"method": "card", "token": "tok_visa"});
    let refused = client.post(&format!("{}/payments", path(&held)), &pay).await;
    refused.expect_problem(409, "flight_not_bookable");
    assert_eq!((fixture.count("payments").await, fixture.count("sandbox_operations").await), (0, 0));
    fixture.stop().await;
}

#[actix_web::test]
async fn however_many_flights_change_none_waits_for_another_look() {
    let rarely = |config: &mut booking::config::Config| config.disruption_sweep_ms = 3_600_000;
    let mut fixture = ServiceFixture::with(1, rarely).await.stop_instances().await;
    let noted = "INSERT INTO disruptions (flight_id, version, kind) \
                 SELECT gen_random_uuid(), 1, 1 FROM generate_series(1, 150)";
    assert_eq!(fixture.sql(noted).await, 150);
    fixture.start(rarely).await;
    eventually("the end of the work", async || fixture.count("disruptions").await == 0).await;
    fixture.stop().await;
}
