//! Cancellations and refunds.

use crate::fixture::{ServiceFixture, booking, eventually, paid, passenger, status_of};
use serde_json::json;

#[actix_web::test]
async fn a_cancelled_booking_gives_back_its_seats_and_within_a_day_all_its_money() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_visa");
    let bought = client.post("/api/v1/bookings", &body).await.expect(201);
    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    let cancelled = client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    assert_eq!(
        (&cancelled["status"], &cancelled["payment_status"]),
        (&json!("cancelled"), &json!("refunded"))
    );
    assert_eq!(cancelled["refunds"][0]["amount"], bought["price"]["total"]);
    assert_eq!(
        (&cancelled["passengers"][0]["seats"], &cancelled["available_actions"]),
        (&json!([]), &json!([]))
    );
    let map = fixture.guest(0).get(&format!("/api/v1/flights/{}/seat-map", flight.id)).await.expect(200);
    assert_eq!(status_of(&map, "4A"), "available");
    client.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "already_cancelled");
    let pay = json!({"method": "card", "token": "tok_visa"});
    client.post(&format!("{path}/payments"), &pay).await.expect_problem(409, "already_cancelled");
    eventually("the refund", async || client.get(&path).await.json["refunds"][0]["status"] == "settled")
        .await;
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 3").await, 1);
    assert_eq!(fixture.count("ledger_entries").await, 6);
    assert_eq!(
        fixture
            .count("(SELECT account FROM ledger_entries GROUP BY account HAVING sum(amount) = 0) AS even")
            .await,
        3
    );
    assert_eq!(fixture.count("events WHERE kind = 'booking.cancelled'").await, 1);
    client.post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn later_the_fare_decides() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    for (brand, payment_status, fare_back) in
        [("standard", "partly_refunded", false), ("flex", "refunded", true)]
    {
        let client = fixture.customer();
        let mut body = paid(booking(flight.id, &[passenger("ADT", "Ada", None)]), "tok_visa");
        body["segments"][0]["brand"] = json!(brand);
        let bought = client.post("/api/v1/bookings", &body).await.expect(201);
        fixture.sql("UPDATE bookings SET confirmed_at = now() - interval '25 hours' WHERE status = 1").await;
        let path = format!("/api/v1/bookings/{}/cancel", bought["id"].as_str().unwrap());
        let cancelled = client.post(&path, &json!({})).await.expect(200);
        assert_eq!(cancelled["payment_status"], payment_status);
        let back = if fare_back { &bought["price"]["total"] } else { &bought["price"]["taxes"] };
        assert_eq!(&cancelled["refunds"][0]["amount"], back);
    }
    // After the departure nothing.
    let client = fixture.customer();
    let bought = client
        .post("/api/v1/bookings", &paid(booking(flight.id, &[passenger("ADT", "Ada", None)]), "tok_visa"))
        .await
        .expect(201);
    fixture.sql("UPDATE flights SET departure_at = now() - interval '1 minute'").await;
    let path = format!("/api/v1/bookings/{}/cancel", bought["id"].as_str().unwrap());
    let cancelled = client.post(&path, &json!({})).await.expect(200);
    assert_eq!((&cancelled["payment_status"], &cancelled["refunds"]), (&json!("paid"), &json!([])));
    fixture.stop().await;
}

#[actix_web::test]
async fn a_hold_is_cancelled_without_money() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let held = client.post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)])).await;
    let tag = held.header("etag").to_owned();
    let path = format!("/api/v1/bookings/{}/cancel", held.json["id"].as_str().unwrap());
    client.post(&path, &json!({"quote_id": uuid::Uuid::now_v7()})).await.expect_problem(409, "quote_expired");
    client
        .with_header("if-match", "\"9\"")
        .post(&path, &json!({}))
        .await
        .expect_problem(412, "precondition_failed");
    let cancelled = client.with_header("if-match", &tag).post(&path, &json!({})).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["refunds"]), (&json!("cancelled"), &json!([])));
    assert_eq!(fixture.count("seats").await + fixture.count("ledger_entries").await, 0);
    fixture.stop().await;
}
