//! What the flight service asks before and after it disrupts a flight.

use crate::fixture::{ServiceFixture, booking, eventually, flight, name, paid, passenger, status_of};
use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    events::{EventType, FlightState, FlightStatus},
    ids::{FlightId, UserId},
};
use testkit::Client;

async fn book(client: &Client, flight: &FlightState, passengers: &[Value], token: Option<&str>) -> Value {
    let body = booking(flight.id, passengers);
    let body = token.map_or_else(|| body.clone(), |token| paid(body.clone(), token));
    client.post("/api/v1/bookings", &body).await.expect(201)
}

fn internal(flight: FlightId, act: &str) -> String {
    format!("/internal/flights/{flight}/{act}")
}

/// The flight in its next version with a cabin of economy that ends with this row.
fn shortened(flight: &FlightState, last: u8) -> FlightState {
    let mut after = FlightState { version: flight.version + 1, ..flight.clone() };
    after.airplane = "G-AERS".parse().unwrap();
    after.seat_plan.cabins[1].rows[1] = last;
    after.seat_plan.blocked_seats.clear();
    after
}

async fn violations(fixture: &ServiceFixture) -> Value {
    let staff = fixture.user(0, UserId::new(), &[Permission::SystemCheck]);
    staff.post("/api/v1/admin/invariants/check", &json!({})).await.expect(200)["violations"].clone()
}

