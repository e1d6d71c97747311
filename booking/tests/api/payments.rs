//! Payments that are declined, silent, late, or left behind by a crash.

use crate::fixture::{CAPTURED, ServiceFixture, VOIDED, booking, eventually, left_behind, paid, passenger};
use serde_json::json;
use uuid::Uuid;

fn pay(token: &str) -> serde_json::Value {
    json!({"method": "card", "token": token})
}

#[actix_web::test]
async fn a_declined_payment_leaves_the_hold() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_declined");
    let declined = client.post("/api/v1/bookings", &body).await;
    declined.expect_problem(402, "payment_declined");
    let held = &declined.json["booking"];
    assert_eq!((&held["status"], &held["payment_status"]), (&json!("held"), &json!("awaiting")));
    assert_eq!(held["payments"][0]["status"], "declined");
    assert_eq!(fixture.count("payments WHERE state = 3").await, 1);
    assert_eq!(fixture.count("unsettled_payments").await, 0, "with the refusal it is settled");
    assert_eq!(
        fixture.count("events WHERE kind = 'booking.held'").await,
        1,
        "now it waits for its traveller"
    );
    let path = format!("/api/v1/bookings/{}/payments", held["id"].as_str().unwrap());
    let end = held["hold_expires_at"].clone();
    let again = client.post(&path, &pay("tok_declined")).await;
    again.expect_problem(402, "payment_declined");
    assert_eq!(again.json["booking"]["hold_expires_at"], end, "a declined payment does not prolong the hold");
    let confirmed = client.post(&path, &pay("tok_visa")).await.expect(200);
    assert_eq!(confirmed["payments"].as_array().unwrap().len(), 3);
    client.post(&path, &pay("tok_visa")).await.expect_problem(409, "already_paid");
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 0 AND accepted").await, 1);
    assert_eq!(fixture.count("payments WHERE token IS NOT NULL").await, 0, "tokens are forgotten");
    fixture.eventually_with_sweeps("the capture", async || fixture.count(CAPTURED).await == 1).await;
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 1").await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn declined_payments_of_a_booking_are_bounded() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_declined");
    let declined = client.post("/api/v1/bookings", &body).await;
    let path = format!("/api/v1/bookings/{}", declined.json["booking"]["id"].as_str().unwrap());
    let payments = format!("{path}/payments");
    for _ in 1..10 {
        client.post(&payments, &pay("tok_declined")).await.expect_problem(402, "payment_declined");
    }
    let before = client.get(&path).await.expect(200);
    let limited = client.post(&payments, &pay("tok_visa")).await;
    limited.expect_problem(429, "rate_limited");
    let seconds: u32 = limited.header("retry-after").parse().unwrap();
    assert!((800..=900).contains(&seconds), "the hold of a quarter of an hour ends first: {seconds}");
    assert_eq!(limited.header("ratelimit-policy"), "\"declined-payments\";q=10");
    assert_eq!(client.get(&path).await.expect(200), before, "nothing was kept");
    assert!(!before["available_actions"].as_array().unwrap().contains(&json!("pay")));
    assert_eq!(fixture.count("sandbox_operations WHERE accepted").await, 0);
    // Another booking is not to blame.
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_visa");
    client.post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_silent_provider_is_settled_later_and_once() {
    let fixture = ServiceFixture::with(2, |config| {
        config.payment_timeout_ms = 100;
        config.payment_idle_ms = 3_600_000;
        config.payment_sweep_ms = 50;
        config.reap_ms = 20;
    })
    .await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let held = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]))
        .await
        .expect(201);
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let silent = client.post(&format!("{path}/payments"), &pay("tok_timeout")).await;
    silent.expect_problem(504, "upstream_timeout");
    assert_eq!(silent.json["booking"]["payment_status"], "processing");
    // Neither by the clock nor by the traveller does the hold end now.
    fixture.sql("UPDATE payments SET held_until = now() - interval '1 minute'").await;
    client
        .post(&format!("{path}/payments"), &pay("tok_visa"))
        .await
        .expect_problem(409, "payment_in_progress");
    client.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "payment_in_progress");
    assert_eq!(client.get(&path).await.expect(200)["status"], "held");
    fixture
        .eventually_with_sweeps("the settlement", async || {
            client.get(&path).await.json["status"] == "confirmed"
        })
        .await;
    fixture.eventually_with_sweeps("the capture", async || fixture.count(CAPTURED).await == 1).await;
    for operation in [0, 1] {
        assert_eq!(fixture.count(&format!("sandbox_operations WHERE operation = {operation}")).await, 1);
    }
    assert_eq!(fixture.count("events WHERE kind = 'booking.confirmed'").await, 1);
    assert_eq!(fixture.count("ledger_entries").await, 3);
    fixture.stop().await;
}

