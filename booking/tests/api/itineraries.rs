//! Journeys of several flights: all or nothing, whoever else is after the same seats.

use crate::fixture::{ServiceFixture, flight, name, paid, passenger, status_of};
use chrono::{Months, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{
    events::{EventType, FlightState},
    ids::UserId,
};
use std::collections::HashSet;

/// A journey in economy, brand standard. What passengers say of seats is taken away where it is not
/// one a flight.
fn journey(flights: &[&FlightState], passengers: &[Value]) -> Value {
    let segment =
        |state: &&FlightState| json!({"flight_id": state.id, "cabin": "economy", "brand": "standard"});
    let mut passengers = passengers.to_vec();
    for passenger in &mut passengers {
        if passenger["seats"].as_array().is_none_or(|seats| seats.len() != flights.len()) {
            passenger["seats"] = Value::Null;
        }
    }
    json!({
        "segments": flights.iter().map(segment).collect::<Vec<_>>(),
        "passengers": passengers,
        "contact": {"email": "ada@example.org"},
    })
}

/// A traveller with a seat on each flight, or null.
fn seated(name: &str, seats: &[Option<&str>]) -> Value {
    let mut traveller = passenger("ADT", name, None);
    traveller["seats"] = json!(seats);
    traveller
}

/// Flights on sale that depart in these days, told of from the last to the first: the order of their
/// ids is opposite to that of travel.
async fn flights(fixture: &ServiceFixture, days: &[i64]) -> Vec<FlightState> {
    let mut flights = Vec::new();
    for day in days.iter().rev() {
        flights.push(fixture.flight(*day).await);
    }
    flights.reverse();
    flights
}

/// Rows of what belongs to bookings.
async fn rows(fixture: &ServiceFixture) -> [i64; 6] {
    let tables = ["bookings", "segments", "passengers", "seats", "travellers", "payments"];
    let mut counts = [0; 6];
    for (count, table) in counts.iter_mut().zip(tables) {
        *count = fixture.count(table).await;
    }
    counts
}

#[actix_web::test]
async fn a_family_flies_six_flights() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 31, 32, 33, 34, 35]).await;
    let family = [
        passenger("ADT", "Ada", None),
        passenger("ADT", "Grace", None),
        passenger("CHD", "Joan", None),
        passenger("INF", "Alan", None),
    ];
    let mut body = paid(journey(&all.iter().collect::<Vec<_>>(), &family), "tok_visa");
    body["segments"][1] = json!({"flight_id": all[1].id, "cabin": "business", "brand": "flex"});
    body["segments"][2]["brand"] = json!("light");
    let client = fixture.customer();
    let made = client.post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(made["status"], "confirmed");
    let of_segments: Vec<_> =
        made["segments"].as_array().unwrap().iter().map(|one| &one["flight_id"]).collect();
    assert_eq!(
        of_segments,
        all.iter().map(|state| json!(state.id)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    for traveller in made["passengers"].as_array().unwrap() {
        let seats = traveller["seats"].as_array().unwrap();
        assert_eq!(seats.len(), if traveller["type"] == "INF" { 0 } else { 6 }, "{traveller}");
    }
    assert_eq!(rows(&fixture).await, [1, 6, 4, 18, 24, 1]);
    // 53 seats of economy: T sells up to 5. Two adults, a child and an infant pay 2.85 fares.
    // Standard: 106.00 * 0.48 = 50.88, child 38.16, infant 5.09; light 45.79, 34.34, 4.58.
    // Business has 6 seats, T sells up to none, V up to one, L up to 2, K up to 3: 400.00 * 1.35 = 540.00, 405.00,
    // 54.00.
    let standard = 2 * 5088 + 3816 + 509;
    let light = 2 * 4579 + 3434 + 458;
    let business = 2 * 54_000 + 40_500 + 5400;
    let total = 4 * standard + light + business + 6 * 3 * 2400;
    assert_eq!(made["price"]["total"]["amount"], format!("{}.{:02}", total / 100, total % 100));
    assert_eq!(
        fixture.count(&format!("sandbox_operations WHERE operation = 0 AND amount = {total}")).await,
        1
    );
    // All of it goes, too.
    let path = format!("/api/v1/bookings/{}/cancel", made["id"].as_str().unwrap());
    client.post(&path, &json!({})).await.expect(200);
    assert_eq!(rows(&fixture).await, [1, 6, 4, 0, 0, 1]);
    fixture.stop().await;
}

#[actix_web::test]
async fn seats_are_named_flight_by_flight() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 31, 32]).await;
    let all: Vec<_> = all.iter().collect();
    let party =
        [seated("Ada", &[Some("4A"), None, Some("10F")]), seated("Grace", &[None, None, Some("10E")])];
    let made = fixture.customer().post("/api/v1/bookings", &journey(&all, &party)).await.expect(201);
    let seat = |traveller: usize, flight: usize| {
        made["passengers"][traveller]["seats"][flight]["designator"].clone()
    };
    assert_eq!((seat(0, 0), seat(1, 0)), (json!("4A"), json!("4B")), "beside the one who has named a seat");
    assert_eq!((seat(0, 2), seat(1, 2)), (json!("10F"), json!("10E")));
    let row = |seat: &Value| seat.as_str().unwrap()[..seat.as_str().unwrap().len() - 1].to_owned();
    assert_eq!(row(&seat(0, 1)), row(&seat(1, 1)));
    // The pointer tells passenger and flight.
    let party = [seated("Edith", &[Some("4A"), Some("1A"), Some("12F")])];
    let answer = fixture.customer().post("/api/v1/bookings", &journey(&all, &party)).await;
    answer.expect_problem(422, "seat_not_allowed");
    let mut invalid = answer.invalid();
    invalid.sort();
    assert_eq!(invalid, ["/passengers/0/seats/1", "/passengers/0/seats/2"], "of all flights");
    fixture.stop().await;
}

