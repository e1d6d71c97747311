//! Time zones: their rules, their names, and the dates of places on both sides of the date line.

use crate::{
    service::Service,
    world::{code, day, fares},
};
use chrono::{Datelike, Utc};
use flight::{
    domain::reference::{Airport, City, DepartureTaxes},
    store::{MIGRATIONS, ReferenceTable, stored_forms},
};
use serde_json::{Value, json};
use testkit::TestDatabase;

/// A city of one airport, both with this code.
fn place(iata: &str, country: &str, zone: &str) -> (City, Airport) {
    let city = City { code: code(iata), name: iata.into(), country: code(country), time_zone: zone.into() };
    let airport = Airport {
        iata: code(iata),
        icao: None,
        name: iata.into(),
        city: code(iata),
        country: code(country),
        time_zone: zone.into(),
        latitude: 0.0,
        longitude: 0.0,
        min_connection_minutes: None,
        taxes: DepartureTaxes::default(),
    };
    (city, airport)
}

async fn add(service: &Service, places: &[(&str, &str, &str)]) {
    let mut connection = service.connect().await;
    let (cities, airports): (Vec<City>, Vec<Airport>) =
        places.iter().map(|(iata, country, zone)| place(iata, country, zone)).unzip();
    City::insert(&mut connection, &cities).await.expect("cities");
    Airport::insert(&mut connection, &airports).await.expect("airports");
}

fn new_flight(number: &str, from: (&str, &str), to: (&str, &str), airplane: &str) -> Value {
    json!({
        "flight_number": number, "origin": from.0, "departure_local": from.1, "destination": to.0,
        "arrival_local": to.1, "airplane": airplane, "fares": fares(),
    })
}

#[actix_web::test]
async fn a_flight_follows_the_newest_rules_of_its_zones() {
    let service = Service::start().await;
    add(&service, &[("YVR", "CA", "America/Vancouver")]).await;
    let year = Utc::now().year() + 1;
    let from = ("YVR", &*format!("{year}-01-12T18:00"));
    let to = ("LHR", &*format!("{year}-01-13T11:00"));
    let made = service.make(&new_flight("AE7", from, to, "G-AERA")).await;
    // British Columbia keeps UTC-7 in winter too, since 2026.
    assert_eq!(made["departure"]["at"], format!("{year}-01-13T01:00:00Z"));
    assert_eq!(made["duration_minutes"], 600);
}

#[actix_web::test]
async fn zones_are_iana_names_in_their_canonical_spelling() {
    let service = Service::start().await;
    let city = |zone: &str| json!({"code": "ROM", "name": "Rome", "country": "IT", "time_zone": zone});
    let airport = |zone: &str| {
        json!({"iata": "FCO", "name": "Fiumicino", "city": "LON", "country": "IT", "time_zone": zone,
               "latitude": 41.8, "longitude": 12.2})
    };
    for zone in [
        "localtime",
        "posixrules",
        "Factory",
        "posix/Europe/Rome",
        "right/Europe/Rome",
        "posixrules/",
        "leapseconds",
        "tzdata.zi",
        "CET-1CEST",
        "europe/rome",
        "Europe/rome",
        "utc",
    ] {
        for (collection, body, key) in [("cities", city(zone), "PAR"), ("airports", airport(zone), "CDG")] {
            let admin = format!("/api/v1/admin/{collection}");
            let refused = service.operator.post(&admin, &body).await;
            refused.expect_problem(422, "validation_failed");
            assert_eq!(refused.invalid(), ["/time_zone"], "{zone}");
            let patch = json!({"time_zone": zone});
            let refused = service.operator.patch(&format!("{admin}/{key}"), &patch).await;
            refused.expect_problem(422, "validation_failed");
            assert_eq!(refused.invalid(), ["/time_zone"], "{zone}");
        }
    }
    let refused = service.operator.post("/api/v1/admin/cities", &city("europe/rome")).await;
    assert_eq!(refused.json["errors"][0]["message"], "must be spelt Europe/Rome");
    service.operator.post("/api/v1/admin/cities", &city("Europe/Rome")).await.expect(201);
}

