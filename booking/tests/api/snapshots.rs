//! What is read in several statements is of one instant.

use crate::fixture::{ServiceFixture, booking, passenger};
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[actix_web::test]
async fn a_list_shows_no_booking_half_before_and_half_after_a_change() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
    client.post("/api/v1/bookings", &body).await.expect(201);
    // The list has read the booking, and waits for its passengers while another transaction changes both.
    let mut lock = fixture.lock_table("passengers").await;
    let reader = client.clone();
    let list = actix_web::rt::spawn(async move { reader.get("/api/v1/bookings").await });
    fixture.are_waiting(1).await;
    let changes =
        ["UPDATE bookings SET version = version + 1", "UPDATE passengers SET given_name = 'Grace'", "COMMIT"];
    for change in changes {
        diesel::sql_query(change).execute(&mut lock).await.unwrap();
    }
    let shown = |page: Value| {
        let one = &page["data"][0];
        (one["version"].as_i64().unwrap(), one["passengers"][0]["given_name"].as_str().unwrap().to_owned())
    };
    assert_eq!(shown(list.await.unwrap().expect(200)), (1, "Ada".to_owned()));
    assert_eq!(shown(client.get("/api/v1/bookings").await.expect(200)), (2, "Grace".to_owned()));
    fixture.stop().await;
}
