//! Bad input: the contract's codes, all errors at once, nothing kept.

use crate::fixture::{ServiceFixture, booking, flight, name, paid, passenger};
use awc::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::{
    events::{EventType, FlightState, FlightStatus},
    ids::FlightId,
    money::{Currency, Money},
};

/// Changes a good body, and tells what is wrong with it then.
type Case = (fn(&mut Value), &'static [&'static str]);

const INVALID: &[Case] = &[
    (|body| body["colour"] = json!("red"), &["/colour"]),
    (|body| body["segments"] = json!([]), &["/segments"]),
    (|body| body["segments"] = json!(vec![body["segments"][0].clone(); 7]), &["/segments"]),
    (
        |body| body["segments"] = json!([body["segments"][0], body["segments"][0]]),
        &["/passengers/0/seats", "/segments/1/flight_id"],
    ),
    (|body| body["segments"][0]["flight_id"] = json!("zebra"), &["/segments/0/flight_id"]),
    (|body| body["segments"][0]["cabin"] = json!("roof"), &["/segments/0/cabin"]),
    (|body| body["segments"][0]["cabin"] = json!("first"), &["/segments/0/cabin"]),
    (|body| body["segments"][0]["brand"] = json!("gold"), &["/segments/0/brand"]),
    (|body| body["passengers"] = json!([]), &["/passengers"]),
    (|body| body["passengers"] = json!({"0": 1}), &["/passengers"]),
    (|body| body["passengers"][0]["type"] = json!("DOG"), &["/passengers/0/type"]),
    (|body| body["passengers"][0]["given_name"] = json!(""), &["/passengers/0/given_name"]),
    (|body| body["passengers"][0]["given_name"] = json!("x".repeat(500)), &["/passengers/0/given_name"]),
    (|body| body["passengers"][0]["family_name"] = json!("😀"), &["/passengers/0/family_name"]),
    (
        |body| body["passengers"][0]["family_name"] = json!("a\u{0}b"),
        &["/passengers/0/family_name", "/passengers/0/family_name"],
    ),
    (|body| body["passengers"][0]["family_name"] = json!("a\u{202e}b"), &["/passengers/0/family_name"]),
    (|body| body["passengers"][0]["family_name"] = json!("x".repeat(500)), &["/passengers/0/family_name"]),
    (|body| body["passengers"][0]["given_name"] = json!("👩\u{200d}🚀"), &["/passengers/0/given_name"]),
    (
        |body| body["passengers"][0]["given_name"] = json!("refund.airline-claims.example"),
        &["/passengers/0/given_name"],
    ),
    (|body| body["passengers"][0]["family_name"] = json!("ada@claims"), &["/passengers/0/family_name"]),
    (|body| body["passengers"][0]["given_name"] = Value::Null, &["/passengers/0/given_name"]),
    (|body| body["passengers"][0]["born_on"] = json!("1890-02-01"), &["/passengers/0/born_on"]),
    (|body| body["passengers"][0]["born_on"] = json!("1990-02-30"), &["/passengers/0/born_on"]),
    (|body| body["passengers"][0]["born_on"] = json!("2190-02-01"), &["/passengers/0/born_on"]),
    (|body| body["passengers"][0]["born_on"] = json!("2020-02-01"), &["/passengers/0/born_on"]),
    (|body| body["passengers"][0]["born_on"] = json!(19_900_517), &["/passengers/0/born_on"]),
    (|body| body["passengers"][0]["seats"] = json!(["4Z", "5A"]), &["/passengers/0/seats"]),
    (|body| body["passengers"][0]["seats"] = json!(vec!["x"; 1000]), &["/passengers/0/seats"]),
    (|body| body["passengers"][0]["seats"] = json!(["4I"]), &["/passengers/0/seats/0"]),
    (|body| body["passengers"][0]["seats"] = json!(["99A"]), &["/passengers/0/seats/0"]),
    (|body| body["passengers"] = json!([passenger("CHD", "Joan", None)]), &["/passengers"]),
    (|body| body["passengers"] = json!([passenger("INF", "Joan", None)]), &["/passengers"]),
    (
        |body| body["passengers"] = json!([passenger("ADT", "A", None), passenger("INF", "B", Some("4A"))]),
        &["/passengers/1/seats/0"],
    ),
    (
        |body| {
            body["passengers"] = json!([passenger("ADT", "A", Some("4A")), passenger("ADT", "B", Some("4A"))])
        },
        &["/passengers/1/seats/0"],
    ),
    (
        |body| body["passengers"] = json!([passenger("ADT", "A", None), passenger("ADT", "a", None)]),
        &["/passengers/1"],
    ),
    (
        |body| body["passengers"] = (0..10).map(|number| passenger("ADT", &name(number), None)).collect(),
        &["/passengers"],
    ),
    (|body| body["contact"] = Value::Null, &["/contact"]),
    (|body| body["contact"]["email"] = json!("ada"), &["/contact/email"]),
    (|body| body["contact"]["email"] = json!("n..ina@example.org"), &["/contact/email"]),
    (|body| body["contact"]["email"] = json!("x@[127.0.0.1]"), &["/contact/email"]),
    (|body| body["contact"]["email"] = json!("x@1.2.3.4"), &["/contact/email"]),
    (|body| body["contact"]["email"] = json!("ada@localhost"), &["/contact/email"]),
    (|body| body["contact"]["phone"] = json!("0800"), &["/contact/phone"]),
    (|body| body["payment"] = json!({"method": "cash", "token": "tok_visa"}), &["/payment/method"]),
    (|body| body["payment"] = json!({"method": "card", "token": "tok_gold"}), &["/payment/token"]),
    (|body| body["payment"] = json!({"method": "card"}), &["/payment/token"]),
    (|body| body["expected_total"] = json!({"amount": "-1.00", "currency": "EUR"}), &["/expected_total"]),
    (|body| body["expected_total"] = json!({"amount": "1.00", "currency": "USD"}), &["/expected_total"]),
    (
        |body| body["expected_total"] = json!({"amount": "99999999999999999999", "currency": "EUR"}),
        &["/expected_total"],
    ),
    (|body| body["expected_total"] = json!(100), &["/expected_total"]),
    (|body| body["hold_minutes"] = json!("long"), &["/hold_minutes"]),
    (|body| body["hold_minutes"] = json!(1.5), &["/hold_minutes"]),
    (|body| body["passengers"][0]["seats"] = json!([]), &["/passengers/0/seats"]),
    // What is wrong here keeps nothing from being told that is wrong elsewhere.
    (
        |body| {
            body["passengers"] = json!(["A", "", "A"].map(|name| passenger("ADT", name, None)));
            body["passengers"][0]["seats"] = json!([]);
            body["hold_minutes"] = json!(0);
            body["payment"] = json!({"method": "cash", "token": "tok_gold"});
            body["expected_total"] = json!({"amount": "1.00", "currency": "USD"});
        },
        &[
            "/expected_total",
            "/hold_minutes",
            "/passengers/0/seats",
            "/passengers/1/given_name",
            "/passengers/2",
            "/payment/method",
            "/payment/token",
        ],
    ),
    (
        |body| {
            body["passengers"][0]["born_on"] = json!("2020-02-01");
            body["passengers"][0]["seats"] = json!(["99A"]);
        },
        &["/passengers/0/born_on", "/passengers/0/seats/0"],
    ),
];

