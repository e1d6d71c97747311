//! Ended holds before the expiry sweeper runs.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use serde_json::{Value, json};
use shared::ids::UserId;
use testkit::Client;

/// Milliseconds until the next sweep: none within the test.
const NEVER: u64 = 86_400_000;

async fn hold(client: &Client, body: &Value) -> (Value, String) {
    let held = client.post("/api/v1/bookings", body).await.expect(201);
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    (held, path)
}

#[actix_web::test]
async fn ended_holds_count_as_expired_in_every_answer() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = NEVER).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let sold = paid(booking(flight.id, &[passenger("ADT", "Mary", Some("4B"))]), "tok_visa");
    fixture.customer().post("/api/v1/bookings", &sold).await.expect(201);
    let (held, path) = hold(&client, &booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))])).await;
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 0").await;
    // The state of the flight does not matter any more.
    fixture.sql("UPDATE flights SET on_sale = false, departure_at = now() + interval '5 minutes'").await;
    let passenger = held["passengers"][0]["id"].as_str().unwrap();
    let seat = |designator: &str| json!({"changes": [{"passenger_id": passenger, "flight_id": flight.id, "designator": designator}]});
    let posts = [
        ("payments", json!({"method": "card", "token": "tok_visa"})),
        ("cancellation-quote", json!({})),
        ("cancel", json!({})),
        ("cancel", json!({"quote_id": UserId::new()})),
    ];
    for (what, body) in posts {
        client.post(&format!("{path}/{what}"), &body).await.expect_problem(409, "hold_expired");
    }
    let patches = [
        (String::new(), json!({"contact": {"email": "grace@example.org"}})),
        (format!("/passengers/{passenger}"), json!({"given_name": "Adah"})),
        // Taken, blocked, and free.
        ("/seats".to_owned(), seat("4B")),
        ("/seats".to_owned(), seat("12F")),
        ("/seats".to_owned(), seat("5A")),
    ];
    for (what, body) in patches {
        client.patch(&format!("{path}{what}"), &body).await.expect_problem(409, "hold_expired");
    }
    assert_eq!(fixture.count("bookings WHERE status = 0").await, 1, "the sweeper has not expired it");
    fixture.stop().await;
}

#[actix_web::test]
async fn ended_holds_do_not_block_a_corrected_name() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = NEVER).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = |name: &str| booking(flight.id, &[passenger("ADT", name, None)]);
    let (_, old) = hold(&client, &body("Adah")).await;
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    let (held, path) = hold(&client, &body("Ada")).await;
    let path = format!("{path}/passengers/{}", held["passengers"][0]["id"].as_str().unwrap());
    let corrected = client.patch(&path, &json!({"given_name": "Adah"})).await.expect(200);
    assert_eq!(corrected["passengers"][0]["given_name"], "Adah");
    assert_eq!(client.get(&old).await.expect(200)["status"], "expired");
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1);
    fixture.stop().await;
}