#[actix_web::test]
async fn all_taken_seats_of_a_seat_change_are_reported() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 31, 32]).await;
    let all: Vec<_> = all.iter().collect();
    let rival = seated("Edith", &[Some("4A"), Some("5B"), Some("6C")]);
    fixture.customer().post("/api/v1/bookings", &journey(&all, &[rival])).await.expect(201);
    let client = fixture.customer();
    let own = seated("Ada", &[Some("10A"), Some("10A"), Some("10A")]);
    let made = client.post("/api/v1/bookings", &journey(&all, &[own])).await.expect(201);
    let change = |(state, seat): (&&FlightState, &str)| {
        let passenger = &made["passengers"][0]["id"];
        json!({"passenger_id": passenger, "flight_id": state.id, "designator": seat})
    };
    let changes: Vec<_> = all.iter().zip(["4A", "7B", "6C"]).map(change).collect();
    let path = format!("/api/v1/bookings/{}/seats", made["id"].as_str().unwrap());
    let refused = client.patch(&path, &json!({"changes": changes})).await;
    refused.expect_problem(409, "seat_taken");
    let mut told: Vec<_> = refused.json["seats"].as_array().unwrap().iter().map(Value::to_string).collect();
    told.sort();
    let seat =
        |state: &FlightState, seat: &str| json!({"flight_id": state.id, "designator": seat}).to_string();
    let mut taken = vec![seat(all[0], "4A"), seat(all[2], "6C")];
    taken.sort();
    assert_eq!(told, taken);
    // Nobody keeps the one that was free.
    let other = seated("Grace", &[None, Some("7B"), None]);
    fixture.customer().post("/api/v1/bookings", &journey(&all, &[other])).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn all_taken_seats_of_all_flights_are_reported_and_nothing_is_kept() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 31, 32]).await;
    let [a, b, c] = [&all[0], &all[1], &all[2]];
    let rival = seated("Edith", &[Some("4A"), Some("5B"), Some("6C")]);
    fixture.customer().post("/api/v1/bookings", &journey(&[a, b, c], &[rival])).await.expect(201);
    let before = rows(&fixture).await;
    let party = [
        seated("Ada", &[Some("4A"), Some("7A"), Some("6B")]),
        seated("Grace", &[None, Some("5B"), Some("6C")]),
    ];
    let client = fixture.customer();
    let answer = client.post("/api/v1/bookings", &journey(&[a, b, c], &party)).await;
    answer.expect_problem(409, "seat_taken");
    let mut told: Vec<_> = answer.json["seats"].as_array().unwrap().iter().map(Value::to_string).collect();
    told.sort();
    let seat = |state: &FlightState, designator: &str| {
        json!({"flight_id": state.id, "designator": designator}).to_string()
    };
    let mut taken = vec![seat(a, "4A"), seat(b, "5B"), seat(c, "6C")];
    taken.sort();
    assert_eq!(told, taken);
    assert_eq!(rows(&fixture).await, before);
    // The seats that it could have had are free for the next at once.
    let next = seated("Joan", &[Some("4B"), Some("7A"), Some("6B")]);
    fixture.customer().post("/api/v1/bookings", &journey(&[a, b, c], &[next])).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_full_flight_keeps_nothing_of_the_others() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 31]).await;
    let business = |names: std::ops::Range<usize>, flights: &[&FlightState]| {
        let party: Vec<_> = names.map(|one| passenger("ADT", &name(one), None)).collect();
        let mut body = journey(flights, &party);
        for segment in body["segments"].as_array_mut().unwrap() {
            segment["cabin"] = json!("business");
        }
        body
    };
    fixture.customer().post("/api/v1/bookings", &business(0..5, &[&all[1]])).await.expect(201);
    let before = rows(&fixture).await;
    let client = fixture.customer();
    let answer = client.post("/api/v1/bookings", &business(10..12, &[&all[0], &all[1]])).await;
    answer.expect_problem(409, "flight_full");
    assert_eq!(rows(&fixture).await, before);
    client.post("/api/v1/bookings", &business(10..16, &[&all[0]])).await.expect(201);
    client.post("/api/v1/bookings", &business(20..21, &[&all[1]])).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn flights_are_flown_one_after_the_other() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 31, 32]).await;
    let [a, b, c] = [&all[0], &all[1], &all[2]];
    // It departs while the first is in the air.
    let overlapping = flight(TimeDelta::days(30) + TimeDelta::hours(6));
    // It departs just when the first has arrived, and a minute later.
    let mut at_once = flight(TimeDelta::days(31));
    at_once.departure = a.arrival.clone();
    let mut soon = flight(TimeDelta::days(31));
    soon.departure.at = a.arrival.at + TimeDelta::minutes(1);
    for state in [&overlapping, &at_once, &soon] {
        fixture.publish(EventType::FlightPublished, state).await;
    }
    let client = fixture.customer();
    let ada = [passenger("ADT", "Ada", None)];
    for (flights, pointers) in [
        (vec![b, a], vec!["/segments/1"]),
        (vec![c, a, b], vec!["/segments/1", "/segments/2"]),
        (vec![a, &overlapping], vec!["/segments/1"]),
        (vec![a, &at_once], vec!["/segments/1"]),
    ] {
        let answer = client.post("/api/v1/bookings", &journey(&flights, &ada)).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.invalid(), pointers);
    }
    assert_eq!(rows(&fixture).await, [0; 6]);
    // From New York to London by other means: an open jaw.
    client.post("/api/v1/bookings", &journey(&[a, &soon, c], &ada)).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn ages_count_on_the_day_of_the_last_flight() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[30, 60]).await;
    let client = fixture.customer();
    // Twelve, and two, between the two flights.
    let between = (Utc::now() + TimeDelta::days(45)).date_naive();
    let mut family =
        [passenger("ADT", "Ada", None), passenger("CHD", "Joan", None), passenger("INF", "Alan", None)];
    family[1]["born_on"] = json!(between - Months::new(12 * 12));
    family[2]["born_on"] = json!(between - Months::new(12 * 2));
    client.post("/api/v1/bookings", &journey(&[&all[0]], &family)).await.expect(201);
    let answer = client.post("/api/v1/bookings", &journey(&[&all[0], &all[1]], &family)).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/passengers/1/born_on", "/passengers/2/born_on"]);
    fixture.stop().await;
}