#[actix_web::test]
async fn invalid_bodies_are_refused_where_they_are_wrong() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    for (index, (change, pointers)) in INVALID.iter().enumerate() {
        let mut body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
        change(&mut body);
        let answer = client.post("/api/v1/bookings", &body).await;
        answer.expect_problem(422, "validation_failed");
        let mut invalid = answer.invalid();
        invalid.sort();
        assert_eq!(invalid, *pointers, "case {index}: {}", answer.json);
    }
    // All at once.
    let mut body = booking(flight.id, &[passenger("ADT", "", Some("4I")), passenger("DOG", "Grace", None)]);
    body["passengers"][1]["born_on"] = json!("2190-02-01");
    body["segments"][0]["brand"] = json!("gold");
    body["contact"]["email"] = json!("ada");
    body["note"] = json!("window, please");
    let answer = client.post("/api/v1/bookings", &body).await;
    let mut invalid = answer.invalid();
    invalid.sort();
    let all = [
        "/contact/email",
        "/note",
        "/passengers/0/given_name",
        "/passengers/0/seats/0",
        "/passengers/1/born_on",
        "/passengers/1/type",
        "/segments/0/brand",
    ];
    assert_eq!(invalid, all, "{}", answer.json);
    nothing_is_kept(&fixture).await;
    // All that only the flight tells, too.
    let mut body = booking(flight.id, &[passenger("CHD", "Joan", None), passenger("ADT", "Ada", None)]);
    body["passengers"][0]["born_on"] = json!("1990-05-17");
    body["segments"][0]["cabin"] = json!("first");
    body["hold_minutes"] = json!(0);
    body["expected_total"] = json!({"amount": "1.00", "currency": "USD"});
    let answer = client.post("/api/v1/bookings", &body).await;
    let mut invalid = answer.invalid();
    invalid.sort();
    let all = ["/expected_total", "/hold_minutes", "/passengers/0/born_on", "/segments/0/cabin"];
    assert_eq!(invalid, all, "{}", answer.json);
    nothing_is_kept(&fixture).await;
    fixture.stop().await;
}

