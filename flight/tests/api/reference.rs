//! Reference data over HTTP.

use crate::{
    service::Service,
    world::{body, day},
};
use serde_json::{Value, json};
use shared::auth::Permission;
use testkit::Client;

/// One of each kind: collection, key, body, patch.
fn kinds(layout: &str) -> Vec<(&'static str, &'static str, Value, Value)> {
    vec![
        (
            "cities",
            "TYO",
            json!({"code": "TYO", "name": "Tokyo", "country": "JP", "time_zone": "Asia/Tokyo"}),
            json!({"name": "東京"}),
        ),
        (
            "airports",
            "LCY",
            json!({
                "iata": "LCY", "icao": "EGLC", "name": "City", "city": "LON", "country": "GB",
                "time_zone": "Europe/London", "latitude": 51.505, "longitude": 0.055, "min_connection_minutes": 30,
                "domestic_tax": {"amount": "13.00", "currency": "EUR"}, "international_tax": null,
            }),
            json!({
                "icao": null, "min_connection_minutes": null, "latitude": -1.5, "domestic_tax": null,
                "international_tax": {"amount": "0.00", "currency": "EUR"},
            }),
        ),
        (
            "airlines",
            "9W",
            json!({"code": "9W", "name": "Nine West", "accounting_code": "001"}),
            json!({"accounting_code": "002"}),
        ),
        (
            "aircraft-types",
            "32Q",
            json!({"code": "32Q", "icao": "A21N", "name": "Airbus A321neo"}),
            json!({"name": "A321neo"}),
        ),
        (
            "airplanes",
            "G-NEWB",
            json!({"registration": "G-NEWB", "airline": "AE", "aircraft_type": "320", "seat_layout_id": layout}),
            json!({"airline": "AE"}),
        ),
    ]
}

async fn layout_id(service: &Service) -> String {
    let layouts = service.anybody.get("/api/v1/seat-layouts").await.expect(200);
    layouts["data"][0]["id"].as_str().expect("an id").to_owned()
}

#[actix_web::test]
async fn every_kind_is_made_read_changed_and_deleted() {
    let service = Service::start().await;
    for (collection, key, made, patch) in kinds(&layout_id(&service).await) {
        let (one, admin) = (format!("/api/v1/{collection}/{key}"), format!("/api/v1/admin/{collection}"));
        let answer = service.operator.post(&admin, &made).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (201, one.as_str()),
            "{}",
            answer.json
        );
        assert_eq!(answer.json, made, "a resource has the fields of its body, no more");
        let tag = answer.header("etag").to_owned();

        let read = service.anybody.get(&one).await;
        assert_eq!((read.header("etag"), read.header("cache-control")), (tag.as_str(), "public, max-age=60"));
        assert_eq!(read.expect(200), made);
        let known = service.anybody.with_header("if-none-match", &tag).get(&one).await;
        assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));

        let again = service.operator.post(&admin, &made).await;
        again.expect_problem(409, "conflict");
        assert_eq!(again.json["refers"], json!([format!("{collection}/{key}")]));

        let address = format!("{admin}/{key}");
        let changed = service.operator.with_header("if-match", &tag).patch(&address, &patch).await;
        assert_ne!(changed.header("etag"), tag);
        let changed = changed.expect(200);
        for (name, value) in made.as_object().expect("an object") {
            assert_eq!(&changed[name], patch.get(name).unwrap_or(value), "{collection} {name}");
        }
        let stale = service.operator.with_header("if-match", &tag);
        stale.patch(&address, &patch).await.expect_problem(412, "precondition_failed");
        stale.delete(&address).await.expect_problem(412, "precondition_failed");

        service.operator.delete(&address).await.expect(204);
        service.anybody.get(&one).await.expect_problem(404, "not_found");
        service.operator.delete(&address).await.expect_problem(404, "not_found");
        service.operator.patch(&address, &patch).await.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn a_layout_gets_its_id_and_keeps_its_geometry_while_it_is_used() {
    let service = Service::start().await;
    let body = json!({
        "name": "ATR", "aircraft_type": "320", "exit_rows": [1],
        "cabins": [{"cabin": "economy", "rows": [1, 18], "columns": "AC|DF"}],
    });
    let made = service.operator.post("/api/v1/admin/seat-layouts", &body).await.expect(201);
    assert_eq!((made["version"].as_i64(), &made["blocked_seats"]), (Some(1), &json!([])));
    let address = format!("/api/v1/admin/seat-layouts/{}", made["id"].as_str().expect("an id"));
    let blocked = service.operator.patch(&address, &json!({"blocked_seats": ["18F"]})).await.expect(200);
    assert_eq!((blocked["version"].as_i64(), &blocked["cabins"]), (Some(2), &made["cabins"]));
    let bad = service.operator.patch(&address, &json!({"exit_rows": [19], "id": made["id"]})).await;
    assert_eq!(bad.invalid(), ["/id"]);
    let bad = service.operator.patch(&address, &json!({"exit_rows": [19]})).await;
    assert_eq!(bad.invalid(), ["/exit_rows/0"]);

    let used = format!("/api/v1/admin/seat-layouts/{}", layout_id(&service).await);
    service.operator.patch(&used, &json!({"name": "Another name"})).await.expect(200);
    let other = json!({"code": "32Q", "icao": "A21N", "name": "Airbus A321neo"});
    service.operator.post("/api/v1/admin/aircraft-types", &other).await.expect(201);
    let refused = service.operator.patch(&used, &json!({"aircraft_type": "32Q", "exit_rows": []})).await;
    refused.expect_problem(409, "conflict");
    assert_eq!(refused.json["refers"], json!(["airplanes"]));
}