#[actix_web::test]
async fn limits_and_prices_are_those_of_all_flights() {
    let fixture = ServiceFixture::new().await;
    let all = flights(&fixture, &[5, 30]).await;
    let [near, far] = [&all[0], &all[1]];
    let client = fixture.customer();
    // The hold goes by the first departure.
    let mut body = journey(&[near, far], &[passenger("ADT", "Ada", None)]);
    body["hold_minutes"] = json!(61);
    assert_eq!(client.post("/api/v1/bookings", &body).await.invalid(), ["/hold_minutes"]);
    body["hold_minutes"] = json!(60);
    // The expected total is that of both: 5 days before K, 106.00; 30 days before T, 50.88; twice 24.00.
    body["expected_total"] = json!({"amount": "204.87", "currency": "EUR"});
    let answer = client.post("/api/v1/bookings", &body).await;
    answer.expect_problem(409, "price_changed");
    assert_eq!(answer.json["total"]["amount"], "204.88");
    assert_eq!(rows(&fixture).await, [0; 6]);
    body["expected_total"]["amount"] = json!("204.88");
    client.post("/api/v1/bookings", &body).await.expect(201);
    // Ada is on the second flight already.
    let before = rows(&fixture).await;
    let earlier = fixture.flight(29).await;
    let again = journey(&[&earlier, far], &[passenger("ADT", "ada", None)]);
    client.post("/api/v1/bookings", &again).await.expect_problem(409, "passenger_already_booked");
    // Nine seats are held on the second flight with eight more.
    let party: Vec<_> = (0..9).map(|one| passenger("ADT", &name(one), None)).collect();
    client
        .post("/api/v1/bookings", &journey(&[&earlier, far], &party))
        .await
        .expect_problem(409, "hold_limit");
    assert_eq!(rows(&fixture).await, before);
    client.post("/api/v1/bookings", &journey(&[&earlier, far], &party[..8])).await.expect(201);
    fixture.stop().await;
}

