//! Flights that carry changed reference data are told anew, however many they are.

use crate::{
    service::Service,
    world::{code, found},
};
use awc::http::Method;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use flight::{
    domain::{flight::Flight, reference::Airline},
    store::{
        MIGRATIONS, ReferenceTable,
        flights::{self, Naming},
    },
};
use serde_json::json;
use shared::events::{Event, FlightState};
use std::collections::HashSet;
use testkit::TestDatabase;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

/// Flights from Heathrow to Paris, one a day from tomorrow. Their numbers of versions are 1.
async fn insert_many(connection: &mut AsyncPgConnection, count: u32) {
    let insert = format!(
        "INSERT INTO flights (id, flight_number, airline, origin, destination, departs_at, arrives_at, departure_date, \
                              airplane, seat_layout_id, planned_departs_at, planned_arrives_at) \
         SELECT gen_random_uuid(), 'AE1', 'AE', 'LHR', 'CDG', at, at + interval '1 hour', at::date, \
                'G-AERA', seat_layout_id, at, at + interval '1 hour' \
         FROM airplanes, generate_series(1, {count}) AS day, LATERAL (SELECT now() + day * interval '1 day' AS at) AS times \
         WHERE registration = 'G-AERA'"
    );
    connection.batch_execute(&insert).await.expect("flights");
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    flights: i64,
}

/// How many flights have each version.
async fn versions(connection: &mut AsyncPgConnection) -> Vec<(i64, i64)> {
    let query = "SELECT version, count(*) AS flights FROM flights GROUP BY version ORDER BY version";
    let rows: Vec<Told> = diesel::sql_query(query).load(connection).await.expect("versions");
    rows.into_iter().map(|row| (row.version, row.flights)).collect()
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    reached: Option<Uuid>,
}

async fn places(connection: &mut AsyncPgConnection) -> Vec<(String, Option<Uuid>)> {
    let query = "SELECT key, reached FROM republications ORDER BY kind, key";
    let rows: Vec<Place> = diesel::sql_query(query).load(connection).await.expect("places");
    rows.into_iter().map(|row| (row.key, row.reached)).collect()
}

async fn republish(connection: &mut AsyncPgConnection, namings: &[Naming]) -> Vec<Flight> {
    connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::republish(connection, namings).await)
        .await
        .expect("flights")
}

async fn next(connection: &mut AsyncPgConnection) -> Option<usize> {
    connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::republish_next(connection).await)
        .await
        .expect("flights")
}

#[actix_web::test]
async fn a_change_tells_some_hundreds_of_flights_and_the_rest_follows() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    insert_many(&mut connection, 1100).await;
    let told = republish(&mut connection, &[Naming::Airline(code("AE"))]).await;
    let last = told.iter().map(|flight| flight.id.0).max();
    assert_eq!(versions(&mut connection).await, [(1, 600), (2, 500)]);
    assert_eq!(places(&mut connection).await, [("AE".to_owned(), last)]);

    // A republisher that dies in the middle leaves everything to the next one.
    let died = connection
        .transaction::<(), _, _>(async |connection: &mut AsyncPgConnection| {
            assert_eq!(flights::republish_next(connection).await?, Some(500));
            Err(diesel::result::Error::RollbackTransaction)
        })
        .await;
    died.unwrap_err();
    assert_eq!(places(&mut connection).await, [("AE".to_owned(), last)]);
    assert_eq!(next(&mut connection).await, Some(500));

    // What has changed once more begins anew.
    republish(&mut connection, &[Naming::Airline(code("AE"))]).await;
    assert_eq!(versions(&mut connection).await, [(1, 100), (2, 500), (3, 500)]);
    assert_eq!(next(&mut connection).await, Some(500));
    assert_eq!(next(&mut connection).await, Some(100));
    assert_eq!(versions(&mut connection).await, [(2, 100), (3, 1000)]);
    assert_eq!((places(&mut connection).await, next(&mut connection).await), (vec![], None));
}