#[actix_web::test]
async fn an_authorisation_that_comes_too_late_is_voided() {
    let fixture = ServiceFixture::with(1, |config| {
        config.payment_timeout_ms = 100;
        config.payment_idle_ms = 3_600_000;
        config.payment_sweep_ms = 50;
    })
    .await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_timeout");
    let silent = client.post("/api/v1/bookings", &body).await;
    silent.expect_problem(504, "upstream_timeout");
    let past = "now() - interval '1 minute'";
    fixture.sql(&format!("UPDATE bookings SET hold_expires_at = {past}, version = version + 1")).await;
    fixture.sql(&format!("UPDATE payments SET held_until = {past}")).await;
    fixture
        .eventually_with_sweeps("the void", async || {
            fixture.count("sandbox_operations WHERE operation = 2").await == 1
        })
        .await;
    let path = format!("/api/v1/bookings/{}", silent.json["booking"]["id"].as_str().unwrap());
    eventually("the end of the hold", async || client.get(&path).await.json["status"] == "expired").await;
    let expired = client.get(&path).await.expect(200);
    assert_eq!(expired["payments"][0]["status"], "declined");
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 1").await, 0, "nothing was captured");
    assert_eq!(fixture.count("ledger_entries").await, 0);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_payment_that_a_crash_left_behind_is_carried_on() {
    let fixture = ServiceFixture::with(1, |config| {
        config.payment_timeout_ms = 100;
        config.payment_idle_ms = 3_600_000;
        config.payment_sweep_ms = 50;
    })
    .await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let held = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]))
        .await
        .expect(201);
    let id = held["id"].as_str().unwrap();
    fixture.sql(&left_behind(id, &Uuid::now_v7().to_string(), "tok_visa", "1 hour")).await;
    let path = format!("/api/v1/bookings/{id}");
    fixture
        .eventually_with_sweeps("the confirmation", async || {
            client.get(&path).await.json["status"] == "confirmed"
        })
        .await;
    fixture.eventually_with_sweeps("the capture", async || fixture.count(CAPTURED).await == 1).await;
    // And as one that dies between the capture and its note.
    fixture.sql("INSERT INTO unsettled_payments SELECT id, now() FROM payments").await;
    fixture.eventually_with_sweeps("the settlement", async || fixture.count(CAPTURED).await == 1).await;
    for operation in [0, 1] {
        assert_eq!(fixture.count(&format!("sandbox_operations WHERE operation = {operation}")).await, 1);
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn a_slow_decision_is_found_by_who_did_not_wait_for_it() {
    let fixture = ServiceFixture::with(1, |config| {
        config.payment_timeout_ms = 100;
        config.payment_idle_ms = 3_600_000;
        config.payment_sweep_ms = 50;
    })
    .await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_slow");
    let slow = client.post("/api/v1/bookings", &body).await;
    slow.expect_problem(504, "upstream_timeout");
    let path = format!("/api/v1/bookings/{}", slow.json["booking"]["id"].as_str().unwrap());
    fixture
        .eventually_with_sweeps("the confirmation", async || {
            client.get(&path).await.json["status"] == "confirmed"
        })
        .await;
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 0").await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn an_undecided_payment_is_voided_at_the_end_of_its_hold() {
    let fixture = ServiceFixture::with(1, |config| config.payment_sweep_ms = 50).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let held = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]))
        .await
        .expect(201);
    let id = held["id"].as_str().unwrap();
    fixture.sql(&left_behind(id, &Uuid::now_v7().to_string(), "tok_visa", "-1 minute")).await;
    let path = format!("/api/v1/bookings/{id}");
    fixture
        .eventually_with_sweeps("the end", async || client.get(&path).await.json["status"] == "expired")
        .await;
    fixture.eventually_with_sweeps("the void", async || fixture.count(VOIDED).await == 1).await;
    assert_eq!(
        fixture.count("sandbox_operations WHERE operation = 0").await,
        0,
        "no money is asked for any more"
    );
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 2").await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_stop_leaves_no_payment_half_done() {
    let fixture = ServiceFixture::with(1, |config| config.payment_sweep_ms = 3_600_000).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    for name in ["Ada", "Grace", "Edith"] {
        let body = paid(booking(flight.id, &[passenger("ADT", name, None)]), "tok_visa");
        client.post("/api/v1/bookings", &body).await.expect(201);
    }
    let fixture = fixture.stop_instances().await;
    assert_eq!(fixture.count(CAPTURED).await, 3, "captured, and noted");
    fixture.stop().await;
}
