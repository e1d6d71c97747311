//! Holds: their end, their limits.

use crate::fixture::{ServiceFixture, booking, eventually, flight, name, paid, passenger, status_of};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::{auth::Permission, events::EventType, ids::UserId};

/// Milliseconds until the next sweep: none within the test.
const NEVER: u64 = 3_600_000;
const BACKDATE: &str = "UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 0";

#[actix_web::test]
async fn a_hold_that_has_ended_is_over_for_everybody_at_once() {
    let fixture = ServiceFixture::with(2, |config| config.reap_ms = NEVER).await;
    let flight = fixture.flight(30).await;
    let owner = UserId::new();
    let client = fixture.user(0, owner, &[]);
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let held = client.post("/api/v1/bookings", &body).await.expect(201);
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    fixture.sql(BACKDATE).await;
    let expired = client.get(&path).await.expect(200);
    assert_eq!((&expired["status"], &expired["hold_expires_at"]), (&json!("expired"), &Value::Null));
    assert_eq!(
        (&expired["segments"][0]["status"], &expired["available_actions"]),
        (&json!("expired"), &json!([]))
    );
    let list = |status: &str| format!("/api/v1/bookings?status={status}");
    assert_eq!(client.get(&list("expired")).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&list("held")).await.expect(200)["data"], json!([]));
    let pay = json!({"method": "card", "token": "tok_visa"});
    client.post(&format!("{path}/payments"), &pay).await.expect_problem(409, "hold_expired");
    client.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "hold_expired");
    assert_eq!(fixture.count("sandbox_operations").await, 0, "nobody was charged");
    // The next who wants the seat gets it; so does the same traveller. (Not where the hold was made: that
    // instance knows its end, and nothing but a test moves it to an earlier one.)
    fixture.user(1, owner, &[]).post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_hold_that_has_ended_is_over_at_once_where_it_was_made() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = NEVER).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    // A hold ends with the sales, which are closed in some seconds, and opened again when it is made.
    let departs = async |ahead: &str| {
        fixture.sql(&format!("UPDATE flights SET departure_at = now() + interval '{ahead}'")).await;
    };
    departs("45 minutes 4 seconds").await;
    let held = client.post("/api/v1/bookings", &body).await.expect(201);
    departs("30 days").await;
    fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "seat_taken");
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    eventually("the end", async || client.get(&path).await.expect(200)["status"] == "expired").await;
    // Though this instance has just known that the seat is held: so does the same traveller get it.
    client.post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn the_sweeper_releases_seats_and_publishes_events() {
    let fixture = ServiceFixture::with(2, |config| config.reap_ms = 20).await;
    let flight = fixture.flight(30).await;
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.sql(BACKDATE).await;
    eventually("the end", async || fixture.count("bookings WHERE status = 3").await == 1).await;
    assert_eq!(fixture.count("seats").await + fixture.count("travellers").await, 0);
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1, "told once, by one instance");
    let path = format!("/api/v1/flights/{}/seat-map", flight.id);
    eventually("the seat map", async || {
        status_of(&fixture.guest(1).get(&path).await.json, "4A") == "available"
    })
    .await;
    fixture.stop().await;
}

