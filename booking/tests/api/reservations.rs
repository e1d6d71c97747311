//! Reservations of seats: they end with a request that cannot succeed any more.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use serde_json::json;

#[actix_web::test]
async fn a_refused_price_releases_its_reservation() {
    // With a single connection to read by, which another reader has.
    let fixture = ServiceFixture::with(1, |config| config.service.database_pool_size = 1).await;
    let flight = fixture.flight(30).await;
    let (customer, reader) = (fixture.customer(), fixture.customer());
    let known = reader
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Mary", Some("4B"))]))
        .await
        .expect(201);
    let path = format!("/api/v1/bookings/{}", known["id"].as_str().unwrap());
    let lock = fixture.lock_table("refunds").await;
    let reads = actix_web::rt::spawn(async move { reader.get(&path).await });
    fixture.are_waiting(1).await;
    let wanted = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let mut too_dear = wanted.clone();
    too_dear["expected_total"] = json!({"amount": "0.01", "currency": "EUR"});
    let miser = fixture.customer();
    let refused = actix_web::rt::spawn(async move { miser.post("/api/v1/bookings", &too_dear).await });
    // The refused request waits for a connection to reload the flight; the other one gets the seat meanwhile.
    customer.post("/api/v1/bookings", &wanted).await.expect(201);
    drop(lock);
    reads.await.unwrap().expect(200);
    assert_ne!(refused.await.unwrap().status, 201);
    assert_eq!(fixture.count("seats").await, 2);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_cancelled_booking_reserves_no_seat() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body =
        |name: &str, seat: &str| paid(booking(flight.id, &[passenger("ADT", name, Some(seat))]), "tok_visa");
    fixture.customer().post("/api/v1/bookings", &body("Mary", "4B")).await.expect(201);
    let bought = client.post("/api/v1/bookings", &body("Ada", "4A")).await.expect(201);
    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    for seat in ["4B", "5A", "1A"] {
        let change = json!({
            "passenger_id": bought["passengers"][0]["id"], "flight_id": flight.id, "designator": seat,
        });
        let answer = client.patch(&format!("{path}/seats"), &json!({"changes": [change]})).await;
        answer.expect_problem(409, "already_cancelled");
    }
    fixture.stop().await;
}
