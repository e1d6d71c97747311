//! Search over HTTP.

use crate::{
    service::Service,
    world::{body, code, day, flight},
};
use chrono::{Datelike, NaiveDate};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use flight::store::{availability, flights};
use serde_json::{Value, json};
use shared::{events::SeatsState, ids::FlightId};
use std::time::{Duration, Instant};

/// Three flights on a day: AE1 LHR 08:00, AE2 LGW 10:00 (cheap and slow), AE3 LHR 20:00 (dear).
pub(crate) async fn three(service: &Service, date: NaiveDate) -> Vec<Value> {
    let mut made = Vec::new();
    for (number, origin, departure, arrival, price) in [
        ("AE1", "LHR", "08:00", "10:20", "100.00"),
        ("AE2", "LGW", "10:00", "12:45", "90.00"),
        ("AE3", "LHR", "20:00", "22:15", "110.00"),
    ] {
        let airplane = if origin == "LHR" { "G-AERA" } else { "G-AERB" };
        let mut flight =
            body(number, origin, &format!("{date}T{departure}"), &format!("{date}T{arrival}"), airplane);
        flight["fares"] = json!([
            {"cabin": "economy", "brand": "light", "base_price": {"amount": price, "currency": "EUR"}},
            {"cabin": "economy", "brand": "flex", "base_price": {"amount": price, "currency": "EUR"}},
            {"cabin": "business", "brand": "flex", "base_price": {"amount": "320.00", "currency": "EUR"}},
        ]);
        made.push(service.make(&flight).await);
    }
    made
}

fn numbers(found: &[Value]) -> Vec<&str> {
    found.iter().filter_map(|one| one["slices"][0]["segments"][0]["flight_number"].as_str()).collect()
}

#[actix_web::test]
async fn a_city_stands_for_all_of_its_airports() {
    let service = Service::start().await;
    let date = day(30);
    three(&service, date).await;
    for (places, expected) in [
        ("origin=LON&destination=PAR", vec!["AE2", "AE1", "AE3"]),
        ("origin=LHR&destination=PAR", vec!["AE1", "AE3"]),
        ("origin=LGW&destination=CDG", vec!["AE2"]),
        ("origin=CDG&destination=LON", vec![]),
    ] {
        let found = service.search(&format!("{places}&date={date}")).await;
        assert_eq!(numbers(&found), expected, "{places}");
    }
    assert!(service.search(&format!("origin=LON&destination=PAR&date={}", day(29))).await.is_empty());
}