async fn nothing_is_kept(fixture: &ServiceFixture) {
    let tables = [
        "bookings",
        "seats",
        "travellers",
        "segments",
        "passengers",
        "payments",
        "sandbox_operations",
        "idempotency_keys",
        "events",
    ];
    for table in tables {
        assert_eq!(fixture.count(table).await, 0, "nothing is kept in {table}");
    }
}

#[actix_web::test]
async fn flights_that_are_not_on_sale_cannot_be_booked() {
    let fixture = ServiceFixture::new().await;
    let good = fixture.flight(30).await;
    let mut cancelled = flight(TimeDelta::days(31));
    cancelled.status = FlightStatus::Cancelled;
    let departed = flight(TimeDelta::days(-1));
    let leaving = flight(TimeDelta::minutes(44));
    for (kind, state) in [
        (EventType::FlightCancelled, &cancelled),
        (EventType::FlightPublished, &departed),
        (EventType::FlightPublished, &leaving),
    ] {
        fixture.publish(kind, state).await;
    }
    let client = fixture.customer();
    let ada = [passenger("ADT", "Ada", None)];
    for state in [&cancelled, &departed, &leaving] {
        let answer = client.post("/api/v1/bookings", &paid(booking(state.id, &ada), "tok_visa")).await;
        answer.expect_problem(409, "flight_not_bookable");
    }
    // Nor together with one that is.
    let mut body = booking(good.id, &[passenger("ADT", "Ada", None)]);
    body["passengers"][0]["seats"] = Value::Null;
    let segment = |state: &FlightState| json!({"flight_id": state.id, "cabin": "economy", "brand": "flex"});
    body["segments"] = json!([segment(&good), segment(&cancelled)]);
    client.post("/api/v1/bookings", &body).await.expect_problem(409, "flight_not_bookable");
    nothing_is_kept(&fixture).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn names_of_all_scripts_travel() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    for (given, family) in [
        ("محمد", "الفارسي"),
        ("שָׂרָה", "בן דוד"),
        ("सत्या", "नडेला"),
        ("เจริญ", "ชัยวัฒน์"),
        ("小龙", "李"),
        ("Jean-Luc", "d'Arc O'Neil Jr."),
        ("J.R.", "St.Clair"),
        ("Zo\u{eb}", "Nguyễn"),
    ] {
        let mut body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
        body["passengers"][0]["given_name"] = json!(given);
        body["passengers"][0]["family_name"] = json!(family);
        let made = client.post("/api/v1/bookings", &body).await.expect(201);
        let path = format!("/api/v1/bookings/{}", made["id"].as_str().unwrap());
        let read = client.get(&path).await.expect(200);
        let traveller = &read["passengers"][0];
        assert_eq!((&traveller["given_name"], &traveller["family_name"]), (&json!(given), &json!(family)));
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn prices_beyond_all_bounds_are_refused() {
    let fixture = ServiceFixture::new().await;
    let mut dear = Vec::new();
    for day in [30, 31, 32] {
        let mut state = flight(TimeDelta::days(day));
        for fare in &mut state.fares {
            fare.base_price = Money::new(i64::MAX, Currency::EUR);
        }
        fixture.publish(EventType::FlightPublished, &state).await;
        dear.push(state);
    }
    let client = fixture.customer();
    // Three adults are too many for what one flight can cost, one adult for what three can cost.
    let party =
        [passenger("ADT", "Ada", None), passenger("ADT", "Grace", None), passenger("ADT", "Joan", None)];
    let answer = client.post("/api/v1/bookings", &paid(booking(dear[0].id, &party), "tok_visa")).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/segments/0/brand"]);
    let mut body = paid(booking(dear[0].id, &party[..1]), "tok_visa");
    body["passengers"][0]["seats"] = Value::Null;
    let segments =
        dear.iter().map(|state| json!({"flight_id": state.id, "cabin": "economy", "brand": "standard"}));
    body["segments"] = segments.collect();
    let answer = client.post("/api/v1/bookings", &body).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["/segments"], "{}", answer.json);
    nothing_is_kept(&fixture).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn seats_that_cannot_be_assigned_have_distinct_codes() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let adult_with_infant = vec![passenger("ADT", "Ada", Some("8A")), passenger("INF", "Joan", None)];
    let child = vec![passenger("ADT", "Ada", None), passenger("CHD", "Joan", Some("8B"))];
    let cases = [
        (vec![passenger("ADT", "Ada", Some("1A"))], "/passengers/0/seats/0"),
        (vec![passenger("ADT", "Ada", Some("12F"))], "/passengers/0/seats/0"),
        (adult_with_infant, "/passengers/0/seats/0"),
        (child, "/passengers/1/seats/0"),
    ];
    for (party, pointer) in cases {
        let answer = client.post("/api/v1/bookings", &booking(flight.id, &party)).await;
        answer.expect_problem(422, "seat_not_allowed");
        assert_eq!(answer.invalid(), [pointer]);
    }
    let allowed = [
        passenger("ADT", "Ada", Some("5A")),
        passenger("INF", "Joan", None),
        passenger("ADT", "Grace", Some("8A")),
    ];
    let made = client.post("/api/v1/bookings", &booking(flight.id, &allowed)).await.expect(201);
    assert_eq!(made["passengers"][1]["seats"], json!([]));
    // All of the wanted seats that are taken are told.
    let rival = [passenger("ADT", "Ada", Some("9A")), passenger("ADT", "Grace", Some("9B"))];
    fixture.customer().post("/api/v1/bookings", &booking(flight.id, &rival)).await.expect(201);
    let wanted: Vec<Value> = ["9A", "9B", "9C"]
        .iter()
        .enumerate()
        .map(|(index, seat)| passenger("ADT", &name(index), Some(seat)))
        .collect();
    let taken = client.post("/api/v1/bookings", &booking(flight.id, &wanted)).await;
    taken.expect_problem(409, "seat_taken");
    assert_eq!(taken.json["seats"].as_array().unwrap().len(), 2);
    fixture.stop().await;
}

#[actix_web::test]
async fn prices_are_charged_as_expected_or_lower() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let order = |who: &str, amount: &str| {
        let mut body = paid(booking(flight.id, &[passenger("ADT", who, None)]), "tok_visa");
        body["expected_total"] = json!({"amount": amount, "currency": "EUR"});
        body
    };
    let changed = client.post("/api/v1/bookings", &order("Ada", "74.87")).await;
    changed.expect_problem(409, "price_changed");
    assert_eq!(changed.json["total"], json!({"amount": "74.88", "currency": "EUR"}));
    assert_eq!(fixture.count("seats").await + fixture.count("sandbox_operations").await, 0);
    for (who, expected) in [("Ada", "74.88"), ("Grace", "500.00")] {
        let made = client.post("/api/v1/bookings", &order(who, expected)).await.expect(201);
        assert_eq!(made["price"]["total"]["amount"], "74.88");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn malformed_requests_are_refused() {
    let fixture = ServiceFixture::new().await;
    let client = fixture.customer();
    let send =
        async |method, path, kind, body: &[u8]| client.send(method, path, kind, Some(body.to_vec())).await;
    let json = "application/json";
    send(Method::POST, "/api/v1/bookings", json, b"{\"segments\": [")
        .await
        .expect_problem(400, "malformed_json");
    send(Method::POST, "/api/v1/bookings", json, b"[]").await.expect_problem(422, "validation_failed");
    send(Method::POST, "/api/v1/bookings", "text/plain", b"{}")
        .await
        .expect_problem(415, "unsupported_media_type");
    let large = format!("{{\"note\": \"{}\"}}", "x".repeat(300 * 1024));
    send(Method::POST, "/api/v1/bookings", json, large.as_bytes())
        .await
        .expect_problem(413, "payload_too_large");
    let wrong = send(Method::PUT, "/api/v1/bookings", json, b"{}").await;
    wrong.expect_problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET, HEAD, POST");
    send(Method::POST, "/api/v1/nothing", json, b"{}").await.expect_problem(404, "not_found");
    send(Method::POST, "/api/v1/bookings/lookup", json, b"{\"locator\": 7}")
        .await
        .expect_problem(422, "validation_failed");
    let unknown: FlightId = "0191e2a0-0000-7000-8000-000000000000".parse().unwrap();
    let body = booking(unknown, &[passenger("ADT", "Ada", None)]);
    client.post("/api/v1/bookings", &body).await.expect_problem(404, "not_found");
    let document = fixture.guest(0).get("/openapi.json").await.expect(200);
    assert!(document["paths"]["/api/v1/bookings/{id}/seats"]["patch"].is_object());
    fixture.stop().await;
}
