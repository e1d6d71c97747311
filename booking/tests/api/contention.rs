//! Many clients after few seats, on two instances over one database.

use crate::fixture::{ServiceFixture, booking, eventually, name, paid, passenger};
use futures_util::future::join_all;
use serde_json::Value;
use shared::{auth::Permission, ids::UserId};
use std::collections::HashSet;

#[actix_web::test]
async fn sixty_four_clients_get_the_last_twenty_seats_once_each() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    // 53 seats of economy are on sale: 33 go to parties first.
    let group = fixture.user(0, UserId::new(), &[Permission::LimitsExempt]);
    for (party, size) in [9, 9, 9, 6].into_iter().enumerate() {
        let party: Vec<Value> =
            (0..size).map(|one| passenger("ADT", &name(party * 10 + one), None)).collect();
        group.post("/api/v1/bookings", &paid(booking(flight.id, &party), "tok_visa")).await.expect(201);
    }
    assert_eq!(fixture.count("seats WHERE sold").await, 33);
    let free = ["11A", "11B", "11C", "11D", "11E", "11F", "12A", "12B"];

    let clients: Vec<_> =
        (0..64).map(|number| (number, fixture.user(number % 2, UserId::new(), &[]))).collect();
    let attempts = clients.iter().map(|(number, client)| async move {
        // Every fourth names a seat, of which others are after the same.
        let seat = (number % 4 == 0).then(|| free[number / 4 % free.len()]);
        let body = paid(booking(flight.id, &[passenger("ADT", "Ada", seat)]), "tok_visa");
        client.post("/api/v1/bookings", &body).await
    });
    let answers = join_all(attempts).await;

    let mut seats = HashSet::new();
    let mut sold = 0;
    for answer in answers {
        match answer.status.as_u16() {
            201 => {
                sold += 1;
                let seat =
                    answer.json["passengers"][0]["seats"][0]["designator"].as_str().unwrap().to_owned();
                assert!(seats.insert(seat), "no seat twice: {}", answer.json);
            }
            409 => assert!(["seat_taken", "flight_full"].contains(&answer.code()), "{}", answer.json),
            _ => panic!("{}: {}", answer.status, answer.json),
        }
    }
    assert_eq!(sold, 20, "exactly the seats that were left");
    assert_eq!(fixture.count("seats WHERE sold").await, 53);
    assert_eq!(fixture.count("bookings WHERE status = 1").await, 24);
    assert_eq!(fixture.count("bookings WHERE status <> 1").await, 0, "losers leave nothing");
    // The seats of passengers are the rows of `seats`.
    let of_passengers = "passengers p JOIN segments s USING (booking_id) \
         JOIN seats t ON t.flight_id = s.flight_id AND t.seat = p.seats[1] AND t.booking_id = p.booking_id";
    assert_eq!(fixture.count(of_passengers).await, 53);
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 0").await, 24, "each was charged once");
    let path = format!("/api/v1/flights/{}/seat-map", flight.id);
    for instance in [0, 1] {
        let sold = async || fixture.guest(instance).get(&path).await.json["counts"]["sold"] == 53;
        eventually("the seat map of both instances", sold).await;
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn instances_follow_each_other() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let other = fixture.user(1, UserId::new(), &[]);
    let body = |seat| booking(flight.id, &[passenger("ADT", "Ada", Some(seat))]);
    // Both have the flight in memory before anything happens.
    other.post("/api/v1/bookings", &body("4A")).await.expect(201);
    fixture.customer().post("/api/v1/bookings", &body("5A")).await.expect(201);
    let refused = other.post("/api/v1/bookings", &body("5A")).await;
    refused.expect_problem(409, "seat_taken");
    assert_eq!(refused.json["seats"], serde_json::json!([{"flight_id": flight.id, "designator": "5A"}]));
    fixture.stop().await;
}
