//! The demo data in the database: loaded once, then rolled forward.

use chrono::{Days, NaiveDate};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use flight::{
    demo::{LoadProgress, LoadStep, Summary, WINDOW_DAYS, load},
    store::MIGRATIONS,
};
use shared::{db::DatabaseConfig, events::FlightState};
use testkit::TestDatabase;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Data {
    #[diesel(sql_type = Text)]
    data: String,
}

async fn count(connection: &mut AsyncPgConnection, of: &str) -> usize {
    let query = format!("SELECT count(*) FROM {of}");
    let row: Count = diesel::sql_query(query).get_result(connection).await.expect("a count");
    usize::try_from(row.count).expect("a count is positive")
}

async fn load_quietly(config: &DatabaseConfig, day: NaiveDate) -> Summary {
    load(config, day, |_| {}).await.expect("the demo data")
}

#[actix_web::test]
async fn demo_data_are_loaded_once_and_roll_forward() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let config = database.config("flight");
    let today: NaiveDate = "2026-11-22".parse().expect("a date");
    let mut told: Vec<LoadProgress> = Vec::new();
    let first = load(&config, today, |progress| told.push(progress)).await.expect("the demo data");
    assert_eq!((first.airports, first.airlines, first.seat_layouts), (7884, 2, 8));
    assert_eq!(first.days, usize::try_from(WINDOW_DAYS).expect("a small number"));
    assert!(first.flights >= 12_000, "{first:?}");
    for step in [LoadStep::Places, LoadStep::Fleet, LoadStep::Flights] {
        let of_step: Vec<&LoadProgress> = told.iter().filter(|progress| progress.step == step).collect();
        assert_eq!(of_step[0].done, 0);
        assert!(of_step.is_sorted_by_key(|progress| progress.done), "{of_step:?}");
        assert!(of_step.last().is_some_and(|progress| progress.done == progress.total), "{of_step:?}");
    }

    let mut connection = config.connect().await.expect("a connection");
    assert_eq!(count(&mut connection, "flights").await, first.flights);
    assert_eq!(count(&mut connection, "outbox").await, first.flights, "each flight is told");
    let without_fares = "flights WHERE NOT EXISTS (SELECT FROM fares WHERE flight_id = flights.id)";
    assert_eq!(count(&mut connection, without_fares).await, 0);
    let first_event = "SELECT data::text FROM events JOIN outbox ON event_id = id ORDER BY seq LIMIT 1";
    let event: Data = diesel::sql_query(first_event).get_result(&mut connection).await.expect("an event");
    let state: FlightState = serde_json::from_str(&event.data).expect("the state of a flight");
    assert_eq!((state.flight_number.as_str(), state.version), ("AE1", 1));
    assert_eq!(state.seat_plan.seats().count(), 350);
    assert_eq!(state.departure_tax.map(|tax| tax.to_string()).as_deref(), Some("57.94 EUR"), "of Heathrow");

    assert_eq!(load_quietly(&config, today).await, Summary::default(), "a second start writes nothing");

    let tomorrow = load_quietly(&config, today + Days::new(1)).await;
    assert_eq!(tomorrow, Summary { days: 1, flights: tomorrow.flights, ..Summary::default() });
    assert!((200..400).contains(&tomorrow.flights), "{tomorrow:?}");
    assert_eq!(count(&mut connection, "flights").await, first.flights + tomorrow.flights);

    let delete = "DELETE FROM flights WHERE flight_number IN ('AE1', 'AE17')";
    diesel::sql_query(delete).execute(&mut connection).await.expect("flights are deleted");
    let again = load_quietly(&config, today + Days::new(1)).await;
    assert_eq!(again, Summary::default(), "what was deleted stays deleted");
}

#[actix_web::test]
async fn airports_that_an_earlier_release_left_outside_join_their_area() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let config = database.config("flight");
    let today: NaiveDate = "2026-11-22".parse().expect("a date");
    load_quietly(&config, today).await;
    let mut connection = config.connect().await.expect("a connection");
    let londons = "cities WHERE name = 'London' AND country = 'GB'";
    assert_eq!(count(&mut connection, londons).await, 1);
    for statement in [
        "INSERT INTO cities (code, name, country, time_zone) VALUES ('BQH', 'London', 'GB', 'Europe/London'), \
                                                                     ('NHT', 'London', 'GB', 'Europe/London')",
        "UPDATE airports SET city = 'BQH' WHERE iata = 'BQH'",
        // What was changed since stays.
        "UPDATE airports SET city = 'EDI' WHERE iata = 'NHT'",
    ] {
        diesel::sql_query(statement).execute(&mut connection).await.expect("a statement");
    }
    assert_eq!(load_quietly(&config, today).await, Summary::default());
    assert_eq!(count(&mut connection, "airports WHERE iata = 'BQH' AND city = 'LON'").await, 1);
    assert_eq!(count(&mut connection, "airports WHERE iata = 'NHT' AND city = 'EDI'").await, 1);
    assert_eq!(count(&mut connection, "cities WHERE code = 'BQH'").await, 0);
}
