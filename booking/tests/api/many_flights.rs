//! More flights on sale than are kept in memory.

use crate::fixture::{ServiceFixture, booking, passenger};
use futures_util::{StreamExt, stream};
use shared::{events::FlightState, ids::UserId};

/// Asks for a seat on each flight, several at a time; gives the statuses.
async fn ask_each(fixture: &ServiceFixture, flights: &[FlightState], seat: &str) -> Vec<u16> {
    let asking = flights.iter().map(|flight| async move {
        let body = booking(flight.id, &[passenger("ADT", "Ada", Some(seat))]);
        let customer = fixture.user(0, UserId::new(), &[]);
        customer.post("/api/v1/bookings", &body).await.status.as_u16()
    });
    stream::iter(asking).buffer_unordered(16).collect().await
}

#[actix_web::test]
async fn flights_that_are_not_in_memory_are_sold_like_others() {
    let fixture = ServiceFixture::with(1, |config| {
        (config.allocators, config.cached_flights, config.allocator_idle_ms) = (4, 4, 50);
    })
    .await;
    let mut flights = Vec::new();
    for _ in 0..60 {
        flights.push(fixture.flight(30).await);
    }
    assert_eq!(ask_each(&fixture, &flights, "4A").await, [201; 60]);
    assert_eq!(ask_each(&fixture, &flights, "4A").await, [409; 60]);
    assert_eq!(ask_each(&fixture, &flights, "4B").await, [201; 60]);
    assert_eq!(fixture.count("seats").await, 120);
    fixture.stop().await;
}
