//! Boards of airports, and the status of a flight by number and date.

use crate::{
    service::Service,
    world::{body, day},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

/// The numbers of the flights of a list.
fn numbers(list: &Value) -> Vec<&str> {
    let flights = list["data"].as_array().expect("a list").iter();
    flights.map(|flight| flight["flight_number"].as_str().expect("a number")).collect()
}

/// Flights from London to Paris: three on one date, one of which lands on the next, and one on the next date.
async fn timetable(service: &Service) {
    let (first, second) = (day(30), day(31));
    for (number, origin, departure, arrival, airplane) in [
        ("AE3", "LHR", format!("{first}T22:30"), format!("{second}T00:45"), "G-AERA"),
        ("AE1", "LGW", format!("{first}T12:00"), format!("{first}T14:15"), "G-AERB"),
        ("AE2", "LHR", format!("{first}T10:00"), format!("{first}T12:15"), "G-AERA"),
        ("AE4", "LHR", format!("{second}T08:00"), format!("{second}T10:15"), "G-AERB"),
    ] {
        service.make(&body(number, origin, &departure, &arrival, airplane)).await;
    }
}

#[actix_web::test]
async fn a_board_shows_the_flights_of_a_local_day_by_time() {
    let service = Service::start().await;
    timetable(&service).await;
    let mut connection = service.connect().await;
    let cancel = "UPDATE flights SET status = 'cancelled', reason = 'Fog' WHERE flight_number = 'AE1'";
    diesel::sql_query(cancel).execute(&mut connection).await.unwrap();
    let (first, second) = (day(30), day(31));
    for (query, expected) in [
        (format!("LHR/board?direction=departures&date={first}"), &["AE2", "AE3"][..]),
        (format!("LHR/board?date={second}"), &["AE4"]),
        (format!("LGW/board?date={first}"), &["AE1"]),
        (format!("CDG/board?direction=arrivals&date={first}"), &["AE2", "AE1"]),
        (format!("CDG/board?direction=arrivals&date={second}"), &["AE3", "AE4"]),
        (format!("CDG/board?date={first}"), &[]),
        // Today.
        ("LHR/board".to_owned(), &[]),
    ] {
        let list = service.anybody.get(&format!("/api/v1/airports/{query}")).await.expect(200);
        assert_eq!(numbers(&list), expected, "{query}");
        for flight in list["data"].as_array().expect("a list") {
            let cancelled = flight["flight_number"] == "AE1";
            let (status, reason) =
                if cancelled { ("cancelled", json!("Fog")) } else { ("scheduled", json!(null)) };
            assert_eq!((&flight["status"], &flight["reason"]), (&json!(status), &reason));
        }
    }
}

#[actix_web::test]
async fn a_flight_that_is_late_over_midnight_is_on_the_board_of_the_next_day() {
    let service = Service::start().await;
    timetable(&service).await;
    let (first, second) = (day(30), day(31));
    let found =
        service.anybody.get(&format!("/api/v1/flights?flight_number=AE3&date={first}")).await.expect(200);
    let delay = json!({
        "departure_local": format!("{second}T01:10"), "arrival_local": format!("{second}T03:25"), "reason": "Fog",
    });
    let path = format!("/api/v1/admin/flights/{}/delay", found["data"][0]["id"].as_str().expect("an id"));
    service.operator.post(&path, &delay).await.expect(200);
    for (query, expected) in [
        (format!("airports/LHR/board?date={first}"), &["AE2"][..]),
        (format!("airports/LHR/board?date={second}"), &["AE3", "AE4"]),
        (format!("airports/CDG/board?direction=arrivals&date={second}"), &["AE3", "AE4"]),
        // The number is that of the planned date.
        (format!("flights?flight_number=AE3&date={first}"), &["AE3"]),
        (format!("flights?flight_number=AE3&date={second}"), &[]),
    ] {
        let list = service.anybody.get(&format!("/api/v1/{query}")).await.expect(200);
        assert_eq!(numbers(&list), expected, "{query}");
    }
}

#[actix_web::test]
async fn a_board_has_pages() {
    let service = Service::start().await;
    timetable(&service).await;
    for (board, expected) in [
        (format!("LHR/board?date={}", day(30)), ["AE2", "AE3"]),
        (format!("CDG/board?direction=arrivals&date={}", day(31)), ["AE3", "AE4"]),
    ] {
        let address = format!("/api/v1/airports/{board}&limit=1");
        let first = service.anybody.get(&address).await.expect(200);
        let next = first["page"]["next"].as_str().expect("a next page").to_owned();
        let second = service.anybody.get(&format!("{address}&after={next}")).await.expect(200);
        assert_eq!([numbers(&first), numbers(&second)].concat(), expected);
        assert_eq!(second["page"]["next"], json!(null));
        let other = format!("/api/v1/airports/LGW/board?after={next}");
        assert_eq!(service.anybody.get(&other).await.invalid(), ["after"], "the cursor of another board");
    }
}

#[actix_web::test]
async fn the_pages_of_todays_board_stay_those_of_its_day() {
    let service = Service::start().await;
    timetable(&service).await;
    let mut connection = service.connect().await;
    // Two flights of today by London's clocks.
    let to_today = "UPDATE flights SET departs_at = today + number * interval '1 minute', arrives_at = today + interval '30 hours' \
                    FROM (SELECT id AS moved, row_number() OVER (ORDER BY departs_at) AS number FROM flights \
                          WHERE flight_number IN ('AE2', 'AE3')) AS numbered, \
                         (SELECT date_trunc('day', now(), 'Europe/London') AS today) AS midnight \
                    WHERE moved = id";
    diesel::sql_query(to_today).execute(&mut connection).await.unwrap();
    let address = "/api/v1/airports/LHR/board?limit=1";
    let first = service.anybody.get(address).await.expect(200);
    assert_eq!(numbers(&first), ["AE2"]);
    let next = first["page"]["next"].as_str().expect("a next page");
    // Midnight passes: the cursor is one of yesterday, and so is what is left of the board.
    let cursor = BASE64_URL_SAFE_NO_PAD.decode(next).expect("a cursor");
    let mut cursor: Value = serde_json::from_slice(&cursor).expect("a cursor");
    let today: chrono::NaiveDate = serde_json::from_value(cursor["k"][0].clone()).expect("a date");
    cursor["k"][0] = json!(today.pred_opt());
    let back = "UPDATE flights SET departs_at = departs_at - interval '1 day' WHERE flight_number = 'AE3'";
    diesel::sql_query(back).execute(&mut connection).await.unwrap();
    cursor["k"][1][0] = json!("2026-01-01T00:00:00Z");
    let yesterdays = BASE64_URL_SAFE_NO_PAD.encode(cursor.to_string());
    let second = service.anybody.get(&format!("{address}&after={yesterdays}")).await.expect(200);
    assert_eq!(numbers(&second), ["AE3"]);
}

#[actix_web::test]
async fn what_no_board_can_show_is_told() {
    let service = Service::start().await;
    for airport in ["XXX", "LON", "lhr", "12"] {
        let answer = service.anybody.get(&format!("/api/v1/airports/{airport}/board")).await;
        answer.expect_problem(404, "not_found");
    }
    let bad = "/api/v1/airports/LHR/board?direction=up&date=2026-02-30&limit=0&page=2";
    let refused = service.anybody.get(bad).await;
    refused.expect_problem(422, "validation_failed");
    assert_eq!(refused.invalid(), ["direction", "date", "limit", "page"]);
}

#[actix_web::test]
async fn a_flight_is_found_by_number_and_date() {
    let service = Service::start().await;
    timetable(&service).await;
    let query = |number, date| format!("/api/v1/flights?flight_number={number}&date={date}");
    let list = service.anybody.get(&query("AE3", day(30))).await.expect(200);
    assert_eq!((numbers(&list), &list["data"][0]["status"]), (vec!["AE3"], &json!("scheduled")));
    let list = service.anybody.get(&query("AE3", day(31))).await.expect(200);
    assert_eq!(numbers(&list), Vec::<&str>::new());
}