#[actix_web::test]
async fn filters_and_orders() {
    let service = Service::start().await;
    let date = day(30);
    three(&service, date).await;
    let found = async |more: &str| {
        let found = service.search(&format!("origin=LON&destination=PAR&date={date}&{more}")).await;
        numbers(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("sort=price").await, ["AE2", "AE1", "AE3"]);
    assert_eq!(found("sort=departure").await, ["AE1", "AE2", "AE3"]);
    assert_eq!(found("sort=duration").await, ["AE3", "AE1", "AE2"]);
    assert_eq!(found("sort=best").await, ["AE1", "AE3", "AE2"], "cheap is not all");
    assert_eq!(found("depart_after=10:00&sort=departure").await, ["AE2", "AE3"]);
    assert_eq!(found("depart_before=10:00&sort=departure").await, ["AE1", "AE2"]);
    assert_eq!(found("airline=AE&max_connections=0").await.len(), 3);
    assert_eq!(found("airline=BA").await.len(), 0);
    // 100.00 * 0.48 * 0.90 + 24.00 = 67.20
    assert_eq!(found("max_price=67.20").await, ["AE2", "AE1"]);
    assert_eq!(found("cabin=first").await.len(), 0);
    let business = service.search(&format!("origin=LHR&destination=CDG&date={date}&cabin=business")).await;
    assert_eq!(business[0]["offers"].as_array().map(Vec::len), Some(1));
    assert_eq!(business[0]["offers"][0]["seats_left"], 12);
}

#[actix_web::test]
async fn offers_are_for_the_whole_party() {
    let service = Service::start().await;
    let date = day(30);
    three(&service, date).await;
    let query = format!("origin=LGW&destination=CDG&date={date}&adults=2&children=1&infants=1");
    let found = service.search(&query).await;
    let offer = &found[0]["offers"][0];
    let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let one = |kind, count, fare, taxes, total| json!({"type": kind, "count": count, "fare": money(fare), "taxes": money(taxes), "total": money(total)});
    // 90.00 * 0.48 * 0.90 = 38.88; a child 75 %, an infant 10 % and no tax.
    let expected = json!([
        one("ADT", 2, "38.88", "24.00", "62.88"),
        one("CHD", 1, "29.16", "24.00", "53.16"),
        one("INF", 1, "3.89", "0.00", "3.89"),
    ]);
    assert_eq!(offer["per_passenger"], expected);
    assert_eq!(offer["total"], money("182.81"));
    assert_eq!(
        (&offer["cabin"], &offer["brand"], &offer["seats_left"]),
        (&json!("economy"), &json!("light"), &json!(136))
    );
    assert_eq!(offer["conditions"]["checked_bags"], 0);
    let slice = &found[0]["slices"][0];
    assert_eq!((&slice["connections"], &slice["duration_minutes"]), (&json!(0), &json!(105)));
    assert_eq!((&slice["origin"]["iata"], &slice["destination"]["iata"]), (&json!("LGW"), &json!("CDG")));
}

#[actix_web::test]
async fn an_airports_own_tax_is_told_and_offered() {
    let service = Service::start().await;
    let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let taxes = json!({"domestic_tax": money("1.00"), "international_tax": money("43.21")});
    service.operator.patch("/api/v1/admin/airports/LGW", &taxes).await.expect(200);
    let mut heard = service.listen().await;
    let date = day(30);
    three(&service, date).await;
    for expected in [Value::Null, money("43.21"), Value::Null] {
        let told: Value = heard.recv().await.expect("an event").data().expect("a flight");
        assert_eq!(told["departure_tax"], expected);
    }

    let query =
        format!("origin=LON&destination=CDG&date={date}&adults=2&children=1&infants=1&sort=departure");
    let check = async |total: &str, tax: &str, price: &str| {
        let found = service.search(&query).await;
        let offered = |one: &Value| one["offers"][0]["per_passenger"].clone();
        let taxes =
            |kind: usize| found.iter().map(|one| offered(one)[kind]["taxes"].clone()).collect::<Vec<_>>();
        let usual = money("24.00");
        assert_eq!(taxes(0), [usual.clone(), money(tax), usual.clone()]);
        assert_eq!(taxes(1), taxes(0), "a child pays as an adult");
        assert_eq!(taxes(2), [money("0.00"), money("0.00"), money("0.00")]);
        // Two of 38.88 and a child of 29.16 with taxes, an infant of 3.89.
        assert_eq!(found[1]["offers"][0]["total"], money(total));
        let shown = &found[1]["slices"][0]["segments"][0];
        assert_eq!(shown["fares"][0]["price"], money(price), "38.88 and the tax");
        let address = format!("/api/v1/flights/{}", shown["id"].as_str().expect("an id"));
        assert_eq!(&service.anybody.get(&address).await.expect(200), shown);
    };
    check("240.44", "43.21", "82.09").await;
    // A tax of its own is told anew with the flights that have it, as the default is.
    for (tax, told_tax, total, shown, price) in [
        (money("0.50"), money("0.50"), "112.31", "0.50", "39.38"),
        (json!(null), json!(null), "182.81", "24.00", "62.88"),
    ] {
        let patch = json!({"international_tax": tax});
        let changed = service.operator.patch("/api/v1/admin/airports/LGW", &patch).await.expect(200);
        assert_eq!((&changed["international_tax"], &changed["domestic_tax"]), (&tax, &money("1.00")));
        let told: Value = heard.recv().await.expect("an event").data().expect("a flight");
        assert_eq!(told["departure_tax"], told_tax);
        check(total, shown, price).await;
    }
}

#[actix_web::test]
async fn sales_change_seats_prices_and_offers() {
    let service = Service::start().await;
    let date = day(30);
    let flight = three(&service, date).await.remove(0);
    let address = format!("/api/v1/flights/{}", flight["id"].as_str().expect("an id"));
    let tag = service.anybody.get(&address).await.header("etag").to_owned();
    // 13 of 136 seats are the last of class T.
    let sold: Vec<String> = (4..=17).map(|row| format!("{row}A")).collect();
    let sold: Vec<&str> = sold.iter().map(String::as_str).collect();
    service.take_seats(&flight, 1, &["1A", "1C"], &sold).await;
    let query = format!("origin=LHR&destination=CDG&date={date}&sort=departure");
    let cabins = json!([
        {"cabin": "business", "seats_total": 12, "seats_available": 10},
        {"cabin": "economy", "seats_total": 136, "seats_available": 122},
    ]);
    let check = async |price: &str, cabins: &Value| {
        let found = service.search(&query).await;
        let searched = &found[0]["slices"][0]["segments"][0];
        let read = service.anybody.get(&address).await;
        assert_ne!(read.header("etag"), tag, "the tag covers the seats");
        assert_eq!((&read.json, &searched["cabins"]), (searched, cabins), "both ways show the same");
        assert_eq!(searched["fares"][0]["price"]["amount"], price);
        assert_eq!(found[0]["offers"][0]["total"]["amount"], price);
    };
    // Class V: 100.00 * 0.62 * 0.90 + 24.00.
    check("79.80", &cabins).await;
    // What is old changes nothing.
    service.take_seats(&flight, 1, &[], &[]).await;
    check("79.80", &cabins).await;

    let all: Vec<String> =
        (1..=3).flat_map(|row| ["A", "C", "D", "F"].map(|letter| format!("{row}{letter}"))).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    service.take_seats(&flight, 2, &all[..11], &[]).await;
    let business = format!("{query}&cabin=business");
    assert_eq!(numbers(&service.search(&business).await), ["AE1", "AE3"]);
    assert_eq!(numbers(&service.search(&format!("{business}&adults=2")).await), ["AE3"], "one seat is left");
    service.take_seats(&flight, 3, &[], &all).await;
    assert_eq!(numbers(&service.search(&business).await), ["AE3"]);

    // A new instance starts with what the database has.
    let another = service.another().await;
    let found = another.get(&format!("/api/v1/search?{query}")).await.expect(200);
    assert_eq!(found["data"][0]["slices"][0]["segments"][0]["cabins"][0]["seats_available"], 0);
}

#[actix_web::test]
async fn a_lost_message_of_booking_is_made_good() {
    let service = Service::start().await;
    let date = day(30);
    let flight = three(&service, date).await.remove(0);
    let flight_id: FlightId = code(flight["id"].as_str().expect("an id"));
    let state =
        SeatsState { flight_id, version: 7, held: vec![], sold: vec![code("4A"), code("4B"), code("1A")] };
    *service.booking.seats.lock().expect("the seats") = vec![state];
    // An instance asks booking when it connects to its queue.
    let another = service.another().await;
    let path = format!("/api/v1/search?origin=LHR&destination=CDG&date={date}&sort=departure");
    let left = |found: &[Value]| found[0]["slices"][0]["segments"][0]["cabins"][1]["seats_available"].clone();
    wait_for(&another, &path, |found| left(found) == 134).await;
    let stored = availability::of_flights(&mut service.connect().await, &[flight_id.into()]).await.unwrap();
    let versions: Vec<i64> = stored.values().map(|taken| taken.version).collect();
    assert_eq!(versions, [7], "it is stored for all instances, which look there within a minute");
}

#[actix_web::test]
async fn other_instances_follow() {
    let service = Service::start().await;
    let another = service.another().await;
    let date = day(30);
    let flights = three(&service, date).await;
    let path = format!("/api/v1/search?origin=LON&destination=CDG&date={date}&sort=departure");
    wait_for(&another, &path, |found| found.len() == 3).await;
    let changed = json!({"departure_local": format!("{date}T07:30")});
    let address = format!("/api/v1/admin/flights/{}", flights[0]["id"].as_str().expect("an id"));
    service.operator.patch(&address, &changed).await.expect(200);
    wait_for(&another, &path, |found| found[0]["slices"][0]["segments"][0]["version"] == 2).await;
    service.operator.delete(&address).await.expect(204);
    wait_for(&another, &path, |found| found.len() == 2).await;
}

/// Other instances hear of a change over the bus, and only the list itself tells when they have.
pub(crate) async fn wait_for(client: &testkit::Client, path: &str, good: impl Fn(&[Value]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = client.get(path).await.expect(200);
        if good(found["data"].as_array().expect("a list")) {
            return;
        }
        assert!(Instant::now() < deadline, "the other instance did not follow: {found}");
        actix_web::rt::task::yield_now().await;
    }
}

#[actix_web::test]
async fn pages_go_on_behind_their_cursor() {
    let service = Service::start().await;
    let date = day(30);
    three(&service, date).await;
    for sort in ["price", "duration", "departure", "best"] {
        let query = format!("origin=LON&destination=PAR&date={date}&sort={sort}");
        let whole = service.search(&query).await;
        let mut paged = Vec::new();
        let mut after = String::new();
        loop {
            let page =
                service.anybody.get(&format!("/api/v1/search?{query}&limit=1{after}")).await.expect(200);
            paged.extend(page["data"].as_array().expect("a list").clone());
            let Some(next) = page["page"]["next"].as_str() else { break };
            let refused = service.anybody.get(&format!("/api/v1/search?{query}&adults=2&after={next}")).await;
            assert_eq!(refused.invalid(), ["after"]);
            after = format!("&after={next}");
        }
        assert_eq!(paged, whole, "{sort}");
    }
}

#[actix_web::test]
async fn a_return_is_one_journey() {
    let service = Service::start().await;
    let (out, back) = (day(30), day(33));
    three(&service, out).await;
    let mut home = body("AE4", "LHR", &format!("{back}T18:00"), &format!("{back}T18:15"), "G-AERA");
    (home["origin"], home["destination"]) = (json!("CDG"), json!("LHR"));
    service.make(&home).await;
    let query = format!("origin=LON&destination=PAR&date={out}&return_date={back}");
    let found = service.search(&query).await;
    assert_eq!(numbers(&found), ["AE2", "AE1", "AE3"]);
    let first = &found[0];
    assert_eq!(first["slices"].as_array().map(Vec::len), Some(2));
    assert_eq!(first["slices"][1]["segments"][0]["flight_number"], "AE4");
    assert_eq!(first["offers"].as_array().map(Vec::len), Some(1), "the way back sells economy light only");
    // 38.88 + 43.20 and two taxes.
    assert_eq!(first["offers"][0]["total"]["amount"], "130.08");
    let same_day = service.search(&format!("origin=LON&destination=PAR&date={out}&return_date={out}")).await;
    assert!(same_day.is_empty());
}

/// A flight between any two airports, economy light 100.00, by its local times.
/// A flight between two airports.
pub(crate) fn between(
    (number, airplane): (&str, &str),
    (from, to): (&str, &str),
    departure: &str,
    arrival: &str,
) -> Value {
    let mut flight = body(number, from, departure, arrival, airplane);
    flight["destination"] = json!(to);
    flight
}

#[actix_web::test]
async fn journeys_of_several_slices_connect() {
    let service = Service::start().await;
    let (first, second) = (day(30), day(32));
    let nice = json!({"iata": "NCE", "icao": null, "name": "Nice", "city": "PAR", "country": "FR", "time_zone": "Europe/Paris", "latitude": 43.6, "longitude": 7.2, "min_connection_minutes": null});
    let city = json!({"code": "NCE", "name": "Nice", "country": "FR", "time_zone": "Europe/Paris"});
    service.operator.post("/api/v1/admin/cities", &city).await.expect(201);
    let mut nice = nice;
    nice["city"] = json!("NCE");
    service.operator.post("/api/v1/admin/airports", &nice).await.expect(201);
    for flight in [
        between(("AE1", "G-AERA"), ("LHR", "CDG"), &format!("{first}T08:00"), &format!("{first}T10:20")),
        between(("AE2", "G-AERB"), ("CDG", "NCE"), &format!("{first}T11:05"), &format!("{first}T12:35")),
        between(("AE3", "G-AERB"), ("NCE", "LGW"), &format!("{second}T09:00"), &format!("{second}T10:00")),
    ] {
        service.make(&flight).await;
    }
    let shown = |found: &Value| {
        let slices = found["slices"].as_array().expect("slices").clone();
        let numbers = |slice: &Value| {
            let segments = slice["segments"].as_array().expect("segments").clone();
            segments
                .iter()
                .map(|one| one["flight_number"].as_str().expect("a number").to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        slices.iter().map(numbers).collect::<Vec<_>>().join(", ")
    };
    let query = format!("origin=LON&destination=NCE&date={first}&return_date={second}");
    let found = service.search(&query).await;
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), ["AE1 AE2, AE3"]);
    let (way, ids) = (&found[0]["slices"][0], found[0]["id"].as_str().expect("an id"));
    assert_eq!((&way["connections"], &way["duration_minutes"]), (&json!(1), &json!(215)));
    assert_eq!((&way["origin"]["iata"], &way["destination"]["iata"]), (&json!("LHR"), &json!("NCE")));
    assert_eq!((ids.matches('.').count(), ids.matches('~').count()), (1, 1));
    // 43.20 three times, and the taxes of two international flights and a domestic one.
    assert_eq!(found[0]["offers"][0]["total"]["amount"], "185.60");
    let slices = format!("slice=LHR,NCE,{first}&slice=NCE,LON,{second}");
    assert_eq!(service.search(&slices).await, found);
    for (filter, left) in [
        ("max_connections=0", 0),
        ("max_connections=2", 1),
        ("via=PAR&slice=", 1),
        ("max_duration=214", 0),
        ("max_duration=215", 1),
        ("max_price=185.59", 0),
    ] {
        let only_out = format!("origin=LON&destination=NCE&date={first}");
        let asked = match filter.strip_suffix("&slice=") {
            Some(via) => format!("{only_out}&{via}"),
            None => format!("{query}&{filter}"),
        };
        assert_eq!(service.search(&asked).await.len(), left, "{filter}");
    }
    // The airport's own time is 45 minutes; with more the connection is too short, on each instance.
    let another = service.another().await;
    let longer = json!({"min_connection_minutes": 46});
    service.operator.patch("/api/v1/admin/airports/CDG", &longer).await.expect(200);
    wait_for(&another, &format!("/api/v1/search?{query}"), |found| found.is_empty()).await;
    wait_for(&service.anybody, &format!("/api/v1/search?{query}"), |found| found.is_empty()).await;
}

#[actix_web::test]
async fn a_calendar_has_all_days_of_its_month() {
    let service = Service::start().await;
    let date = day(30);
    three(&service, date).await;
    let month = date.format("%Y-%m");
    let path = |more: &str| format!("/api/v1/price-calendar?origin=LON&destination=PAR&{more}");
    let answer = service.anybody.get(&path(&format!("month={month}"))).await;
    assert_eq!(answer.header("cache-control"), "no-cache");
    let calendar = answer.expect(200)["data"].as_array().expect("days").clone();
    let first: NaiveDate = format!("{month}-01").parse().expect("a date");
    assert_eq!(calendar.len(), usize::from(first.num_days_in_month()));
    let priced: Vec<&Value> = calendar.iter().filter(|day| !day["price"].is_null()).collect();
    // 90.00 * 0.48 * 0.90 + 24.00
    assert_eq!(priced, [&json!({"date": date.to_string(), "price": {"amount": "62.88", "currency": "EUR"}})]);
    let business = service.anybody.get(&path(&format!("month={month}&cabin=business"))).await.expect(200);
    let price = business["data"].as_array().expect("days").iter().find(|day| day["date"] == date.to_string());
    // 320.00 * 0.48 * 1.35 + 24.00
    assert_eq!(price.expect("the day")["price"]["amount"], "231.36");
    for (query, wrong) in [
        (
            "origin=LON&destination=LON&month=2027-13&cabin=x&typo=1",
            vec!["cabin", "destination", "month", "typo"],
        ),
        ("origin=QQQ&destination=ZZZ&month=2020-01", vec!["destination", "month", "origin"]),
        ("origin=LON&destination=PAR&month=2099-01", vec!["month"]),
        ("origin=LON&destination=PAR&month=2027-1", vec!["month"]),
        ("origin=LON", vec!["destination", "month"]),
    ] {
        let refused = service.anybody.get(&format!("/api/v1/price-calendar?{query}")).await;
        refused.expect_problem(422, "validation_failed");
        let mut told = refused.invalid();
        told.sort_unstable();
        assert_eq!(told, wrong, "{query}");
    }
}

#[actix_web::test]
async fn what_leaves_soon_is_no_longer_offered() {
    let service = Service::start().await;
    let mut connection = service.database.config("flight").connect().await.unwrap();
    let at = |minutes| chrono::Utc::now() + chrono::Duration::minutes(minutes);
    let soon = |number, minutes, airplane| {
        let mut flight = flight(number, "LHR", day(0), "12:00", airplane);
        let zone = |at, zone: &str| shared::flight_time::FlightTime::from_instant(at, zone).expect("a time");
        flight.departure = zone(at(minutes), "Europe/London");
        flight.arrival = zone(at(minutes + 75), "Europe/Paris");
        flight
    };
    let new = [soon("AE1", 44, "G-AERA"), soon("AE2", 55, "G-AERB")];
    connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, &new).await)
        .await
        .unwrap();
    let another = service.another().await;
    let mut found = Vec::new();
    // Near midnight the two leave on different dates.
    for date in [new[0].departure.local.date(), new[1].departure.local.date()] {
        let answer =
            another.get(&format!("/api/v1/search?origin=LHR&destination=CDG&date={date}")).await.expect(200);
        found.extend(answer["data"].as_array().expect("a list").clone());
    }
    assert!(!found.is_empty() && numbers(&found).iter().all(|number| *number == "AE2"));
}

