//! The local inventory: what flight tells, and what it asks.

use crate::fixture::{ServiceFixture, booking, eventually, flight, passenger, status_of};
use chrono::TimeDelta;
use futures_util::future::join;
use serde_json::{Value, json};
use shared::{
    events::{Event, EventType, FlightState, FlightStatus},
    fare::FlightFare,
    flight_time::FlightTime,
    money::{Currency, Money},
};
use std::sync::Arc;

#[actix_web::test]
async fn the_newest_version_of_a_flight_wins() {
    let fixture = ServiceFixture::new().await;
    let mut state = flight(TimeDelta::days(30));
    let old = state.clone();
    state.version = 3;
    state.status = FlightStatus::Cancelled;
    fixture.publish(EventType::FlightCancelled, &state).await;
    fixture.publish(EventType::FlightPublished, &old).await;
    let body = booking(state.id, &[passenger("ADT", "Ada", None)]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    state.version = 4;
    state.status = FlightStatus::Scheduled;
    fixture.publish(EventType::FlightChanged, &state).await;
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn sales_close_before_the_departure() {
    let fixture = ServiceFixture::new().await;
    for (minutes, bookable) in [(44, false), (-60, false), (50, true)] {
        let state = flight(TimeDelta::minutes(minutes));
        fixture.publish(EventType::FlightPublished, &state).await;
        let answer = fixture
            .customer()
            .post("/api/v1/bookings", &booking(state.id, &[passenger("ADT", "Ada", None)]))
            .await;
        match bookable {
            true => drop(answer.expect(201)),
            false => answer.expect_problem(409, "flight_not_bookable"),
        }
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn a_young_flight_is_waited_for_and_an_old_one_is_not() {
    let fixture = ServiceFixture::new().await;
    let state = flight(TimeDelta::days(30));
    let customer = fixture.customer();
    let body = booking(state.id, &[passenger("ADT", "Ada", None)]);
    let publish = async {
        // The request comes first: it looks for the flight in vain, and waits.
        let locked = fixture.locked("flight_states").await;
        locked.waited_for(1).await;
        locked.release().await;
        fixture.publish(EventType::FlightPublished, &state).await;
    };
    let (answer, ()) = join(customer.post("/api/v1/bookings", &body), publish).await;
    answer.expect(201);
    let old = "0191e2a0-0000-7000-8000-000000000000";
    fixture.guest(0).get(&format!("/api/v1/flights/{old}/seat-map")).await.expect_problem(404, "not_found");
    fixture.guest(0).get("/api/v1/flights/zebra/seat-map").await.expect_problem(404, "not_found");
    fixture.stop().await;
}

#[actix_web::test]
async fn poison_is_kept_apart_and_the_rest_goes_on() {
    let fixture = ServiceFixture::new().await;
    let nonsense = Event::new("flight", EventType::FlightPublished, "x", 1, &json!({"id": 7}));
    fixture.bus.publish(Arc::new(nonsense)).await.unwrap();
    assert_eq!(fixture.count("dead_letters").await, 1);
    let state = fixture.flight(30).await;
    fixture.guest(0).get(&format!("/api/v1/flights/{}/seat-map", state.id)).await.expect(200);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_flight_is_closed_only_without_live_bookings() {
    let fixture = ServiceFixture::with(2, |config| config.reap_ms = 3_600_000).await;
    let state = fixture.flight(30).await;
    let path = format!("/internal/flights/{}/close", state.id);
    fixture.guest(0).post(&path, &Value::Null).await.expect_problem(401, "unauthenticated");
    fixture.customer().post(&path, &Value::Null).await.expect_problem(401, "unauthenticated");
    let service = fixture.service();
    let close = async |state: &FlightState| {
        let path = format!("/internal/flights/{}/close", state.id);
        service.post(&path, &json!({ "flight": state })).await.expect(200)
    };
    let body = booking(state.id, &[passenger("ADT", "Ada", None)]);
    drop(fixture.customer().post("/api/v1/bookings", &body).await.expect(201));
    assert_eq!(close(&state).await, json!({"outcome": "booked", "live_bookings": 1}));
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    // It is closed in a version of which the event has yet to come.
    let changed = FlightState { version: 2, ..state.clone() };
    assert_eq!(close(&changed).await, json!({"outcome": "closed"}));
    assert_eq!(close(&state).await, json!({"outcome": "stale"}));
    fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    // What was told before does not open it again, and neither does that event.
    for told in [&state, &changed] {
        fixture.publish(EventType::FlightChanged, told).await;
        fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    }

    let unknown = flight(TimeDelta::days(30));
    assert_eq!(close(&unknown).await, json!({"outcome": "closed"}));
    fixture.publish(EventType::FlightPublished, &unknown).await;
    let body = booking(unknown.id, &[passenger("ADT", "Ada", None)]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    let newer = FlightState { version: 2, ..unknown };
    fixture.publish(EventType::FlightChanged, &newer).await;
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn another_service_may_compare_its_seats() {
    let fixture = ServiceFixture::new().await;
    let [sold, free, past] = [fixture.flight(30).await, fixture.flight(31).await, fixture.flight(32).await];
    for path in ["/internal/seats/versions".to_owned(), format!("/internal/seats?flight={}", sold.id)] {
        fixture.guest(0).get(&path).await.expect_problem(401, "unauthenticated");
        fixture.customer().get(&path).await.expect_problem(401, "unauthenticated");
    }
    let service = fixture.service();
    let versions =
        async |more: &str| service.get(&format!("/internal/seats/versions{more}")).await.expect(200);
    assert_eq!(versions("").await, json!({"data": [], "next": null}));
    for (flight, seat) in [(sold.id, "4A"), (sold.id, "4B"), (past.id, "4A")] {
        let body = booking(flight, &[passenger("ADT", "Ada", Some(seat))]);
        fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    }
    fixture.sql(&format!("UPDATE flights SET departure_at = now() WHERE id = '{}'", past.id)).await;
    assert_eq!(versions("").await, json!({"data": [[sold.id, 2]], "next": null}));
    assert_eq!(versions(&format!("?after={}", sold.id)).await["data"], json!([]));

    let unknown = flight(TimeDelta::days(30)).id;
    let asked = format!("/internal/seats?flight={}&flight={}&flight={unknown}", sold.id, free.id);
    let told = service.get(&asked).await.expect(200)["data"].as_array().expect("a list").clone();
    let state = |flight, version, held: &[&str]| json!({"flight_id": flight, "version": version, "held": held, "sold": []});
    assert_eq!(told, [state(sold.id, 2, &["4A", "4B"]), state(free.id, 0, &[])]);
    for bad in
        ["?flight=x", &format!("?{}", "flight=0190f2b0-0000-7000-8000-000000000000&".repeat(101)), "?typo=1"]
    {
        service.get(&format!("/internal/seats{bad}")).await.expect_problem(422, "validation_failed");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn seat_changes_are_published_with_all_seats_and_versions() {
    let fixture = ServiceFixture::new().await;
    let state = fixture.flight(30).await;
    for (count, seat) in ["4A", "4B", "4C"].into_iter().enumerate() {
        let body = booking(state.id, &[passenger("ADT", "Ada", Some(seat))]);
        fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
        let version = count + 1;
        let told = format!(
            "events WHERE kind = 'seats.changed' AND version = {version} AND json_array_length(data::json->'held') = {version}"
        );
        assert_eq!(fixture.count(&told).await, 1);
    }
    let map = fixture.guest(0).get(&format!("/api/v1/flights/{}/seat-map", state.id)).await;
    assert_eq!((map.header("etag"), &map.json["version"]), ("\"3-1\"", &json!(3)));
    let path = format!("/api/v1/flights/{}/seat-map", state.id);
    let known = fixture.guest(0).with_header("if-none-match", "\"3-1\"");
    assert_eq!(known.get(&path).await.status.as_u16(), 304);
    // Another cabin is another map, though nobody has taken a seat.
    let mut blocked = FlightState { version: 2, ..state.clone() };
    blocked.seat_plan.blocked_seats.push("12A".parse().unwrap());
    fixture.publish(EventType::FlightChanged, &blocked).await;
    eventually("the other cabin", async || known.get(&path).await.status.as_u16() == 200).await;
    let map = known.get(&path).await;
    assert_eq!((map.header("etag"), status_of(&map.json, "12A").as_str()), ("\"3-2\"", "blocked"));
    eventually("an empty outbox", async || fixture.count("outbox").await == 0).await;
    fixture.stop().await;
}

/// Stores a newer state behind the service's back, as another instance does whose word has not come yet.
async fn store_unheard(fixture: &ServiceFixture, state: &FlightState) {
    let json = serde_json::to_string(state).unwrap().replace('\'', "''");
    let (id, version) = (state.id, state.version);
    fixture
        .sql(&format!(
            "WITH stored AS (UPDATE flights SET version = {version}, on_sale = true WHERE id = '{id}')
             UPDATE flight_states SET version = {version}, state = '{json}' WHERE flight_id = '{id}'"
        ))
        .await;
}

#[actix_web::test]
async fn nothing_is_refused_because_of_a_flight_as_it_was() {
    let fixture = ServiceFixture::new().await;
    let mut state = flight(TimeDelta::days(30));
    state.status = FlightStatus::Cancelled;
    fixture.publish(EventType::FlightCancelled, &state).await;
    let body = booking(state.id, &[passenger("ADT", "Ada", None)]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    (state.version, state.status) = (2, FlightStatus::Scheduled);
    store_unheard(&fixture, &state).await;
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn prices_are_those_of_the_flight_as_it_is() {
    let fixture = ServiceFixture::new().await;
    let mut state = fixture.flight(30).await;
    let body = |name: &str| booking(state.id, &[passenger("ADT", name, None)]);
    let before = fixture.customer().post("/api/v1/bookings", &body("Ada")).await.expect(201);
    let bodies = [body("Grace"), body("Edith")];
    let fares = |amount: &str| -> Vec<FlightFare> {
        let mut fares = serde_json::to_value(&state.fares).unwrap();
        fares
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|fare| fare["base_price"]["amount"] = json!(amount));
        serde_json::from_value(fares).unwrap()
    };
    let (dear, cheap) = (fares("900.00"), fares("50.00"));
    (state.version, state.fares) = (2, dear);
    store_unheard(&fixture, &state).await;
    let dearer = fixture.customer().post("/api/v1/bookings", &bodies[0]).await.expect(201);
    let total =
        |booking: &Value| -> f64 { booking["price"]["total"]["amount"].as_str().unwrap().parse().unwrap() };
    assert!(total(&dearer) > 5.0 * total(&before), "{dearer}");
    (state.version, state.fares) = (3, cheap);
    store_unheard(&fixture, &state).await;
    let mut limited = bodies[1].clone();
    limited["expected_total"] = before["price"]["total"].clone();
    let cheaper = fixture.customer().post("/api/v1/bookings", &limited).await.expect(201);
    assert!(total(&cheaper) < total(&before), "{cheaper}");
    fixture.stop().await;
}

#[actix_web::test]
async fn an_airports_own_tax_is_charged_for_each_seat() {
    let fixture = ServiceFixture::new().await;
    let mut state = flight(TimeDelta::days(30));
    state.departure_tax = Some(Money::new(5794, Currency::EUR));
    fixture.publish(EventType::FlightPublished, &state).await;
    let client = fixture.customer();
    let family =
        [passenger("ADT", "Ada", None), passenger("CHD", "Joan", None), passenger("INF", "Alan", None)];
    let held = client.post("/api/v1/bookings", &booking(state.id, &family)).await.expect(201);
    // 106.00 * 0.48 = 50.88, a child 38.16, an infant 5.09; two seats of 57.94.
    let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let price = json!({"fare": money("94.13"), "taxes": money("115.88"), "total": money("210.01")});
    assert_eq!(held["price"], price);

    // A flight whose airport no longer has one; what is held keeps its price.
    (state.version, state.departure_tax) = (2, None);
    fixture.publish(EventType::FlightChanged, &state).await;
    let body = booking(state.id, &[passenger("ADT", "Grace", None)]);
    let later = client.post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(later["price"]["taxes"], money("24.00"));
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200)["price"], price);
    fixture.stop().await;
}

#[actix_web::test]
async fn the_tag_of_a_booking_changes_with_its_flight() {
    let fixture = ServiceFixture::new().await;
    let mut state = fixture.flight(30).await;
    let client = fixture.customer();
    let made = client.post("/api/v1/bookings", &booking(state.id, &[passenger("ADT", "Ada", None)])).await;
    let (tag, held) = (made.header("etag").to_owned(), made.expect(201));
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let first = client.get(&path).await;
    assert_eq!(first.header("etag"), tag, "the same body has the same tag");
    let asked = json!({"locator": held["locator"], "family_name": "Lovelace"});
    let found = fixture.guest(0).post("/api/v1/bookings/lookup", &asked).await.expect(200);
    let guest = fixture.guest(0).with_token(found["access_token"].as_str().unwrap());
    assert_ne!(guest.get(&path).await.header("etag"), tag, "guests see less");
    state.version = 2;
    state.departure =
        FlightTime::from_instant(state.departure.at + TimeDelta::hours(1), "Europe/London").unwrap();
    fixture.publish(EventType::FlightChanged, &state).await;
    let known = client.with_header("if-none-match", &tag).get(&path).await;
    assert_ne!(known.expect(200)["segments"][0]["departure"], held["segments"][0]["departure"]);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_flight_arrives_though_requests_have_all_connections() {
    let patient = |config: &mut booking::config::Config| {
        config.service.database_pool_size = 2;
        config.patience_ms = 600_000;
    };
    let fixture = ServiceFixture::with(1, patient).await;
    // Look-ups wait for a table that nobody can read, each with a connection.
    let locked = fixture.locked("lookup_failures").await;
    let lookup = json!({"locator": "ABCDEF", "family_name": "Lovelace"});
    let guest = fixture.guest(0);
    let lookups =
        join(guest.post("/api/v1/bookings/lookup", &lookup), guest.post("/api/v1/bookings/lookup", &lookup));
    let state = flight(TimeDelta::days(30));
    let arrives = async {
        locked.waited_for(2).await;
        fixture.publish(EventType::FlightPublished, &state).await;
        assert_eq!(fixture.count("flights").await, 1);
        locked.release().await;
    };
    let ((one, other), ()) = join(lookups, arrives).await;
    one.expect_problem(404, "not_found");
    other.expect_problem(404, "not_found");
    let body = booking(state.id, &[passenger("ADT", "Ada", None)]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}
