//! Flights over HTTP: how they are made, changed, deleted and listed.

use crate::{
    service::Service,
    world::{body, day, flight},
};
use chrono::{Duration, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use flight::store::flights;
use serde_json::{Value, json};
use shared::auth::Permission;
use std::sync::atomic::Ordering;

const ADMIN: &str = "/api/v1/admin/flights";

/// AE100 from Heathrow at 10:00, 75 minutes.
fn morning(date: chrono::NaiveDate) -> Value {
    body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA")
}

fn address(flight: &Value) -> String {
    format!("/api/v1/flights/{}", flight["id"].as_str().expect("an id"))
}

fn admin_address(flight: &Value) -> String {
    format!("{ADMIN}/{}", flight["id"].as_str().expect("an id"))
}

#[actix_web::test]
async fn a_flight_is_made_read_found_and_told() {
    let service = Service::start().await;
    let mut heard = service.listen().await;
    let date = day(30);
    let answer = service.operator.post(ADMIN, &morning(date)).await;
    assert_eq!(answer.header("location"), address(&answer.json));
    let made = answer.expect(201);
    assert_eq!(made["airline"], json!({"code": "AE", "name": "Aerobus Airlines"}));
    assert_eq!(made["origin"]["city"], json!({"code": "LON", "name": "London"}));
    assert_eq!(made["departure"]["local"], format!("{date}T10:00"));
    assert_eq!(made["destination"]["time_zone"], "Europe/Paris");
    assert_eq!((made["duration_minutes"].as_i64(), made["version"].as_i64()), (Some(75), Some(1)));
    assert_eq!((&made["airplane"], &made["status"]), (&json!("G-AERA"), &json!("scheduled")));
    let seats = json!([
        {"cabin": "business", "seats_total": 12, "seats_available": 12},
        {"cabin": "economy", "seats_total": 136, "seats_available": 136},
    ]);
    assert_eq!(made["cabins"], seats);
    let fare = json!([{
        "cabin": "economy", "brand": "light",
        // 100.00, class T of a flight 29 days ahead (0.48), brand light (0.90), international tax 24.00.
        "price": {"amount": "67.20", "currency": "EUR"},
        "conditions": {
            "checked_bags": 0, "refundable": false, "refund_fee": null, "changeable": false, "change_fee": null,
        },
    }]);
    assert_eq!(made["fares"], fare);
    assert_eq!(service.anybody.get(&address(&made)).await.expect(200), made);
    let found = service.search(&format!("origin=LON&destination=PAR&date={date}")).await;
    assert_eq!(found[0]["slices"][0]["segments"][0], made, "search shows it at once");
    let event = heard.recv().await.expect("an event");
    assert_eq!(
        (event.kind.as_str(), event.version, event.source.as_str()),
        ("flight.published", 1, "flight")
    );
    let data: Value = event.data().unwrap();
    assert_eq!((&data["id"], &data["seat_plan"]["exit_rows"]), (&made["id"], &json!([10, 11])));
}

#[actix_web::test]
async fn bad_flights_are_refused_with_all_that_is_wrong() {
    let service = Service::start().await;
    let refused = async |body: Value| {
        let answer = service.operator.post(ADMIN, &body).await;
        answer.expect_problem(422, "validation_failed");
        answer.invalid()
    };
    let with = |changes: Value| {
        let mut body = morning(day(30));
        changes.as_object().expect("an object").iter().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    let all = [
        "/flight_number",
        "/origin",
        "/destination",
        "/departure_local",
        "/arrival_local",
        "/airplane",
        "/fares",
    ];
    assert_eq!(refused(json!({})).await, all);
    assert_eq!(refused(with(json!({"flight_number": "AE0", "gate": 3}))).await, ["/flight_number", "/gate"]);
    let unknown = json!({"flight_number": "ZZ1", "origin": "XXX", "airplane": "X-1"});
    assert_eq!(refused(with(unknown)).await, ["/flight_number", "/origin", "/airplane"]);
    assert_eq!(refused(with(json!({"destination": "LHR"}))).await, ["/destination"]);
    assert_eq!(refused(with(json!({"departure_local": "2026-02-30T10:00"}))).await, ["/departure_local"]);
    let past = json!({"departure_local": "2020-01-01T10:00", "arrival_local": "2020-01-01T12:00"});
    assert_eq!(refused(with(past)).await, ["/departure_local"]);
    let same = format!("{}T11:00", day(30));
    assert_eq!(
        refused(with(json!({"arrival_local": same}))).await,
        ["/arrival_local"],
        "11:00 in Paris is 10:00 in London"
    );
    assert_eq!(
        refused(with(json!({"arrival_local": format!("{}T11:01", day(31))}))).await,
        ["/arrival_local"]
    );
    assert_eq!(refused(with(json!({"fares": []}))).await, ["/fares"]);
    let price = |amount: &str, currency: &str| json!({"amount": amount, "currency": currency});
    let fares = json!([
        {"cabin": "first", "brand": "light", "base_price": price("1.00", "EUR")},
        {"cabin": "economy", "brand": "light", "base_price": price("-1.00", "EUR")},
        {"cabin": "economy", "brand": "light", "base_price": price("1.00", "USD")},
    ]);
    let pointers = ["/fares/0/cabin", "/fares/1/base_price", "/fares/2", "/fares/2/base_price"];
    assert_eq!(refused(with(json!({"fares": fares}))).await, pointers);
    let fares = json!([{"cabin": "economy", "brand": "gold", "base_price": price("1.001", "EUR")}, 7]);
    assert_eq!(
        refused(with(json!({"fares": fares}))).await,
        ["/fares/0/brand", "/fares/0/base_price", "/fares/1"]
    );
    let answer =
        service.operator.send(awc::http::Method::POST, ADMIN, "application/json", Some(b"{".to_vec())).await;
    answer.expect_problem(400, "malformed_json");
    service.anybody.post(ADMIN, &json!({})).await.expect_problem(401, "unauthenticated");
    let editor = service.client(&[Permission::ReferenceWrite]);
    editor.post(ADMIN, &json!({})).await.expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn two_flights_share_neither_number_nor_airplane() {
    let service = Service::start().await;
    let date = day(30);
    let first = service.make(&morning(date)).await;
    let refers = json!([format!("flights/{}", first["id"].as_str().expect("an id"))]);
    let number = body("AE100", "LHR", &format!("{date}T18:00"), &format!("{date}T20:15"), "G-AERB");
    let airplane = body("AE102", "LGW", &format!("{date}T11:14"), &format!("{date}T13:30"), "G-AERA");
    for other in [number, airplane] {
        let refused = service.operator.post(ADMIN, &other).await;
        refused.expect_problem(409, "conflict");
        assert_eq!(refused.json["refers"], refers);
    }
    // Another airport may have the number.
    service.make(&body("AE100", "LGW", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERB")).await;
}

#[actix_web::test]
async fn of_many_at_once_one_gets_the_airplane() {
    let service = Service::start().await;
    let date = day(30);
    let attempts = (1..=8).map(|number| {
        let flight =
            body(&format!("AE{number}"), "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
        let client = service.operator.clone();
        async move { client.post(ADMIN, &flight).await.status.as_u16() }
    });
    let mut answers = futures_util::future::join_all(attempts).await;
    answers.sort_unstable();
    assert_eq!(answers, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[actix_web::test]
async fn a_flight_is_changed_under_its_version() {
    let service = Service::start().await;
    let date = day(30);
    let mut heard = service.listen().await;
    let made = service.make(&morning(date)).await;
    assert_eq!(heard.recv().await.map(|event| event.version), Some(1));
    let read = service.anybody.get(&address(&made)).await;
    let tag = read.header("etag").to_owned();
    let known = service.anybody.with_header("if-none-match", &tag);
    assert_eq!(known.get(&address(&made)).await.status.as_u16(), 304);

    let later = json!({"departure_local": format!("{}T23:30", day(30)), "arrival_local": format!("{}T01:45", day(31))});
    let answer = service.operator.with_header("if-match", &tag).patch(&admin_address(&made), &later).await;
    let changed = answer.expect(200);
    assert_eq!((changed["version"].as_i64(), &changed["status"]), (Some(2), &json!("scheduled")));
    assert_eq!(changed["fares"], made["fares"]);
    let event = heard.recv().await.expect("an event");
    assert_eq!((event.kind.as_str(), event.version), ("flight.changed", 2));
    let data: Value = event.data().unwrap();
    assert_eq!(data["arrival"]["local"], format!("{}T01:45", day(31)));
    assert_eq!(known.get(&address(&made)).await.status.as_u16(), 200);
    let stale = service.operator.with_header("if-match", &tag);
    stale.patch(&admin_address(&made), &later).await.expect_problem(412, "precondition_failed");
    stale.delete(&admin_address(&made)).await.expect_problem(412, "precondition_failed");

    let fares = json!({"airplane": "G-AERB", "fares": [
        {"cabin": "business", "brand": "flex", "base_price": {"amount": "320.00", "currency": "EUR"}},
    ]});
    let changed = service.operator.patch(&admin_address(&made), &fares).await.expect(200);
    assert_eq!((&changed["airplane"], &changed["fares"][0]["cabin"]), (&json!("G-AERB"), &json!("business")));
    let offers =
        service.search(&format!("origin=LHR&destination=CDG&date={date}")).await[0]["offers"].clone();
    assert_eq!((offers.as_array().map(Vec::len), &offers[0]["brand"]), (Some(1), &json!("flex")));

    let refused =
        service.operator.patch(&admin_address(&made), &json!({"origin": "LGW", "fares": null})).await;
    assert_eq!(refused.invalid(), ["/origin", "/fares"]);
    let refused = service
        .operator
        .patch(&admin_address(&made), &json!({"arrival_local": format!("{date}T00:30")}))
        .await;
    assert_eq!(refused.invalid(), ["/arrival_local"]);
    service
        .make(&body("AE102", "LGW", &format!("{}T10:00", day(31)), &format!("{}T12:15", day(31)), "G-AERB"))
        .await;
    let collides = json!({"departure_local": format!("{}T09:30", day(31)), "arrival_local": format!("{}T11:45", day(31))});
    service.operator.patch(&admin_address(&made), &collides).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn other_seats_need_another_action() {
    let service = Service::start().await;
    let made = service.make(&morning(day(30))).await;
    let layout = json!({
        "name": "One class", "aircraft_type": "320",
        "cabins": [{"cabin": "economy", "rows": [1, 30], "columns": "ABC|DEF"}],
    });
    let layout = service.operator.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
    let airplane = json!({
        "registration": "G-ONEC", "airline": "AE", "aircraft_type": "320", "seat_layout_id": layout["id"],
    });
    service.operator.post("/api/v1/admin/airplanes", &airplane).await.expect(201);
    let swap = json!({"airplane": "G-ONEC"});
    service.operator.patch(&admin_address(&made), &swap).await.expect_problem(409, "conflict");
    let refit = json!({"seat_layout_id": layout["id"]});
    let refused = service.operator.patch("/api/v1/admin/airplanes/G-AERA", &refit).await;
    refused.expect_problem(409, "conflict");
    assert_eq!(refused.json["refers"], json!(["flights"]));
    service.operator.patch("/api/v1/admin/airplanes/G-AERB", &refit).await.expect(200);
}

#[actix_web::test]
async fn only_a_flight_without_bookings_is_deleted() {
    let service = Service::start().await;
    let date = day(30);
    let mut heard = service.listen().await;
    let made = service.make(&morning(date)).await;
    assert_eq!(heard.recv().await.map(|event| event.version), Some(1));
    let alone = service.without_booking().await;
    let answer = alone.delete(&admin_address(&made)).await;
    answer.expect_problem(503, "upstream_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    // Booking may have closed it, and opens a newer version.
    let event = heard.recv().await.expect("an event");
    assert_eq!((event.kind.as_str(), event.version), ("flight.changed", 2));
    service.live_bookings.store(2, Ordering::SeqCst);
    let refused = service.operator.delete(&admin_address(&made)).await;
    refused.expect_problem(409, "conflict");
    assert_eq!(refused.json["refers"], json!(["bookings"]));
    service.anybody.get(&address(&made)).await.expect(200);

    service.live_bookings.store(0, Ordering::SeqCst);
    service.operator.delete(&admin_address(&made)).await.expect(204);
    service.anybody.get(&address(&made)).await.expect_problem(404, "not_found");
    let event = heard.recv().await.expect("an event");
    assert_eq!((event.kind.as_str(), event.version), ("flight.cancelled", 3));
    let data: Value = event.data().unwrap();
    assert_eq!(data["status"], "cancelled");
    assert!(service.search(&format!("origin=LHR&destination=CDG&date={date}")).await.is_empty());
    service.operator.delete(&admin_address(&made)).await.expect_problem(404, "not_found");
}

#[actix_web::test]
async fn times_follow_the_clocks_of_their_airports() {
    let service = Service::start().await;
    // The next changes of Europe's clocks, on last Sundays of March and October.
    let changes = |month| {
        (0..800).map(day).find(|date| {
            use chrono::{Datelike, Weekday};
            date.month() == month && date.weekday() == Weekday::Sun && date.day() > 24 && *date > day(1)
        })
    };
    let (spring, autumn) = (changes(3).expect("a March"), changes(10).expect("an October"));
    let skipped = body("AE1", "LHR", &format!("{spring}T01:30"), &format!("{spring}T05:00"), "G-AERA");
    let refused = service.operator.post(ADMIN, &skipped).await;
    refused.expect_problem(422, "validation_failed");
    assert_eq!(refused.invalid(), ["/departure_local"]);
    // From 00:30 to 03:30 the clocks show three hours; one of them was skipped, one is the zone's.
    let over = body("AE1", "LHR", &format!("{spring}T00:30"), &format!("{spring}T03:30"), "G-AERA");
    assert_eq!(service.make(&over).await["duration_minutes"], 60);
    // 01:30 comes twice; the first one is still summer time, an hour ahead of UTC.
    let twice = body("AE2", "LHR", &format!("{autumn}T01:30"), &format!("{autumn}T04:00"), "G-AERA");
    let twice = service.make(&twice).await;
    assert_eq!(twice["departure"]["at"], format!("{autumn}T00:30:00Z"));
    assert_eq!(twice["duration_minutes"], 150);
}

#[actix_web::test]
async fn flights_are_listed_by_departure_with_filters_and_pages() {
    let service = Service::start().await;
    for (number, origin, days, time, airplane) in [
        ("AE3", "LHR", 31, "10:00", "G-AERA"),
        ("AE1", "LGW", 30, "12:00", "G-AERB"),
        ("AE2", "LHR", 30, "10:00", "G-AERA"),
    ] {
        let hour: u32 = time[..2].parse().expect("an hour");
        let (departure, arrival) =
            (format!("{}T{time}", day(days)), format!("{}T{}:15", day(days), hour + 2));
        service.make(&body(number, origin, &departure, &arrival, airplane)).await;
    }
    let listed = async |query: &str| {
        let list = service.anybody.get(&format!("/api/v1/flights?{query}")).await.expect(200);
        let numbers = list["data"].as_array().expect("a list").clone();
        let numbers =
            numbers.iter().map(|flight| flight["flight_number"].as_str().expect("a number").to_owned());
        (numbers.collect::<Vec<_>>(), list["page"]["next"].as_str().map(str::to_owned))
    };
    assert_eq!(listed("").await, (vec!["AE2".into(), "AE1".into(), "AE3".into()], None));
    assert_eq!(listed("origin=LON").await.0, ["AE2", "AE1", "AE3"]);
    assert_eq!(listed(&format!("origin=LHR&date={}", day(31))).await.0, ["AE3"]);
    assert_eq!(listed("destination=PAR&flight_number=AE1").await.0, ["AE1"]);
    assert_eq!(listed("status=departed").await.0, Vec::<String>::new());
    let (page, next) = listed("origin=LON&limit=2").await;
    assert_eq!(page, ["AE2", "AE1"]);
    let next = next.expect("a next page");
    assert_eq!(listed(&format!("origin=LON&limit=2&after={next}")).await, (vec!["AE3".into()], None));
    for (query, parameters) in [
        (format!("origin=LHR&after={next}"), vec!["after"]),
        (
            "origin=XXX&destination=lhr&date=2026-02-30&status=late&page=2".into(),
            vec!["destination", "date", "status", "page"],
        ),
        ("origin=XXX&destination=YYY".into(), vec!["origin", "destination"]),
    ] {
        let refused = service.anybody.get(&format!("/api/v1/flights?{query}")).await;
        refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.invalid(), parameters, "{query}");
    }
    for path in ["/api/v1/flights/zebra", "/api/v1/flights/01890000-0000-7000-8000-000000000000"] {
        service.anybody.get(path).await.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn the_clock_says_what_has_left_and_arrived() {
    let service = Service::start().await;
    let mut connection = service.database.config("flight").connect().await.unwrap();
    let moved = |number, minutes, airplane| {
        let mut flight = flight(number, "LHR", day(0), "12:00", airplane);
        let zone = |at, zone: &str| shared::flight_time::FlightTime::from_instant(at, zone).expect("a time");
        let departure = Utc::now() + Duration::minutes(minutes);
        flight.departure = zone(departure, "Europe/London");
        flight.arrival = zone(departure + Duration::minutes(75), "Europe/Paris");
        flight
    };
    let new = [moved("AE1", -100, "G-AERA"), moved("AE2", -10, "G-AERB"), moved("AE3", 30, "G-AERA")];
    let made = connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, &new).await)
        .await
        .unwrap();
    for (flight, status) in made.iter().zip(["arrived", "departed", "scheduled"]) {
        let number = &flight.flight_number;
        let list = service.anybody.get(&format!("/api/v1/flights?status={status}")).await.expect(200);
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{status}");
        let shown = &list["data"][0];
        assert_eq!((&shown["flight_number"], &shown["status"]), (&json!(number), &json!(status)));
    }
    let departed = format!("{ADMIN}/{}", made[1].id);
    service.operator.patch(&departed, &json!({"airplane": "G-AERA"})).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn a_change_of_one_time_of_a_late_flight_goes_by_its_plan() {
    let service = Service::start().await;
    let (date, next) = (day(30), day(31));
    let made = service.make(&morning(date)).await;
    let delay = json!({
        "departure_local": format!("{next}T01:00"), "arrival_local": format!("{next}T03:15"), "reason": "Fog",
    });
    service.operator.post(&format!("{}/delay", admin_address(&made)), &delay).await.expect(200);
    let arrival = json!({"arrival_local": format!("{date}T12:30")});
    let changed = service.operator.patch(&admin_address(&made), &arrival).await.expect(200);
    assert_eq!((&changed["status"], &changed["reason"]), (&json!("scheduled"), &json!(null)));
    let times = [&changed["departure"]["local"], &changed["arrival"]["local"]];
    assert_eq!(times, [&json!(format!("{date}T10:00")), &json!(format!("{date}T12:30"))]);
}

#[actix_web::test]
async fn an_airplane_whose_flights_are_all_cancelled_is_free() {
    let service = Service::start().await;
    let made = service.make(&morning(day(30))).await;
    let layout = json!({
        "name": "All economy", "aircraft_type": "320", "exit_rows": [], "blocked_seats": [],
        "cabins": [{"cabin": "economy", "rows": [1, 30], "columns": "ABC|DEF"}],
    });
    let layout = service.operator.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
    let refit = json!({"seat_layout_id": layout["id"]});
    let airplane = "/api/v1/admin/airplanes/G-AERA";
    service.operator.patch(airplane, &refit).await.expect_problem(409, "conflict");
    let cancel = format!("{}/cancel", admin_address(&made));
    service.operator.post(&cancel, &json!({"reason": "strike"})).await.expect(200);
    service.operator.patch(airplane, &refit).await.expect(200);
}