#[actix_web::test]
async fn nine_seats_are_held_per_account_and_flight() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = NEVER).await;
    let (flight, other) = (fixture.flight(30).await, fixture.flight(31).await);
    let party = |from: usize, count: usize| -> Vec<Value> {
        (from..from + count).map(|number| passenger("ADT", &name(number), None)).collect()
    };
    let client = fixture.customer();
    client.post("/api/v1/bookings", &booking(flight.id, &party(0, 8))).await.expect(201);
    client
        .post("/api/v1/bookings", &booking(flight.id, &party(10, 2)))
        .await
        .expect_problem(409, "hold_limit");
    client.post("/api/v1/bookings", &booking(flight.id, &party(10, 1))).await.expect(201);
    client
        .post("/api/v1/bookings", &booking(flight.id, &party(20, 1)))
        .await
        .expect_problem(409, "hold_limit");
    client.post("/api/v1/bookings", &booking(other.id, &party(20, 1))).await.expect(201);
    let exempt = fixture.user(0, UserId::new(), &[Permission::LimitsExempt]);
    for from in [100, 110] {
        exempt.post("/api/v1/bookings", &booking(flight.id, &party(from, 9))).await.expect(201);
    }
    // Holds that have ended do not count.
    fixture.sql(BACKDATE).await;
    client.post("/api/v1/bookings", &booking(flight.id, &party(20, 9))).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn purchases_that_were_declined_count_as_held() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = NEVER).await;
    let flight = fixture.flight(30).await;
    let party: Vec<Value> = (0..9).map(|number| passenger("ADT", &name(number), None)).collect();
    let client = fixture.customer();
    let declined = paid(booking(flight.id, &party), "tok_declined");
    client.post("/api/v1/bookings", &declined).await.expect_problem(402, "payment_declined");
    let more = booking(flight.id, &[passenger("ADT", "Grace", None)]);
    for body in [paid(more.clone(), "tok_declined"), paid(more.clone(), "tok_visa"), more] {
        client.post("/api/v1/bookings", &body).await.expect_problem(409, "hold_limit");
    }
    assert_eq!(fixture.count("seats").await, 9);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_payment_prolongs_no_hold_beyond_the_departure() {
    let fixture = ServiceFixture::with(1, |config| config.payment_timeout_ms = 100).await;
    let flight = flight(TimeDelta::minutes(50));
    fixture.publish(EventType::FlightPublished, &flight).await;
    let client = fixture.customer();
    let body = |name: &str| booking(flight.id, &[passenger("ADT", name, None)]);
    let bought = client.post("/api/v1/bookings", &paid(body("Ada"), "tok_timeout")).await;
    bought.expect_problem(504, "upstream_timeout");
    let held = client.post("/api/v1/bookings", &body("Grace")).await.expect(201);
    let path = format!("/api/v1/bookings/{}/payments", held["id"].as_str().unwrap());
    let paid = client.post(&path, &json!({"method": "card", "token": "tok_timeout"})).await;
    paid.expect_problem(504, "upstream_timeout");
    for answer in [bought, paid] {
        let end: DateTime<Utc> = answer.json["booking"]["hold_expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(end, flight.departure.at);
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn no_hold_outlives_the_sales() {
    let fixture = ServiceFixture::with(1, |config| config.max_hold_minutes = 30).await;
    let flight = flight(TimeDelta::minutes(50));
    fixture.publish(EventType::FlightPublished, &flight).await;
    let later = fixture.flight(30).await;
    let body = |flight, minutes: Option<i64>| {
        let mut body = booking(flight, &[passenger("ADT", "Ada", None)]);
        body["hold_minutes"] = json!(minutes);
        body
    };
    let held = fixture.customer().post("/api/v1/bookings", &body(flight.id, None)).await.expect(201);
    let end: DateTime<Utc> = held["hold_expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(end, flight.departure.at - TimeDelta::minutes(45));
    // Nor the limit of the configuration.
    fixture.customer().post("/api/v1/bookings", &body(later.id, Some(30))).await.expect(201);
    let refused = fixture.customer().post("/api/v1/bookings", &body(later.id, Some(31))).await;
    assert_eq!(refused.invalid(), ["/hold_minutes"]);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_passenger_is_booked_once_on_a_flight() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let first = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)]))
        .await
        .expect(201);
    let again = booking(flight.id, &[passenger("ADT", "aDA", None), passenger("ADT", "Grace", None)]);
    client.post("/api/v1/bookings", &again).await.expect_problem(409, "passenger_already_booked");
    assert_eq!(fixture.count("seats").await, 1, "nothing was kept");
    fixture.customer().post("/api/v1/bookings", &again).await.expect(201);
    let path = format!("/api/v1/bookings/{}/cancel", first["id"].as_str().unwrap());
    client.post(&path, &json!({})).await.expect(200);
    client.post("/api/v1/bookings", &again).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn holds_last_as_long_as_was_asked_for() {
    let fixture = ServiceFixture::new().await;
    let (near, far) = (fixture.flight(3).await, fixture.flight(30).await);
    let hold = async |flight, minutes: Option<i64>, who: &str| {
        let mut body = booking(flight, &[passenger("ADT", who, None)]);
        body["hold_minutes"] = json!(minutes);
        fixture.customer().post("/api/v1/bookings", &body).await
    };
    for (flight, asked, minutes) in [(near.id, None, 15), (near.id, Some(60), 60), (far.id, Some(1440), 1440)]
    {
        let held = hold(flight, asked, "Ada").await.expect(201);
        let end: DateTime<Utc> = held["hold_expires_at"].as_str().unwrap().parse().unwrap();
        let created: DateTime<Utc> = held["created_at"].as_str().unwrap().parse().unwrap();
        assert_eq!((end - created).num_seconds(), minutes * 60);
    }
    for (flight, minutes) in [(near.id, 61), (far.id, 1441), (far.id, 0), (far.id, -5), (far.id, i64::MAX)] {
        let refused = hold(flight, Some(minutes), "Ada").await;
        refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.invalid(), ["/hold_minutes"]);
    }
    fixture.stop().await;
}