#[actix_web::test]
async fn an_impact_counts_live_bookings_and_their_money() {
    let fixture = ServiceFixture::with(1, |config| config.payment_timeout_ms = 200).await;
    let flight = fixture.flight(30).await;
    let path = internal(flight.id, "impact");
    fixture.customer().post(&path, &json!({})).await.expect_problem(401, "unauthenticated");
    let service = fixture.service();
    let nothing = json!({
        "bookings": 0, "passengers": 0, "paid": {"amount": "0.00", "currency": "EUR"}, "reseated": [],
        "too_small": null,
    });
    assert_eq!(service.post(&path, &json!({})).await.expect(200), nothing);
    let unknown = internal(FlightId::new(), "impact");
    assert_eq!(service.post(&unknown, &json!({})).await.expect(200), nothing);

    let family = [passenger("ADT", "Ada", Some("12A")), passenger("INF", "Anne", None)];
    let bought = book(&fixture.customer(), &flight, &family, Some("tok_visa")).await;
    book(&fixture.customer(), &flight, &[passenger("ADT", "Grace", Some("4A"))], None).await;
    let slow = paid(booking(flight.id, &[passenger("ADT", "Mary", Some("5A"))]), "tok_timeout");
    fixture.customer().post("/api/v1/bookings", &slow).await.expect_problem(504, "upstream_timeout");
    let client = fixture.customer();
    let gone = book(&client, &flight, &[passenger("ADT", "Jean", Some("6A"))], Some("tok_visa")).await;
    let cancel = format!("/api/v1/bookings/{}/cancel", gone["id"].as_str().unwrap());
    client.post(&cancel, &json!({})).await.expect(200);
    let before = fixture.count("events").await;
    let found = service.post(&path, &json!({})).await.expect(200);
    assert_eq!((&found["bookings"], &found["passengers"]), (&json!(3), &json!(4)));
    assert_eq!(found["paid"], bought["price"]["total"], "what is held or under way was not paid");

    // With other seats it says who would move, and changes nothing.
    let mut plan = serde_json::to_value(&shortened(&flight, 11).seat_plan).unwrap();
    let found = service.post(&path, &json!({"seat_plan": plan})).await.expect(200);
    assert_eq!(found["reseated"], json!([{"booking_id": bought["id"], "from": "12A", "to": "11A"}]));
    plan["cabins"].as_array_mut().unwrap().remove(1);
    let found = service.post(&path, &json!({"seat_plan": plan})).await.expect(200);
    assert_eq!((&found["too_small"], &found["reseated"]), (&json!("economy"), &json!([])));
    assert_eq!(fixture.count("events").await, before);
    service.post(&path, &json!({"seats": 1})).await.expect_problem(422, "validation_failed");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_withdrawn_flight_is_not_sold_whatever_comes_late() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let published = flight(TimeDelta::days(30));
    // Its newest state has yet to come.
    fixture.publish(EventType::FlightPublished, &published).await;
    let state = FlightState { version: 2, ..published.clone() };
    let body = |name: &str| booking(published.id, &[passenger("ADT", name, Some("4A"))]);
    let other = fixture.user(1, UserId::new(), &[]);
    let kept = other.post("/api/v1/bookings", &body("Ada")).await.expect(201);
    let (path, service) = (internal(published.id, "withdraw"), fixture.service());
    fixture.customer().post(&path, &json!({"flight": state})).await.expect_problem(401, "unauthenticated");
    let withdrawn = json!({"outcome": "withdrawn", "was_on_sale": true});
    assert_eq!(service.post(&path, &json!({"flight": state})).await.expect(200), withdrawn);
    let again = json!({"outcome": "withdrawn", "was_on_sale": false});
    assert_eq!(service.post(&path, &json!({"flight": state})).await.expect(200), again);
    let old = service.post(&path, &json!({"flight": published})).await.expect(200);
    assert_eq!(old, json!({"outcome": "stale"}));
    fixture.publish(EventType::FlightChanged, &state).await;
    let free = booking(published.id, &[passenger("ADT", "Grace", Some("5A"))]);
    for client in [&fixture.customer(), &other] {
        client.post("/api/v1/bookings", &free).await.expect_problem(409, "flight_not_bookable");
    }
    let kept = other.get(&format!("/api/v1/bookings/{}", kept["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(kept["status"], "held", "what was booked stays");
    // A newer version opens it, although nothing else of it is new.
    let renewed = FlightState { version: 3, ..state };
    let told = format!("/internal/flights/{}", published.id);
    service.put(&told, &json!({"flight": renewed})).await.expect(204);
    fixture.customer().post("/api/v1/bookings", &free).await.expect(201);

    // An unknown flight is withdrawn, too.
    let unknown = flight(TimeDelta::days(30));
    let path = internal(unknown.id, "withdraw");
    service.post(&path, &json!({"flight": unknown})).await.expect(200);
    fixture.publish(EventType::FlightPublished, &unknown).await;
    let body = booking(unknown.id, &[passenger("ADT", "Ada", None)]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_committed_state_is_followed_before_its_event() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let bought = book(&client, &flight, &[passenger("ADT", "Ada", None)], Some("tok_visa")).await;
    let cancelled = FlightState {
        status: FlightStatus::Cancelled,
        reason: Some("strike".to_owned()),
        version: 2,
        ..flight.clone()
    };
    let path = format!("/internal/flights/{}", flight.id);
    fixture.customer().put(&path, &json!({"flight": cancelled})).await.expect_problem(401, "unauthenticated");
    fixture.service().put(&path, &json!({"flight": cancelled})).await.expect(204);
    assert_eq!(fixture.count("disruptions").await, 1);
    // The event has nothing to add but the wake-up.
    fixture.publish(EventType::FlightCancelled, &cancelled).await;
    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    eventually("the cancellation", async || client.get(&path).await.json["status"] == "cancelled").await;
    // The letter is told why.
    let told = "events WHERE kind = 'booking.cancelled' AND data::jsonb->'disruption' = \
                '{\"kind\": \"cancelled\", \"reason\": \"strike\", \"reseated\": [], \"flight_id\": ";
    assert_eq!(fixture.count(&format!("{told}\"{}\"}}'", flight.id)).await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn passengers_follow_their_flight_to_another_airplane() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let pair = [passenger("ADT", "Ada", Some("12A")), passenger("ADT", "Grace", Some("12B"))];
    let moving = book(&client, &flight, &pair, Some("tok_visa")).await;
    book(&fixture.customer(), &flight, &[passenger("ADT", "Mary", Some("11A"))], None).await;
    let after = shortened(&flight, 11);
    fixture.publish(EventType::FlightChanged, &after).await;

    let path = format!("/api/v1/bookings/{}", moving["id"].as_str().unwrap());
    let shown = client.get(&path).await.expect(200);
    let seat = |passenger: usize| shown["passengers"][passenger]["seats"][0]["designator"].clone();
    assert_eq!((shown["version"].as_i64(), shown["status"].as_str()), (Some(3), Some("confirmed")));
    assert_eq!((seat(0), seat(1)), (json!("11B"), json!("11C")), "beside each other, near the old ones");
    let told = format!(
        "events WHERE kind = 'booking.changed' AND data::jsonb->'disruption'->>'kind' = 'reseated' \
         AND data::jsonb->'disruption'->'reseated'->0->>'from' = '12A' \
         AND data::jsonb->'disruption'->'reseated'->0->>'to' = '11B' AND subject::text = '{}'",
        moving["id"].as_str().unwrap()
    );
    assert_eq!(fixture.count(&told).await, 1);
    assert_eq!(violations(&fixture).await, json!([]));
    for instance in [0, 1] {
        let map = async || {
            let path = format!("/api/v1/flights/{}/seat-map", flight.id);
            fixture.guest(instance).get(&path).await.expect(200)
        };
        eventually("the new cabin", async || map().await["cabins"][1]["rows"].as_array().unwrap().len() == 8)
            .await;
        let map = map().await;
        assert_eq!((status_of(&map, "11B"), status_of(&map, "11A")), ("sold".to_owned(), "held".to_owned()));
    }
    // Told again, nobody moves again.
    fixture.publish(EventType::FlightChanged, &after).await;
    assert_eq!(fixture.count("events WHERE kind = 'booking.changed'").await, 1);
    // Sales go on with the new seats.
    let body = |seat| booking(flight.id, &[passenger("ADT", "Jean", Some(seat))]);
    let gone = fixture.user(1, UserId::new(), &[]).post("/api/v1/bookings", &body("12C")).await;
    assert_eq!(gone.invalid(), ["/passengers/0/seats/0"]);
    fixture.customer().post("/api/v1/bookings", &body("11D")).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn no_change_to_too_few_seats_is_prepared_or_stored() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    for party in 0..3 {
        let party: Vec<_> = (0..4).map(|one| passenger("ADT", &name(party * 10 + one), None)).collect();
        book(&fixture.customer(), &flight, &party, None).await;
    }
    let after = shortened(&flight, 5);
    let path = internal(flight.id, "withdraw");
    let asked = json!({"flight": flight, "seat_plan": after.seat_plan});
    assert_eq!(fixture.service().post(&path, &asked).await.expect(200)["outcome"], "withdrawn");
    let flight = FlightState { version: 2, ..flight };
    fixture.publish(EventType::FlightChanged, &flight).await;
    let small = shortened(&flight, 4);
    let asked = json!({"flight": flight, "seat_plan": small.seat_plan});
    let refused = fixture.service().post(&path, &asked).await.expect(200);
    assert_eq!(refused, json!({"outcome": "too_small", "cabin": "economy"}));
    book(&fixture.customer(), &flight, &[passenger("ADT", "Ada", None)], None).await;
    // Even if it is told all the same, no booking loses its seat.
    let path = format!("/internal/flights/{}", flight.id);
    let told = fixture.service().put(&path, &json!({"flight": small})).await;
    assert!(told.status.is_server_error());
    assert_eq!(fixture.count("flights WHERE version = 2").await, 1);
    assert_eq!(violations(&fixture).await, json!([]));
    fixture.stop().await;
}

#[actix_web::test]
async fn no_seat_is_lost_while_claims_come_and_the_airplane_changes() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let path = format!("/api/v1/flights/{}/seat-map", flight.id);
    for instance in [0, 1] {
        fixture.guest(instance).get(&path).await.expect(200);
    }
    // 42 seats in seven rows are enough for all: 40 travellers, half of whom want seats that go.
    let clients: Vec<_> = (0..40).map(|one| (one, fixture.user(one % 2, UserId::new(), &[]))).collect();
    let wanted = |one: usize| {
        let letter = ["A", "B", "C", "D", "E"][one / 2 % 5];
        one.is_multiple_of(2).then(|| format!("{}{letter}", [12, 11][one / 10 % 2]))
    };
    let attempts = clients.iter().map(|(one, client)| async move {
        let body = booking(flight.id, &[passenger("ADT", "Ada", wanted(*one).as_deref())]);
        let body = if one.is_multiple_of(3) { paid(body, "tok_visa") } else { body };
        let answer = client.post("/api/v1/bookings", &body).await;
        if answer.status.as_u16() != 201 {
            return answer;
        }
        // Some move at once to a seat that goes.
        let booked = &answer.json;
        let change = json!({"changes": [{
            "passenger_id": booked["passengers"][0]["id"], "flight_id": flight.id,
            "designator": format!("{}F", 4 + one % 9),
        }]});
        let path = format!("/api/v1/bookings/{}/seats", booked["id"].as_str().unwrap());
        if one % 4 == 1 { client.patch(&path, &change).await } else { answer }
    });
    let after = shortened(&flight, 10);
    let change = async {
        eventually("some bookings", async || fixture.count("bookings").await >= 5).await;
        let asked = json!({"flight": flight, "seat_plan": after.seat_plan});
        let outcome = fixture.service().post(&internal(flight.id, "withdraw"), &asked).await.expect(200);
        assert_eq!(outcome["outcome"], "withdrawn");
        let path = format!("/internal/flights/{}", flight.id);
        fixture.service().put(&path, &json!({"flight": after})).await.expect(204);
    };
    let (answers, ()) = join(join_all(attempts), change).await;
    for answer in answers {
        assert!([200, 201, 409, 422].contains(&answer.status.as_u16()), "{}", answer.json);
    }
    assert_eq!(violations(&fixture).await, json!([]));
    assert_eq!(fixture.count("seats WHERE seat >= 11 * 32").await, 0, "rows 11 and 12 are gone");
    assert_eq!(fixture.count("seats").await, fixture.count("bookings").await);
    // It is sold again, on both instances.
    for instance in [0, 1] {
        let client = fixture.user(instance, UserId::new(), &[]);
        let body = booking(flight.id, &[passenger("ADT", "Last", None)]);
        eventually("sales", async || client.post("/api/v1/bookings", &body).await.status.as_u16() == 201)
            .await;
    }
    assert_eq!(violations(&fixture).await, json!([]));
    fixture.stop().await;
}