#[actix_web::test]
async fn another_geometry_of_a_layout_in_use_is_its_next_version() {
    let service = Service::start().await;
    let id = layout_id(&service).await;
    let (used, public) = (format!("/api/v1/admin/seat-layouts/{id}"), format!("/api/v1/seat-layouts/{id}"));
    let read = service.anybody.get(&public).await;
    let (tag, before) = (read.header("etag").to_owned(), read.expect(200));
    let patch = json!({"exit_rows": [12], "blocked_seats": []});
    let stale = service.operator.with_header("if-match", "\"99\"");
    stale.patch(&used, &patch).await.expect_problem(412, "precondition_failed");

    let answer = service.operator.with_header("if-match", &tag).patch(&used, &patch).await;
    let (location, made_tag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
    let made = answer.expect(201);
    assert_eq!(
        (&made["name"], &made["version"], &made["exit_rows"]),
        (&before["name"], &json!(2), &json!([12]))
    );
    assert_eq!(location, format!("/api/v1/seat-layouts/{}", made["id"].as_str().expect("an id")));
    let read = service.anybody.get(&location).await;
    assert_eq!(read.header("etag"), made_tag);
    assert_eq!(read.expect(200), made);
    assert_eq!(service.anybody.get(&public).await.expect(200), before, "the one in use stays as it was");
    let airplane = service.anybody.get("/api/v1/airplanes/G-AERA").await.expect(200);
    assert_eq!(airplane["seat_layout_id"], json!(id), "airplanes are moved one by one");
    let next = service.operator.patch(&used, &json!({"exit_rows": [13]})).await.expect(201);
    assert_eq!(next["version"], json!(3), "after all versions of the name");

    // Nothing uses the new one, until an airplane is moved to it.
    let address = format!("/api/v1/admin{}", location.trim_start_matches("/api/v1"));
    let changed = service.operator.patch(&address, &json!({"exit_rows": [14]})).await.expect(200);
    assert_eq!((&changed["id"], &changed["version"]), (&made["id"], &json!(3)));
    let moved = json!({"seat_layout_id": made["id"]});
    service.operator.patch("/api/v1/admin/airplanes/G-AERA", &moved).await.expect(200);
    service.operator.patch(&address, &json!({"exit_rows": [15]})).await.expect(201);
}

#[actix_web::test]
async fn what_is_referred_to_stays() {
    let service = Service::start().await;
    let made = service
        .make(&body("AE1", "LHR", &format!("{}T10:00", day(9)), &format!("{}T12:15", day(9)), "G-AERA"))
        .await;
    let flight = format!("flights/{}", made["id"].as_str().expect("an id"));
    let layout = format!("seat-layouts/{}", layout_id(&service).await);
    let airplanes = ["airplanes/G-AERA", "airplanes/G-AERB"];
    let referred = [
        ("cities/LON", json!(["airports/LGW", "airports/LHR"])),
        ("airports/LHR", json!([flight])),
        ("airports/CDG", json!([flight])),
        ("airlines/AE", json!([airplanes[0], airplanes[1], flight])),
        ("aircraft-types/320", json!([layout, airplanes[0], airplanes[1]])),
        (layout.as_str(), json!([airplanes[0], airplanes[1], flight])),
        ("airplanes/G-AERA", json!([flight])),
    ];
    for (resource, by) in referred {
        let refused = service.operator.delete(&format!("/api/v1/admin/{resource}")).await;
        refused.expect_problem(409, "conflict");
        let mut refers: Vec<String> = serde_json::from_value(refused.json["refers"].clone()).unwrap();
        refers.sort_by_key(|one| (one.starts_with("flights"), !one.starts_with("seat"), one.clone()));
        assert_eq!(json!(refers), by, "{resource}");
    }
    service.operator.delete("/api/v1/admin/airplanes/G-AERB").await.expect(204);

    let zone = json!({"time_zone": "Europe/Dublin"});
    service.operator.patch("/api/v1/admin/airports/LHR", &zone).await.expect_problem(409, "conflict");
    service.operator.patch("/api/v1/admin/airports/LGW", &zone).await.expect(200);
}

#[actix_web::test]
async fn lists_go_on_behind_a_cursor_that_is_bound_to_its_query() {
    let service = Service::start().await;
    let first = service.anybody.get("/api/v1/airports?limit=2").await.expect(200);
    assert_eq!((&first["data"][0]["iata"], &first["data"][1]["iata"]), (&json!("CDG"), &json!("LGW")));
    let next = first["page"]["next"].as_str().expect("a cursor");
    let second = service.anybody.get(&format!("/api/v1/airports?limit=2&after={next}")).await.expect(200);
    assert_eq!((second["data"][0]["iata"].as_str(), &second["page"]["next"]), (Some("LHR"), &Value::Null));
    for path in [format!("/api/v1/airports?q=l&after={next}"), format!("/api/v1/cities?after={next}")] {
        let refused = service.anybody.get(&path).await;
        refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.invalid(), ["after"], "{path}");
    }
    let found = async |query: &str| {
        let list = service.anybody.get(&format!("/api/v1/airports?q={query}")).await.expect(200);
        let airports = list["data"].as_array().expect("a list").clone();
        airports
            .iter()
            .map(|airport| airport["iata"].as_str().expect("a code").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("lg").await, ["LGW"], "by code");
    assert_eq!(found("ROW").await, ["LHR"], "by name");
    assert!(found("%25").await.is_empty(), "a wildcard is a character like others");
}

#[actix_web::test]
async fn writers_need_their_permission() {
    let service = Service::start().await;
    let planner = service.client(&[Permission::FlightWrite]);
    let nonsense = json!({"x": 1});
    let layout = layout_id(&service).await;
    for (collection, key, ..) in
        kinds(&layout).into_iter().chain([("seat-layouts", "x", Value::Null, Value::Null)])
    {
        let (all, one) = (format!("/api/v1/admin/{collection}"), format!("/api/v1/admin/{collection}/{key}"));
        let status = async |client: &Client| {
            let post = client.post(&all, &nonsense).await;
            [post, client.patch(&one, &nonsense).await, client.delete(&one).await]
        };
        for answer in status(&service.anybody).await {
            answer.expect_problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        for answer in status(&planner).await {
            answer.expect_problem(403, "forbidden");
        }
    }
}

#[actix_web::test]
async fn bad_values_are_all_told_at_once() {
    let service = Service::start().await;
    let post = async |collection: &str, body: Value| {
        let answer = service.operator.post(&format!("/api/v1/admin/{collection}"), &body).await;
        answer.expect_problem(422, "validation_failed");
        answer.invalid()
    };
    let city =
        json!({"code": "lon", "name": "  ", "country": "UK1", "time_zone": "Mars/Olympus", "mayor": "x"});
    assert_eq!(post("cities", city).await, ["/code", "/name", "/country", "/time_zone", "/mayor"]);
    let airport = json!({
        "iata": "XXX", "icao": "x", "name": "x".repeat(101), "city": "LON", "country": "GB",
        "time_zone": "Europe/London", "latitude": 90.1, "longitude": -181, "min_connection_minutes": 0,
        "domestic_tax": {"amount": "1.00", "currency": "USD"},
        "international_tax": {"amount": "-0.01", "currency": "EUR"},
    });
    let pointers = [
        "/icao",
        "/name",
        "/latitude",
        "/longitude",
        "/min_connection_minutes",
        "/domestic_tax",
        "/international_tax",
    ];
    assert_eq!(post("airports", airport).await, pointers);
    let airport = json!({
        "iata": "XXX", "name": "x", "city": "ZZZ", "country": "GB", "time_zone": "Europe/London",
        "latitude": 0, "longitude": 0,
    });
    assert_eq!(post("airports", airport).await, ["/city"]);
    let nobody = "01890000-0000-7000-8000-000000000000";
    let airplane =
        json!({"registration": "X-1", "airline": "ZZ", "aircraft_type": "ZZZ", "seat_layout_id": nobody});
    assert_eq!(post("airplanes", airplane).await, ["/airline", "/aircraft_type", "/seat_layout_id"]);
    let layout = json!({
        "name": "x", "aircraft_type": "320", "exit_rows": [40],
        "cabins": [{"cabin": "economy", "rows": [5, 1], "columns": "ABC|DEF"}],
    });
    assert_eq!(post("seat-layouts", layout).await, ["/cabins/0/rows", "/exit_rows/0"]);
    let layout = json!({
        "name": "x", "aircraft_type": "320",
        "cabins": [{"cabin": "cargo", "rows": [1], "columns": "CBA"}],
    });
    let pointers = ["/cabins/0/cabin", "/cabins/0/rows", "/cabins/0/columns"];
    assert_eq!(post("seat-layouts", layout).await, pointers);
    let patch =
        service.operator.patch("/api/v1/admin/cities/LON", &json!({"code": "LON", "name": null})).await;
    assert_eq!(patch.invalid(), ["/code", "/name"]);
}

#[actix_web::test]
async fn unknown_addresses_and_methods_are_told_apart() {
    let service = Service::start().await;
    for path in ["/api/v1/cities/lon", "/api/v1/cities/XXX", "/api/v1/seat-layouts/zebra", "/api/v1/planets"]
    {
        service.anybody.get(path).await.expect_problem(404, "not_found");
    }
    let answer = service.operator.post("/api/v1/cities", &json!({})).await;
    answer.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET, HEAD");
    let document = service.anybody.get("/openapi.json").await.expect(200);
    assert!(document["paths"]["/api/v1/admin/seat-layouts/{key}"]["patch"].is_object());
    let ready = service.anybody.get("/health/ready").await.expect(200);
    assert_eq!(ready["time_zone_database"], shared::time_zones::version());
    let places = service.anybody.get("/api/v1/places?q=lon").await.expect(200);
    assert_eq!((&places["data"][0]["kind"], &places["data"][0]["code"]), (&json!("city"), &json!("LON")));
    assert_eq!(places["data"].as_array().map(Vec::len), Some(3), "the city and its airports");
}

#[actix_web::test]
async fn a_new_name_is_told_with_the_flights_that_carry_it() {
    let service = Service::start().await;
    let date = day(9);
    let flight = body("AE1", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    let mut heard = service.listen().await;
    let flight = service.make(&flight).await;
    assert_eq!(heard.recv().await.map(|event| event.version), Some(1));
    service.operator.patch("/api/v1/admin/airports/LHR", &json!({"name": "Heath Row"})).await.expect(200);
    let event = heard.recv().await.expect("an event");
    assert_eq!((event.kind.as_str(), event.version), ("flight.changed", 2));
    assert_eq!(event.subject, flight["id"].as_str().expect("an id"));
    let data: Value = event.data().unwrap();
    assert_eq!(data["origin"]["name"], "Heath Row");
    let found = service.search(&format!("origin=LHR&destination=CDG&date={date}")).await;
    assert_eq!(found[0]["slices"][0]["segments"][0]["origin"]["name"], "Heath Row");
}