/// A number that looks random, the same each time.
fn draw(seed: usize) -> usize {
    let mixed = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40).unwrap()
}

#[actix_web::test]
async fn two_hundred_journeys_cross_on_six_flights() {
    let fixture = ServiceFixture::with(2, |config| config.patience_ms = 30_000).await;
    let mut all = flights(&fixture, &[30, 32, 34]).await;
    for day in [31, 33, 35] {
        all.push(fixture.flight(day).await);
    }
    all.sort_by_key(|state| state.departure.at);
    let clients: Vec<_> =
        (0..200).map(|number| (number, fixture.user(number % 2, UserId::new(), &[]))).collect();
    let attempts = clients.iter().map(|(number, client)| {
        // Two to six of the flights, one or two travellers; every third pays, every fifth names a seat.
        let mut chosen: Vec<_> =
            all.iter().enumerate().filter(|(at, _)| !draw(number * 7 + at).is_multiple_of(3)).collect();
        if chosen.len() < 2 {
            chosen = all.iter().enumerate().collect();
        }
        let flights: Vec<_> = chosen.into_iter().map(|(_, state)| state).collect();
        let mut party: Vec<_> = (0..1 + number % 2).map(|one| passenger("ADT", &name(one), None)).collect();
        if number.is_multiple_of(5) {
            let row = [4, 5, 6, 7, 9, 10][draw(number * 13) % 6];
            let seats =
                flights.iter().enumerate().map(|(at, _)| at.is_multiple_of(2).then(|| format!("{row}C")));
            party[0]["seats"] = json!(seats.collect::<Vec<_>>());
        }
        let mut body = journey(&flights, &party);
        if number.is_multiple_of(3) {
            body = paid(body, "tok_visa");
        }
        async move { client.post("/api/v1/bookings", &body).await }
    });
    let answers = join_all(attempts).await;

    let (mut seats, mut made, mut charged, mut confirmed, mut segments) = (HashSet::new(), 0, 0, 0, 0);
    for (number, answer) in answers.iter().enumerate() {
        // On a busy machine a claim may time out on locks, which has no effect, like a refusal;
        // or a confirmation, which comes later.
        let booking = match (answer.status.as_u16(), answer.code()) {
            (201, _) => &answer.json,
            (504, "upstream_timeout") => &answer.json["booking"],
            (409, "seat_taken" | "flight_full") | (503, "overloaded") => continue,
            _ => panic!("{}: {}", answer.status, answer.json),
        };
        made += 1;
        charged += i64::from(number.is_multiple_of(3));
        confirmed += i64::from(booking["status"] == "confirmed");
        let flights = booking["segments"].as_array().unwrap().len();
        segments += i64::try_from(flights).unwrap();
        for traveller in booking["passengers"].as_array().unwrap() {
            let of_traveller = traveller["seats"].as_array().unwrap();
            assert_eq!(of_traveller.len(), flights, "all or nothing: {booking}");
            for seat in of_traveller {
                assert!(seats.insert(seat.to_string()), "no seat twice: {seat}");
            }
        }
    }
    let taken = i64::try_from(seats.len()).unwrap();
    assert!(made >= 30 && taken >= 200, "{made} journeys with {taken} seats");
    // The rows are those of the answers, and nothing else.
    assert_eq!(fixture.count("bookings").await, made);
    assert_eq!(fixture.count("segments").await, segments);
    assert_eq!(fixture.count("seats").await, taken);
    assert_eq!(fixture.count("travellers").await, taken);
    let charges = fixture.count("sandbox_operations WHERE operation = 0").await;
    assert!(
        (confirmed..=charged).contains(&charges),
        "{confirmed} of {charged} are confirmed, {charges} charged"
    );
    let of_passengers = "passengers p JOIN segments s USING (booking_id) \
         JOIN seats t ON t.flight_id = s.flight_id AND t.seat = p.seats[s.position + 1] AND t.booking_id = p.booking_id";
    let positions = fixture.count("segments WHERE position = 0").await;
    assert_eq!(positions, made, "positions begin with nothing");
    assert_eq!(fixture.count(of_passengers).await, taken, "the seats of passengers are the rows of `seats`");
    // No reservation is left behind: each free seat of the map can be booked.
    for state in &all {
        let map = fixture.guest(0).get(&format!("/api/v1/flights/{}/seat-map", state.id)).await.expect(200);
        let free = ["4", "5", "6", "7", "9", "10", "11"]
            .iter()
            .flat_map(|row| ["A", "B", "C", "D", "E", "F"].map(|letter| format!("{row}{letter}")));
        for seat in free.filter(|seat| status_of(&map, seat) == "available").take(3) {
            let body = journey(&[state], &[seated("Joan", &[Some(&seat)])]);
            fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
        }
    }
    fixture.stop().await;
}