#[actix_web::test]
async fn a_flight_that_carries_two_changed_airports_is_told_once() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    insert_many(&mut connection, 700).await;
    let namings = ["LHR", "CDG", "LGW"].map(|iata| Naming::Airport(code(iata)));
    assert_eq!(republish(&mut connection, &namings).await.len(), 500);
    assert_eq!(places(&mut connection).await.len(), 3);
    assert_eq!((next(&mut connection).await, next(&mut connection).await), (Some(200), None));
    assert_eq!(versions(&mut connection).await, [(2, 700)]);
}

#[actix_web::test]
async fn what_another_instance_tells_is_left_to_it() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    let mut other = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    insert_many(&mut connection, 600).await;
    republish(&mut connection, &[Naming::Airline(code("AE"))]).await;
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            assert_eq!(flights::republish_next(connection).await?, Some(100));
            assert_eq!(next(&mut other).await, None);
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
}

/// Waits until so many flights were told of an airline of this name.
async fn hear(heard: &mut UnboundedReceiver<Event>, count: usize, name: &str) {
    let mut told = HashSet::new();
    while told.len() < count {
        let event = heard.recv().await.expect("an event");
        let state: FlightState = event.data().expect("a flight");
        if state.airline.name == name {
            assert!(told.insert(state.id), "each is told once");
        }
    }
}

#[actix_web::test]
async fn everybody_hears_of_all_flights_of_a_renamed_airline() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    insert_many(&mut connection, 1100).await;
    let mut heard = service.listen().await;
    service.operator.patch("/api/v1/admin/airlines/AE", &json!({"name": "Aerobus Air"})).await.expect(200);
    hear(&mut heard, 1100, "Aerobus Air").await;
    let file = "code,name,accounting_code\nAE,Aerobus Lines,997\n";
    let path = "/api/v1/admin/airlines/import";
    service.operator.send(Method::POST, path, "text/csv", Some(file.into())).await.expect(200);
    hear(&mut heard, 1100, "Aerobus Lines").await;
    assert_eq!(versions(&mut connection).await, [(3, 1100)]);
}

#[actix_web::test]
async fn a_service_goes_on_with_what_another_has_left() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    insert_many(&mut connection, 600).await;
    let mut heard = service.listen().await;
    let airline = Airline { code: code("AE"), name: "Aerobus Air".into(), accounting_code: code("997") };
    Airline::update(&mut connection, &airline).await.unwrap();
    republish(&mut connection, &[Naming::Airline(code("AE"))]).await;
    service.another().await;
    hear(&mut heard, 600, "Aerobus Air").await;
}

#[actix_web::test]
async fn what_flights_do_not_carry_tells_no_flight() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    insert_many(&mut connection, 3).await;
    for (path, change) in [
        (
            "airports/LHR",
            json!({"min_connection_minutes": 50, "icao": "EGLL", "latitude": 51.5, "longitude": -0.5}),
        ),
        ("cities/LON", json!({"country": "IE"})),
        ("aircraft-types/320", json!({"icao": "A32N"})),
    ] {
        service.operator.patch(&format!("/api/v1/admin/{path}"), &change).await.expect(200);
        assert_eq!(versions(&mut connection).await, [(1, 3)], "{path}");
    }
    for ((path, change), version) in [
        ("airports/CDG", json!({"name": "Roissy"})),
        ("airports/LHR", json!({"domestic_tax": {"amount": "9.00", "currency": "EUR"}})),
        ("cities/PAR", json!({"name": "Lutetia"})),
        ("aircraft-types/320", json!({"name": "A320"})),
        ("airlines/AE", json!({"accounting_code": "998"})),
    ]
    .into_iter()
    .zip(2_i64..)
    {
        service.operator.patch(&format!("/api/v1/admin/{path}"), &change).await.expect(200);
        assert_eq!(versions(&mut connection).await, [(version, 3)], "{path}");
    }
}