/// A cursor of no query, whose id names no flight: `{"q":1,"k":[1,2,"LHR"]}`.
const FORGED: &str = "eyJxIjoxLCJrIjpbMSwyLCJMSFIiXX0";

#[actix_web::test]
async fn bad_parameters_are_all_told() {
    let service = Service::start().await;
    let good = format!("origin=LON&destination=PAR&date={}", day(30));
    for (query, parameters) in [
        ("origin=lon&date=2026-02-30&typo=1".to_owned(), vec!["origin", "destination", "date", "typo"]),
        (format!("{good}&adults=0"), vec!["adults"]),
        (format!("{good}&adults=5&children=5"), vec!["children"]),
        (format!("{good}&adults=1&infants=2&cabin=cargo"), vec!["infants", "cabin"]),
        (format!("{good}&adults=-1&max_connections=3"), vec!["adults", "max_connections"]),
        (
            format!("{good}&sort=fun&depart_after=24:00&depart_before=9:00"),
            vec!["sort", "depart_after", "depart_before"],
        ),
        (format!("{good}&max_price=-1&airline=X&limit=0"), vec!["max_price", "airline", "limit"]),
        (format!("{good}&max_price=1.001&after=x"), vec!["max_price", "after"]),
        (
            format!("{good}&slice=LHR,CDG,{}&return_date={}", day(30), day(31)),
            vec!["origin", "destination", "date", "return_date"],
        ),
        (format!("{good}&return_date={}", day(28)), vec!["return_date"]),
        (
            format!(
                "origin=LON&destination=QQQ&date={}&return_date={}&adults=10&infants=10",
                day(-2),
                day(402)
            ),
            vec!["destination", "date", "return_date", "adults", "infants"],
        ),
        (
            format!("origin=LON&destination=QQQ&date={}&return_date={}", day(-2), day(402)),
            vec!["destination", "date", "return_date"],
        ),
        (format!("{good}&via=QQQ&max_duration=0"), vec!["via", "max_duration"]),
        (
            format!("slice=LHR,CDG&slice=CDG,CDG,{0}&slice=lhr,CDG,{0}&slice=LHR,CDG,2027-02-30", day(30)),
            vec!["slice"],
        ),
        (format!("slice=LHR,CDG,{}&slice=CDG,LHR,{}", day(30), day(28)), vec!["slice"]),
        (format!("slice=LHR,QQQ,{}&limit=201", day(30)), vec!["slice", "limit"]),
        (vec![format!("slice=LHR,CDG,{}", day(30)); 7].join("&"), vec!["slice"]),
        (format!("{good}&after={FORGED}"), vec!["after"]),
        (format!("origin=LON&destination=LON&date={}", day(30)), vec!["destination"]),
        (format!("origin=QQQ&destination=PAR&date={}", day(30)), vec!["origin"]),
        (format!("origin=QQQ&destination=ZZZ&date={}", day(30)), vec!["origin", "destination"]),
    ] {
        let refused = service.anybody.get(&format!("/api/v1/search?{query}")).await;
        refused.expect_problem(422, "validation_failed");
        let mut told = refused.invalid();
        told.dedup();
        let (mut told, mut expected) = (told, parameters);
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected, "{query}");
    }
}
