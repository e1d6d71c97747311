//! An airplane is not planned in two places, its time to turn around among them.

use crate::{
    service::Service,
    world::{body, code, day, flight, found},
};
use chrono::{Duration, NaiveDate};
use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use flight::store::{MIGRATIONS, flights};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use testkit::{Answer, TestDatabase};

const ADMIN: &str = "/api/v1/admin/flights";

fn on(date: NaiveDate, number: &str, departure: &str, arrival: &str, airplane: &str) -> Value {
    body(number, "LHR", &format!("{date}T{departure}"), &format!("{date}T{arrival}"), airplane)
}

fn admin(flight: &Value) -> String {
    format!("{ADMIN}/{}", flight["id"].as_str().expect("an id"))
}

fn refers(flight: &Value) -> Value {
    json!([format!("flights/{}", flight["id"].as_str().expect("an id"))])
}

fn expect_conflict(answer: &Answer, with: &Value) {
    answer.expect_problem(409, "conflict");
    assert_eq!(answer.json["refers"], refers(with));
}

#[actix_web::test]
async fn an_airplane_turns_around_before_it_leaves_again() {
    let service = Service::start().await;
    let date = day(30);
    // By the clocks of Paris: it is there from 11:15 to 11:55 in London.
    let first = service.make(&on(date, "AE100", "10:00", "12:15", "G-AERA")).await;
    let early = service.operator.post(ADMIN, &on(date, "AE102", "11:54", "14:10", "G-AERA")).await;
    expect_conflict(&early, &first);
    let before = service.operator.post(ADMIN, &on(date, "AE104", "08:30", "10:21", "G-AERA")).await;
    expect_conflict(&before, &first);
    let second = service.make(&on(date, "AE102", "11:55", "14:10", "G-AERA")).await;
    service.make(&on(date, "AE104", "08:30", "10:20", "G-AERA")).await;

    let later = json!({"departure_local": format!("{date}T10:05"), "arrival_local": format!("{date}T12:20")});
    expect_conflict(&service.operator.patch(&admin(&first), &later).await, &second);
    let other = service.make(&on(date, "AE106", "10:00", "12:15", "G-AERB")).await;
    let airplane = json!({"airplane": "G-AERA"});
    expect_conflict(&service.operator.patch(&admin(&other), &airplane).await, &first);
    service.operator.delete(&admin(&first)).await.expect(204);
    service.operator.patch(&admin(&other), &airplane).await.expect(200);
}

#[actix_web::test]
async fn of_flights_made_at_once_all_but_one_are_told_which() {
    let service = Service::start().await;
    let date = day(30);
    let attempts = |flights: Vec<Value>| {
        join_all(flights.into_iter().map(|flight| {
            let client = service.operator.clone();
            async move { client.post(ADMIN, &flight).await }
        }))
    };
    // They overlap in part only, and begin at different times.
    let times = [("10:00", "12:15"), ("10:20", "12:35"), ("11:00", "13:15"), ("09:10", "11:25")];
    let one_airplane = (1..=8).map(|number| {
        let (departure, arrival) = times[number % 4];
        on(date, &format!("AE{number}"), departure, arrival, "G-AERA")
    });
    let one_number = (1..=8).map(|hour| {
        on(date, "AE99", &format!("{:02}:00", hour * 2), &format!("{:02}:15", hour * 2 + 2), "G-AERB")
    });
    for flights in [one_airplane.collect(), one_number.collect()] {
        let answers = attempts(flights).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status.as_u16() == 201);
        assert_eq!(made.len(), 1);
        refused.into_iter().for_each(|answer| expect_conflict(answer, &made[0].json));
    }
}

/// A flight AE7 of G-AERA on this date at 10:00 that does not lock the airplane, in a transaction that is still open.
async fn unseen(service: &Service, date: NaiveDate) -> (AsyncPgConnection, Value) {
    let mut other = service.connect().await;
    other.batch_execute("BEGIN").await.expect("a transaction");
    let made = flights::insert(&mut other, &[flight("AE7", "LHR", date, "10:00", "G-AERA")])
        .await
        .expect("a flight");
    (other, json!({"id": made[0].id}))
}

#[actix_web::test]
async fn the_database_refuses_what_no_check_could_see() {
    let service = Service::start().await;
    let date = day(30);
    let (mut other, hidden) = unseen(&service, date).await;
    let meanwhile = async {
        service.blocked().await;
        other.batch_execute("COMMIT").await.expect("a commit");
    };
    let new = on(date, "AE100", "10:30", "12:45", "G-AERA");
    expect_conflict(&join(service.operator.post(ADMIN, &new), meanwhile).await.0, &hidden);

    let next = day(31);
    let mine = service.make(&on(date, "AE100", "10:30", "12:45", "G-AERB")).await;
    let (mut other, hidden) = unseen(&service, next).await;
    let meanwhile = async {
        service.blocked().await;
        other.batch_execute("COMMIT").await.expect("a commit");
    };
    let moved = json!({"airplane": "G-AERA", "departure_local": format!("{next}T10:30"),
                       "arrival_local": format!("{next}T12:45")});
    expect_conflict(&join(service.operator.patch(&admin(&mine), &moved), meanwhile).await.0, &hidden);
}

