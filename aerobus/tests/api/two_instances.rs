//! Many clients after few seats, through two booking instances at once.

use crate::system::{RunningSystem, booking};
use diesel::{QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;
use testkit::Client;

const SEATS: usize = 20;
const CLIENTS: usize = 64;

#[derive(QueryableByName)]
struct BookingCount {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[actix_web::test]
async fn sixty_four_clients_after_twenty_seats_get_exactly_twenty() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    system.make_network(&admin, "AC|DF", 5).await;
    let flight = system.make_flight(&admin, 10).await;

    let (second, bus) = system.second_booking().await;
    let token = {
        let credentials = json!({"email": "admin@aerobus.example", "password": "a very good password"});
        let answer = system.anybody.post("/api/v1/auth/login", &credentials).await.expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let instances = [system.services.address("booking"), second.address];
    let attempts = (0..CLIENTS).map(|number| {
        let client = Client::new(format!("http://{}", instances[number % 2])).with_token(&token);
        // Half of them want one of four hot seats, the others take what is left.
        let seat = ["1A", "1C", "2D", "2F"][number / 2 % 4];
        let mut body = booking(&flight, (number < CLIENTS / 2).then_some(seat), Some("tok_visa"));
        let letters: String =
            [number / 8, number % 8].map(|digit| char::from(b'a' + digit as u8)).iter().collect();
        body["passengers"][0]["given_name"] = json!(format!("Ada{letters}"));
        async move { client.post("/api/v1/bookings", &body).await }
    });
    let answers = join_all(attempts).await;

    let mut sold = Vec::new();
    for answer in answers {
        match answer.status.as_u16() {
            201 => {
                sold.push(answer.json["passengers"][0]["seats"][0]["designator"].as_str().unwrap().to_owned())
            }
            _ => assert!(["seat_taken", "flight_full"].contains(&answer.code()), "{:?}", answer.json),
        }
    }
    assert_eq!(sold.iter().collect::<BTreeSet<_>>().len(), sold.len(), "no seat twice: {sold:?}");
    // Refused clients of the hot seats leave the rest to others; who asks for any seat gets one while
    // there is one, so the flight is full unless hot seats were refused: then the rest is bought now.
    let buyer = Client::new(format!("http://{}", instances[0])).with_token(&token);
    for number in sold.len()..SEATS {
        let mut body = booking(&flight, None, Some("tok_visa"));
        let name: String =
            [number / 8, number % 8].map(|digit| char::from(b'a' + digit as u8)).iter().collect();
        body["passengers"][0]["given_name"] = json!(format!("Late{name}"));
        let _ = buyer.post("/api/v1/bookings", &body).await.expect(201);
    }
    let mut last = booking(&flight, None, Some("tok_visa"));
    last["passengers"][0]["given_name"] = json!("Toolate");
    buyer.post("/api/v1/bookings", &last).await.expect_problem(409, "flight_full");

    let mut database = AsyncPgConnection::establish(&system.database.superuser_url()).await.unwrap();
    let sold: BookingCount =
        diesel::sql_query("SELECT count(*) FROM booking.seats").get_result(&mut database).await.unwrap();
    assert_eq!(sold.count, SEATS as i64);
    second.stop().await;
    bus.close().await;
    system.stop().await;
}