#[actix_web::test]
async fn zones_that_an_earlier_release_has_stored_get_their_names() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    let stored = [
        ("ROM", "europe/rome", "Europe/Rome"),
        ("TYO", "posix/Asia/Tokyo", "Asia/Tokyo"),
        ("LPL", "localtime", "UTC"),
        ("PAR", "Europe/Paris", "Europe/Paris"),
    ];
    let (cities, airports): (Vec<City>, Vec<Airport>) =
        stored.iter().map(|(iata, zone, _)| place(iata, "IT", zone)).unzip();
    City::insert(&mut connection, &cities).await.unwrap();
    Airport::insert(&mut connection, &airports).await.unwrap();
    for _ in 0..2 {
        stored_forms::renew(&mut connection).await.unwrap();
        for (iata, before, after) in stored {
            let airport = Airport::find(&mut connection, &code(iata)).await.unwrap().unwrap();
            let city = City::find(&mut connection, &code(iata)).await.unwrap().unwrap();
            let version = if before == after { 1 } else { 2 };
            assert_eq!((airport.value.time_zone.as_str(), airport.version), (after, version), "{iata}");
            assert_eq!((city.value.time_zone.as_str(), city.version), (after, version), "{iata}");
        }
    }
}

#[actix_web::test]
async fn a_way_back_may_leave_on_the_day_before_across_the_date_line() {
    let service = Service::start().await;
    add(&service, &[("APW", "WS", "Pacific/Apia"), ("PPG", "AS", "Pacific/Pago_Pago")]).await;
    // Samoa is 24 hours ahead of American Samoa.
    let (out, back) = (day(60), day(59));
    for body in [
        new_flight("AE1", ("APW", &format!("{out}T08:00")), ("PPG", &format!("{back}T08:35")), "G-AERA"),
        new_flight("AE2", ("PPG", &format!("{back}T10:00")), ("APW", &format!("{out}T10:35")), "G-AERA"),
        new_flight("AE3", ("PPG", &format!("{back}T08:00")), ("APW", &format!("{out}T08:35")), "G-AERB"),
    ] {
        service.make(&body).await;
    }
    let query = format!("origin=APW&destination=PPG&date={out}");
    let found = service.search(&format!("{query}&return_date={back}")).await;
    let numbers: Vec<&Value> =
        found.iter().map(|journey| &journey["slices"][1]["segments"][0]["flight_number"]).collect();
    assert_eq!(numbers, ["AE2"], "AE3 leaves before AE1 has arrived");
    let refused = service.anybody.get(&format!("/api/v1/search?{query}&return_date={}", day(58))).await;
    refused.expect_problem(422, "validation_failed");
    assert_eq!(refused.invalid(), ["return_date"]);
}

#[actix_web::test]
async fn dates_have_four_digits_of_a_year_that_can_be() {
    let service = Service::start().await;
    for date in
        ["-001-01-01", "-0001-01-01", "0001-01-01", "9999-12-31", "2026-2-3", "%2B026-12-01", "2026-02-30"]
    {
        for (path, parameter) in [
            (format!("search?origin=LON&destination=PAR&date={date}"), "date"),
            (format!("search?origin=LON&destination=PAR&date={}&return_date={date}", day(9)), "return_date"),
            (format!("flights?date={date}"), "date"),
        ] {
            let refused = service.anybody.get(&format!("/api/v1/{path}")).await;
            refused.expect_problem(422, "validation_failed");
            assert_eq!(refused.invalid(), [parameter], "{path}");
        }
    }
    let times = ["-001-12-01T10:00", "2026-1-001T10:00", "2026-12-01T 9:00"];
    for time in times {
        let from = ("LHR", time);
        let body = new_flight("AE1", from, ("CDG", &format!("{}T10:00", day(9))), "G-AERA");
        let refused = service.operator.post("/api/v1/admin/flights", &body).await;
        assert_eq!(refused.invalid(), ["/departure_local"], "{time}");
    }
}