#[actix_web::test]
async fn a_cancelled_flight_gives_its_airplane_back_and_a_late_one_keeps_its_plan() {
    let service = Service::start().await;
    let date = day(30);
    let first = service.make(&on(date, "AE100", "10:00", "12:15", "G-AERA")).await;
    let id = first["id"].as_str().expect("an id");
    let mut connection = service.connect().await;
    // As a delay writes it: the times, not the plan.
    let late = format!(
        "UPDATE flights SET departs_at = departs_at + interval '3 hours', arrives_at = arrives_at + interval '3 hours', \
         status = 'delayed', reason = 'fog', version = version + 1 WHERE id = '{id}'"
    );
    connection.batch_execute(&late).await.expect("a delay");
    let second = service.make(&on(date, "AE102", "13:00", "15:15", "G-AERA")).await;
    let refused = service.operator.post(ADMIN, &on(date, "AE104", "10:30", "12:45", "G-AERA")).await;
    expect_conflict(&refused, &first);
    let registration = code("G-AERA");
    let departure = "2026-01-01T00:00:00Z".parse().expect("an instant");
    let none =
        flights::rotation(&mut connection, &registration, departure, departure).await.expect("a rotation");
    assert_eq!(none, []);
    let departure = second["departure"]["at"].as_str().expect("an instant").parse().expect("an instant");
    let around =
        flights::rotation(&mut connection, &registration, departure, departure).await.expect("a rotation");
    let ids: Vec<_> = around.iter().map(|flight| json!(flight.id)).collect();
    assert_eq!(ids, [first["id"].clone(), second["id"].clone()]);
    assert_eq!(around[0].departs_at - around[0].planned_departs_at, Duration::hours(3));

    // A new plan is kept to.
    let plan = json!({"departure_local": format!("{date}T17:00"), "arrival_local": format!("{date}T19:15")});
    let planned = service.operator.patch(&admin(&first), &plan).await.expect(200);
    assert_eq!(
        (&planned["status"], &planned["departure"]["local"]),
        (&json!("scheduled"), &plan["departure_local"])
    );
    let refused = service.operator.post(ADMIN, &on(date, "AE104", "17:30", "19:45", "G-AERA")).await;
    expect_conflict(&refused, &first);
    let cancel = format!("UPDATE flights SET status = 'cancelled' WHERE id = '{id}'");
    connection.batch_execute(&cancel).await.expect("a cancellation");
    service.make(&on(date, "AE104", "17:30", "19:45", "G-AERA")).await;
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Planned {
    #[diesel(sql_type = Text)]
    flight_number: String,
    #[diesel(sql_type = Text)]
    turnaround: String,
}

#[actix_web::test]
async fn flights_of_earlier_releases_get_a_plan_even_where_they_overlap() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let down = include_str!("../../../migrations/flight/20261130183000_plan_airplanes/down.sql");
    let up = include_str!("../../../migrations/flight/20261130183000_plan_airplanes/up.sql");
    let date = day(30);
    let new = [
        flight("AE1", "LHR", date, "06:00", "G-AERA"),
        flight("AE2", "LHR", date, "10:00", "G-AERA"),
        flight("AE3", "LHR", date, "14:00", "G-AERA"),
        flight("AE4", "LHR", date, "18:00", "G-AERA"),
    ];
    connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, &new).await)
        .await
        .unwrap();
    connection.batch_execute(down).await.unwrap();
    // AE2 leaves at 07:20, while AE1 turns around; AE3 at 08:00, while AE2 flies.
    for (number, minutes) in [("AE2", 160), ("AE3", 360)] {
        let earlier = format!(
            "UPDATE flights SET departs_at = departs_at - interval '{minutes} minutes', \
             arrives_at = arrives_at - interval '{minutes} minutes' WHERE flight_number = '{number}'"
        );
        connection.batch_execute(&earlier).await.unwrap();
    }
    connection.batch_execute(&format!("BEGIN; {up} COMMIT")).await.unwrap();
    let planned: Vec<Planned> = diesel::sql_query(
        "SELECT flight_number, coalesce((blocked_until - planned_arrives_at)::text, 'none') AS turnaround FROM flights \
         WHERE planned_departs_at = departs_at AND planned_arrives_at = arrives_at ORDER BY flight_number",
    )
    .get_results(&mut connection)
    .await
    .unwrap();
    let expected = [("AE1", "00:40:00"), ("AE2", "none"), ("AE3", "none"), ("AE4", "00:40:00")];
    let expected = expected
        .map(|(number, turnaround)| Planned { flight_number: number.into(), turnaround: turnaround.into() });
    assert_eq!(planned, expected);
}
